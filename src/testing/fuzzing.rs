//! Readers of foreign bytes, each behind one call that takes any bytes: what `fuzz/` drives. A call
//! that returns is fine; one that panics has found something.

use std::path::Path;

use crate::{agent, api, bridge, egress, sandboxd};

/// The readers by name.
pub const READERS: [&str; 7] = [
    "agent-archive",
    "bridge-packets",
    "destination",
    "greeting",
    "http-body",
    "sandboxd-request",
    "workspace-archive",
];

/// Has one reader read; `scratch` is an empty folder that it may fill. Whether there is one of that
/// name.
pub fn read(reader: &str, scratch: &Path, bytes: &[u8]) -> bool {
    match reader {
        "agent-archive" => agent::read_any_archive(scratch, bytes),
        "bridge-packets" => bridge::read_any_packets(bytes),
        "destination" => egress::read_any_destination(bytes),
        "greeting" => egress::read_any_greeting(bytes),
        "http-body" => api::read_any_body(bytes),
        "sandboxd-request" => sandboxd::read_any_request(bytes),
        "workspace-archive" => bridge::read_any_archive(scratch, bytes),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What a run of the fuzzers found once must never come back, and what they start from must be
    /// readable at all.
    #[test]
    fn every_reader_reads_its_corpus_and_what_once_broke_it() {
        for reader in READERS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(reader);
            let inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
            assert!(!inputs.is_empty(), "{}", folder.display());
            for input in inputs {
                let scratch = tempfile::tempdir().unwrap();
                assert!(read(reader, scratch.path(), &fs::read(input.path()).unwrap()));
            }
        }
        assert!(!read("another", Path::new("/"), b""));
    }
}
