//! The number that a daemon goes on with.

use std::{
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use serde_json::Value;

use crate::alerts;
use interlock_core::event_fields::number;
use interlock_host::regular;

/// Bytes of a file's end that are looked at: events are written nearly in their order.
const END: u64 = 1 << 20;
/// No daemon comes that far: such a number is nobody's.
const BEYOND: u64 = 1 << 53;

/// Returns the highest number at the end of the files of events in `dir`; 0 where there is none. Events are told apart and put in
/// order by their numbers, so that these must not begin anew where the saved state is lost.
#[must_use]
pub fn newest_number(dir: &Path) -> u64 {
    let files = [alerts::FILE.to_owned(), format!("{}.1", alerts::FILE)];
    files.iter().map(|name| at_end_of(&dir.join(name)).unwrap_or_default()).max().unwrap_or_default()
}

fn at_end_of(path: &Path) -> io::Result<u64> {
    let mut file = regular::open_for_reading(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    let events =
        end.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    Ok(events.map(|event| number(&event)).filter(|number| *number < BEYOND).max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_highest_number_of_the_newest_files_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest_number(dir.path()), 0);
        let line = |id: &str| format!("{{\"event.id\":\"{id}\"}}\n");
        fs::write(
            dir.path().join("events.jsonl.1"),
            line("e8") + &line("e7") + &line("e18446744073709551615"),
        )
        .unwrap();
        assert_eq!(newest_number(dir.path()), 8, "just rotated");
        let long = "x".repeat(2 << 20);
        fs::write(dir.path().join("events.jsonl"), long + "\n" + &line("e9") + "{\"event.id\":\"e1").unwrap();
        assert_eq!(newest_number(dir.path()), 9);
    }
}
