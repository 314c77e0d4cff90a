//! The one place where errors become HTTP: problems as RFC 9457 has them.
//!
//! A handler returns a [`Problem`]. Its response carries the problem beside an empty body, and
//! [`render`], outermost of the layers, writes the document: it alone knows what was asked for. What axum
//! refuses by itself (no such route, wrong method) is turned into a problem there too.

use crate::control::RequestError;
use crate::journal::ReadError;
use crate::store::StoreError;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firmware_schemas::api::{Fault, Problem as Document};
use firmware_schemas::id::IdError;
use tracing::{error, warn};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// What kind of problem. Each is explained at `/problems/{name}`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The last part of its URI.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status it comes with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// It in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means, and what to do about it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),+),)+ }
            }
        }
    };
}

kinds! {
    /// A path or query parameter is not what it must be; `errors` names each. Parameters that an endpoint
    /// does not know are refused too, so that a misspelt filter is not silently ignored.
    BadParameter = "bad_parameter", BAD_REQUEST, "A parameter is not valid";
    /// The body is not JSON, or not of the shape that the documentation gives; `errors` says where.
    BadBody = "bad_body", BAD_REQUEST, "The body is not valid";
    /// A header that this request needs is missing, or is not what it must be.
    BadHeader = "bad_header", BAD_REQUEST, "A header is not valid";
    /// A browser asked for a change on behalf of another site. Allow that site by its origin in the
    /// gateway's configuration, if it is to be trusted.
    CrossSite = "cross_site", FORBIDDEN, "Another site may not change anything here";
    /// There is no such thing, or no longer.
    NotFound = "not_found", NOT_FOUND, "There is no such thing";
    /// The path exists, and cannot be asked in this way. The header `Allow` says how.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Not with this method";
    /// It contradicts what is so. Look at how things stand, and ask anew.
    Conflict = "conflict", CONFLICT, "It contradicts what is so";
    /// It has changed since you saw it: read it again, and ask with its new `ETag` in `If-Match`.
    Changed = "changed", PRECONDITION_FAILED, "It has changed";
    /// A change of this needs the header `If-Match`, with the `ETag` of what is to be changed.
    Unconditional = "unconditional", PRECONDITION_REQUIRED, "Say what you have seen";
    /// It was there, and is no longer kept.
    Gone = "gone", GONE, "It is no longer kept";
    /// The body is larger than this gateway takes.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body must be JSON, and the header `Content-Type` must say so.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json";
    /// A scenario cannot be read, or does not fit the network, or an experiment is asked for that cannot be made;
    /// `errors` names everything at once: the place in the body, and within a scenario's text line and field.
    BadScenario = "bad_scenario", UNPROCESSABLE_ENTITY, "The experiment cannot be made";
    /// Routes cannot be looked for: something is named that there is not, or a number is not what it must be;
    /// `errors` names everything at once.
    BadRoutes = "bad_routes", UNPROCESSABLE_ENTITY, "Routes cannot be looked for";
    /// A bug of ours, or damage on the disk. The gateway's log has the rest.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something is wrong here";
    /// The gateway cannot do it at the moment: too much is under way, or nothing can be stored. `/readyz` says
    /// why. Try again after the seconds in the header `Retry-After`.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not at the moment";
    /// It took too long. A change may still be made; asking for the same again is safe.
    TimedOut = "timed_out", GATEWAY_TIMEOUT, "It took too long";
    /// The request was refused before it came to an endpoint.
    Refused = "refused", BAD_REQUEST, "The request was refused";
}

/// Why a request was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind.
    pub kind: Kind,
    /// What was wrong this time.
    pub detail: String,
    /// Each thing that was wrong.
    pub errors: Vec<Fault>,
    /// When to try again, in seconds.
    pub retry_after_secs: Option<u64>,
}

impl Problem {
    /// A problem with nothing more to say.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after_secs = (kind == Kind::Unavailable).then_some(1);
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_secs }
    }

    /// There is no `what` called `id`.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what} {:?}", id.to_string()))
    }

    /// Something is wrong with these parameters; not empty.
    pub fn parameters(errors: Vec<Fault>) -> Self {
        let detail = errors.first().map_or_else(String::new, |fault| match &fault.parameter {
            Some(name) => format!("{name}: {}", fault.detail),
            None => fault.detail.clone(),
        });
        Self { errors, ..Self::new(Kind::BadParameter, detail) }
    }

    /// Something is wrong with this parameter.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let fault = Fault { detail: detail.into(), parameter: Some(name.into()), ..Fault::default() };
        Self::parameters(vec![fault])
    }

    /// Something is wrong with this header.
    pub fn header(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fault = Fault { detail: detail.clone(), header: Some(name.into()), ..Fault::default() };
        Self { errors: vec![fault], ..Self::new(Kind::BadHeader, detail) }
    }

    /// Something is wrong in the body, at this JSON pointer (`""` is the whole).
    pub fn body(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fault = Fault { detail: detail.clone(), pointer: Some(format!("#{pointer}")), ..Fault::default() };
        Self { errors: vec![fault], ..Self::new(Kind::BadBody, detail) }
    }

    pub(crate) fn document(&self, instance: String) -> Document {
        Document {
            kind: format!("/problems/{}", self.kind.name()),
            title: self.kind.title().into(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance,
            errors: self.errors.clone(),
        }
    }
}

impl From<RequestError> for Problem {
    fn from(why: RequestError) -> Self {
        let kind = match &why {
            RequestError::NotFound { .. } => Kind::NotFound,
            RequestError::Conflict(_) => Kind::Conflict,
            RequestError::Changed(_) => Kind::Changed,
            RequestError::Unavailable(_) => Kind::Unavailable,
        };
        Self::new(kind, why.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(why: StoreError) -> Self {
        match why {
            StoreError::ZeroStep => Self::parameter("step_secs", "a step of zero"),
            StoreError::TooManyBuckets => Self::parameter("step_secs", why.to_string()),
            #[cfg(feature = "influxdb2")]
            StoreError::Influx(why) => Self::new(Kind::Unavailable, why.to_string()),
            other => {
                error!(error = %other, "the store cannot be read");
                Self::new(Kind::Internal, format!("the store cannot be read: {other}"))
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(why: ReadError) -> Self {
        match why {
            ReadError::Dropped { .. } => Self::new(Kind::Gone, why.to_string()),
            ReadError::Ahead { .. } => Self::new(Kind::NotFound, why.to_string()),
            other => {
                error!(error = %other, "the journal cannot be read");
                Self::new(Kind::Internal, format!("the journal cannot be read: {other}"))
            }
        }
    }
}

impl From<IdError> for Problem {
    fn from(why: IdError) -> Self {
        Self::new(Kind::BadParameter, why.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks a response with an error status whose body is meant as it is: readiness.
#[derive(Clone, Copy)]
pub(super) struct AsItIs;

/// Writes the documents of problems. The outermost layer.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let instance = request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let mut response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || response.extensions().get::<AsItIs>().is_some() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None => of_status(status),
    };
    let mut rendered = (problem.kind.status(), Json(problem.document(instance))).into_response();
    let headers = rendered.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(secs) = problem.retry_after_secs {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    if let Some(allow) = response.headers().get(header::ALLOW) {
        headers.insert(header::ALLOW, allow.clone());
    }
    rendered
}

/// A refusal by axum or hyper, which knows only a status.
fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(Kind::NotFound, "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Kind::MethodNotAllowed, "this path cannot be asked with this method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(Kind::UnsupportedMediaType, "the body must be application/json")
        }
        status if status.is_client_error() => Problem::new(Kind::Refused, format!("the request was refused: {status}")),
        status => {
            warn!(%status, "a response without an explanation");
            Problem::new(Kind::Internal, format!("the gateway failed: {status}"))
        }
    }
}
