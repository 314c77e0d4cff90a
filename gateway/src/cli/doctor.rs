//! `portolan doctor`: what would keep the gateway from running, and how to mend it.

use super::serve::Flags;
use super::{Configured, Ended, Failure};
use gateway::clock::SystemClock;
use gateway::config::{BrokerKind, Config, Loaded};
use gateway::disk::Folder;
use gateway::ports::{Clock, Disk};
use gateway::recover::{JOURNAL_FOLDER, STORE_FOLDER};
use std::net::{SocketAddr, TcpListener};

/// One thing that was looked at.
struct Finding {
    what: String,
    /// What is wrong, and how to mend it.
    problem: Option<(String, String)>,
}

fn fine(what: impl Into<String>) -> Finding {
    Finding { what: what.into(), problem: None }
}

fn wrong(what: impl Into<String>, why: impl ToString, mend: impl Into<String>) -> Finding {
    Finding { what: what.into(), problem: Some((why.to_string(), mend.into())) }
}

pub(crate) fn run(configured: &Configured, flags: &Flags) -> Ended {
    let Loaded { config, .. } = flags.load(configured)?;
    let mut findings = vec![clock(), disk(&config)];
    findings.push(port("HTTP", "http.listen", config.http.listen));
    match config.mqtt.broker {
        BrokerKind::Embedded => {
            let embedded = &config.mqtt.embedded;
            let plain = embedded.listen.iter().map(|address| port("MQTT", "mqtt.embedded.listen", *address));
            findings.extend(plain);
            let tls =
                embedded.listen_tls.iter().map(|address| port("MQTT over TLS", "mqtt.embedded.listen_tls", *address));
            findings.extend(tls);
        }
        BrokerKind::External => findings.push(broker(&config)),
    }
    #[cfg(feature = "influxdb2")]
    if config.store.kind == gateway::config::StoreKind::Influxdb2 {
        findings.push(influxdb2(&config));
    }
    if !config.network_folder.as_os_str().is_empty() {
        findings.push(network(&config));
    }
    findings.extend(webhooks(&config));
    let n_problems = findings.iter().filter(|finding| finding.problem.is_some()).count();
    if configured.json {
        let entries: Vec<_> = findings
            .iter()
            .map(|Finding { what, problem }| {
                let (why, mend) = problem.clone().unzip();
                serde_json::json!({"what": what, "ok": problem.is_none(), "problem": why, "mend": mend})
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&entries)?);
    } else {
        for Finding { what, problem } in &findings {
            match problem {
                None => println!("ok       {what}"),
                Some((why, mend)) => println!("PROBLEM  {what}: {why}\n         mend: {mend}"),
            }
        }
    }
    if n_problems == 0 { Ok(()) } else { Err(Failure::FoundProblems) }
}

fn clock() -> Finding {
    let now = SystemClock.now();
    let what = format!("clock says {now}");
    // Older than this program: readings of every device would look as if they came from the future.
    match firmware_schemas::quantity::Timestamp::parse_rfc3339("2026-01-01T00:00:00Z") {
        Some(built) if now < built => wrong(
            what,
            "that is before this program was made",
            "set the clock, and let NTP keep it (timedatectl set-ntp true)",
        ),
        _ => fine(what),
    }
}

fn disk(config: &Config) -> Finding {
    const ROOMY_BYTES: u64 = 1 << 30;
    let folder = &config.data_folder;
    let what = format!("data folder {}", folder.display());
    for part in [JOURNAL_FOLDER, STORE_FOLDER] {
        let disk = match Folder::open(folder.join(part)) {
            Ok(disk) => disk,
            Err(why) => {
                let mend = "make the folder writable for this user, name another with --data, or stop the gateway that uses it";
                return wrong(what, why, mend);
            }
        };
        let began = SystemClock.monotonic();
        let name = "doctor.tmp";
        let tried = (|| {
            // One that an interrupted visit left behind.
            if disk.list()?.iter().any(|known| known == name) {
                disk.remove(name)?;
            }
            let file = disk.create(name)?;
            file.write_all_at(b"doctor", 0)?;
            file.sync()?;
            disk.remove(name)?;
            disk.free_bytes()
        })();
        match tried {
            Err(why) => return wrong(what, why, "check the disk and the rights on the folder"),
            Ok(free) if free < config.journal.free_bytes_min + ROOMY_BYTES => {
                let why =
                    format!("only {} MiB free, {} of them kept back", free >> 20, config.journal.free_bytes_min >> 20);
                return wrong(what, why, "make room, or name a larger disk with --data");
            }
            Ok(free) if part == STORE_FOLDER => {
                let millis = (SystemClock.monotonic() - began).as_secs_f64() * 1e3;
                return fine(format!("{what}: {} GiB free, a durable write takes {millis:.1} ms", free >> 30));
            }
            Ok(_) => {}
        }
    }
    fine(what)
}

fn port(what: &str, key: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => fine(format!("{what} port {address} is free")),
        Err(why) => {
            let mend = format!("stop what listens there (ss -ltnp), or choose another with --set {key}=ADDRESS:PORT");
            wrong(format!("{what} port {address}"), why, mend)
        }
    }
}

fn broker(config: &Config) -> Finding {
    let external = &config.mqtt.external;
    let what = format!("broker {}:{}", external.host, external.port);
    let address = match gateway::server::broker_address(config) {
        Ok(address) => address,
        Err(why) => return wrong(what, why, "name a readable file with mqtt.external.password_file"),
    };
    let runtime = match super::serve::runtime() {
        Ok(runtime) => runtime,
        Err(why) => return wrong(what, why, "free some threads"),
    };
    match runtime.block_on(gateway::ingest::mqtt::probe(&address, &format!("{}-doctor", external.client_id))) {
        Ok(probe) if !probe.qos_1 => {
            wrong(what, "it does not grant QoS 1", "allow QoS 1 in the broker's configuration")
        }
        Ok(probe) if !external.shared_group.is_empty() && !probe.shared_subscriptions => {
            wrong(what, "it has no shared subscriptions", "allow them, or --set mqtt.external.shared_group=")
        }
        Ok(_) => fine(format!("{what} lets us in")),
        Err(why) if why.refused => {
            wrong(what, why, "check mqtt.external.user, password_file and the TLS files, and the broker's access list")
        }
        Err(why) => wrong(what, why, "start the broker, and check mqtt.external.host, port and tls"),
    }
}

/// Asks for the bucket, which needs the server, the token, its rights, and the bucket.
#[cfg(feature = "influxdb2")]
fn influxdb2(config: &Config) -> Finding {
    use gateway::store::influx::{RequestError, writer::mend};
    let influx = &config.store.influxdb2;
    let what = format!("InfluxDB {} bucket {:?}", influx.url, influx.bucket);
    let client = match gateway::readings::influx::client(config) {
        Ok(client) => client,
        Err(why) => return wrong(what, why, "check store.influxdb2.url, token_file and roots_file"),
    };
    let runtime = match super::serve::runtime() {
        Ok(runtime) => runtime,
        Err(why) => return wrong(what, why, "free some threads"),
    };
    let asked = runtime.block_on(async {
        client.health().await?;
        client.get("buckets", &[("org", &influx.org), ("name", &influx.bucket)]).await
    });
    match asked {
        Ok(answer) if answer["buckets"].as_array().is_some_and(|buckets| !buckets.is_empty()) => {
            fine(format!("{what} lets us in"))
        }
        Ok(_) => {
            let why = RequestError::Missing { reason: "no such bucket for this token".into() };
            let mend = mend(&why);
            wrong(what, why, mend)
        }
        Err(why) => {
            let mend = mend(&why);
            wrong(what, why, mend)
        }
    }
}

/// Receivers of webhooks that do not do well; nothing where there is none.
fn webhooks(config: &Config) -> Vec<Finding> {
    let folder = config.data_folder.join(gateway::webhooks::WEBHOOKS_FOLDER);
    if !folder.is_dir() {
        return Vec::new();
    }
    let found = match Folder::open(&folder) {
        Ok(disk) => gateway::webhooks::findings(std::sync::Arc::new(disk)),
        Err(why) => {
            let mend = "stop the gateway that uses it, or ask it: GET /v1/webhooks";
            return vec![wrong("webhooks", why, mend)];
        }
    };
    match found {
        Err(why) => vec![wrong("webhooks", why, "check the disk and the rights on the folder")],
        Ok(found) => {
            let mend = "mend the receiver, then POST /v1/webhooks/ID/change {\"enabled\": true}, or …/ID/redrive for dead letters";
            found.into_iter().map(|(webhook, why)| wrong(format!("webhook {webhook}"), why, mend)).collect()
        }
    }
}

fn network(config: &Config) -> Finding {
    let what = format!("network {}", config.network_folder.display());
    match gateway::network::load(&config.network_folder) {
        Ok(network) if network.head().tenant.as_str() != config.tenant => wrong(
            what,
            format!("it is of the tenant {:?}", network.head().tenant.as_str()),
            format!("--set tenant={}", network.head().tenant),
        ),
        Ok(network) => fine(format!("{what}: {} sites, {} lanes", network.sites().len(), network.lanes().len())),
        Err(why) => wrong(what, why, "mend the lines that are named"),
    }
}
