//! For `fuzz/`: whatever an archive says, nothing is left of one that was refused.

use std::path::Path;

use super::{AgentLimits, Library, Unpacking};

/// Small, so that the limits are met too.
const BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: usize = 64;

pub(crate) fn read_any_archive(scratch: &Path, bytes: &[u8]) {
    let limits =
        AgentLimits { bytes_max: BYTES_MAX, files_max: FILES_MAX, ..AgentLimits::default() };
    let library = Library::open(&scratch.join("agents")).expect("the folder is empty");
    let staged = library.stage(limits).expect("the library is there");
    drop(staged.unpack_tar(bytes).and_then(Unpacking::finish));
    let names = |path: &Path| {
        let entries = std::fs::read_dir(path).expect("it was there before");
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect::<Vec<_>>()
    };
    assert_eq!(names(scratch), ["agents"], "something was made outside of the library");
    assert!(names(&scratch.join("agents/.staging")).is_empty(), "something was left");
}
