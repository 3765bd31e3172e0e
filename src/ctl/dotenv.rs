//! Variables for an agent: `-e NAME=VALUE`, and the files `.env` and `.env.local` of its folder.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::str::FromStr;

use super::environment::variable;
use super::failure::Failure;

/// The files that are read, the later one winning.
pub(crate) const FILES: [&str; 2] = [".env", ".env.local"];

/// Largest such file, in bytes: more than a header of the upload can carry.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// What stands behind `-e`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    name: String,
    /// The value of `ashctl`'s own variable if absent: a secret stays out of the command line.
    value: Option<String>,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if is_name(name) {
            Ok(Self { name: name.to_owned(), value })
        } else {
            Err("a variable is named with letters, digits, and `_`, and does not start with a digit"
                .to_owned())
        }
    }
}

impl Assignment {
    /// The name and its value.
    pub(crate) fn into_pair(self) -> Result<(String, String), Failure> {
        let Self { name, value } = self;
        if let Some(value) = value {
            return Ok((name, value));
        }
        match variable(&name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) => Ok((name, value)),
            Some(Err(_not_text)) => {
                Err(Failure::usage(format!("the variable `{name}` of this shell is not text")))
            }
            None => Err(Failure::usage(format!("`{name}` is not set in this shell"))
                .hint(format!("give it a value with `-e {name}=VALUE`, or export it"))),
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The variables that one of [`FILES`] sets; `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<BTreeMap<String, String>>, Failure> {
    use io::Read as _;
    let failed =
        |why: String| Failure::usage(format!("`{}` cannot be read: {why}", path.display()));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    // The line is not repeated: it may hold a secret.
    parse(&text).map(Some).map_err(|number| {
        Failure::usage(format!("line {number} of `{}` is not `NAME=VALUE`", path.display()))
    })
}

/// Reads `NAME=VALUE` lines; an error is the number of the line that is none.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut variables = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let assignment = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = assignment.split_once('=').ok_or(number)?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err(number);
        }
        variables.insert(name.to_owned(), unquote(value.trim()).ok_or(number)?);
    }
    Ok(variables)
}

/// The value that is written as `value`: literal in single quotes, with `\n`, `\"` and so on in
/// double quotes, up to a comment without quotes. `None` for a quote that does not end.
fn unquote(value: &str) -> Option<String> {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let value = value.split_once(" #").map_or(value, |(value, _comment)| value);
        return Some(value.trim_end().to_owned());
    };
    let mut unquoted = String::new();
    let mut characters = value.chars();
    characters.next();
    loop {
        match characters.next()? {
            end if end == quote => break,
            '\\' if quote == '"' => match characters.next()? {
                'n' => unquoted.push('\n'),
                't' => unquoted.push('\t'),
                'r' => unquoted.push('\r'),
                other => unquoted.push(other),
            },
            other => unquoted.push(other),
        }
    }
    let rest = characters.as_str().trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(unquoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_everybody_writes_them() {
        let text = "# comment\n\nA=1\n export B = two words # why\nC='lit\\n # x'\n\
                    D=\"two\\nlines \\\"x\\\"\" # why\nE=\nF=a#b\nG=x=y\r\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "lit\\n # x"),
            ("D", "two\nlines \"x\""),
            ("E", ""),
            ("F", "a#b"),
            ("G", "x=y"),
        ];
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn a_line_that_is_no_assignment_is_told_by_its_number_only() {
        for (text, number) in [("A=1\nsecret", 2), ("1A=x", 1), ("A='x", 1), ("A=\"x\"y", 1)] {
            assert_eq!(parse(text), Err(number), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "hunter2").unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.text, format!("line 1 of `{}` is not `NAME=VALUE`", path.display()));
    }

    #[test]
    fn a_file_that_is_not_there_sets_nothing() {
        assert_eq!(read(Path::new("/nowhere/.env")), Ok(None));
    }

    #[test]
    fn an_assignment_has_a_name() {
        let assignment: Assignment = "A=x=y".parse().unwrap();
        assert_eq!(assignment.into_pair(), Ok(("A".to_owned(), "x=y".to_owned())));
        for bad in ["", "=x", "1A=x", "a b=c", "ä=1"] {
            assert!(bad.parse::<Assignment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_alone_must_be_set() {
        let assignment: Assignment = "ASH_NOBODY_SETS_THIS".parse().unwrap();
        assert_eq!(assignment.into_pair().unwrap_err().exit, crate::ctl::exit::Exit::Usage);
    }
}
