//! `ashctl`: see ashctl(1).

fn main() -> std::process::ExitCode {
    ash::ctl_main()
}
