//! `portolan stock …`: what is where, and what is free.

use super::ask::{At, Gateway, Query, path};
use super::serve::runtime;
use super::{Configured, Ended};
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The stock of a site.
    Site {
        /// The site's id.
        site: String,
        #[command(flatten)]
        at: At,
    },
    /// The demand of a position, week by week.
    Demand {
        /// The site's id.
        site: String,
        /// The SKU's id.
        sku: String,
        #[command(flatten)]
        at: At,
    },
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    runtime()?.block_on(async {
        match command {
            Command::Site { site, at } => {
                let gateway = Gateway::new(configured, at)?;
                let items = gateway.list(&format!("{}/stock", path(&["sites", site])), Query::new()).await?;
                let columns = [
                    ("SKU", "/sku"),
                    ("on hand", "/on_hand"),
                    ("reserved", "/reserved"),
                    ("in transit", "/in_transit"),
                    ("on order", "/on_order"),
                    ("reorder at", "/reorder_point"),
                    ("up to", "/order_up_to"),
                    ("from", "/source"),
                ];
                gateway.print_list(&items, &columns)
            }
            Command::Demand { site, sku, at } => {
                let gateway = Gateway::new(configured, at)?;
                let demand = gateway.get(&path(&["demand", site, sku])).await?;
                let weeks = demand["weeks"].as_array().cloned().unwrap_or_default();
                let columns = [
                    ("week", "/week"),
                    ("pieces", "/pieces"),
                    ("returned", "/returned"),
                    ("out of stock", "/stocked_out"),
                    ("promotion", "/promoted"),
                ];
                gateway.print_list(&weeks, &columns)
            }
        }
    })
}
