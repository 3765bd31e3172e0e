//! ash.toml(5), made from the one list of settings.

use crate::config::{ENVIRONMENT_ONLY, KEYS};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// When the text of the page last changed in more than a word.
const DATE: &str = "2026-11-22";

/// The page in roff.
pub(super) fn settings() -> String {
    let mut page = Roff::new();
    let source = format!("ash {}", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["ASH.TOML", "5", DATE, source.as_str(), "Ash"]);
    page.control("SH", ["NAME"]);
    page.text([roman("ash.toml - configuration of ashd")]);
    page.control("SH", ["SYNOPSIS"]);
    page.control("nf", []);
    for path in [
        "/usr/lib/ash/ash.toml",
        "/etc/ash/ash.toml",
        "/usr/lib/ash/ash.toml.d/*.toml",
        "/etc/ash/ash.toml.d/*.toml",
    ] {
        page.text([italic(path)]);
    }
    page.control("fi", []);
    page.control("SH", ["DESCRIPTION"]);
    for paragraph in [
        "The files are TOML, and each may be absent. They are read in the order above, the drop-ins \
         of both folders together in the order of their names; a key of a later file replaces that \
         of an earlier one. A drop-in below /etc masks the one of the same name below /usr/lib. An \
         environment variable replaces whatever the files say.",
        "A key that does not exist, or a value that makes no sense, is an error that names file, \
         line and key; ashd does not start, and a reload keeps what it had. `ashctl config check` tells \
         without starting it.",
        "`systemctl reload ashd` and `ashctl config reload` read everything again. Each setting says \
         whether that is enough or which unit is to be restarted; a restart ends no session. Limits \
         hold for sandboxes that start afterwards. Where one process plays all roles, it is to be \
         restarted.",
        "`a.b` below is the key `b` in the section `[a]`.",
    ] {
        page.text(marked(paragraph));
        page.control("sp", []);
    }
    page.control("SH", ["SETTINGS"]);
    for key in KEYS.iter().filter(|key| !ENVIRONMENT_ONLY.contains(&key.key)) {
        page.control("TP", []);
        page.text([bold(key.key)]);
        page.text(marked(key.text));
        if !key.default.is_empty() {
            page.text([roman("Default: "), bold(key.default), roman(".")]);
        }
        if let Some(variable) = key.environment {
            page.text([roman("Environment: "), bold(variable), roman(".")]);
        }
        page.text([roman(format!("A change takes effect with a {}.", key.takes_effect()))]);
    }
    page.control("SH", ["ENVIRONMENT"]);
    page.text([roman("Secrets are no settings of a file:")]);
    for key in KEYS.iter().filter(|key| ENVIRONMENT_ONLY.contains(&key.key)) {
        page.control("TP", []);
        page.text([bold(key.environment.unwrap_or_default())]);
        page.text(marked(key.text));
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("ashd"),
        roman("(8), "),
        bold("ashctl"),
        roman("(1), "),
        bold("ash-agent"),
        roman("(7)"),
    ]);
    page.to_roff()
}

/// A text with its `code` in bold.
fn marked(text: &str) -> Vec<Inline> {
    text.split('`')
        .enumerate()
        .filter(|(_, part)| !part.is_empty())
        .map(|(at, part)| if at % 2 == 0 { roman(part) } else { bold(part) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_on_the_page() {
        let page = settings();
        for key in KEYS {
            let name = if ENVIRONMENT_ONLY.contains(&key.key) {
                key.environment.unwrap()
            } else {
                key.key
            };
            assert!(page.contains(&name.replace('-', "\\-")), "{name} in {page}");
        }
    }
}
