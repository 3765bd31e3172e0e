//! Error answers: problem documents on HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::observe::request_id;
use crate::chain::chain;
use crate::control::Refusal;
use crate::wire::problem::{Code, Problem};

/// Seconds after which a full queue or host is worth another try.
const RETRY_AFTER_SECONDS: u64 = 5;

/// The same for a host that is drained: turns take minutes.
const DRAIN_RETRY_AFTER_SECONDS: u64 = 60;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refused(Box<Problem>);

impl Refused {
    /// What went wrong, for a person.
    pub(super) fn text(&self) -> String {
        self.0.error.clone()
    }

    /// Names the field as it stands in the body.
    pub(super) fn without_field_prefix(mut self, prefix: &str) -> Self {
        let Some(field) = &mut self.0.field else { return self };
        let Some(short) = field.strip_prefix(prefix).map(str::to_owned) else { return self };
        let (long, quoted) = (format!("`{field}`"), format!("`{short}`"));
        for text in [&mut self.0.error, &mut self.0.message, &mut self.0.detail] {
            *text = text.replace(&long, &quoted);
        }
        self.0.field = Some(short);
        self
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let problem = refusal.problem();
        if problem.status >= 500 {
            tracing::error!(
                error = chain(&refusal),
                code = problem.code.as_str(),
                request = request_id(),
                "request failed"
            );
        }
        Self(Box::new(problem))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem(*self.0)
    }
}

/// The answer that carries `problem`.
pub(super) fn problem(mut problem: Problem) -> Response {
    problem.request_id = request_id();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry = match problem.code {
        Code::Draining => Some(DRAIN_RETRY_AFTER_SECONDS),
        Code::StoreUnavailable | Code::TooManySessions => Some(RETRY_AFTER_SECONDS),
        code => (code.status() == 429).then_some(RETRY_AFTER_SECONDS),
    };
    let mut response = (status, axum::Json(problem)).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/problem+json; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    if let Some(seconds) = retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
