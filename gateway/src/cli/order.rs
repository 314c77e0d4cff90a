//! `portolan order …`: what can be promised, orders and reservations.

use super::ask::{At, Gateway, Query, path, read_json};
use super::serve::runtime;
use super::{Configured, Ended, Failure};
use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Map, Value as Json, json};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What could be promised at this moment.
    Check {
        /// The site that serves it.
        #[arg(long)]
        site: String,
        /// What is wanted.
        #[arg(required = true, value_name = "SKU=PIECES", value_parser = line)]
        lines: Vec<(String, u64)>,
        #[command(flatten)]
        at: At,
    },
    /// Take an order; the same again is the same order.
    Take {
        /// Its id in the order system.
        order: String,
        /// The site that serves it.
        #[arg(long)]
        site: String,
        /// Who wants it.
        #[arg(long)]
        customer: Option<String>,
        /// Not before this.
        #[arg(long, value_name = "TIME")]
        wanted_at: Option<String>,
        /// What is wanted.
        #[arg(required = true, value_name = "SKU=PIECES", value_parser = line)]
        lines: Vec<(String, u64)>,
        #[command(flatten)]
        at: At,
    },
    /// Take an order as JSON from a file, or from standard input for `-`.
    TakeFile {
        /// The file.
        file: String,
        #[command(flatten)]
        at: At,
    },
    /// List orders, newest first.
    List {
        /// reserved, open, fulfilled, cancelled, expired or taken_over.
        #[arg(long)]
        status: Option<String>,
        /// Only those that this site serves.
        #[arg(long)]
        site: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Show one.
    Show {
        /// Its id.
        order: String,
        #[command(flatten)]
        at: At,
    },
    /// Cancel one.
    Cancel {
        /// Its id.
        order: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        at: At,
    },
}

fn line(text: &str) -> Result<(String, u64), String> {
    let (sku, pieces) = text.rsplit_once('=').ok_or("not SKU=PIECES")?;
    Ok((sku.to_owned(), pieces.parse().map_err(|_not| "the pieces are no whole number".to_owned())?))
}

fn lines_of(lines: &[(String, u64)]) -> Json {
    lines.iter().map(|(sku, pieces)| json!({ "sku": sku, "pieces": pieces })).collect()
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    runtime()?.block_on(async {
        match command {
            Command::Check { site, lines, at } => {
                let gateway = Gateway::new(configured, at)?;
                let body = json!({ "site": site, "lines": lines_of(lines) });
                gateway.print(&gateway.post("/v1/availability:check", None, &body).await?, in_words)
            }
            Command::Take { order, site, customer, wanted_at, lines, at } => {
                let gateway = Gateway::new(configured, at)?;
                let mut body = Map::new();
                body.insert("order".into(), json!(order));
                body.insert("site".into(), json!(site));
                body.insert("customer".into(), json!(customer));
                body.insert("wanted_at".into(), json!(wanted_at));
                body.insert("lines".into(), lines_of(lines));
                gateway.print(&gateway.post("/v1/orders", Some(order), &body.into()).await?, in_words)
            }
            Command::TakeFile { file, at } => {
                let gateway = Gateway::new(configured, at)?;
                let body = read_json(file)?;
                let key =
                    body["order"].as_str().ok_or_else(|| Failure::Usage(anyhow!("{file} has no member order")))?;
                gateway.print(&gateway.post("/v1/orders", Some(key), &body).await?, in_words)
            }
            Command::List { status, site, at } => {
                let gateway = Gateway::new(configured, at)?;
                let query = Query::new().with("status", status.as_ref()).with("site", site.as_ref());
                let columns = [
                    ("order", "/order"),
                    ("status", "/status"),
                    ("site", "/site"),
                    ("customer", "/customer"),
                    ("taken", "/taken_at"),
                    ("first SKU", "/lines/0/sku"),
                    ("pieces", "/lines/0/pieces"),
                    ("complete", "/lines/0/complete_at"),
                ];
                gateway.print_list(&gateway.list("/v1/orders", query).await?, &columns)
            }
            Command::Show { order, at } => {
                let gateway = Gateway::new(configured, at)?;
                gateway.print(&gateway.get(&path(&["orders", order])).await?, in_words)
            }
            Command::Cancel { order, reason, at } => {
                let gateway = Gateway::new(configured, at)?;
                let path = format!("{}/cancel", path(&["orders", order]));
                gateway.print(&gateway.post(&path, None, &json!({ "reason": reason })).await?, in_words)
            }
        }
    })
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("–")
}

fn in_words(answer: &Json) -> String {
    let mut out = match answer["order"].as_str() {
        Some(order) => format!("{order}: {}, served by {}\n", text(answer, "status"), text(answer, "site")),
        None => {
            let complete = if answer["complete"] == true { "all of it" } else { "not all of it" };
            format!("{complete} can be promised by {}\n", text(answer, "site"))
        }
    };
    for line in answer["lines"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {} of {}, promised {}\n", line["pieces"], text(line, "sku"), line["promised"]));
        for part in line["parts"].as_array().into_iter().flatten() {
            let day = text(part, "at").get(..10).unwrap_or("–");
            let why = text(part, "why").replace('_', " ");
            out.push_str(&format!("    {} on {day} from {} ({why})\n", part["pieces"], text(part, "from")));
        }
    }
    out
}
