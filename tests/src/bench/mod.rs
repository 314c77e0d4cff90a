//! Benchmarks: every figure stands beside a peer or a bare limit that was measured in the same run.
#![allow(clippy::disallowed_methods)]

mod availability;
mod brunel;
mod eta;
mod forecast;
mod guaranteed_service;
mod influx;
mod ingest;
mod known_answers;
mod network;
mod orders;
mod pipeline;
mod plan;
mod replan;
mod restart;
mod routes;
mod routes_scale;
mod simulate;
mod store;
mod stream;
mod vn2;
mod what_if;
mod year;

use anyhow::Result;
use std::path::PathBuf;

/// One benchmark.
pub struct Bench {
    /// Its name.
    pub name: &'static str,
    /// What it measures.
    pub what: &'static str,
    /// What it needs beside this repository.
    pub needs: &'static str,
    /// Runs it.
    pub run: fn(&Options) -> Result<Vec<Figure>>,
}

/// How to run a benchmark.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Readings or messages to work with; each benchmark has its own default.
    pub n: Option<u64>,
    /// Measure the peers beside us as well.
    pub peers: bool,
    /// A file or folder to work on instead of the benchmark's own.
    pub data: Option<PathBuf>,
    /// Seconds of processor time for each run, for `routes`.
    pub secs: Option<f64>,
    /// A rolling year of real sales instead, for `forecast`.
    pub rolling: bool,
    /// Demand of the weeks to play, for `vn2`.
    pub actuals: Option<PathBuf>,
}

/// All benchmarks.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "ingest",
        what: "MQTT messages a second through the whole path",
        needs: "mosquitto",
        run: ingest::run,
    },
    Bench {
        name: "store",
        what: "readings a second into journal and store; bytes a reading",
        needs: "nothing",
        run: store::run,
    },
    Bench {
        name: "stream",
        what: "milliseconds from publish to visible in the stream",
        needs: "nothing",
        run: stream::run,
    },
    Bench {
        name: "influx",
        what: "readings a second into InfluxDB 2; with --peers beside Telegraf",
        needs: "mosquitto, influxd (tests/peers/influxd.sh); --peers: telegraf (tests/peers/telegraf.sh)",
        run: influx::run,
    },
    Bench {
        name: "restart",
        what: "seconds until ready with ten million readings",
        needs: "nothing",
        run: restart::run,
    },
    Bench {
        name: "network",
        what: "starts and questions with a million stock positions",
        needs: "nothing",
        run: network::run,
    },
    Bench {
        name: "known_answers",
        what: "cases of inventory theory: which are right, and milliseconds for each",
        needs: "shared data, or a file of cases (--data)",
        run: known_answers::run,
    },
    Bench {
        name: "simulate",
        what: "SKU-site-days a second of the simulation kernel",
        needs: "nothing; --peers: stockpyl and SimPy (tests/peers/simulators.sh)",
        run: simulate::run,
    },
    Bench {
        name: "what_if",
        what: "seconds for a what-if of a year, and for a fork of a large twin",
        needs: "shared data, or a folder with the files of the VN2 challenge (--data)",
        run: what_if::run,
    },
    Bench {
        name: "guaranteed_service",
        what: "seconds and gap for the safety stock of real chains, beside known optima",
        needs: "network/willems2008 of the shared data, or --data with stages.csv and arcs.csv",
        run: guaranteed_service::run,
    },
    Bench {
        name: "forecast",
        what: "accuracy and coverage of forecasts of open series; series a second and core",
        needs: "bench/forecast of the shared data, or --data with such files; --peers: statsforecast (tests/peers/forecasters.sh); --rolling: network/vn2",
        run: forecast::run,
    },
    Bench {
        name: "vn2",
        what: "euros that replenishment costs on real sales, beside the organisers' benchmark and usual rules",
        needs: "network/vn2 of the shared data, or --data; --actuals: a file of the played weeks' demand",
        run: vn2::run,
    },
    Bench {
        name: "year",
        what: "40 weeks of real orders in a network under three ways to replenish, at equal fill rates",
        needs: "data/retail of the shared data",
        run: year::run,
    },
    Bench {
        name: "orders",
        what: "orders a second over HTTP, durable and promised; how long one waits",
        needs: "nothing",
        run: orders::run,
    },
    Bench {
        name: "availability",
        what: "checks, splits and reservations a second of what can be promised",
        needs: "nothing",
        run: availability::run,
    },
    Bench {
        name: "plan",
        what: "seconds for a planning run over a million stock positions",
        needs: "nothing",
        run: plan::run,
    },
    Bench {
        name: "routes",
        what: "gaps to best known plans of open routing instances after 10 and 30 s on one core",
        needs: "bench/routing of the shared data, or --data with bks.csv; --n: seeds; --peers: PyVRP, HGS-CVRP, VROOM, OR-Tools (tests/peers/routing.sh)",
        run: routes::run,
    },
    Bench {
        name: "replan",
        what: "seconds for a repair of 200 shipments on the road, and promised times that move",
        needs: "nothing; --n: shipments",
        run: replan::run,
    },
    Bench {
        name: "brunel",
        what: "cost and carbon of a day of real orders beside the plants, ports and carriers they had",
        needs: "data/network/brunel of the shared data, or --data",
        run: brunel::run,
    },
    Bench {
        name: "eta",
        what: "ETA updates of 100,000 vehicles a second, in process",
        needs: "nothing",
        run: eta::run,
    },
    Bench {
        name: "routes_scale",
        what: "time and memory of the route search from 100 to 20,000 customers",
        needs: "nothing; --n: the most customers",
        run: routes_scale::run,
    },
];

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The ratio (or, without a peer, the value) is at least this.
    AtLeast(f64),
    /// … at most this.
    AtMost(f64),
    /// For information.
    None,
}

/// One measured number.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What.
    pub figure: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it is compared with, and how much that was in the same run.
    pub against: Option<(String, f64)>,
    /// What it should be.
    pub goal: Goal,
}

impl Figure {
    /// A figure without a peer.
    pub fn alone(figure: impl Into<String>, value: f64, unit: &'static str, goal: Goal) -> Self {
        Self { figure: figure.into(), value, unit, against: None, goal }
    }

    /// The value over its peer's.
    pub fn ratio(&self) -> Option<f64> {
        self.against.as_ref().map(|(_, peer)| self.value / peer)
    }

    /// True when the goal is met, or there is none.
    pub fn holds(&self) -> bool {
        let judged = self.ratio().unwrap_or(self.value);
        match self.goal {
            Goal::AtLeast(goal) => judged >= goal,
            Goal::AtMost(goal) => judged <= goal,
            Goal::None => true,
        }
    }

    /// A line for people.
    pub fn row(&self) -> String {
        let against = match &self.against {
            Some((peer, value)) => format!("{:.2} × {peer} ({value:.0})", self.value / value),
            None => String::new(),
        };
        let goal = match self.goal {
            Goal::AtLeast(goal) => format!("at least {goal}: {}", if self.holds() { "holds" } else { "MISSED" }),
            Goal::AtMost(goal) => format!("at most {goal}: {}", if self.holds() { "holds" } else { "MISSED" }),
            Goal::None => String::new(),
        };
        format!("{:<58} {:>14.2} {:<12} {against:<44} {goal}", self.figure, self.value, self.unit)
    }

    /// A line for machines.
    pub fn json(&self, bench: &str) -> String {
        let (at_least, at_most) = match self.goal {
            Goal::AtLeast(goal) => (Some(goal), None),
            Goal::AtMost(goal) => (None, Some(goal)),
            Goal::None => (None, None),
        };
        let mut object = serde_json::json!({
            "bench": bench, "figure": self.figure, "value": self.value, "unit": self.unit,
            "against": self.against.as_ref().map(|(peer, value)| format!("{peer}: {value}")),
            "ratio": self.ratio(), "holds": self.holds(),
        });
        if let Some(goal) = at_least {
            object["at_least"] = goal.into();
        }
        if let Some(goal) = at_most {
            object["at_most"] = goal.into();
        }
        object.to_string()
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A new folder for a benchmark, on the disk that `TMPDIR` names.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("portolan-bench-{}-{name}", std::process::id()));
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
