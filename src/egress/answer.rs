//! What a sandbox is told when its request does not get an answer of the model API: the same
//! shape of error, so that the CLI shows it like one.

use std::error::Error;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::web::body::BodyError;

use super::meter::Spent;
use super::sealing::CredentialFault;
use super::tunnel::Refused;

/// Tells the clients of the model API whether another try could help. Without it the CLI tries a
/// refused credential ten times, for minutes.
pub(super) const RETRY_HEADER: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a request was not answered by the model API. The texts go to the sandbox, so they name
/// nothing of the host; the log knows the cause.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the host is starting and does not know its sessions yet; try again")]
    TooEarly,
    #[error("budget_reached: {}", spent_text(*.0))]
    Budget(Spent),
    #[error("credential_unavailable: {}", fault_text(*.0))]
    Credential(CredentialFault),
    #[error(
        "the model API compressed its answer although it was asked not to, so that it cannot be \
         counted, and this session has a budget"
    )]
    Compressed,
    #[error("this credential is not that of a running session of this host")]
    Stranger,
    #[error(
        "ash-egress has no key for the model API: give it the credential `anthropic-api-key` and \
         restart it; where ashd is one process, set `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN` in \
         its environment"
    )]
    NoKey,
    #[error(
        "a sandbox reaches other hosts by HTTPS only, through CONNECT, as clients do with \
         HTTPS_PROXY; plain HTTP is not passed on"
    )]
    OtherHost,
    #[error(transparent)]
    Tunnel(Refused),
    #[error("a sandbox may use this path with {allowed} only")]
    WrongMethod { allowed: Method },
    #[error("this path of the model API is not open to a sandbox")]
    UnknownPath,
    #[error("the request is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("the request stopped before it was complete")]
    Unfinished,
    #[error(
        "ashd cannot reach the model API: check the host's network, its name resolution and the \
         address of the model API in the configuration of ashd; its log has the cause"
    )]
    Unreachable { source: Box<dyn Error + Send + Sync> },
    #[error("the model API closed the connection before it answered")]
    Broken { source: Box<dyn Error + Send + Sync> },
    #[error("the model API did not answer within {} seconds", seconds)]
    Silent { seconds: u64 },
    #[error("the model API answered with something that is not a response")]
    NotAResponse,
}

/// What a user of the session reads; the CLI shows it.
fn spent_text(spent: Spent) -> &'static str {
    match spent {
        Spent::Session => {
            "the budget of this session is used up; raise it with `ashctl session budget`, and the \
             session goes on"
        }
        Spent::Tenant => {
            "the budget of this tenant is used up; an administrator raises it with `ashctl budget`, \
             and its sessions go on"
        }
    }
}

/// Likewise.
pub(crate) fn fault_text(fault: CredentialFault) -> &'static str {
    match fault {
        CredentialFault::Deleted => {
            "the credential of this session is not on this host, or was deleted; give the session \
             another one with `ashctl session config --credential`"
        }
        CredentialFault::Sealed => {
            "the credential of this session cannot be opened with the keys of this host; create it \
             again, and give it to the session with `ashctl session config --credential`"
        }
        CredentialFault::Upstream => {
            "the credential of this session is for a model API that `model.upstreams` of this host \
             does not list"
        }
    }
}

/// An error as the Messages API writes it.
#[derive(Serialize)]
struct ErrorBody {
    #[serde(rename = "type")]
    kind: &'static str,
    error: ErrorDetail,
}

#[derive(Serialize)]
struct ErrorDetail {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
}

impl Failure {
    /// What a request's body did wrong.
    pub(super) fn of_upload(error: &BodyError) -> Self {
        match error {
            BodyError::TooLarge { bytes_max } => Self::TooLarge { bytes_max: *bytes_max },
            BodyError::Silent { .. } | BodyError::Broken { .. } => Self::Unfinished,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger | Self::NoKey | Self::Credential(_) => StatusCode::UNAUTHORIZED,
            Self::Budget(_) => StatusCode::PAYMENT_REQUIRED,
            Self::Compressed => StatusCode::NOT_IMPLEMENTED,
            Self::OtherHost | Self::WrongMethod { .. } => StatusCode::FORBIDDEN,
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unfinished => StatusCode::REQUEST_TIMEOUT,
            Self::Unreachable { .. } | Self::Broken { .. } | Self::NotAResponse => {
                StatusCode::BAD_GATEWAY
            }
            Self::TooEarly => StatusCode::SERVICE_UNAVAILABLE,
            Self::Silent { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Tunnel(refused) => refused.status(),
        }
    }

    /// The error type in the Messages API's words.
    fn kind(&self) -> &'static str {
        match self {
            Self::Stranger | Self::NoKey | Self::Credential(_) => "authentication_error",
            Self::Budget(_) => "billing_error",
            Self::Compressed => "api_error",
            Self::OtherHost | Self::WrongMethod { .. } => "permission_error",
            Self::UnknownPath => "not_found_error",
            Self::TooLarge { .. } => "request_too_large",
            Self::Unfinished => "invalid_request_error",
            Self::TooEarly
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::NotAResponse => "api_error",
            Self::Silent { .. } => "timeout_error",
            Self::Tunnel(_) => "permission_error",
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let body = ErrorBody {
            kind: "error",
            error: ErrorDetail { kind: self.kind(), message: self.to_string() },
        };
        let body = serde_json::to_vec(&body).expect("strings always have a JSON form");
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let passing = self.status().is_server_error() && !matches!(self, Self::Compressed);
        let again = passing || matches!(self, Self::Unfinished);
        let again = HeaderValue::from_static(if again { "true" } else { "false" });
        headers.insert(RETRY_HEADER, again);
        response
    }
}
