//! `golden/valid` and `golden/bad`: frames as devices send them.
//!
//! `valid/CHANNEL-WHAT.json` and `.cbor` mean the same, which is what `.expected.json` says.
//! `bad/CHANNEL-WHAT.json` or `.cbor` is refused with the text in the file of the same name with `.error`.

use crate::{check_frozen, file_name, files, read, updating, write};
use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::command::{CommandFrame, DesiredFrame};
use firmware_schemas::topic::Channel;
use serde::Serialize;
use std::path::Path;

/// The device that every golden topic names.
pub(crate) const DEVICE: &str = "cold-7";

pub(crate) fn channel_of(path: &Path) -> Channel {
    let level = file_name(path).split(['-', '.']).next().unwrap_or_default();
    Channel::from_level(level).unwrap_or_else(|| panic!("{}: no such channel", path.display()))
}

/// A payload of either direction.
#[derive(Debug, PartialEq)]
enum Any {
    Up(Frame),
    Desired(DesiredFrame),
    Command(CommandFrame),
}

fn read_any(channel: Channel, payload: &[u8]) -> Result<Any, codec::FrameError> {
    match channel {
        Channel::Desired => codec::read(payload).map(Any::Desired),
        Channel::Command => codec::read(payload).map(Any::Command),
        _ => codec::decode(channel, DEVICE, payload).map(Any::Up),
    }
}

/// The payload as we would send it: one telemetry frame stands alone, several in an array.
fn write_any(payload: &Any, encoding: Encoding) -> Vec<u8> {
    fn bytes<T: Serialize>(frame: &T, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Json => {
                let mut text = serde_json::to_vec_pretty(frame).unwrap();
                text.push(b'\n');
                text
            }
            Encoding::Cbor => codec::encode(frame, Encoding::Cbor).unwrap(),
        }
    }
    match payload {
        Any::Up(Frame::Birth(frame)) => bytes(frame, encoding),
        Any::Up(Frame::Telemetry(frames)) if frames.len() == 1 => bytes(&frames[0], encoding),
        Any::Up(Frame::Telemetry(frames)) => bytes(frames, encoding),
        Any::Up(Frame::Event(frame)) => bytes(frame, encoding),
        Any::Up(Frame::Position(frame)) => bytes(frame, encoding),
        Any::Up(Frame::Status(frame)) => bytes(frame, encoding),
        Any::Up(Frame::Reported(frame)) => bytes(frame, encoding),
        Any::Up(Frame::Ack(frame)) => bytes(frame, encoding),
        Any::Desired(frame) => bytes(frame, encoding),
        Any::Command(frame) => bytes(frame, encoding),
    }
}

fn valid(path: &Path) -> Any {
    read_any(channel_of(path), &read(path)).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn every_valid_frame_still_means_what_it_meant() {
    let mut channels = std::collections::BTreeSet::new();
    for path in files("golden/valid") {
        let name = file_name(&path);
        if name.ends_with(".expected.json") || name.ends_with(".md") {
            continue;
        }
        channels.insert(channel_of(&path));
        let payload = valid(&path);
        let stem = name.split('.').next().unwrap_or_default();
        check_frozen(&path.with_file_name(format!("{stem}.expected.json")), &write_any(&payload, Encoding::Json));
        let cbor = path.with_extension("cbor");
        if name.ends_with(".json") {
            if updating() && !cbor.exists() {
                write(&cbor, write_any(&payload, Encoding::Cbor));
            }
            assert_eq!(valid(&cbor), payload, "{} and its CBOR", path.display());
        }
    }
    let all = Channel::UP.into_iter().chain(Channel::DOWN).collect();
    assert_eq!(channels, all, "every channel has a golden frame");
}

#[test]
fn what_we_write_reads_back_the_same() {
    for path in files("golden/valid") {
        let payload = valid(&path);
        for encoding in [Encoding::Json, Encoding::Cbor] {
            let again = read_any(channel_of(&path), &write_any(&payload, encoding));
            assert_eq!(again.as_ref(), Ok(&payload), "{} in {encoding:?}", path.display());
        }
    }
}

#[test]
fn every_bad_frame_is_still_refused_with_its_reason() {
    let mut seen = 0;
    for path in files("golden/bad") {
        let name = file_name(&path);
        if name.ends_with(".error") {
            continue;
        }
        seen += 1;
        match codec::decode(channel_of(&path), DEVICE, &read(&path)) {
            Ok(frame) => panic!("{} was taken: {frame:?}", path.display()),
            Err(why) => check_frozen(&path.with_file_name(format!("{name}.error")), format!("{why}\n").as_bytes()),
        }
    }
    assert!(seen >= 80, "only {seen} bad frames found");
}
