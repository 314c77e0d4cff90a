//! Forecasts of sets of open series from their training parts: accuracy, coverage, and series a second and core.
//!
//! Scores are those of the sets' own `score.py`, scaled ones in percent of their scale. The test part is read after everything has been forecast, and only to
//! score.

mod rolling;

use super::{Figure, Goal, Options};
use crate::shared;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use twin::demand::{Accuracy, Calendar, Forecast, Plan, Score, fill, naive2, tune};

/// A file of series, what its periods are, and what is to be reached.
struct Set {
    name: &'static str,
    calendar: Calendar,
    goal: Reach,
    /// The season of Naive2 and of filling gaps, where it is not that of the file (M4: none for weeks).
    naive_season: Option<usize>,
}

enum Reach {
    Owa(f64),
    Rmsse(f64),
}

const SETS: [Set; 6] = [
    Set { name: "monthly", calendar: Calendar::Months, goal: Reach::Owa(0.82), naive_season: None },
    Set { name: "quarterly", calendar: Calendar::Quarters, goal: Reach::Owa(0.88), naive_season: None },
    Set { name: "weekly", calendar: Calendar::Weeks, goal: Reach::Owa(0.76), naive_season: Some(1) },
    Set { name: "daily", calendar: Calendar::Days, goal: Reach::Owa(0.60), naive_season: None },
    Set { name: "parts_monthly", calendar: Calendar::Months, goal: Reach::Rmsse(0.535), naive_season: None },
    Set { name: "retail_weekly", calendar: Calendar::Weeks, goal: Reach::Rmsse(1.06), naive_season: None },
];

/// Monthly series a second and core, learning the weights included.
const SERIES_A_SECOND: f64 = 2_000.0;
/// 95 % intervals should cover between these.
const COVERAGE: (f64, f64) = (0.93, 0.97);

struct Series {
    id: String,
    season: usize,
    lag: usize,
    horizon: usize,
    train: Vec<f64>,
    test: Vec<f64>,
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    if options.rolling {
        return rolling::run(&options.data.clone().unwrap_or_else(|| shared::root().join("data/network/vn2")));
    }
    let folder = options.data.clone().unwrap_or_else(|| shared::root().join("bench/forecast"));
    let mut figures = Vec::new();
    for set in &SETS {
        let path = folder.join(set.name).with_extension("csv");
        if path.is_file() {
            measure(set, &path, options, &mut figures).with_context(|| path.display().to_string())?;
        }
    }
    ensure!(!figures.is_empty(), "{}: none of the sets is there", folder.display());
    Ok(figures)
}

fn measure(set: &Set, path: &Path, options: &Options, figures: &mut Vec<Figure>) -> Result<()> {
    let series = read(path)?;
    let first = series.first().context("no series")?;
    let plan = Plan::new(set.calendar, first.horizon);
    let panel: Vec<&[f64]> = series.iter().map(|one| &one.train[..]).collect();
    let began = cpu_secs()?;
    let tuned = tune(&panel, &plan);
    let learned = cpu_secs()?;
    let forecasts = tuned.forecast(&panel);
    let done = cpu_secs()?;

    let season = |one: &Series| set.naive_season.unwrap_or(one.season);
    let naive = |one: &Series| naive2(&fill(&one.train, one.season), season(one), one.horizon);
    let base = accuracy(&series, |at| naive(&series[at]));
    let ours = accuracy(&series, |at| forecasts[at].mean().to_vec());
    let name = set.name;
    let owa = ours.owa(&base).context("Naive2 makes no error")?;
    let (what, value, goal) = match set.goal {
        Reach::Owa(goal) => ("OWA, against Naive2", owa, goal),
        Reach::Rmsse(goal) => ("RMSSE, against the naive past", ours.rmsse, goal),
    };
    figures.push(Figure::alone(format!("{name}: {what}"), 100.0 * value, "%", Goal::AtMost(100.0 * goal)));
    figures.push(Figure::alone(format!("{name}: sMAPE"), ours.smape, "%", Goal::None));
    figures.push(Figure::alone(format!("{name}: MASE"), 100.0 * ours.mase, "%", Goal::None));
    if matches!(set.goal, Reach::Rmsse(_)) {
        figures.push(Figure::alone(format!("{name}: error of the total"), 100.0 * ours.cumulative, "%", Goal::None));
    } else {
        figures.push(Figure::alone(format!("{name}: RMSSE"), 100.0 * ours.rmsse, "%", Goal::None));
        figures.push(Figure::alone(format!("{name}: accuracy"), 100.0 * (1.0 - ours.wape), "%", Goal::None));
    }
    figures.push(Figure::alone(format!("{name}: bias"), 100.0 * ours.bias, "%", Goal::None));
    let covered = covered(&series, &forecasts);
    let (low, high) = COVERAGE;
    figures.push(Figure::alone(
        format!("{name}: 95 % intervals cover"),
        100.0 * covered,
        "%",
        Goal::AtLeast(100.0 * low),
    ));
    figures.push(Figure::alone(
        format!("{name}: … and not too much"),
        100.0 * covered,
        "%",
        Goal::AtMost(100.0 * high),
    ));
    let n = series.len() as f64;
    let goal = if name == "monthly" { Goal::AtLeast(SERIES_A_SECOND) } else { Goal::None };
    let speed = |secs: f64| n / secs.max(1e-9);
    figures.push(Figure::alone(format!("{name}: learned and forecast"), speed(done - began), "series/s", goal));
    figures.push(Figure::alone(
        format!("{name}: forecast once learned"),
        speed(done - learned),
        "series/s",
        Goal::None,
    ));
    if options.peers && name == "monthly" {
        peers(path, &series, &base, speed(done - began), options.n, figures)?;
    }
    Ok(())
}

fn accuracy(series: &[Series], forecast: impl Fn(usize) -> Vec<f64>) -> Accuracy {
    let of = |(at, one): (usize, &Series)| Score::new(&fill(&one.train, one.season), one.lag, &one.test, &forecast(at));
    Accuracy::of(&series.iter().enumerate().filter_map(of).collect::<Vec<_>>())
}

/// The share of known test points within their 95 % interval.
fn covered(series: &[Series], forecasts: &[Forecast]) -> f64 {
    let (mut within, mut all) = (0_u32, 0_u32);
    for (one, forecast) in series.iter().zip(forecasts) {
        for (actual, (low, high)) in one.test.iter().zip(forecast.interval(0.95)) {
            if !actual.is_nan() {
                all += 1;
                within += u32::from((low..=high).contains(actual));
            }
        }
    }
    f64::from(within) / f64::from(all.max(1))
}

/// Runs statsforecast on the same series, as many as `n` says, and scores it in the same way.
fn peers(
    path: &Path,
    series: &[Series],
    base: &Accuracy,
    our_speed: f64,
    n: Option<u64>,
    figures: &mut Vec<Figure>,
) -> Result<()> {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers");
    let installed = Command::new(scripts.join("forecasters.sh")).output().context("tests/peers/forecasters.sh")?;
    ensure!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let python = String::from_utf8(installed.stdout)?;
    let n = n.unwrap_or(series.len() as u64);
    let output = Command::new(python.trim())
        .arg(scripts.join("forecasters.py"))
        .arg(path)
        .arg(n.to_string())
        .env("OMP_NUM_THREADS", "1")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut speeds, mut made) = (Vec::new(), BTreeMap::<String, BTreeMap<String, Vec<f64>>>::new());
    for line in String::from_utf8(output.stdout)?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, second, third] = cells[..] else { anyhow::bail!("a line of another shape: {line:?}") };
        match (second.parse::<f64>(), third.parse::<f64>()) {
            (Ok(secs), Ok(count)) => speeds.push((name.to_owned(), count / secs.max(1e-9))),
            _ => drop(made.entry(name.to_owned()).or_default().insert(second.to_owned(), numbers(third)?)),
        }
    }
    for (name, speed) in speeds {
        let against = Some((format!("statsforecast {name}"), speed));
        let figure = format!("monthly: against {name}");
        figures.push(Figure { against, ..Figure::alone(figure, our_speed, "series/s", Goal::None) });
        let of = |at: usize| made.get(&name).and_then(|by_id| by_id.get(&series[at].id)).cloned().unwrap_or_default();
        if n as usize >= series.len() {
            let owa = accuracy(series, of).owa(base).context("Naive2 makes no error")?;
            figures.push(Figure::alone(format!("monthly: OWA of statsforecast {name}"), 100.0 * owa, "%", Goal::None));
        }
    }
    Ok(())
}

/// The processor time of this process so far.
fn cpu_secs() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").context("the processor time of this process")?;
    let nanos: f64 = text.split_whitespace().next().context("no processor time")?.parse()?;
    Ok(nanos / 1e9)
}

fn numbers(text: &str) -> Result<Vec<f64>> {
    text.split(' ').map(|number| number.parse().with_context(|| format!("not a number: {number:?}"))).collect()
}

/// Columns: `series_id, source, category, season, mase_lag, horizon, train, test`.
fn read(path: &Path) -> Result<Vec<Series>> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let column =
        |name: &str| headers.iter().position(|header| header == name).with_context(|| format!("no column {name}"));
    let at = [
        column("series_id")?,
        column("season")?,
        column("mase_lag")?,
        column("horizon")?,
        column("train")?,
        column("test")?,
    ];
    let mut series = Vec::new();
    for record in reader.records() {
        let record = record?;
        let cell = |which: usize| record.get(at[which]).unwrap_or_default();
        series.push(Series {
            id: cell(0).to_owned(),
            season: cell(1).parse()?,
            lag: cell(2).parse()?,
            horizon: cell(3).parse()?,
            train: numbers(cell(4))?,
            test: numbers(cell(5))?,
        });
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: what `score.py` beside the sets prints for seasonal naive and Naive2.
    #[track_caller]
    fn check(actual: f64, expected: f64) {
        assert!((actual / expected - 1.0).abs() < 1e-12, "{actual}, not {expected}");
    }

    #[test]
    fn scores_are_those_of_the_sets_own_script() {
        let Some(folder) = shared::folder("scores_are_those_of_the_sets_own_script", "bench/forecast") else { return };
        let series = read(&folder.join("daily.csv")).expect("a set");
        let filled: Vec<Vec<f64>> = series.iter().map(|one| fill(&one.train, one.season)).collect();
        let last_season = |at: usize| {
            let (y, one) = (&filled[at], &series[at]);
            (0..one.horizon).map(|step| y[y.len() - one.season + step % one.season]).collect()
        };
        let seasonal = accuracy(&series, last_season);
        check(seasonal.smape, 27.214_808_149_750_59);
        check(seasonal.mase, 1.058_298_047_678_273_5);
        check(seasonal.rmsse, 0.735_866_631_889_551);
        check(seasonal.cumulative, 0.414_127_896_167_713_84);
        check(100.0 * (1.0 - seasonal.wape), 77.158_185_816_062_34);
        check(100.0 * seasonal.bias, -4.069_386_006_612_335);
        let base = accuracy(&series, |at| naive2(&filled[at], series[at].season, series[at].horizon));
        check(base.smape, 36.451_125_850_797_69);
        check(base.mase, 1.391_577_138_983_712);
        check(seasonal.owa(&base).expect("Naive2 errs"), 0.753_556_759_261_091);
    }
}
