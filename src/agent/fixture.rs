//! Folders, archives and a place to unpack them, for the tests of this module.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};
use tempfile::TempDir;

use super::unpacking::Unpacked;
use super::{AgentError, AgentLimits, Digest, Library, Survey, Unpacking, pack, survey};

pub(super) const LIMITS: AgentLimits = AgentLimits {
    bytes_max: 64 << 10,
    files_max: 20,
    path_bytes_max: 200,
    depth_max: 5,
    file_bytes_max: 32 << 10,
};

/// What a folder contains: a directory ends in `/`, a file has its `x` and its content.
pub(super) type Tree = BTreeMap<String, (bool, Vec<u8>)>;

pub(super) fn write(folder: &Path, path: &str, content: impl AsRef<[u8]>, executable: bool) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let mode = if executable { 0o700 } else { 0o600 };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder with these files, none executable.
pub(super) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(folder.path(), path, content, false);
    }
    folder
}

pub(super) fn tree(folder: &Path) -> Tree {
    fn walk(directory: &Path, prefix: &str, tree: &mut Tree) {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            let metadata = entry.path().symlink_metadata().unwrap();
            if metadata.is_dir() {
                let name = format!("{name}/");
                walk(&entry.path(), &name, tree);
                tree.insert(name, (true, Vec::new()));
            } else {
                assert!(metadata.is_file(), "{name}");
                let executable = metadata.permissions().mode() & 0o100 != 0;
                tree.insert(name, (executable, fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut found = Tree::new();
    walk(folder, "", &mut found);
    found
}

/// A library in a directory of its own, beside a file that must stay as it is.
pub(super) struct Host {
    outer: TempDir,
    pub(super) library: Library,
}

impl Host {
    pub(super) fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("canary"), "untouched").unwrap();
        let library = Library::open(&outer.path().join("agents")).unwrap();
        Self { outer, library }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.outer.path().join(name)
    }

    pub(super) fn stage(&self) -> Unpacking {
        self.library.stage(LIMITS).unwrap()
    }

    /// Unpacks an archive; what went wrong must have left nothing.
    #[expect(clippy::panic_in_result_fn, reason = "it is an assertion about every result")]
    #[track_caller]
    pub(super) fn unpack(&self, archive: &[u8]) -> Result<Unpacked, AgentError> {
        let result = self.stage().unpack_tar(archive).and_then(Unpacking::finish);
        if result.is_err() {
            self.assert_nothing_staged();
        }
        assert_eq!(fs::read(self.path("canary")).unwrap(), b"untouched");
        result
    }

    #[track_caller]
    pub(super) fn assert_nothing_staged(&self) {
        let staged = fs::read_dir(self.path("agents/.staging")).unwrap().count();
        assert_eq!(staged, 0, "something is left in the staging area");
    }

    /// What is beside the staging area, by name.
    pub(super) fn versions(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path("agents"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".staging")
            .collect();
        names.sort();
        names
    }

    pub(super) fn commit(&self, unpacked: Unpacked) -> Digest {
        self.library.commit(unpacked).unwrap().digest
    }
}

pub(super) fn surveyed(folder: &Path) -> Survey {
    survey(folder, &LIMITS).unwrap()
}

pub(super) fn packed(folder: &Path) -> Vec<u8> {
    let mut archive = Vec::new();
    pack(&surveyed(folder), &mut archive, |_| {}).unwrap();
    archive
}

/// An archive written block by block, so that it can say what no archiver would.
#[derive(Clone, Default)]
pub(super) struct RawTar(Vec<u8>);

impl RawTar {
    pub(super) fn with_claude_md() -> Self {
        Self::default().file("CLAUDE.md", b"Be kind.")
    }

    pub(super) fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, name.as_bytes(), content, 0o644)
    }

    pub(super) fn entry(self, kind: EntryType, name: &[u8], content: &[u8], mode: u32) -> Self {
        self.entry_saying(kind, name, content, mode, content.len() as u64)
    }

    /// An entry whose header says another size than its content has.
    pub(super) fn entry_saying(
        mut self,
        kind: EntryType,
        name: &[u8],
        content: &[u8],
        mode: u32,
        size: u64,
    ) -> Self {
        let mut header = Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        let length = name.len().min(field.len());
        field[..length].copy_from_slice(&name[..length]);
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.entry(EntryType::XHeader, b"pax", &pax_records(records), 0o644)
    }

    pub(super) fn without_end(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

pub(super) fn pax_records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let digits = (1..9).find(|digits| (rest + digits).to_string().len() == *digits).unwrap();
        data.extend_from_slice(format!("{} {key}=", rest + digits).as_bytes());
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    data
}
