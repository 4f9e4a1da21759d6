//! What another version's daemon had learned, copied from its pins.

use std::path::Path;

use aya::Pod;

use super::{Maps, Table};
use crate::probes::pins;

impl Maps {
    /// Copies sessions, labels, taints, flows, verdicts, and where sessions can meet, of another version's pins; returns how many entries.
    ///
    /// Both versions' programs follow forks meanwhile, so a pass is repeated until it finds nothing new.
    ///
    /// # Errors
    /// Names the tables that could not be copied.
    pub(in crate::probes) fn carry_over(&mut self, pins: &Path) -> Result<usize, String> {
        let copied = [
            copy(pins, "SESSIONS", &mut self.sessions),
            copy(pins, "TAINTS", &mut self.taints),
            copy(pins, "PROCESSES", &mut self.processes),
            copy(pins, "FLOWS", &mut self.flows),
            copy(pins, "VERDICTS", &mut self.verdicts),
            copy(pins, "FLOW_NAMES", &mut self.flow_names),
        ];
        // Versions before 9 have no `MET`, those before 10 no `SENT`.
        let newer = [copy_if_there(pins, "MET", &mut self.met), copy_if_there(pins, "SENT", &mut self.sent)];
        let meetings =
            [copy_once(pins, "LISTENERS", &mut self.listeners), copy_once(pins, "PIPES", &mut self.pipes)];
        let (good, bad): (Vec<_>, Vec<_>) =
            copied.into_iter().chain(newer).chain(meetings).partition(Result::is_ok);
        let bad: Vec<String> = bad.into_iter().filter_map(Result::err).collect();
        if bad.is_empty() { Ok(good.into_iter().flatten().sum()) } else { Err(bad.join("; ")) }
    }
}

fn copy_if_there<K: Pod, V: Pod>(pins: &Path, name: &str, table: &mut Table<K, V>) -> Result<usize, String> {
    if pins.join(name).exists() { copy(pins, name, table) } else { Ok(0) }
}

/// Of a table in which the oldest makes room, so that to look for what is missing might never end. What is noted meanwhile the new
/// programs, which are attached by now, note too.
fn copy_once<K: Pod, V: Pod>(pins: &Path, name: &str, table: &mut Table<K, V>) -> Result<usize, String> {
    if !pins.join(name).exists() {
        return Ok(0);
    }
    let old: Table<K, V> = pins::table(pins, name)?;
    let entries = old.iter().flatten();
    let copied = entries.map(|(key, value)| table.insert(key, value, 0)).collect::<Result<Vec<()>, _>>();
    copied.map(|all| all.len()).map_err(|error| format!("{name}: {error}"))
}

fn copy<K: Pod, V: Pod>(pins: &Path, name: &str, table: &mut Table<K, V>) -> Result<usize, String> {
    let old: Table<K, V> = pins::table(pins, name)?;
    let mut copied = 0;
    loop {
        let missing: Vec<(K, V)> =
            old.iter().flatten().filter(|(key, _)| table.get(key, 0).is_err()).collect();
        if missing.is_empty() {
            return Ok(copied);
        }
        for (key, value) in &missing {
            table.insert(key, value, 0).map_err(|error| format!("{name}: {error}"))?;
        }
        copied += missing.len();
    }
}
