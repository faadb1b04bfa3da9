//! One event, one line: nothing that comes from outside can begin another.
//!
//! Text reaches a line in ways that this program does not see, as from libraries, so it is guarded where all lines pass.

use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Writes what is handed over in one piece as one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneLine<M> {
    to: M,
    /// Whether the escape character passes, for colours.
    colourful: bool,
}

impl<M> OneLine<M> {
    /// One line on what `to` makes.
    pub(super) fn new(to: M, colourful: bool) -> Self {
        Self { to, colourful }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine { to: self.to.make_writer(), colourful: self.colourful }
    }
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, "\n"),
            None => (line, ""),
        };
        let breaks = |byte: &u8| byte.is_ascii_control() && !(self.colourful && *byte == b'\x1b');
        if text.iter().any(breaks) {
            let mut clean = Vec::with_capacity(line.len() + 16);
            for byte in text {
                if breaks(byte) {
                    clean.extend(byte.escape_ascii());
                } else {
                    clean.push(*byte);
                }
            }
            clean.extend(end.as_bytes());
            self.to.write_all(&clean)?;
        } else {
            self.to.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_line_ends_it() {
        for (colourful, line, written) in [
            (false, "fine — ok\n", "fine — ok\n"),
            (false, "a\r\nERROR forged\n", "a\\r\\nERROR forged\n"),
            (false, "\x1b[2Jgone\t\0\n", "\\x1b[2Jgone\\t\\x00\n"),
            (true, "\x1b[31mred\x1b[0m\nnext\n", "\x1b[31mred\x1b[0m\\nnext\n"),
        ] {
            let mut out = Vec::new();
            OneLine::new(&mut out, colourful).write_all(line.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
