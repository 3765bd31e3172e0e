//! Who may ask: over TCP whoever shows a key, over the admin socket whoever may open it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::App;
use super::answer::problem;
use crate::control::Caller;
use crate::id::DEFAULT_TENANT;
use crate::wire::operations::{OPERATIONS, Route};
use crate::wire::problem::{Code, Problem};

/// The API keys that open the TCP door, as digests: the keys themselves are not kept.
#[derive(Clone)]
pub(crate) struct Keys(Arc<RwLock<Vec<[u8; 32]>>>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.read().len())
    }
}

impl Keys {
    pub(crate) fn new(keys: &[&str]) -> Self {
        Self(Arc::new(RwLock::new(keys.iter().map(|key| digest(key)).collect())))
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<[u8; 32]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other keys from the next request on; answers whether they are others.
    pub(crate) fn replace(&self, keys: &[&str]) -> bool {
        let keys: Vec<_> = keys.iter().map(|key| digest(key)).collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, keys.clone()) != keys
    }

    /// Looks at every key, whichever fits, in constant time.
    fn fit(&self, given: &str) -> bool {
        let given = digest(given);
        let fits = |key: &[u8; 32]| key.ct_eq(&given);
        self.read().iter().map(fits).fold(subtle::Choice::from(0), |any, one| any | one).into()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Which door a request came through.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    Tcp(Keys),
    /// The unix socket; its mode says who can open it.
    Admin,
}

/// Adds the [`Caller`], or answers 401. A path that does not exist is no secret worth a key,
/// but the original asks for the key first, and so do we.
pub(super) async fn authorize(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let administrator = match &app.door {
        Door::Admin => true,
        Door::Tcp(keys) => {
            let route = route(&request);
            if !route.is_some_and(|route| route.open)
                && let Err(text) = check(keys, &request)
            {
                return problem(Problem::new(Code::Unauthorized, text));
            }
            if route.is_some_and(|route| route.administrators) {
                let text = "an API key does not open what concerns the host";
                let hint = "ask over the admin socket, as root or a member of the group `ash`";
                return problem(Problem::new(Code::Forbidden, text).hint(hint));
            }
            false
        }
    };
    request.extensions_mut().insert(Caller { tenant: DEFAULT_TENANT.to_owned(), administrator });
    next.run(request).await
}

fn route(request: &Request) -> Option<&'static Route> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    OPERATIONS.iter().find(|route| route.path == path && route.method == request.method().as_str())
}

fn check(keys: &Keys, request: &Request) -> Result<(), &'static str> {
    let given =
        request.headers().get(header::AUTHORIZATION).ok_or("Missing Authorization header")?;
    let (scheme, key) = given
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or("Invalid Authorization header format")?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("Invalid Authorization header format");
    }
    if keys.fit(key.trim()) { Ok(()) } else { Err("Invalid API key") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_fits() {
        let keys = Keys::new(&["one", "two"]);
        assert!(keys.fit("one") && keys.fit("two"));
        assert!(!keys.fit("") && !keys.fit("on") && !keys.fit("one "));
        assert!(!Keys::new(&[]).fit(""));
        assert_eq!(format!("{keys:?}"), "Keys(2)");
        let door = keys.clone();
        assert!(keys.replace(&["three"]) && !keys.replace(&["three"]));
        assert!(door.fit("three") && !door.fit("one"));
    }
}
