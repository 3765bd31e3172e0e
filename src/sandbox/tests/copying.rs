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
