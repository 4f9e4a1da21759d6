//! Records from lines of JSON. They may come from anywhere, so every size has a limit.

use std::io::{BufRead, Read as _};

use serde_json::Value;

use super::{
    Header, VERSION,
    entry::{Entry, entry},
    turn::{Turn, turn},
};
use crate::rules::{Problem, Problems};

/// Longest line, bytes: what the daemon's stream allows.
const LINE_MAX: u64 = 1 << 20;
/// Most lines of one record.
const LINES_MAX: u64 = 1_000_000;
/// Problems that are told; a file that is no record has one in every line.
const PROBLEMS_MAX: usize = 20;

/// The events of sessions.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// `None` for the bare lines of `interlock events --follow --output json`.
    pub header: Option<Header>,
    pub entries: Vec<Entry>,
    /// What befell the sessions besides, in the order of the lines.
    pub turns: Vec<Turn>,
    /// Events that the daemon could not deliver to the recorder.
    pub lost: u64,
}

impl Record {
    /// Reads a record; `file` is its name in problems.
    ///
    /// # Errors
    /// Every line that makes no sense, the first twenty of them.
    pub fn read(file: &str, mut lines: impl BufRead) -> Result<Self, Problems> {
        let (mut record, mut problems) = (Self::default(), Vec::new());
        for number in 1.. {
            let mut line = Vec::new();
            match (&mut lines).take(LINE_MAX + 1).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    problems.push(Problem::of_file(file, format!("cannot be read: {error}")));
                    break;
                }
            }
            let too_much = if number > LINES_MAX {
                Some(format!("more than {LINES_MAX} lines"))
            } else {
                (line.len() as u64 > LINE_MAX).then(|| format!("the line is longer than {LINE_MAX} bytes"))
            };
            if let Some(message) = too_much {
                problems.push(*at(file, number, 1, message));
                break;
            }
            if let Err(problem) = record.take(file, number, &line) {
                problems.push(*problem);
            }
            if problems.len() == PROBLEMS_MAX {
                break;
            }
        }
        if problems.is_empty() && record.entries.is_empty() {
            let mut problem = Problem::of_file(file, "there is no event in it that rules judge");
            problem.hint("interlock record SESSION > FILE writes one");
            problems.push(problem);
        }
        if problems.is_empty() { Ok(record) } else { Err(Problems(problems)) }
    }

    fn take(&mut self, file: &str, number: u64, line: &[u8]) -> Result<(), Box<Problem>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| at(file, number, error.column() as u64, format!("this is not JSON: {error}")))?;
        let Value::Object(event) = &value else {
            return Err(at(file, number, 1, "found no JSON object".to_owned()));
        };
        self.turns.extend(turn(number, event));
        if let Some(lost) = event.get("interlock.lost").and_then(Value::as_u64) {
            self.lost = self.lost.saturating_add(lost);
            return Ok(());
        }
        if event.contains_key("interlock.record") {
            let header: Header = serde_json::from_value(value)
                .map_err(|error| at(file, number, 1, format!("the record's first line: {error}")))?;
            if header.version != VERSION {
                let mut problem = at(file, number, 1, format!("a record of version {}", header.version));
                problem.expected(format!("version {VERSION}"));
                return Err(problem);
            }
            self.header = Some(header);
            return Ok(());
        }
        let entry = entry(number, event).map_err(|message| at(file, number, 1, message))?;
        self.entries.extend(entry);
        Ok(())
    }
}

fn at(file: &str, line: u64, column: u64, message: String) -> Box<Problem> {
    Box::new(Problem { line, column, ..Problem::of_file(file, message) })
}
