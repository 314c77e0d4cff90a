//! Routes of the day: asked for, and what was found.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::{Kind, Problem};
use super::params::path_params;
use super::what_if::begin;
use axum::http::StatusCode;
use firmware_schemas::api::routes::{RoutesRequest, RoutesView};
use firmware_schemas::api::what_if::OperationView;
use firmware_schemas::id::OperationId;

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

async fn routes(call: Call<RoutesPath>) -> Result<RoutesView, Problem> {
    let Call { app, path, .. } = call;
    app.blocking(move |app| Ok(app.what_if.routes(&path.id)?)).await
}
