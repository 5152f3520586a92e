//! Recordings of real sockets: who is on which side, hold and pause are silence, and what becomes of the file is told.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desk::{House, packet, phone, settings, start};
use crate::ids::{CallId, LegId};
use crate::media::g711::{FRAME, linear_to_pcma, linear_to_pcmu, to_linear};
use crate::media::{Codec, Command, Event, Recording, Sides};
use crate::moment::Moment;
use crate::tape::{Keys, Place, Reader};

const CALL: CallId = CallId(77);
const CALLER: LegId = LegId(1);
const OPERATOR: LegId = LegId(2);
/// What the two say, all the time.
const SAYS: [i16; 2] = [5_000, -9_000];

/// Two phones that speak, one A-law, one µ-law.
struct Talk {
    house: House,
    phones: [UdpSocket; 2],
    to: [SocketAddr; 2],
    sequence: u16,
    began: Instant,
    spoken: Instant,
}

#[allow(clippy::disallowed_methods)]
impl Talk {
    fn new(first_port: u16, folder: &Path) -> Talk {
        let began = Instant::now();
        let clock = Arc::new(move || moment(began));
        let mut house = start(settings(first_port..=first_port + 15), clock);
        house.desk.keep_recordings_in(folder.to_path_buf());
        let phones = [phone(), phone()];
        let to = [house.connect(CALLER, &phones[0], Codec::Pcma), house.connect(OPERATOR, &phones[1], Codec::Pcmu)];
        Talk { house, phones, to, sequence: 0, began, spoken: Instant::now() }
    }

    fn command(&mut self, command: Command) {
        self.house.desk.command(command);
        assert!(self.house.desk.poll().is_none());
    }

    fn record(&mut self, sides: Sides, file: &str) {
        let (leg, call, file, began) = (CALLER, CALL, file.into(), moment(self.began));
        self.command(Command::Record { leg, call, file, sides, began });
    }

    /// Both say something for so many packets of 20 ms; what they hear is thrown away.
    fn speak(&mut self, packets: usize) {
        for _ in 0..packets {
            self.sequence += 1;
            let timestamp = u32::from(self.sequence) * FRAME as u32;
            let sound = [linear_to_pcma(SAYS[0]), linear_to_pcmu(SAYS[1])];
            for (at, phone) in self.phones.iter().enumerate() {
                let kind = if at == 0 { 8 } else { 0 };
                let packet = packet(kind, self.sequence, timestamp, at as u32 + 1, &[sound[at]; FRAME]);
                phone.send_to(&packet, self.to[at]).unwrap();
            }
            self.spoken += Duration::from_millis(20);
            std::thread::sleep(self.spoken.saturating_duration_since(Instant::now()));
        }
    }

    fn recorded(&mut self) -> Result<Recording, String> {
        self.house.await_event(|event| match event {
            Event::Recorded { leg: CALLER, call: CALL, recording } => Some(recording.clone()),
            _ => None,
        })
    }
}

fn moment(began: Instant) -> Moment {
    Moment::from_micros(1_000_000_000 + began.elapsed().as_micros() as u64)
}

/// Samples of each side, silence left out: how many there are, and how many of them are what is said there.
fn heard(path: &Path, keys: &Keys) -> Vec<(usize, usize)> {
    let reader = Reader::open(path, keys).unwrap();
    let bytes = reader.read(0, usize::MAX).unwrap();
    let channels = usize::from(bytes[22]);
    let side = |of: usize| {
        let samples: Vec<i16> =
            bytes[58..].iter().skip(of).step_by(channels).map(|byte| to_linear(Codec::Pcma, *byte)).collect();
        let loud = samples.iter().filter(|sample| sample.abs() > 50).count();
        let said = samples.iter().filter(|sample| (**sample - SAYS[of]).abs() < 400).count();
        (loud, said)
    };
    (0..channels).map(side).collect()
}

#[test]
fn a_talk_has_the_caller_on_the_left_and_whoever_speaks_to_them_on_the_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut talk = Talk::new(42_700, folder.path());
    talk.record(Sides::Both, "recordings/1.wav");
    talk.speak(10);
    talk.command(Command::Join { a: CALLER, b: OPERATOR });
    talk.speak(50);
    // Held: nobody hears anybody.
    talk.command(Command::Silence { leg: CALLER });
    talk.speak(20);
    talk.command(Command::Join { a: CALLER, b: OPERATOR });
    talk.command(Command::PauseRecording { leg: CALLER, paused: true });
    talk.speak(20);
    talk.command(Command::PauseRecording { leg: CALLER, paused: false });
    talk.speak(10);
    // Three who hear each other are mixed; here two are enough.
    let hears = vec![(CALLER, OPERATOR), (OPERATOR, CALLER)];
    talk.command(Command::Mix { legs: vec![CALLER, OPERATOR], hears });
    talk.speak(40);
    talk.command(Command::Close { leg: CALLER });
    let recording = talk.recorded().expect("a recording");
    assert_eq!((recording.file.as_str(), recording.fault, recording.lost), ("recordings/1.wav", None, Duration::ZERO));
    let path = folder.path().join("recordings/1.wav");
    let bytes = std::fs::read(&path).unwrap();
    let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert_eq!((recording.written.sha256, recording.written.bytes), (hash, bytes.len() as u64));
    // Of 150 packets 50 were heard, then 10, and 40 in the mix, which takes a little to begin.
    for (loud, said) in heard(&path, &Keys::default()) {
        assert!(loud >= 80 * FRAME && said * 10 >= loud * 9, "{said} of {loud}");
        assert!(loud <= 110 * FRAME, "nothing that nobody heard is recorded: {loud}");
    }
}

#[test]
fn a_message_is_all_that_the_caller_says_and_is_sealed_with_the_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "5a".repeat(32)).unwrap();
    let keys = Keys::read(&folder.path().join("key")).unwrap();
    for sealed in [false, true] {
        let mut talk = Talk::new(42_720, folder.path());
        let mut settings = settings(42_720..=42_735);
        let keys = if sealed { keys.clone() } else { Keys::default() };
        settings.recordings = Place { keys: keys.clone().into(), ..Place::default() };
        talk.house.desk.set_settings(settings, None);
        talk.record(Sides::CallerAlone, "messages/1.wav");
        talk.speak(30);
        talk.command(Command::StopRecording { leg: CALLER });
        let recording = talk.recorded().expect("a recording");
        assert_eq!(recording.written.encrypted, sealed);
        let path = folder.path().join("messages/1.wav");
        assert_eq!(std::fs::read(&path).unwrap().starts_with(b"RIFF"), !sealed);
        let [(loud, said)] = heard(&path, &keys)[..] else { panic!("one channel") };
        assert!(loud >= 25 * FRAME && said == loud, "{said} of {loud}");
    }
}

#[test]
fn a_recording_that_cannot_be_written_is_told_and_the_talk_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recordings"), "a file where a folder should be").unwrap();
    let mut talk = Talk::new(42_740, folder.path());
    talk.command(Command::Join { a: CALLER, b: OPERATOR });
    talk.record(Sides::Both, "recordings/2026-11-26/1.wav");
    assert!(talk.recorded().is_err());
    talk.speak(10);
    let mut buffer = [0; 2048];
    let sound = linear_to_pcma(SAYS[1]);
    let close = |byte: u8| (to_linear(Codec::Pcma, byte) - to_linear(Codec::Pcma, sound)).abs() < 400;
    while !talk.phones[0].recv_from(&mut buffer).is_ok_and(|(length, _)| length == 12 + FRAME && close(buffer[20])) {}
}
