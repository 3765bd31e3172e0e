//! Values that are judged one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ConfigError;
use super::settings::{number_of, wrong};
use crate::egress::{Budget, HostRules, PRICE_MAX, Price, Prices, Receivers};
use crate::session::pool::PoolSettings;

/// Largest attachment: what can be read of a workspace, too.
const ATTACHMENT_MIB_MAX: u64 = 100;
/// Largest budgets: more is a slip, and still counted without loss.
const BUDGET_TOKENS_MAX: u64 = 1_000_000_000_000;
const BUDGET_DOLLARS_MAX: f64 = 1_000_000.0;

/// As a browser says them: scheme and host, no path.
pub(super) fn origins(origins: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let usable = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let plain = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*?#@".contains(&byte))
        };
        origin == "*" || host.is_some_and(plain)
    };
    match origins.iter().find(|origin| !usable(origin)) {
        Some(origin) => {
            let text =
                format!("has `{origin}`, which is no origin such as `https://app.example.com`");
            Err(wrong("api.origins", text))
        }
        None => Ok(origins),
    }
}

/// Whole addresses, as they are reached; what a credential names is compared with them.
pub(super) fn upstreams(written: &[String]) -> Result<Vec<String>, ConfigError> {
    for base in written {
        let uri: Option<http::Uri> = base.parse().ok();
        let good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.query().is_none()
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        });
        if !good {
            let text = format!("has `{base}`, which is not `http(s)://host[:port][/path]`");
            return Err(wrong("model.upstreams", text));
        }
    }
    Ok(written.iter().map(|base| base.trim_end_matches('/').to_owned()).collect())
}

pub(super) fn receivers(file: &super::file::Webhooks) -> Result<Receivers, ConfigError> {
    let allow = HostRules::parse(&file.allow)
        .map_err(|error| wrong("webhooks.allow", format!("is wrong: {error}")))?;
    Receivers::new(allow, &file.internal)
        .map_err(|error| wrong("webhooks.internal", format!("is wrong: {error}")))
}

pub(super) fn attachment_bytes_max(mib: Option<u64>) -> Result<u64, ConfigError> {
    const KEY: &str = "sessions.attachment_mib_max";
    match mib.unwrap_or_else(|| number_of(KEY)) {
        mib @ 1..=ATTACHMENT_MIB_MAX => Ok(mib << 20),
        mib => Err(wrong(KEY, format!("is {mib}, and should be from 1 to {ATTACHMENT_MIB_MAX}"))),
    }
}

/// Each name is the beginning of a model's.
pub(super) fn prices(written: BTreeMap<String, [f64; 2]>) -> Result<Prices, ConfigError> {
    let possible = |dollars: &f64| dollars.is_finite() && (0.0..=PRICE_MAX).contains(dollars);
    for (name, pair) in &written {
        if name.is_empty() || !pair.iter().all(possible) {
            let text =
                format!("has for `{name}` something else than dollars from 0 to {PRICE_MAX}");
            return Err(wrong("model.prices", text));
        }
    }
    let price = |(name, [input, output]): (String, [f64; 2])| (name, Price { input, output });
    Ok(Prices::new(written.into_iter().map(price)))
}

/// 0 is no limit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
pub(super) fn budget(file: &super::file::Budget) -> Result<Budget, ConfigError> {
    let tokens = file.session_tokens.unwrap_or_else(|| number_of("budget.session_tokens"));
    let dollars = file.session_dollars.unwrap_or_else(|| number_of("budget.session_dollars"));
    if tokens > BUDGET_TOKENS_MAX {
        let text = format!("is {tokens}, and {BUDGET_TOKENS_MAX} is the most");
        return Err(wrong("budget.session_tokens", text));
    }
    if !dollars.is_finite() || !(0.0..=BUDGET_DOLLARS_MAX).contains(&dollars) {
        let text = format!("is {dollars}, and should be from 0 to {BUDGET_DOLLARS_MAX}");
        return Err(wrong("budget.session_dollars", text));
    }
    let money = (dollars * 1e9).round() as u64;
    Ok(Budget { tokens: (tokens > 0).then_some(tokens), money: (money > 0).then_some(money) })
}

pub(super) fn pool(file: &super::file::Pool) -> PoolSettings {
    let keep = file.keep_seconds.unwrap_or_else(|| number_of("pool.keep_seconds"));
    PoolSettings {
        per_agent: file.per_agent.unwrap_or_else(|| number_of("pool.per_agent")),
        max: file.max.unwrap_or_else(|| number_of("pool.max")),
        keep: Duration::from_secs(keep.into()),
    }
}
