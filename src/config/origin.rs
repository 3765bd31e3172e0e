//! Every setting with its value and where that comes from, for the administrator.

use serde_json::{Value, json};

use super::environment::Environment;
use super::keys::{ENVIRONMENT_ONLY, Key};
use super::layers::Layers;
use super::{ConfigError, KEYS, Settings};
use crate::wire::config::{Configuration, Origin, Setting};

/// Shown instead of a secret.
const HIDDEN: &str = "***";

/// Where systemd says that the state is; it comes before the default of `data_dir`.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";

pub(super) fn configuration(
    layers: &Layers,
    environment: &Environment,
    settings: &Settings,
) -> Result<Configuration, ConfigError> {
    let table = layers.table()?;
    let setting = |key: &Key| {
        let from_file = layers.origin(key.key).zip(written(&table, key.key));
        let variable = key.environment.and_then(|name| Some((name, environment.text(name)?)));
        let (origin, value) = match (variable, from_file) {
            (Some((name, text)), _) => {
                let hidden = ENVIRONMENT_ONLY.contains(&key.key);
                let value = if hidden { HIDDEN.into() } else { read_as(key.default, text) };
                (Origin::Environment { variable: name.to_owned() }, value)
            }
            (None, Some(((path, line), value))) => {
                (Origin::File { path: path.display().to_string(), line }, value)
            }
            (None, None) => (Origin::Default, read_as(key.default, key.default)),
        };
        let (origin, value) = match key.key {
            "data_dir"
                if origin == Origin::Default && environment.text(STATE_DIRECTORY).is_some() =>
            {
                let variable = STATE_DIRECTORY.to_owned();
                (Origin::Environment { variable }, value)
            }
            _ => (origin, value),
        };
        let value = in_force(key.key, settings).unwrap_or(value);
        Setting {
            key: key.key.to_owned(),
            value,
            origin,
            restart: units(key, settings),
            pending: None,
        }
    };
    Ok(Configuration {
        files: layers.paths().map(|path| path.display().to_string()).collect(),
        settings: KEYS.iter().map(setting).collect(),
    })
}

/// Where one process plays all roles, it is that one.
fn units(key: &Key, settings: &Settings) -> Vec<String> {
    let apart = |unit: &str| match unit {
        "ash-sandboxd" => settings.sandboxd.is_some(),
        "ash-egress" => settings.egress.is_some(),
        _ => true,
    };
    let mut units: Vec<&str> =
        key.restart.iter().map(|unit| if apart(unit) { *unit } else { "ashd" }).collect();
    units.dedup();
    units.into_iter().map(str::to_owned).collect()
}

/// What is not in force as it is written: a path that is completed, a list, a number in another unit.
fn in_force(key: &str, settings: &Settings) -> Option<Value> {
    Some(match key {
        "data_dir" => json!(settings.data),
        "runtime_dir" => json!(settings.runtime),
        "database.url" => json!(format!("sqlite:{}", settings.database.display())),
        "sandbox.allow_degraded" => json!(settings.allow_degraded),
        "tiers.hibernate_after_seconds" => {
            let after = settings.tiers.hibernate_after.unwrap_or_default();
            match after.subsec_nanos() {
                0 => json!(after.as_secs()),
                _ => json!(after.as_secs_f64()),
            }
        }
        _ => return None,
    })
}

/// The value of `section.key` as a file says it.
fn written(table: &toml::Table, key: &str) -> Option<Value> {
    let value = match key.split_once('.') {
        None => table.get(key),
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
    };
    serde_json::to_value(value?).ok()
}

/// A text of the kind that the default is of.
fn read_as(default: &str, text: &str) -> Value {
    let number = || default.parse::<u64>().ok().and_then(|_number| text.parse::<u64>().ok());
    match text {
        "" => Value::Null,
        "[]" => json!([]),
        text => number().map_or_else(|| json!(text), |number| json!(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Configuration {
        let environment = Environment::of(environment);
        super::super::read(&Layers::of_texts(files), &environment, false).unwrap().shown
    }

    fn of<'a>(shown: &'a Configuration, key: &str) -> (&'a Value, &'a Origin) {
        let setting = shown.settings.iter().find(|setting| setting.key == key).unwrap();
        (&setting.value, &setting.origin)
    }

    #[test]
    fn every_setting_is_shown_with_where_it_comes_from() {
        let files = [
            ("/usr/lib/ash/ash.toml", "log = \"warn\"\n[api]\nport = 1\n"),
            ("/etc/ash/ash.toml", "[api]\n\nport = 2\n[sandbox]\nallow_degraded = []\n"),
        ];
        let shown = shown(&files, &[("ASH_MAX_SANDBOXES", "7"), ("ASH_IDLE_TIMEOUT_MS", "1500")]);
        assert_eq!(shown.files, ["/usr/lib/ash/ash.toml", "/etc/ash/ash.toml"]);
        assert_eq!(shown.settings.len(), KEYS.len());
        let file = |path: &str, line| Origin::File { path: path.to_owned(), line };
        let variable = |name: &str| Origin::Environment { variable: name.to_owned() };
        assert_eq!(of(&shown, "log"), (&json!("warn"), &file("/usr/lib/ash/ash.toml", 1)));
        assert_eq!(of(&shown, "api.port"), (&json!(2), &file("/etc/ash/ash.toml", 3)));
        let walls = of(&shown, "sandbox.allow_degraded");
        assert_eq!(walls, (&json!([]), &file("/etc/ash/ash.toml", 5)));
        assert_eq!(of(&shown, "sandbox.max"), (&json!(7), &variable("ASH_MAX_SANDBOXES")));
        let idle = of(&shown, "tiers.hibernate_after_seconds");
        assert_eq!(idle, (&json!(1.5), &variable("ASH_IDLE_TIMEOUT_MS")));
        assert_eq!(of(&shown, "sandbox.tasks"), (&json!(512), &Origin::Default));
        assert_eq!(of(&shown, "claude.path"), (&Value::Null, &Origin::Default));
        assert_eq!(of(&shown, "database.url").0, &json!("sqlite:/var/lib/ash/ash.db"));
    }

    #[test]
    fn what_is_in_force_by_default_is_what_the_list_says() {
        let shown = shown(&[], &[("ASH_RUNTIME_DIR", "/run/ash")]);
        for key in
            KEYS.iter().filter(|key| !["database.url", "sandbox.allow_degraded"].contains(&key.key))
        {
            assert_eq!(of(&shown, key.key).0, &read_as(key.default, key.default), "{}", key.key);
        }
        assert_eq!(of(&shown, "sandbox.allow_degraded").0, &json!(["disk"]));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let variables = ["ASH_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"];
        let set: Vec<_> = variables.iter().map(|name| (*name, "hunter2")).collect();
        let shown = shown(&[], &set);
        assert!(!serde_json::to_string(&shown).unwrap().contains("hunter2"));
        for key in ENVIRONMENT_ONLY {
            assert_eq!(of(&shown, key).0, &json!(HIDDEN));
        }
    }

    #[test]
    fn the_folder_that_systemd_gives_is_told_as_its() {
        let shown = shown(&[], &[("STATE_DIRECTORY", "/var/lib/other")]);
        let variable = "STATE_DIRECTORY".to_owned();
        let expected = Origin::Environment { variable };
        assert_eq!(of(&shown, "data_dir"), (&json!("/var/lib/other"), &expected));
    }
}
