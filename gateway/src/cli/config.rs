//! `portolan config …`.

use super::{Configured, Ended};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print every key with its value.
    Show {
        /// Say for each key where its value came from.
        #[arg(long)]
        origin: bool,
    },
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    let Command::Show { origin } = command;
    let listed = configured.load(&[])?.listed();
    if configured.json {
        let entries: Vec<_> = listed
            .iter()
            .map(|(key, value, from)| serde_json::json!({"key": key, "value": value, "origin": from.to_string()}))
            .collect();
        println!("{}", serde_json::to_string_pretty(&entries)?);
        return Ok(());
    }
    for (key, value, from) in listed {
        if *origin {
            println!("{key} = {value}  # {from}");
        } else {
            println!("{key} = {value}");
        }
    }
    Ok(())
}
