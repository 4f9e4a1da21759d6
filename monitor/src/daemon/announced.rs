//! What held execs said they would run. The path and the arguments lie in memory that another process may share, which is
//! not stopped and may change them until the kernel copies them: so what runs is compared with what was judged.
//!
//! The kernel keeps answers by file, not by process: whoever executes the file next uses one up, asked or not. Who was not
//! asked may only run what was let through for another process, and in its place.

mod execs;
mod said;

use std::{collections::HashMap, sync::Arc};

use execs::{Ask, Execs};
use monitor_common::policy::AnswerKey;
use said::Said;

use crate::{
    facts::{Process, SessionId},
    sessions::pending::Arguments,
};

/// By session.
#[derive(Default)]
pub struct Announced(HashMap<u64, Execs>);

impl Announced {
    /// A process is stopped before its exec; what it did before came to nothing.
    pub fn asked(&mut self, file: AnswerKey, pid: u32, program: &str, found: Option<&Arguments>) {
        let execs = self.0.entry(file.session).or_default();
        execs.give_up(file, pid);
        let said = found.map(|found| Arc::new(Said::new(found)));
        execs.note(Ask { pid, file, program: Some(program.to_owned()), said, let_through: false });
    }

    /// It was answered. One that an earlier daemon asked about said nothing to this one.
    pub fn let_through(&mut self, file: AnswerKey, pid: u32) {
        let execs = self.0.entry(file.session).or_default();
        if !execs.let_through(file, pid) {
            execs.note(Ask { pid, file, program: None, said: None, let_through: true });
        }
    }

    pub fn refused(&mut self, file: AnswerKey, pid: u32) {
        if let Some(execs) = self.0.get_mut(&file.session) {
            execs.give_up(file, pid);
        }
    }

    /// An answer was used. `inherited`: it may be one that an earlier daemon gave.
    pub fn committed(&mut self, file: AnswerKey, pid: u32, program: &str, inherited: bool) {
        self.0.entry(file.session).or_default().begin(file, pid, program, inherited);
    }

    /// Whether what runs is something else than was judged; `false` where nobody asked.
    pub fn is_broken(&mut self, session: SessionId, running: &Process) -> bool {
        self.0.get_mut(&session.0).is_some_and(|execs| execs.is_broken(running))
    }

    /// The process has ended. An answer that it did not use still stands for its file.
    pub fn forget(&mut self, pid: u32) {
        self.0.retain(|_, execs| {
            execs.forget(pid);
            !execs.is_empty()
        });
    }

    pub fn forget_session(&mut self, session: SessionId) {
        self.0.remove(&session.0);
    }
}

#[cfg(test)]
mod tests;
