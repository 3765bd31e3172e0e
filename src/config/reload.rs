//! What becomes of a configuration that is read again while ashd runs.

use crate::wire::config::{Change, Configuration, Reloaded, Setting};

/// Takes over of `written` what can change while ashd runs, and keeps the rest of `running`; says
/// what changed, and what waits for a restart.
pub(crate) fn taken_over(
    running: &Configuration,
    written: Configuration,
) -> (Configuration, Reloaded) {
    let mut reloaded = Reloaded::default();
    let mut take = |written: Setting| {
        let Some(running) = running.settings.iter().find(|known| known.key == written.key) else {
            return written;
        };
        if running.value == written.value {
            return written;
        }
        let change = Change {
            key: written.key.clone(),
            before: running.value.clone(),
            now: written.value.clone(),
            restart: running.restart.clone(),
        };
        if change.restart.is_empty() {
            reloaded.changed.push(change);
            return written;
        }
        reloaded.pending.push(change);
        Setting { pending: Some(written.value), ..running.clone() }
    };
    let settings = written.settings.into_iter().map(&mut take).collect();
    (Configuration { files: written.files, settings }, reloaded)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::environment::Environment;
    use crate::config::layers::Layers;
    use crate::config::{ENVIRONMENT_ONLY, KEYS, Settings, read};

    fn settings(text: &str) -> Settings {
        read(&Layers::of_texts(&[("/etc/ash/ash.toml", text)]), &Environment::of(&[]), false)
            .unwrap()
    }

    fn of(configuration: &Configuration, key: &str) -> (Value, Option<Value>) {
        let setting = configuration.settings.iter().find(|setting| setting.key == key).unwrap();
        (setting.value.clone(), setting.pending.clone())
    }

    #[test]
    fn what_cannot_change_now_is_kept_and_named_until_it_is_written_back() {
        let running = settings("").shown;
        let written = settings("[sandbox]\nmax = 5\ntasks = 64\n").shown;
        let (next, reloaded) = taken_over(&running, written);
        let keys = |changes: &[Change]| -> Vec<String> {
            changes.iter().map(|change| change.key.clone()).collect()
        };
        assert_eq!(keys(&reloaded.changed), ["sandbox.max"]);
        assert_eq!(keys(&reloaded.pending), ["sandbox.tasks"]);
        assert_eq!(reloaded.pending[0].restart, ["ashd"], "one process plays all roles");
        assert_eq!(of(&next, "sandbox.max"), (json!(5), None));
        assert_eq!(of(&next, "sandbox.tasks"), (json!(512), Some(json!(64))));
        // Once more: it still waits, and nothing else changes.
        let (again, reloaded) =
            taken_over(&next, settings("[sandbox]\nmax = 5\ntasks = 64\n").shown);
        assert_eq!((again, reloaded.changed.len(), reloaded.pending.len()), (next.clone(), 0, 1));
        let (back, reloaded) = taken_over(&next, settings("").shown);
        assert_eq!(
            (keys(&reloaded.changed), reloaded.pending),
            (vec!["sandbox.max".to_owned()], vec![])
        );
        assert_eq!(of(&back, "sandbox.tasks"), (json!(512), None));
    }

    #[test]
    fn a_unit_of_its_own_is_named() {
        let split = "[sandbox]\nsocket = \"/run/ash/sandboxd.sock\"\n";
        let (_, reloaded) =
            taken_over(&settings(split).shown, settings(&format!("{split}tasks = 64\n")).shown);
        assert_eq!(reloaded.pending[0].restart, ["ash-sandboxd"]);
    }

    /// Every key of a file says one or the other, and no secret is said to change by a reload.
    #[test]
    fn secrets_of_the_environment_wait_for_a_restart() {
        for key in KEYS.iter().filter(|key| ENVIRONMENT_ONLY.contains(&key.key)) {
            assert!(!key.restart.is_empty(), "{}", key.key);
        }
    }
}
