//! What the process says about itself: lines on stderr, for people or for machines.
//!
//! Invariant: no line holds an event, a record, a key or a passcode. Handlers log codes, counts and durations.
//! Deliberately no network: nothing is sent anywhere.

use std::io::IsTerminal;
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
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that somebody else writes already, as a test that looks at lines does.
    let _ = match format {
        Format::Human => lines.with_ansi(is_colourful()).with_target(false).try_init(),
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
    tracing::error!(place, "a fault in the program; please report it with this line");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_can_not_be_read_is_refused() {
        assert!(start("tapline=loud", Format::Human).is_err());
    }
}
