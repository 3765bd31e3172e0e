//! The settings of Ash: built-in defaults < the configuration files < the environment, under
//! the names of the original. [`KEYS`] is the one list of them: help, manual and `ashctl config`
//! are made from it, and the reference in `docs/` is checked against it.

mod environment;
mod file;
mod keys;
mod layers;
mod origin;
mod reload;
mod settings;
mod values;

pub(crate) use file::Metrics as MetricsChoice;
pub(crate) use keys::{ENVIRONMENT_ONLY, KEYS, reference};
pub(crate) use reload::taken_over;
pub(crate) use settings::{ModelSettings, Settings};

use std::path::{Path, PathBuf};

use environment::Environment;
use layers::Layers;

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("`{path}` cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}:{line}:{column}: {text}", path = path.display())]
    File { path: PathBuf, line: usize, column: usize, text: String },
    #[error("there are more than {max} drop-ins")]
    DropIns { max: usize },
    #[error("`{key}` {text}")]
    Value { key: String, text: String },
    #[error("the environment variable {name} {text}")]
    Environment { name: &'static str, text: String },
}

/// Reads everything once: the files of this host or `file` alone, and the environment.
pub(crate) fn load(file: Option<&Path>, simulate: bool) -> Result<Settings, ConfigError> {
    let layers = match file {
        Some(path) => Layers::of(path)?,
        None => Layers::of_host()?,
    };
    read(&layers, &Environment::process(), simulate)
}

fn read(
    layers: &Layers,
    environment: &Environment,
    simulate: bool,
) -> Result<Settings, ConfigError> {
    let settings = Settings::new(layers.fragment()?, environment, simulate);
    let mut settings = settings.map_err(|error| layers.place(error))?;
    settings.shown = origin::configuration(layers, environment, &settings)?;
    Ok(settings)
}
