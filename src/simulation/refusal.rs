//! How the CLI tells that the API refused.

/// A refusal in the CLI's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status; `None` if the connection broke.
    pub(super) status: Option<u16>,
    /// `error` of the retries.
    pub(super) retry_error: &'static str,
    /// `error` of the message.
    pub(super) error: &'static str,
    /// What kind of error the API said it was.
    pub(super) api_type: Option<&'static str>,
    pub(super) text: String,
    /// Whether the CLI asks again by itself.
    pub(super) is_retried: bool,
}

impl Refusal {
    /// The API answered with `status`.
    pub(super) fn of_status(status: u16, model: &str) -> Self {
        let (error, api_type, text) = match status {
            401 => (
                "authentication_failed",
                "authentication_error",
                "Invalid API key · Fix external API key".to_owned(),
            ),
            403 => (
                "authentication_failed",
                "permission_error",
                "Failed to authenticate. API Error: 403 Your API key does not have permission to \
                 use this resource"
                    .to_owned(),
            ),
            404 => (
                "model_not_found",
                "not_found_error",
                format!(
                    "There's an issue with the selected model ({model}). It may not exist or you \
                     may not have access to it. Run --model to pick a different model."
                ),
            ),
            429 => (
                "rate_limit",
                "rate_limit_error",
                "API Error: Request rejected (429) · This request would exceed your account's \
                 rate limit."
                    .to_owned(),
            ),
            500..600 => {
                let (kind, what) = match status {
                    529 => ("overloaded_error", "Overloaded"),
                    _ => ("api_error", "Internal server error"),
                };
                let text = format!(
                    "API Error: {status} {what}. This is a server-side issue, usually temporary \
                     — try again in a moment. If it persists, check your inference gateway."
                );
                ("server_error", kind, text)
            }
            _ => (
                "unknown",
                "invalid_request_error",
                format!("API Error: {status} the request was refused on purpose"),
            ),
        };
        Self {
            status: Some(status),
            retry_error: if status == 529 { "overloaded" } else { error },
            error,
            api_type: Some(api_type),
            text,
            is_retried: matches!(status, 401 | 408 | 409 | 429 | 500..600),
        }
    }

    /// The connection broke.
    pub(super) fn of_connection() -> Self {
        Self {
            status: None,
            retry_error: "unknown",
            error: "server_error",
            api_type: None,
            text: "API Error: Connection dropped (ECONNRESET). Check the gateway set in \
                   ANTHROPIC_BASE_URL, then try again."
                .to_owned(),
            is_retried: true,
        }
    }

    /// `api_error`, which only a broken connection has.
    pub(super) fn connection_error(&self) -> Option<&'static str> {
        self.status.is_none().then_some("connection_failed")
    }
}
