//! Why a folder was refused or could not be kept.

use std::io;
use std::path::{Path, PathBuf};

use crate::os::fs::Kind;

use super::path::PathFault;

/// Why a folder was refused or could not be kept. Paths of the folder are relative to it and
/// escaped, so that they can be shown as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("the upload is not a readable tar archive, plain or compressed with zstd or gzip")]
    Archive { source: io::Error },
    #[error("the archive says two different things about `{path}`; make it with another tool")]
    ArchiveAmbiguous { path: String },
    #[error("the archive is not complete; send it again")]
    ArchiveCut,
    #[error("`{path}` changed while it was read; deploy again when nothing writes to the folder")]
    Changed { path: String },
    #[error(
        "`CLAUDE.md` is ignored by `.ashignore`, but an agent needs it; add the line `!CLAUDE.md`"
    )]
    ClaudeMdIgnored,
    #[error("agent directory must contain CLAUDE.md")]
    ClaudeMdMissing,
    #[error("the disk is full, so that `{path}` cannot be written; free space and try again", path = path.display())]
    DiskFull { path: PathBuf },
    #[error("`{path}` is there twice")]
    Duplicate { path: String },
    #[error("`{path}` has {bytes} bytes, and {bytes_max} is the most for one file")]
    FileTooLarge { path: String, bytes: u64, bytes_max: u64 },
    #[error("`{path}` is not usable: {reason}")]
    IgnoreFile { path: String, reason: String },
    #[error("could not {action} `{path}`", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{path}` is {kind}; only files and directories can be deployed")]
    KindRefused { path: String, kind: &'static str },
    #[error("`{path}` is not a directory", path = path.display())]
    NotDirectory { path: PathBuf },
    #[error("the name `{path}` cannot be deployed: {fault}")]
    Path { path: String, fault: PathFault },
    #[error(
        "the folder has more than {bytes_max} bytes; name what need not be deployed in `.ashignore`"
    )]
    TooLarge { bytes_max: u64 },
    #[error(
        "the folder has more than {directories_max} directories; name what need not be deployed in `.ashignore`"
    )]
    TooManyDirectories { directories_max: usize },
    #[error(
        "the folder has more than {files_max} files; name what need not be deployed in `.ashignore`"
    )]
    TooManyFiles { files_max: usize },
    #[error("could not pass on the archive")]
    Write { source: io::Error },
}

/// Whose turn it is, for the one who answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The folder or the upload must change.
    Folder,
    /// It must become smaller.
    Size,
    /// The host needs space.
    DiskFull,
    /// The host is at fault.
    Host,
}

impl AgentError {
    /// A failed file operation, told apart from a full disk.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned() }
            }
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    pub(super) fn kind_refused(path: String, kind: Kind) -> Self {
        let kind = match kind {
            Kind::File => "a file",
            Kind::Directory => "a directory",
            Kind::Symlink => "a symbolic link",
            Kind::Fifo => "a named pipe",
            Kind::Socket => "a socket",
            Kind::Device => "a device",
        };
        Self::KindRefused { path, kind }
    }

    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Archive { .. }
            | Self::ArchiveAmbiguous { .. }
            | Self::ArchiveCut
            | Self::Changed { .. }
            | Self::ClaudeMdIgnored
            | Self::ClaudeMdMissing
            | Self::Duplicate { .. }
            | Self::IgnoreFile { .. }
            | Self::KindRefused { .. }
            | Self::NotDirectory { .. }
            | Self::Path { .. } => Fault::Folder,
            Self::FileTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::TooManyDirectories { .. }
            | Self::TooManyFiles { .. } => Fault::Size,
            Self::DiskFull { .. } => Fault::DiskFull,
            Self::Io { .. } | Self::Write { .. } => Fault::Host,
        }
    }
}
