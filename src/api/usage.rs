//! What turns used, over REST.

use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::params::{Query, bad};
use crate::clock::Timestamp;
use crate::control::Caller;
use crate::control::usage::{Filter, Group, LIMIT_MAX};

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let limit = query.number("limit", 1..=LIMIT_MAX)?;
    Ok(axum::Json(app.control.usage(&caller, filter(&query)?, limit).await?).into_response())
}

pub(super) async fn stats(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let limit = query.number("limit", 1..=LIMIT_MAX)?;
    let group = match query.text("groupBy") {
        None => None,
        Some(text) => Some(Group::parse(text).ok_or_else(|| {
            let names = Group::ALL.map(Group::as_str).join("`, `");
            bad("groupBy", format!("`groupBy` is one of `{names}`"))
        })?),
    };
    let stats = app.control.usage_stats(&caller, filter(&query)?, group, limit).await?;
    Ok(axum::Json(stats).into_response())
}

pub(super) async fn analytics(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let filter = Filter { session: None, agent: None, ..filter(&query)? };
    Ok(axum::Json(app.control.analytics(&caller, filter).await?).into_response())
}

fn filter(query: &Query) -> Result<Filter, Refused> {
    let session = query.text("sessionId").map(str::parse).transpose();
    let agent = query.text("agentName").map(str::parse).transpose();
    Ok(Filter {
        session: session
            .map_err(|_not| bad("sessionId", "`sessionId` is the UUID of a session".to_owned()))?,
        agent: agent.map_err(|error| bad("agentName", format!("`agentName` is wrong: {error}")))?,
        after: moment(query, "after")?,
        before: moment(query, "before")?,
    })
}

fn moment(query: &Query, name: &str) -> Result<Option<Timestamp>, Refused> {
    let moment = query.text(name).map(str::parse).transpose();
    moment.map_err(|error| {
        bad(name, format!("`{name}` is a time such as `2026-11-22T10:00:00Z`: {error}"))
    })
}
