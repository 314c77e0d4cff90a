//! What was asked for, what is expected, what planners say instead, and how well all that did.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::Problem;
use super::orders::refuse;
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use super::replenishment::forecasts;
use crate::control::{GivenDemand, Request};
use ::twin::Twin;
use ::twin::demand::{Accuracy, Reason};
use ::twin::demand_book::{WEEKS_MAX, Week, day_of, monday, start_of, week_of};
use ::twin::planning::{Forecasts, PositionForecast, Statistics, Total, TotalForecast};
use ::twin::replenish::projection::Unmet;
use ::twin::state::StockIdx;
use axum::http::StatusCode;
use firmware_schemas::api::supply::{
    CalibratedLevel, DecidedView, DemandHistory, DemandView, DemandWeek, ForecastHead, ForecastQuality,
    ForecastValueAdded, ForecastView, ForecastWeek, MethodWeight, OverrideRequest, OverrideView, TotalLevel, TotalView,
    TotalWeek, TunedFamily,
};
use firmware_schemas::api::{Fault, Page};
use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::order::{CUSTOMER_MAX, NOTE_MAX};
use firmware_schemas::quantity::{Pieces, Timestamp};
use firmware_schemas::supply::{AbcClass, OverriddenWeek, UnmetDemand};

/// Weeks that planners say something of at once.
const OVERRIDES_MAX: usize = 53;
/// Histories of one request.
const HISTORIES_MAX: usize = 1_000;
/// Pieces of a week.
const PIECES_MAX: i64 = u32::MAX as i64;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "forecasts", summary, description };
    let text = "Every position of which anything was ever asked.";
    api.get(about("/v1/forecasts", "list_forecasts", "What is expected, in short", text), list);
    let text = "A year ahead, week by week, with the bounds that hold 95 % of cases, what planners say instead, and what \
        it rests on.";
    api.get(about("/v1/forecasts/{site}/{sku}", "get_forecast", "What is expected of a position", text), one);
    let text = "Statistics stay as they are, and both are scored when the weeks are over. `null` takes a week back.";
    let path = "/v1/forecasts/{site}/{sku}/overrides";
    let override_it = about(path, "override_forecast", "Expect otherwise", text);
    api.post(override_it, StatusCode::OK, Key::Natural, override_weeks);
    let text = "Forecast by themselves, and reconciled with their positions, which add up to them. Sites of one kind are \
        added up, since what a warehouse sends to a shop is asked of both. SKUs are left out where there are many.";
    api.get(about("/v1/forecasts:totals", "list_forecast_totals", "What is expected of totals", text), totals);
    let text = "How methods were chosen in the last quarterly tuning, and what planners' numbers added.";
    api.get(about("/v1/forecasts:quality", "get_forecast_quality", "How good forecasts are", text), quality);
    let text = "Week by week, with weeks that do not tell the demand marked. An order counts in the week in which it is \
        wanted; what leaves without one, when it leaves.";
    api.get(about("/v1/demand/{site}/{sku}", "get_demand", "What was asked for", text), demand);
    let text = "Sets weeks before the gateway listened, or corrects them; at most 1,000 positions at once. The next planning run \
        learns from it.";
    let give_it = about("/v1/demand", "give_demand", "Give history", text);
    api.post(give_it, StatusCode::OK, Key::Natural, give);
}

path_params! {
    /// Names a stock position.
    ForecastPath {
        /// The site's id.
        site: SiteId = "RW-GLASGOW",
        /// The SKU's id.
        sku: SkuId = "TEA-01",
    }
}
query_params! {
    /// Which forecasts.
    ForecastQuery {
        /// Only at this site.
        site: SiteId = "RW-GLASGOW",
        /// Only of this SKU.
        sku: SkuId = "TEA-01",
        /// Only of SKUs of this class.
        class: AbcClass = "A",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}

query_params! {
    /// Which totals.
    TotalQuery {
        /// Only of this level.
        level: TotalLevel = "region",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}

fn names(twin: &Twin, at: StockIdx) -> (SiteId, SkuId) {
    let stock = &twin.stock[at.at()];
    (twin.sites[stock.site.at()].spec.site.clone(), twin.skus[stock.sku.at()].sku.clone())
}

async fn list(call: Call<(), ForecastQuery>) -> Result<Page<ForecastHead>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let forecasts = forecasts(&call.app)?;
    let found = forecasts.iter().filter(|(at, _)| query.cursor.is_none_or(|last| u64::from(at.0) > last));
    let found = found.filter_map(|(at, forecast)| {
        let (site, sku) = names(twin, at);
        let class = forecasts.class_of(twin.stock[at.at()].sku);
        let fits = query.site.as_ref().is_none_or(|it| *it == site)
            && query.sku.as_ref().is_none_or(|it| *it == sku)
            && query.class.is_none_or(|it| it == class);
        let sum = |weeks: usize| forecast.mean().iter().take(weeks).map(|it| f64::from(*it)).sum();
        let history_weeks = forecast.history_weeks as u64;
        let (next_4_weeks, next_52_weeks) = (sum(4), sum(52));
        fits.then_some((at, ForecastHead { site, sku, class, history_weeks, next_4_weeks, next_52_weeks }))
    });
    let page = collect(query.limit, found, |(at, _)| at.0.to_string());
    Ok(Page { items: page.items.into_iter().map(|(_, head)| head).collect(), next_cursor: page.next_cursor })
}

fn find(twin: &Twin, path: &ForecastPath) -> Result<StockIdx, Problem> {
    let found = twin.stock_of(&path.site, &path.sku);
    found.ok_or_else(|| Problem::not_found("position", format!("{} of {}", path.sku, path.site)))
}

async fn one(call: Call<ForecastPath>) -> Result<ForecastView, Problem> {
    let published = call.app.published.load_full();
    let at = find(&published.twin, &call.path)?;
    let forecasts = forecasts(&call.app)?;
    let forecast = forecasts.of(at).ok_or_else(|| Problem::not_found("forecast", call.path.sku))?;
    Ok(view(&published.twin, &forecasts, at, forecast))
}

fn view(twin: &Twin, forecasts: &Forecasts, at: StockIdx, forecast: &PositionForecast) -> ForecastView {
    let (site, sku) = names(twin, at);
    let weeks = (forecasts.first_week..).zip(forecast.weeks()).map(|(week, it)| {
        let said = twin.supply.overrides.get(&(at, week));
        let overridden = said.map(|said| OverrideView {
            pieces: Pieces(said.pieces),
            at: said.at,
            by: said.by.as_deref().map(str::to_owned),
            note: said.note.as_deref().map(str::to_owned),
        });
        ForecastWeek {
            week: start_of(monday(week)),
            pieces: said.map_or(it.mean, |said| said.pieces as f64),
            statistical: it.mean,
            low: it.low,
            high: it.high,
            overridden,
        }
    });
    ForecastView {
        site,
        sku,
        class: forecasts.class_of(twin.stock[at.at()].sku),
        history_weeks: forecast.history_weeks as u64,
        weeks: weeks.collect(),
        basis: forecast.reasons().iter().map(in_words).collect(),
    }
}

fn in_words(reason: &Reason) -> String {
    match reason {
        Reason::History { periods } => format!("{periods} weeks of history"),
        Reason::Backtest { windows } => format!("methods compared on {windows} windows of the past"),
        Reason::Weight { method, weight } => format!("{method:?}: {:.0} %", weight * 100.0),
        Reason::Censored { periods, raised } => {
            format!("{periods} weeks without stock, raised by {raised:.1} pieces together")
        }
        Reason::Promoted { periods, lift } => {
            format!("{periods} weeks with a promotion, demand there {lift:.2} times the usual")
        }
    }
}

async fn override_weeks(call: Call<ForecastPath, (), Body1<OverrideRequest>>) -> Result<Answer<ForecastView>, Problem> {
    let Call { app, path, body: Body1(OverrideRequest { by, note, weeks }), .. } = call;
    let published = app.published.load_full();
    let at = find(&published.twin, &path)?;
    let forecasts = forecasts(&app)?;
    let forecast = forecasts.of(at).ok_or_else(|| Problem::not_found("forecast", &path.sku))?;
    let mut faults = Vec::new();
    let mut wrong = |place: String, detail: String| {
        faults.push(Fault { detail, pointer: Some(format!("#{place}")), ..Fault::default() });
    };
    for (place, text, most) in [("/by", &by, CUSTOMER_MAX), ("/note", &note, NOTE_MAX)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            wrong(place.into(), format!("it has more than {most} characters"));
        }
    }
    if !(1..=OVERRIDES_MAX).contains(&weeks.len()) {
        wrong("/weeks".into(), format!("there are {} weeks, not 1 to {OVERRIDES_MAX}", weeks.len()));
    }
    let statistics = forecast.weeks();
    let mut kept = Vec::new();
    for (n, it) in weeks.iter().enumerate() {
        let week: Week = week_of(day_of(it.week));
        let ahead = usize::try_from(i64::from(week) - i64::from(forecasts.first_week)).ok();
        let Some(expected) = ahead.and_then(|ahead| statistics.get(ahead)) else {
            wrong(format!("/weeks/{n}/week"), "it is not one of the 52 weeks that are forecast".into());
            continue;
        };
        if it.pieces.is_some_and(|pieces| !(0..=PIECES_MAX).contains(&pieces.0)) {
            wrong(format!("/weeks/{n}/pieces"), format!("it is not 0 to {PIECES_MAX}"));
            continue;
        }
        let statistical_milli = (expected.mean * 1_000.0).round() as i64;
        kept.push(OverriddenWeek { week: start_of(monday(week)), pieces: it.pieces, statistical_milli });
    }
    refuse(faults)?;
    let (site, sku) = (path.site.clone(), path.sku.clone());
    app.ask(Request::OverrideForecast { site, sku, by, note, weeks: kept }).await?;
    Ok(view(&app.published.load().twin, &forecasts, at, forecast).into())
}

async fn totals(call: Call<(), TotalQuery>) -> Result<Page<TotalView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let forecasts = forecasts(&call.app)?;
    let level = |of: &Total| match of {
        Total::Kind(_) => TotalLevel::Kind,
        Total::Region(..) => TotalLevel::Region,
        Total::Site(_) => TotalLevel::Site,
        Total::Sku(..) => TotalLevel::Sku,
    };
    let found = (0_u64..).zip(forecasts.totals()).filter(|(n, total)| {
        query.cursor.is_none_or(|last| *n > last) && query.level.is_none_or(|it| it == level(&total.of))
    });
    let page = collect(query.limit, found, |(n, _)| n.to_string());
    let view = |(_, total): (u64, &TotalForecast)| {
        let mut view = TotalView { kind: None, country: None, site: None, sku: None, weeks: Vec::new() };
        match &total.of {
            Total::Kind(kind) => view.kind = Some(*kind),
            Total::Region(kind, country) => (view.kind, view.country) = (Some(*kind), Some(country.clone())),
            Total::Site(at) => view.site = Some(twin.sites[at.at()].spec.site.clone()),
            Total::Sku(kind, at) => (view.kind, view.sku) = (Some(*kind), Some(twin.skus[at.at()].sku.clone())),
        }
        let weeks = (forecasts.first_week..).zip(total.forecast.weeks());
        let week = |(week, it): (Week, Statistics)| TotalWeek {
            week: start_of(monday(week)),
            pieces: it.mean,
            low: it.low,
            high: it.high,
        };
        view.weeks = weeks.map(week).collect();
        view
    };
    Ok(Page { items: page.items.into_iter().map(view).collect(), next_cursor: page.next_cursor })
}

async fn quality(call: Call) -> Result<ForecastQuality, Problem> {
    let published = call.app.published.load_full();
    let twin = &published.twin;
    let forecasts = forecasts(&call.app)?;
    let tuned = forecasts.backtests().into_iter().map(|it| {
        let known = |accuracy: &Accuracy| (it.windows > 0).then_some(1.0 - accuracy.wape);
        TunedFamily {
            family: format!("{:?}", it.family).to_lowercase(),
            windows: it.windows as u64,
            accuracy: known(&it.accuracy),
            naive_accuracy: known(&it.naive),
            mase: (it.windows > 0).then_some(it.accuracy.mase),
            methods: it
                .weights
                .iter()
                .map(|(method, weight)| MethodWeight { method: format!("{method:?}"), weight: *weight })
                .collect(),
        }
    });
    let this_week = week_of(day_of(call.app.clock.now()));
    let mut added = ForecastValueAdded { weeks: 0, statistical_error: 0.0, planners_error: 0.0, added: None };
    for ((at, week), said) in twin.supply.overrides.iter().filter(|((_, week), _)| *week < this_week) {
        let Some(asked) = twin.asked_in(*at, *week) else { continue };
        let asked = asked.0 as f64;
        added.weeks += 1;
        added.statistical_error += (said.statistical_milli as f64 / 1_000.0 - asked).abs();
        added.planners_error += (said.pieces as f64 - asked).abs();
    }
    if added.statistical_error > 0.0 {
        added.added = Some((added.statistical_error - added.planners_error) / added.statistical_error);
    }
    let level = |(unmet, shortage_times): (Unmet, Vec<f64>)| {
        let unmet = match unmet {
            Unmet::Lost => UnmetDemand::Lost,
            Unmet::Waits => UnmetDemand::Waits,
        };
        CalibratedLevel { unmet, shortage_times }
    };
    let levels = forecasts.levels().into_iter().map(level).collect();
    Ok(ForecastQuality { tuned: tuned.collect(), overrides: added, levels })
}

async fn demand(call: Call<ForecastPath>) -> Result<DemandView, Problem> {
    let published = call.app.published.load_full();
    let twin = &published.twin;
    let at = find(twin, &call.path)?;
    let today = day_of(call.app.clock.now());
    let mut weeks = Vec::new();
    if let Some(book) = twin.demand.get(&at) {
        let (first, _) = book.weeks();
        for (week, it) in (first..).zip(book.observations(first, week_of(today).saturating_add(1), today)) {
            weeks.push(DemandWeek {
                week: start_of(monday(week)),
                pieces: Pieces(it.demand as i64),
                returned: Pieces(it.returned as i64),
                stocked_out: it.stocked_out,
                promoted: twin.supply.is_promoted(&call.path.site, &call.path.sku, week),
            });
        }
    }
    Ok(DemandView { site: call.path.site, sku: call.path.sku, weeks })
}

async fn give(call: Call<(), (), Body1<Vec<DemandHistory>>>) -> Result<Answer<DecidedView>, Problem> {
    let Call { app, body: Body1(histories), .. } = call;
    let mut faults = Vec::new();
    let mut wrong = |place: String, detail: String| {
        faults.push(Fault { detail, pointer: Some(format!("#{place}")), ..Fault::default() });
    };
    if histories.len() > HISTORIES_MAX {
        wrong(String::new(), format!("there are more than {HISTORIES_MAX}"));
    }
    let now: Timestamp = app.clock.now();
    let this_week = week_of(day_of(now));
    let published = app.published.load_full();
    let mut given = Vec::with_capacity(histories.len());
    for (n, history) in histories.into_iter().take(HISTORIES_MAX).enumerate() {
        let DemandHistory { site, sku, from, pieces, days_out } = history;
        if published.twin.stock_of(&site, &sku).is_none() {
            wrong(format!("/{n}"), format!("there is no position {sku} of {site}"));
        }
        let first = week_of(day_of(from));
        if !(1..=WEEKS_MAX).contains(&pieces.len()) {
            wrong(format!("/{n}/pieces"), format!("there are {} weeks, not 1 to {WEEKS_MAX}", pieces.len()));
        } else if first.saturating_add(pieces.len() as i32) > this_week.saturating_add(1) {
            wrong(format!("/{n}/pieces"), "they reach into the future".into());
        }
        if days_out.len() > pieces.len() || days_out.iter().any(|days| *days > 7) {
            wrong(format!("/{n}/days_out"), "it is 0 to 7 for each of the weeks".into());
        }
        let days = days_out.iter().copied().chain(std::iter::repeat(0));
        let weeks = pieces.iter().copied().zip(days).collect();
        given.push(GivenDemand { site, sku, from: start_of(monday(first)), weeks });
    }
    refuse(faults)?;
    let decided = given.len() as u64;
    app.ask(Request::GiveDemand(given)).await?;
    Ok(DecidedView { decided }.into())
}
