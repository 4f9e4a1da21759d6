//! What held execs said they would run. The path and the arguments lie in memory that another process may share, which is
//! not stopped and may change them until the kernel copies them: so what runs is compared with what was judged.

mod arguments;
mod expected_argv;

use std::{collections::HashMap, time::Duration};

pub use arguments::{ARGUMENTS_MAX, Arguments};
use expected_argv::ExpectedArgv;
use monitor_common::policy::AnswerKey;

use crate::facts::{BootNanos, Process, SessionId};

/// Processes of one session that were asked about and have not run what they said; above it nothing is compared.
const MAX: usize = 1024;
/// How long an exec that was let through may take until it asks about its interpreter.
const INTERPRETER_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct PendingExecs {
    execs: HashMap<u32, Exec>,
}

/// What a question turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    New,
    /// It belongs to an exec that was let through: the kernel asks about a script, then about each of its interpreters, and
    /// about all of them again.
    Again,
    /// It is older than its answer: somebody had continued the caller in between.
    Answered,
}

/// What a process wants to run, from its first question on.
struct Exec {
    file: AnswerKey,
    program: String,
    said: Words,
    /// What was asked about last.
    asked: AnswerKey,
    /// Of the first answer.
    let_through: Option<BootNanos>,
    /// When it was let through last.
    answered: Option<BootNanos>,
    /// Answers that it may not have used.
    answers: Vec<AnswerKey>,
    /// The rule by which a person was asked.
    held_by: Option<String>,
    /// By which path the kernel let it go on, since it was asked about last.
    committed: Option<String>,
    /// Another file is executed in its place: the kernel has put words in front of the arguments.
    interpreted: bool,
    /// Another file went on than was asked about.
    swapped: bool,
}

/// `None` where they could not be read: they were judged as unknown.
type Words = Option<ExpectedArgv>;

impl PendingExecs {
    /// A process is stopped before its exec. What it wanted before came to nothing: gives the answers that it did not use.
    pub fn asked(
        &mut self,
        file: AnswerKey,
        pid: u32,
        program: &str,
        found: Option<&Arguments>,
        at: BootNanos,
    ) -> (Asked, Vec<AnswerKey>) {
        let said = found.map(ExpectedArgv::new);
        if let Some(known) = self.execs.get_mut(&pid).filter(|known| known.is_same(file, program, &said)) {
            if known.asked == file && known.answered.is_some_and(|then| at <= then) {
                return (Asked::Answered, Vec::new());
            }
            if known.goes_on(file, at) {
                (known.asked, known.committed, known.interpreted) = (file, None, false);
                return (Asked::Again, Vec::new());
            }
        }
        let left = self.forget(pid);
        self.note(pid, Exec::new(file, program.to_owned(), said));
        (Asked::New, left)
    }

    fn note(&mut self, pid: u32, exec: Exec) {
        let of_session = self.execs.values().filter(|other| other.file.session == exec.file.session);
        if of_session.count() >= MAX {
            // Fails open, visibly: refusing instead would end who honestly starts that many at once.
            tracing::warn!(session = %SessionId(exec.file.session), pid, "too many execs wait; what this one runs is not compared");
            return;
        }
        self.execs.insert(pid, exec);
    }

    /// A person is to be asked about it. What a rule let through before counts no more.
    pub fn holds(&mut self, pid: u32, rule: &str) {
        if let Some(exec) = self.execs.get_mut(&pid) {
            (exec.held_by, exec.let_through) = (Some(rule.to_owned()), None);
        }
    }

    /// Whether a person has let the same exec through already, asked by the same rule.
    #[must_use]
    pub fn was_approved(&self, pid: u32, rule: &str) -> bool {
        let is_approved = |exec: &Exec| exec.held_by.as_deref() == Some(rule) && exec.let_through.is_some();
        self.execs.get(&pid).is_some_and(is_approved)
    }

    pub fn let_through(&mut self, file: AnswerKey, pid: u32, at: BootNanos) {
        if let Some(exec) = self.execs.get_mut(&pid).filter(|exec| exec.asked == file) {
            exec.let_through.get_or_insert(at);
            exec.answered = Some(at);
            if !exec.answers.contains(&file) {
                exec.answers.push(file);
            }
        }
    }

    /// An answer was used; by whom nobody here asked about, an earlier daemon did.
    pub fn committed(&mut self, file: AnswerKey, pid: u32, program: &str) {
        if let Some(exec) = self.execs.get_mut(&pid) {
            let is_first = exec.committed.is_none();
            exec.swapped |= is_first && exec.file != file;
            exec.interpreted |= !is_first && exec.file != file;
            exec.committed = Some(program.to_owned());
        }
    }

    /// The kernel refused it by an answer; another thread may wait for another program.
    pub fn refused(&mut self, pid: u32, program: &str) -> Vec<AnswerKey> {
        let is_it = self.execs.get(&pid).is_some_and(|exec| exec.program == program);
        if is_it { self.forget(pid) } else { Vec::new() }
    }

    /// Something runs. Returns whether it is something else than was judged, `false` where nobody asked about it, and the
    /// answers that were not used.
    pub fn runs(&mut self, running: &Process) -> (bool, Vec<AnswerKey>) {
        let Some(exec) = self.execs.remove(&running.pid) else { return (false, Vec::new()) };
        (exec.is_broken_by(running), exec.answers)
    }

    /// The process has ended. Returns the answers that it did not use.
    pub fn forget(&mut self, pid: u32) -> Vec<AnswerKey> {
        self.execs.remove(&pid).map(|exec| exec.answers).unwrap_or_default()
    }

    pub fn forget_session(&mut self, session: SessionId) {
        self.execs.retain(|_, exec| exec.file.session != session.0);
    }
}

impl Exec {
    fn new(file: AnswerKey, program: String, said: Words) -> Self {
        Self {
            file,
            program,
            said,
            asked: file,
            let_through: None,
            answered: None,
            answers: Vec::new(),
            held_by: None,
            committed: None,
            interpreted: false,
            swapped: false,
        }
    }

    fn is_same(&self, file: AnswerKey, program: &str, said: &Words) -> bool {
        let is_said = self.said.as_ref().zip(said.as_ref()).is_some_and(|(then, now)| then.is_same(now));
        is_said && self.program == program && self.file.session == file.session
    }

    /// Another file is an interpreter only once the script itself has gone on.
    fn goes_on(&self, file: AnswerKey, at: BootNanos) -> bool {
        let is_fresh = self.let_through.is_some_and(|then| at.since(then) < INTERPRETER_TIMEOUT);
        is_fresh && !self.swapped && (file == self.file || self.committed.is_some())
    }

    fn is_broken_by(&self, running: &Process) -> bool {
        if self.committed.as_ref() != Some(&running.executable) {
            return false; // it failed: what runs was not asked about
        }
        let fits = |said: &ExpectedArgv| said.fits(running, self.interpreted);
        self.swapped || self.program != running.executable || !self.said.as_ref().is_none_or(fits)
    }
}

#[cfg(test)]
mod tests;
