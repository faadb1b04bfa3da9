//! The program. Everything it does is in the library; see `src/README.md` for where to start reading.

fn main() -> std::process::ExitCode {
    tapline::cli::run()
}
