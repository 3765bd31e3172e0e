//! What a folder contains, as one number: the same for the same content, however it arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::path::EntryPath;

/// First line of what is hashed. A change of the listing changes this line, so that no two
/// formats can yield the same digest for different content.
const FORMAT: &str = "ash agent 1\n";

/// SHA-256 over the canonical listing of a folder. Spelled as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest([u8; 32]);

/// What is listed of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileRecord {
    pub(super) executable: bool,
    pub(super) bytes: u64,
    pub(super) content: Digest,
}

impl Digest {
    pub(super) fn of_content(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// Expects every parent of a file or directory among the directories. Hashes
    /// one line per file, `x|- size sha256 path`, and one per directory that would vanish
    /// without it, `d path`; each part by path. A path has no line break, so lines are lines.
    pub(super) fn of_folder<D>(
        files: &BTreeMap<EntryPath, FileRecord>,
        directories: &BTreeMap<EntryPath, D>,
    ) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(FORMAT);
        for (path, file) in files {
            let kind = if file.executable { 'x' } else { '-' };
            hasher.update(format!("{kind} {} {} {}\n", file.bytes, file.content, path.as_str()));
        }
        let everything = files.keys().chain(directories.keys());
        let parents: BTreeSet<&str> = everything.filter_map(EntryPath::parent).collect();
        for path in directories.keys() {
            if !parents.contains(path.as_str()) {
                hasher.update(format!("d {}\n", path.as_str()));
            }
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a digest of 64 lower-case hexadecimal digits")]
pub(crate) struct NotDigest;

impl FromStr for Digest {
    type Err = NotDigest;

    fn from_str(text: &str) -> Result<Self, NotDigest> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return Err(NotDigest);
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = match digits {
                [high, low] => value(*high)? << 4 | value(*low)?,
                _ => return Err(NotDigest),
            };
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = NotDigest;

    fn try_from(text: String) -> Result<Self, NotDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

fn value(digit: u8) -> Result<u8, NotDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotDigest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Digest::of_content(Sha256::new_with_prefix("abc"));
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        for bad in
            ["", "ba", &text.to_uppercase(), &format!("{text}0"), &"ä".repeat(32), ".staging"]
        {
            assert_eq!(bad.parse::<Digest>(), Err(NotDigest), "{bad:?}");
        }
    }
}
