//! Limits of sandboxes, as they are typed and shown.

use std::collections::BTreeMap;

use super::output::cell;

/// One limit: the server knows the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit(String, u64);

impl Limit {
    pub(super) fn into_pair(self) -> (String, u64) {
        (self.0, self.1)
    }
}

/// `memoryMib=512`.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    let wrong = || "it is a limit and its number, such as `memoryMib=512`".to_owned();
    let (name, number) = text.split_once('=').ok_or_else(wrong)?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    let number = number.parse().ok().filter(|_number| plain).ok_or_else(wrong)?;
    Ok(Limit(name.to_owned(), number))
}

pub(super) fn listed(limits: &BTreeMap<String, u64>) -> String {
    if limits.is_empty() {
        return "-".to_owned();
    }
    let pairs: Vec<String> =
        limits.iter().map(|(name, number)| format!("{name}={number}")).collect();
    cell(&pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_name_and_a_number() {
        assert_eq!(limit("memoryMib=512"), Ok(Limit("memoryMib".to_owned(), 512)));
        for wrong in ["", "memoryMib", "=5", "a=b", "a=-1", "a b=1", "a=1,c=2"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
