//! The C header: generated, and used by a program in C and in C++ whose output is a frame.

use crate::{at, check_generated};
use firmware_schemas::codec::{self, Frame};
use firmware_schemas::document;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::telemetry::{Quality, Reading, TelemetryFrame, Value};
use firmware_schemas::topic::{Channel, Topic};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_header_is_what_the_types_say() {
    let header = document::c_header();
    let mut names: Vec<_> =
        header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_whitespace().next()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "defined twice");
    }
    assert!(header.is_ascii());
    check_generated("include/portolan.h", &header);
}

fn expected() -> Frame {
    let at = Timestamp::from_secs(1_795_329_600).unwrap();
    let reading = |metric: &str, value, quality| Reading { metric: metric.parse().unwrap(), at, value, quality };
    Frame::Telemetry(vec![TelemetryFrame {
        device: "cold-7".parse().unwrap(),
        boot: Some(41),
        seq: Some(7),
        sent_at: None,
        readings: vec![
            reading("temperature", Value::Float(4.25), Quality::Suspect),
            reading("door.open", Value::Boolean(false), Quality::Good),
        ],
    }])
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[track_caller]
fn check(compiler: &[&str]) {
    let out: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("firmware-{}", compiler[0]));
    let mut compile = Command::new(compiler[0]);
    compile.args(&compiler[1..]).args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]).arg(at("include"));
    run(compile.arg("-o").arg(&out).arg(at("tests/contract/firmware.c")));
    let printed = run(&mut Command::new(&out));
    let lines: Vec<&str> = printed.lines().collect();
    let [topic, json, cbor] = lines.as_slice() else { panic!("{printed}") };
    let topic = Topic::parse(topic).unwrap();
    assert_eq!(topic, Topic { tenant: "acme", site: "WH-01", device: "cold-7", channel: Channel::Telemetry });
    let cbor: Vec<u8> = (0..cbor.len()).step_by(2).map(|i| u8::from_str_radix(&cbor[i..i + 2], 16).unwrap()).collect();
    for payload in [json.as_bytes(), &cbor] {
        assert_eq!(codec::decode(topic.channel, topic.device, payload), Ok(expected()), "{printed}");
    }
}

#[test]
fn firmware_in_c_writes_frames_that_are_read() {
    check(&["cc", "-std=c11"]);
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that does less than it could says so")]
fn firmware_in_cpp_writes_frames_that_are_read() {
    let is_required = std::env::var_os("PORTOLAN_REQUIRE_PEERS").is_some();
    if !is_required && Command::new("c++").arg("--version").output().is_err() {
        eprintln!("c++ is missing, so the header was not compiled as C++; install g++ or clang++");
        return;
    }
    check(&["c++", "-std=c++17", "-x", "c++"]);
}
