//! Packets through the conversion: numbers, clocks, gaps and keys. The sound itself is judged by its tone, and by how
//! loud it is.

use std::f64::consts::TAU;

use opus_pure::{Application, Bandwidth, OpusDecoder, OpusEncoder};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::page::{from_law, share};
use crate::media::browser::conversion::Conversion;
use crate::media::browser::negotiation::{Talk, Voice};
use crate::media::g711::of_linear;
use crate::media::g722::{WideDecoder, WideEncoder};
use crate::media::opus::conversion::{AT_LEG, Form, Head};
use crate::media::words::Codec;

const OPUS: Talk = Talk { voice: Voice::Opus, payload_type: 111, keys: Some(110), other: None };
const PLAIN: Talk = Talk { voice: Voice::G711(Codec::Pcma), payload_type: 8, keys: Some(126), other: None };
const HZ: u32 = 700;

fn conversion(talk: Talk) -> Conversion {
    Conversion::after(None, talk, Codec::Pcma).unwrap()
}

fn head(payload_type: u8, sequence: u16, timestamp: u32) -> Head {
    Head { payload_type, marker: false, sequence, timestamp, ssrc: 9 }
}

type Sound = fn(f64) -> f64;

fn tone(second: f64) -> f64 {
    (second * f64::from(HZ) * TAU).sin()
}

/// As a voice is: one pitch, which rises and falls, and its overtones.
fn voice(second: f64) -> f64 {
    let phase = 120.0 * second + 1.5 * (2.0 * TAU * second).sin();
    (1..=20).map(f64::from).map(|n| (TAU * n * phase).sin() / n).sum::<f64>() / 1.8
}

/// Fifty packets of 20 ms by an encoder that was told of so much loss in a hundred, as a browser's is by our reports.
fn packets(sound: Sound, bitrate: i32, loss: i32, redundancy: bool) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).unwrap();
    (encoder.bitrate_bps, encoder.packet_loss_perc, encoder.use_inband_fec) = (bitrate, loss, redundancy);
    let packet = |number: u32| {
        let sample = |n: u32| sound(f64::from(number * 960 + n) / 48_000.0);
        let samples: Vec<i16> = (0..960).map(|n| (sample(n) * 8_192.0) as i16).collect();
        let mut packet = [0; 1000];
        let length = encoder.encode_s16(&samples, 960, &mut packet).unwrap();
        packet[..length].to_vec()
    };
    (0..50).map(packet).collect()
}

/// Which of the packets arrive, in this order; what the leg is given: number, `+` where it was made up, and the sound.
fn inward(packets: &[Vec<u8>], arrive: impl Iterator<Item = u16>) -> (String, Vec<i16>) {
    let mut conversion = conversion(OPUS);
    let (mut told, mut samples) = (Vec::new(), Vec::new());
    // Both clocks run over on the way.
    let (first_sequence, first) = (u16::MAX - 3, u32::MAX - 5 * 960);
    for number in arrive {
        let packet = head(111, first_sequence.wrapping_add(number), first.wrapping_add(u32::from(number) * 960));
        conversion.inward(packet, &packets[usize::from(number)], Form::Telephone, &mut |head, payload| {
            let made_up = if head.payload_type == AT_LEG.concealed { "+" } else { "" };
            let number = head.sequence.wrapping_sub(first_sequence);
            assert_eq!(head.timestamp, first.wrapping_add(u32::from(number) * 160), "the time of {number}");
            assert_eq!((payload.len(), head.ssrc), (160, 9));
            told.push(format!("{number}{made_up}"));
            samples.extend(payload.iter().map(|byte| from_law(8, *byte)));
        });
    }
    (told.join(" "), samples)
}

#[test]
fn opus_becomes_g711_and_what_was_lost_is_made_up_for() {
    let table: [(&str, &[u16], &str); 7] = [
        ("all", &[0, 1, 2, 3, 4, 5], "0 1 2 3 4 5"),
        ("one is lost", &[0, 1, 3, 4], "0 1 2+ 3 4"),
        ("several are", &[0, 1, 5, 6], "0 1 2+ 3+ 4+ 5 6"),
        ("neighbours change places", &[0, 1, 3, 2, 4], "0 1 2 3 4"),
        ("one comes too late", &[0, 1, 3, 4, 2, 5], "0 1 2+ 3 4 5"),
        ("one comes twice", &[0, 1, 1, 2], "0 1 2"),
        ("a long gap is none to be filled", &[0, 1, 20, 21], "0 1 20 21"),
    ];
    let packets = packets(tone, 32_000, 10, true);
    for (name, arrive, told) in table {
        assert_eq!(inward(&packets, arrive.iter().copied()).0, told, "{name}");
    }
    // With a tenth of it lost the tone goes on.
    let (_, samples) = inward(&packets, (0..50).filter(|number| number % 10 != 7));
    assert_eq!(samples.len(), 50 * 160);
    // Judged in pieces: what is made up need not be in step.
    let shares: Vec<f64> = samples.chunks(160).map(|frame| share(frame, HZ)).collect();
    assert!(shares.iter().all(|share| *share > 0.5), "{shares:.2?}");
    let loudest = |frame: &[i16]| frame.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    let loudest: Vec<u16> = samples.chunks(160).map(loudest).collect();
    assert!(loudest.iter().all(|loudest| *loudest > 7_000), "{loudest:?}");
}

/// Without redundancy the decoder goes on with what it made up itself: where that is silence, so is what follows.
#[test]
fn what_is_made_up_and_what_comes_behind_it_is_as_loud_as_what_was_lost() {
    let level = |frame: &[i16]| 10.0 * frame.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().log10();
    for loss in [0, 10] {
        let packets = packets(voice, 24_000, loss, false);
        let (_, whole) = inward(&packets, 0..50);
        let (_, heard) = inward(&packets, (0..50).filter(|number| number % 10 != 5));
        assert_eq!(whole.len(), heard.len());
        let quieter = |(whole, heard)| level(whole) - level(heard);
        let quieter: Vec<f64> = whole.chunks(160).zip(heard.chunks(160)).map(quieter).collect();
        assert!(quieter.iter().all(|db| *db < 8.0), "told of {loss} %: {quieter:.0?} dB");
    }
}

/// A mode of the codec: its name, how an encoder is brought to it, and its numbers in a packet's first byte.
type Mode = (&'static str, Application, Option<Bandwidth>, std::ops::Range<u8>);

/// How loud a tone is that comes in Opus of this mode, in dB.
fn level((mode, application, bandwidth, configurations): &Mode, form: Form, hertz: u32) -> f64 {
    let mut encoder = OpusEncoder::new(48_000, 1, *application).unwrap();
    (encoder.bitrate_bps, encoder.force_bandwidth) = (if *mode == "CELT" { 64_000 } else { 16_000 }, *bandwidth);
    let (mut conversion, mut samples) = (conversion(OPUS), Vec::new());
    let mut decoder = WideDecoder::new();
    for number in 0..25_u32 {
        let wave = |n: u32| (f64::from((number * 960 + n) * hertz % 48_000) / 48_000.0 * TAU).sin();
        let sound: Vec<i16> = (0..960).map(|n| (wave(n) * 8_192.0) as i16).collect();
        let mut packet = [0; 1_000];
        let length = encoder.encode_s16(&sound, 960, &mut packet).unwrap();
        assert!(configurations.contains(&(packet[0] >> 3)), "{mode}: {}", packet[0] >> 3);
        let place = head(111, number as u16, number * 960);
        conversion.inward(place, &packet[..length], form, &mut |head, payload| match head.payload_type {
            9 => samples.extend(payload.iter().flat_map(|byte| decoder.decode(*byte))),
            law => samples.extend(payload.iter().map(|byte| from_law(law, *byte))),
        });
    }
    // The encoder needs some packets to find its levels.
    let heard = &samples[samples.len() * 2 / 5..];
    let power = heard.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / heard.len() as f64;
    10.0 * (2.0 * power / 8_192_f64.powi(2)).log10()
}

/// In each of the codec's modes (RFC 6716 §3.1), and in each as high as it carries sound.
#[test]
fn what_is_too_high_for_whoever_hears_it_is_not_heard_and_what_is_not_is_as_loud_as_it_was() {
    let modes: [Mode; 3] = [
        ("SILK", Application::Voip, Some(Bandwidth::Wideband), 0..12),
        ("hybrid", Application::Voip, Some(Bandwidth::Fullband), 12..16),
        ("CELT", Application::RestrictedLowDelay, None, 16..32),
    ];
    let forms: [(Form, &[u32], &[u32]); 2] = [
        (Form::Telephone, &[1_000, 3_400], &[5_200, 7_000, 9_100, 13_300]),
        (Form::Wide, &[1_000, 3_400, 5_000, 6_500], &[9_600, 13_300]),
    ];
    for mode in &modes {
        for (form, heard, too_high) in forms {
            for hertz in heard {
                let level = level(mode, form, *hertz);
                assert!(level.abs() < 0.5, "{}, {form:?}: {hertz} Hz at {level:.1} dB", mode.0);
            }
            for hertz in too_high.iter().filter(|hertz| mode.0 != "SILK" || **hertz < 8_000) {
                let level = level(mode, form, *hertz);
                assert!(level < -40.0, "{}, {form:?}: {hertz} Hz is heard at {level:.1} dB", mode.0);
            }
        }
    }
}

/// A tone in G.722, then one in G.711, then one in G.722 again: what they hear in Opus, at 16 kHz.
#[test]
fn g722_becomes_opus_with_both_its_bands_and_so_does_g711_in_the_same_stream() {
    let (mut conversion, mut encoder) = (conversion(OPUS), WideEncoder::new());
    let mut decoder = OpusDecoder::new(16_000, 1).unwrap();
    let (mut sent, mut heard): (Vec<(u16, u32)>, Vec<i16>) = (Vec::new(), Vec::new());
    for n in 0..150_u32 {
        let wide = !(50..100).contains(&n);
        let (hertz, rate) = if wide { (6_000, 16_000) } else { (1_000, 8_000) };
        let sample = |at: u32| ((f64::from(at * hertz % rate) / f64::from(rate) * TAU).sin() * 8_192.0) as i16;
        let payload: Vec<u8> = match wide {
            true => (n * 160..n * 160 + 160).map(|at| encoder.encode([sample(2 * at), sample(2 * at + 1)])).collect(),
            false => (n * 160..n * 160 + 160).map(|at| of_linear(Codec::Pcma, sample(at))).collect(),
        };
        // One in ten is lost.
        if n % 10 == 7 {
            continue;
        }
        conversion.outward(head(if wide { 9 } else { 8 }, n as u16, n * 160), &payload, &mut |head, payload| {
            sent.push((head.sequence, head.timestamp));
            let mut samples = [0; 320];
            assert_eq!(decoder.decode_s16(payload, 320, &mut samples).unwrap(), 320);
            heard.extend(samples);
        });
    }
    assert!(sent.windows(2).all(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1) == (1, 960)), "{sent:?}");
    assert_eq!(sent.len(), 150);
    for (packets, hertz) in [(10..50, 6_000), (60..100, 1_000), (110..150, 6_000)] {
        // `share` counts by 8 kHz.
        let sound = &heard[packets.start * 320..packets.end * 320];
        let shares: Vec<f64> = sound.chunks(320).map(|frame| share(frame, hertz / 2)).collect();
        assert!(shares.iter().filter(|share| **share > 0.8).count() >= 36, "{hertz}: {shares:.2?}");
    }
}

#[test]
fn g711_of_any_packet_length_becomes_opus_in_frames_of_20_ms() {
    for length in [80_u32, 160, 240, 320] {
        let mut conversion = conversion(OPUS);
        let mut sent = Vec::new();
        for n in 0..24_u32 {
            let timestamp = (u32::MAX - 300).wrapping_add(n * length);
            let payload = vec![0xD5; length as usize];
            conversion.outward(head(8, n as u16, timestamp), &payload, &mut |head, payload| {
                assert!(!payload.is_empty() && head.payload_type == 111);
                sent.push((head.sequence, head.timestamp));
            });
        }
        assert_eq!(sent.len() as u32, 24 * length / 160, "{length}");
        for pair in sent.windows(2) {
            assert_eq!(pair[1].0, pair[0].0.wrapping_add(1), "{length}");
            assert_eq!(pair[1].1, pair[0].1.wrapping_add(960), "{length}");
        }
    }
}

/// G.711 with these numbers arrives; the numbers that the browser is sent, and what it hears.
fn outward(arrive: impl Iterator<Item = u16>) -> (Vec<u16>, Vec<i16>) {
    let mut conversion = conversion(OPUS);
    let (mut sent, mut samples) = (Vec::new(), Vec::new());
    let mut decoder = OpusDecoder::new(8_000, 1).unwrap();
    let (first_sequence, first) = (u16::MAX - 3, u32::MAX - 5 * 160);
    for number in arrive {
        let sample = |n: u32| (tone(f64::from(u32::from(number) * 160 + n) / 8_000.0) * 8_192.0) as i16;
        let payload: Vec<u8> = (0..160).map(|n| of_linear(Codec::Pcma, sample(n))).collect();
        let packet = head(8, first_sequence.wrapping_add(number), first.wrapping_add(u32::from(number) * 160));
        conversion.outward(packet, &payload, &mut |head, payload| {
            let number = head.sequence.wrapping_sub(first_sequence);
            assert_eq!(head.timestamp, first.wrapping_add(u32::from(number) * 960), "the time of {number}");
            sent.push(number);
            let mut frame = [0; 160];
            decoder.decode_s16(payload, 160, &mut frame).unwrap();
            samples.extend(frame);
        });
    }
    (sent, samples)
}

#[test]
fn g711_becomes_opus_in_its_order_and_a_short_gap_is_made_up_for() {
    let table: [(&str, &[u16], &[u16]); 6] = [
        ("all", &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]),
        ("neighbours change places", &[0, 1, 3, 2, 4], &[0, 1, 2, 3, 4]),
        ("one comes twice", &[0, 1, 1, 2], &[0, 1, 2]),
        ("one is lost", &[0, 1, 3, 4], &[0, 1, 2, 3, 4]),
        ("several are", &[0, 1, 7, 8], &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("a long gap stays visible", &[0, 1, 20, 21], &[0, 1, 20, 21]),
    ];
    for (name, arrive, sent) in table {
        assert_eq!(outward(arrive.iter().copied()).0, sent, "{name}");
    }
    // Each up to 30 ms late; then one in twenty is lost as well.
    for lost in [0, 20] {
        let mut rng = StdRng::seed_from_u64(30);
        let mut arrive: Vec<(u32, u16)> = (0..500).map(|n| (u32::from(n) * 20 + rng.random_range(0..30), n)).collect();
        arrive.retain(|(_, n)| lost == 0 || n % lost != 7);
        arrive.sort();
        let (sent, samples) = outward(arrive.into_iter().map(|(_, number)| number));
        // The first that was waited for too short a time is how it is learnt.
        assert!(sent.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lost}: {sent:?}");
        let level = |frame: &[i16]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / 160.0;
        let weak = samples.chunks(160).skip(5).filter(|frame| level(frame) < (8_192.0 / 2.0_f64).powi(2) / 2.0).count();
        assert!(weak == 0, "{lost}: {weak} frames are below half of what was said");
    }
}

#[test]
fn opus_goes_from_browser_to_browser_as_it_is_by_numbers_that_run_on_when_it_is_decoded_again() {
    let packets = packets(tone, 32_000, 0, false);
    let (mut from, mut to) = (conversion(OPUS), conversion(Talk { payload_type: 96, keys: Some(97), ..OPUS }));
    let mut sent = Vec::new();
    for n in (0..50_u16).filter(|n| *n != 7 && *n != 27) {
        let packet = head(111, n, 5_000 + u32::from(n) * 960);
        // Twenty of them are decoded in between; then one is lost that is made up for.
        let as_it_is = !(20..40).contains(&n);
        from.inward(
            packet,
            &packets[usize::from(n)],
            if as_it_is { Form::AsItIs } else { Form::Telephone },
            &mut |head, payload| {
                let number = if as_it_is { AT_LEG.opus } else { 8 };
                assert!([number, AT_LEG.concealed].contains(&head.payload_type));
                to.outward(head, payload, &mut |head, payload| sent.push((head, payload.to_vec())));
            },
        );
    }
    let numbers: Vec<u16> = sent.iter().map(|(head, _)| head.sequence).collect();
    assert_eq!(numbers, (0..50).filter(|n| *n != 7).collect::<Vec<u16>>());
    for (head, payload) in sent {
        let n = usize::from(head.sequence);
        assert_eq!((head.payload_type, head.timestamp), (96, 5_000 + n as u32 * 960), "{n}");
        assert_eq!(payload == packets[n], !(20..40).contains(&n), "{n}");
    }
}

#[test]
fn keys_keep_their_time_and_a_long_one_is_one() {
    // Held for three seconds by the clock of Opus: three segments of an event, RFC 4733 §2.5.1.3.
    let mut conversion = conversion(OPUS);
    let mut told = Vec::new();
    conversion.inward(head(111, 0, 0), &packets(tone, 32_000, 0, false)[0], Form::Telephone, &mut |_, _| {});
    let segments =
        [(960_u32, 4_800_u16, 0_u8), (960, 65_535, 0), (66_495, 960, 0), (66_495, 65_535, 0), (132_030, 12_930, 0x80)];
    for (n, (timestamp, duration, flags)) in segments.into_iter().enumerate() {
        let [high, low] = duration.to_be_bytes();
        conversion.inward(
            head(110, 1 + n as u16, timestamp),
            &[5, flags, high, low],
            Form::Telephone,
            &mut |head, payload| {
                assert_eq!((head.payload_type, payload[0]), (AT_LEG.keys, 5));
                told.push((head.timestamp, u16::from_be_bytes([payload[2], payload[3]]), payload[1]));
            },
        );
    }
    assert_eq!(told, [(160, 800, 0), (160, 10_922, 0), (160, 11_082, 0), (160, 21_845, 0), (160, 24_000, 0x80)]);
    // The next press of the same key is another.
    conversion.inward(head(110, 6, 200_640), &[5, 0, 0x12, 0xC0], Form::Telephone, &mut |head, _| {
        told.push((head.timestamp, 0, 0))
    });
    assert_eq!(told.last().unwrap().0, 33_440);
    // And to the browser.
    let mut sent = Vec::new();
    conversion.outward(head(AT_LEG.keys, 0, 800), &[7, 0x8A, 3, 0x20], &mut |head, payload| {
        sent.push((head.payload_type, payload.to_vec()));
    });
    assert_eq!(sent, [(110, vec![7, 0x8A, 0x12, 0xC0])]);
}

#[test]
fn g711_goes_through_as_it_is_by_the_other_sides_numbers() {
    let mut conversion = conversion(Talk { payload_type: 100, other: Some((99, Codec::Pcmu)), ..PLAIN });
    let mut told = Vec::new();
    for payload_type in [100, 99, 126, 8, 0] {
        conversion.inward(head(payload_type, 7, 70), b"in", Form::Telephone, &mut |head, payload| {
            told.push((head, payload.to_vec()))
        });
    }
    for payload_type in [8, AT_LEG.keys] {
        conversion.outward(head(payload_type, 7, 70), b"out", &mut |head, payload| told.push((head, payload.to_vec())));
    }
    let numbers: Vec<u8> = told.iter().map(|(head, _)| head.payload_type).collect();
    assert_eq!(numbers, [8, 0, AT_LEG.keys, 100, 126]);
    assert!(told.iter().all(|(head, _)| (head.sequence, head.timestamp) == (7, 70)));
}

#[test]
fn whatever_comes_nothing_breaks() {
    let mut rng = StdRng::seed_from_u64(7587);
    let mut conversion = conversion(OPUS);
    let good = packets(tone, 32_000, 0, false).remove(0);
    for _ in 0..3_000 {
        let kind = [111, 110, 8, 9, 101, 126, 3][rng.random_range(0..7)];
        let mut payload = good.clone();
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..payload.len());
            payload[at] = rng.random();
            if rng.random_range(0..3) == 0 {
                payload.truncate(at);
                break;
            }
        }
        let packet = Head {
            payload_type: kind,
            marker: rng.random(),
            sequence: rng.random_range(0..300),
            timestamp: if rng.random() { rng.random() } else { rng.random_range(0..100_000) },
            ssrc: rng.random_range(0..2),
        };
        let form = [Form::Telephone, Form::Wide, Form::AsItIs][rng.random_range(0..3)];
        conversion.inward(packet, &payload, form, &mut |_, payload| assert!(payload.len() <= 1_000));
        conversion.outward(packet, &payload, &mut |_, payload| assert!(payload.len() <= 1_000));
        let mut report = [0_u8; 60].map(|_| rng.random());
        let length = rng.random_range(0..60);
        conversion.control_outward(&mut report[..length]);
    }
}
