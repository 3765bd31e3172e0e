//! The end inside the sandbox.

mod archive;
mod changes;
mod cli;
mod command;
mod connection;
mod files;
mod forwarder;
mod home;
mod journal;
mod launcher;
mod line;
mod lines;
mod process;
mod program;
mod questions;
mod relay;
mod running;
mod scripts;
mod simulated;
mod spill;
mod starting;
mod tail;
mod termination;
#[cfg(test)]
pub(super) mod testing;
mod told;
mod transfers;
mod tree;
mod turn;
mod waiting;

#[cfg(feature = "testing")]
pub(super) use archive::unpack as unpack_archive;
pub(crate) use simulated::{SimulatedBridge, simulated};

/// The program.
pub fn main() -> std::process::ExitCode {
    program::main()
}
