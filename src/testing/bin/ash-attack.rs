//! Attacks the sandbox that it is in.

fn main() -> std::process::ExitCode {
    ash::testing::attacks::main()
}
