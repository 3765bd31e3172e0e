//! libFuzzer around one of Ash's readers of foreign bytes, by the name in `ASH_FUZZ_READER`.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static READER: OnceLock<String> = OnceLock::new();

fuzz_target!(
    init: {
        let reader = std::env::var("ASH_FUZZ_READER").unwrap_or_default();
        assert!(
            ash::testing::fuzzing::READERS.contains(&reader.as_str()),
            "ASH_FUZZ_READER is one of {:?}",
            ash::testing::fuzzing::READERS,
        );
        READER.set(reader).expect("it is read once");
    },
    |bytes: &[u8]| {
        let reader = READER.get().expect("it is read at the start");
        // In memory: it is made a thousand times a second, for those that unpack.
        let scratch = reader
            .ends_with("archive")
            .then(|| tempfile::tempdir_in("/dev/shm").expect("/dev/shm can be written"));
        let scratch = scratch.as_ref().map_or("/nowhere".as_ref(), tempfile::TempDir::path);
        ash::testing::fuzzing::read(reader, scratch, bytes);
    }
);
