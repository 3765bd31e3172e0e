//! Names of hosts in the one form in which they are compared, and lists of those that may be
//! reached.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name in bytes, and longest part between two dots: those of the domain name system.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The port of a rule that names none.
const PORT_DEFAULT: u16 = 443;

/// Longest list: what a person can still judge.
pub(crate) const RULES_MAX: usize = 256;

/// A host's name: lower case, letters, digits and hyphens in two parts or more, no dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostName(String);

/// Why a text is no name of a host; fits after "`…` is not the name of a host: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is an address; a host is reached by its name only")]
    Address,
    #[error("it has characters beyond ASCII; write it as it goes over the wire (`xn--…`)")]
    NotAscii,
    #[error("it has a character other than letters, digits, `-` and `.`")]
    Character,
    #[error("a part between two dots has 1 to {LABEL_BYTES_MAX} characters and no `-` at its ends")]
    Part,
    #[error("it has no dot")]
    Single,
}

impl HostName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if !text.is_ascii() {
            return Err(NameError::NotAscii);
        }
        if text.contains([':', '[', ']']) {
            return Err(NameError::Address);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if !text.bytes().all(plain) {
            return Err(NameError::Character);
        }
        let labels: Vec<&str> = text.split('.').collect();
        // What ends in a number is an address to some program: 127.1, 0x7f000001, 2130706433.
        let last = labels.last().copied().unwrap_or_default();
        let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
        let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let hexadecimal =
            hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !last.is_empty() && (number(last) || hexadecimal) {
            return Err(NameError::Address);
        }
        let whole = |label: &&str| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !labels.iter().all(whole) {
            return Err(NameError::Part);
        }
        if labels.len() < 2 {
            return Err(NameError::Single);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Whither a tunnel goes: `name:port`, as CONNECT spells it.
pub(super) fn destination(authority: &str) -> Result<(HostName, u16), NameError> {
    let (name, port) = authority.rsplit_once(':').ok_or(NameError::Character)?;
    Ok((name.parse()?, decimal(port).ok_or(NameError::Character)?))
}

/// A port, spelled the one way.
fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// One entry of a list: `name`, `*.name` for all that is below it, or `*`; each with `:port`
/// behind it for another port than 443.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HostRule {
    names: Names,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Names {
    One(HostName),
    Below(HostName),
    All,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("`{text}` is not the name of a host: {source}")]
    Name { text: String, source: NameError },
    #[error("`{text}` has a port that is not from 1 to 65535")]
    Port { text: String },
    #[error("there are more than {RULES_MAX} hosts")]
    TooMany,
}

/// Longest part of a refused text that is shown again.
const SHOWN_CHARACTERS_MAX: usize = 300;

impl FromStr for HostRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let shown = || text.chars().take(SHOWN_CHARACTERS_MAX).collect::<String>();
        let (name, port) = match text.rsplit_once(':') {
            // Colons before the last are of an address.
            Some((name, port)) if !name.contains(':') => {
                (name, decimal(port).ok_or_else(|| RuleError::Port { text: shown() })?)
            }
            _ => (text, PORT_DEFAULT),
        };
        let parsed =
            |name: &str| name.parse().map_err(|source| RuleError::Name { text: shown(), source });
        let names = match name.strip_prefix("*.") {
            _ if name == "*" => Names::All,
            Some(name) => Names::Below(parsed(name)?),
            None => Names::One(parsed(name)?),
        };
        Ok(Self { names, port })
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.names {
            Names::One(name) => write!(f, "{name}")?,
            Names::Below(name) => write!(f, "*.{name}")?,
            Names::All => write!(f, "*")?,
        }
        if self.port == PORT_DEFAULT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl TryFrom<String> for HostRule {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<HostRule> for String {
    fn from(rule: HostRule) -> Self {
        rule.to_string()
    }
}

impl HostRule {
    fn allows(&self, name: &HostName, port: u16) -> bool {
        self.port == port && self.names.have(name)
    }

    /// Whether it allows all that `other` allows.
    fn covers(&self, other: &Self) -> bool {
        let wider = match &other.names {
            Names::One(name) => self.names.have(name),
            Names::Below(name) => match &self.names {
                Names::One(_) => false,
                Names::Below(_) | Names::All => self.names == other.names || self.names.have(name),
            },
            Names::All => self.names == Names::All,
        };
        self.port == other.port && wider
    }
}

impl Names {
    fn have(&self, name: &HostName) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Below(above) => {
                let below = name.0.strip_suffix(&above.0).and_then(|rest| rest.strip_suffix('.'));
                below.is_some_and(|rest| !rest.is_empty())
            }
            Self::All => true,
        }
    }
}

/// A list of hosts; what is not on it is not reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct HostRules(Vec<HostRule>);

impl HostRules {
    /// Judges each text; two that mean the same become one.
    pub(crate) fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, RuleError> {
        if texts.len() > RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let mut rules = Vec::with_capacity(texts.len());
        for text in texts {
            let rule = text.as_ref().parse()?;
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        Ok(Self(rules))
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn allow(&self, name: &HostName, port: u16) -> bool {
        self.0.iter().any(|rule| rule.allows(name, port))
    }

    /// The first of `others` that allows what this list does not.
    pub(crate) fn uncovered<'a>(&self, others: &'a Self) -> Option<&'a HostRule> {
        others.0.iter().find(|other| !self.0.iter().any(|rule| rule.covers(other)))
    }

    /// Each as it is written.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(texts: &[&str]) -> HostRules {
        HostRules::parse(texts).unwrap()
    }

    fn name(text: &str) -> Result<HostName, NameError> {
        text.parse()
    }

    #[test]
    fn a_name_has_one_form() {
        for (text, form) in [
            ("github.com", "github.com"),
            ("GitHub.COM", "github.com"),
            ("github.com.", "github.com"),
            ("a-b.xn--bcher-kva.example", "a-b.xn--bcher-kva.example"),
            ("1.2.3.4.example", "1.2.3.4.example"),
        ] {
            assert_eq!(name(text).unwrap().as_str(), form, "{text}");
        }
    }

    #[test]
    fn what_some_program_takes_for_another_host_is_no_name() {
        use NameError as E;
        let long = format!("{}.com", "a.".repeat(130));
        for (text, error) in [
            ("", E::Empty),
            (".", E::Empty),
            ("github.com..", E::Part),
            ("..github.com", E::Part),
            ("git..hub.com", E::Part),
            ("localhost", E::Single),
            ("metadata", E::Single),
            ("127.0.0.1", E::Address),
            ("127.0.0.1.", E::Address),
            ("127.1", E::Address),
            ("2130706433", E::Address),
            ("0x7f000001", E::Address),
            ("0x7f.1", E::Address),
            ("1.0X7F", E::Address),
            ("0177.0.0.01", E::Address),
            ("evil.0x", E::Address),
            ("[::1]", E::Address),
            ("::ffff:127.0.0.1", E::Address),
            ("64:ff9b::7f00:1", E::Address),
            ("user@github.com", E::Character),
            ("github.com@evil.example", E::Character),
            ("github.com%00.evil.example", E::Character),
            ("github.com\0.evil.example", E::Character),
            ("github.com\r\nhost: evil.example", E::Address),
            ("github.com/.evil.example", E::Character),
            ("github.com#.evil.example", E::Character),
            ("github.com\\.evil.example", E::Character),
            ("git_hub.com", E::Character),
            (" github.com", E::Character),
            ("*.github.com", E::Character),
            ("gıthub.com", E::NotAscii),
            ("github。com", E::NotAscii),
            ("-github.com", E::Part),
            ("github-.com", E::Part),
            (&long, E::TooLong),
        ] {
            assert_eq!(name(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_destination_has_a_name_and_a_port_in_one_spelling() {
        let (name, port) = destination("GitHub.com:443").unwrap();
        assert_eq!((name.as_str(), port), ("github.com", 443));
        for text in [
            "github.com",
            "github.com:",
            "github.com:0",
            "github.com:0443",
            "github.com:+443",
            "github.com:443 ",
            "github.com:65536",
            "github.com:443:22",
            "[::1]:443",
            ":443",
        ] {
            assert!(destination(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_list_allows_what_it_names_and_nothing_else() {
        let rules = rules(&["github.com", "*.npmjs.org", "mirror.example:8443"]);
        for (host, port, allowed) in [
            ("github.com", 443, true),
            ("github.com", 80, false),
            ("github.com", 22, false),
            ("api.github.com", 443, false),
            ("notgithub.com", 443, false),
            ("registry.npmjs.org", 443, true),
            ("a.b.npmjs.org", 443, true),
            ("npmjs.org", 443, false),
            ("evilnpmjs.org", 443, false),
            ("registry.npmjs.org.evil.example", 443, false),
            ("mirror.example", 8443, true),
            ("mirror.example", 443, false),
        ] {
            assert_eq!(rules.allow(&host.parse().unwrap(), port), allowed, "{host}:{port}");
        }
        assert!(!HostRules::default().allow(&"github.com".parse().unwrap(), 443));
        assert!(self::rules(&["*"]).allow(&"github.com".parse().unwrap(), 443));
        assert!(!self::rules(&["*"]).allow(&"github.com".parse().unwrap(), 22));
    }

    #[test]
    fn a_list_covers_another() {
        let ceiling = rules(&["github.com", "*.npmjs.org", "*.mirror.example:8443"]);
        for (rule, covered) in [
            ("github.com", true),
            ("github.com:22", false),
            ("api.github.com", false),
            ("*.github.com", false),
            ("registry.npmjs.org", true),
            ("*.npmjs.org", true),
            ("*.registry.npmjs.org", true),
            ("*.example.org", false),
            ("a.mirror.example:8443", true),
            ("a.mirror.example", false),
            ("*", false),
        ] {
            assert_eq!(ceiling.uncovered(&rules(&[rule])).is_none(), covered, "{rule}");
        }
        assert!(rules(&["*"]).uncovered(&rules(&["*", "a.b", "*.c.d"])).is_none());
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in ["github.com", "*.npmjs.org", "a.b:22", "*", "*:8443"] {
            assert_eq!(text.parse::<HostRule>().unwrap().to_string(), text);
        }
        assert_eq!(rules(&["GitHub.com.", "github.com:443"]).texts(), ["github.com"]);
        for text in
            ["*.com", "*github.com", "github.*", "https://github.com", "a.b:0", "10.0.0.1", ""]
        {
            assert!(text.parse::<HostRule>().is_err(), "{text:?}");
        }
        let many: Vec<String> =
            (0..=RULES_MAX).map(|number| format!("h{number}.example")).collect();
        assert_eq!(HostRules::parse(&many), Err(RuleError::TooMany));
    }

    proptest! {
        #[test]
        fn a_name_that_is_read_reads_back_and_has_no_trick(text in "\\PC{0,40}|[a-zA-Z0-9.:%@\\-\\[\\]]{0,40}") {
            if let Ok(name) = text.parse::<HostName>() {
                prop_assert!(name.as_str().bytes().all(|byte| byte.is_ascii_lowercase()
                    || byte.is_ascii_digit() || byte == b'-' || byte == b'.'));
                prop_assert!(name.as_str().parse::<std::net::IpAddr>().is_err());
                prop_assert!(text.trim_end_matches('.').eq_ignore_ascii_case(name.as_str()));
                prop_assert_eq!(name.as_str().parse::<HostName>().unwrap(), name);
            }
        }

        #[test]
        fn what_a_covered_rule_allows_its_cover_allows(
            one in "(\\*\\.)?[ab]{1,2}\\.[ab]{1,2}(\\.[ab])?(:22)?",
            other in "(\\*\\.)?[ab]{1,2}\\.[ab]{1,2}(\\.[ab])?(:22)?",
            name in "([ab]{1,2}\\.){1,4}[ab]{1,2}",
            port in prop_oneof![Just(22_u16), Just(443)],
        ) {
            let (one, other) = (rules(&[&one]), rules(&[&other]));
            let name = name.parse().unwrap();
            if one.uncovered(&other).is_none() && other.allow(&name, port) {
                prop_assert!(one.allow(&name, port));
            }
        }
    }
}
