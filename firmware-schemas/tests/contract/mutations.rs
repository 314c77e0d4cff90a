//! Golden frames and facts with a few bytes changed: never a panic, and what is taken reads back the same.
//!
//! The fuzz targets in `fuzz/` go further; this runs in every test. `MUTATIONS=1000000` tries more.

use crate::frames::{DEVICE, channel_of};
use crate::{file_name, files, read};
use firmware_schemas::codec::{self, Encoding, Frame};
use firmware_schemas::fact::Fact;
use firmware_schemas::topic::Topic;
use serde::Serialize;

/// Random numbers by SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// A few bytes changed, put in, taken out or repeated, or a piece of another seed put in.
fn mutate(random: &mut Random, seeds: &[Vec<u8>], seed: &[u8]) -> Vec<u8> {
    const TELLING: &[&[u8]] = &[
        b"\x9f",
        b"\xbf",
        b"\xff",
        b"\xf6",
        b"\xf7",
        b"\xf9\x7e\x00",
        b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"null",
        b"[",
        b"{",
        b"}",
        b"]",
        b"\"",
        b"\\",
        b"1e999",
        b"-0.0",
        b"0",
        b"18446744073709551616",
        b"0.1234567890123456789",
        b"\\u0000",
        b"\\ud800",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) * random.below(2) {
        let at = random.below(bytes.len() + 1);
        let len = random.below(12).min(bytes.len() - at);
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..at + len)),
            3 => bytes.truncate(at),
            4 => {
                let piece = TELLING[random.below(TELLING.len())];
                bytes.splice(at..at + len, piece.iter().copied());
            }
            5 => {
                let piece = bytes[at..at + len].repeat(1 + random.below(3));
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let to = (from + random.below(40)).min(other.len());
                bytes.splice(at..at + len, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

/// Calls `check` with mutations of `seeds`, the same ones every time.
fn each_mutation(seeds: &[Vec<u8>], mut check: impl FnMut(usize, &[u8])) {
    let tries: u64 = std::env::var("MUTATIONS").ok().and_then(|tries| tries.parse().ok()).unwrap_or(20_000);
    for seed in 0..tries {
        let mut random = Random(seed);
        let which = random.below(seeds.len());
        check(which, &mutate(&mut random, seeds, &seeds[which]));
    }
}

fn write(frame: &Frame, encoding: Encoding) -> Vec<u8> {
    fn bytes<T: Serialize>(frame: &T, encoding: Encoding) -> Vec<u8> {
        codec::encode(frame, encoding).unwrap()
    }
    match frame {
        Frame::Birth(frame) => bytes(frame, encoding),
        Frame::Telemetry(frames) => bytes(frames, encoding),
        Frame::Event(frame) => bytes(frame, encoding),
        Frame::Position(frame) => bytes(frame, encoding),
        Frame::Status(frame) => bytes(frame, encoding),
        Frame::Reported(frame) => bytes(frame, encoding),
        Frame::Ack(frame) => bytes(frame, encoding),
    }
}

#[test]
fn no_mutated_frame_makes_a_decoder_panic_and_what_is_taken_reads_back() {
    let mut paths = files("golden/valid");
    paths.extend(files("golden/bad"));
    paths.retain(|path| !file_name(path).ends_with(".error") && channel_of(path).is_up());
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| read(path)).filter(|seed| seed.len() < 4_096).collect();
    paths.retain(|path| read(path).len() < 4_096);
    let mut taken = 0;
    each_mutation(&seeds, |which, bytes| {
        let channel = channel_of(&paths[which]);
        let Ok(frame) = codec::decode(channel, DEVICE, bytes) else { return };
        taken += 1;
        for encoding in [Encoding::Json, Encoding::Cbor] {
            let again = codec::decode(channel, DEVICE, &write(&frame, encoding));
            assert_eq!(again.as_ref(), Ok(&frame), "{encoding:?} of {:?}", String::from_utf8_lossy(bytes));
        }
    });
    assert!(taken > 200, "only {taken} mutations were frames: nothing was tried");
}

#[test]
fn no_mutated_fact_makes_the_decoder_panic_and_what_is_taken_reads_back() {
    let seeds = crate::facts::golden_bytes();
    let mut taken = 0;
    each_mutation(&seeds, |_, bytes| {
        let Ok(fact) = Fact::decode(bytes) else { return };
        taken += 1;
        let written = crate::facts::encode(&fact);
        // Bytes and not facts are compared: NaN equals nothing.
        let again = Fact::decode(&written).map(|again| crate::facts::encode(&again));
        assert_eq!(again, Ok(written), "{fact:?}");
    });
    assert!(taken > 200, "only {taken} mutations were facts: nothing was tried");
}

#[test]
fn no_mutated_topic_makes_the_parser_panic_and_what_is_taken_reads_back() {
    let seeds: Vec<Vec<u8>> = ["telemetry", "birth", "command"]
        .map(|level| format!("portolan/v1/acme/WH-01/{DEVICE}/{level}").into_bytes())
        .into();
    let mut taken = 0;
    each_mutation(&seeds, |_, bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(topic) = Topic::parse(&text) {
            taken += 1;
            assert_eq!(topic.to_string(), text);
        }
    });
    assert!(taken > 100, "only {taken} mutations were topics: nothing was tried");
}
