//! `ashd`: see ashd(8).

fn main() -> std::process::ExitCode {
    ash::daemon_main()
}
