//! The environment of a sandbox: a list of what is in it, never a copy of ashd's.

use std::collections::BTreeMap;

/// Most bytes of all added names and values together; a whole order must fit one message.
const ADDED_BYTES_MAX: usize = 64 << 10;

/// What every sandbox has.
const BASE: [(&str, &str); 7] = [
    ("HOME", "/home/agent"),
    ("LANG", "C.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("SHELL", "/bin/bash"),
    ("TERM", "dumb"),
    ("TMPDIR", "/tmp"),
    ("USER", "agent"),
];

/// Why a variable was refused; fits after "the variable NAME ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("has a name other than letters, digits and `_`")]
    Name,
    #[error("would steer the loader of the sandbox's first process")]
    Loader,
    #[error("has a NUL byte in its value")]
    Value,
    #[error("brings the environment over {ADDED_BYTES_MAX} bytes")]
    TooLarge,
}

/// The whole environment, in the order of names.
pub(super) fn whole(added: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let base = BASE.iter().copied();
    base.chain(added.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
}

/// Refuses what cannot be, or must not be, a variable; answers with its name.
pub(super) fn check(added: &BTreeMap<String, String>) -> Result<(), (String, Refused)> {
    let mut bytes = 0;
    for (name, value) in added {
        bytes += name.len() + value.len();
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let refused = if !plain || name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
            Refused::Name
        } else if name.starts_with("LD_") {
            Refused::Loader
        } else if value.contains('\0') {
            Refused::Value
        } else if bytes > ADDED_BYTES_MAX {
            Refused::TooLarge
        } else {
            continue;
        };
        return Err((name.chars().take(64).collect(), refused));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn an_added_variable_is_stronger_than_the_base() {
        let added = one("LANG", "de_DE.UTF-8");
        let whole = whole(&added);
        assert_eq!(whole["LANG"], "de_DE.UTF-8");
        assert_eq!(whole.len(), BASE.len());
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        let large = "x".repeat(ADDED_BYTES_MAX);
        for (name, value, refused) in [
            ("", "x", Refused::Name),
            ("1A", "x", Refused::Name),
            ("A=B", "x", Refused::Name),
            ("A\0B", "x", Refused::Name),
            ("--bind", "/", Refused::Name),
            ("LD_PRELOAD", "/workspace/x.so", Refused::Loader),
            ("A", "x\0--bind", Refused::Value),
            ("A", &large, Refused::TooLarge),
        ] {
            assert_eq!(check(&one(name, value)).unwrap_err().1, refused, "{name:?}");
        }
        assert_eq!(check(&one("ANTHROPIC_BASE_URL", "http://api.ash.invalid --bind / /")), Ok(()));
    }
}
