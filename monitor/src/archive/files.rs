//! `events.jsonl` and the files that it became, read.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    collect::{Collector, Found, Notes},
    question::Question,
    sight::Sight,
};
use crate::{alerts, logfile::is_compressed};
use interlock_core::event_fields::modern;
use interlock_host::regular;

/// Longest line that is read, bytes; the daemon writes none that long.
const LINE_MAX: u64 = 1 << 20;
/// Lines between two looks at the clock.
const LINES_PER_LOOK: u64 = 4096;

/// How much is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Of the newest bytes.
    pub bytes: Option<u64>,
    pub deadline: Option<Instant>,
}

/// Reads from the files in `dir` what is asked for and may be seen; `kept` is what the daemon's memory has, which counts more.
///
/// # Errors
/// Where the directory cannot be read. A file that cannot be is a note.
pub fn read(
    dir: &Path,
    question: &Question,
    sight: &Sight,
    bounds: Bounds,
    kept: Vec<Value>,
) -> io::Result<Found> {
    let mut reader = Reader {
        question,
        sight,
        bounds,
        collector: Collector::new(question.limit),
        notes: Notes::default(),
        bytes: 0,
    };
    kept.into_iter().for_each(|event| reader.collector.take_kept(event));
    let files = list(dir, &mut reader.notes)?;
    // The newest first: what a bound leaves out is then the oldest.
    for written in files.into_iter().rev() {
        if question.since.is_some_and(|since| written.modified < since) {
            continue; // nothing in it is newer than the file
        }
        if !reader.has_room(&written) {
            break;
        }
        if let Err(error) = reader.read(&written) {
            reader.notes.not_read.push(format!("{} cannot be read: {error}", written.path.display()));
        }
    }
    let (events, left_off) = reader.collector.finish();
    reader.notes.left_off = left_off;
    Ok(Found { events, notes: reader.notes })
}

/// A file of events, opened: a rotation changes its name and not what is read.
struct WrittenFile {
    path: PathBuf,
    file: File,
    size: u64,
    modified: Timestamp,
    /// The daemon writes to it: its last line may be half there.
    current: bool,
}

/// The files of events, those that were written to last at the end. `events.jsonl` is opened before those that it became: one
/// that becomes another meanwhile is then read twice, which the collector sees, and not missed.
fn list(dir: &Path, notes: &mut Notes) -> io::Result<Vec<WrittenFile>> {
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_one = |rest: &str| rest.is_empty() || rest.starts_with(['.', '-']);
        if !name.strip_prefix(alerts::FILE).is_some_and(is_one) {
            continue;
        }
        match is_compressed(&path) {
            true => notes.compressed += 1,
            false => names.push(path),
        }
    }
    names.sort_by_key(|path| path.file_name().is_none_or(|name| name != alerts::FILE));
    let mut files = Vec::new();
    for path in names {
        match open(&path) {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // rotated away
            Err(error) => notes.not_read.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    files.sort_by_key(|written| (written.current, written.modified));
    Ok(files)
}

fn open(path: &Path) -> io::Result<WrittenFile> {
    let file = regular::open_for_reading(path)?;
    let meta = file.metadata()?;
    let nanoseconds = i32::try_from(meta.mtime_nsec()).unwrap_or_default();
    let modified = Timestamp::new(meta.mtime(), nanoseconds).unwrap_or(Timestamp::MAX);
    let current = path.file_name().is_some_and(|name| name == alerts::FILE);
    Ok(WrittenFile { path: path.into(), file, size: meta.size(), modified, current })
}

struct Reader<'q> {
    question: &'q Question,
    sight: &'q Sight,
    bounds: Bounds,
    collector: Collector,
    notes: Notes,
    /// Read so far, of all files.
    bytes: u64,
}

impl Reader<'_> {
    fn has_room(&mut self, written: &WrittenFile) -> bool {
        let left = format!("{} and what is older was not read", written.path.display());
        if self.bounds.bytes.is_some_and(|most| self.bytes >= most) {
            self.leave(&left);
            return false;
        }
        if self.is_late() {
            self.notes.not_read.push(format!("{left}: it took too long; ask for less"));
            return false;
        }
        true
    }

    fn leave(&mut self, what: &str) {
        let bound = self.bounds.bytes.unwrap_or_default() >> 20;
        self.notes.not_read.push(format!(
            "{what}: a daemon reads {bound} MiB at most; root reads all of it with `interlock events --files`"
        ));
    }

    fn is_late(&self) -> bool {
        self.bounds.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn read(&mut self, written: &WrittenFile) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, &written.file);
        let room = self.bounds.bytes.map_or(u64::MAX, |most| most - self.bytes);
        if let Some(skipped) = written.size.checked_sub(room).filter(|skipped| *skipped > 0) {
            reader.seek(SeekFrom::Start(skipped - 1))?;
            read_line(&mut reader, &mut Vec::new())?; // to the beginning of a line
            self.leave(&format!(
                "the first {} MiB of {} were not read",
                skipped >> 20,
                written.path.display()
            ));
        }
        // What is written from now on is not waited for.
        let (mut left, mut lines, mut line) = (written.size.min(room), 0_u64, Vec::new());
        while left > 0 {
            let length = read_line(&mut reader, &mut line)?;
            if length == 0 {
                break;
            }
            (left, self.bytes, lines) = (left.saturating_sub(length), self.bytes + length, lines + 1);
            self.take(&line, written.current);
            if lines.is_multiple_of(LINES_PER_LOOK) && self.is_late() {
                let path = written.path.display();
                self.notes
                    .not_read
                    .push(format!("{path} was not read to its end: it took too long; ask for less"));
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8], current: bool) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(event)) if event.get("event.id").is_some_and(Value::is_string) => {
                let event = Value::Object(modern(event));
                if self.question.wants(&event) && self.sight.sees(&event) {
                    self.collector.take_written(event);
                }
            }
            // The daemon is just writing it.
            Err(_) if current && !line.ends_with(b"\n") => {}
            Ok(_) | Err(_) => self.notes.unreadable += 1,
        }
    }
}

/// Reads a line into `line` and returns its length; of one that is too long, only the beginning, which is no event.
fn read_line(reader: &mut BufReader<&File>, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut length = reader.take(LINE_MAX).read_until(b'\n', line)? as u64;
    if length == LINE_MAX && !line.ends_with(b"\n") {
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let more = reader.take(LINE_MAX).read_until(b'\n', &mut rest)? as u64;
            length += more;
            if more == 0 || rest.ends_with(b"\n") {
                line.push(b'\n'); // it has an end: nobody is writing it
                break;
            }
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interlock_core::event_fields::number;
    use serde_json::json;

    use super::*;

    fn line(number: u64) -> String {
        let at = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
        let event = json!({ "@timestamp": at, "event.id": format!("e{number}"), "event.action": "connect",
            "user.id": (1000 + number % 2).to_string() });
        format!("{event}\n")
    }

    fn lines(numbers: std::ops::RangeInclusive<u64>) -> String {
        numbers.map(line).collect()
    }

    fn found(dir: &Path, question: &Question, bounds: Bounds) -> Found {
        read(dir, question, &Sight::of_root(), bounds, Vec::new()).unwrap()
    }

    fn numbers(found: &Found) -> Vec<u64> {
        found.events.iter().map(number).collect()
    }

    fn all(dir: &Path) -> Found {
        found(dir, &Question::default(), Bounds::default())
    }

    #[test]
    fn all_files_are_read_in_the_order_of_their_events_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events.jsonl-20261101"), lines(1..=2)).unwrap();
        fs::write(dir.path().join("events.jsonl.1"), lines(3..=4)).unwrap();
        fs::write(dir.path().join("events.jsonl"), lines(5..=6)).unwrap();
        fs::write(dir.path().join("events.jsonlx"), lines(7..=8)).unwrap();
        fs::write(dir.path().join("events.jsonl.2.gz"), "packed").unwrap();
        fs::create_dir(dir.path().join("events.jsonl-d")).unwrap();
        let found = all(dir.path());
        assert_eq!(numbers(&found), [1, 2, 3, 4, 5, 6]);
        assert_eq!((found.notes.compressed, found.notes.unreadable), (1, 0));
        assert!(found.notes.not_read[0].contains("events.jsonl-d cannot be read"), "{:?}", found.notes);
    }

    #[test]
    fn a_line_that_is_being_written_is_no_fault_and_one_that_never_was_finished_is() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("{}{{\"cut\n{}7\n{{\"half", line(1), line(2));
        fs::write(dir.path().join("events.jsonl"), text).unwrap();
        let found = all(dir.path());
        assert_eq!((numbers(&found), found.notes.unreadable), (vec![1, 2], 2));
        fs::write(dir.path().join("events.jsonl.1"), format!("{}{{\"half", line(3))).unwrap();
        assert_eq!(all(dir.path()).notes.unreadable, 3, "nobody writes on in an older file");
        fs::write(dir.path().join("events.jsonl"), line(4).trim_end()).unwrap();
        assert_eq!(numbers(&all(dir.path())), [3, 4], "whole, but for its end");
    }

    #[test]
    fn a_line_without_an_end_is_not_held_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let long = "x".repeat(3 * usize::try_from(LINE_MAX).unwrap());
        fs::write(dir.path().join("events.jsonl"), format!("{long}\n{}", line(1))).unwrap();
        let found = all(dir.path());
        assert_eq!((numbers(&found), found.notes.unreadable), (vec![1], 1));
    }

    #[test]
    fn bounds_leave_out_the_oldest_and_say_so() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events.jsonl.1"), lines(10..=19)).unwrap();
        fs::write(dir.path().join("events.jsonl"), lines(20..=29)).unwrap();
        let size = line(20).len() as u64;
        let bounds = |lines| Bounds { bytes: Some(size * lines), deadline: None };
        let some = found(dir.path(), &Question::default(), bounds(13));
        assert_eq!(numbers(&some), (17..=29).collect::<Vec<_>>());
        assert_eq!(some.notes.not_read.len(), 1, "{:?}", some.notes);
        let one = found(dir.path(), &Question::default(), bounds(10));
        assert_eq!((numbers(&one).len(), one.notes.not_read.len()), (10, 1), "{:?}", one.notes);
        let none = Bounds { deadline: Some(Instant::now() - Duration::from_secs(1)), bytes: None };
        let nothing = found(dir.path(), &Question::default(), none);
        assert!(nothing.events.is_empty());
        let [why] = &nothing.notes.not_read[..] else { panic!("{:?}", nothing.notes) };
        assert!(why.contains("events.jsonl and what is older was not read: it took too long"), "{why}");
    }

    #[test]
    fn everybody_is_shown_what_is_asked_for_and_theirs() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events.jsonl"), lines(1..=9)).unwrap();
        let asked = Question {
            limit: Some(3),
            until: Some(Timestamp::from_second(9).unwrap()),
            ..Question::default()
        };
        let sight = Sight::of(1000, &crate::config::Approvers::Owner);
        let found = read(dir.path(), &asked, &sight, Bounds::default(), Vec::new()).unwrap();
        assert_eq!((numbers(&found), found.notes.left_off), (vec![4, 6, 8], 1));
    }

    #[test]
    fn no_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let asked = Question::default();
        assert!(read(&dir.path().join("x"), &asked, &Sight::of_root(), Bounds::default(), vec![]).is_err());
    }
}
