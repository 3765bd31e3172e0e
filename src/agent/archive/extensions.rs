//! Headers that describe the next entry: its long name, as GNU tar and as pax write it.

use std::io::{self, Read};

use tar::{Entry, EntryType, Header};

use super::super::error::AgentError;
use super::super::path::shown;
use super::{ambiguous, spoken, unreadable};

/// Longest header that describes the next entry (pax or GNU): a path, and what else archivers
/// write there (times, attributes).
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// Most such headers before one entry: a long name, a long link, pax, and global pax.
const EXTENSIONS_MAX: usize = 4;

/// What precedes an entry and describes it.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) count: usize,
    gnu_name: Option<Vec<u8>>,
    pax_name: Option<Vec<u8>>,
    pax_size: Option<u64>,
}

impl Extensions {
    /// Takes the entry if it only describes the next one.
    pub(super) fn take<R: Read>(
        &mut self,
        kind: EntryType,
        size: u64,
        entry: &mut Entry<'_, R>,
    ) -> Result<bool, AgentError> {
        let describes = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if !describes {
            return Ok(false);
        }
        self.count += 1;
        if self.count > EXTENSIONS_MAX || size > EXTENSION_BYTES_MAX {
            return Err(unreadable(io::Error::other("an entry's description is too long")));
        }
        let mut data = Vec::new();
        entry.read_to_end(&mut data).map_err(unreadable)?;
        if data.len() as u64 != size {
            return Err(AgentError::ArchiveCut);
        }
        if kind.is_gnu_longname() {
            let name = data.strip_suffix(b"\0").unwrap_or(&data).to_vec();
            if self.gnu_name.replace(name).is_some() {
                return Err(ambiguous(&data));
            }
        } else if kind.is_pax_local_extensions() {
            self.take_pax(&data)?;
        } else if kind.is_pax_global_extensions() {
            // Comments (git writes its commit there) and defaults; one that would rename or
            // resize every following entry is no folder.
            let mut global = Self::default();
            global.take_pax(&data)?;
            if global.pax_name.is_some() || global.pax_size.is_some() {
                return Err(ambiguous(&global.pax_name.unwrap_or_default()));
            }
        }
        Ok(true)
    }

    fn take_pax(&mut self, data: &[u8]) -> Result<(), AgentError> {
        let mut rest = data;
        while !rest.is_empty() {
            let (key, value, after) = pax_record(rest)
                .ok_or_else(|| unreadable(io::Error::other("malformed pax header")))?;
            rest = after;
            match key {
                b"path" if self.pax_name.is_some() => return Err(ambiguous(value)),
                b"path" => self.pax_name = Some(value.to_vec()),
                b"size" => {
                    let size = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    if size.is_none() || self.pax_size.is_some() {
                        return Err(unreadable(io::Error::other("malformed pax size")));
                    }
                    self.pax_size = size;
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    let path = shown(self.pax_name.as_deref().unwrap_or_default());
                    return Err(AgentError::KindRefused {
                        path,
                        kind: spoken(EntryType::GNUSparse),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The name of the entry that they describe.
    pub(super) fn name(self, header: &Header, size: u64) -> Result<Vec<u8>, AgentError> {
        let name = match (self.gnu_name, self.pax_name) {
            (Some(gnu), Some(pax)) if gnu != pax => return Err(ambiguous(&gnu)),
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => header.path_bytes().into_owned(),
        };
        match self.pax_size {
            Some(pax_size) if pax_size != size => Err(ambiguous(&name)),
            _ => Ok(name),
        }
    }
}

/// The first record, `<length> <key>=<value>\n`, and what follows it. Read by its length, since
/// a value may contain anything.
fn pax_record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(data.get(..space)?).ok()?.parse().ok()?;
    let record = data.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, data.get(length..)?))
}
