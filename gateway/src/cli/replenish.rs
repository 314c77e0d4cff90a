//! `portolan replenish …`: what to order and why, and what is decided on it.

use super::ask::{At, Gateway, Query, path, read_json};
use super::serve::runtime;
use super::{Configured, Ended};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value as Json, json};

/// A language of sentences.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    En,
    Zh,
}

impl Language {
    fn key(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What to order for a position at this moment, and why.
    Advise {
        /// The site's id.
        site: String,
        /// The SKU's id.
        sku: String,
        /// The language of sentences.
        #[arg(long, value_enum, default_value_t = Language::En)]
        language: Language,
        #[command(flatten)]
        at: At,
    },
    /// Plan now.
    Run {
        #[command(flatten)]
        at: At,
    },
    /// How planning stands.
    Status {
        #[command(flatten)]
        at: At,
    },
    /// List proposals.
    List {
        /// open, approved, rejected or placed.
        #[arg(long)]
        status: Option<String>,
        /// Only for this site.
        #[arg(long)]
        site: Option<String>,
        /// Only of this SKU.
        #[arg(long)]
        sku: Option<String>,
        /// purchase or transfer.
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Say why a proposal is as it is.
    Explain {
        /// Its id.
        id: u64,
        /// The language of sentences.
        #[arg(long, value_enum, default_value_t = Language::En)]
        language: Language,
        #[command(flatten)]
        at: At,
    },
    /// Approve proposals.
    Approve(Decision),
    /// Reject proposals.
    Reject(Decision),
    /// Order what proposals say.
    Place(Decision),
    /// List purchase and transfer orders, newest first.
    Orders {
        /// placed, confirmed, shipped, received or cancelled.
        #[arg(long)]
        status: Option<String>,
        /// purchase or transfer.
        #[arg(long)]
        kind: Option<String>,
        /// Only to this site.
        #[arg(long)]
        to: Option<String>,
        /// Only those that should be there and are not.
        #[arg(long)]
        late: bool,
        #[command(flatten)]
        at: At,
    },
    /// Show the policy; with a file, set it.
    Policy {
        /// A policy as JSON; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        set: Option<String>,
        #[command(flatten)]
        at: At,
    },
}

/// Proposals, and who decides.
#[derive(clap::Args)]
pub(crate) struct Decision {
    /// Their ids.
    #[arg(required = true)]
    ids: Vec<u64>,
    /// Who decides.
    #[arg(long)]
    by: Option<String>,
    /// For people.
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(configured: &Configured, command: &Command) -> Ended {
    runtime()?.block_on(async {
        match command {
            Command::Advise { site, sku, language, at } => {
                let gateway = Gateway::new(configured, at)?;
                let advice = gateway.get(&path(&["replenishment", "advice", site, sku])).await?;
                gateway.print(&advice, |advice| {
                    let texts = advice["proposals"].as_array().into_iter().flatten().map(|it| &it["text"]);
                    let texts = texts.chain(advice.pointer("/held/text"));
                    let texts: Vec<&str> = texts.filter_map(|text| text[language.key()].as_str()).collect();
                    texts.join("\n")
                })
            }
            Command::Run { at } => {
                let gateway = Gateway::new(configured, at)?;
                gateway.print(&gateway.post("/v1/replenishment/planner/run", None, &json!({})).await?, |_| {
                    "a run was asked for; `portolan replenish status` says how it goes".to_owned()
                })
            }
            Command::Status { at } => {
                let gateway = Gateway::new(configured, at)?;
                gateway.print(&gateway.get("/v1/replenishment/planner").await?, status)
            }
            Command::List { status, site, sku, kind, at } => {
                let gateway = Gateway::new(configured, at)?;
                let query = Query::new().with("status", status.as_ref()).with("site", site.as_ref());
                let query = query.with("sku", sku.as_ref()).with("kind", kind.as_ref());
                let columns = [
                    ("id", "/id"),
                    ("status", "/status"),
                    ("site", "/proposal/site"),
                    ("SKU", "/proposal/sku"),
                    ("class", "/proposal/class"),
                    ("pieces", "/proposal/pieces"),
                    ("from", "/proposal/from"),
                    ("due", "/proposal/due_at"),
                    ("cost", "/proposal/cost_minor"),
                ];
                gateway.print_list(&gateway.list("/v1/replenishment/proposals", query).await?, &columns)
            }
            Command::Explain { id, language, at } => {
                let gateway = Gateway::new(configured, at)?;
                let proposal = gateway.get(&path(&["replenishment", "proposals", &id.to_string()])).await?;
                gateway.print(&proposal, |it| it["proposal"]["text"][language.key()].as_str().unwrap_or("–").to_owned())
            }
            Command::Approve(decision) => decide(configured, decision, "approve").await,
            Command::Reject(decision) => decide(configured, decision, "reject").await,
            Command::Place(decision) => decide(configured, decision, "place").await,
            Command::Orders { status, kind, to, late, at } => {
                let gateway = Gateway::new(configured, at)?;
                let query = Query::new().with("status", status.as_ref()).with("kind", kind.as_ref());
                let query = query.with("to", to.as_ref()).with("late", late.then_some("true"));
                let columns = [
                    ("order", "/order"),
                    ("kind", "/kind"),
                    ("status", "/status"),
                    ("from", "/from"),
                    ("to", "/to"),
                    ("due", "/due_at"),
                    ("first SKU", "/lines/0/sku"),
                    ("pieces", "/lines/0/pieces"),
                    ("received", "/lines/0/received"),
                ];
                gateway.print_list(&gateway.list("/v1/supply-orders", query).await?, &columns)
            }
            Command::Policy { set, at } => {
                let gateway = Gateway::new(configured, at)?;
                let policy = match set {
                    Some(file) => gateway.change("/v1/replenishment/policy", Some(&read_json(file)?)).await?,
                    None => gateway.get("/v1/replenishment/policy").await?,
                };
                gateway.print(&policy, |policy| format!("{:#}", policy["policy"]))
            }
        }
    })
}

async fn decide(configured: &Configured, decision: &Decision, verb: &str) -> Ended {
    let Decision { ids, by, note, at } = decision;
    let gateway = Gateway::new(configured, at)?;
    let body = json!({ "ids": ids, "by": by, "note": note });
    let answer = gateway.post(&format!("/v1/replenishment/proposals:{verb}"), None, &body).await?;
    gateway.print(&answer, |answer| match answer["orders"].as_array() {
        Some(orders) => orders.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("\n"),
        None => format!("{} decided", answer["decided"]),
    })
}

fn status(planner: &Json) -> String {
    let at = |key: &str| planner[key].as_str().unwrap_or("–");
    let mut out = format!("{}\n", at("state"));
    out.push_str(&format!("  last plan {}, next {}\n", at("planned_at"), at("next_at")));
    out.push_str(&format!(
        "  {} positions, {} proposals, {} ordered at once\n",
        planner["positions"], planner["proposals"], planner["ordered"]
    ));
    for held in planner["held"].as_array().into_iter().flatten() {
        out.push_str(&format!("  {} held: {}\n", held["positions"], held["why"].as_str().unwrap_or("–")));
    }
    out.push_str(&format!(
        "  {} forecasts from {}, methods tuned on what was known at {}\n",
        planner["forecasts"],
        at("forecast_from"),
        at("tuned_at")
    ));
    if let Some(problem) = planner["problem"].as_str() {
        out.push_str(&format!("  {problem}\n"));
    }
    out
}
