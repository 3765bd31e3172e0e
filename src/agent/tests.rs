//! The whole way of a folder, with whatever may be in it, and with a disk that is full.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tar::EntryType;

use crate::os::fs::Root;

use super::fixture::{Host, RawTar, folder, packed, tree, write};
use super::*;

/// Paths of safe names, of which none is a directory of another.
fn files() -> impl Strategy<Value = BTreeMap<String, (Vec<u8>, bool)>> {
    let name = "[a-zA-Z0-9 ._äß日\\\\*?\\[\\]!#~-]{1,12}".prop_filter("dots", |name| {
        name != "." && name != ".." && name != ".ashignore" && name != "CLAUDE.md"
    });
    let path = vec(name, 1..4).prop_map(|names| names.join("/"));
    let content = vec(any::<u8>(), 0..1500);
    btree_map(path, (content, any::<bool>()), 0..12).prop_map(|files| {
        let paths: Vec<_> = files.keys().cloned().collect();
        let is_directory =
            |path: &str| paths.iter().any(|other| other.starts_with(&format!("{path}/")));
        files.into_iter().filter(|(path, _)| !is_directory(path)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_folder_arrives_as_it_was(files in files()) {
        let source = folder(&[("CLAUDE.md", "Be kind.")]);
        for (path, (content, executable)) in &files {
            write(source.path(), path, content, *executable);
        }
        let host = Host::new();
        let limits = AgentLimits::default();
        let packed = host.library.stage(limits).unwrap()
            .unpack_tar(&*packed_within(source.path(), &limits)).unwrap()
            .finish().unwrap();
        let reversed = files.iter().rev()
            .try_fold(host.library.stage(limits).unwrap(), |staged, (path, (content, executable))| {
                staged.write_file(path, content, *executable)
            })
            .and_then(|staged| staged.write_file("CLAUDE.md", b"Be kind.", false))
            .and_then(Unpacking::finish)
            .unwrap();
        prop_assert_eq!(packed.digest, reversed.digest);
        let digest = host.commit(packed);
        prop_assert_eq!(tree(&host.library.path(&digest)), tree(source.path()));
        let workspace = host.path("workspace");
        fs::create_dir(&workspace).unwrap();
        let version = Root::open(&host.library.path(&digest)).unwrap();
        copy_workspace(&version, &Root::open(&workspace).unwrap()).unwrap();
        prop_assert_eq!(tree(&workspace), tree(source.path()));
    }

    #[test]
    fn no_name_leads_out_of_the_staging_area(
        name in prop_oneof![
            vec(any::<u8>(), 0..120),
            vec(prop_oneof![Just(".."), Just("."), Just(""), Just("a"), Just("canary")], 0..6)
                .prop_map(|names| names.join("/").into_bytes()),
        ],
        kind in prop_oneof![
            Just(EntryType::Regular), Just(EntryType::Directory), Just(EntryType::Symlink),
            any::<u8>().prop_map(EntryType::new),
        ],
        long in 0..3,
    ) {
        let host = Host::new();
        let archive = RawTar::with_claude_md();
        let archive = match long {
            0 => archive.entry(kind, &name, b"", 0o644),
            1 => archive.pax(&[("path", &name)]).entry(kind, b"x", b"", 0o644),
            _ => archive.entry(EntryType::GNULongName, b"L", &name, 0).entry(kind, b"x", b"", 0o644),
        };
        // `unpack` looks at the canary and for leftovers.
        if let Ok(unpacked) = host.unpack(&archive.end()) {
            let digest = host.commit(unpacked);
            prop_assert_eq!(host.versions(), [digest.to_string()]);
        }
        prop_assert_eq!(fs::read_dir(host.path("")).unwrap().count(), 2);
    }

    #[test]
    fn no_bytes_at_all_do_harm(start in vec(any::<u8>(), 0..2000), magic in 0..3) {
        let magic: &[u8] = match magic {
            0 => b"",
            1 => &[0x1f, 0x8b, 8, 0],
            _ => &[0x28, 0xb5, 0x2f, 0xfd],
        };
        prop_assert!(Host::new().unpack(&[magic, &start].concat()).is_err());
    }
}

fn packed_within(folder: &Path, limits: &AgentLimits) -> Vec<u8> {
    let mut archive = Vec::new();
    pack(&survey(folder, limits).unwrap(), &mut archive, |_| {}).unwrap();
    archive
}

/// Runs `check` with a directory on a disk of 256 KiB and 64 files, which only that thread
/// sees and which vanishes with it.
fn on_a_small_disk(check: impl FnOnce(&Path) + Send) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let run = || {
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        let none: Option<&str> = None;
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, private, none))
            .and_then(|()| {
                let options = Some("size=256k,nr_inodes=64");
                mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), options)
            });
        match mounted {
            Ok(()) => check(path),
            Err(error) => println!("SKIP: mounting a small disk needs root: {error}"),
        }
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap();
}

#[test]
fn a_full_disk_is_said_to_be_full_and_the_old_version_stays() {
    on_a_small_disk(|disk| {
        let library = Library::open(&disk.join("agents")).unwrap();
        let small = packed(folder(&[("CLAUDE.md", "Be kind.")]).path());
        let limits = AgentLimits::default();
        let staged = library.stage(limits).unwrap().unpack_tar(&*small).unwrap();
        let version = library.commit(staged.finish().unwrap()).unwrap();

        let large = RawTar::with_claude_md().file("x", &vec![1; 300 << 10]).end();
        let error = library.stage(limits).unwrap().unpack_tar(&*large).unwrap_err();
        assert!(matches!(&error, AgentError::DiskFull { path } if path.ends_with("x")), "{error}");
        assert_eq!(error.fault(), Fault::DiskFull);

        let many = (0..100).try_fold(library.stage(limits).unwrap(), |staged, number| {
            staged.write_file(&format!("{number}/x"), b"", false)
        });
        assert!(matches!(many.unwrap_err(), AgentError::DiskFull { .. }));

        fs::write(disk.join("ballast"), vec![0; 230 << 10]).unwrap();
        let source = folder(&[("CLAUDE.md", "")]);
        write(source.path(), "x", vec![1; 60 << 10], false);
        let workspace = disk.join("workspace");
        fs::create_dir(&workspace).unwrap();
        let roots = (Root::open(source.path()).unwrap(), Root::open(&workspace).unwrap());
        let error = copy_workspace(&roots.0, &roots.1).unwrap_err();
        assert!(matches!(error, AgentError::DiskFull { .. }), "{error}");

        assert_eq!(fs::read_dir(disk.join("agents/.staging")).unwrap().count(), 0);
        assert_eq!(fs::read(version.path.join("CLAUDE.md")).unwrap(), b"Be kind.");
    });
}

proptest! {
    #[test]
    fn a_mutated_archive_of_an_agent_is_taken_or_refused_and_leaves_nothing(
        bytes in {
            let source = folder(&[("CLAUDE.md", "Be kind."), ("a/b", "x")]);
            crate::mutation::mutated(vec![packed(source.path())])
        },
    ) {
        let host = Host::new();
        drop(host.unpack(&bytes));
        host.assert_nothing_staged();
    }
}
