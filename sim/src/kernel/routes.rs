//! Ways over lanes, and how long goods that leave on a day take, whatever is closed meanwhile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use firmware_schemas::network::Mode;

use super::model::ranks;
use crate::situation::{Situation, Struck};
use crate::theory::continuous::Gamma;
use crate::theory::distribution::Pmf;

/// Hours that a journey may last; what would take longer does not set out.
const HOURS_MAX: f64 = 24.0 * 730.0;
/// A standard deviation below this is none: it would not move an arrival by a day.
const SD_NONE_H: f64 = 0.5;

/// A disruption at its days in one replication.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Struck1 {
    pub(super) strikes: Struck,
    pub(super) from: u32,
    pub(super) until: u32,
}

/// A way from site to site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    /// Its lanes, in order.
    pub(super) lanes: Vec<u32>,
    /// How far each takes the goods on the day the way was found, detours included.
    metres: Vec<i64>,
    /// Mean and variance of the time under way, in hours and hours², at the speeds of the day it was found.
    mean_h: f64,
    variance_h2: f64,
}

impl Way {
    /// Lanes, and metres on each.
    pub(super) fn legs(&self) -> Vec<(u32, i64)> {
        self.lanes.iter().copied().zip(self.metres.iter().copied()).collect()
    }

    /// The time under way in whole days, at least 1: always the same, or a distribution.
    pub(super) fn lead_days(&self) -> Result<u16, Pmf> {
        let (mean, sd) = (self.mean_h / 24.0, libm::sqrt(self.variance_h2) / 24.0);
        let fixed = || Ok((libm::round(mean) as u16).max(1));
        if sd * 24.0 < SD_NONE_H {
            return fixed();
        }
        let Ok(gamma) = Gamma::from_mean_sd(mean, sd) else { return fixed() };
        let last = libm::ceil(mean + 6.0 * sd) as i64 + 1;
        let mut below = 0.0;
        let weights: Vec<f64> = (1..=last)
            .map(|day| {
                let up_to = if day == last { 1.0 } else { gamma.cdf(day as f64 + 0.5) };
                let weight = (up_to - below).max(0.0);
                below = up_to;
                weight
            })
            .collect();
        match Pmf::from_weights(1, &weights) {
            Ok(pmf) if pmf.weights().len() > 1 => Err(pmf),
            Ok(pmf) => Ok(pmf.min() as u16),
            Err(_) => fixed(),
        }
    }
}

/// Finds ways in one network. Ways are the same for all goods.
pub(super) struct Ways<'a> {
    situation: &'a Situation,
    /// By name, so that of two equally quick ways the same is taken in any order of lanes and sites.
    leaving: Vec<Vec<u32>>,
    ranks: Vec<u32>,
}

/// What a set of disruptions does to sites and lanes.
#[derive(Debug, Default)]
pub(super) struct Closures {
    sites: BTreeMap<u32, Vec<(u32, u32)>>,
    lanes: BTreeMap<u32, Vec<(u32, u32)>>,
    slow: BTreeMap<u32, Vec<(u32, u32, f64)>>,
    detours: BTreeMap<u32, Vec<(u32, u32, f64)>>,
}

impl Closures {
    pub(super) fn of(struck: &[Struck1]) -> Self {
        let mut closures = Self::default();
        for Struck1 { strikes, from, until } in struck {
            let span = (*from, *until);
            match strikes {
                Struck::Site(site) => closures.sites.entry(*site).or_default().push(span),
                Struck::Lane(lane) => closures.lanes.entry(*lane).or_default().push(span),
                Struck::SlowLane(lane, factor) => {
                    closures.slow.entry(*lane).or_default().push((*from, *until, *factor));
                }
                Struck::Detour(lane, factor) => {
                    closures.slow.entry(*lane).or_default().push((*from, *until, *factor));
                    closures.detours.entry(*lane).or_default().push((*from, *until, *factor));
                }
                Struck::LaneCapacity(..) | Struck::SiteCapacity(..) | Struck::Spoils(..) => {}
            }
        }
        closures
    }

    /// Whether any of it is known on `day`: it has begun and is not over.
    fn known_on(&self, day: u32) -> bool {
        let on = |(from, until): &(u32, u32)| (*from..*until).contains(&day);
        self.sites.values().chain(self.lanes.values()).flatten().any(on)
            || self.slow.values().flatten().any(|(from, until, _)| (*from..*until).contains(&day))
    }

    /// Whether it ever touches a way.
    pub(super) fn touch(&self, situation: &Situation, way: &Way, from: u32) -> bool {
        self.sites.contains_key(&from)
            || way.lanes.iter().any(|lane| {
                self.lanes.contains_key(lane)
                    || self.slow.contains_key(lane)
                    || self.sites.contains_key(&situation.lanes[*lane as usize].to)
            })
    }

    /// From when on one may pass, if one comes at `hour`. With `known_on`, only what has begun by that day counts.
    fn opens(spans: Option<&Vec<(u32, u32)>>, hour: f64, known_on: Option<u32>) -> f64 {
        let Some(spans) = spans else { return hour };
        let mut at = hour;
        // Spans may overlap in any order; each pass moves the time past one of them.
        loop {
            let day = (at / 24.0) as u32;
            let known = |from: u32| known_on.is_none_or(|day| from <= day);
            match spans.iter().find(|(from, until)| known(*from) && (*from..*until).contains(&day)) {
                Some((_, until)) => at = f64::from(*until) * 24.0,
                None => return at,
            }
        }
    }

    fn slowness(&self, lane: u32, hour: f64, known_on: Option<u32>) -> f64 {
        Self::factor(self.slow.get(&lane), hour, known_on)
    }

    fn factor(spans: Option<&Vec<(u32, u32, f64)>>, hour: f64, known_on: Option<u32>) -> f64 {
        let day = (hour / 24.0) as u32;
        let known = |from: u32| known_on.is_none_or(|day| from <= day);
        let spans = spans.into_iter().flatten();
        spans.filter(|(from, until, _)| known(*from) && (*from..*until).contains(&day)).map(|span| span.2).product()
    }

    /// When one who comes to the beginning of `lane` at `hour` is at its end, by the mean.
    fn pass(&self, situation: &Situation, lane: u32, hour: f64, known_on: Option<u32>) -> f64 {
        let spec = &situation.lanes[lane as usize];
        let mut at = Self::opens(self.lanes.get(&lane), hour, known_on);
        let every = f64::from(spec.departs_every_days) * 24.0;
        if every > 24.0 {
            at = libm::ceil(at / every) * every;
            at = Self::opens(self.lanes.get(&lane), at, known_on);
        }
        at += spec.lead_time_h * self.slowness(lane, at, known_on);
        Self::opens(self.sites.get(&spec.to), at, known_on)
    }
}

impl<'a> Ways<'a> {
    pub(super) fn new(situation: &'a Situation) -> Self {
        let mut leaving = vec![Vec::new(); situation.sites.len()];
        let mut lanes: Vec<u32> = (0..situation.lanes.len() as u32).collect();
        lanes.sort_by(|a, b| situation.lanes[*a as usize].lane.cmp(&situation.lanes[*b as usize].lane));
        for lane in lanes {
            leaving[situation.lanes[lane as usize].from as usize].push(lane);
        }
        let ranks = ranks(situation.sites.iter().map(|site| &site.site));
        Self { situation, leaving, ranks }
    }

    /// The quickest way for goods that leave at the end of `day`, as one knows then; without air if there is one.
    pub(super) fn find(&self, from: u32, to: u32, day: u32, closures: &Closures) -> Option<Way> {
        self.search(from, to, day, closures, false).or_else(|| self.search(from, to, day, closures, true))
    }

    fn search(&self, from: u32, to: u32, day: u32, closures: &Closures, by_air: bool) -> Option<Way> {
        let mut best: Vec<f64> = vec![f64::INFINITY; self.leaving.len()];
        let mut by: Vec<u32> = vec![u32::MAX; self.leaving.len()];
        let start = f64::from(day + 1) * 24.0;
        let mut open = BinaryHeap::from([(Reverse(start.to_bits()), Reverse(self.ranks[from as usize]), from)]); // positive floats order as bits
        best[from as usize] = start;
        while let Some((Reverse(bits), _, site)) = open.pop() {
            let hour = f64::from_bits(bits);
            if hour > best[site as usize] {
                continue;
            }
            if site == to {
                break;
            }
            for &lane in &self.leaving[site as usize] {
                let spec = &self.situation.lanes[lane as usize];
                if spec.mode == Mode::Air && !by_air {
                    continue;
                }
                let at = closures.pass(self.situation, lane, hour, Some(day));
                if at < best[spec.to as usize] && at - start <= HOURS_MAX {
                    best[spec.to as usize] = at;
                    by[spec.to as usize] = lane;
                    open.push((Reverse(at.to_bits()), Reverse(self.ranks[spec.to as usize]), spec.to));
                }
            }
        }
        if best[to as usize].is_infinite() {
            return None;
        }
        let mut lanes = Vec::new();
        let mut at = to;
        while at != from {
            let lane = by[at as usize];
            lanes.push(lane);
            at = self.situation.lanes[lane as usize].from;
        }
        lanes.reverse();
        let (mut mean_h, mut variance_h2) = (0.0, 0.0);
        for lane in &lanes {
            let spec = &self.situation.lanes[*lane as usize];
            let slowness = closures.slowness(*lane, start, Some(day));
            mean_h += spec.lead_time_h * slowness;
            variance_h2 += spec.lead_time_sd_h * spec.lead_time_sd_h * slowness * slowness;
        }
        let metres = |lane: &u32| {
            let farther = Closures::factor(closures.detours.get(lane), start, Some(day));
            (self.situation.lanes[*lane as usize].distance.0 as f64 * farther) as i64
        };
        Some(Way { metres: lanes.iter().map(metres).collect(), lanes, mean_h, variance_h2 })
    }

    /// Days that goods lose on the way by waiting for departures and closures, when they leave at the end of
    /// `day`; `None` if they would never arrive.
    fn delay(&self, way: &Way, day: u32, closures: &Closures) -> Option<u16> {
        let start = f64::from(day + 1) * 24.0;
        let arrives = way.lanes.iter().fold(start, |at, lane| closures.pass(self.situation, *lane, at, None));
        let lost_h = arrives - start - way.mean_h;
        (arrives - start <= HOURS_MAX).then(|| libm::round(lost_h.max(0.0) / 24.0) as u16)
    }

    /// What happens to goods that leave on each day: the number of their way in `ways`, which grows, and the
    /// days lost; `None` where nothing can leave.
    pub(super) fn timetable(
        &self,
        (from, to): (u32, u32),
        days: u32,
        closures: &Closures,
        ways: &mut Vec<Way>,
    ) -> Vec<Option<(u16, u16)>> {
        let mut usual = None;
        (0..days)
            .map(|day| {
                if closures.sites.get(&from).into_iter().flatten().any(|(a, b)| (*a..*b).contains(&day)) {
                    return None;
                }
                let nr = if closures.known_on(day) || usual.is_none() || self.departures() {
                    let way = self.find(from, to, day, closures)?;
                    let nr = ways.iter().position(|known| *known == way).unwrap_or_else(|| {
                        ways.push(way);
                        ways.len() - 1
                    });
                    if !closures.known_on(day) && !self.departures() {
                        usual = Some(nr);
                    }
                    nr
                } else {
                    usual?
                };
                Some((nr as u16, self.delay(&ways[nr], day, closures)?))
            })
            .collect()
    }

    /// Whether any lane keeps a schedule, so that the best way differs by day.
    fn departures(&self) -> bool {
        self.situation.lanes.iter().any(|lane| lane.departs_every_days > 1)
    }

    /// Whether a way waits for departures.
    pub(super) fn is_scheduled(&self, way: &Way) -> bool {
        way.lanes.iter().any(|lane| self.situation.lanes[*lane as usize].departs_every_days > 1)
    }
}
