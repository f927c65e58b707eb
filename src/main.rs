//! The binary: hands its arguments to `cli` and ends with the exit code that comes back.

fn main() -> std::process::ExitCode {
    navette::cli::main(std::env::args_os())
}
