//! Who may ask: over TCP whoever shows a key, over the admin socket whoever may open it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::App;
use super::answer::Refused;
use super::pace::Paced;
use crate::control::keys::{Holder, KeyEnd, tenant_name};
use crate::control::{Caller, MetricsAccess};
use crate::id::DEFAULT_TENANT;
use crate::wire::keys::TENANT;
use crate::wire::operations::{Operation, Route};
use crate::wire::problem::{Code, Problem};

/// Which door a request came through.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    Tcp,
    /// The unix socket; its mode says who can open it.
    Admin,
}

/// Adds the [`Caller`], or answers 401 or 403. A path that does not exist is no secret worth a
/// key, but the original asks for the key first, and so do we.
pub(super) async fn authorize(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut paced = None;
    let caller = match &app.door {
        Door::Admin => administrator(request.headers()).map(|caller| (caller, None)),
        Door::Tcp => holder(&app, &request, &mut paced),
    };
    let mut response = match caller {
        Ok((caller, end)) => {
            request.extensions_mut().insert(caller);
            let response = next.run(request).await;
            match end {
                Some(end) if is_stream(&response) => until(response, end),
                _ => response,
            }
        }
        Err(refused) => refused.into_response(),
    };
    if let Some(paced) = paced {
        paced.tell(response.headers_mut());
    }
    response
}

/// Who may open the socket may act for every tenant; without the header for the first.
fn administrator(headers: &HeaderMap) -> Result<Caller, Refused> {
    let tenant = match headers.get(TENANT) {
        None => DEFAULT_TENANT.to_owned(),
        Some(name) => {
            let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
            tenant_name(name).map_err(|refusal| refusal.problem().field(TENANT))?
        }
    };
    Ok(Caller { tenant, administrator: true, key: None })
}

/// An answer that may go on for as long as its session does.
fn is_stream(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}

/// Ends with the key that opened it, as if the connection were lost.
fn until(response: Response, end: KeyEnd) -> Response {
    response
        .map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(end.reached()))))
}

/// Whose key it is, if it is good for what is asked, and has not asked too much.
fn holder(
    app: &App,
    request: &Request,
    paced: &mut Option<Paced>,
) -> Result<(Caller, Option<KeyEnd>), Refused> {
    let route = route(request);
    let of_metrics = route.is_some_and(|route| route.operation == Operation::ShowMetrics);
    let access = of_metrics.then(|| app.control.metrics_access());
    if access == Some(MetricsAccess::Nobody) {
        let hint = "the setting `api.metrics` is `off`; the admin socket still has them";
        return Err(Problem::new(Code::NotFound, "there are no metrics here").hint(hint).into());
    }
    if route.is_some_and(|route| route.open) || access == Some(MetricsAccess::Open) {
        let tenant = DEFAULT_TENANT.to_owned();
        return Ok((Caller { tenant, administrator: false, key: None }, None));
    }
    let refused = |text: String| Problem::new(Code::Unauthorized, text);
    let key = key(request.headers()).map_err(|text| refused(text.to_owned()))?;
    let (Holder { tenant, scope, key }, end) =
        app.control.recognize(key).map_err(|error| refused(error.to_string()))?;
    *paced = app.pace.count(key, app.control.requests_per_minute());
    if paced.is_some_and(|paced| paced.refused) {
        let text = "this API key has made too many requests";
        return Err(Problem::new(Code::RateLimited, text)
            .hint("wait as `Retry-After` says")
            .into());
    }
    match route {
        Some(route) if route.administrators => {
            let text = "an API key does not open what concerns the host";
            let hint = "ask over the admin socket, as root or a member of the group `ash`";
            Err(Problem::new(Code::Forbidden, text).hint(hint).into())
        }
        // They are those of all tenants.
        Some(_) if of_metrics && tenant != DEFAULT_TENANT => {
            let text = "the metrics of a host are for keys of the tenant `default`";
            Err(Problem::new(Code::Forbidden, text).into())
        }
        Some(route) if scope < route.scope => {
            let (has, wants) = (scope.as_str(), route.scope.as_str());
            let text = format!("this API key is for `{has}`; this operation wants `{wants}`");
            Err(Problem::new(Code::Forbidden, text)
                .hint("use another key; an administrator makes one with `ashctl key create`")
                .into())
        }
        _ => Ok((Caller { tenant, administrator: false, key }, Some(end))),
    }
}

/// The operation that is asked for, if there is one.
fn route(request: &Request) -> Option<&'static Route> {
    request.extensions().get::<Option<&'static Route>>().copied().flatten()
}

fn key(headers: &HeaderMap) -> Result<&str, &'static str> {
    let given = headers.get(header::AUTHORIZATION).ok_or("Missing Authorization header")?;
    let (scheme, key) = given
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or("Invalid Authorization header format")?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("Invalid Authorization header format");
    }
    Ok(key.trim())
}
