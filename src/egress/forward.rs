//! The way of one request: who is it, may it, without what, and then through.

use std::error::Error as _;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::chain::chain;
use crate::web::body::{BodyLimits, Guarded};
use crate::web::server::Peer;

use super::Shared;
use super::admissions::{Pass, Stranger};
use super::answer::{Failure, RETRY_HEADER};
#[cfg(feature = "testing")]
use super::dial::Guard;
use super::exchange::{Answer, Exchange};
use super::frames;
use super::meter::Metering;
use super::secret::{API_KEY_HEADER, Placeholder};
use super::target::Api;
use super::usage::UsageReader;
use super::{headers, target};

/// How long a request waits for an egress that has just started to be told who may pass: as long
/// as an ashd may take to start.
const OPENING_WAIT_MAX: Duration = Duration::from_secs(30);

impl Shared {
    /// Answers one request of a sandbox; never fails, as every failure is an answer.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        if request.method() == Method::CONNECT {
            self.connect(request).await
        } else {
            self.forward(request).await
        }
    }

    /// Waits until it is known who may pass, as long as it may take.
    pub(super) async fn wait_until_open(&self) -> bool {
        timeout(OPENING_WAIT_MAX, self.opened()).await.is_ok()
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Answer> {
        let mut exchange = Exchange::begin(request.method(), request.uri().path(), &self.ledger);
        let known = if self.wait_until_open().await {
            self.recognize(&request)
        } else {
            Err(Failure::TooEarly)
        };
        let is_message = target::is_message(request.method(), request.uri());
        let relayed = match known {
            Ok(pass) => {
                exchange.identified(&pass);
                pass.meter.count_request();
                self.relay(request, &pass, &exchange).await.map(|response| (response, pass))
            }
            Err(failure) => Err(failure),
        };
        match relayed {
            Ok((response, pass)) => {
                exchange.relayed();
                exchange.answered(response.status());
                let metering = (is_message && response.status().is_success()).then(|| {
                    let kind = response.headers().get(CONTENT_TYPE);
                    let is = |begin| kind.is_some_and(|kind| kind.as_bytes().starts_with(begin));
                    let reader = if is(frames::CONTENT_TYPE) {
                        UsageReader::of_frames()
                    } else {
                        UsageReader::new(is(b"text/event-stream"))
                    };
                    Metering::new(reader, Arc::clone(&self.prices), Arc::clone(&pass.meter))
                });
                let Pass { meter, revoked, .. } = pass;
                response.map(|body| Answer::relayed(body, meter, revoked, metering, exchange))
            }
            Err(failure) => {
                report(&failure);
                exchange.answered(failure.status());
                failure.response().map(|body| Answer::own(body, exchange))
            }
        }
    }

    /// The session behind a request: by its placeholder, wherever clients put a credential.
    pub(super) fn recognize(&self, request: &Request<Incoming>) -> Result<Pass, Failure> {
        let uid = match request.extensions().get::<Peer>() {
            Some(Peer::Unix(credentials)) => Some(credentials.uid),
            Some(Peer::Tcp(_)) | None => None,
        };
        let admissions = self.admissions.read().unwrap_or_else(PoisonError::into_inner);
        for placeholder in placeholders(request.headers()) {
            match admissions.recognize(&placeholder, uid) {
                Ok(pass) => return Ok(pass),
                Err(Stranger::Unknown) => {}
                #[cfg(feature = "testing")]
                Err(Stranger::ForeignUser { session })
                    if self.dialer.lacks(Guard::Placeholder)
                        && let Some(pass) = admissions.pass(session) =>
                {
                    return Ok(pass);
                }
                Err(Stranger::ForeignUser { session }) => {
                    tracing::warn!(
                        target: "ash::egress", %session, uid,
                        "a placeholder was used by another user than the session's"
                    );
                }
            }
        }
        Err(Failure::Stranger)
    }

    /// Sends the request on and answers with the head of the response, its body to come.
    async fn relay(
        &self,
        request: Request<Incoming>,
        pass: &Pass,
        exchange: &Exchange,
    ) -> Result<Response<Guarded<Incoming>>, Failure> {
        let api = target::judge(request.method(), request.uri())?;
        let is_message = target::is_message(request.method(), request.uri());
        if is_message && let Some(spent) = pass.meter.refuses() {
            return Err(Failure::Budget(spent));
        }
        let (key, upstream) = self.signed_with(pass, api)?;
        let limits = &self.limits;
        let bytes_max = limits.request_bytes_max;
        if request.body().size_hint().lower() > bytes_max {
            return Err(Failure::TooLarge { bytes_max });
        }
        let uri = match api {
            Api::Model | Api::Bedrock => upstream.locate(request.uri()),
            Api::Tools => target::of_tools(request.uri()).and_then(|uri| upstream.locate(&uri)),
        };
        let uri = uri.ok_or(Failure::UnknownPath)?;

        // Made new, so that nothing hyper knows of the incoming one goes along.
        let (mut head, body) = request.into_parts();
        headers::for_upstream(&mut head.headers, key);
        let silence_max = limits.request_silence_max;
        let body = Guarded::new(body, BodyLimits { bytes_max, silence_max });
        let mut onward = Request::new(exchange.upload(body, Arc::clone(&pass.meter)));
        *onward.method_mut() = head.method;
        *onward.uri_mut() = uri;
        *onward.headers_mut() = head.headers;

        let silence_max = limits.upstream_silence_max;
        let sent = tokio::select! {
            sent = timeout(silence_max, upstream.send(onward)) => sent,
            () = pass.revoked.cancelled() => return Err(Failure::Stranger),
        };
        let silent = |_elapsed| Failure::Silent { seconds: silence_max.as_secs() };
        let (mut head, body) = sent.map_err(silent)??.into_parts();
        // We never asked to switch protocols.
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::NotAResponse);
        }
        headers::for_sandbox(&mut head.headers, key);
        let plain = head.headers.get(CONTENT_ENCODING).is_none_or(|value| value == "identity");
        if is_message && !plain && pass.meter.is_limited() {
            return Err(Failure::Compressed);
        }
        if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            // The key is the host's or the tenant's: another try of the sandbox changes nothing, and the CLI
            // would try for half a minute before anybody hears of it.
            head.headers.insert(RETRY_HEADER, HeaderValue::from_static("false"));
        }
        let bytes_max = u64::MAX;
        let mut response = Response::new(Guarded::new(body, BodyLimits { bytes_max, silence_max }));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        Ok(response)
    }
}

/// Every placeholder among the credentials of a request, for the model API or for a proxy.
fn placeholders(headers: &HeaderMap) -> impl Iterator<Item = Placeholder> {
    let keys = headers.get_all(API_KEY_HEADER).into_iter().filter_map(|value| value.to_str().ok());
    let tokens = [AUTHORIZATION, PROXY_AUTHORIZATION].map(|name| headers.get_all(name));
    let tokens = tokens.into_iter().flatten().filter_map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return token.trim().parse().ok();
        }
        // The password of the proxy's URL.
        let pair = STANDARD.decode(token.trim()).ok()?;
        let (_user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        scheme.eq_ignore_ascii_case("basic").then(|| password.parse().ok()).flatten()
    });
    keys.filter_map(|text| text.parse().ok()).chain(tokens)
}

/// Tells the log what the sandbox is not told.
fn report(failure: &Failure) {
    if failure.source().is_some() {
        tracing::warn!(target: "ash::egress", "{}", chain(failure));
    }
}
