//! Pages for people: the start page, the documentation of the API, and what the kinds of problems mean.
//!
//! They load nothing from outside; the header `Content-Security-Policy` holds the browser to that.

use super::App;
use super::error::{Kind, Problem};
use super::openapi30::to_3_0;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::Value as Json;
use std::fmt::Write;
use std::sync::Arc;
use utoipa_swagger_ui::Config;

const START: &str = include_str!("assets/start.html");
const START_SCRIPT: &str = include_str!("assets/start.js");
const START_STYLE: &str = include_str!("assets/start.css");

/// For our own pages.
const OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// For the documentation, whose scripts write styles into elements.
const DOCS: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
    frame-ancestors 'none'";

pub(super) fn routes(document: Json) -> Router<Arc<App>> {
    let older = Bytes::from(to_3_0(&document).to_string());
    let document = Bytes::from(document.to_string());
    // `none` switches off the badge that would send the document to a validator on the internet.
    let config = Config::new(["/openapi.json"]).validator_url("none").try_it_out_enabled(true).filter(true);
    let config = Arc::new(config.default_models_expand_depth(0).display_request_duration(true));
    let file_config = Arc::clone(&config);
    Router::new()
        .route("/", get(async || page(START, "text/html; charset=utf-8", OWN)))
        .route("/start.js", get(async || page(START_SCRIPT, "text/javascript; charset=utf-8", OWN)))
        .route("/start.css", get(async || page(START_STYLE, "text/css; charset=utf-8", OWN)))
        .route("/openapi.json", get(async move || openapi(document.clone())))
        .route("/v1/openapi-3.0.json", get(async move || openapi(older.clone())))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route("/docs/", get(async move || swagger_file("index.html", Arc::clone(&config))))
        .route("/docs/{file}", get(async move |Path(file): Path<String>| swagger_file(&file, Arc::clone(&file_config))))
        .route("/problems", get(async || page(&problems(None), "text/html; charset=utf-8", OWN)))
        .route("/problems/{name}", get(problem))
}

fn page(text: &str, content_type: &'static str, policy: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text.to_owned()).into_response()
}

fn openapi(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], document).into_response()
}

fn swagger_file(file: &str, config: Arc<Config<'static>>) -> Result<Response, Problem> {
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(found)) => {
            let mut response = found.bytes.into_owned().into_response();
            let headers = response.headers_mut();
            if let Ok(content_type) = HeaderValue::try_from(found.content_type) {
                headers.insert(header::CONTENT_TYPE, content_type);
            }
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS));
            Ok(response)
        }
        Ok(None) => Err(Problem::not_found("page", file)),
        Err(why) => Err(Problem::new(Kind::Internal, format!("the documentation: {why}"))),
    }
}

async fn problem(Path(name): Path<String>) -> Result<Response, Problem> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
    let kind = kind.ok_or_else(|| Problem::not_found("kind of problem", &name))?;
    Ok(page(&problems(Some(kind)), "text/html; charset=utf-8", OWN))
}

/// A page about one kind, or all.
fn problems(only: Option<Kind>) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Problems · Portolan</title>\
         <link rel=\"stylesheet\" href=\"/start.css\"><main class=\"text\"><p><a href=\"/\">Portolan</a> · \
         <a href=\"/problems\">Problems</a></p>",
    );
    for kind in Kind::ALL.iter().filter(|kind| only.is_none_or(|only| only == **kind)) {
        let paragraph: Vec<&str> = kind.explanation().lines().map(str::trim).collect();
        // Nothing here comes from a stranger. Writing to a string cannot fail.
        write!(
            page,
            "<h2>{}</h2><p><code>/problems/{}</code> · {}</p><p>{}</p>",
            kind.title(),
            kind.name(),
            kind.status(),
            paragraph.join(" ")
        )
        .ok();
    }
    page.push_str("</main></html>");
    page
}
