//! The talk between ashd and a sandbox: the protocol, the end inside the sandbox (the program
//! `ash-bridge`), and the host's end.

pub(crate) mod host;
mod inside;
mod outgoing;
pub(crate) mod protocol;
#[cfg(test)]
mod tests;

pub use inside::main;
pub(crate) use inside::{SimulatedBridge, simulated};
