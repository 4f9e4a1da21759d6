//! What held execs said they would run. The path and the arguments lie in memory that another process may share, which is
//! not stopped and may change them until the kernel copies them: so what runs is compared with what was judged.

mod said;

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use monitor_common::policy::AnswerKey;
use said::Said;

use crate::{
    facts::{BootNanos, Process, SessionId},
    sessions::pending::Arguments,
};

/// Processes of one session that were asked about and have not run what they said; above it nothing is compared.
const MAX: usize = 1024;
/// How long an exec that was let through may take until it asks about its interpreter.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Announced {
    execs: HashMap<u32, Exec>,
    /// By session.
    counts: HashMap<u64, usize>,
}

/// What a process wants to run, from its first question on.
struct Exec {
    file: AnswerKey,
    program: String,
    said: Words,
    let_through: Option<BootNanos>,
    /// By which path the kernel let it go on.
    committed: Option<String>,
    /// Another file is executed in its place: the kernel has put words in front of the arguments.
    interpreted: bool,
}

/// `None` where they could not be read: they were judged as unknown.
type Words = Option<Said>;

impl Announced {
    /// A process is stopped before its exec. Gives whether the question was answered: the kernel asks about a script, and
    /// then about each of its interpreters, and about all of them again.
    pub fn asked(
        &mut self,
        file: AnswerKey,
        pid: u32,
        program: &str,
        found: Option<&Arguments>,
        at: BootNanos,
    ) -> bool {
        let said = found.map(Said::new);
        let known = self.execs.get_mut(&pid).filter(|known| known.is_asked_again(file, program, &said, at));
        if let Some(known) = known {
            known.interpreted |= known.file != file;
            return true;
        }
        let program = program.to_owned();
        self.note(pid, Exec { file, program, said, let_through: None, committed: None, interpreted: false });
        false
    }

    fn note(&mut self, pid: u32, exec: Exec) {
        self.forget(pid); // what it wanted before came to nothing
        let count = self.counts.entry(exec.file.session).or_default();
        if *count >= MAX {
            // Fails open, visibly: refusing instead would end who honestly starts that many at once.
            tracing::warn!(session = %SessionId(exec.file.session), pid, "too many execs wait; what this one runs is not compared");
            return;
        }
        *count += 1;
        self.execs.insert(pid, exec);
    }

    pub fn let_through(&mut self, pid: u32, at: BootNanos) {
        if let Some(exec) = self.execs.get_mut(&pid) {
            exec.let_through = Some(at);
        }
    }

    /// An answer was used; by whom nobody here asked about, an earlier daemon did.
    pub fn committed(&mut self, file: AnswerKey, pid: u32, program: &str) {
        if let Some(exec) = self.execs.get_mut(&pid) {
            exec.interpreted |= exec.file != file;
            exec.committed = Some(program.to_owned());
        }
    }

    /// Whether what runs is something else than was judged; `false` where nobody asked about it.
    pub fn is_broken(&mut self, running: &Process) -> bool {
        self.take(running.pid).is_some_and(|exec| {
            let went_on = exec.committed.as_ref() == Some(&running.executable);
            went_on && !(exec.program == running.executable && exec.allows(running))
        })
    }

    /// It was refused, or the process has ended.
    pub fn forget(&mut self, pid: u32) {
        drop(self.take(pid));
    }

    fn take(&mut self, pid: u32) -> Option<Exec> {
        let exec = self.execs.remove(&pid)?;
        if let Entry::Occupied(mut count) = self.counts.entry(exec.file.session) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(exec)
    }
}

impl Exec {
    fn is_asked_again(&self, file: AnswerKey, program: &str, said: &Words, at: BootNanos) -> bool {
        let patience = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let is_fresh = self.let_through.is_some_and(|then| at.0.saturating_sub(then.0) < patience);
        let is_same = self.said.as_ref().zip(said.as_ref()).is_some_and(|(then, now)| then.is_same(now));
        is_fresh && is_same && self.program == program && self.file.session == file.session
    }

    fn allows(&self, running: &Process) -> bool {
        self.said.as_ref().is_none_or(|said| said.fits(running, self.interpreted))
    }
}

#[cfg(test)]
mod tests;
