//! `ash-egress`: the way to the model.

fn main() -> std::process::ExitCode {
    ash::egress_main()
}
