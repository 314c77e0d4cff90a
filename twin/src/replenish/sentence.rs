//! Reasons as sentences for people, in English and Chinese.

use super::lot::LotRule;
use super::plan::Proposal;
use super::position::{Mode, Origin};
use super::reason::{Gate, Limit, Reason, SourceWhy, Together};

/// A name by index.
pub type Name<'a> = &'a dyn Fn(u32) -> Option<String>;

/// What sites, SKUs and suppliers are called; where a name is missing, its number stands for it.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Of sites.
    pub sites: Name<'a>,
    /// Of SKUs.
    pub skus: Name<'a>,
    /// Of suppliers.
    pub suppliers: Name<'a>,
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self { sites: &|_| None, skus: &|_| None, suppliers: &|_| None }
    }
}

/// Languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

fn name(names: Name<'_>, idx: u32, kind: &str) -> String {
    names(idx).unwrap_or_else(|| format!("{kind} {idx}"))
}

fn percent(permille: u32) -> String {
    if permille.is_multiple_of(10) {
        format!("{}", permille / 10)
    } else {
        format!("{}.{}", permille / 10, permille % 10)
    }
}

/// A proposal without names, in English.
#[must_use]
pub fn english(proposal: &Proposal) -> String {
    of_proposal(proposal, Names::default(), Language::English)
}

/// A proposal without names, in Chinese.
#[must_use]
pub fn chinese(proposal: &Proposal) -> String {
    of_proposal(proposal, Names::default(), Language::Chinese)
}

/// What is proposed, and all its reasons, as one paragraph.
#[must_use]
pub fn of_proposal(proposal: &Proposal, names: Names<'_>, language: Language) -> String {
    let (site, sku) = (name(names.sites, proposal.site, "#"), name(names.skus, proposal.sku, "#"));
    let from = of_origin(proposal.origin, names, language);
    let quantity = proposal.quantity;
    let is_purchase = matches!(proposal.origin, Origin::Supplier(_));
    let mut text = match (language, is_purchase) {
        (Language::English, true) => format!("Order {quantity} of {sku} for {site} from {from}."),
        (Language::English, false) => format!("Move {quantity} of {sku} to {site} from {from}."),
        (Language::Chinese, true) => format!("为{site}向{from}订购{sku} {quantity} 件。"),
        (Language::Chinese, false) => format!("从{from}向{site}调拨{sku} {quantity} 件。"),
    };
    for reason in &proposal.reasons {
        if language == Language::English {
            text.push(' ');
        }
        text.push_str(&of_reason(reason, names, language));
    }
    text
}

fn of_origin(origin: Origin, names: Names<'_>, language: Language) -> String {
    match (language, origin) {
        (Language::English, Origin::Warehouse(it)) => format!("warehouse {}", name(names.sites, it, "#")),
        (Language::English, Origin::Neighbour(it)) => format!("neighbour {}", name(names.sites, it, "#")),
        (Language::English, Origin::Supplier(it)) => format!("supplier {}", name(names.suppliers, it, "#")),
        (Language::Chinese, Origin::Warehouse(it)) => format!("仓库{}", name(names.sites, it, "#")),
        (Language::Chinese, Origin::Neighbour(it)) => format!("邻近站点{}", name(names.sites, it, "#")),
        (Language::Chinese, Origin::Supplier(it)) => format!("供应商{}", name(names.suppliers, it, "#")),
    }
}

/// One reason as a sentence.
#[must_use]
pub fn of_reason(reason: &Reason, names: Names<'_>, language: Language) -> String {
    match language {
        Language::English => in_english(reason, names),
        Language::Chinese => in_chinese(reason, names),
    }
}

fn in_english(reason: &Reason, names: Names<'_>) -> String {
    match *reason {
        Reason::Due { mode, next_days } => {
            let what = match mode {
                Mode::Automatic => "ordered automatically",
                Mode::Proposed => "to be approved",
                Mode::Off => "not planned",
            };
            format!("It is due for review today, {what}; the next review is in {next_days} days.")
        }
        Reason::Horizon { lead_days, cover_days } => {
            format!("It comes within {lead_days} days and must last {cover_days} days from then.")
        }
        Reason::Forecast { mean, deviation } => {
            format!("{mean:.1} pieces are expected to be asked for until then, give or take {deviation:.1}.")
        }
        Reason::OnHand(pieces) => format!("On the shelf: {pieces}."),
        Reason::InTransit(pieces) => format!("Under way: {pieces}."),
        Reason::Reserved(pieces) => format!("Promised to others: {pieces}."),
        Reason::Backorders(pieces) => format!("Owed: {pieces}."),
        Reason::Target { pieces, level_permille } => {
            format!("The target is {pieces}, enough in {} % of cases.", percent(level_permille))
        }
        Reason::Need(pieces) => format!("{pieces} are missing."),
        Reason::Source { origin, of, why } => {
            let from = of_origin(origin, names, Language::English);
            match why {
                SourceWhy::Only => format!("The only source is {from}."),
                SourceWhy::Priority => format!("Of {of} sources, {from} has priority."),
                SourceWhy::Cheapest => format!("Of {of} sources, {from} is the cheapest."),
                SourceWhy::TransferFirst => {
                    format!("Of {of} sources, {from} has stock already, before more is bought.")
                }
                SourceWhy::RestOfNeed => format!("The sources before {from} had not enough."),
            }
        }
        Reason::Shared { wanted, given, priority } => {
            format!("There was not enough for all: {given} of {wanted} by priority {priority}.")
        }
        Reason::EconomicLot { from, to } => format!("Raised from {from} to the economic lot of {to}."),
        Reason::PriceBreak { from, to, price_minor } => {
            format!("Raised from {from} to {to}, from where a piece costs {price_minor}.")
        }
        Reason::Rounded { rule, from, to } => {
            let what = match rule {
                LotRule::Min => "the minimum",
                LotRule::Multiple => "a multiple",
                LotRule::Pallet => "a full pallet",
                LotRule::Container => "a full container",
            };
            format!("Rounded from {from} to {what}, {to}.")
        }
        Reason::Joint { why, from, to } => {
            let what = match why {
                Together::Minimum => "reach the supplier's minimum",
                Together::Truck => "fill the truck",
            };
            format!("Raised from {from} to {to} to {what}.")
        }
        Reason::Cut { limit, from, to } => {
            let what = match limit {
                Limit::Source => "what the source has",
                Limit::Supplier => "what the supplier gives",
                Limit::Site => "what the site can take in",
                Limit::Budget => "the budget",
                Limit::Truck => "whole trucks",
                Limit::ShelfLife => "what can be sold before it spoils",
            };
            format!("Cut from {from} to {to} by {what}.")
        }
        Reason::Risk { short_permille, without_permille, short_pieces } => format!(
            "The risk of running out before the next order is {} % (without this one {} %), {short_pieces:.1} pieces short on average.",
            percent(short_permille),
            percent(without_permille)
        ),
    }
}

fn in_chinese(reason: &Reason, names: Names<'_>) -> String {
    match *reason {
        Reason::Due { mode, next_days } => {
            let what = match mode {
                Mode::Automatic => "自动下单",
                Mode::Proposed => "待审批",
                Mode::Off => "不做计划",
            };
            format!("今天为检查日，{what}；{next_days} 天后再次检查。")
        }
        Reason::Horizon { lead_days, cover_days } => {
            format!("货物最迟 {lead_days} 天内到达，到货后须满足 {cover_days} 天的需求。")
        }
        Reason::Forecast { mean, deviation } => {
            format!("其间预计需求 {mean:.1} 件，标准差 {deviation:.1} 件。")
        }
        Reason::OnHand(pieces) => format!("现有库存 {pieces} 件。"),
        Reason::InTransit(pieces) => format!("在途 {pieces} 件。"),
        Reason::Reserved(pieces) => format!("已预留 {pieces} 件。"),
        Reason::Backorders(pieces) => format!("欠货 {pieces} 件。"),
        Reason::Target { pieces, level_permille } => {
            format!("目标库存 {pieces} 件，有 {}% 的把握够用。", percent(level_permille))
        }
        Reason::Need(pieces) => format!("缺 {pieces} 件。"),
        Reason::Source { origin, of, why } => {
            let from = of_origin(origin, names, Language::Chinese);
            match why {
                SourceWhy::Only => format!("{from}是唯一来源。"),
                SourceWhy::Priority => format!("{of} 个来源中{from}优先。"),
                SourceWhy::Cheapest => format!("{of} 个来源中{from}最便宜。"),
                SourceWhy::TransferFirst => format!("{of} 个来源中{from}已有库存，先调拨后采购。"),
                SourceWhy::RestOfNeed => format!("排在{from}之前的来源数量不足。"),
            }
        }
        Reason::Shared { wanted, given, priority } => {
            format!("库存不够分配，按优先级 {priority} 在 {wanted} 件中分得 {given} 件。")
        }
        Reason::EconomicLot { from, to } => format!("由 {from} 件增至经济批量 {to} 件。"),
        Reason::PriceBreak { from, to, price_minor } => {
            format!("由 {from} 件增至 {to} 件，可享单价 {price_minor}。")
        }
        Reason::Rounded { rule, from, to } => {
            let what = match rule {
                LotRule::Min => "最小订购量",
                LotRule::Multiple => "订购倍数",
                LotRule::Pallet => "整托盘",
                LotRule::Container => "整箱柜",
            };
            format!("由 {from} 件按{what}取整为 {to} 件。")
        }
        Reason::Joint { why, from, to } => {
            let what = match why {
                Together::Minimum => "达到供应商起订额",
                Together::Truck => "装满整车",
            };
            format!("为{what}，由 {from} 件增至 {to} 件。")
        }
        Reason::Cut { limit, from, to } => {
            let what = match limit {
                Limit::Source => "该来源的可供量",
                Limit::Supplier => "供应商的供应能力",
                Limit::Site => "站点的收货能力",
                Limit::Budget => "预算",
                Limit::Truck => "整车数量",
                Limit::ShelfLife => "保质期",
            };
            format!("受{what}限制，由 {from} 件减至 {to} 件。")
        }
        Reason::Risk { short_permille, without_permille, short_pieces } => format!(
            "下次到货前断货的风险为 {}%（不订货则为 {}%），平均缺 {short_pieces:.1} 件。",
            percent(short_permille),
            percent(without_permille)
        ),
    }
}

/// Why a position orders nothing, as a sentence.
#[must_use]
pub fn of_gate(gate: Gate, language: Language) -> String {
    let (english, chinese): (&str, &str) = match gate {
        Gate::Off => ("Planning is off here.", "此处不做计划。"),
        Gate::NotDue { days } => {
            return match language {
                Language::English => format!("The next review is in {days} days."),
                Language::Chinese => format!("{days} 天后才检查。"),
            };
        }
        Gate::Enough => ("There is enough.", "库存充足。"),
        Gate::NoSource => ("It has no source.", "没有货源。"),
        Gate::SourcesEmpty => ("No source has enough for its least order.", "各来源的可供量都不够最小订购量。"),
        Gate::SiteFull => ("The site cannot take in its least order.", "站点收货能力不足。"),
        Gate::WouldSpoil => ("Its least order would spoil before it is sold.", "最小订购量在保质期内卖不完。"),
        Gate::BudgetSpent => ("The budget does not reach to its least order.", "预算不足。"),
        Gate::BelowSupplierMinimum => {
            ("All that is needed of the supplier is below its minimum.", "对该供应商的总需求低于其起订要求。")
        }
    };
    match language {
        Language::English => english.to_owned(),
        Language::Chinese => chinese.to_owned(),
    }
}
