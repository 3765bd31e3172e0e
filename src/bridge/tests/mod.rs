//! Both ends of the bridge, talking to each other.

mod commands;
mod conversation;
mod faults;
mod files;
mod fixture;
mod hostile;
mod mutated;
mod program;
mod real;
mod replay;
mod rig;
mod scripts;
mod simulated;
