//! The talk between ashd and a sandbox: the protocol, the end inside the sandbox (the program
//! `ash-bridge`), and the host's end.

#[cfg(feature = "testing")]
mod fuzzing;
pub(crate) mod host;
mod inside;
mod outgoing;
pub(crate) mod protocol;
#[cfg(test)]
mod tests;

#[cfg(feature = "testing")]
pub(crate) use fuzzing::{read_any_archive, read_any_packets};
pub use inside::main;
pub(crate) use inside::{SimulatedBridge, simulated};
