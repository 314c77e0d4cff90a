//! The page for people.

use super::summary::Summary;
use sim::experiment::Outcome;
use std::fmt::Write;

/// A page that needs nothing from outside.
pub fn html(summary: &Summary, _outcomes: &[Outcome]) -> String {
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>What if</title>");
    for case in &summary.result.results {
        // Writing to a string cannot fail.
        write!(page, "<h2>{}</h2><p>{}</p><table>", escaped(&case.case), escaped(&case.story)).ok();
        for kpi in &case.kpis {
            let row = format!("<tr><td>{}<td>{} ± {}", kpi.kpi, kpi.mean, kpi.half_width);
            page.push_str(&row);
        }
        page.push_str("</table>");
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
