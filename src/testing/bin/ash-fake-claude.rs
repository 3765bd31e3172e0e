//! The zero-delay fake CLI.

fn main() -> std::process::ExitCode {
    ash::testing::fake_claude_main()
}
