//! The bridge: process 1 of a sandbox.

fn main() -> std::process::ExitCode {
    ash::bridge_main()
}
