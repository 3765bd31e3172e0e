//! Folders that go out and come in again, and archives that mean harm.

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::*;
use crate::bridge::protocol::Refusal;

const ROOMY: u64 = 1 << 30;

fn packed(folder: &Path, gzip: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(folder, gzip, ROOMY, &mut bytes).unwrap();
    bytes
}

/// What of a folder must come back.
fn tree(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            let metadata = entry.path().symlink_metadata().unwrap();
            let mode = metadata.permissions().mode();
            let content = if metadata.is_symlink() {
                format!("-> {}", fs::read_link(entry.path()).unwrap().display())
            } else if metadata.is_file() {
                let seconds = metadata.modified().unwrap();
                let seconds = seconds.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
                format!("{seconds} {:?}", fs::read(entry.path()).unwrap())
            } else if !metadata.is_dir() {
                String::new()
            } else {
                walk(&entry.path(), &format!("{name}/"), found);
                String::new()
            };
            found.push(format!("{name} {mode:o} {content}"));
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}

#[test]
fn a_folder_comes_back_as_it_was() {
    let from = tempfile::tempdir().unwrap();
    let root = from.path();
    let long = "n".repeat(200);
    fs::create_dir_all(root.join("a/empty")).unwrap();
    fs::create_dir_all(root.join(&long)).unwrap();
    for (path, text) in [("a/f", "x"), ("run", "#!"), (".hidden", ""), ("a/\u{e9}\n", "odd")] {
        fs::write(root.join(path), text).unwrap();
    }
    fs::write(root.join(&long).join(&long), vec![7; 100_000]).unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("a/f"), root.join("again")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink("../..", root.join("a/up")).unwrap();
    nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o555)).unwrap();
    for gzip in [false, true] {
        let to = tempfile::tempdir().unwrap();
        fs::create_dir(to.path().join("old")).unwrap();
        fs::write(to.path().join("old/file"), "goes").unwrap();
        fs::set_permissions(to.path().join("old"), fs::Permissions::from_mode(0o555)).unwrap();
        let counted = unpack(to.path(), false, ROOMY, Cursor::new(packed(root, gzip))).unwrap();
        // The first name of a file with two, and no pipe.
        assert_eq!(counted, (5, 100_006));
        let mut expected = tree(root);
        expected.retain(|line| !line.starts_with("fifo "));
        for line in &mut expected {
            *line = line.replace("run 104755", "run 100755");
        }
        assert_eq!(tree(to.path()), expected);
        let number = |path| {
            std::os::unix::fs::MetadataExt::ino(&fs::metadata(to.path().join(path)).unwrap())
        };
        assert_eq!(number("a/f"), number("again"));
    }
}

#[test]
fn with_keep_the_rest_stays() {
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("new"), "new").unwrap();
    fs::write(from.path().join("both"), "newer").unwrap();
    let to = tempfile::tempdir().unwrap();
    fs::write(to.path().join("old"), "old").unwrap();
    fs::write(to.path().join("both"), "older").unwrap();
    unpack(to.path(), true, ROOMY, Cursor::new(packed(from.path(), true))).unwrap();
    let read = |name| fs::read_to_string(to.path().join(name)).unwrap();
    assert_eq!([read("new"), read("both"), read("old")], ["new", "newer", "old"]);
}

#[test]
fn what_is_over_a_limit_is_refused_before_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), vec![0; 1000]).unwrap();
    assert_eq!(survey(folder.path(), 999), Err(Refusal::TooLarge));
    assert_eq!(survey(folder.path(), 1000), Ok(()));
    let error = pack(folder.path(), false, 999, io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    let to = tempfile::tempdir().unwrap();
    let archive = packed(folder.path(), true);
    assert_eq!(unpack(to.path(), false, 999, Cursor::new(archive)), Err(Refusal::TooLarge));
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
}

fn header(kind: EntryType, path: &[u8], target: &[u8], size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    // As no library would write it.
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path);
    header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target);
    header.set_cksum();
    header
}

/// Its kind, its path, what it links to, its content.
type Odd<'a> = (EntryType, &'a [u8], &'a [u8], &'a [u8]);

fn archive(entries: &[Odd<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, target, content) in entries {
        builder.append(&header(*kind, path, target, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn an_archive_that_means_harm_reaches_nothing_outside_and_changes_nothing() {
    use EntryType as E;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("canary"), "kept").unwrap();
    let there = outside.path().to_str().unwrap().as_bytes();
    let canary = outside.path().join("canary");
    let canary = canary.to_str().unwrap().as_bytes();
    let bomb = {
        let mut zeros = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zeros.write_all(header(E::Regular, b"zeros", b"", 2 << 30).as_bytes()).unwrap();
        for _ in 0..(64 << 10) {
            zeros.write_all(&[0; 1024]).unwrap();
        }
        zeros.finish().unwrap()
    };
    let long_name = archive(&[(E::GNULongName, b"././@LongLink", b"", &vec![b'x'; 100_000])]);
    for (name, archive, refusal) in [
        ("..", archive(&[(E::Regular, b"../x", b"", b"x")]), Refusal::OutsideWorkspace),
        ("inner ..", archive(&[(E::Regular, b"a/../../x", b"", b"x")]), Refusal::OutsideWorkspace),
        ("absolute", archive(&[(E::Regular, b"/x", b"", b"x")]), Refusal::OutsideWorkspace),
        (
            "through a link",
            archive(&[(E::Symlink, b"l", there, b""), (E::Regular, b"l/x", b"", b"x")]),
            Refusal::OutsideWorkspace,
        ),
        (
            "a folder on a link",
            archive(&[(E::Symlink, b"l", there, b""), (E::Directory, b"l/", b"", b"")]),
            Refusal::OutsideWorkspace,
        ),
        ("hard link out", archive(&[(E::Link, b"h", canary, b"")]), Refusal::OutsideWorkspace),
        ("hard link up", archive(&[(E::Link, b"h", b"../canary", b"")]), Refusal::OutsideWorkspace),
        ("device", archive(&[(E::Char, b"d", b"", b"")]), Refusal::Archive),
        ("pipe", archive(&[(E::Fifo, b"p", b"", b"")]), Refusal::Archive),
        ("sparse", archive(&[(E::GNUSparse, b"s", b"", b"")]), Refusal::Archive),
        ("cut", archive(&[(E::Regular, b"f", b"", b"long")])[..514].to_vec(), Refusal::Archive),
        ("no archive", b"hello, this is no archive".repeat(100), Refusal::Archive),
        ("a name without end", long_name, Refusal::Archive),
        ("bomb", bomb, Refusal::TooLarge),
    ] {
        let to = tempfile::tempdir().unwrap();
        fs::write(to.path().join("before"), "stays").unwrap();
        let refused = unpack(to.path(), false, ROOMY, Cursor::new(archive)).unwrap_err();
        assert_eq!(refused, refusal, "{name}");
        assert_eq!(tree(to.path()).len(), 1, "{name}: {:?}", tree(to.path()));
        assert_eq!(tree(outside.path()).len(), 1, "{name}");
        assert_eq!(fs::read_to_string(outside.path().join("canary")).unwrap(), "kept", "{name}");
    }
}

#[test]
fn the_last_of_two_entries_of_a_name_counts_and_a_link_is_replaced() {
    use EntryType as E;
    let outside = tempfile::tempdir().unwrap();
    let canary = outside.path().join("canary");
    fs::write(&canary, "kept").unwrap();
    let to = tempfile::tempdir().unwrap();
    let link = canary.to_str().unwrap().as_bytes();
    let archive = archive(&[(E::Symlink, b"f", link, b""), (E::Regular, b"f", b"", b"own")]);
    unpack(to.path(), false, ROOMY, Cursor::new(archive)).unwrap();
    assert_eq!(fs::read_to_string(to.path().join("f")).unwrap(), "own");
    assert_eq!(fs::read_to_string(canary).unwrap(), "kept");
}

fn seeds() -> Vec<Vec<u8>> {
    let from = tempfile::tempdir().unwrap();
    fs::create_dir_all(from.path().join("a/b")).unwrap();
    fs::write(from.path().join("a/b/file"), "content").unwrap();
    symlink("../../canary", from.path().join("a/link")).unwrap();
    vec![packed(from.path(), false), packed(from.path(), true)]
}

proptest::proptest! {
    #[test]
    fn a_mutated_archive_is_unpacked_or_refused_and_reaches_nothing_outside(
        bytes in crate::mutation::mutated(seeds()),
    ) {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("canary"), "untouched").unwrap();
        let inside = place.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let _whichever = unpack(&inside, false, 1 << 20, Cursor::new(bytes));
        let mut names: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["canary", "inside"]);
        assert_eq!(fs::read(place.path().join("canary")).unwrap(), b"untouched");
    }
}
