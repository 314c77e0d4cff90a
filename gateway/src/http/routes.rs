//! Routes of the day: asked for, and what was found.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::{Kind, Problem};
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use super::what_if::begin;
use crate::control::Request;
use crate::routes::dispatch::give;
use ::twin::Twin;
use ::twin::replan::ReplanRecord;
use axum::http::StatusCode;
use firmware_schemas::api::Page;
use firmware_schemas::api::routes::{
    ActiveRouteView, ActiveStopView, ClosedLaneView, Dispatch, LaneSwitch, ReplanView, RouteProgress, RoutesRequest,
    RoutesView,
};
use firmware_schemas::api::what_if::OperationView;
use firmware_schemas::id::{LaneId, OperationId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::route::RouteStopSpec;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "routes", summary, description };
    api.post_refused_as(
        about(
            "/v1/routes:plan",
            "plan_routes",
            "Look for routes",
            "For the vehicles on the road as they stand, the shipments that wait for one (they have neither a vehicle nor \
             a lane), what is on board already, and work that only the request knows. Goods keep their temperature \
             class, vehicles their capacity; what comes late costs by the hour. Every plan is driven once more by a judge \
             that shares nothing with the search. The answer is an operation: follow it at its `Location`; the routes \
             are at its `result`. Nothing is told to any vehicle.",
        ),
        StatusCode::ACCEPTED,
        Key::Required,
        &[Kind::BadRoutes],
        plan,
    );
    let text = "Each vehicle is told over MQTT where to go first, with what it fetches there; when it answers that it is there, \
        where to go next. A vehicle's route takes the place of the one that it had, and a shipment is taken out of the \
        route of the vehicle that was to bring it before. `stop` holds vehicles and takes their routes from them. The \
        same again changes nothing.";
    let dispatch_it = about("/v1/routes/{id}/dispatch", "dispatch_routes", "Give vehicles their routes", text);
    api.post(dispatch_it, StatusCode::OK, Key::Natural, dispatch);
    let text = "Ways no longer lead over it, and routes that are driven are looked for anew if the configuration says so \
        (`routes.replan`). The same again changes nothing. Gives the lanes that are closed.";
    api.post(
        about("/v1/lanes/{lane}/close", "close_lane", "Close a lane", text),
        StatusCode::OK,
        Key::Natural,
        close_lane,
    );
    let text = "The same again changes nothing. Gives the lanes that are closed.";
    api.post(about("/v1/lanes/{lane}/open", "open_lane", "Open a lane", text), StatusCode::OK, Key::Natural, open_lane);
    let text = "By id.";
    api.get(about("/v1/closed-lanes", "list_closed_lanes", "Lanes that are closed", text), closed_lanes);
    let text =
        "Newest first, the last 100: why it looked, and whether vehicles were given what it found, or a person is to.";
    api.get(about("/v1/replans", "list_replans", "Routes that the plane looked for by itself", text), replans);
    let text = "The newest of each vehicle, with what is done and when the rest is expected.";
    api.get(about("/v1/active-routes", "list_active_routes", "Routes that were given, by vehicle", text), active);
    let text = "Stops with times, loads and lateness, what each shipment emits, and why something is not done.";
    api.get(about("/v1/routes/{id}", "get_routes", "Routes that were found", text), routes);
}

path_params! {
    /// Names routes.
    RoutesPath {
        /// The id of the operation that found them.
        id: OperationId = "7c1b0f7e-2b9d-4b53-9a39-1f0f6a0f3c55",
    }
}

async fn plan(call: Call<(), (), Body1<RoutesRequest>>) -> Result<Answer<OperationView>, Problem> {
    let Call { app, body: Body1(request), idempotency_key, .. } = call;
    let begun = begin(app, request, idempotency_key).await;
    begun.map_err(|why| match why.kind {
        Kind::BadScenario => Problem { kind: Kind::BadRoutes, ..why },
        _ => why,
    })
}

query_params! {
    /// Which routes.
    ActiveQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: VehicleId = "VAN-01",
    }
}

async fn dispatch(call: Call<RoutesPath, (), Body1<Dispatch>>) -> Result<Answer<Page<ActiveRouteView>>, Problem> {
    let Call { app, path, body: Body1(Dispatch { by, vehicles, stop }), .. } = call;
    let id = path.id.clone();
    let found = app.blocking(move |app| Ok(app.what_if.routes(&path.id)?)).await?;
    let published = app.published.load_full();
    let idle = found.repair.iter().flat_map(|repair| &repair.idle);
    let known: Vec<&VehicleId> = found.routes.iter().map(|route| &route.vehicle).chain(idle).collect();
    if let Some(vehicle) = vehicles.iter().find(|it| !known.contains(it)) {
        return Err(Problem::new(Kind::NotFound, format!("vehicle {vehicle} has no route in {id}")));
    }
    let wanted = known.iter().filter(|it| vehicles.is_empty() || vehicles.contains(it));
    let told: Vec<VehicleId> = wanted.map(|it| (*it).clone()).collect();
    // The same again: vehicles may have gone on since, on these very routes.
    let has_it = |vehicle: &VehicleId| published.twin.routes.get(vehicle).is_some_and(|route| route.plan == id);
    if told.is_empty() || !told.iter().any(has_it) {
        let give = give(found, &published.twin, &vehicles, stop, by, Vec::new())?;
        if !give.routes.is_empty() || !give.stopped.is_empty() {
            app.ask(Request::GiveRoutes(Box::new(give))).await?;
        }
    }
    let (published, now) = (app.published.load_full(), app.clock.now());
    let items = told.iter().filter_map(|vehicle| view(&published.twin, vehicle, now)).collect();
    Ok(Page { items, next_cursor: None }.into())
}

path_params! {
    /// Names a lane.
    LanePath {
        /// The lane's id.
        lane: LaneId = "ROAD-LONDON-DAVENTRY",
    }
}

async fn close_lane(call: Call<LanePath, (), Body1<LaneSwitch>>) -> Result<Answer<Page<ClosedLaneView>>, Problem> {
    switch(call, true).await
}

async fn open_lane(call: Call<LanePath, (), Body1<LaneSwitch>>) -> Result<Answer<Page<ClosedLaneView>>, Problem> {
    switch(call, false).await
}

/// Gives the lanes that are closed then.
async fn switch(
    call: Call<LanePath, (), Body1<LaneSwitch>>,
    is_closed: bool,
) -> Result<Answer<Page<ClosedLaneView>>, Problem> {
    let Call { app, path: LanePath { lane }, body: Body1(LaneSwitch { by, reason }), .. } = call;
    app.ask(Request::SwitchLane { lane, is_closed, by, reason }).await?;
    let items = closed(&app.published.load().twin).collect();
    Ok(Page { items, next_cursor: None }.into())
}

query_params! {
    /// Which closed lanes.
    ClosedQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: LaneId = "ROAD-LONDON-DAVENTRY",
    }
}

async fn closed_lanes(call: Call<(), ClosedQuery>) -> Result<Page<ClosedLaneView>, Problem> {
    let Call { app, query, .. } = call;
    let published = app.published.load_full();
    let after = closed(&published.twin).filter(|it| query.cursor.as_ref().is_none_or(|cursor| it.lane > *cursor));
    Ok(collect(query.limit, after, |view| view.lane.to_string()))
}

fn closed(twin: &Twin) -> impl Iterator<Item = ClosedLaneView> {
    twin.closed_lanes.iter().map(|(lane, state)| ClosedLaneView {
        lane: lane.clone(),
        closed_at: state.closed_at,
        by: state.by.as_deref().map(str::to_owned),
        reason: state.reason.as_deref().map(str::to_owned),
    })
}

query_params! {
    /// Which of them.
    ReplanQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 4711,
    }
}

async fn replans(call: Call<(), ReplanQuery>) -> Result<Page<ReplanView>, Problem> {
    let Call { app, query, .. } = call;
    let published = app.published.load_full();
    let before = published.twin.replans.iter().rev().filter(|(record, _)| query.cursor.is_none_or(|it| **record < it));
    let numbered = collect(query.limit, before, |(record, _)| record.to_string());
    let view = |(_, record): (&u64, &ReplanRecord)| ReplanView {
        plan: record.plan.clone(),
        at: record.at,
        causes: record.causes.to_vec(),
        outcome: record.outcome,
    };
    Ok(Page { items: numbered.items.into_iter().map(view).collect(), next_cursor: numbered.next_cursor })
}

async fn active(call: Call<(), ActiveQuery>) -> Result<Page<ActiveRouteView>, Problem> {
    let Call { app, query, .. } = call;
    let (published, now) = (app.published.load_full(), app.clock.now());
    let twin = &published.twin;
    let after = twin.routes.keys().filter(|vehicle| query.cursor.as_ref().is_none_or(|cursor| *vehicle > cursor));
    let views = after.filter_map(|vehicle| view(twin, vehicle, now));
    Ok(collect(query.limit, views, |view| view.vehicle.to_string()))
}

fn view(twin: &Twin, vehicle: &VehicleId, now: Timestamp) -> Option<ActiveRouteView> {
    let route = twin.routes.get(vehicle)?;
    let answered = route.command.as_ref().and_then(|id| twin.commands.get(id)).is_some_and(|it| it.answer.is_some());
    let progress = match () {
        () if route.is_over() => RouteProgress::Over,
        () if route.trouble.is_some() => RouteProgress::Stranded,
        () if answered => RouteProgress::Driving,
        () => RouteProgress::Told,
    };
    let done = route.done as usize;
    let expected = twin.expected_at_stops(vehicle, now);
    let expected_at = |at: usize| expected.get(at.checked_sub(done)?).copied();
    let stop = |(at, stop): (usize, &RouteStopSpec)| ActiveStopView {
        site: stop.site.clone(),
        done: at < done,
        planned_at: stop.arrive_at,
        expected_at: expected_at(at).map(|it| it.at),
        earliest_at: expected_at(at).map(|it| it.earliest_at),
        latest_at: expected_at(at).map(|it| it.latest_at),
        load: stop.load.clone(),
        unload: stop.unload.clone(),
    };
    Some(ActiveRouteView {
        vehicle: vehicle.clone(),
        plan: route.plan.clone(),
        given_at: route.given_at,
        progress,
        trouble: route.trouble.as_deref().map(str::to_owned),
        stops: route.stops.iter().enumerate().map(stop).collect(),
    })
}

async fn routes(call: Call<RoutesPath>) -> Result<RoutesView, Problem> {
    let Call { app, path, .. } = call;
    app.blocking(move |app| Ok(app.what_if.routes(&path.id)?)).await
}
