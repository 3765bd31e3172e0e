//! What turns an invocation into a CLI.

use std::io;
use std::path::PathBuf;

use super::command::Commands;
use super::process::{self, CliProcess, Exit, Invocation, Reaper};
use super::simulated;

/// How a CLI comes to life.
#[derive(Debug)]
pub(super) enum Launcher {
    /// The CLI, if there is one to start.
    Program(Option<PathBuf>, Reaper),
    /// A scripted Claude, in this very process.
    Simulated,
}

impl Launcher {
    pub(super) fn start(&mut self, invocation: Invocation) -> io::Result<CliProcess> {
        match self {
            Self::Program(program, reaper) => {
                let missing = || io::Error::new(io::ErrorKind::NotFound, "there is none here");
                let program = program.as_ref().ok_or_else(missing)?;
                let process = process::start(program, &invocation)?;
                reaper.watch(&process.life);
                Ok(process)
            }
            Self::Simulated => Ok(simulated::start(invocation)),
        }
    }

    /// What runs commands beside the CLI.
    pub(super) fn commands(&self) -> Commands {
        match self {
            Self::Program(_program, reaper) => Commands::Processes(reaper.children()),
            Self::Simulated => Commands::Scripted,
        }
    }

    /// Stops every other process of the sandbox, or lets them go on. Says whether it could: only
    /// process 1 reaches all of them, and nothing outside.
    pub(super) fn pause(&self, pause: bool) -> bool {
        match self {
            Self::Program(..) => process::is_first() && process::signal_others(pause),
            // Whoever says nothing to a scripted Claude has stopped it.
            Self::Simulated => true,
        }
    }

    /// Ends whatever a dead CLI left behind. Only process 1 may: nobody else is in its sandbox.
    pub(super) fn end_others(&self) {
        if matches!(self, Self::Program(..)) && process::is_first() {
            process::kill_others();
        }
    }

    /// Waits for the end of a program, and collects orphans meanwhile. Cancel-safe.
    pub(super) async fn exit(&mut self) -> Exit {
        match self {
            Self::Program(_program, reaper) => reaper.watched_exit().await,
            Self::Simulated => std::future::pending().await,
        }
    }
}
