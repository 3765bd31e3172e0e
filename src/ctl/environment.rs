//! What `ashctl` takes from its environment, read in this file only.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that mean something to `ashctl`. One that is set to nothing counts as not set.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `ASH_SOCKET`: the admin socket.
    pub(crate) socket: Option<PathBuf>,
    /// `ASH_SERVER_URL`: a server over TCP instead.
    pub(crate) server_url: Option<String>,
    /// `ASH_API_KEY`: the key for it.
    pub(crate) api_key: Option<ApiKey>,
    /// `ASH_TENANT`: whom the admin socket acts for.
    pub(crate) tenant: Option<String>,
    /// `XDG_RUNTIME_DIR`: where a daemon of a user has its socket.
    pub(crate) runtime_dir: Option<PathBuf>,
    /// Where the history of `chat` lies: `XDG_STATE_HOME`, or its default below `HOME`.
    pub(crate) state_dir: Option<PathBuf>,
    /// `PATH`, for `doctor`.
    pub(crate) path: OsString,
}

/// An API key. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey(pub(crate) String);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

impl Environment {
    pub(crate) fn read() -> Self {
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        // The XDG specification: a relative path is as good as none.
        let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            socket: variable("ASH_SOCKET").map(PathBuf::from),
            server_url: text("ASH_SERVER_URL"),
            api_key: text("ASH_API_KEY").map(ApiKey),
            tenant: text("ASH_TENANT"),
            runtime_dir: folder("XDG_RUNTIME_DIR"),
            state_dir: folder("XDG_STATE_HOME")
                .or_else(|| folder("HOME").map(|home| home.join(".local/state"))),
            path: variable("PATH").unwrap_or_default(),
        }
    }
}

/// The variable `name`, if it is set to something.
#[expect(clippy::disallowed_methods, reason = "the one place of `ashctl` that reads variables")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
