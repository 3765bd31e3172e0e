//! An error with its causes, as one line of text.

use std::error::Error;

/// `could not open the store: the database is damaged: …`: `Display` of an error never shows
/// its cause, so the edge that tells a person puts them together.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let link = error.to_string();
        // hyper's own names of a failure (`client error (Connect)`) say nothing to a person.
        if !text.contains(&link) && !link.starts_with("client error") {
            text.push_str(": ");
            text.push_str(&link);
        }
        cause = error.source();
    }
    text
}
