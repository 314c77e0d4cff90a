//! Plans as a picture: SVG that needs nothing else.

use super::geojson::{NoPlaces, way};
use super::{Case, Places};
use crate::check::{cost_of_routes, location};
use crate::plan::Plan;
use std::fmt::Write;

/// The picture is so wide, and the map in it.
const WIDTH: f64 = 1_200.0;
const MAP: f64 = 900.0;
const MARGIN: f64 = 24.0;
const TOP: f64 = 64.0;

/// Routes listed beside the map; more are counted.
const LISTED: usize = 30;

/// Stops carry their ids up to so many.
const NAMED: usize = 80;

/// Colours that stand apart on white, also for those who see red and green alike (Tol's bright and muted).
const COLOURS: [&str; 12] = [
    "#4477aa", "#ee6677", "#228833", "#aa3377", "#e08a00", "#2ba6cb", "#332288", "#882255", "#117733", "#cc6677",
    "#6f5fb0", "#8a6d1d",
];

/// The colour of a route.
pub(super) fn colour(route: usize) -> &'static str {
    COLOURS[route % COLOURS.len()]
}

/// Draws a plan: routes as lines, depots as squares, stops as dots, jobs without a route as crosses.
///
/// # Errors
/// If nothing says where the locations are.
pub fn write_svg(case: &Case, plan: &Plan) -> Result<String, NoPlaces> {
    let places = on_plane(case)?;
    let used = places.iter().flatten();
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for place in used {
        for k in 0..2 {
            low[k] = low[k].min(place[k]);
            high[k] = high[k].max(place[k]);
        }
    }
    if low[0] > high[0] {
        return Err(NoPlaces::Unknown);
    }
    let span = [high[0] - low[0], high[1] - low[1]].map(|s| s.max(1e-9));
    let room = MAP - 2.0 * MARGIN;
    let scale = (room / span[0]).min(room / span[1]);
    let height = (span[1] * scale + 2.0 * MARGIN + TOP).max(TOP + 120.0 + 18.0 * plan.routes.len().min(LISTED) as f64);
    let shift = (MAP - 2.0 * MARGIN - span[0] * scale) / 2.0;
    let at = |location: usize| {
        let place = places[location]?;
        Some((MARGIN + shift + (place[0] - low[0]) * scale, TOP + MARGIN + (high[1] - place[1]) * scale))
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" font-family=\"system-ui,Helvetica,Arial,sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    head(&mut out, case, plan);
    let n_stops: usize = plan.routes.iter().map(|r| r.visits.len()).sum();
    let radius = if n_stops > 1_000 {
        1.5
    } else if n_stops > 200 {
        2.5
    } else {
        4.0
    };
    let width = if n_stops > 1_000 { 1.0 } else { 2.0 };
    // Failing to write into a string cannot happen; what `write!` gives is passed over by `ok`.
    for (r, route) in plan.routes.iter().enumerate() {
        let points: Vec<(f64, f64)> = way(case, route).into_iter().filter_map(at).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-opacity=\"0.75\" \
             stroke-linejoin=\"round\"/>",
            line.join(" "),
            colour(r)
        )
        .ok();
    }
    for (r, route) in plan.routes.iter().enumerate() {
        writeln!(out, "<g fill=\"{}\">", colour(r)).ok();
        for &visit in &route.visits {
            let Some((x, y)) = at(location(&case.problem, visit)) else { continue };
            writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>").ok();
            if n_stops <= NAMED {
                let id = case.id(visit);
                writeln!(
                    out,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#444\">{id}</text>",
                    x + 5.0,
                    y - 5.0
                )
                .ok();
            }
        }
        out.push_str("</g>\n");
    }
    for &job in &plan.unserved {
        for visit in super::json::visits_of(case, job) {
            let Some((x, y)) = at(location(&case.problem, visit)) else { continue };
            writeln!(
                out,
                "<path d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\" stroke=\"#c00\" stroke-width=\"2\" fill=\"none\"/>",
                x - 4.0,
                y - 4.0
            )
            .ok();
        }
    }
    for depot in case.problem.depots() {
        let Some((x, y)) = at(depot.location) else { continue };
        writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"#222\" stroke=\"#fff\" stroke-width=\"1.5\"/>",
            x - 6.0,
            y - 6.0
        )
        .ok();
    }
    legend(&mut out, case, plan);
    out.push_str("</svg>\n");
    Ok(out)
}

/// Places in a plane, x to the right and y up; those on the earth as they look from above the middle.
fn on_plane(case: &Case) -> Result<Vec<Option<[f64; 2]>>, NoPlaces> {
    match &case.labels.places {
        Places::Unknown => Err(NoPlaces::Unknown),
        Places::Plane(points) => Ok(points.iter().map(|p| Some(p.map(|x| x as f64))).collect()),
        Places::Earth(places) => {
            let known: Vec<f64> = places.iter().flatten().map(|p| p.lat).collect();
            let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
            let narrow = libm::cos(mean.to_radians()).max(0.05);
            Ok(places.iter().map(|p| p.map(|p| [p.lon * narrow, p.lat])).collect())
        }
    }
}

fn head(out: &mut String, case: &Case, plan: &Plan) {
    let totals = cost_of_routes(&case.problem, plan);
    let distance: i64 = plan.routes.iter().map(|r| distance(case, r)).sum();
    let name = if case.name.is_empty() { "Plan" } else { &case.name };
    let unserved = match plan.unserved.len() {
        0 => String::new(),
        n => format!(" · {n} unserved"),
    };
    writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"28\" font-size=\"18\" font-weight=\"600\">{}</text>\n\
         <text x=\"{MARGIN}\" y=\"48\" fill=\"#555\">{} · {} stops{unserved} · cost {} · distance {}</text>",
        escaped(name),
        match plan.routes.len() {
            1 => "1 route".to_owned(),
            n => format!("{n} routes"),
        },
        plan.routes.iter().map(|r| r.visits.len()).sum::<usize>(),
        grouped(case.cost(totals.cost)),
        grouped(distance),
    )
    .ok();
}

fn distance(case: &Case, route: &crate::plan::Route) -> i64 {
    way(case, route).windows(2).map(|w| case.distance(w[0], w[1])).sum()
}

fn legend(out: &mut String, case: &Case, plan: &Plan) {
    let (x, mut y) = (MAP + MARGIN, TOP + 12.0);
    writeln!(out, "<text x=\"{x}\" y=\"{y}\" fill=\"#555\">vehicle · stops · distance</text>").ok();
    for (r, route) in plan.routes.iter().enumerate().take(LISTED) {
        y += 18.0;
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"{:.0}\" width=\"16\" height=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{y}\">{} · {} · {}</text>",
            y - 6.0,
            colour(r),
            x + 24.0,
            case.labels.vehicles[route.vehicle],
            route.visits.len(),
            grouped(distance(case, route)),
        )
        .ok();
    }
    if plan.routes.len() > LISTED {
        let more = plan.routes.len() - LISTED;
        writeln!(out, "<text x=\"{x}\" y=\"{}\" fill=\"#555\">and {more} more</text>", y + 18.0).ok();
    }
}

/// Digits in groups of three.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if number < 0 { format!("−{out}") } else { out }
}

fn escaped(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .map(|c| match c {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            c => c.to_string(),
        })
        .collect()
}
