//! Judging a folder before anything is read or sent: what will be deployed, what is left out,
//! and what forbids it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::fs::{self, Entry, Kind, Root};

use super::error::AgentError;
use super::limits::AgentLimits;
use super::path::{EntryPath, shown};
use super::rules::{self, Rules};

/// What makes a folder an agent; at its top, a regular file.
pub(super) const CLAUDE_MD: &str = "CLAUDE.md";

/// Most entries of one directory, ignored ones included: each costs about 100 bytes of memory.
const DIRECTORY_ENTRIES_MAX: usize = 200_000;

/// Most names of ignored things that are kept to be shown; the count goes on.
const IGNORED_NAMES_MAX: usize = 100;

/// A folder that may be deployed. It holds the folder open: what is packed later is what was
/// judged, even if the path leads elsewhere by then.
#[derive(Debug)]
pub(crate) struct Survey {
    root: Root,
    folder: PathBuf,
    files: Vec<SurveyedFile>,
    empty_directories: Vec<EntryPath>,
    bytes: u64,
    ignored: Ignored,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SurveyedFile {
    pub(crate) path: EntryPath,
    pub(crate) bytes: u64,
    pub(crate) executable: bool,
}

/// What `.ashignore` left out; a directory counts once and is shown with a `/` behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ignored {
    pub(crate) count: usize,
    /// The first [`IGNORED_NAMES_MAX`] of them, escaped.
    pub(crate) names: Vec<String>,
}

/// Judges the folder at `path`; links in the path itself are followed.
pub(crate) fn survey(path: &Path, limits: &AgentLimits) -> Result<Survey, AgentError> {
    survey_opened(Root::open(path), path, limits, true)
}

/// Judges the folder at an absolute `path` in which no component is a link, as it is after
/// `canonicalize`; so a path that was checked cannot be bent afterwards.
pub(super) fn survey_without_links(
    path: &Path,
    limits: &AgentLimits,
) -> Result<Survey, AgentError> {
    survey_opened(Root::open_without_links(path), path, limits, true)
}

/// Lists a version that is kept: what it has was deployed, whatever its `.ashignore` says.
pub(super) fn survey_version(path: &Path, limits: &AgentLimits) -> Result<Survey, AgentError> {
    survey_opened(Root::open(path), path, limits, false)
}

fn survey_opened(
    root: io::Result<Root>,
    folder: &Path,
    limits: &AgentLimits,
    ignores: bool,
) -> Result<Survey, AgentError> {
    let root = root.map_err(|source| {
        if fs::is_something_else(&source) {
            AgentError::NotDirectory { path: folder.to_owned() }
        } else {
            AgentError::io("open", folder, source)
        }
    })?;
    let mut walk =
        Walk { folder, limits, ignores, rules: Rules::default(), found: Found::default() };
    walk.directory(&root, Path::new(""))?;
    let Found { mut files, mut empty_directories, bytes, ignored, claude_md_ignored, .. } =
        walk.found;
    if !files.iter().any(|file| file.path.as_str() == CLAUDE_MD) {
        return Err(if claude_md_ignored {
            AgentError::ClaudeMdIgnored
        } else {
            AgentError::ClaudeMdMissing
        });
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    empty_directories.sort_unstable();
    Ok(Survey { root, folder: folder.to_owned(), files, empty_directories, bytes, ignored })
}

impl Survey {
    /// By path.
    pub(crate) fn files(&self) -> &[SurveyedFile] {
        &self.files
    }

    /// Leaves out the file `path` as well; says whether it was there.
    pub(crate) fn leave_out(&mut self, path: &str) -> bool {
        let found = self.files.iter().position(|file| file.path.as_str() == path);
        if let Some(index) = found {
            self.bytes -= self.files.remove(index).bytes;
        }
        found.is_some()
    }

    /// Directories of which nothing else would tell, because no file below them is deployed.
    pub(crate) fn empty_directories(&self) -> &[EntryPath] {
        &self.empty_directories
    }

    /// All files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn ignored(&self) -> &Ignored {
        &self.ignored
    }

    /// Opens one of the files, which must still be of the size that was judged.
    pub(super) fn open(&self, file: &SurveyedFile) -> Result<File, AgentError> {
        let full_path = || self.folder.join(file.path.as_path());
        let opened = self.root.open_file(file.path.as_path()).map_err(|source| {
            // It was a regular file when it was judged.
            if fs::is_something_else(&source) {
                changed(file)
            } else {
                AgentError::io("open", &full_path(), source)
            }
        })?;
        let bytes =
            opened.metadata().map_err(|source| AgentError::io("read", &full_path(), source))?.len();
        if bytes == file.bytes { Ok(opened) } else { Err(changed(file)) }
    }

    pub(super) fn read_failed(&self, file: &SurveyedFile, source: io::Error) -> AgentError {
        AgentError::io("read", &self.folder.join(file.path.as_path()), source)
    }
}

pub(super) fn changed(file: &SurveyedFile) -> AgentError {
    AgentError::Changed { path: shown(file.path.as_str().as_bytes()) }
}

struct Walk<'a> {
    folder: &'a Path,
    limits: &'a AgentLimits,
    /// What `.ashignore` names is left out.
    ignores: bool,
    rules: Rules,
    found: Found,
}

#[derive(Default)]
struct Found {
    files: Vec<SurveyedFile>,
    empty_directories: Vec<EntryPath>,
    directories: usize,
    bytes: u64,
    ignored: Ignored,
    claude_md_ignored: bool,
}

impl Walk<'_> {
    /// Walks the directory at `path` and tells whether anything in it is deployed. The depth
    /// limit on paths bounds the recursion.
    fn directory(&mut self, directory: &Root, path: &Path) -> Result<bool, AgentError> {
        let entries = directory.entries(DIRECTORY_ENTRIES_MAX).map_err(|source| {
            if fs::is_too_many_entries(&source) {
                AgentError::TooManyFiles { files_max: self.limits.files_max }
            } else {
                AgentError::io("read", &self.folder.join(path), source)
            }
        })?;
        let has_rules = self.ignores
            && entries
                .iter()
                .any(|entry| entry.name == rules::FILE_NAME && entry.kind == Kind::File);
        if has_rules {
            self.rules.enter(directory, path)?;
        }
        let mut deployed = false;
        for entry in entries {
            deployed |= self.entry(directory, &path.join(&entry.name), &entry)?;
        }
        if has_rules {
            self.rules.leave();
        }
        Ok(deployed)
    }

    fn entry(&mut self, parent: &Root, path: &Path, entry: &Entry) -> Result<bool, AgentError> {
        if self.rules.ignores(path, entry.kind == Kind::Directory) {
            self.ignore(path, entry.kind);
            return Ok(false);
        }
        let entry_path = EntryPath::of(path.as_os_str(), self.limits)?;
        match entry.kind {
            Kind::File => self.file(entry_path, entry).map(|()| true),
            Kind::Directory => {
                self.found.directories += 1;
                if self.found.directories > self.limits.files_max {
                    let directories_max = self.limits.files_max;
                    return Err(AgentError::TooManyDirectories { directories_max });
                }
                let directory = parent
                    .open_directory(Path::new(&entry.name))
                    .map_err(|source| self.open_failed(path, source))?;
                if !self.directory(&directory, path)? {
                    self.found.empty_directories.push(entry_path);
                }
                Ok(true)
            }
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device => {
                let path = shown(entry_path.as_str().as_bytes());
                Err(AgentError::kind_refused(path, entry.kind))
            }
        }
    }

    fn file(&mut self, path: EntryPath, entry: &Entry) -> Result<(), AgentError> {
        let limits = self.limits;
        if self.found.files.len() == limits.files_max {
            return Err(AgentError::TooManyFiles { files_max: limits.files_max });
        }
        if entry.bytes > limits.file_bytes_max {
            return Err(AgentError::FileTooLarge {
                path: shown(path.as_str().as_bytes()),
                bytes: entry.bytes,
                bytes_max: limits.file_bytes_max,
            });
        }
        self.found.bytes = self.found.bytes.saturating_add(entry.bytes);
        if self.found.bytes > limits.bytes_max {
            return Err(AgentError::TooLarge { bytes_max: limits.bytes_max });
        }
        let (bytes, executable) = (entry.bytes, entry.executable);
        self.found.files.push(SurveyedFile { path, bytes, executable });
        Ok(())
    }

    fn open_failed(&self, path: &Path, source: io::Error) -> AgentError {
        if fs::is_something_else(&source) {
            AgentError::Changed { path: shown(path.as_os_str().as_encoded_bytes()) }
        } else {
            AgentError::io("open", &self.folder.join(path), source)
        }
    }

    fn ignore(&mut self, path: &Path, kind: Kind) {
        if path == Path::new(CLAUDE_MD) {
            self.found.claude_md_ignored = true;
        }
        let ignored = &mut self.found.ignored;
        ignored.count += 1;
        if ignored.names.len() < IGNORED_NAMES_MAX {
            let mut name = shown(path.as_os_str().as_encoded_bytes());
            if kind == Kind::Directory {
                name.push('/');
            }
            ignored.names.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    use nix::unistd::mkfifo;

    use super::super::fixture::{LIMITS, folder, write};
    use super::super::path::PathFault;
    use super::*;

    fn paths(survey: &Survey) -> Vec<&str> {
        survey.files().iter().map(|file| file.path.as_str()).collect()
    }

    /// The refusal of a folder that has a `CLAUDE.md` and what `change` adds.
    fn refusal(change: impl FnOnce(&Path)) -> AgentError {
        let folder = folder(&[("CLAUDE.md", "")]);
        change(folder.path());
        survey(folder.path(), &LIMITS).unwrap_err()
    }

    #[test]
    fn a_folder_is_listed_in_order_with_sizes_and_modes() {
        let folder =
            folder(&[("CLAUDE.md", "12345"), ("b/x", "1"), (".claude/settings.json", "{}")]);
        write(folder.path(), "a.sh", "#!", true);
        fs::create_dir_all(folder.path().join("empty/er")).unwrap();
        let survey = survey(folder.path(), &LIMITS).unwrap();
        assert_eq!(paths(&survey), [".claude/settings.json", "CLAUDE.md", "a.sh", "b/x"]);
        let marks: Vec<_> = survey.files().iter().map(|f| (f.bytes, f.executable)).collect();
        assert_eq!(marks, [(2, false), (5, false), (2, true), (1, false)]);
        let empty: Vec<_> = survey.empty_directories().iter().map(EntryPath::as_str).collect();
        assert_eq!(empty, ["empty/er"]);
        assert_eq!((survey.bytes(), survey.ignored().count), (10, 0));
    }

    #[test]
    fn only_ashignore_leaves_things_out_and_nothing_silently() {
        let folder = folder(&[
            (".ashignore", "*.log\n/secret\n# comment\n\nnode_modules/\n!keep.log\n"),
            (".gitignore", "*"),
            (".ignore", "*"),
            (".git/info/exclude", "*"),
            ("CLAUDE.md", ""),
            ("a.log", ""),
            ("b/a.log", ""),
            ("b/keep.log", ""),
            ("b/secret", ""),
            ("node_modules/x/y", ""),
            ("secret", ""),
        ]);
        let survey = survey(folder.path(), &LIMITS).unwrap();
        let deployed = [
            ".ashignore",
            ".git/info/exclude",
            ".gitignore",
            ".ignore",
            "CLAUDE.md",
            "b/keep.log",
            "b/secret",
        ];
        assert_eq!(paths(&survey), deployed);
        assert_eq!(survey.ignored().names, ["a.log", "b/a.log", "node_modules/", "secret"]);
        assert_eq!(survey.ignored().count, 4);
    }

    #[test]
    fn a_deeper_file_of_rules_has_the_last_word_on_its_directory() {
        let folder = folder(&[
            (".ashignore", "*.txt\n"),
            ("CLAUDE.md", ""),
            ("a.txt", ""),
            ("docs/.ashignore", "!/*.txt\n/b.md\n"),
            ("docs/a.txt", ""),
            ("docs/b.md", ""),
            ("docs/sub/a.txt", ""),
            ("docs/sub/b.md", ""),
            ("other/b.md", ""),
        ]);
        let survey = survey(folder.path(), &LIMITS).unwrap();
        assert_eq!(
            paths(&survey),
            [
                ".ashignore",
                "CLAUDE.md",
                "docs/.ashignore",
                "docs/a.txt",
                "docs/sub/b.md",
                "other/b.md"
            ]
        );
        assert_eq!(survey.ignored().names, ["a.txt", "docs/b.md", "docs/sub/a.txt"]);
    }

    #[test]
    fn a_file_of_the_top_can_be_left_out_as_well() {
        let folder = folder(&[("CLAUDE.md", "12"), (".env", "345"), ("docs/.env", "6")]);
        let mut survey = survey(folder.path(), &LIMITS).unwrap();
        survey.leave_out(".env");
        survey.leave_out(".env.local");
        assert_eq!(paths(&survey), ["CLAUDE.md", "docs/.env"]);
        assert_eq!(survey.bytes(), 3);
    }

    #[test]
    fn the_names_of_ignored_things_are_capped_and_the_count_is_not() {
        let folder = folder(&[(".ashignore", "*.log"), ("CLAUDE.md", "")]);
        for number in 0..150 {
            fs::write(folder.path().join(format!("{number}.log")), "").unwrap();
        }
        let survey = survey(folder.path(), &LIMITS).unwrap();
        assert_eq!(survey.ignored().count, 150);
        assert_eq!(survey.ignored().names.len(), IGNORED_NAMES_MAX);
    }

    #[test]
    fn a_directory_whose_files_are_all_ignored_is_deployed_empty() {
        let folder = folder(&[(".ashignore", "*.log"), ("CLAUDE.md", ""), ("logs/a.log", "")]);
        let survey = survey(folder.path(), &LIMITS).unwrap();
        assert_eq!(survey.empty_directories()[0].as_str(), "logs");
    }

    #[test]
    fn what_is_ignored_may_be_anything() {
        let folder = folder(&[(".ashignore", "run/\nlink\n"), ("CLAUDE.md", "")]);
        fs::create_dir(folder.path().join("run")).unwrap();
        mkfifo(&folder.path().join("run/pipe"), Mode::S_IRWXU).unwrap();
        symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert_eq!(survey(folder.path(), &LIMITS).unwrap().ignored().names, ["link", "run/"]);
    }

    #[test]
    fn a_file_of_rules_that_cannot_be_understood_is_refused() {
        let bad = refusal(|folder| write(folder, ".ashignore", "ok\na{b\n", false));
        assert!(
            matches!(&bad, AgentError::IgnoreFile { path, reason }
            if path == ".ashignore" && reason.starts_with("line 2: ")),
            "{bad}"
        );
        let binary = refusal(|folder| write(folder, "a/.ashignore", b"\xff\xfe", false));
        assert!(matches!(binary, AgentError::IgnoreFile { path, .. } if path == "a/.ashignore"));
        let long = refusal(|folder| write(folder, ".ashignore", vec![b'#'; 65 << 10], false));
        assert!(matches!(long, AgentError::IgnoreFile { reason, .. } if reason.contains("65536")));
    }

    #[test]
    fn an_agent_has_a_claude_md() {
        let missing = folder(&[("README.md", ""), ("docs/CLAUDE.md", "")]);
        let error = survey(missing.path(), &LIMITS).unwrap_err();
        assert!(matches!(error, AgentError::ClaudeMdMissing));
        let directory = folder(&[("CLAUDE.md/x", "")]);
        let error = survey(directory.path(), &LIMITS).unwrap_err();
        assert!(matches!(error, AgentError::ClaudeMdMissing));
        let ignored = refusal(|folder| write(folder, ".ashignore", "*.md", false));
        assert!(matches!(ignored, AgentError::ClaudeMdIgnored));
    }

    #[test]
    fn what_is_not_a_directory_is_refused() {
        let folder = folder(&[("CLAUDE.md", "")]);
        for path in [folder.path().join("CLAUDE.md"), folder.path().join("nowhere")] {
            let error = survey(&path, &LIMITS).unwrap_err();
            assert!(matches!(error, AgentError::NotDirectory { path: named } if named == path));
        }
    }

    #[track_caller]
    fn assert_kind(error: &AgentError, path: &str, kind: &str) {
        assert!(
            matches!(error, AgentError::KindRefused { path: p, kind: k } if p == path && *k == kind),
            "{error}"
        );
    }

    #[test]
    fn links_pipes_sockets_and_devices_are_refused_by_name() {
        let link = refusal(|folder| symlink("/etc/passwd", folder.join("link")).unwrap());
        assert_kind(&link, "link", "a symbolic link");
        let linked_rules =
            refusal(|folder| symlink("/dev/zero", folder.join(".ashignore")).unwrap());
        assert_kind(&linked_rules, ".ashignore", "a symbolic link");
        let directory_link = refusal(|folder| symlink(".", folder.join("self")).unwrap());
        assert_kind(&directory_link, "self", "a symbolic link");
        let pipe = refusal(|folder| {
            mkfifo(&folder.join(".ashignore"), Mode::S_IRWXU).unwrap();
        });
        assert_kind(&pipe, ".ashignore", "a named pipe");
        let socket = refusal(|folder| drop(UnixListener::bind(folder.join("s")).unwrap()));
        assert_kind(&socket, "s", "a socket");
    }

    #[test]
    fn a_device_is_refused_by_name() {
        let folder = folder(&[("CLAUDE.md", "")]);
        let device = folder.path().join("null");
        if mknod(&device, SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3)).is_err() {
            println!("SKIP: making a device needs CAP_MKNOD");
            return;
        }
        assert_kind(&survey(folder.path(), &LIMITS).unwrap_err(), "null", "a device");
    }

    #[test]
    fn names_that_could_deceive_are_refused() {
        let newline = refusal(|folder| write(folder, "a\nb", "", false));
        let fault = PathFault::ControlCharacter { character: '\n' };
        assert!(
            matches!(newline, AgentError::Path { path, fault: f } if path == "a\\nb" && f == fault)
        );
        let bytes = refusal(|folder| {
            fs::write(folder.join(OsStr::from_bytes(b"a\xff")), "").unwrap();
        });
        assert!(matches!(bytes, AgentError::Path { fault: PathFault::NotUtf8, .. }));
    }

    #[test]
    fn a_folder_over_a_limit_is_refused() {
        let many = refusal(|folder| {
            for number in 0..20 {
                write(folder, &number.to_string(), "", false);
            }
        });
        assert!(matches!(many, AgentError::TooManyFiles { files_max: 20 }));
        let directories = refusal(|folder| {
            for number in 0..21 {
                fs::create_dir(folder.join(number.to_string())).unwrap();
            }
        });
        assert!(matches!(directories, AgentError::TooManyDirectories { directories_max: 20 }));
        let large = refusal(|folder| write(folder, "x", vec![0; (32 << 10) + 1], false));
        assert!(
            matches!(large, AgentError::FileTooLarge { path, bytes: 32_769, .. } if path == "x")
        );
        let together = refusal(|folder| {
            for name in ["x", "y", "z"] {
                write(folder, name, vec![0; 22 << 10], false);
            }
        });
        assert!(matches!(together, AgentError::TooLarge { bytes_max: 65_536 }));
        let deep = refusal(|folder| write(folder, "1/2/3/4/5/6", "", false));
        let fault = PathFault::TooDeep { depth: 6, depth_max: 5 };
        assert!(matches!(deep, AgentError::Path { fault: f, .. } if f == fault));
    }

    #[test]
    fn a_folder_of_the_largest_size_is_taken() {
        let folder = folder(&[("CLAUDE.md", "")]);
        write(folder.path(), "x", vec![0; 32 << 10], false);
        write(folder.path(), "y", vec![0; 32 << 10], false);
        assert_eq!(survey(folder.path(), &LIMITS).unwrap().bytes(), LIMITS.bytes_max);
    }
}
