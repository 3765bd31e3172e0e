//! Unpacking a tar archive that anybody may have made, from a stream that need not be a file.
//!
//! Headers are read one by one and nothing is left to the library's own idea of what they mean:
//! where two readers could take an archive for two different folders, it is refused.

mod extensions;
mod stream;

use std::io::{self, Read};

use tar::{Archive, Entry, EntryType};

use self::extensions::Extensions;
use self::stream::{Counted, StreamTooLong, decompress};
use super::error::AgentError;
use super::limits::AgentLimits;
use super::path::{EntryPath, shown};
use super::unpacking::{ContentError, Unpacking};

/// A tar archive is made of blocks of this size.
const BLOCK_BYTES: u64 = 512;

/// Most zeros after the end: archivers fill up their last record, of 10 KiB by custom.
const TAIL_BYTES_MAX: u64 = 1 << 20;

impl Unpacking {
    /// Unpacks a tar archive: plain, zstd or gzip, told by its first bytes. Only regular files
    /// and directories; of their modes only the owner's `x` counts.
    pub(crate) fn unpack_tar(mut self, reader: impl Read) -> Result<Self, AgentError> {
        let limits = self.limits();
        let stream = decompress(reader).map_err(unreadable)?;
        let mut archive = Archive::new(Counted::new(stream, &limits));
        let end = self.unpack_entries(&mut archive, &limits).map_err(|error| {
            if is_too_long(&error) {
                AgentError::TooLarge { bytes_max: limits.bytes_max }
            } else {
                error
            }
        })?;
        finish_stream(archive.into_inner(), end)?;
        Ok(self)
    }

    /// Unpacks every entry and says where the last one ended.
    fn unpack_entries<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        limits: &AgentLimits,
    ) -> Result<u64, AgentError> {
        let mut end = 0;
        let mut extensions = Extensions::default();
        // Raw, because otherwise the library reads headers of any length into memory.
        for entry in archive.entries().map_err(unreadable)?.raw(true) {
            let mut entry = entry.map_err(unreadable)?;
            let kind = entry.header().entry_type();
            let size = entry.header().entry_size().map_err(unreadable)?;
            end = entry.raw_file_position() + size.next_multiple_of(BLOCK_BYTES);
            if extensions.take(kind, size, &mut entry)? {
                continue;
            }
            let name = std::mem::take(&mut extensions).name(entry.header(), size)?;
            self.unpack_entry(&name, kind, size, &mut entry, limits)?;
        }
        if extensions.count > 0 { Err(AgentError::ArchiveCut) } else { Ok(end) }
    }

    fn unpack_entry<R: Read>(
        &mut self,
        name: &[u8],
        kind: EntryType,
        size: u64,
        entry: &mut Entry<'_, R>,
        limits: &AgentLimits,
    ) -> Result<(), AgentError> {
        let name = without_leading_dot(name);
        match kind {
            EntryType::Regular => {
                let path = EntryPath::parse(name, limits)?;
                let mode = entry.header().mode().map_err(unreadable)?;
                self.add_file(path, mode & 0o100 != 0, size, entry).map_err(|error| match error {
                    ContentError::Short => AgentError::ArchiveCut,
                    ContentError::Read(source) => unreadable(source),
                    ContentError::Refused(error) => error,
                })
            }
            EntryType::Directory if size > 0 => {
                Err(AgentError::ArchiveAmbiguous { path: shown(name) })
            }
            EntryType::Directory => match name.strip_suffix(b"/").unwrap_or(name) {
                // The folder itself, which is there already.
                b"." => Ok(()),
                name => self.add_directory(EntryPath::parse(name, limits)?),
            },
            kind => Err(AgentError::KindRefused { path: shown(name), kind: spoken(kind) }),
        }
    }
}

/// `tar -C folder -c .` writes `./CLAUDE.md`, which is the same as `CLAUDE.md`.
fn without_leading_dot(name: &[u8]) -> &[u8] {
    match name.strip_prefix(b"./") {
        Some(b"") | None => name,
        Some(rest) => rest,
    }
}

fn spoken(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of a kind that is not known",
    }
}

/// The whole stream is worth reading: a compressed one has its checksum at its end, and after
/// the end of an archive there must not be another.
fn finish_stream<R: Read>(mut stream: Counted<R>, end: u64) -> Result<(), AgentError> {
    // The reader has stopped at a block of zeros, or because there was nothing more.
    if stream.bytes < end + BLOCK_BYTES {
        return Err(AgentError::ArchiveCut);
    }
    let mut buffer = [0; 4096];
    let mut left = TAIL_BYTES_MAX;
    loop {
        let bytes = match stream.read(&mut buffer) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let tail = buffer.get(..bytes).unwrap_or_default();
        left = left.saturating_sub(bytes as u64);
        if tail.iter().any(|byte| *byte != 0) || left == 0 {
            return Err(unreadable(io::Error::other("something follows the end of the archive")));
        }
        if tail.is_empty() {
            return Ok(());
        }
    }
}

fn is_too_long(error: &AgentError) -> bool {
    let AgentError::Archive { source } = error else { return false };
    matches!(source.get_ref(), Some(cause) if cause.is::<StreamTooLong>())
}

fn unreadable(source: io::Error) -> AgentError {
    AgentError::Archive { source }
}

fn ambiguous(name: &[u8]) -> AgentError {
    AgentError::ArchiveAmbiguous { path: shown(name) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::fixture::{Host, RawTar, folder, packed, pax_records, tree, write};
    use super::super::path::PathFault;
    use super::*;

    #[track_caller]
    fn refusal(archive: RawTar) -> AgentError {
        Host::new().unpack(&archive.end()).unwrap_err()
    }

    #[track_caller]
    fn names(archive: RawTar) -> Vec<String> {
        let host = Host::new();
        let digest = host.commit(host.unpack(&archive.end()).unwrap());
        tree(&host.library.path(&digest)).into_keys().collect()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 1).unwrap()
    }

    #[test]
    fn an_archive_may_be_compressed() {
        let source = folder(&[("CLAUDE.md", "Be kind."), ("a/b", "c")]);
        write(source.path(), "run", "#!", true);
        let plain = packed(source.path());
        let host = Host::new();
        let digest = host.unpack(&plain).unwrap().digest;
        assert_eq!(host.unpack(&gzip(&plain)).unwrap().digest, digest);
        assert_eq!(host.unpack(&zstd(&plain)).unwrap().digest, digest);
        assert_eq!(tree(source.path()), {
            let digest = host.commit(host.unpack(&plain).unwrap());
            tree(&host.library.path(&digest))
        });
    }

    #[test]
    fn what_ordinary_archivers_write_is_understood() {
        let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
        let archive = RawTar::default()
            .entry(EntryType::XGlobalHeader, b"g", &pax_records(&[("comment", b"c0ffee")]), 0)
            .entry(EntryType::Directory, b"./", b"", 0o755)
            .file("./CLAUDE.md", b"Be kind.")
            .entry(EntryType::Directory, b"./docs/", b"", 0o755)
            .pax(&[
                ("mtime", b"1.5"),
                ("path", b"./docs/\xc3\xa4"),
                ("SCHILY.xattr.user.x", b"\n\n=\xff"),
            ])
            .file("docs/?", b"")
            .entry(EntryType::GNULongName, b"././@LongLink", format!("{long}\0").as_bytes(), 0)
            .file(long.get(..100).unwrap(), b"");
        let directory = format!("{}/", "d".repeat(90));
        assert_eq!(names(archive), ["CLAUDE.md", &directory, &long, "docs/", "docs/ä"]);
    }

    #[test]
    fn a_name_that_leads_outside_is_refused_however_it_is_written() {
        for name in ["../canary", "/canary", "a/../../canary", ".././canary", "..", "a//b", "a/./b"]
        {
            let plain = RawTar::with_claude_md().file(name, b"x");
            let pax = RawTar::with_claude_md().pax(&[("path", name.as_bytes())]).file("x", b"x");
            let gnu = RawTar::with_claude_md()
                .entry(EntryType::GNULongName, b"L", name.as_bytes(), 0)
                .file("x", b"x");
            let directory =
                RawTar::with_claude_md().entry(EntryType::Directory, name.as_bytes(), b"", 0o755);
            for archive in [plain, pax, gnu, directory] {
                assert!(matches!(refusal(archive), AgentError::Path { .. }), "{name}");
            }
        }
    }

    #[test]
    fn names_that_could_deceive_are_refused() {
        let newline = RawTar::with_claude_md().file("a\nb", b"");
        let fault = PathFault::ControlCharacter { character: '\n' };
        assert!(matches!(refusal(newline), AgentError::Path { fault: f, .. } if f == fault));
        let null = RawTar::with_claude_md().pax(&[("path", b"a\0b")]).file("x", b"");
        let fault = PathFault::ControlCharacter { character: '\0' };
        assert!(matches!(refusal(null), AgentError::Path { fault: f, .. } if f == fault));
        let bytes = RawTar::with_claude_md().entry(EntryType::Regular, b"\xff", b"", 0o644);
        assert!(matches!(refusal(bytes), AgentError::Path { fault: PathFault::NotUtf8, .. }));
        let slash = RawTar::with_claude_md().file("a/", b"");
        assert!(matches!(refusal(slash), AgentError::Path { fault: PathFault::EmptyName, .. }));
        let deep = RawTar::with_claude_md().file("1/2/3/4/5/6", b"");
        assert!(matches!(refusal(deep), AgentError::Path { fault: PathFault::TooDeep { .. }, .. }));
    }

    #[test]
    fn only_files_and_directories_are_unpacked() {
        for (kind, spoken) in [
            (EntryType::Symlink, "a symbolic link"),
            (EntryType::Link, "a hard link"),
            (EntryType::Char, "a device"),
            (EntryType::Block, "a device"),
            (EntryType::Fifo, "a named pipe"),
            (EntryType::GNUSparse, "a sparse file"),
            (EntryType::Continuous, "of a kind that is not known"),
            (EntryType::new(b'M'), "of a kind that is not known"),
        ] {
            let error = refusal(RawTar::with_claude_md().entry(kind, b"x", b"", 0o644));
            assert!(
                matches!(&error, AgentError::KindRefused { path, kind } if path == "x" && *kind == spoken),
                "{error}"
            );
        }
        let sparse = RawTar::with_claude_md()
            .pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"99999999")])
            .file("x", b"");
        assert!(matches!(refusal(sparse), AgentError::KindRefused { kind: "a sparse file", .. }));
    }

    #[test]
    fn a_path_is_listed_once() {
        for archive in [
            RawTar::with_claude_md().file("CLAUDE.md", b"Be evil."),
            RawTar::with_claude_md().file("./CLAUDE.md", b"Be evil."),
            RawTar::with_claude_md().file("a", b"").file("a/b", b""),
            RawTar::with_claude_md().file("a/b", b"").file("a", b""),
            RawTar::with_claude_md().file("a", b"").entry(EntryType::Directory, b"a/", b"", 0o755),
            RawTar::with_claude_md().entry(EntryType::Directory, b"a", b"", 0o755).entry(
                EntryType::Directory,
                b"a/",
                b"",
                0o755,
            ),
        ] {
            assert!(matches!(refusal(archive), AgentError::Duplicate { .. }));
        }
    }

    #[test]
    fn a_directory_may_be_listed_after_what_is_in_it() {
        let archive = RawTar::with_claude_md().file("a/b", b"").entry(
            EntryType::Directory,
            b"a/",
            b"",
            0o755,
        );
        assert_eq!(names(archive), ["CLAUDE.md", "a/", "a/b"]);
    }

    #[test]
    fn an_archive_that_two_readers_would_read_differently_is_refused() {
        let sizes = RawTar::with_claude_md().pax(&[("size", b"0")]).file("x", b"hidden");
        let names = RawTar::with_claude_md()
            .entry(EntryType::GNULongName, b"L", b"one", 0)
            .pax(&[("path", b"two")])
            .file("x", b"");
        let twice = RawTar::with_claude_md().pax(&[("path", b"a"), ("path", b"b")]).file("x", b"");
        let global = RawTar::with_claude_md()
            .entry(EntryType::XGlobalHeader, b"g", &pax_records(&[("path", b"a")]), 0)
            .file("x", b"");
        let directory = RawTar::with_claude_md().entry(EntryType::Directory, b"a", b"x", 0o755);
        for archive in [sizes, names, twice, global, directory] {
            assert!(matches!(refusal(archive), AgentError::ArchiveAmbiguous { .. }));
        }
        let mut second = RawTar::with_claude_md().end();
        second.extend(RawTar::default().file("b", b"").end());
        let error = Host::new().unpack(&second).unwrap_err();
        assert!(matches!(error, AgentError::Archive { .. }));
    }

    #[test]
    fn a_cut_archive_is_refused_wherever_it_is_cut() {
        let whole = RawTar::with_claude_md().file("zeros", &[0; 1024]).end();
        let host = Host::new();
        // One block of zeros ends an archive, two are the custom.
        for length in 0..whole.len() - 512 {
            let error = host.unpack(&whole[..length]).unwrap_err();
            assert!(
                matches!(error, AgentError::ArchiveCut | AgentError::Archive { .. }),
                "{length}: {error}"
            );
        }
        let (gzip, zstd) = (gzip(&whole), zstd(&whole));
        for length in 0..gzip.len() {
            assert!(host.unpack(&gzip[..length]).is_err(), "gzip {length}");
        }
        for length in 0..zstd.len() {
            assert!(host.unpack(&zstd[..length]).is_err(), "zstd {length}");
        }
        let described = RawTar::with_claude_md().pax(&[("path", b"a")]);
        assert!(matches!(refusal(described), AgentError::ArchiveCut));
    }

    #[test]
    fn what_is_not_an_archive_is_refused() {
        let zip = [b"PK\x03\x04".as_slice(), &[7; 2000]].concat();
        let html = b"<html>".repeat(200);
        for data in [b"".as_slice(), &zip, &html, &gzip(&html), &zstd(&html), &[0; 1024]] {
            let error = Host::new().unpack(data).unwrap_err();
            assert!(
                matches!(
                    error,
                    AgentError::Archive { .. }
                        | AgentError::ArchiveCut
                        | AgentError::ClaudeMdMissing
                ),
                "{error}"
            );
        }
    }

    /// Counts what is taken from it, and never ends.
    struct Endless<'a> {
        start: &'a [u8],
        repeated: &'a [u8],
        position: usize,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *buffer {
                let past = self.position.checked_sub(self.start.len());
                *byte = past.map_or_else(
                    || self.start[self.position],
                    |past| self.repeated[past % self.repeated.len()],
                );
                self.position += 1;
            }
            Ok(buffer.len())
        }
    }

    #[track_caller]
    fn endless_refusal(start: &[u8], repeated: &[u8]) -> AgentError {
        let host = Host::new();
        let mut endless = Endless { start, repeated, position: 0 };
        let error = host.stage().unpack_tar(&mut endless).unwrap_err();
        host.assert_nothing_staged();
        assert!(endless.position < 2 << 20, "{} bytes were read", endless.position);
        error
    }

    #[test]
    fn an_archive_without_end_is_left_at_a_limit() {
        let huge = RawTar::default().entry_saying(EntryType::Regular, b"x", b"", 0o644, 1 << 32);
        let error = endless_refusal(&huge.without_end(), &[0]);
        assert!(matches!(error, AgentError::FileTooLarge { bytes: 0x1_0000_0000, .. }));
        let name =
            RawTar::default().entry_saying(EntryType::GNULongName, b"L", b"", 0o644, 1 << 32);
        let error = endless_refusal(&name.without_end(), b"a");
        assert!(matches!(error, AgentError::Archive { .. }));
        let pax = RawTar::default().pax(&[("mtime", b"1")]).without_end();
        assert!(matches!(endless_refusal(&[], &pax), AgentError::Archive { .. }));
        let link = RawTar::default().entry(EntryType::GNULongLink, b"K", b"a", 0).without_end();
        assert!(matches!(endless_refusal(&[], &link), AgentError::Archive { .. }));
        let root = RawTar::default().entry(EntryType::Directory, b"./", b"", 0o755).without_end();
        assert!(matches!(endless_refusal(&[], &root), AgentError::TooLarge { .. }));
        let tail = RawTar::with_claude_md().end();
        assert!(matches!(endless_refusal(&tail, &[0]), AgentError::Archive { .. }));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut archive = RawTar::with_claude_md();
        for number in 0..4 {
            archive = archive.file(&number.to_string(), &vec![0; 30 << 10]);
        }
        let host = Host::new();
        for bomb in [gzip(&archive.clone().end()), zstd(&archive.end())] {
            assert!(bomb.len() < 2000, "{}", bomb.len());
            let error = host.unpack(&bomb).unwrap_err();
            assert!(matches!(error, AgentError::TooLarge { bytes_max: 65_536 }));
        }
        let gigabyte = RawTar::default()
            .entry_saying(EntryType::Regular, b"x", &vec![0; 1 << 20], 0o644, 1 << 30)
            .end();
        assert!(matches!(
            host.unpack(&zstd(&gigabyte)).unwrap_err(),
            AgentError::FileTooLarge { bytes: 0x4000_0000, .. }
        ));
    }

    #[test]
    fn a_window_that_a_stranger_wants_large_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.write_all(&RawTar::with_claude_md().end()).unwrap();
        let error = Host::new().unpack(&encoder.finish().unwrap()).unwrap_err();
        assert!(matches!(error, AgentError::Archive { .. }));
    }

    #[test]
    fn the_default_limits_take_fifty_thousand_files_and_not_one_more() {
        let archive = |count: usize| {
            let mut archive = RawTar::with_claude_md();
            for number in 1..count {
                archive = archive.file(&format!("{}/{number}", number % 100), b"");
            }
            zstd(&archive.end())
        };
        let host = Host::new();
        let stage = || host.library.stage(AgentLimits::default()).unwrap();
        let unpacked = stage().unpack_tar(&*archive(50_000)).unwrap().finish().unwrap();
        assert_eq!(unpacked.files, 50_000);
        drop(unpacked);
        let error = stage().unpack_tar(&*archive(50_001)).unwrap_err();
        assert!(matches!(error, AgentError::TooManyFiles { files_max: 50_000 }));
        host.assert_nothing_staged();
    }

    #[test]
    fn a_connection_that_breaks_leaves_nothing() {
        struct Broken<'a>(&'a [u8]);
        impl Read for Broken<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::ErrorKind::ConnectionReset.into()),
                    bytes => Ok(bytes),
                }
            }
        }
        let host = Host::new();
        let archive = RawTar::with_claude_md().file("x", &[1; 3000]).without_end();
        for length in [0, 100, 512, 1500, archive.len()] {
            let error = host.stage().unpack_tar(Broken(&archive[..length])).unwrap_err();
            assert!(
                matches!(&error, AgentError::Archive { source }
                    if source.kind() == io::ErrorKind::ConnectionReset),
                "{length}: {error}"
            );
            host.assert_nothing_staged();
        }
    }
}
