//! Attacks of an agent on whoever reads its files from outside: each against a [`Root`], where it must be
//! blocked, and against a reader that knows less, where it must succeed. `H` in `docs/threat-model.md`.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::fs::Root;

/// What nobody may read.
const OUTSIDE: &str = "outside";

/// Least reads in a race, and how long at most it may take until the other reader loses it.
const READS_MIN: u32 = 20_000;
const LOST_WITHIN: Duration = Duration::from_mins(1);

/// A workspace `inside`, and beside it what is not to be read.
fn place() -> (tempfile::TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let inside = outer.path().canonicalize().unwrap().join("inside");
    fs::create_dir_all(inside.join("d")).unwrap();
    fs::create_dir(outer.path().join("other")).unwrap();
    fs::write(outer.path().join("other/f"), OUTSIDE).unwrap();
    fs::write(inside.join("d/f"), "inside").unwrap();
    (outer, inside)
}

/// As the product reads.
fn beneath(inside: &Path, path: &str) -> io::Result<String> {
    let mut text = String::new();
    Root::open(inside)?.open_file(Path::new(path))?.read_to_string(&mut text)?;
    Ok(text)
}

/// As one reads who looks where a path leads, and then opens it.
fn checked(inside: &Path, path: &str) -> io::Result<String> {
    let path = inside.join(path);
    if path.canonicalize()?.starts_with(inside) {
        fs::read_to_string(path)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[test]
fn a_link_leads_a_plain_reader_outside_and_ours_nowhere() {
    let (_outer, inside) = place();
    symlink("../other/f", inside.join("file")).unwrap();
    symlink("../other", inside.join("folder")).unwrap();
    symlink(format!("/proc/self/root{}", inside.display()), inside.join("magic")).unwrap();
    fs::write(inside.join("own"), OUTSIDE).unwrap();
    for path in ["file", "folder/f", "../other/f", "magic/own"] {
        assert_eq!(fs::read_to_string(inside.join(path)).unwrap(), OUTSIDE, "{path}: no attack");
        assert!(beneath(&inside, path).is_err(), "{path}");
    }
    assert_eq!(beneath(&inside, "d/f").unwrap(), "inside");
}

#[test]
fn a_reader_that_looks_before_it_opens_loses_a_race_that_ours_does_not() {
    let (_outer, inside) = place();
    symlink("../other", inside.join("e")).unwrap();
    let over = AtomicBool::new(false);
    let (mut reads, mut lost, mut right) = (0_u32, 0_u32, 0_u32);
    std::thread::scope(|scope| {
        // A folder and a link change places, as fast as it goes, and neither is ever gone.
        scope.spawn(|| {
            let (one, other) = (inside.join("d"), inside.join("e"));
            while !over.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
            }
        });
        let began = Instant::now();
        while reads < READS_MIN || (lost == 0 && began.elapsed() < LOST_WITHIN) {
            reads += 1;
            if checked(&inside, "d/f").is_ok_and(|text| text == OUTSIDE) {
                lost += 1;
            }
            match beneath(&inside, "d/f") {
                Ok(text) if text == OUTSIDE => {
                    over.store(true, Ordering::Relaxed);
                    panic!("read {reads} led outside");
                }
                Ok(_inside) => right += 1,
                Err(_refused) => {}
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(lost > 0, "the race was none in {reads} reads");
    assert!((1..reads).contains(&right), "{right} of {reads} were served, {lost} lost");
}
