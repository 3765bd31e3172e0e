//! The stand-in Messages API.

fn main() -> std::process::ExitCode {
    ash::testing::messages_api_main()
}
