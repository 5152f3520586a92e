//! What a leg hears, written to a WAV file by a thread of its own.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::g711::{FRAME, to_linear};
use super::words::Codec;

/// Frames that may wait for the disk: five seconds. Beyond that a gap is heard instead of a stall.
const WAITING: usize = 256;
/// Longest payload kept: 120 ms.
const MAX_PAYLOAD: usize = 6 * FRAME;
/// The file is whole up to here every second.
const FLUSH_EVERY: u32 = 8000;
/// A longer gap is a new source, not silence.
const MAX_GAP: u32 = 8000 * 60;

const SPEC: WavSpec = WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: SampleFormat::Int };

/// The worker's end.
pub struct Capture {
    frames: SyncSender<Frame>,
}

struct Frame {
    timestamp: u32,
    codec: Codec,
    length: usize,
    payload: [u8; MAX_PAYLOAD],
}

impl Capture {
    /// Creates the file. The thread ends when the leg does.
    pub fn start(path: &Path) -> Result<(Capture, JoinHandle<()>), hound::Error> {
        let file = WavWriter::create(path, SPEC)?;
        let (frames, received) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("capture".into()).spawn(move || {
            if let Err(error) = write(file, &received) {
                tracing::error!(%error, "the recording stops");
            }
        });
        Ok((Capture { frames }, thread.map_err(hound::Error::IoError)?))
    }

    pub fn hear(&mut self, timestamp: u32, codec: Codec, payload: &[u8]) {
        let length = payload.len().min(MAX_PAYLOAD);
        let mut frame = Frame { timestamp, codec, length, payload: [0; MAX_PAYLOAD] };
        frame.payload[..length].copy_from_slice(&payload[..length]);
        let _ = self.frames.try_send(frame);
    }
}

fn write(mut file: WavWriter<BufWriter<File>>, frames: &Receiver<Frame>) -> Result<(), hound::Error> {
    let mut expected: Option<u32> = None;
    let mut flushed = 0;
    while let Ok(frame) = frames.recv() {
        let gap = expected.map_or(0, |expected| frame.timestamp.wrapping_sub(expected));
        match gap {
            0 => {}
            gap if gap < MAX_GAP => (0..gap).try_for_each(|_| file.write_sample(0_i16))?,
            // Before what was written already: a late packet.
            gap if gap > u32::MAX - MAX_GAP => continue,
            _ => {}
        }
        for byte in &frame.payload[..frame.length] {
            file.write_sample(to_linear(frame.codec, *byte))?;
        }
        expected = Some(frame.timestamp.wrapping_add(frame.length as u32));
        if file.len() >= flushed + FLUSH_EVERY {
            flushed = file.len();
            file.flush()?;
        }
    }
    file.finalize()
}
