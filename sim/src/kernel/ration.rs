//! Dividing too little among many.

/// What one of those who ask wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) pieces: i32,
    /// The smaller number comes first.
    pub(super) priority: u8,
}

/// Divides `available` by a rule of [`super::model::NodeShape::allocation`]. Nobody gets more than he wants, and
/// nothing is left over while anybody wants more.
pub(super) fn ration(rule: u8, available: i32, wants: &[Want], given: &mut [i32]) {
    let wanted: i64 = wants.iter().map(|want| i64::from(want.pieces)).sum();
    if wanted <= i64::from(available) {
        wants.iter().zip(given).for_each(|(want, given)| *given = want.pieces);
        return;
    }
    match rule {
        1 => by_priority(available, wants, given),
        2 => evenly(available, wants, given),
        _ => in_proportion(available, wants, given),
    }
}

/// Floor of each exact share, then one piece each by largest remainder, ties to the first. The sum of what is
/// wanted may be less than what is divided: then these are shares of a whole.
pub(super) fn in_proportion(available: i32, wants: &[Want], given: &mut [i32]) {
    let all: i64 = wants.iter().map(|want| i64::from(want.pieces)).sum();
    if all == 0 {
        return;
    }
    let exact = |want: &Want| i64::from(want.pieces) * i64::from(available);
    let mut left = available;
    for (want, given) in wants.iter().zip(given.iter_mut()) {
        *given = (exact(want) / all) as i32;
        left -= *given;
    }
    // Fewer are left than there are who want: a walk for each is quicker than sorting.
    for _ in 0..left {
        let rest = |i: usize| exact(&wants[i]) % all;
        let open = |i: &usize| i64::from(given[*i]) == exact(&wants[*i]) / all;
        let first = (0..wants.len()).filter(open).reduce(|first, i| if rest(i) > rest(first) { i } else { first });
        let Some(first) = first else { return };
        given[first] += 1;
    }
}

fn by_priority(available: i32, wants: &[Want], given: &mut [i32]) {
    let mut left = available;
    let mut classes: Vec<u8> = wants.iter().map(|want| want.priority).collect();
    classes.sort_unstable();
    classes.dedup();
    for class in classes {
        let of_class = |want: &Want| Want { pieces: if want.priority == class { want.pieces } else { 0 }, ..*want };
        let these: Vec<Want> = wants.iter().map(of_class).collect();
        let mut part = vec![0; wants.len()];
        ration(0, left, &these, &mut part);
        left -= part.iter().sum::<i32>();
        given.iter_mut().zip(part).for_each(|(given, part)| *given += part);
    }
}

/// So that the largest of what is left open is as small as can be.
fn evenly(available: i32, wants: &[Want], given: &mut [i32]) {
    let over = |level: i32| wants.iter().map(|want| i64::from((want.pieces - level).max(0))).sum::<i64>();
    let (mut enough, mut too_low) = (wants.iter().map(|want| want.pieces).max().unwrap_or(0), -1);
    while enough - too_low > 1 {
        let middle = too_low + (enough - too_low) / 2;
        if over(middle) <= i64::from(available) { enough = middle } else { too_low = middle }
    }
    let mut left = available;
    for (want, given) in wants.iter().zip(given.iter_mut()) {
        *given = (want.pieces - enough).max(0);
        left -= *given;
    }
    for (want, given) in wants.iter().zip(given.iter_mut()) {
        if left > 0 && *given < want.pieces && want.pieces >= enough {
            *given += 1;
            left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: u8, available: i32, wants: &[(i32, u8)], expected: &[i32]) {
        let wants: Vec<Want> =
            wants.iter().map(|(pieces, priority)| Want { pieces: *pieces, priority: *priority }).collect();
        let mut given = vec![0; wants.len()];
        ration(rule, available, &wants, &mut given);
        assert_eq!(given, expected, "rule {rule}, {available} of {wants:?}");
    }

    #[test]
    fn shortages_are_divided_by_rule() {
        check(0, 100, &[(60, 1), (50, 1)], &[55, 45]);
        check(0, 10, &[(5, 0), (5, 0), (5, 0)], &[4, 3, 3]);
        check(0, 20, &[(5, 0), (5, 0)], &[5, 5]);
        check(1, 100, &[(60, 1), (50, 1), (40, 2)], &[55, 45, 0]);
        check(1, 100, &[(60, 2), (50, 1), (40, 3)], &[50, 50, 0]);
        check(2, 10, &[(10, 0), (4, 0)], &[8, 2]);
        check(2, 3, &[(2, 0), (2, 0)], &[2, 1]);
    }
}
