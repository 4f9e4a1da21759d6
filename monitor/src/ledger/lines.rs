//! A ledger's file, line by line, in bounded memory.

use std::{
    io::{self, BufRead, Read as _},
    thread,
    time::Duration,
};

use super::chain::MAX_LINE;

/// What comes next in a file.
pub enum Read<'l> {
    /// A line with its end; only the file's last one may lack it.
    Line(&'l [u8]),
    /// A line of more than [`MAX_LINE`] bytes, which no record is.
    TooLong,
    End,
}

/// Lines of a file.
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    timeout: Duration,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new(), timeout: Duration::ZERO }
    }

    /// Waits this long, once, for the rest of a last line that lacks its end: a daemon may be writing it.
    pub fn waiting(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub fn next(&mut self) -> io::Result<Read<'_>> {
        self.line.clear();
        if self.more()? == 0 {
            return Ok(Read::End);
        }
        if !self.line.ends_with(b"\n") && self.line.len() < MAX_LINE && !self.timeout.is_zero() {
            wait(self.timeout);
            self.more()?;
        }
        if !self.line.ends_with(b"\n") && self.line.len() >= MAX_LINE {
            self.input.skip_until(b'\n')?;
            return Ok(Read::TooLong);
        }
        Ok(Read::Line(&self.line))
    }

    /// Reads on to the line's end, but not beyond the longest line.
    fn more(&mut self) -> io::Result<usize> {
        let room = MAX_LINE.saturating_sub(self.line.len());
        (&mut self.input).take(room as u64).read_until(b'\n', &mut self.line)
    }
}

#[allow(clippy::disallowed_methods, reason = "the process that writes tells nobody when it has")]
fn wait(timeout: Duration) {
    thread::sleep(timeout);
}
