//! The charts of a report.

use firmware_schemas::quantity::Timestamp;
use std::time::Duration;

use super::figures::{Figure, Line, Verdict};
use super::number::{Style, fixed};
use super::svg::{Anchor, Drawing, Scale, shortened, width};
use super::words::{self, Language};
use crate::experiment::Outcome;
use crate::kernel::{BUCKET_DAYS, SERIES, Stat};
use crate::situation::{Disruption, When};

/// Points of a curve, at most; weeks beyond are taken together.
const POINTS_MAX: u32 = 130;

/// The class of a case's colour.
pub(super) fn colour(case: usize) -> String {
    format!("c{}", if case == 0 { 0 } else { 1 + (case - 1) % 7 })
}

/// A case in [`trade_off`].
pub(super) struct Point<'a> {
    pub(super) case: usize,
    pub(super) name: &'a str,
    pub(super) cost: Figure,
    pub(super) service: Figure,
}

/// Service against cost, with bars of their intervals.
pub(super) fn trade_off(points: &[Point<'_>], cost: &Style, service: &Style, language: Language) -> String {
    let (w, h, left, right, top, bottom) = (760.0, 400.0, 70.0, 24.0, 16.0, 50.0);
    let range = |of: &dyn Fn(&Point) -> Figure, scale: f64| {
        let ends = points.iter().map(of).map(|f| (f.mean * scale, f.half_width.unwrap_or(0.0) * scale));
        let (low, high) = ends.fold((f64::MAX, f64::MIN), |(low, high), (m, h)| (low.min(m - h), high.max(m + h)));
        let room = 0.12 * (high - low);
        (low - room, high + room)
    };
    let x = Scale::nice(range(&|p| p.cost, cost.scale), (left, w - right), 6);
    let mut y = Scale::nice(range(&|p| p.service, service.scale), (h - bottom, top), 5);
    if y.high > 100.0 {
        // No share is above all of it; a little room keeps the point off the edge.
        let room = 0.04 * (100.0 - y.low).max(0.1);
        y = Scale::new((y.low, 100.0 + room), (h - bottom, top));
    }
    let mut out = Drawing::new(w, h);
    let (ticks, step) = x.ticks(6);
    for tick in ticks {
        out.line("grid", (x.at(tick), top), (x.at(tick), h - bottom));
        out.text("tick", (x.at(tick), h - bottom + 17.0), Anchor::Middle, &cost.tick(tick, step, x.high));
    }
    let (ticks, step) = y.ticks(5);
    for tick in ticks {
        out.line("grid", (left, y.at(tick)), (w - right, y.at(tick)));
        out.text("tick", (left - 8.0, y.at(tick) + 4.0), Anchor::End, &service.tick(tick, step, y.high));
    }
    out.line("axis", (left, h - bottom), (w - right, h - bottom));
    out.line("axis", (left, top), (left, h - bottom));
    let say = |kpi| words::name(kpi, language);
    let of_cost = format!("{} ({})", say(crate::experiment::Kpi::TotalCost), cost.unit);
    out.text("label", ((left + w - right) / 2.0, h - 10.0), Anchor::Middle, &of_cost);
    out.text_upwards("label", (16.0, (top + h - bottom) / 2.0), say(crate::experiment::Kpi::FillRate));
    let mut taken: Vec<[f64; 4]> = Vec::new();
    for point in points {
        let colour = colour(point.case);
        let at = (x.at(point.cost.mean * cost.scale), y.at(point.service.mean * service.scale));
        let bar = |f: Figure, style: &Style, scale: &Scale| {
            f.half_width.map(|half| {
                let end = |v: f64| scale.at((v * style.scale).clamp(scale.low, scale.high));
                (end(f.mean - half), end(f.mean + half))
            })
        };
        if let Some((from, to)) = bar(point.cost, cost, &x) {
            out.line(&format!("bar {colour}"), (from, at.1), (to, at.1));
            taken.push([from - 3.0, at.1 - 3.0, to + 3.0, at.1 + 3.0]);
        }
        if let Some((from, to)) = bar(point.service, service, &y) {
            out.line(&format!("bar {colour}"), (at.0, from), (at.0, to));
            taken.push([at.0 - 3.0, to - 3.0, at.0 + 3.0, from + 3.0]);
        }
        taken.push([at.0 - 8.0, at.1 - 8.0, at.0 + 8.0, at.1 + 8.0]);
    }
    for point in points {
        let at = (x.at(point.cost.mean * cost.scale), y.at(point.service.mean * service.scale));
        out.mark(&format!("mark {}", colour(point.case)), at, point.case);
        let name = shortened(point.name, 12.5, 280.0);
        let (place, is_far) = place_label(at, width(&name, 12.5), &taken, [left, top, w - right, h - bottom]);
        if is_far {
            out.line("leader", at, ((place[0] + place[2]) / 2.0, (place[1] + place[3]) / 2.0 + 4.0));
        }
        out.text("point", (place[0], place[3] - 4.0), Anchor::Start, &name);
        taken.push(place);
    }
    out.finish(words::TRADE_OFF.of(language))
}

/// The first place near a point where a label covers nothing, else where it covers least; and whether it is far.
fn place_label((x, y): (f64, f64), w: f64, taken: &[[f64; 4]], within: [f64; 4]) -> ([f64; 4], bool) {
    let h = 16.0;
    let mut best = ([x, y, x + w, y + h], f64::MAX, false);
    for ring in 0..6 {
        let r = 10.0 + 16.0 * f64::from(ring);
        let side = r.min(26.0);
        for (left, top) in [
            (x + r, y - h - 2.0),
            (x + r, y + 2.0),
            (x - r - w, y - h - 2.0),
            (x - r - w, y + 2.0),
            (x - w / 2.0, y - h - side),
            (x - w / 2.0, y + side),
            (x + side, y - h - r),
            (x + side, y + r),
            (x - side - w, y - h - r),
            (x - side - w, y + r),
        ] {
            let place = [left, top, left + w, top + h];
            let cover = |a: &[f64; 4], b: &[f64; 4]| {
                (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
            };
            let outside = w * h - cover(&place, &within);
            let cost = taken.iter().map(|t| cover(&place, t)).sum::<f64>() + 3.0 * outside;
            if cost < best.1 {
                best = (place, cost, ring > 1);
            }
            if cost <= 0.0 {
                return (best.0, best.2);
            }
        }
    }
    (best.0, best.2)
}

/// What a curve over time shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Track {
    Fill,
    /// A mean of the day.
    Mean(Stat),
}

/// Tenth, median and ninetieth percentile by point.
pub(super) type Bands = Vec<Option<[f64; 3]>>;

/// Weeks that one point takes together.
pub(super) fn merged(n_buckets: usize) -> usize {
    n_buckets.div_ceil(POINTS_MAX as usize).max(1)
}

/// Of an echelon by its index in the model, or of all.
pub(super) fn bands(outcome: &Outcome, tier: Option<usize>, track: Track) -> Bands {
    let tally = &outcome.tally;
    let (n, merge) = (tally.n_buckets(), merged(tally.n_buckets()));
    let days = outcome.model.counted_days();
    let tiers = match tier {
        Some(tier) => tier..tier + 1,
        None => 0..outcome.model.tiers().len(),
    };
    let sum = |replication: u32, first: usize, stat: Stat| -> f64 {
        let Some(series) = SERIES.iter().position(|s| *s == stat) else { return 0.0 };
        let buckets = first..(first + merge).min(n);
        let of = |tier: usize| -> i64 { buckets.clone().map(|b| tally.point(replication, tier, b, series)).sum() };
        tiers.clone().map(of).sum::<i64>() as f64
    };
    let point = |first: usize| {
        let until = ((first + merge) as u32 * BUCKET_DAYS).min(days);
        let span = f64::from(until.saturating_sub(first as u32 * BUCKET_DAYS)).max(1.0);
        let values = tally.replications().filter_map(|r| match track {
            Track::Mean(stat) => Some(sum(r, first, stat) / span),
            Track::Fill => {
                let demand = sum(r, first, Stat::Demand);
                (demand > 0.0).then(|| sum(r, first, Stat::ServedAtOnce) / demand)
            }
        });
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| [0.1, 0.5, 0.9].map(|q| quantile(&values, q)))
    };
    (0..n).step_by(merge).map(point).collect()
}

/// Of sorted values, between the nearest two.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = libm::floor(at);
    let (low, high) = (sorted[below as usize], sorted[(below as usize + 1).min(sorted.len() - 1)]);
    low + (high - low) * (at - below)
}

/// One panel of curves over time.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    /// Case and its bands; the last is drawn on top.
    pub(super) cases: &'a [(usize, &'a Bands)],
    /// Of the axis.
    pub(super) range: (f64, f64),
    pub(super) style: &'a Style,
    /// When the first counted day begins.
    pub(super) start: Timestamp,
    pub(super) days: u32,
    pub(super) merge: usize,
    /// From a counted day until another, and what it is.
    pub(super) shaded: &'a [(f64, f64, &'a str)],
}

/// Least and greatest of all bands.
pub(super) fn range<'a>(bands: impl Iterator<Item = &'a Bands>) -> Option<(f64, f64)> {
    bands.flatten().flatten().fold(None, |range, [low, _, high]| {
        let (least, greatest) = range.unwrap_or((*low, *high));
        Some((least.min(*low), greatest.max(*high)))
    })
}

impl Panel<'_> {
    pub(super) fn draw(&self, language: Language) -> String {
        let (w, h, left, right, top, bottom) = (350.0, 190.0, 46.0, 10.0, 26.0, 24.0);
        let mut out = Drawing::new(w, h);
        let scale = self.style.scale;
        let y = Scale::nice((self.range.0 * scale, self.range.1 * scale), (h - bottom, top), 4);
        let x = Scale::new((0.0, f64::from(self.days)), (left, w - right));
        for (from, to, name) in self.shaded {
            let (from, to) = (x.at(*from), x.at(*to));
            out.rectangle("shade", (from, top), (to - from, h - bottom - top), name);
        }
        let (ticks, step) = y.ticks(4);
        for tick in ticks {
            out.line("grid", (left, y.at(tick)), (w - right, y.at(tick)));
            out.text("tick", (left - 6.0, y.at(tick) + 4.0), Anchor::End, &self.style.tick(tick, step, y.high));
        }
        out.line("axis", (left, h - bottom), (w - right, h - bottom));
        let mut free_from = 0.0;
        for (day, label) in dates(self.start, self.days, language) {
            let at = x.at(f64::from(day));
            out.line("axis", (at, h - bottom), (at, h - bottom + 4.0));
            let half = width(&label, 11.0) / 2.0;
            if at - half > free_from && at + half < w {
                out.text("tick", (at, h - bottom + 16.0), Anchor::Middle, &label);
                free_from = at + half + 8.0;
            }
        }
        let day_of = |i: usize| {
            let from = (i * self.merge) as f64 * f64::from(BUCKET_DAYS);
            let to = (((i + 1) * self.merge) as f64 * f64::from(BUCKET_DAYS)).min(f64::from(self.days));
            x.at((from + to) / 2.0)
        };
        for (case, bands) in self.cases {
            let at = |i: usize, v: f64| (day_of(i), y.at(v * scale));
            let colour = colour(*case);
            let band: Vec<_> = bands
                .iter()
                .enumerate()
                .map(|(i, b)| b.map(|[low, _, high]| (day_of(i), at(i, low).1, at(i, high).1)))
                .collect();
            out.band(&format!("band {colour}"), &band);
        }
        for (case, bands) in self.cases {
            let line: Vec<_> = bands
                .iter()
                .enumerate()
                .map(|(i, b)| b.map(|[_, middle, _]| (day_of(i), y.at(middle * scale))))
                .collect();
            let dashes = if *case == 0 && self.cases.len() > 1 { " dashed" } else { "" };
            out.curve(&format!("curve {}{dashes}", colour(*case)), &line);
        }
        let title = shortened(self.title, 12.5, w - 10.0);
        out.text("panel", (4.0, 14.0), Anchor::Start, &title);
        out.finish(self.title)
    }
}

/// Days that an axis of dates shows, with what is written there.
fn dates(start: Timestamp, days: u32, language: Language) -> Vec<(u32, String)> {
    let civil = |day: u32| {
        let text = start.saturating_add(Duration::from_secs(u64::from(day) * 86_400)).to_string();
        let part = |at: std::ops::Range<usize>| text.get(at).and_then(|t| t.parse::<u32>().ok()).unwrap_or(1);
        (text.get(0..4).unwrap_or_default().to_owned(), part(5..7) as usize, part(8..10))
    };
    if days <= 120 {
        let step = [7, 14, 28].into_iter().find(|step| days / step <= 6).unwrap_or(28);
        let of = |day: u32| {
            let (_, month, date) = civil(day);
            (day, words::day(month, date, language))
        };
        return (0..days).step_by(step as usize).map(of).collect();
    }
    let every = [1, 2, 3, 6, 12, 24, 60].into_iter().find(|months| days / 30 / months <= 6).unwrap_or(120);
    let mut has_year = false;
    let firsts = (0..days).filter_map(|day| {
        let (year, month, date) = civil(day);
        let months = year.parse::<usize>().unwrap_or(0) * 12 + month - 1;
        (date == 1 && months.is_multiple_of(every as usize)).then(|| {
            let with_year = !has_year || month == 1;
            has_year = true;
            (day, words::month(&year, month, with_year, language))
        })
    });
    firsts.collect()
}

/// What strikes a case and not the base on given days: from, until and name, by counted day.
pub(super) fn struck<'a>(base: &Outcome, case: &'a Outcome) -> Vec<(f64, f64, &'a str)> {
    let (of_base, of_case) = (&base.model.situation().disruptions, &case.model.situation().disruptions);
    let counted = case.model.counted_days();
    let warm_up = case.model.days() - counted;
    let span = |d: &'a Disruption| match d.when {
        When::Days { from, until } => {
            let (from, until) = (from.max(warm_up) - warm_up, until.max(warm_up).min(warm_up + counted) - warm_up);
            (until > from).then(|| (f64::from(from), f64::from(until), d.name.as_str()))
        }
        When::Random { .. } => None,
    };
    of_case.iter().filter(|d| !of_base.contains(d)).filter_map(span).collect()
}

/// How far a forest of differences reaches to each side, in percent: what most of its intervals need.
pub(super) fn reach(lines: &[Line]) -> f64 {
    let ends = lines.iter().flat_map(|line| line.cases.iter().skip(1)).filter_map(|c| {
        let f = c.relative()?;
        Some((f.mean.abs() + f.half_width.unwrap_or(0.0)) * 100.0)
    });
    let mut ends: Vec<f64> = ends.filter(|e| *e > 0.0).collect();
    ends.sort_by(f64::total_cmp);
    let most = if ends.is_empty() { 1.0 } else { quantile(&ends, 0.65) };
    Scale::nice((0.0, most.max(1e-6)), (0.0, 1.0), 2).high
}

/// Paired differences of a case, as shares of the base.
pub(super) fn forest(lines: &[Line], case: usize, name: &str, reach: f64, language: Language) -> String {
    let rows: Vec<(&Line, Figure)> = lines.iter().filter_map(|l| Some((l, l.cases[case].relative()?))).collect();
    let (w, left, right, top, row) = (520.0, 196.0, 116.0, 28.0, 22.0);
    let foot = top + row * rows.len() as f64;
    let mut out = Drawing::new(w, foot + 26.0);
    let x = Scale::new((-reach, reach), (left, w - right));
    let (ticks, step) = x.ticks(4);
    let style = Style::percent(2);
    for tick in ticks {
        out.line("grid", (x.at(tick), top), (x.at(tick), foot));
        out.text("tick", (x.at(tick), foot + 17.0), Anchor::Middle, &style.tick(tick, step, reach));
    }
    out.line("axis", (x.at(0.0), top - 2.0), (x.at(0.0), foot + 4.0));
    out.text("panel", (4.0, 14.0), Anchor::Start, &shortened(name, 12.5, w - 10.0));
    for (i, (line, figure)) in rows.iter().enumerate() {
        let y = top + row * (i as f64 + 0.5);
        let verdict = line.cases[case].verdict;
        let class = verdict_class(verdict);
        out.text(
            "tick",
            (left - 10.0, y + 4.0),
            Anchor::End,
            &shortened(words::name(line.kpi, language), 11.0, left - 14.0),
        );
        let clip = |v: f64| v.clamp(-reach, reach);
        let (mean, half) = (figure.mean * 100.0, figure.half_width.unwrap_or(0.0) * 100.0);
        out.line(&format!("bar {class}"), (x.at(clip(mean - half)), y), (x.at(clip(mean + half)), y));
        if x.holds(mean) {
            let shape = match verdict {
                Verdict::Better => 0,
                Verdict::Worse => 1,
                Verdict::More | Verdict::Less => 3,
                Verdict::Same | Verdict::Unknown => 0,
            };
            let hollow = if verdict.is_shown() { "mark" } else { "mark hollow" };
            out.mark(&format!("{hollow} {class}"), (x.at(mean), y), shape);
        } else {
            let (tip, back) = if mean > 0.0 { (x.at(reach), -9.0) } else { (x.at(-reach), 9.0) };
            let arrow = [(tip + back, y - 6.0), (tip, y), (tip + back, y + 6.0)].map(Some);
            out.curve(&format!("bar {class}"), &arrow);
        }
        let text = if mean == 0.0 && half == 0.0 {
            "=".to_owned()
        } else if mean >= 1_000.0 {
            format!("× {}", fixed(1.0 + figure.mean, 0, false))
        } else {
            style.difference_of(figure.mean, figure.half_width)
        };
        out.text("tick", (w - right + 10.0, y + 4.0), Anchor::Start, &text);
    }
    out.finish(&format!("{}: {name}", words::DIFFERENCES.of(language)))
}

/// The class of a verdict's colour.
pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::More | Verdict::Less => "changed",
        Verdict::Same | Verdict::Unknown => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_dates_has_few_and_round_ones() {
        let start = Timestamp::from_secs(1_767_571_200).unwrap(); // 2026-01-05
        let labels = |days| dates(start, days, Language::English).into_iter().map(|(_, l)| l).collect::<Vec<_>>();
        assert_eq!(labels(28), ["5 Jan", "12 Jan", "19 Jan", "26 Jan"]);
        assert_eq!(labels(200), ["Feb 2026", "Mar", "Apr", "May", "Jun", "Jul"]);
        assert!(labels(730).iter().any(|label| label == "Jan 2027"));
        assert!(labels(3_650).len() <= 7);
    }

    #[test]
    fn quantiles_lie_between_the_values() {
        assert_eq!(quantile(&[1.0], 0.9), 1.0);
        assert_eq!(quantile(&[0.0, 10.0], 0.1), 1.0);
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 3.0, 4.0], 0.5), 2.0);
    }
}
