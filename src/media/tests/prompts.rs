//! Recordings of every kind an admin may bring.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::ids::{Language, Prompt};
use crate::media::g711::to_linear;
use crate::media::prompts::{Clip, PromptBank, active_level, load_clip};
use crate::media::{Codec, Loudness, Prompts};

fn tone(path: &Path, spec: WavSpec, hertz: f32, seconds: f32) {
    let mut file = WavWriter::create(path, spec).unwrap();
    let full = if spec.sample_format == SampleFormat::Float {
        1.0
    } else {
        (1_i64 << (spec.bits_per_sample - 1)) as f32 - 1.0
    };
    for i in 0..(seconds * spec.sample_rate as f32) as u32 {
        let value = 0.5 * full * (2.0 * std::f32::consts::PI * hertz * i as f32 / spec.sample_rate as f32).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => file.write_sample(value).unwrap(),
                SampleFormat::Int => file.write_sample(value as i32).unwrap(),
            }
        }
    }
    file.finalize().unwrap();
}

fn spec(rate: u32, bits: u16, channels: u16) -> WavSpec {
    let sample_format = if bits == 0 { SampleFormat::Float } else { SampleFormat::Int };
    WavSpec { channels, sample_rate: rate, bits_per_sample: if bits == 0 { 32 } else { bits }, sample_format }
}

/// The prompts of a folder in Chinese and English, and in Uyghur as far as there are any; then Chinese.
fn in_folder(folder: &Path) -> Prompts {
    let uyghur = Language::parse("ug").unwrap();
    let fallbacks = [(Language::ZH, Vec::new()), (Language::EN, Vec::new()), (uyghur, vec![Language::ZH])];
    Prompts { folder: folder.into(), fallbacks: fallbacks.into(), ..Prompts::default() }
}

/// Root mean square of the clip, 1.0 full scale.
fn loudness(path: &Path) -> f64 {
    let clip = load_clip(path).unwrap();
    let samples: Vec<f64> = (0..)
        .map_while(|i| clip.frame(Codec::Pcma, i))
        .flatten()
        .map(|byte| f64::from(to_linear(Codec::Pcma, *byte)) / 32_768.0)
        .collect();
    (samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn every_usual_form_is_played_equally_loud() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tone.wav");
    for (rate, bits, channels) in [
        (8000, 8, 1),
        (8000, 16, 1),
        (8000, 24, 2),
        (8000, 32, 1),
        (8000, 0, 1),
        (16_000, 16, 1),
        (16_000, 16, 2),
        (16_000, 0, 1),
    ] {
        tone(&path, spec(rate, bits, channels), 1000.0, 1.0);
        let loudness = loudness(&path);
        assert!((loudness - 0.3535).abs() < 0.02, "{rate} Hz {bits} bit {channels} channels: {loudness}");
        assert_eq!(
            (0..).map_while(|i| load_clip(&path).unwrap().frame(Codec::Pcmu, i).map(<[u8]>::len)).sum::<usize>(),
            8000
        );
    }
}

#[test]
fn what_a_telephone_cannot_carry_does_not_fold_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tone.wav");
    tone(&path, spec(16_000, 16, 1), 6000.0, 1.0);
    assert!(loudness(&path) < 0.3535 / 31.6, "6 kHz is heard as 2 kHz at {}", loudness(&path));
}

#[test]
fn faults_say_which_file_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let zh = dir.path().join("zh");
    std::fs::create_dir(&zh).unwrap();
    tone(&zh.join("good.wav"), spec(8000, 16, 1), 400.0, 0.1);
    tone(&zh.join("studio.wav"), spec(44_100, 16, 1), 400.0, 0.1);
    tone(&zh.join("empty.wav"), spec(8000, 16, 1), 400.0, 0.0);
    std::fs::write(zh.join("text.wav"), "no sound").unwrap();
    std::fs::write(zh.join("notes.txt"), "not looked at").unwrap();
    let faults = PromptBank::load(&in_folder(dir.path())).unwrap_err();
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (name, why) in [("empty.wav", "no sound"), ("studio.wav", "44100 Hz"), ("text.wav", "cannot be read as WAV")] {
        assert!(lines.iter().any(|line| line.contains(name) && line.contains(why)), "{name}: {lines:?}");
    }
    assert!(PromptBank::load(&in_folder(&dir.path().join("nowhere"))).is_err());
}

#[test]
fn the_shipped_prompts_are_there() {
    let bank = PromptBank::load(&in_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts"))).unwrap();
    assert!(bank.get(&Prompt::plain("music")).is_some());
    assert!(bank.get(&Prompt::spoken(Language::ZH, "greeting")).is_some());
    assert!(bank.get(&Prompt::spoken(Language::EN, "greeting")).is_some());
    assert!(bank.get(&Prompt::plain("greeting")).is_none());
}

#[test]
fn where_a_language_has_no_recording_its_nearest_fallback_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    for (file, seconds) in [
        ("music", 0.02),
        ("zh/greeting", 0.04),
        ("zh/busy", 0.06),
        ("zh/closed", 0.08),
        ("yue/busy", 0.1),
        ("yue/closed", 0.12),
        ("wuu/closed", 0.14),
        ("en/sorry", 0.16),
    ] {
        let path = dir.path().join(format!("{file}.wav"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        tone(&path, spec(8000, 16, 1), 400.0, seconds);
    }
    let [yue, wuu] = ["yue", "wuu"].map(|code| Language::parse(code).unwrap());
    let fallbacks = [
        (Language::ZH, Vec::new()),
        (Language::EN, Vec::new()),
        (yue, vec![Language::ZH]),
        (wuu, vec![yue, Language::ZH]),
    ];
    let bank =
        PromptBank::load(&Prompts { folder: dir.path().into(), fallbacks: fallbacks.into(), ..Prompts::default() })
            .unwrap();
    let milliseconds = |language, name: &str| {
        bank.get(&Prompt::spoken(language, name))
            .map(|clip| (0..).take_while(|i| clip.frame(Codec::Pcma, *i).is_some()).count() * 20)
    };
    let heard = ["greeting", "busy", "closed"].map(|name| milliseconds(wuu, name));
    assert_eq!(heard, [Some(40), Some(100), Some(140)]);
    assert_eq!(["greeting", "busy", "closed"].map(|name| milliseconds(yue, name)), [Some(40), Some(100), Some(120)]);
    assert_eq!(milliseconds(Language::EN, "greeting"), None, "who has no fallback lacks it");
    assert_eq!((milliseconds(wuu, "sorry"), milliseconds(wuu, "music")), (None, None), "English is no fallback");
}

/// Bursts of a tone with pauses between them, as speech has, at this deflection; `peaks`: each begins with a click
/// four times as high.
fn speech(path: &Path, rate: u32, seconds: f32, deflection: f32, peaks: bool) {
    let mut file = WavWriter::create(path, spec(rate, 16, 1)).unwrap();
    for n in 0..(seconds * rate as f32) as u32 {
        let second = n as f32 / rate as f32;
        let within = second % 0.4;
        let higher = if peaks && within < 0.01 { 4.0 } else { 1.0 };
        let value = if within < 0.3 { (2.0 * std::f32::consts::PI * 500.0 * second).sin() } else { 0.0 };
        file.write_sample((higher * deflection * value * 32_767.0).clamp(-32_768.0, 32_767.0) as i16).unwrap();
    }
    file.finalize().unwrap();
}

fn heard(clip: &Clip, codec: Codec) -> Vec<f32> {
    let bytes = (0..).map_while(|i| clip.frame(codec, i)).flatten();
    bytes.map(|byte| f32::from(to_linear(codec, *byte)) / 32_768.0).collect()
}

#[test]
fn however_loud_they_were_recorded_callers_hear_them_equally_loud() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("zh")).unwrap();
    let at = |name: &str| dir.path().join("zh").join(name);
    speech(&at("soft.wav"), 8_000, 3.0, 0.01, false);
    speech(&at("usual.wav"), 16_000, 3.0, 0.2, false);
    speech(&at("loud.wav"), 8_000, 3.0, 1.0, false);
    speech(&at("cut.wav"), 8_000, 3.0, 3.0, false);
    speech(&at("sharp.wav"), 8_000, 3.0, 0.05, true);
    speech(&at("short.wav"), 8_000, 0.3, 0.02, false);
    speech(&at("click.wav"), 8_000, 0.02, 0.5, false);
    speech(&at("silent.wav"), 8_000, 1.0, 0.0, false);
    speech(&dir.path().join("music.wav"), 8_000, 3.0, 0.7, false);
    speech(&dir.path().join("hall.wav"), 8_000, 3.0, 0.7, false);
    for (speech, music) in [(-20.0, -26.0), (-14.0, -30.0)] {
        let loudness = Some(Loudness { speech, music });
        let music_of_the_house = [Prompt::plain("music")].into();
        let prompts = Prompts { loudness, music: music_of_the_house, ..in_folder(dir.path()) };
        let bank = PromptBank::load(&prompts).unwrap();
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let level = |prompt: Prompt| active_level(&heard(&bank.get(&prompt).unwrap(), codec));
            for name in ["soft", "usual", "loud", "cut", "sharp", "short", "click"] {
                let level = level(Prompt::spoken(Language::ZH, name)).unwrap();
                assert!((level - speech).abs() < 1.0, "{name} at {level} dB instead of {speech} in {codec:?}");
            }
            assert!((level(Prompt::plain("music")).unwrap() - music).abs() < 1.0);
            assert!((level(Prompt::plain("hall")).unwrap() - speech).abs() < 1.0, "what is no music is speech");
            assert_eq!(level(Prompt::spoken(Language::ZH, "silent")), None);
        }
    }
    // Without it they are as they were.
    let bank = PromptBank::load(&in_folder(dir.path())).unwrap();
    let level = |name: &str| active_level(&heard(&bank.get(&Prompt::spoken(Language::ZH, name)).unwrap(), Codec::Pcma));
    assert!(level("soft").unwrap() < -40.0 && level("loud").unwrap() > -6.0);
}

#[test]
fn the_shipped_prompts_are_equally_loud() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    let loudness = Some(Loudness { speech: -20.0, music: -26.0 });
    let bank = PromptBank::load(&Prompts { loudness, ..in_folder(&folder) }).unwrap();
    for (language, name) in
        [(Language::ZH, "greeting"), (Language::ZH, "2"), (Language::EN, "sorry"), (Language::EN, "100")]
    {
        let level = active_level(&heard(&bank.get(&Prompt::spoken(language, name)).unwrap(), Codec::Pcma)).unwrap();
        assert!((level + 20.0).abs() < 1.0, "{language}/{name}: {level} dB");
    }
}
