use std::{convert::Infallible, io};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::{RestFault, gzip_bomb::GzipBomb};

/// What the REST side answers.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    body: String,
}

/// The page an edge server shows.
const PAGE: &str =
    "<html>\n<head><title>Exchange</title><meta name=\"robots\" content=\"noindex\"></head>\n<body></body>\n</html>\n";

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/json; charset=utf-8";
        Self { status, content_type, headers: Vec::new(), body: body.to_string() }
    }

    pub(super) fn html(status: u16) -> Self {
        Self { status, content_type: "text/html", headers: Vec::new(), body: PAGE.to_owned() }
    }

    pub(super) fn too_many(retry_after: Option<&str>) -> Self {
        let mut answer = Self::html(429);
        answer.headers.extend(retry_after.map(|after| ("retry-after", after.to_owned())));
        answer
    }

    pub(super) fn invalid(details: &str) -> Self {
        let body = json!({ "error": "INVALID_ARGUMENT", "error_details": details, "message": details });
        Self::json(400, &body)
    }

    pub(super) fn unknown_product(name: &str) -> Self {
        let message = format!("Product {name} not supported");
        Self::json(404, &json!({ "error": "NOT_FOUND", "message": message }))
    }

    pub(super) fn unknown_path() -> Self {
        Self::json(404, &json!({ "error": "NOT_FOUND", "message": "Not found" }))
    }

    pub(super) fn unauthorized() -> Self {
        Self { status: 401, content_type: "text/plain", headers: Vec::new(), body: "Unauthorized\n".to_owned() }
    }

    pub(super) fn missing_scopes() -> Self {
        let details = "Missing required scopes";
        Self::json(403, &json!({ "error": "PERMISSION_DENIED", "error_details": details, "message": details }))
    }

    pub(super) fn internal() -> Self {
        let body = json!({ "error": "INTERNAL", "code": 13, "message": "internal server error", "details": [] });
        Self::json(500, &body)
    }

    /// The answer a fault gives instead of the right one; `None` for faults that spoil the right one.
    pub(super) fn instead(fault: &RestFault) -> Option<Self> {
        Some(match fault {
            RestFault::TooManyRequests { retry_after } => Self::too_many(retry_after.as_deref()),
            RestFault::TooManyRequestsJson => {
                let error = json!({ "id": "rate_limit_exceeded", "message": "Too many requests" });
                Self::json(429, &json!({ "errors": [error] }))
            }
            RestFault::Html { status } => Self::html(*status),
            RestFault::Json { status, error } => {
                let body = json!({ "error": error, "code": 13, "message": "as told", "details": [] });
                Self::json(*status, &body)
            }
            RestFault::Unauthorized => Self::unauthorized(),
            RestFault::MissingScopes => Self::missing_scopes(),
            _ => return None,
        })
    }

    /// The response, spoilt as told. [`RestFault::Hang`] is up to the caller.
    pub(super) fn into_response(self, fault: Option<&RestFault>) -> Response<Body> {
        let half = self.body.len() / 2;
        let half: String = self.body.chars().take(half.max(1)).collect();
        let mut gzip = false;
        let body = match fault {
            Some(RestFault::Truncated) => Body::from(half),
            Some(RestFault::Cut) => Body::from_stream(cut(half.into())),
            Some(RestFault::Endless) => {
                let spaces = Bytes::from(vec![b' '; 16_384]);
                Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(spaces.clone())))
            }
            Some(RestFault::GzipBomb { unpacked }) => {
                gzip = true;
                Body::from_stream(stream::iter(GzipBomb::new(*unpacked).map(Ok::<_, Infallible>)))
            }
            _ => Body::from(self.body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A body that fails after its first bytes. These must have left by then: a failure at once would take the head of the
/// response with it, so the server gets a chance to flush.
fn cut(first: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(Some(first), |first| async {
        if let Some(first) = first {
            return Some((Ok(first), None));
        }
        tokio::task::yield_now().await;
        Some((Err(io::ErrorKind::BrokenPipe.into()), None))
    })
}
