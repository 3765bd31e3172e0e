//! The documentation is true where a machine can tell: its configuration is read by the real
//! ashd, its settings are those of the code, the manual is in order, its JSON is JSON, its commands are commands, and its
//! links lead somewhere. The operations and codes of `docs/api.md` are checked by `tests/tidy`,
//! the command lines of `docs/ashctl.md` by `ashctl` itself.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod commands;
mod data;
mod links;
mod manual;
mod pages;
mod settings;
