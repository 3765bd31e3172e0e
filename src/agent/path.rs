//! Where something stands in an agent's folder: parsed at the door, so that inside it cannot
//! lead anywhere else.

use std::borrow::Borrow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::error::AgentError;
use super::limits::AgentLimits;

/// Longest single name in bytes: `NAME_MAX` of every Linux file system.
const NAME_BYTES_MAX: usize = 255;

/// Most characters of a refused path that an error shows; a hostile one may be very long.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// A path in an agent's folder: names joined by `/`, relative, without `.` and `..`, UTF-8,
/// without control characters, within the limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryPath(String);

/// Why a path was refused; fits after "the name … cannot be deployed: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathFault {
    #[error("it is absolute; paths are relative to the folder")]
    Absolute,
    #[error("it has the control character {character:?}")]
    ControlCharacter { character: char },
    #[error("it has an empty name or a `.` in it")]
    EmptyName,
    #[error("it has a name of {bytes} bytes, and {NAME_BYTES_MAX} is the most")]
    NameTooLong { bytes: usize },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it leads out of its directory by `..`")]
    ParentDirectory,
    #[error("it has {depth} names, and {depth_max} is the most")]
    TooDeep { depth: usize, depth_max: usize },
    #[error("it has {bytes} bytes, and {bytes_max} is the most")]
    TooLong { bytes: usize, bytes_max: usize },
}

impl EntryPath {
    pub(crate) fn parse(bytes: &[u8], limits: &AgentLimits) -> Result<Self, AgentError> {
        judge(bytes, limits)
            .map(|text| Self(text.to_owned()))
            .map_err(|fault| AgentError::Path { path: shown(bytes), fault })
    }

    pub(super) fn of(path: &OsStr, limits: &AgentLimits) -> Result<Self, AgentError> {
        Self::parse(path.as_bytes(), limits)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The directory it is in, if that is not the folder itself.
    pub(super) fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// The directories above it, outermost first.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.match_indices('/').map(|(at, _)| {
            // A `/` is one byte, so the cut never falls into a character.
            Self(self.0.get(..at).unwrap_or_default().to_owned())
        })
    }
}

impl Borrow<str> for EntryPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A path as it can be shown to a person, whatever is in it.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String =
        text.chars().take(SHOWN_CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn judge<'b>(bytes: &'b [u8], limits: &AgentLimits) -> Result<&'b str, PathFault> {
    if bytes.len() > limits.path_bytes_max {
        return Err(PathFault::TooLong { bytes: bytes.len(), bytes_max: limits.path_bytes_max });
    }
    let Ok(text) = str::from_utf8(bytes) else { return Err(PathFault::NotUtf8) };
    if let Some(character) = text.chars().find(|c| c.is_control()) {
        return Err(PathFault::ControlCharacter { character });
    }
    if text.starts_with('/') {
        return Err(PathFault::Absolute);
    }
    let mut depth = 0;
    for name in text.split('/') {
        match name {
            "" | "." => return Err(PathFault::EmptyName),
            ".." => return Err(PathFault::ParentDirectory),
            _ if name.len() > NAME_BYTES_MAX => {
                return Err(PathFault::NameTooLong { bytes: name.len() });
            }
            _ => depth += 1,
        }
    }
    if depth > limits.depth_max {
        return Err(PathFault::TooDeep { depth, depth_max: limits.depth_max });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_folder() {
        let limits = AgentLimits { depth_max: 3, path_bytes_max: 300, ..AgentLimits::default() };
        for good in ["CLAUDE.md", ".claude/skills/x y", "ä/ö/ü", "..a/b..", "a\\b", "~"] {
            assert_eq!(EntryPath::parse(good.as_bytes(), &limits).unwrap().as_str(), good);
        }
        let long_name = "x".repeat(256);
        let long_path = "x".repeat(301);
        for (bad, fault) in [
            ("", PathFault::EmptyName),
            ("a//b", PathFault::EmptyName),
            ("a/", PathFault::EmptyName),
            ("./a", PathFault::EmptyName),
            ("..", PathFault::ParentDirectory),
            ("a/../../b", PathFault::ParentDirectory),
            ("/etc/passwd", PathFault::Absolute),
            ("a\nb", PathFault::ControlCharacter { character: '\n' }),
            ("a\0b", PathFault::ControlCharacter { character: '\0' }),
            ("a\u{1b}[2J", PathFault::ControlCharacter { character: '\u{1b}' }),
            ("a/b/c/d", PathFault::TooDeep { depth: 4, depth_max: 3 }),
            (long_name.as_str(), PathFault::NameTooLong { bytes: 256 }),
            (long_path.as_str(), PathFault::TooLong { bytes: 301, bytes_max: 300 }),
        ] {
            assert_eq!(judge(bad.as_bytes(), &limits), Err(fault), "{bad:?}");
        }
        assert_eq!(judge(b"a\xff", &limits), Err(PathFault::NotUtf8));
    }

    #[test]
    fn ancestors_come_outermost_first() {
        let path = EntryPath::parse(b"a/bc/d", &AgentLimits::default()).unwrap();
        let ancestors: Vec<_> = path.ancestors().map(|p| p.as_str().to_owned()).collect();
        assert_eq!(ancestors, ["a", "a/bc"]);
    }

    #[test]
    fn a_hostile_path_is_shown_harmlessly() {
        assert_eq!(shown(b"a\x1b[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(shown(&[b'x'; 5000]).chars().count(), SHOWN_CHARACTERS_MAX + 1);
    }
}
