//! Cutting a stream into chunks of whole lines.

use crate::engine::Reason;
use std::io::{self, Read};

/// About how long a chunk is.
const CHUNK: usize = 256 * 1024;
/// At least so much is asked of the input at a time.
const LEAST: usize = 64 * 1024;
/// The longest line that is mapped; Segment's longest event has 32 KB.
pub const MAX_LINE: usize = 1 << 20;

/// Whole lines of the input.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The lines are at its beginning; what follows them is of no meaning.
    pub memory: Vec<u8>,
    /// How many bytes the lines are.
    pub length: usize,
    /// The number of the first line, from 1.
    pub first_line: u64,
    /// How many bytes of the input it stands for.
    pub bytes: usize,
    /// Set where the only line was longer than [`MAX_LINE`]; then there is only its beginning.
    pub is_too_long: bool,
}

impl Chunk {
    /// The lines, each but perhaps the last with its line feed.
    pub fn text(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }

    /// The code of a line that is [too long](Self::is_too_long).
    pub const TOO_LONG: &str = "line_too_long";

    /// The reason of a line that is [too long](Self::is_too_long).
    pub fn too_long(&self) -> Reason {
        let message = format!("expected a line of at most {MAX_LINE} bytes, found {}", self.bytes);
        Reason::new(Self::TOO_LONG, message)
    }
}

/// The event on a line, without what some programs put at the beginning of a file; none where the line is blank.
pub fn event_on(line: &[u8], number: u64) -> Option<&[u8]> {
    let line = match number {
        1 => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line),
        _ => line,
    };
    (!line.trim_ascii().is_empty()).then_some(line)
}

/// The chunks of a stream.
pub struct Chunks<R> {
    input: R,
    /// What was read behind the last whole line.
    rest: Vec<u8>,
    line: u64,
    ended: bool,
}

impl<R: Read> Chunks<R> {
    /// The chunks of `input`.
    pub fn new(input: R) -> Self {
        Self::from_line(input, 1)
    }

    /// The chunks of `input`, which begins with the line of this number.
    pub fn from_line(input: R, line: u64) -> Self {
        Self { input, rest: Vec::new(), line, ended: false }
    }

    /// The next chunk, in memory that may have been used before. What a pipe has is not held back until there is more.
    pub fn next(&mut self, mut memory: Vec<u8>) -> io::Result<Option<Chunk>> {
        let mut filled = self.rest.len();
        if memory.len() < filled.max(CHUNK) {
            memory.resize(filled.max(CHUNK), 0);
        }
        if let Some(start) = memory.get_mut(..filled) {
            start.copy_from_slice(&self.rest);
        }
        self.rest.clear();
        let mut searched = 0;
        loop {
            filled += self.fill(&mut memory, filled)?;
            let new = memory.get(searched..filled).unwrap_or_default();
            let whole = new.iter().rposition(|byte| *byte == b'\n').map(|at| searched + at + 1);
            searched = filled;
            match whole {
                Some(whole) => {
                    self.rest.extend_from_slice(memory.get(whole..filled).unwrap_or_default());
                    return Ok(Some(self.chunk(memory, whole)));
                }
                None if self.ended => return Ok((filled > 0).then(|| self.chunk(memory, filled))),
                None if filled > MAX_LINE => return self.skip_line(memory, filled).map(Some),
                None => {}
            }
        }
    }

    fn chunk(&mut self, memory: Vec<u8>, length: usize) -> Chunk {
        let chunk = Chunk { memory, length, first_line: self.line, bytes: length, is_too_long: false };
        self.line += chunk.text().iter().filter(|byte| **byte == b'\n').count() as u64;
        chunk
    }

    /// Reads once behind what is there, and says how much.
    fn fill(&mut self, memory: &mut Vec<u8>, filled: usize) -> io::Result<usize> {
        if memory.len() < filled + LEAST {
            memory.resize(filled + LEAST, 0);
        }
        loop {
            match self.input.read(memory.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.ended = read == 0;
                    return Ok(read);
                }
            }
        }
    }

    /// Reads past a line that is too long, and keeps its beginning.
    fn skip_line(&mut self, memory: Vec<u8>, filled: usize) -> io::Result<Chunk> {
        let mut bytes = filled;
        let mut block = Vec::new();
        while !self.ended {
            let read = self.fill(&mut block, 0)?;
            let new = block.get(..read).unwrap_or_default();
            match new.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    bytes += at + 1;
                    self.rest.extend_from_slice(new.get(at + 1..).unwrap_or_default());
                    break;
                }
                None => bytes += read,
            }
        }
        let chunk = Chunk { memory, length: MAX_LINE, first_line: self.line, bytes, is_too_long: true };
        self.line += 1;
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe may.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(out.len()).min(self.1);
            let (now, later) = self.0.split_at(count);
            out[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn all(text: &[u8], drip: usize) -> Vec<Chunk> {
        let mut chunks = Chunks::new(Drip(text, drip));
        std::iter::from_fn(|| chunks.next(b"used before".to_vec()).unwrap()).collect()
    }

    #[test]
    fn chunks_put_together_are_the_input_and_hold_whole_lines() {
        let mut text = Vec::new();
        for line in 0..9_000 {
            text.extend_from_slice("x".repeat(line % 400).as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(b"without an end");
        for drip in [1_000, 65_536, usize::MAX] {
            let chunks = all(&text, drip);
            assert!(chunks.len() > 5);
            let mut line = 1;
            for (index, chunk) in chunks.iter().enumerate() {
                assert_eq!(chunk.first_line, line);
                assert!(index == chunks.len() - 1 || chunk.text().ends_with(b"\n"));
                line += chunk.text().iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            let together: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.text().to_vec()).collect();
            assert_eq!(together, text);
        }
        assert!(all(b"", 10).is_empty());
    }

    #[test]
    fn what_follows_a_line_that_is_too_long_is_whole_again() {
        let text = format!("{}\na\nb\n{}\nc", "y".repeat(2 * MAX_LINE), "z".repeat(MAX_LINE - 9));
        for drip in [70_000, usize::MAX] {
            let lines: Vec<(u64, usize)> = all(text.as_bytes(), drip)
                .iter()
                .flat_map(|chunk| {
                    let lines = chunk.text().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len);
                    (chunk.first_line..).zip(lines).collect::<Vec<_>>()
                })
                .collect();
            assert_eq!(lines, [(1, MAX_LINE), (2, 2), (3, 2), (4, MAX_LINE - 8), (5, 1)]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_alone() {
        let long = "y".repeat(3 * MAX_LINE);
        let text = format!("first\n{long}\nlast\n");
        for drip in [4_096, usize::MAX] {
            let chunks = all(text.as_bytes(), drip);
            let seen: Vec<(u64, usize, bool)> =
                chunks.iter().map(|chunk| (chunk.first_line, chunk.bytes, chunk.is_too_long)).collect();
            assert_eq!(seen, [(1, 6, false), (2, 3 * MAX_LINE + 1, true), (3, 5, false)]);
            assert_eq!(chunks[1].text().len(), MAX_LINE);
        }
    }
}
