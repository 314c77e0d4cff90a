//! Cases of inventory theory with known answers: which of ours are right, how near they are, and how long they take.

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
    let (mut figures, mut right) = (Vec::new(), 0_u32);
    for case in &cases {
        let began = Instant::now();
        let outcome = known_answers::judge(case, &root);
        let millis = began.elapsed().as_secs_f64() * 1e3;
        let verdict = match outcome.verdict {
            Verdict::Right => format!("right, error {:.2} of 1", outcome.error),
            Verdict::Wrong => format!("WRONG, {}", outcome.why),
            Verdict::NotJudged => format!("NOT JUDGED, {}", outcome.why),
        };
        right += u32::from(outcome.verdict == Verdict::Right);
        figures.push(Figure::alone(format!("{}: {verdict}", outcome.name), millis, "ms", Goal::None));
    }
    figures.push(Figure {
        against: Some(("all cases".to_owned(), cases.len() as f64)),
        ..Figure::alone("right answers", f64::from(right), "cases", Goal::AtLeast(1.0))
    });
    Ok(figures)
}
