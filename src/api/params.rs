//! Parses what comes with a request: ids, queries, JSON bodies. What is wrong is named.

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::answer::Refused;
use crate::control::history;
use crate::id::{
    AttachmentId, CredentialId, JobId, KeyId, ScheduleId, SessionId, TurnId, WebhookId,
};
use crate::wire::problem::{Code, Problem};
use crate::wire::turns::LAST_EVENT_ID;

pub(super) fn session_id(text: &str) -> Result<SessionId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "params/id must match format \"uuid\"".to_owned()))
}

pub(super) fn key_id(text: &str) -> Result<KeyId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "`id` is the UUID of an API key".to_owned()))
}

pub(super) fn credential_id(text: &str) -> Result<CredentialId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "`id` is the UUID of a credential".to_owned()))
}

pub(super) fn attachment_id(text: &str) -> Result<AttachmentId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "`id` is the UUID of an attachment".to_owned()))
}

pub(super) fn job_id(text: &str) -> Result<JobId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "params/id must match format \"uuid\"".to_owned()))
}

pub(super) fn schedule_id(text: &str) -> Result<ScheduleId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "`id` is the UUID of a schedule".to_owned()))
}

pub(super) fn webhook_id(text: &str) -> Result<WebhookId, Refused> {
    text.parse().map_err(|_invalid| bad("id", "`id` is the UUID of a webhook".to_owned()))
}

pub(super) fn turn_id(field: &str, text: &str) -> Result<TurnId, Refused> {
    text.parse().map_err(|_invalid| bad(field, format!("`{field}` is the UUID of a turn")))
}

/// A header that says something at most once, in plain text.
pub(super) fn header_text<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Err(_not_text) => Err(bad(name, format!("the header `{name}` is not plain text"))),
        },
        (Some(_), Some(_)) => Err(bad(name, format!("the header `{name}` comes twice"))),
    }
}

/// Where the page before ended, from a `cursor`.
pub(super) fn place<const N: usize>(query: &Query) -> Result<Option<[i64; N]>, Refused> {
    let Some(text) = query.text("cursor") else { return Ok(None) };
    let place = history::place(text).filter(|place: &[i64; N]| place.iter().all(|n| *n >= 0));
    let wrong = || bad("cursor", "`cursor` is the `nextCursor` of such a list".to_owned());
    place.map(Some).ok_or_else(wrong)
}

/// The header with the last event that a client has.
pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(text) = header_text(headers, LAST_EVENT_ID)? else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number <= i64::MAX.unsigned_abs());
    number.map(Some).ok_or_else(|| {
        bad(LAST_EVENT_ID, format!("`{LAST_EVENT_ID}` is the id of an event, a whole number"))
    })
}

pub(super) fn bad(field: &str, text: String) -> Refused {
    Problem::new(Code::BadRequest, text).field(field).into()
}

/// The query of a URI.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(uri: &Uri) -> Result<Self, Refused> {
        let parsed = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        parsed
            .map(|query| Self(query.0))
            .map_err(|error| bad("query", format!("the query is not readable: {error}")))
    }

    /// The last value of `name`, if it has one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn number<N>(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<N>,
    ) -> Result<Option<N>, Refused>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<N>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => Err(bad(
                name,
                format!("`{name}` is a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refused> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(bad(name, format!("`{name}` is `true` or `false`"))),
        }
    }
}

/// Refuses a body that says that it is too large, before any of it is read.
pub(super) fn check_length(headers: &HeaderMap, bytes_max: u64) -> Result<(), Refused> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > bytes_max => Err(too_large(bytes_max)),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn too_large(bytes_max: u64) -> Refused {
    Problem::new(Code::BodyTooLarge, format!("the body is over the limit of {bytes_max} bytes"))
        .into()
}

/// The whole body, up to `bytes_max`.
pub(super) async fn collect(
    headers: &HeaderMap,
    body: Body,
    bytes_max: u64,
) -> Result<Bytes, Refused> {
    check_length(headers, bytes_max)?;
    if body.size_hint().upper() == Some(0) {
        return Ok(Bytes::new());
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(error) => {
            Err(Problem::new(Code::BadRequest, format!("the body did not arrive: {error}")).into())
        }
    }
}

/// A JSON body. The field that is wrong is named with its path.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(
            Problem::new(Code::BadRequest, "the body is empty, and JSON is expected").into()
        );
    }
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let parsed: T =
        serde_path_to_error::deserialize(&mut input).map_err(|error| wrong_json(&error))?;
    input.end().map_err(|error| {
        Problem::new(Code::BadRequest, format!("the body is not JSON: {error}"))
    })?;
    Ok(parsed)
}

fn wrong_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Refused {
    let text = error.inner().to_string();
    let malformed = matches!(
        error.inner().classify(),
        serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io
    );
    if malformed {
        return Problem::new(Code::BadRequest, format!("the body is not JSON: {text}")).into();
    }
    // serde names an unknown or missing member in its text, and the path ends before it.
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| {
        let (_, rest) = text.split_once(start)?;
        rest.split_once('`').map(|(name, _)| name.to_owned())
    });
    let path = error.path().to_string();
    let field = match (path.as_str(), named) {
        ("." | "", Some(name)) => name,
        (path, Some(name)) if !path.ends_with(&name) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    bad(&field, format!("`{field}`: {text}"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::wire::sessions::CreateSession;

    async fn field(body: &str) -> Option<String> {
        let refused = json::<CreateSession>(body.as_bytes()).unwrap_err();
        let body = refused.into_response().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Problem>(&body).unwrap().field
    }

    #[tokio::test]
    async fn the_wrong_field_is_named() {
        assert_eq!(field(r#"{"agent":"a","nonsense":1}"#).await.as_deref(), Some("nonsense"));
        assert_eq!(field(r#"{"agent":5}"#).await.as_deref(), Some("agent"));
        assert_eq!(field("{}").await.as_deref(), Some("agent"));
        assert_eq!(
            field(r#"{"agent":"a","mcpServers":{"m":{"args":[1]}}}"#).await.as_deref(),
            Some("mcpServers.m.args[0]")
        );
        assert_eq!(field(r#"{"agent":"#).await, None);
        assert_eq!(field("").await, None);
    }
}
