//! `portolan import …`.

use super::{Configured, Ended, Failure};
use anyhow::Context;
use firmware_schemas::codec::{Encoding, encode};
use firmware_schemas::id::{DeviceId, SiteId, TenantId};
use firmware_schemas::quantity::Pieces;
use firmware_schemas::telemetry::{EventFrame, EventRecord, Happening};
use firmware_schemas::topic::{Channel, topic};
use gateway::ports::{Bus, Ticket};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::import::order_lines::{OrderLine, OrderLines, Place};
use twin::import::willems;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Send order lines (CSV) as stock movements to the broker: sales leave stock, returns come back.
    ///
    /// Columns: ordered_at, customer, site or country, sku, quantity, unit_price_…; `-` reads stdin. Lines
    /// with a country are booked at --site. The same file again changes nothing: its frames are known.
    Orders {
        /// The file; `-` for stdin. Of a `.gz`, pipe in what `zcat` gives.
        file: PathBuf,
        /// The site whose stock the orders of a country take.
        #[arg(long)]
        site: SiteId,
        /// The tenant.
        #[arg(long, default_value = "demo")]
        tenant: TenantId,
        /// The broker, HOST:PORT, without TLS.
        #[arg(long, default_value = "127.0.0.1:1883")]
        broker: String,
        /// Order lines in one frame.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        frame_lines: u16,
    },
    /// Send the history of an InfluxDB bucket to the broker as telemetry, which a gateway keeps as any other.
    ///
    /// Readings older than `store.retention_days` go to quarantine: raise it first. The same again changes
    /// nothing.
    #[cfg(feature = "influxdb2")]
    Influx(super::import_influx::Flags),
    /// Make network folders of the multi-echelon chains of Willems (2008): stages are sites, arcs are lanes.
    Willems {
        /// The folder with stages.csv, arcs.csv and, if there are, chains.csv and stage_time_dist.csv.
        folder: PathBuf,
        /// Only this chain; else all of them.
        #[arg(long)]
        chain: Option<u32>,
        /// Where the folders chain-1, chain-2, … are made.
        #[arg(long)]
        out: PathBuf,
    },
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    match command {
        Command::Orders { file, site, tenant, broker, frame_lines } => {
            orders(configured, file, site, tenant, broker, *frame_lines)
        }
        #[cfg(feature = "influxdb2")]
        Command::Influx(flags) => super::import_influx::run(configured, flags),
        Command::Willems { folder, chain, out } => chains(folder, *chain, out),
    }
}

/// Writes each chain as a network folder, and reads it back to be sure of it.
fn chains(folder: &Path, only: Option<u32>, out: &Path) -> Ended {
    let text = |name: &str| std::fs::read_to_string(folder.join(name));
    let must = |name: &str| text(name).with_context(|| format!("reading {}", folder.join(name).display()));
    let (stages, arcs) = (must("stages.csv")?, must("arcs.csv")?);
    let (chains, stage_time_dist) = (text("chains.csv").ok(), text("stage_time_dist.csv").ok());
    let texts = willems::Texts {
        stages: &stages,
        arcs: &arcs,
        chains: chains.as_deref(),
        stage_time_dist: stage_time_dist.as_deref(),
    };
    let parsed = match willems::parse(texts) {
        Ok(chains) => chains,
        Err(errors) => {
            errors.iter().for_each(|error| println!("{error}"));
            return Err(Failure::FoundProblems);
        }
    };
    let mut n_written = 0;
    for chain in parsed.iter().filter(|chain| only.is_none_or(|only| chain.chain == only)) {
        let to = out.join(format!("chain-{}", chain.chain));
        gateway::network::save(chain.network.parts(), &to)?;
        let network = gateway::network::load(&to)?;
        println!(
            "{}: {} sites, {} lanes, {}",
            to.display(),
            network.sites().len(),
            network.lanes().len(),
            network.head().name
        );
        n_written += 1;
    }
    match only {
        Some(chain) if n_written == 0 => {
            Err(Failure::Usage(anyhow::anyhow!("--chain {chain}: there is no such chain")))
        }
        _ => Ok(()),
    }
}

fn orders(
    configured: &Configured,
    file: &Path,
    site: &SiteId,
    tenant: &TenantId,
    broker: &str,
    frame_lines: u16,
) -> Ended {
    let reader: Box<dyn BufRead> = if file.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text).context("reading stdin")?;
        Box::new(std::io::Cursor::new(text))
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("opening {}", file.display()))?))
    };
    let (host, port) = broker
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
        .ok_or_else(|| Failure::Usage(anyhow::anyhow!("--broker {broker:?} is not HOST:PORT")))?;
    let lines: Vec<OrderLine> = OrderLines::new(reader)?.collect::<Result<_, _>>()?;
    // The sender's name follows from the content, so that the same lines are the same frames.
    let mut hasher = crc32fast::Hasher::new();
    for line in &lines {
        hasher.update(format!("{line:?}").as_bytes());
    }
    let device = DeviceId::new(&format!("import-{:08x}", hasher.finalize()))?;
    let n_lines = lines.len();
    let n_frames = super::serve::runtime()?.block_on(async {
        let address = gateway::ingest::mqtt::BrokerAddress { host, port, tls: None, credentials: None };
        let client_id = format!("portolan-{device}");
        gateway::ingest::mqtt::probe(&address, &format!("{client_id}-probe"))
            .await
            .map_err(|why| Failure::Unreachable(anyhow::anyhow!("broker {broker}: {why}")))?;
        let config = gateway::ingest::outbound::OutboundConfig::new(address, client_id);
        let outbound = gateway::ingest::outbound::Outbound::start(config, Arc::new(gateway::clock::SystemClock))?;
        let mut sending: VecDeque<Ticket> = VecDeque::new();
        let mut n_frames = 0_u64;
        for chunk in lines.chunks(usize::from(frame_lines)) {
            let events = chunk.iter().map(|line| event(line, site)).collect();
            let frame = EventFrame { device: device.clone(), boot: 1, seq: n_frames, sent_at: None, events };
            let payload = encode(&frame, Encoding::Json)?;
            let topic = topic(tenant, site, &device, Channel::Event);
            if sending.len() >= 1_000
                && let Some(oldest) = sending.pop_front()
            {
                oldest.await?;
            }
            sending.push_back(outbound.publish(&topic, payload.into(), false)?);
            n_frames += 1;
        }
        for ticket in sending {
            ticket.await?;
        }
        outbound.stop().await;
        Ok::<_, Failure>(n_frames)
    })?;
    if configured.json {
        println!("{}", serde_json::json!({"order_lines": n_lines, "frames": n_frames, "device": device.as_str()}));
    } else {
        println!("{n_lines} order lines in {n_frames} frames, all acknowledged, as device {device}");
    }
    Ok(())
}

fn event(line: &OrderLine, site: &SiteId) -> EventRecord {
    let site = match &line.place {
        Place::Site(site) => site.clone(),
        Place::Country(_) => site.clone(),
    };
    let (sku, pieces) = (line.sku.clone(), line.quantity.0);
    // Customers of order lines are partners in the seller's books, and need not be sites of the network.
    let happening = if pieces > 0 {
        Happening::StockIssued { sku, pieces: Pieces(pieces), order: None, customer: None }
    } else {
        Happening::StockReturned { sku, pieces: Pieces(pieces.saturating_neg()), customer: None }
    };
    EventRecord { at: line.ordered_at, site: Some(site), happening }
}
