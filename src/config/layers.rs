//! The files of the configuration, lowest first: the vendor's, the administrator's, and the
//! drop-ins of both in the order of their names. Each is judged by itself, so that a mistake is told
//! with its own file and line; then a key of a later file replaces that of an earlier one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;

use super::ConfigError;
use super::file::{self, Fragment};

/// Where the files are: what packages bring, then what the administrator writes.
const FOLDERS: [&str; 2] = ["/usr/lib/ash", "/etc/ash"];

const FILE: &str = "ash.toml";

/// Folder of the drop-ins, `*.toml`. A name in `/etc` masks the same name in `/usr/lib`.
const DROP_INS: &str = "ash.toml.d";

/// Most drop-ins: more are a mistake of whoever generates them.
const DROP_INS_MAX: usize = 100;

/// What the files say together.
#[derive(Debug, Default)]
pub(super) struct Layers {
    files: Vec<(PathBuf, String)>,
}

impl Layers {
    /// The named file alone.
    pub(super) fn of(path: &Path) -> Result<Self, ConfigError> {
        Ok(Self { files: vec![(path.to_owned(), file::text(path)?)] })
    }

    /// The files of this host; each may be absent.
    pub(super) fn of_host() -> Result<Self, ConfigError> {
        Self::below(&FOLDERS.map(Path::new))
    }

    fn below(folders: &[&Path]) -> Result<Self, ConfigError> {
        let mut paths: Vec<PathBuf> = folders.iter().map(|folder| folder.join(FILE)).collect();
        let mut drop_ins = BTreeMap::new();
        for folder in folders.iter().map(|folder| folder.join(DROP_INS)) {
            drop_ins.extend(toml_files(&folder)?);
        }
        if drop_ins.len() > DROP_INS_MAX {
            return Err(ConfigError::DropIns { max: DROP_INS_MAX });
        }
        paths.extend(drop_ins.into_values());
        let mut files = Vec::new();
        for path in paths {
            match file::text(&path) {
                Ok(text) => files.push((path, text)),
                Err(ConfigError::Unreadable { source, .. })
                    if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { files })
    }

    /// The files that were read, lowest first.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// What the files say together, each judged by itself.
    pub(super) fn table(&self) -> Result<toml::Table, ConfigError> {
        let mut together = toml::Table::new();
        for (path, text) in &self.files {
            // Judged as settings, kept as a table: only that tells what a file leaves open.
            file::parse::<Fragment>(path, text)?;
            merge(&mut together, file::parse(path, text)?);
        }
        Ok(together)
    }

    pub(super) fn fragment(&self) -> Result<Fragment, ConfigError> {
        let together = self.table()?;
        // Whatever each file may say they may say together.
        Fragment::deserialize(together)
            .map_err(|error| ConfigError::Value { key: FILE.to_owned(), text: error.to_string() })
    }

    /// Adds to an error about a key where the key stands.
    pub(super) fn place(&self, error: ConfigError) -> ConfigError {
        let ConfigError::Value { key, text } = error else { return error };
        match self.origin(&key) {
            Some((path, line)) => {
                let text = format!("`{key}` {text}");
                ConfigError::File { path: path.to_owned(), line, column: 1, text }
            }
            None => ConfigError::Value { key, text },
        }
    }

    /// The last file that sets a key, and the line.
    pub(super) fn origin(&self, key: &str) -> Option<(&Path, usize)> {
        let mut files = self.files.iter().rev();
        files.find_map(|(path, file)| Some((path.as_path(), line(file, key)?)))
    }

    #[cfg(test)]
    pub(super) fn of_texts(texts: &[(&str, &str)]) -> Self {
        let files = texts.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        Self { files: files.collect() }
    }
}

/// Name and path of each drop-in.
fn toml_files(folder: &Path) -> Result<Vec<(std::ffi::OsString, PathBuf)>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        read => read.map_err(unreadable)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        if entry.path().extension().is_some_and(|extension| extension == "toml") {
            files.push((entry.file_name(), entry.path()));
        }
    }
    Ok(files)
}

fn merge(together: &mut toml::Table, later: toml::Table) {
    for (key, value) in later {
        match (together.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(value)) => merge(known, value),
            (_, value) => {
                together.insert(key, value);
            }
        }
    }
}

/// The line of `section.key` in a file that is valid.
fn line(text: &str, key: &str) -> Option<usize> {
    let (table, name) =
        key.split_once('.').map_or((None, key), |(table, name)| (Some(table), name));
    let document = toml::de::DeTable::parse(text).ok()?;
    let document = document.get_ref();
    let entry = |table: &toml::de::DeTable<'_>| {
        table.iter().find(|(known, _)| known.get_ref() == name).map(|(known, _)| known.span().start)
    };
    let start = match table {
        None => entry(document),
        Some(section) => document.iter().find_map(|(known, value)| {
            let inside = value.get_ref().as_table().filter(|_| known.get_ref() == section)?;
            entry(inside)
        }),
    }?;
    Some(text.split_at_checked(start)?.0.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Layers, ConfigError>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let vendor = folder.path().join("usr");
        let layers = Layers::below(&[&vendor, &folder.path().join("etc")]);
        (folder, layers)
    }

    #[test]
    fn a_later_file_wins_key_by_key() {
        let (_folder, layers) = host(&[
            ("usr/ash.toml", "log = \"warn\"\n[api]\nport = 1\nhost = \"::1\""),
            ("etc/ash.toml", "[api]\nport = 2"),
            ("etc/ash.toml.d/20-b.toml", "[sandbox]\nmax = 20"),
            ("etc/ash.toml.d/10-a.toml", "[sandbox]\nmax = 10\ntasks = 64"),
        ]);
        let fragment = layers.unwrap().fragment().unwrap();
        assert_eq!(fragment.log.as_deref(), Some("warn"));
        assert_eq!((fragment.api.port, fragment.api.host.as_deref()), (Some(2), Some("::1")));
        assert_eq!((fragment.sandbox.max, fragment.sandbox.tasks), (Some(20), Some(64)));
    }

    #[test]
    fn the_administrators_drop_in_masks_the_vendors_of_the_same_name() {
        let (_folder, layers) = host(&[
            ("usr/ash.toml.d/10-a.toml", "[api]\nport = 1"),
            ("etc/ash.toml.d/10-a.toml", ""),
            ("etc/ash.toml.d/notes.txt", "not for ashd"),
        ]);
        let layers = layers.unwrap();
        assert_eq!(layers.paths().count(), 1);
        assert_eq!(layers.fragment().unwrap().api.port, None);
    }

    #[test]
    fn a_file_that_nobody_wrote_by_hand_is_refused_and_so_are_too_many() {
        let long = "#".repeat((1 << 20) + 1);
        let (_folder, layers) = host(&[("etc/ash.toml", &long)]);
        assert!(matches!(layers, Err(ConfigError::Unreadable { .. })), "{layers:?}");
        let names: Vec<String> =
            (0..=DROP_INS_MAX).map(|number| format!("etc/ash.toml.d/{number}.toml")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let (_folder, layers) = host(&files);
        assert!(matches!(layers, Err(ConfigError::DropIns { .. })), "{layers:?}");
    }

    #[test]
    fn no_file_at_all_is_fine() {
        let (_folder, layers) = host(&[]);
        assert_eq!(layers.unwrap().fragment().unwrap().log, None);
    }

    #[test]
    fn a_mistake_is_told_with_the_file_it_stands_in() {
        let (_folder, layers) = host(&[
            ("etc/ash.toml", "[api]\nport = 2\n"),
            ("etc/ash.toml.d/10-a.toml", "\n[api]\nprot = 3\n"),
        ]);
        let told = layers.unwrap().fragment().unwrap_err().to_string();
        assert!(told.contains("etc/ash.toml.d/10-a.toml:3:1: unknown field `prot`"), "{told}");
    }

    #[test]
    fn a_wrong_value_is_told_with_the_last_file_that_sets_it() {
        let (_folder, layers) = host(&[
            ("etc/ash.toml", "log = \"x\"\n[sandbox]\ntasks = 3\n"),
            ("etc/ash.toml.d/10-a.toml", "[sandbox]\nmax = 1\ntasks = 4\n"),
        ]);
        let layers = layers.unwrap();
        let of = |key: &str| {
            layers
                .place(ConfigError::Value { key: key.into(), text: "is wrong".into() })
                .to_string()
        };
        assert!(of("sandbox.tasks").ends_with("10-a.toml:3:1: `sandbox.tasks` is wrong"));
        assert!(of("log").ends_with("etc/ash.toml:1:1: `log` is wrong"));
        assert_eq!(of("api.host"), "`api.host` is wrong");
    }
}
