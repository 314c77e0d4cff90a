//! What-if from the command line and over HTTP, against the demo while it runs.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tests::gateway::{free_port, portolan, wait_until};

const PORT_CLOSED: &str = "port_closed_three_weeks";

/// The demo as a process of its own, on data that outlives it.
struct Demo {
    child: Child,
    ports: (u16, u16),
    data: PathBuf,
    client: reqwest::blocking::Client,
}

impl Demo {
    fn start(data: &Path, ports: (u16, u16)) -> Self {
        let log = File::options().create(true).append(true).open(data.with_extension("log")).expect("a log file");
        let mut command = portolan();
        command.args(["demo", "--pace", "600", "--data"]).arg(data);
        command.args(["--http", &format!("127.0.0.1:{}", ports.0), "--mqtt", &format!("127.0.0.1:{}", ports.1)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the portolan binary");
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(120)).build().expect("a client");
        let demo = Self { child, ports, data: data.to_owned(), client };
        wait_until("the demo is ready and hears its devices", Duration::from_secs(60), || {
            let snapshot = demo.client.get(demo.url("/v1/snapshot")).send().and_then(reqwest::blocking::Response::text);
            let heard = snapshot.is_ok_and(|text| text.contains("\"heard_at\":\""));
            if heard { Ok(()) } else { Err(fs::read_to_string(demo.data.with_extension("log"))) }
        });
        demo
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.0)
    }

    fn get(&self, path: &str) -> Json {
        let text = self.client.get(self.url(path)).send().and_then(reqwest::blocking::Response::text);
        let text = text.unwrap_or_else(|why| panic!("{path}: {why}"));
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}: {text}"))
    }

    fn post(&self, path: &str, key: &str, body: &Json) -> (u16, Json) {
        let request = self.client.post(self.url(path)).header("Content-Type", "application/json");
        let answer = request.header("Idempotency-Key", key).body(body.to_string()).send().expect("an answer");
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    /// What no experiment may change: places, lanes and the policies of all stock.
    fn definitions(&self) -> BTreeMap<String, Json> {
        let mut found = BTreeMap::new();
        for list in ["sites", "lanes", "skus", "stock"] {
            let mut cursor = String::new();
            loop {
                let page = self.get(&format!("/v1/{list}?limit=1000{cursor}"));
                for item in page["items"].as_array().expect("items") {
                    let fixed = match list {
                        "stock" => json!([item["reorder_point"], item["order_up_to"], item["source"]]),
                        "sites" => json!([item["kind"], item["position"], item["tier"]]),
                        "lanes" => json!([item["from"], item["to"], item["lead_time_secs"], item["mode"]]),
                        _ => item.clone(),
                    };
                    found.insert(format!("{list} {} {} {}", item["site"], item["lane"], item["sku"]), fixed);
                }
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
        }
        found
    }

    /// Runs `portolan whatif` against it.
    fn whatif(&self, arguments: &[&str]) -> Output {
        whatif(&[arguments, &["--url", &self.url("")]].concat())
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn whatif(arguments: &[&str]) -> Output {
    portolan().arg("whatif").args(arguments).stdin(Stdio::null()).output().expect("the portolan binary")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn json_of(output: &Output) -> Json {
    assert!(output.status.success(), "{}: {}", output.status, stderr(output));
    serde_json::from_str(&stdout(output)).unwrap_or_else(|why| panic!("{why}: {}", stdout(output)))
}

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("portolan-e2e-{}-{test}", std::process::id()));
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn the_running_demo_is_forked_followed_called_off_and_remembered() {
    let data = folder("what-if");
    let file = |name: &str| data.with_extension(name).display().to_string();
    let ports = (free_port(), free_port());
    let demo = Demo::start(&data, ports);
    let definitions = demo.definitions();
    assert!(definitions.len() > 3_000, "{}", definitions.len());
    let early = demo.get("/readyz")["at"].as_str().expect("a time").to_owned();
    let first_seq = demo.get("/v1/snapshot")["seq"].as_u64().expect("a seq");

    // From live, by name, with a page and a table.
    let (report, table) = (file("html"), file("csv"));
    let output = demo.whatif(&[
        "run",
        "--scenario",
        PORT_CLOSED,
        "--days",
        "70",
        "--replications",
        "16",
        "--report",
        &report,
        "--csv",
        &table,
        "--json",
    ]);
    let result = json_of(&output);
    let id = result["id"].as_str().expect("an id").to_owned();
    assert_eq!(result["cases"].as_array().map(Vec::len), Some(2), "{}", result["cases"]);
    assert!(result["revision"].as_u64() >= Some(first_seq), "{}", result["revision"]);
    assert!(stderr(&output).is_empty(), "no bar where nobody sees it: {}", stderr(&output));
    let page = fs::read_to_string(&report).expect("the report");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Felixstowe"), "{page:.300}");
    assert!(fs::read_to_string(&table).expect("the table").lines().count() > 1_000);
    assert_eq!(demo.definitions(), definitions, "the live network is as it was");
    let aligned = demo.whatif(&["compare", &id]);
    assert!(stdout(&aligned).contains("fill rate") && stdout(&aligned).contains(" ± "), "{}", stdout(&aligned));
    assert!(stdout(&demo.whatif(&["list"])).contains(&id));

    // Over HTTP, followed from outside.
    let body = json!({ "scenarios": [{ "library": PORT_CLOSED }], "days": 70, "replications_min": 16 });
    assert_eq!(demo.post("/v1/what-if", "story-1", &body).0, 202);
    let events = demo.client.get(demo.url("/v1/operations/story-1/events")).send().expect("a stream");
    let lines: Vec<String> = BufReader::new(events).lines().map(|line| line.expect("a line")).collect();
    assert_eq!(lines.iter().rev().find(|line| line.starts_with("event")).map(String::as_str), Some("event: end"));
    assert!(lines.iter().any(|line| line.contains("\"state\":\"succeeded\"")), "{lines:#?}");

    // Called off.
    let long = json!({ "days": 3_000, "replications_min": 2_000 });
    demo.post("/v1/what-if", "story-2", &long);
    let answer = demo.post("/v1/operations/story-2/cancel", "x", &Json::Null);
    assert_eq!(answer.0, 200, "{}", answer.1);
    wait_until("it is cancelled", Duration::from_secs(10), || match demo.get("/v1/operations/story-2") {
        view if view["state"] == "cancelled" => Ok(()),
        view => Err(view),
    });

    // Everything wrong at once, and nothing started.
    let n_operations = demo.get("/v1/operations")["items"].as_array().map(Vec::len);
    let wrong = file("wrong.toml");
    let text = "name = \"x\"\nstory = \"y\"\n[[change]]\nkind = \"site_closed\"\nsites = [\"NOWHERE\"]\nfrom = \"day 1\"\n\
                until = \"day 2\"\n[[change]]\nkind = \"site_closed\"\nsites = [\"ATLANTIS\"]\nfrom = \"day 1\"\nuntil = \"day 2\"\n";
    fs::write(&wrong, text).expect("a file");
    let refused = demo.whatif(&["run", "--scenario", &wrong]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    for expected in [format!("{wrong}:5"), format!("{wrong}:10"), "NOWHERE".into(), "ATLANTIS".into()] {
        assert!(stderr(&refused).contains(&expected), "{expected}: {}", stderr(&refused));
    }
    assert_eq!(demo.get("/v1/operations")["items"].as_array().map(Vec::len), n_operations);

    // From a moment of the past.
    let past = json_of(&demo.whatif(&["run", "--from", &early, "--days", "14", "--replications", "4", "--json"]));
    assert!(past["revision"].as_u64() < demo.get("/v1/snapshot")["seq"].as_u64(), "{past}");
    assert_eq!(past["start"].as_str(), Some(early.as_str()));
    let too_early = demo.whatif(&["run", "--from", "2020-01-01T00:00:00Z", "--days", "14"]);
    assert_eq!(too_early.status.code(), Some(4), "{}", stderr(&too_early));
    assert!(stderr(&too_early).contains("what is kept begins at"), "{}", stderr(&too_early));

    // Other ends.
    assert_eq!(demo.whatif(&["compare", "nothing-of-the-kind"]).status.code(), Some(3));
    assert_eq!(demo.whatif(&["run", "--scenario", "no_such_scenario"]).status.code(), Some(3));
    assert_eq!(demo.whatif(&["run", "--goal", "luck=1%"]).status.code(), Some(2));
    let nobody = whatif(&["list", "--url", &format!("http://127.0.0.1:{}", free_port())]);
    assert_eq!(nobody.status.code(), Some(5), "{}", stderr(&nobody));

    // Remembered.
    demo.stop();
    let demo = Demo::start(&data, ports);
    let again = json_of(&demo.whatif(&["compare", &id, "--json"]));
    assert_eq!(again[0], result, "the same after a restart");
    assert_eq!(demo.get("/v1/operations/story-2")["state"], "cancelled");
    assert_eq!(demo.definitions(), definitions);
    demo.stop();
}

#[test]
fn the_running_demo_is_improved_and_the_proposal_runs_as_a_scenario() {
    let data = folder("improve");
    let file = |name: &str| data.with_extension(name).display().to_string();
    let demo = Demo::start(&data, (free_port(), free_port()));
    let definitions = demo.definitions();

    let proposal = file("toml");
    let horizon = ["--days", "60", "--replications", "16"];
    let improve = |more: &[&str]| demo.whatif(&[&["improve", "--rounds", "6"], horizon.as_slice(), more].concat());
    let output = improve(&["--sites", "RW-*,CW-*", "--proposal", &proposal, "--json"]);
    let found = json_of(&output);
    assert!(!stderr(&output).contains('\r'), "no bar where nobody sees it: {}", stderr(&output));
    let figure = |name: &str| {
        let figures = found["figures"].as_array().expect("figures");
        figures.iter().find(|it| it["kpi"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!(found["verdict"], "better", "{}", found["summary"]);
    let cost = figure("relevant_cost");
    assert!(cost["difference"]["mean"].as_f64() < Some(0.0) && cost["difference"]["significant"] == true, "{cost}");
    let levels = found["levels"].as_array().expect("levels");
    assert!(!levels.is_empty());
    let warehouses =
        |it: &Json| it["site"].as_str().is_some_and(|site| site.starts_with("RW-") || site.starts_with("CW-"));
    assert!(levels.iter().all(warehouses), "only what may change does");
    assert_eq!(demo.definitions(), definitions, "the live network is as it was");

    // The proposal is a scenario like any other; the live twin has moved on since.
    let again = json_of(&demo.whatif(&[&["run", "--scenario", &proposal], horizon.as_slice(), &["--json"]].concat()));
    let kpis = again["results"][1]["kpis"].as_array().expect("kpis");
    let again = kpis.iter().find(|kpi| kpi["kpi"] == "relevant_cost").expect("relevant cost")["difference"].clone();
    let [here, there] = [&cost["difference"], &again].map(|it| it["mean"].as_f64().expect("a mean"));
    assert!(there < 0.0 && (here - there).abs() < 0.5 * here.abs(), "{here} {there}");

    // People see the same in their units; what is wrong is said at once.
    let id = found["id"].as_str().expect("an id");
    let shown = stdout(&demo.whatif(&["compare", id]));
    assert!(shown.contains("today's levels") && shown.contains("relevant cost"), "{shown}");
    let refused = improve(&["--sites", "ATLANTIS", "--skus", "NOTHING"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("ATLANTIS") && stderr(&refused).contains("NOTHING"), "{}", stderr(&refused));
    let selected = stdout(&demo.whatif(&[
        "run",
        "--scenario",
        &proposal,
        "--scenario",
        PORT_CLOSED,
        "--days",
        "40",
        "--replications",
        "6",
        "--select",
    ]));
    assert!(selected.contains("truly the best has a probability of at least"), "{selected}");
    demo.stop();
}

#[test]
fn better_levels_of_a_folder_need_no_gateway_and_are_the_same_again() {
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let proposal = folder("proposal").join("proposal.toml").display().to_string();
    let start = ["--from", network, "--start", "2026-11-23T00:00:00Z", "--days", "56", "--replications", "8"];
    let improved = |threads: &str| {
        let more = ["--rounds", "3", "--classes", "A", "--begin-with", "guaranteed-service", "--threads", threads];
        let flags = [&["improve"], start.as_slice(), &more, &["--proposal", &proposal, "--json"]].concat();
        let mut found = json_of(&whatif(&flags));
        for name in ["id", "created_at", "ended_at"] {
            found.as_object_mut().expect("an object").remove(name);
        }
        found
    };
    let found = improved("1");
    assert_eq!(found, improved("3"));
    assert!(found["guaranteed_service"]["lower_bound_minor_per_day"].as_f64() > Some(0.0), "{found:.500}");
    if found["levels"].as_array().is_some_and(|levels| !levels.is_empty()) {
        let run = json_of(&whatif(&[&["run", "--scenario", &proposal, "--json"], start.as_slice()].concat()));
        for figure in found["figures"].as_array().expect("figures") {
            let kpis = run["results"][1]["kpis"].as_array().expect("kpis");
            let kpi = kpis.iter().find(|kpi| kpi["kpi"] == figure["kpi"]).expect("the same figures");
            assert_eq!((&kpi["mean"], &kpi["difference"]), (&figure["proposed"], &figure["difference"]), "{figure}");
        }
    }
}

#[test]
fn a_network_folder_needs_no_gateway_and_the_same_seed_gives_the_same_answer() {
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../networks/demo");
    let run = |threads: &str, seed: &str| {
        let mut result = json_of(&whatif(&[
            "run",
            "--from",
            network,
            "--start",
            "2026-11-23T00:00:00Z",
            "--scenario",
            "suez_closed",
            "--days",
            "56",
            "--replications",
            "8",
            "--seed",
            seed,
            "--threads",
            threads,
            "--json",
        ]));
        for name in ["id", "created_at", "ended_at"] {
            result.as_object_mut().expect("an object").remove(name);
        }
        result
    };
    let one = run("1", "7");
    assert_eq!(one, run("3", "7"));
    assert_ne!(one["results"], run("1", "8")["results"]);
    let goal = json_of(&whatif(&[
        "run",
        "--from",
        network,
        "--days",
        "28",
        "--replications",
        "4",
        "--goal",
        "demand=2%",
        "--json",
    ]));
    let demand = goal["results"][0]["kpis"].as_array().expect("kpis").iter().find(|kpi| kpi["kpi"] == "demand");
    let demand = demand.expect("demand");
    assert!(demand["half_width"].as_f64() < demand["mean"].as_f64().map(|mean| 0.02 * mean), "{demand}");
    assert!(goal["replications"].as_u64() > Some(4), "{}", goal["replications"]);
}
