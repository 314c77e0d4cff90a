//! The HTTP interface before public tools: validators, a fuzzer, and a client made from the specification.

use std::fs;
use std::path::Path;
use tests::api_tools::{program, python, run};
use tests::gateway::{Gateway, GatewayOptions};

/// A gateway with some stock, and its specification in both versions as files in a folder of its own.
fn start(test: &str) -> (Gateway, GatewayOptions, std::path::PathBuf) {
    let mut options = GatewayOptions::new(test);
    let network = options.data.with_extension("network");
    tests::gateway::small_network(&network, "t", &["tea".to_owned()]).expect("a network");
    let stock = "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source\n\
         SHOP,tea,100,0,0,0,20,100,WH\nWH,tea,1000,0,0,0,,,\n";
    fs::write(network.join("stock.csv"), stock).expect("a file");
    fs::write(
        network.join("demand.csv"),
        "site,sku,rate_per_day,order_size,order_size_cv2,seasonality\nSHOP,tea,3,1.4,0.5,\n",
    )
    .expect("a file");
    options.network = Some(network);
    let gateway = Gateway::start(&options);
    let folder = options.data.with_extension("api");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("a folder");
    for (path, name) in [("/openapi.json", "openapi-3.1.json"), ("/v1/openapi-3.0.json", "openapi-3.0.json")] {
        fs::write(folder.join(name), gateway.get(path).to_string()).expect("a file");
    }
    (gateway, options, folder)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn two_public_validators_take_the_specification_in_both_versions() {
    let Some(python) = python("validators") else { return };
    let (gateway, _, folder) = start("api_valid");
    gateway.stop();
    for (name, version) in [("openapi-3.1.json", "3.1.0"), ("openapi-3.0.json", "3.0.3")] {
        let file = folder.join(name);
        let document: serde_json::Value = serde_json::from_slice(&fs::read(&file).expect("it")).expect("JSON");
        assert_eq!(document["openapi"], version);
        let said = run(&program(&python, "openapi-spec-validator"), &["--errors", "all", text(&file)], "");
        assert!(said.contains("OK"), "{name}: {said}");
        let rules = ["lint", "--extends=spec", "--format=json", text(&file)];
        let said = run(&program(&python, "redocly"), &rules, "");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {said}"));
        assert_eq!(said["totals"]["errors"], 0, "{name}: {said:#}");
        // They would find a fault.
        let mut broken = document;
        broken["paths"]["/v1/sites"]["get"]["responses"] =
            serde_json::json!({ "200": { "descripton": "As asked for." } });
        let spoilt = folder.join(format!("broken-{name}"));
        fs::write(&spoilt, broken.to_string()).expect("a file");
        for (tool, arguments) in [
            ("openapi-spec-validator", vec![text(&spoilt)]),
            ("redocly", vec!["lint", "--extends=spec", text(&spoilt)]),
        ] {
            let output = std::process::Command::new(program(&python, tool)).args(arguments).output().expect("it runs");
            assert!(!output.status.success(), "{tool} takes a broken {name}");
        }
    }
}

#[test]
fn a_client_made_from_the_specification_is_typed_and_tells_the_whole_story() {
    let Some(python) = python("client") else { return };
    let (gateway, _, folder) = start("api_client");
    let document = folder.join("openapi-3.1.json");
    let package = folder.join("portolan_client");
    let generate = ["generate", "--path", text(&document), "--output-path", text(&package), "--meta", "none"];
    // It formats what it makes with a program that it finds by `PATH`, and complains on stdout without it.
    drop(run(&program(&python, "openapi-python-client"), &generate, ""));
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/client_story.py");
    fs::copy(&story, folder.join("client_story.py")).expect("the story");
    // The generator's own frame passes `*args: object` on; all that comes of our specification is strict.
    let settings = "[mypy]\nstrict = True\nmypy_path = $MYPY_CONFIG_FILE_DIR\n[mypy-portolan_client.client]\ndisable_error_code = arg-type\n";
    fs::write(folder.join("mypy.ini"), settings).expect("a file");
    let config = folder.join("mypy.ini");
    let said = run(
        &program(&python, "mypy"),
        &["--config-file", text(&config), text(&folder.join("client_story.py")), text(&package)],
        "",
    );
    assert!(said.contains("no issues found"), "{said}");
    let said = run(&python, &[text(&folder.join("client_story.py")), &gateway.url("")], "");
    assert_eq!(said.trim(), "told");
    gateway.stop();
}

#[test]
fn a_fuzzer_finds_no_server_error_and_no_answer_outside_the_specification() {
    let Some(python) = python("fuzzer") else { return };
    let (gateway, _, folder) = start("api_fuzz");
    let document = folder.join("openapi-3.1.json");
    let url = gateway.url("");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
        response_schema_conformance";
    let mut arguments = vec!["run", text(&document), "--url", &url, "--checks", checks, "--max-examples", "10"];
    arguments.extend(["--seed", "20", "--workers", "1", "--no-color", "--request-timeout", "40"]);
    // The first two answer for as long as somebody listens; the fuzzer knows no lines of JSON, which the third takes.
    arguments.extend(["--exclude-path", "/v1/orders:bulk"]);
    arguments.extend(["--exclude-path", "/v1/stream", "--exclude-path", "/v1/operations/{id}/events"]);
    let said = run(&program(&python, "schemathesis"), &arguments, "");
    println!("{}", said.lines().rev().take(25).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    gateway.stop();
}
