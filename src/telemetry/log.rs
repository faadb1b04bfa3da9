//! Lines on stderr, for people or for machines: UTC, level, words, fields, and nothing that could begin another line.

use super::event::Panicked;
use super::line::OneLine;
use std::io::{IsTerminal, Stderr};
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Libraries talk about what nobody here can act on, as a client that breaks off or sends no HTTP.
const QUIET: &str = "actix_http=off,actix_server=warn,actix_web=warn,hyper_util=warn,reqwest=warn,sled=warn";

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts writing. `filter` is a level, or levels by module, as `info,tapline::ingest=debug`.
/// A second call in one process changes nothing.
pub fn start(filter: &str, format: Format) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))?;
    let colourful = format == Format::Human && is_colourful();
    let stderr = OneLine::new(std::io::stderr as fn() -> Stderr, colourful);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An error means that somebody else writes already, as a test that looks at lines does.
    let _ = match format {
        Format::Human => lines.with_ansi(colourful).with_target(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Whether stderr takes colours: a terminal, and nobody has set `NO_COLOR`. Source: <https://no-color.org>.
fn is_colourful() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Says where, and not with which words: those may quote an event.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    Panicked { place: &place }.tell();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_can_not_be_read_is_refused() {
        assert!(start("tapline=loud", Format::Human).is_err());
    }
}
