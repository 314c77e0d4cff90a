//! `portolan network …`.

use super::{Configured, Ended, Failure};
use gateway::network::{NetworkLoadError, load};
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Read a network folder and list everything that is wrong with it.
    Check {
        /// The folder with `network.toml`.
        folder: PathBuf,
    },
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    let Command::Check { folder } = command;
    let network = match load(folder) {
        Ok(network) => network,
        Err(NetworkLoadError::Wrong { errors, .. }) => {
            for error in &errors {
                println!("{error}");
            }
            return Err(Failure::FoundProblems);
        }
        Err(why) => return Err(why.into()),
    };
    let counts = [
        ("sites", network.sites().len()),
        ("lanes", network.lanes().len()),
        ("skus", network.skus().len()),
        ("stock", network.stock().len()),
        ("vehicles", network.vehicles().len()),
        ("devices", network.devices().len()),
        ("demand", network.demand().len()),
        ("shipments", network.shipments().len()),
    ];
    if configured.json {
        let counts: serde_json::Map<_, _> = counts.map(|(name, n)| (name.to_owned(), n.into())).into_iter().collect();
        println!("{}", serde_json::Value::Object(counts));
    } else {
        println!("{}: {}", network.head().tenant, network.head().name);
        for (name, n) in counts {
            println!("{n:>9} {name}");
        }
    }
    Ok(())
}
