//! Pages for people and the table for other programs, made once, when an experiment is done.

use super::cases::Case;
use firmware_schemas::api::what_if::{PageLanguage, WhatIfHead};
use sim::experiment::Outcome;
use sim::report::{About, Language};

/// A page that needs nothing from outside.
pub fn html(head: &WhatIfHead, cases: &[Case], outcomes: &[Outcome], language: PageLanguage) -> String {
    let (language, title, made) = match language {
        PageLanguage::En => (Language::English, "What if", "in the state after record"),
        PageLanguage::Zh => (Language::Chinese, "假设分析", "日志记录"),
    };
    let (names, stories): (Vec<String>, Vec<String>) = match language {
        Language::English => cases.iter().map(|case| (case.name.clone(), case.story.clone())).unzip(),
        Language::Chinese => cases.iter().map(|case| case.in_chinese.clone()).unzip(),
    };
    let renamed = outcomes.iter().zip(&names).map(|(outcome, name)| Outcome { name: name.clone(), ..outcome.clone() });
    let outcomes: Vec<Outcome> = renamed.collect();
    let changed: Vec<&str> = names.iter().skip(1).map(String::as_str).collect();
    let title = if changed.is_empty() { title.to_owned() } else { format!("{title}: {}", changed.join(", ")) };
    let from = match head.revision {
        Some(revision) => format!("{}, {made} {revision}", head.start),
        None => head.start.to_string(),
    };
    let about = About { title, stories, made_at: head.ended_at.to_string(), from, seed: head.seed, language };
    sim::report::html(&outcomes, &about)
}

/// Every figure by case, part and, of the whole network, replication.
pub fn csv(outcomes: &[Outcome]) -> String {
    sim::report::csv(&sim::report::rows(outcomes))
}
