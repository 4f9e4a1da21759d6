//! An answer as it is sent: lines of JSON, made where nobody waits for it.

use std::collections::{HashSet, VecDeque};

use super::{collect::Found, seats::Seat};
use interlock_core::event_fields::{number, text};

/// Bytes of one answer, which stand in the daemon's memory until they are read.
const BYTES: usize = 8 << 20;
/// Bytes of lines that are sent together.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Default)]
pub struct Told {
    /// What is missing first, then the events, as lines; several together.
    pub chunks: VecDeque<String>,
    /// Ids of the events.
    pub ids: HashSet<String>,
    /// The highest number of them.
    pub newest: u64,
    /// The asker's place, kept until all of it was read.
    pub seat: Option<Seat>,
}

impl Told {
    /// The newest events that there is room for; older ones are noted as left off.
    #[must_use]
    pub fn of(found: Found) -> Self {
        Self::within(found, BYTES)
    }

    fn within(Found { events, mut notes }: Found, most: usize) -> Self {
        let newest = events.iter().map(number).max().unwrap_or_default();
        let (mut lines, mut ids, mut bytes) = (VecDeque::new(), HashSet::new(), 0);
        let mut left = events.len() as u64;
        for event in events.into_iter().rev() {
            let line = format!("{event}\n");
            bytes += line.len();
            if bytes > most {
                break;
            }
            ids.extend(text(&event, "event.id").map(str::to_owned));
            lines.push_front(line);
            left -= 1;
        }
        notes.left_off += left;
        let first = notes.line().map(|line| format!("{line}\n"));
        Self { chunks: together(first.into_iter().chain(lines)), ids, newest, seat: None }
    }
}

fn together(lines: impl Iterator<Item = String>) -> VecDeque<String> {
    let mut chunks: VecDeque<String> = VecDeque::new();
    for line in lines {
        match chunks.back_mut() {
            Some(chunk) if chunk.len() + line.len() <= CHUNK => chunk.push_str(&line),
            _ => chunks.push_back(line),
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::archive::Notes;

    #[test]
    fn beyond_the_room_the_newest_stay_and_the_others_are_noted() {
        let event = |number: u64| json!({ "event.id": format!("e{number}") });
        let found = Found { events: (1..=9).map(event).collect(), notes: Notes::default() };
        let told = Told::within(found, 3 * "{\"event.id\":\"e1\"}\n".len());
        let text: String = told.chunks.into_iter().collect();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(Notes::of_line(&lines[0]).unwrap().left_off, 6);
        assert_eq!((&lines[1..], told.newest), (&[event(7), event(8), event(9)][..], 9));
        assert_eq!(told.ids.len(), 3);
    }
}
