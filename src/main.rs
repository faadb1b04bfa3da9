//! The binary.

fn main() -> std::process::ExitCode {
    tapline::cli::run()
}
