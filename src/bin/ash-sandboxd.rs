//! `ash-sandboxd`: the privileged part of Ash.

fn main() -> std::process::ExitCode {
    ash::sandboxd_main()
}
