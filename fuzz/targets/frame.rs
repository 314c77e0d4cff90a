//! Payloads of devices. The first byte chooses the channel (`0` to `6`), the rest is the payload.
//!
//! What is taken must be written and read back as the same frame, in both encodings.
#![no_main]

use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::topic::Channel;
use libfuzzer_sys::fuzz_target;

const DEVICE: &str = "cold-7";

fn write(frame: &Frame, encoding: Encoding) -> Vec<u8> {
    match frame {
        Frame::Birth(frame) => codec::encode(frame, encoding),
        Frame::Telemetry(frames) => codec::encode(frames, encoding),
        Frame::Event(frame) => codec::encode(frame, encoding),
        Frame::Position(frame) => codec::encode(frame, encoding),
        Frame::Status(frame) => codec::encode(frame, encoding),
        Frame::Reported(frame) => codec::encode(frame, encoding),
        Frame::Ack(frame) => codec::encode(frame, encoding),
    }
    .unwrap_or_else(|why| panic!("{frame:?}: {why}"))
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, payload)) = input.split_first() else { return };
    let channel = Channel::UP[usize::from(choice.wrapping_sub(b'0')) % Channel::UP.len()];
    let Ok(frame) = codec::decode(channel, DEVICE, payload) else { return };
    assert_eq!(frame.device().as_str(), DEVICE);
    for encoding in [Encoding::Json, Encoding::Cbor] {
        let bytes = write(&frame, encoding);
        match codec::decode(channel, DEVICE, &bytes) {
            Ok(again) => assert_eq!(again, frame, "in {encoding:?}"),
            // Longer than it came: the names of absent members, or numbers written out.
            Err(codec::FrameError::TooLong { .. }) => {}
            Err(why) => panic!("{why}: {encoding:?} of {frame:?}"),
        }
    }
});
