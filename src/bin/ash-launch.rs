//! Enters a sandbox: waits for its orders, drops its privileges, becomes bwrap.

fn main() -> std::process::ExitCode {
    ash::launch_main()
}
