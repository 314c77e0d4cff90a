//! The command line as its user meets it: what is printed where, and the exit codes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn portolan(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTOLAN_") {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(std::env::temp_dir()).output().expect("the binary")
}

fn networks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../networks")
}

#[track_caller]
fn check(args: &[&str], code: i32, stdout_has: &[&str], stderr_has: &[&str]) {
    let output = portolan(args);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
    assert!(stdout_has.iter().all(|part| stdout.contains(part)), "{args:?}: {stdout}");
    assert!(stderr_has.iter().all(|part| stderr.contains(part)), "{args:?}: {stderr}");
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    check(
        &["config", "show", "--origin", "--set", "http.listen=127.0.0.1:9000"],
        0,
        &["http.listen = \"127.0.0.1:9000\"  # flag --set http.listen", "tenant = \"demo\"  # default"],
        &[],
    );
}

#[test]
fn an_unknown_key_is_a_usage_error_that_names_it() {
    check(&["config", "show", "--set", "http.lissten=x"], 2, &[], &["lissten", "--set http.lissten"]);
    check(&["serve", "--config", "no-such-file.toml"], 2, &[], &["no-such-file.toml"]);
}

#[test]
fn the_demo_network_is_in_order_and_a_missing_one_is_not() {
    let demo = networks().join("demo");
    check(&["network", "check", &demo.display().to_string()], 0, &["sites", "lanes"], &[]);
    let empty = std::env::temp_dir().join(format!("portolan-cli-empty-{}", std::process::id()));
    std::fs::create_dir_all(&empty).expect("a folder");
    check(&["network", "check", &empty.display().to_string()], 6, &["network.toml"], &[]);
}

#[test]
fn the_doctor_names_a_taken_port_and_how_to_mend_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let data = std::env::temp_dir().join(format!("portolan-cli-doctor-{}", std::process::id()));
    let data = data.display().to_string();
    check(
        &["doctor", "--data", &data, "--http", &address, "--mqtt", "127.0.0.1:0"],
        6,
        &["ok       clock", "ok       data folder", "PROBLEM  HTTP port", "mend: stop what listens there"],
        &[],
    );
    check(&["doctor", "--data", &data, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"], 0, &["ok       HTTP"], &[]);
}
