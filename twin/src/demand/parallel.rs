//! Work shared out between threads, with the same result for any number of them.

/// `work(0)`, `work(1)`, … in this order, computed by up to `threads` threads.
pub(super) fn map<T: Send>(n: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.clamp(1, n.max(1));
    if threads == 1 {
        return (0..n).map(work).collect();
    }
    let share = n.div_ceil(threads);
    let range = |part: usize| (part * share).min(n)..((part + 1) * share).min(n);
    let mut parts: Vec<Option<Vec<T>>> = (0..threads).map(|_| None).collect();
    std::thread::scope(|scope| {
        for (part, slot) in parts.iter_mut().enumerate() {
            let (work, range) = (&work, range(part));
            let fill = move || *slot = Some(range.map(work).collect());
            if part + 1 == threads {
                fill();
            } else {
                // Where no thread can be had the slot stays empty, and is filled below.
                let builder = std::thread::Builder::new().name(format!("forecast-{part}"));
                drop(builder.spawn_scoped(scope, fill));
            }
        }
    });
    let parts = parts.into_iter().enumerate();
    parts.flat_map(|(part, values)| values.unwrap_or_else(|| range(part).map(&work).collect())).collect()
}
