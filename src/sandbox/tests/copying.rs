//! Filling a workspace.

use super::*;

#[tokio::test]
async fn a_workspace_is_filled_by_the_user_it_belongs_to() {
    let Some(uid) = new_uid() else {
        skip("users of their own need root");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let launcher = launcher(directory.path(), Some(uid), DEADLINE).await;
    let made = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (version, workspace) = (made("version"), made("workspace"));
    fs::create_dir(version.join("a")).unwrap();
    fs::write(version.join("a/b"), "content").unwrap();
    chown(&workspace, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid))).unwrap();
    let copy = || {
        let roots = (Root::open(&version).unwrap(), Root::open(&workspace).unwrap());
        launcher.copy(Some(uid), roots.0, roots.1)
    };
    copy().await.unwrap();
    for path in ["", "a", "a/b"] {
        let metadata = fs::metadata(workspace.join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, uid), "{path:?}");
    }
    assert_eq!(fs::read(workspace.join("a/b")).unwrap(), b"content");

    // What only root may read is not copied: who copies is root no more.
    fs::remove_dir_all(workspace.join("a")).unwrap();
    fs::write(version.join("secret"), "s").unwrap();
    fs::set_permissions(version.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let refused = copy().await.unwrap_err();
    assert!(refused.to_string().contains("agent/secret"), "{refused}");
    // Nor can it write where that user may not.
    fs::remove_file(version.join("secret")).unwrap();
    fs::remove_dir_all(workspace.join("a")).unwrap();
    chown(&workspace, Some(Uid::from_raw(0)), Some(Gid::from_raw(0))).unwrap();
    fs::set_permissions(&workspace, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(copy().await.is_err());
    assert!(matches!(
        launcher
            .copy(Some(0), Root::open(&version).unwrap(), Root::open(&workspace).unwrap())
            .await,
        Err(CopyError::Failed { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_unpacked_by_the_user_they_belong_to() {
    let Some(uid) = new_uid() else {
        skip("users of their own need root");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let launcher = launcher(directory.path(), Some(uid), DEADLINE).await;
    let made = |name: &str, owner: u32| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        chown(&path, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner))).unwrap();
        path
    };
    let (from, home) = (made("from", 0), made("home", 0));
    fs::create_dir(from.join("a")).unwrap();
    fs::write(from.join("a/b"), "content").unwrap();
    // What a sandbox has closed to itself is packed, too: who packs only reads.
    fs::set_permissions(from.join("a/b"), fs::Permissions::from_mode(0o000)).unwrap();
    let opened = |one: &Path, other: &Path| Folders {
        workspace: Root::open(one).unwrap(),
        home: Root::open(other).unwrap(),
    };
    let pair = || std::os::unix::net::UnixStream::pair().unwrap();
    let packed = {
        let (mut ours, theirs) = pair();
        let folders = opened(&from, &home);
        let packing = std::thread::spawn(move || pack_into(&folders, None, theirs));
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut ours, &mut bytes).unwrap();
        packing.join().unwrap();
        let end = bytes.windows(4).rposition(|part| part == [0; 4]).unwrap() + 4;
        bytes.truncate(end);
        bytes
    };
    let unpack = async |owner: u32, name: &str| {
        let (mut ours, theirs) = pair();
        let bytes = packed.clone();
        let sending = std::thread::spawn(move || {
            drop(std::io::Write::write_all(&mut ours, &bytes));
            drop(ours.shutdown(std::net::Shutdown::Write));
            Moved::read(&mut ours).unwrap()
        });
        let folders =
            opened(&made(&format!("{name}-w"), owner), &made(&format!("{name}-h"), owner));
        let outcome = launcher.unpack(Some(uid), folders, theirs).await;
        assert_eq!(sending.join().unwrap(), outcome);
        outcome
    };
    let outcome = unpack(uid, "own").await;
    assert!(matches!(outcome, Moved::Unpacked { entries: 4, bytes: 7 }), "{outcome:?}");
    for path in ["", "a", "a/b"] {
        let metadata = fs::metadata(directory.path().join("own-w").join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, uid), "{path:?}");
    }
    // It cannot write where that user may not.
    let refused = unpack(0, "root").await;
    assert!(matches!(refused, Moved::Failed { .. }), "{refused:?}");
}
