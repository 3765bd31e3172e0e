//! A surveyed folder as a tar archive, streamed. The same folder gives the same bytes: sorted,
//! without times and owners, two modes.

use std::fs::File;
use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};

use super::error::AgentError;
use super::survey::{Survey, changed};

/// Modes that a deployed folder knows: the owner's `x` decides.
pub(super) const MODE_PLAIN: u32 = 0o644;
pub(super) const MODE_EXECUTABLE: u32 = 0o755;

/// Writes the archive and tells `progress` how many bytes of content are written so far, of
/// [`Survey::bytes`] in all. After an error what was written is not an archive and must not be
/// ended like one.
pub(crate) fn pack(
    survey: &Survey,
    writer: impl Write,
    mut progress: impl FnMut(u64),
) -> Result<(), AgentError> {
    let mut builder = Builder::new(writer);
    for path in survey.empty_directories() {
        let mut header = header(EntryType::Directory, 0, MODE_EXECUTABLE);
        builder
            .append_data(&mut header, format!("{}/", path.as_str()), io::empty())
            .map_err(|source| AgentError::Write { source })?;
    }
    let mut written = 0;
    for file in survey.files() {
        let mode = if file.executable { MODE_EXECUTABLE } else { MODE_PLAIN };
        let mut header = header(EntryType::Regular, file.bytes, mode);
        let mut content = Content {
            file: survey.open(file)?,
            left: file.bytes,
            failure: None,
            written: &mut written,
            progress: &mut progress,
        };
        let appended = builder.append_data(&mut header, file.path.as_path(), &mut content);
        match (appended, content.failure) {
            (Ok(()), _) => {}
            (Err(_), Some(Failure::Changed)) => return Err(changed(file)),
            (Err(_), Some(Failure::Read(source))) => return Err(survey.read_failed(file, source)),
            (Err(source), None) => return Err(AgentError::Write { source }),
        }
    }
    let mut writer = builder.into_inner().map_err(|source| AgentError::Write { source })?;
    writer.flush().map_err(|source| AgentError::Write { source })
}

fn header(kind: EntryType, bytes: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// The content of a file, exactly as long as its header says, or an error.
struct Content<'a, P> {
    file: File,
    left: u64,
    failure: Option<Failure>,
    written: &'a mut u64,
    progress: &'a mut P,
}

enum Failure {
    Changed,
    Read(io::Error),
}

impl<P: FnMut(u64)> Content<'_, P> {
    fn fail(&mut self, failure: Failure) -> io::Error {
        self.failure = Some(failure);
        io::Error::other("the file cannot be packed")
    }
}

impl<P: FnMut(u64)> Read for Content<'_, P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = match self.file.read(buffer) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.fail(Failure::Read(error))),
        };
        // Nothing more while some is left: it shrank. More than is left: it grew.
        match self.left.checked_sub(bytes as u64) {
            Some(left) if bytes > 0 || left == 0 => self.left = left,
            _ => return Err(self.fail(Failure::Changed)),
        }
        *self.written += bytes as u64;
        (self.progress)(*self.written);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::{folder, packed, surveyed, write};
    use super::*;

    #[test]
    fn the_same_folder_gives_the_same_bytes() {
        let one = folder(&[("CLAUDE.md", "x"), ("a/b", "y")]);
        let other = folder(&[("a/b", "y"), ("CLAUDE.md", "x")]);
        for folder in [&one, &other] {
            fs::create_dir(folder.path().join("empty")).unwrap();
            write(folder.path(), "run", "#!", true);
        }
        assert_eq!(packed(one.path()), packed(other.path()));
        let archive = packed(one.path());
        let mut archive = tar::Archive::new(archive.as_slice());
        let listed: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let header = entry.unwrap().header().clone();
                let path = String::from_utf8(header.path_bytes().into_owned()).unwrap();
                assert_eq!(
                    (header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()),
                    (0, 0, 0)
                );
                (path, header.mode().unwrap())
            })
            .collect();
        let expected = [("empty/", 0o755), ("CLAUDE.md", 0o644), ("a/b", 0o644), ("run", 0o755)];
        assert_eq!(listed, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }

    #[test]
    fn progress_counts_to_the_end() {
        let folder = folder(&[("CLAUDE.md", "12345")]);
        write(folder.path(), "x", vec![7; 30 << 10], false);
        let survey = surveyed(folder.path());
        let mut steps = Vec::new();
        pack(&survey, io::sink(), |bytes| steps.push(bytes)).unwrap();
        assert!(steps.is_sorted());
        assert_eq!(steps.last(), Some(&survey.bytes()));
    }

    #[test]
    fn a_file_that_changes_is_an_error_and_not_a_broken_archive() {
        for change in ["", "123", "1234567"] {
            let folder = folder(&[("CLAUDE.md", "12345")]);
            let survey = surveyed(folder.path());
            fs::write(folder.path().join("CLAUDE.md"), change).unwrap();
            let error = pack(&survey, io::sink(), |_| {}).unwrap_err();
            assert!(matches!(error, AgentError::Changed { path } if path == "CLAUDE.md"));
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        for grows in [false, true] {
            let folder = folder(&[("CLAUDE.md", "")]);
            write(folder.path(), "x", vec![7; 30 << 10], false);
            let survey = surveyed(folder.path());
            let file = fs::OpenOptions::new().write(true).open(folder.path().join("x")).unwrap();
            let change = |written| {
                // Not before it is opened.
                if written > 0 {
                    file.set_len(if grows { 40 << 10 } else { 9 << 10 }).unwrap();
                }
            };
            let error = pack(&survey, io::sink(), change).unwrap_err();
            assert!(matches!(error, AgentError::Changed { path } if path == "x"), "grows: {grows}");
        }
    }

    #[test]
    fn a_file_that_becomes_a_link_or_goes_is_an_error() {
        for link in [false, true] {
            let folder = folder(&[("CLAUDE.md", "12345"), ("other", "12345")]);
            let survey = surveyed(folder.path());
            let path = folder.path().join("CLAUDE.md");
            fs::remove_file(&path).unwrap();
            if link {
                std::os::unix::fs::symlink("other", &path).unwrap();
            }
            let error = pack(&survey, io::sink(), |_| {}).unwrap_err();
            assert!(matches!(error, AgentError::Changed { path } if path == "CLAUDE.md"));
        }
    }

    #[test]
    fn a_writer_that_fails_is_not_blamed_on_the_folder() {
        let folder = folder(&[("CLAUDE.md", "12345")]);
        let mut room = [0; 100];
        let error = pack(&surveyed(folder.path()), &mut room[..], |_| {}).unwrap_err();
        assert!(matches!(error, AgentError::Write { .. }));
    }
}
