//! Several searches of one problem, on threads of their own. Each anneals by itself; then all have the plans of all and
//! work on their children, and from time to time the best child of each plan goes round. What comes out depends on the
//! seed, the islands and their iterations, and not on the number of threads.

use super::model::Model;
use super::neighbours::Neighbours;
use super::order::Ordered;
use super::{Outcome, Progress, Search, Settings, Tick, driven};
use crate::problem::Problem;

/// What of the budget goes into annealing.
const ANNEALING: f64 = 0.85;

/// How often plans go round in what is left.
const ROUNDS: usize = 4;

/// As [`super::solve`], by several searches at once, each with the iterations of the settings.
///
/// `tick` is asked by every island, for itself. With iterations and no clock the outcome is the same for any number of
/// threads; with a clock every island needs a thread of its own, since the next on its thread finds the time spent.
pub fn solve_on_islands(
    problem: &Problem,
    settings: &Settings,
    n_islands: usize,
    threads: usize,
    tick: &(dyn Fn(&Progress) -> Tick + Sync),
) -> Outcome {
    let settings: Vec<Settings> = (0..n_islands.max(1) as u64)
        .map(|island| Settings {
            seed: settings.seed ^ island.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            chains: Some(1),
            ..settings.clone()
        })
        .collect();
    if problem.has_rules() {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; settings.len()];
        let mut work: Vec<_> = settings.iter().zip(&mut outcomes).collect();
        on_threads(&mut work, threads, |(settings, outcome)| {
            **outcome = Some(driven::solve(problem, settings, &mut |p| tick(p), &mut |_, _| {}));
        });
        let iterations = outcomes.iter().flatten().map(|o| o.iterations).sum();
        let cost = |o: &Outcome| crate::check::check(problem, &o.plan).map_or(i64::MAX, |t| t.cost);
        // Of plans that leave out what must be served, the one that leaves out less.
        let best = outcomes.into_iter().flatten().min_by_key(|o| (cost(o), o.plan.unserved.len()));
        return Outcome { plan: best.map(|o| o.plan).unwrap_or_default(), iterations };
    }
    let ordered = Ordered::new(problem);
    let problem = &*ordered.problem;
    let model = Model::new(problem);
    let near = Neighbours::new(&model, problem);
    let mut islands: Vec<Search<'_>> = settings.iter().map(|s| Search::new(problem, &model, &near, s)).collect();
    let stretch = |from: f64, share: f64| {
        move |search: &mut Search<'_>| {
            let most = search.settings.iterations;
            let end = most.map(|n| (n as f64 * share) as u64);
            let mut ask = |p: &Progress| {
                if end.is_some_and(|end| p.iteration >= end) {
                    return Tick::Stop;
                }
                let spent = match tick(p) {
                    Tick::Stop => return Tick::Stop,
                    Tick::Continue => most.map(|n| p.iteration as f64 / n as f64),
                    Tick::Spent(spent) => Some(spent),
                };
                match spent {
                    Some(spent) if spent >= share => Tick::Stop,
                    Some(spent) => Tick::Spent((spent - from) / (share - from)),
                    None => Tick::Continue,
                }
            };
            search.run(&mut ask, &mut |_, _| {});
        }
    };
    on_threads(&mut islands, threads, stretch(0.0, if n_islands > 1 { ANNEALING } else { 1.0 }));
    if n_islands > 1 {
        islands.iter_mut().for_each(Search::keep);
        let pool: Vec<_> = islands.iter().flat_map(|s| s.pool.iter().cloned()).collect();
        islands.iter_mut().for_each(|search| search.cross(pool.clone()));
        let share = |round: usize| ANNEALING + (1.0 - ANNEALING) * round as f64 / ROUNDS as f64;
        for round in 0..ROUNDS {
            on_threads(&mut islands, threads, stretch(share(round), share(round + 1)));
            let best = |i: usize| islands.iter().map(|s| &s.pool[i]).min_by_key(|e| e.cost).cloned();
            let pool: Vec<_> = (0..pool.len()).filter_map(best).collect();
            islands.iter_mut().for_each(|search| search.cross(pool.clone()));
        }
    }
    let iterations = islands.iter().map(|s| s.iteration).sum();
    let best = islands.iter().min_by_key(|s| s.progress().best_cost);
    Outcome { plan: ordered.plan(best.map(Search::plan).unwrap_or_default()), iterations }
}

/// Does the work on each, on so many threads.
fn on_threads<T: Send>(all: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let each = all.len().div_ceil(threads.max(1)).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        for part in all.chunks_mut(each) {
            scope.spawn(move || part.iter_mut().for_each(work));
        }
    });
}
