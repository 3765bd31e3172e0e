//! What ashd writes down about each sandbox, so that its successor finds them all.
//!
//! `<directory>/<name>.json` is ours, written before anything of the sandbox runs;
//! `<directory>/<name>.status` is written by bwrap: the number of the first process, and later
//! its exit status, whether or not an ashd is there to see it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::report::Status;
use super::spec::SandboxName;
use crate::os::process::{self, ProcessId};

/// Largest file that is read back, in bytes: a path of the longest kind and a few numbers.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The mode of a directory that others may pass through and not read. Set and not asked for: the
/// umask has its say in what is asked for.
pub(super) const PASSAGE: u32 = 0o711;

/// One sandbox, as its starter saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: SandboxName,
    /// The boot that the process numbers are of.
    pub(super) boot: String,
    /// Holds the bridge's socket.
    pub(super) state: PathBuf,
    /// `ash-launch`, and after it bwrap.
    pub(super) outer: ProcessId,
    /// The first process of the sandbox; known once its bridge has answered.
    pub(super) init: Option<ProcessId>,
}

/// The directory of the records.
#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: PathBuf,
    boot: String,
}

impl Records {
    /// Makes the directory, through which the users of probes must pass, and forgets what was written down before this boot: none of it lives.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(PASSAGE))?;
        let records = Self { directory: directory.to_owned(), boot: process::boot_id()? };
        for name in records.names()? {
            if records.read(&name)?.is_none() {
                records.remove(&name)?;
            }
        }
        Ok(records)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn boot(&self) -> &str {
        &self.boot
    }

    fn path(&self, name: &SandboxName, extension: &str) -> PathBuf {
        self.directory.join(format!("{name}.{extension}"))
    }

    /// Replaces the record in one step: a reader sees the old one or the new one.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let temporary = self.path(&record.name, "new");
        let json = serde_json::to_vec(record)?;
        let written = private_file().open(&temporary).and_then(|mut file| {
            io::Write::write_all(&mut file, &json)?;
            fs::rename(&temporary, self.path(&record.name, "json"))
        });
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    /// The record of a sandbox of this boot; one that cannot be understood is none.
    pub(super) fn read(&self, name: &SandboxName) -> io::Result<Option<Record>> {
        let Some(bytes) = read(&self.path(name, "json"))? else { return Ok(None) };
        let record = serde_json::from_slice(&bytes).ok();
        Ok(record.filter(|record: &Record| record.boot == self.boot && record.name == *name))
    }

    /// An empty status file for bwrap to write to.
    pub(super) fn new_status(&self, name: &SandboxName) -> io::Result<File> {
        private_file().append(true).truncate(false).open(self.path(name, "status"))
    }

    /// What bwrap has written so far.
    pub(super) fn status(&self, name: &SandboxName) -> io::Result<Status> {
        Ok(Status::parse(&read(&self.path(name, "status"))?.unwrap_or_default()))
    }

    pub(super) fn remove(&self, name: &SandboxName) -> io::Result<()> {
        for extension in ["new", "json", "status"] {
            absent_is_fine(fs::remove_file(self.path(name, extension)))?;
        }
        Ok(())
    }

    /// Every sandbox that is written down.
    pub(super) fn names(&self) -> io::Result<Vec<SandboxName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let file = entry?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            names.extend(name.and_then(|name| name.parse().ok()));
        }
        Ok(names)
    }
}

/// `Ok` also when what was to be removed is not there.
pub(super) fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    fn record(records: &Records) -> Record {
        Record {
            name: SessionId::new().into(),
            boot: records.boot().to_owned(),
            state: "/var/lib/ash/x".into(),
            outer: ProcessId { pid: 7, started: 8 },
            init: None,
        }
    }

    #[test]
    fn a_successor_reads_what_was_written_down() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::open(directory.path()).unwrap();
        let record = record(&records);
        records.write(&record).unwrap();
        let successor = Records::open(directory.path()).unwrap();
        assert_eq!(successor.names().unwrap(), std::slice::from_ref(&record.name));
        assert_eq!(successor.read(&record.name).unwrap(), Some(record.clone()));
        successor.remove(&record.name).unwrap();
        successor.remove(&record.name).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_boot_and_garbage_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::open(directory.path()).unwrap();
        let old = Record { boot: "another".to_owned(), ..record(&records) };
        records.write(&old).unwrap();
        let garbage = record(&records);
        fs::write(records.path(&garbage.name, "json"), "{").unwrap();
        fs::write(records.path(&garbage.name, "status"), "").unwrap();
        fs::write(directory.path().join("README.json"), "not ours").unwrap();
        assert_eq!(records.read(&old.name).unwrap(), None);
        let successor = Records::open(directory.path()).unwrap();
        assert_eq!(successor.names().unwrap(), []);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
