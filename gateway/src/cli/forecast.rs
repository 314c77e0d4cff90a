//! `portolan forecast …`: what will be asked for, and what planners expect instead.

use super::ask::{At, Gateway, Query, path};
use super::serve::runtime;
use super::{Configured, Ended};
use clap::Subcommand;
use serde_json::json;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List positions with what is expected of them.
    List {
        /// Only at this site.
        #[arg(long)]
        site: Option<String>,
        /// Only of this SKU.
        #[arg(long)]
        sku: Option<String>,
        /// A, B or C.
        #[arg(long)]
        class: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// The year ahead of a position, week by week.
    Show {
        /// The site's id.
        site: String,
        /// The SKU's id.
        sku: String,
        #[command(flatten)]
        at: At,
    },
    /// Expect otherwise in a week; without pieces, as statistics do.
    Override {
        /// The site's id.
        site: String,
        /// The SKU's id.
        sku: String,
        /// Any instant of the week, such as 2026-12-21T00:00:00Z.
        week: String,
        /// Pieces.
        pieces: Option<u32>,
        /// Who.
        #[arg(long)]
        by: Option<String>,
        /// Why.
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// How good forecasts are, and what planners add.
    Quality {
        #[command(flatten)]
        at: At,
    },
}

const WEEKS: [(&str, &str); 6] = [
    ("week", "/week"),
    ("pieces", "/pieces"),
    ("statistical", "/statistical"),
    ("low", "/low"),
    ("high", "/high"),
    ("by", "/overridden/by"),
];

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    runtime()?.block_on(async {
        match command {
            Command::List { site, sku, class, at } => {
                let gateway = Gateway::new(configured, at)?;
                let query = Query::new().with("site", site.as_ref()).with("sku", sku.as_ref());
                let items = gateway.list("/v1/forecasts", query.with("class", class.as_ref())).await?;
                let columns = [
                    ("site", "/site"),
                    ("SKU", "/sku"),
                    ("class", "/class"),
                    ("weeks known", "/history_weeks"),
                    ("next 4 weeks", "/next_4_weeks"),
                    ("next year", "/next_52_weeks"),
                ];
                gateway.print_list(&items, &columns)
            }
            Command::Show { site, sku, at } => {
                let gateway = Gateway::new(configured, at)?;
                let forecast = gateway.get(&path(&["forecasts", site, sku])).await?;
                if configured.json {
                    return gateway.print(&forecast, |_| String::new());
                }
                let weeks = forecast["weeks"].as_array().cloned().unwrap_or_default();
                gateway.print_list(&weeks, &WEEKS)?;
                let basis = forecast["basis"].as_array().into_iter().flatten().filter_map(|it| it.as_str());
                gateway.print(&json!(null), |_| format!("\n{}", basis.collect::<Vec<_>>().join("\n")))
            }
            Command::Override { site, sku, week, pieces, by, note, at } => {
                let gateway = Gateway::new(configured, at)?;
                let body = json!({ "by": by, "note": note, "weeks": [{ "week": week, "pieces": pieces }] });
                let path = format!("{}/overrides", path(&["forecasts", site, sku]));
                let forecast = gateway.post(&path, None, &body).await?;
                let weeks = forecast["weeks"].as_array().cloned().unwrap_or_default();
                let said: Vec<_> = weeks.into_iter().filter(|week| !week["overridden"].is_null()).collect();
                gateway.print_list(&said, &WEEKS)
            }
            Command::Quality { at } => {
                let gateway = Gateway::new(configured, at)?;
                gateway.print(&gateway.get("/v1/forecasts:quality").await?, |quality| format!("{quality:#}"))
            }
        }
    })
}
