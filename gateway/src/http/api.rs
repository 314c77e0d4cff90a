//! The table of endpoints: each is declared once, and both the router and the OpenAPI document follow.
//!
//! A handler is an async function from a [`Call`] to a value or a [`Problem`]; it knows nothing of axum. Its
//! parameter and return types say what is read and written, so the document cannot drift from the code.

use super::App;
use super::error::{Kind, Problem};
use super::params::{Params, Raw};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// One request, read and checked.
pub(super) struct Call<P = (), Q = (), B = ()> {
    pub(super) app: Arc<App>,
    pub(super) path: P,
    pub(super) query: Q,
    pub(super) body: B,
    /// The header `Idempotency-Key`, on requests that change something.
    pub(super) idempotency_key: Option<String>,
}

/// What a request that changes something is answered with.
pub(super) struct Answer<R> {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: R,
}

impl<R> From<R> for Answer<R> {
    fn from(body: R) -> Self {
        Self { status: StatusCode::OK, location: None, body }
    }
}

/// What is changed as a whole, by those who have seen its newest version.
pub(super) trait Versioned {
    /// 0 while there is none.
    fn version(&self) -> u64;
}

/// How something versioned is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// `PUT`: replaced.
    Replace,
    /// `DELETE`: taken back.
    TakeBack,
}

/// What the document says about an endpoint, beyond its types.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) path: &'static str,
    /// The operation's id, a verb and a noun.
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    /// One line.
    pub(super) summary: &'static str,
    /// The rest.
    pub(super) description: &'static str,
}

/// The body of a request, or none.
pub(super) trait Input: Sized + Send + 'static {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Problem>;
    fn document(schemas: &mut SchemaGenerator) -> Option<Json>;
}

/// No body; what is sent is ignored.
impl Input for () {
    fn read(_: &HeaderMap, _: &Bytes) -> Result<Self, Problem> {
        Ok(())
    }

    fn document(_: &mut SchemaGenerator) -> Option<Json> {
        None
    }
}

/// A body of JSON.
pub(super) struct Body1<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for Body1<T> {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Problem> {
        let (content_type, essence) = content_type(headers);
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            let detail = format!("the body must be application/json, not {content_type:?}");
            return Err(Problem::new(Kind::UnsupportedMediaType, detail));
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut reader)
            .map_err(|why| Problem::body(&pointer(why.path()), why.inner().to_string()))?;
        reader.end().map_err(|why| Problem::body("", why.to_string()))?;
        Ok(Self(value))
    }

    fn document(schemas: &mut SchemaGenerator) -> Option<Json> {
        Some(schemas.subschema_for::<T>().to_value())
    }
}

/// The header `Content-Type`, and what of it says the type, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> (&str, String) {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (text, text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// A path into a document as a JSON pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Collects endpoints.
pub(super) struct Api {
    router: Router<Arc<App>>,
    paths: Map<String, Json>,
    answers: SchemaGenerator,
    inputs: SchemaGenerator,
}

const SCHEMAS: &str = "/components/schemas";

impl Api {
    pub(super) fn new() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = SCHEMAS.into());
        Self {
            router: Router::new(),
            paths: Map::new(),
            answers: settings().for_serialize().into_generator(),
            inputs: settings().for_deserialize().into_generator(),
        }
    }

    /// `GET`, answered with JSON and an entity tag.
    pub(super) fn get<P, Q, R, F, Answered>(&mut self, about: About, handler: F)
    where
        P: Params,
        Q: Params,
        R: Serialize + JsonSchema + Send + 'static,
        F: Fn(Call<P, Q>) -> Answered + Clone + Send + Sync + 'static,
        Answered: Future<Output = Result<R, Problem>> + Send + 'static,
    {
        let route = get(move |State(app): State<Arc<App>>, request: Request| async move {
            let (mut parts, _) = request.into_parts();
            let (path, query) = read_params(&mut parts).await?;
            let answer = handler(Call { app, path, query, body: (), idempotency_key: None }).await?;
            json_with_tag(&parts.headers, &answer)
        });
        let schema = self.answers.subschema_for::<R>().to_value();
        let mut operation = self.operation::<P, Q>(about);
        let ok = json!({
            "description": "As asked for.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            "content": { "application/json": { "schema": schema } },
        });
        let responses = problems(P::names().len(), &[]);
        operation.insert("responses".into(), with(responses, [("200", ok), ("304", not_modified())]));
        self.add(about, "get", operation, route);
    }

    /// `GET` of something versioned: its tag is what a change must name.
    pub(super) fn get_versioned<P, R, F, Answered>(&mut self, about: About, handler: F)
    where
        P: Params,
        R: Versioned + Serialize + JsonSchema + Send + 'static,
        F: Fn(Call<P>) -> Answered + Clone + Send + Sync + 'static,
        Answered: Future<Output = Result<R, Problem>> + Send + 'static,
    {
        let route = get(move |State(app): State<Arc<App>>, request: Request| async move {
            let (mut parts, _) = request.into_parts();
            let (path, ()) = read_params(&mut parts).await?;
            let answer = handler(Call { app, path, query: (), body: (), idempotency_key: None }).await?;
            versioned(&answer)
        });
        let schema = self.answers.subschema_for::<R>().to_value();
        let mut operation = self.operation::<P, ()>(about);
        let ok = json!({
            "description": "As asked for.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            "content": { "application/json": { "schema": schema } },
        });
        operation.insert("responses".into(), with(problems(P::names().len(), &[]), [("200", ok)]));
        self.add(about, "get", operation, route);
    }

    /// `PUT` or `DELETE` of something versioned, with the header `If-Match`. The handler is told the version that
    /// was seen.
    pub(super) fn change<P, B, R, F, Answered>(&mut self, about: About, change: Change, handler: F)
    where
        P: Params,
        B: Input,
        R: Versioned + Serialize + JsonSchema + Send + 'static,
        F: Fn(Call<P, (), B>, u64) -> Answered + Clone + Send + Sync + 'static,
        Answered: Future<Output = Result<R, Problem>> + Send + 'static,
    {
        let handle = move |State(app): State<Arc<App>>, request: Request| async move {
            let (mut parts, body) = request.into_parts();
            let (path, ()) = read_params(&mut parts).await?;
            let seen = seen_version(&parts.headers)?;
            let bytes = read_body(body, app.limits.body_bytes_max).await?;
            let body = B::read(&parts.headers, &bytes)?;
            let answer = handler(Call { app, path, query: (), body, idempotency_key: None }, seen).await?;
            versioned(&answer)
        };
        let (method, route) = match change {
            Change::Replace => ("put", put(handle)),
            Change::TakeBack => ("delete", delete(handle)),
        };
        let schema = self.answers.subschema_for::<R>().to_value();
        let input = B::document(&mut self.inputs);
        let mut operation = self.operation::<P, ()>(about);
        if let Some(Json::Array(parameters)) = operation.get_mut("parameters") {
            parameters.push(json!({
                "name": "If-Match",
                "in": "header",
                "required": true,
                "description": "The `ETag` of what is to be changed, as it was read.",
                "schema": { "type": "string", "pattern": "^\"v[0-9]{1,18}\"$" },
                "example": "\"v0\"",
            }));
        }
        if let Some(schema) = &input {
            let content = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
            operation.insert("requestBody".into(), content);
        }
        let ok = json!({
            "description": "Done, and durable.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            "content": { "application/json": { "schema": schema } },
        });
        let mut kinds = vec![Kind::CrossSite, Kind::Conflict, Kind::Changed, Kind::Unconditional, Kind::BadHeader];
        kinds.push(Kind::TooLarge);
        if input.is_some() {
            kinds.extend([Kind::BadBody, Kind::UnsupportedMediaType]);
        }
        operation.insert("responses".into(), with(problems(P::names().len(), &kinds), [("200", ok)]));
        self.add(about, method, operation, route);
    }

    /// `GET`, answered by an axum handler with something other than one JSON value.
    pub(super) fn get_raw<P: Params, Q: Params>(
        &mut self,
        about: About,
        responses: Json,
        route: MethodRouter<Arc<App>>,
    ) {
        let mut operation = self.operation::<P, Q>(about);
        let own = responses.as_object().cloned().unwrap_or_default();
        let mut all = problems(P::names().len(), &[]);
        if let Some(all) = all.as_object_mut() {
            all.extend(own);
        }
        operation.insert("responses".into(), all);
        self.add(about, "get", operation, route);
    }

    /// `POST`.
    pub(super) fn post<P, B, R, F, Answered>(&mut self, about: About, success: StatusCode, key: Key, handler: F)
    where
        P: Params,
        B: Input,
        R: Serialize + JsonSchema + Send + 'static,
        F: Fn(Call<P, (), B>) -> Answered + Clone + Send + Sync + 'static,
        Answered: Future<Output = Result<Answer<R>, Problem>> + Send + 'static,
    {
        self.post_refused_as(about, success, key, &[], handler);
    }

    /// `POST` with kinds of problems that not every `POST` has.
    pub(super) fn post_refused_as<P, B, R, F, Answered>(
        &mut self,
        about: About,
        success: StatusCode,
        key: Key,
        more: &[Kind],
        handler: F,
    ) where
        P: Params,
        B: Input,
        R: Serialize + JsonSchema + Send + 'static,
        F: Fn(Call<P, (), B>) -> Answered + Clone + Send + Sync + 'static,
        Answered: Future<Output = Result<Answer<R>, Problem>> + Send + 'static,
    {
        let route = post(move |State(app): State<Arc<App>>, request: Request| async move {
            let (mut parts, body) = request.into_parts();
            let (path, ()) = read_params(&mut parts).await?;
            let idempotency_key = idempotency_key(&parts.headers)?;
            if idempotency_key.is_none() && matches!(key, Key::Required | Key::Named) {
                return Err(Problem::header("Idempotency-Key", "this request needs the header Idempotency-Key"));
            }
            let bytes = read_body(body, app.limits.body_bytes_max).await?;
            let body = B::read(&parts.headers, &bytes)?;
            let answer = handler(Call { app, path, query: (), body, idempotency_key }).await?;
            let mut response = (answer.status, axum::Json(answer.body)).into_response();
            if let Some(location) = answer.location.and_then(|location| HeaderValue::try_from(location).ok()) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        });
        let schema = self.answers.subschema_for::<R>().to_value();
        let input = B::document(&mut self.inputs);
        let mut operation = self.operation::<P, ()>(about);
        if let Some(Json::Array(parameters)) = operation.get_mut("parameters") {
            parameters.push(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": matches!(key, Key::Required | Key::Named),
                "description": key.description(),
                "schema": { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}$" },
                "example": "0b8f6e0e-5d0c-4b6c-9c64-6d7f3a2d1c11",
            }));
        }
        if let Some(schema) = &input {
            let content = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
            operation.insert("requestBody".into(), content);
        }
        let ok =
            json!({ "description": "Done, and durable.", "content": { "application/json": { "schema": schema } } });
        let mut kinds = vec![Kind::CrossSite, Kind::Conflict, Kind::Unavailable, Kind::TimedOut, Kind::BadHeader];
        kinds.extend(more);
        if input.is_some() {
            kinds.extend([Kind::BadBody, Kind::TooLarge, Kind::UnsupportedMediaType]);
        }
        let responses = problems(P::names().len(), &kinds);
        operation.insert("responses".into(), with(responses, [(success.as_str(), ok)]));
        self.add(about, "post", operation, route);
    }

    /// `POST`, with a body and an answer of their own kind.
    pub(super) fn post_raw(&mut self, about: About, body: Json, answers: Json, route: MethodRouter<Arc<App>>) {
        let mut operation = self.operation::<(), ()>(about);
        operation.insert("requestBody".into(), body);
        let mut all = problems(0, &[Kind::CrossSite, Kind::TooLarge, Kind::UnsupportedMediaType, Kind::BadBody]);
        if let (Some(all), Some(answers)) = (all.as_object_mut(), answers.as_object()) {
            all.extend(answers.clone());
        }
        operation.insert("responses".into(), all);
        self.add(about, "post", operation, route);
    }

    fn operation<P: Params, Q: Params>(&mut self, about: About) -> Map<String, Json> {
        let mut parameters = P::document(&mut self.inputs);
        parameters.extend(Q::document(&mut self.inputs));
        let operation = json!({
            "operationId": about.id,
            "tags": [about.tag],
            "summary": about.summary,
            "description": about.description,
            "parameters": parameters,
        });
        let Json::Object(operation) = operation else { return Map::new() };
        operation
    }

    fn add(&mut self, about: About, method: &str, operation: Map<String, Json>, route: MethodRouter<Arc<App>>) {
        let router = std::mem::take(&mut self.router);
        self.router = router.route(about.path, route);
        let path = self.paths.entry(about.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.into(), operation.into());
        }
    }

    /// A schema for the document, and where it is.
    pub(super) fn schema<T: JsonSchema>(&mut self) -> Json {
        self.answers.subschema_for::<T>().to_value()
    }

    /// The same of what is read.
    pub(super) fn input_schema<T: JsonSchema>(&mut self) -> Json {
        self.inputs.subschema_for::<T>().to_value()
    }

    /// The router and the document.
    pub(super) fn finish(mut self) -> (Router<Arc<App>>, Json) {
        let problem = self.answers.subschema_for::<firmware_schemas::api::Problem>().to_value();
        let mut schemas = self.answers.take_definitions(true);
        let mut inputs = self.inputs.take_definitions(true);
        // What is read is looser than what is written: a type that is both, and differs, is there twice.
        let mut renamed: Vec<String> = Vec::new();
        loop {
            let differing: Vec<String> = inputs
                .iter()
                .filter(|(name, schema)| !renamed.contains(name) && schemas.get(*name).is_some_and(|it| it != *schema))
                .map(|(name, _)| name.clone())
                .collect();
            if differing.is_empty() {
                break;
            }
            let operations = self.paths.values_mut().filter_map(Json::as_object_mut).flat_map(Map::values_mut);
            let read = operations.filter_map(Json::as_object_mut).flat_map(|operation| {
                operation.iter_mut().filter(|(part, _)| matches!(part.as_str(), "parameters" | "requestBody"))
            });
            for schema in inputs.values_mut().chain(read.map(|(_, part)| part)) {
                for name in &differing {
                    rename_refs(schema, name);
                }
            }
            renamed.extend(differing);
        }
        for (name, schema) in inputs {
            let name = if renamed.contains(&name) { format!("{name}Input") } else { name };
            schemas.insert(name, schema);
        }
        schemas.values_mut().for_each(join_words);
        name_choices(&mut schemas);
        let mut responses = Map::new();
        for kind in Kind::ALL {
            let example = json!({
                "type": format!("/problems/{}", kind.name()),
                "title": kind.title(),
                "status": kind.status().as_u16(),
                "detail": kind.explanation().lines().map(str::trim).collect::<Vec<_>>().join(" "),
                "instance": "/v1/…",
                "errors": [],
            });
            responses.insert(
                kind.name().into(),
                json!({
                    "description": kind.explanation().lines().map(str::trim).collect::<Vec<_>>().join(" "),
                    "content": { "application/problem+json": { "schema": problem, "example": example } },
                }),
            );
        }
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Portolan",
                "version": env!("CARGO_PKG_VERSION"),
                "description": include_str!("assets/openapi.md"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/", "description": "This gateway." }],
            "tags": [
                { "name": "network", "description": "Sites, lanes, SKUs, stock, vehicles, shipments." },
                { "name": "orders", "description": "What can be promised, what was promised, and what became of it." },
                { "name": "replenishment", "description": "What to order, how much, from where, and why; what was ordered." },
                { "name": "forecasts", "description": "What was asked for, and what will be." },
                { "name": "devices", "description": "Devices, what they measured, and what they are told." },
                { "name": "alerts", "description": "What needs a person." },
                { "name": "quarantine", "description": "Payloads that were refused, kept with the reason." },
                { "name": "live", "description": "Everything at once, and then what changes." },
                { "name": "what-if", "description": "What would be: scenarios, experiments, results." },
                { "name": "routes", "description": "Who drives where: routes for the day." },
                { "name": "webhooks", "description": "Being told what happens, without asking." },
                { "name": "operations", "description": "How the gateway itself is." },
            ],
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": responses,
                "headers": {
                    "ETag": {
                        "description": "A tag of this answer; give it back in `If-None-Match`.",
                        "schema": { "type": "string" },
                    },
                },
            },
        });
        (self.router, document)
    }
}

/// Whether a request needs an idempotency key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The same again is known by it.
    Required,
    /// The same again is known by it; what is made has an id of its own.
    Named,
    /// The same again is harmless by its nature, with a key or without.
    Natural,
}

impl Key {
    fn description(self) -> &'static str {
        match self {
            Self::Required => {
                "Names this request: the same key again is the same request, done once. It becomes the id."
            }
            Self::Named => "Names this request: the same key again is the same request, done once, and answered alike.",
            Self::Natural => "Accepted and not needed: asking for the same again changes nothing.",
        }
    }
}

/// Reads `Idempotency-Key`, bare or as the quoted string of the IETF draft.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const NAME: &str = "Idempotency-Key";
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::header(NAME, "it stands more than once"));
    }
    let text = value.to_str().map_err(|_not_ascii| Problem::header(NAME, "it is not ASCII"))?.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    firmware_schemas::id::validate_id(text).map_err(|why| Problem::header(NAME, why.to_string()))?;
    Ok(Some(text.to_owned()))
}

/// The version in `If-Match`.
fn seen_version(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let detail = "this request needs the header If-Match, with the ETag of what is to be changed";
        return Err(Problem::new(Kind::Unconditional, detail));
    };
    let text = value.to_str().unwrap_or_default().trim();
    let number = text.strip_prefix("\"v").and_then(|text| text.strip_suffix('"'));
    let is_number = |text: &&str| text.bytes().all(|b| b.is_ascii_digit()) && (1..=18).contains(&text.len());
    number
        .filter(is_number)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::header("If-Match", format!("{text:?} is no ETag of this gateway, such as \"v12\"")))
}

/// JSON with its version as a tag.
fn versioned<R: Versioned + Serialize>(answer: &R) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(answer)
        .map_err(|why| Problem::new(Kind::Internal, format!("the answer cannot be written: {why}")))?;
    let tag = format!("\"v{}\"", answer.version());
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    let mut response = (headers, bytes).into_response();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Reads the parameters of path and query, and says all that is wrong at once.
pub(super) async fn read_params<P: Params, Q: Params>(
    parts: &mut axum::http::request::Parts,
) -> Result<(P, Q), Problem> {
    let in_path = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|why| Problem::new(Kind::BadParameter, why.body_text()))?;
    let mut raw_path = Raw::new(in_path.iter());
    let mut raw_query = Raw::of_query(parts.uri.query().unwrap_or_default());
    let (path, query) = (P::read(&mut raw_path), Q::read(&mut raw_query));
    let mut faults = raw_path.faults(&P::names());
    faults.extend(raw_query.faults(&Q::names()));
    match (path, query) {
        (Some(path), Some(query)) if faults.is_empty() => Ok((path, query)),
        _ => Err(Problem::parameters(faults)),
    }
}

pub(super) async fn read_body(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    use std::error::Error;
    axum::body::to_bytes(body, bytes_max).await.map_err(|why| {
        let too_large = why.source().is_some_and(|source| source.to_string().contains("length limit"));
        if too_large {
            Problem::new(Kind::TooLarge, format!("the body exceeds the limit of {bytes_max} bytes"))
        } else {
            Problem::new(Kind::BadBody, format!("the body could not be read: {why}"))
        }
    })
}

/// JSON with a tag of its bytes, or only the news that nothing changed.
pub(super) fn json_with_tag<R: Serialize>(headers: &HeaderMap, answer: &R) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(answer)
        .map_err(|why| Problem::new(Kind::Internal, format!("the answer cannot be written: {why}")))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    // Weak, since the same may be sent compressed.
    let tag = format!("W/\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
    let wanted = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = tag.trim_start_matches("W/");
    let known = wanted
        .flat_map(|list| list.split(','))
        .any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == opaque);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn not_modified() -> Json {
    json!({ "description": "The same as the answer with the tag in `If-None-Match`." })
}

fn with<const N: usize>(responses: Json, more: [(&str, Json); N]) -> Json {
    let mut responses = responses;
    if let Some(all) = responses.as_object_mut() {
        all.extend(more.map(|(status, response)| (status.to_owned(), response)));
    }
    responses
}

/// The problems that an endpoint with so many parameters in its path can answer, and `more`.
fn problems(n_path: usize, more: &[Kind]) -> Json {
    let mut kinds = vec![Kind::Internal, Kind::Unavailable, Kind::TimedOut];
    if n_path > 0 {
        kinds.push(Kind::NotFound);
    }
    // Also where there are no parameters: one that is not known is refused.
    kinds.push(Kind::BadParameter);
    kinds.extend(more);
    let mut responses = Map::new();
    for kind in kinds {
        let reference = json!({ "$ref": format!("#/components/responses/{}", kind.name()) });
        responses.entry(kind.status().as_str()).or_insert(reference);
    }
    responses.insert("default".into(), json!({ "$ref": "#/components/responses/internal" }));
    responses.into()
}

/// Makes one list of a choice between words, and says in the description what each means: a choice between constants is
/// no list to generators of clients.
fn join_words(schema: &mut Json) {
    let Some(choices) = schema.get("oneOf").and_then(Json::as_array) else { return };
    let (mut words, mut text) = (Vec::new(), schema["description"].as_str().unwrap_or_default().to_owned());
    for choice in choices {
        let of_choice = match (choice.get("const"), choice.get("enum")) {
            (Some(word), None) => vec![word.clone()],
            (None, Some(Json::Array(words))) => words.clone(),
            _ => return,
        };
        if !of_choice.iter().all(Json::is_string) {
            return;
        }
        if let (Some(meaning), [Json::String(word)]) = (choice["description"].as_str(), of_choice.as_slice()) {
            text.push_str(&format!("\n- `{word}`: {meaning}"));
        }
        words.extend(of_choice);
    }
    *schema = json!({ "type": "string", "enum": words, "description": text });
}

/// Gives a name to every object among the choices of a schema that is known by its one member, such as `ActionGoTo`
/// among those of `Action`: generators of clients make a type of what has a name.
fn name_choices(schemas: &mut Map<String, Json>) {
    let mut named = Map::new();
    for (name, schema) in schemas.iter_mut() {
        for choice in schema.get_mut("oneOf").and_then(Json::as_array_mut).into_iter().flatten() {
            let required = choice.get("required").and_then(Json::as_array).map(Vec::as_slice);
            let Some([Json::String(member)]) = required else { continue };
            let words = member.split('_').flat_map(|word| {
                let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
                [first.to_uppercase(), rest.to_owned()]
            });
            let own = std::iter::once(name.clone()).chain(words).collect::<String>();
            let reference = json!({ "$ref": format!("#{SCHEMAS}/{own}") });
            named.insert(own, std::mem::replace(choice, reference));
        }
    }
    // A name that is taken would be a bug of ours, and is found by the test that reads every reference.
    for (name, schema) in named {
        schemas.entry(name).or_insert(schema);
    }
}

fn rename_refs(schema: &mut Json, name: &str) {
    match schema {
        Json::Object(members) => {
            for (key, member) in members {
                match member {
                    Json::String(reference) if key == "$ref" && *reference == format!("#{SCHEMAS}/{name}") => {
                        reference.push_str("Input");
                    }
                    other => rename_refs(other, name),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| rename_refs(item, name)),
        _ => {}
    }
}
