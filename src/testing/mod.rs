//! What tests, benchmarks and the demo need beside the product: the stand-in Messages API and
//! the fake Claude CLI. Never part of a package.

pub mod attacks;
pub mod fuzzing;
mod messages_api;
mod programs;
#[cfg(test)]
mod real_cli;

pub use messages_api::{
    MessagesApi, MessagesApiSettings, RequestRecord, Requests, monotonic_nanoseconds,
};
pub use programs::{fake_claude_main, messages_api_main};
