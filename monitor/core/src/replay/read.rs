//! Records from lines of JSON. They may come from anywhere, so every size has a limit.

use std::io::{BufRead, Read as _};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    entry::{Entry, entry},
    header::{Header, VERSION},
    incident::incident,
    record::Record,
};
use crate::{
    event_fields::{count, modern},
    facts::BootNanos,
    problem::{Problem, Problems},
};

/// Longest line, bytes: what the daemon's stream allows.
const LINE_MAX: u64 = 1 << 20;
/// Most lines of one record.
const LINES_MAX: u64 = 1_000_000;
/// Problems that are reported; a file that is no record has one in every line.
const PROBLEMS_MAX: usize = 20;

/// Deeds that one line stands for, at most: more of the same reach no threshold that these do not.
const REPEATS_MAX: u64 = 1024;

/// Reads a record; `file` is its name in problems.
///
/// # Errors
/// Every line that makes no sense, the first twenty of them.
pub fn read(file: &str, mut lines: impl BufRead) -> Result<Record, Problems> {
    let (mut record, mut problems) = (Record::default(), Vec::new());
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
    if record.folded {
        // Told when their window was over; what was done meanwhile stands before them.
        record.entries.sort_by_key(|entry| entry.at);
    }
    if problems.is_empty() && record.entries.is_empty() {
        let mut problem = Problem::of_file(file, "there is no event in it that rules judge");
        problem.hint("interlock record SESSION > FILE writes one");
        problems.push(problem);
    }
    if problems.is_empty() { Ok(record) } else { Err(Problems(problems)) }
}

impl Record {
    fn take(&mut self, file: &str, number: u64, line: &[u8]) -> Result<(), Box<Problem>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| at(file, number, error.column() as u64, format!("this is not JSON: {error}")))?;
        let Value::Object(fields) = value else {
            return Err(at(file, number, 1, "found no JSON object".to_owned()));
        };
        let event = &modern(fields);
        self.incidents.extend(incident(number, event));
        if let Some(lost) = event.get("interlock.lost").and_then(Value::as_u64) {
            self.lost = self.lost.saturating_add(lost);
            return Ok(());
        }
        if let Some(forgotten) = event.get("interlock.forgotten").and_then(Value::as_u64) {
            self.lost = self.lost.saturating_add(forgotten);
            return Ok(());
        }
        if event.contains_key("interlock.record") {
            let header: Header = serde_json::from_value(Value::Object(event.clone()))
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
        let Some(entry) = entry else { return Ok(()) };
        match count(event) {
            None => self.entries.push(entry),
            Some(times) => self.repeat(&entry, times),
        }
        Ok(())
    }

    /// One line that stands for several facts: each is judged by itself, at times that are spread evenly.
    fn repeat(&mut self, entry: &Entry, (count, start, end): (u64, Timestamp, Timestamp)) {
        let nanoseconds = |time: Timestamp| u64::try_from(time.as_nanosecond()).unwrap_or_default();
        let (start, count) = (nanoseconds(start), count.min(REPEATS_MAX));
        let step = nanoseconds(end).saturating_sub(start) / (count - 1).max(1);
        let facts = (0..count).map(|place| {
            let at = BootNanos(start.saturating_add(step.saturating_mul(place)));
            let time = Timestamp::from_nanosecond(at.0.into()).unwrap_or(entry.time);
            Entry { at, time, ..entry.clone() }
        });
        self.entries.extend(facts);
        self.folded = true;
    }
}

fn at(file: &str, line: u64, column: u64, message: String) -> Box<Problem> {
    Box::new(Problem { line, column, ..Problem::of_file(file, message) })
}
