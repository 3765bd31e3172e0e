//! How large a deployable folder may be. Plain data: the daemon's settings may say otherwise.

/// Largest folder in bytes: a knowledge base beside the instructions fits, a model does not.
const BYTES_MAX: u64 = 256 << 20;

/// Most files, and likewise most directories: a `node_modules` of a large project fits.
const FILES_MAX: usize = 50_000;

/// Longest path in bytes, a quarter of what Linux takes, because the version and later the
/// workspace lie below directories of their own.
const PATH_BYTES_MAX: usize = 1024;

/// Most names in a path; each is an open directory while the folder is walked.
const DEPTH_MAX: usize = 64;

/// Most that one folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentLimits {
    /// All files together.
    pub(crate) bytes_max: u64,
    /// Files; as many directories may come with them.
    pub(crate) files_max: usize,
    pub(crate) path_bytes_max: usize,
    /// Names in a path, the file's own included.
    pub(crate) depth_max: usize,
    pub(crate) file_bytes_max: u64,
}

/// Of what was let in before, when the limits may have been others.
pub(super) const ANY_SIZE: AgentLimits = AgentLimits {
    bytes_max: u64::MAX,
    files_max: usize::MAX,
    path_bytes_max: PATH_BYTES_MAX,
    depth_max: DEPTH_MAX,
    file_bytes_max: u64::MAX,
};

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            bytes_max: BYTES_MAX,
            files_max: FILES_MAX,
            path_bytes_max: PATH_BYTES_MAX,
            depth_max: DEPTH_MAX,
            file_bytes_max: BYTES_MAX,
        }
    }
}
