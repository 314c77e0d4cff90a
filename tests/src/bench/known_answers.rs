//! Cases of inventory theory with known answers: how near our answers are, and how long they take.

use super::{Figure, Goal, Options};
use crate::known_answers::{self, Verdict};
use crate::shared;
use anyhow::Result;
use std::time::Instant;

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let root = shared::root();
    let path = options.data.clone().unwrap_or_else(|| root.join(known_answers::FILE));
    let cases = known_answers::read(&path)?;
    anyhow::ensure!(!cases.is_empty(), "{}: no cases", path.display());
    let (mut figures, mut right, mut millis) = (Vec::new(), 0_u32, 0.0);
    for case in &cases {
        let began = Instant::now();
        let outcome = known_answers::judge(case, &root);
        let took_millis = began.elapsed().as_secs_f64() * 1e3;
        millis += took_millis;
        right += u32::from(outcome.verdict == Verdict::Right);
        let what = if outcome.why.is_empty() { outcome.name } else { format!("{}: {}", outcome.name, outcome.why) };
        let figure = Figure::alone(what, outcome.error, "tolerances", Goal::AtMost(1.0));
        figures.push(Figure { took_millis: Some(took_millis), ..figure });
    }
    figures.push(Figure {
        against: Some(("all cases".to_owned(), cases.len() as f64)),
        took_millis: Some(millis),
        ..Figure::alone("right answers", f64::from(right), "cases", Goal::AtLeast(1.0))
    });
    Ok(figures)
}
