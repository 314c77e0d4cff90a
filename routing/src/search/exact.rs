//! The shortest duration of a route whose stops have several windows, where stretches cannot be joined.

use super::model::{Class, Model};

/// The departure, the earliest of the best, and the duration it gives; `None` if no departure is in time.
pub(super) fn shortest(
    model: &Model,
    class: &Class,
    ready: i64,
    departed: Option<i64>,
    stops: &[u32],
) -> Option<(i64, i64)> {
    if let Some(departed) = departed {
        return finish(model, class, departed, stops).map(|end| (departed, end - departed));
    }
    let mut departures = vec![ready];
    let (mut elapsed, mut at) = (0, class.start);
    for &stop in stops {
        let s = &model.stops[stop as usize];
        elapsed += model.duration(at, s.location);
        let several = &model.windows[s.windows.0 as usize..(s.windows.0 + s.windows.1) as usize];
        departures.extend([s.open - elapsed, s.close - elapsed]);
        departures.extend(several.iter().flat_map(|w| [w.start - elapsed, w.end - elapsed]));
        elapsed += s.service;
        at = s.location;
    }
    departures.push(class.finish.start - elapsed - model.duration(at, class.end));
    departures.retain(|d| (ready..=class.leave.end).contains(d));
    departures.sort_unstable();
    departures.dedup();
    let mut best: Option<(i64, i64)> = None;
    for departure in departures {
        if let Some(end) = finish(model, class, departure, stops)
            && best.is_none_or(|(_, duration)| end - departure < duration)
        {
            best = Some((departure, end - departure));
        }
    }
    best
}

fn finish(model: &Model, class: &Class, departure: i64, stops: &[u32]) -> Option<i64> {
    let (mut now, mut at) = (departure, class.start);
    for &stop in stops {
        let s = &model.stops[stop as usize];
        let begin = model.begin(stop, now + model.duration(at, s.location));
        if begin > s.close {
            return None;
        }
        now = begin + s.service;
        at = s.location;
    }
    let end = (now + model.duration(at, class.end)).max(class.finish.start);
    (end <= class.finish.end).then_some(end)
}
