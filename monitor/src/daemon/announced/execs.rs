//! The execs of one session that were asked about and have not run.

use std::{collections::VecDeque, sync::Arc};

use monitor_common::policy::AnswerKey;

use super::said::Said;
use crate::facts::{Process, SessionId};

/// Asked about, or let go on; above it the oldest makes room, and is not compared.
pub(super) const MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Execs {
    asks: VecDeque<Ask>,
    runs: VecDeque<Run>,
    overflow_told: bool,
}

/// What a process was asked about, until an answer is used.
pub(super) struct Ask {
    pub pid: u32,
    pub file: AnswerKey,
    /// By which path; a file may have several. `None` where only an earlier daemon knows.
    pub program: Option<String>,
    pub said: Words,
    pub let_through: bool,
}

/// `None` where they could not be read: they were judged as unknown.
pub(super) type Words = Option<Arc<Said>>;

/// An exec that the kernel let go on.
struct Run {
    pid: u32,
    program: String,
    file: AnswerKey,
    /// Another file was executed in its place: the kernel has put words in front of the arguments.
    interpreted: bool,
    /// It has to run one of them.
    may: Vec<Words>,
}

impl Execs {
    pub fn note(&mut self, ask: Ask) {
        let session = ask.file.session;
        let full = push(&mut self.asks, ask);
        self.tell(full, session);
    }

    /// Gives whether it was asked about.
    pub fn let_through(&mut self, file: AnswerKey, pid: u32) -> bool {
        let ask = self.asks.iter_mut().find(|ask| ask.is_of(file, pid));
        ask.map(|ask| ask.let_through = true).is_some()
    }

    fn tell(&mut self, full: bool, session: u64) {
        if full && !std::mem::replace(&mut self.overflow_told, true) {
            // Fails open, visibly: refusing instead would end who honestly starts that many at once.
            tracing::warn!(session = %SessionId(session), "more execs wait than are kept; what the oldest run is not compared");
        }
    }

    pub fn give_up(&mut self, file: AnswerKey, pid: u32) {
        self.asks.retain(|ask| !ask.is_of(file, pid));
        self.runs.retain(|run| run.pid != pid);
    }

    /// The kernel asks about a script, and then about each of its interpreters.
    pub fn begin(&mut self, file: AnswerKey, pid: u32, program: &str, inherited: bool) {
        let place = self.asks.iter().position(|ask| ask.let_through && ask.is_of(file, pid));
        let own = place.and_then(|place| self.asks.remove(place));
        let begun = self.take_run(pid).filter(|run| run.program == program);
        let mut run = begun.unwrap_or_else(|| {
            let others =
                self.asks.iter().filter(|ask| ask.let_through && ask.file == file && ask.names(program));
            let mut may: Vec<Words> = others.map(|ask| ask.said.clone()).collect();
            // Fails open: what was said to an earlier daemon is not known.
            may.extend(inherited.then_some(None));
            Run { pid, program: program.to_owned(), file, interpreted: false, may }
        });
        run.interpreted |= run.file != file;
        if let Some(own) = own.filter(|own| own.names(program)) {
            run.may = vec![own.said];
        }
        let full = push(&mut self.runs, run);
        self.tell(full, file.session);
    }

    pub fn is_broken(&mut self, running: &Process) -> bool {
        let run = self.take_run(running.pid).filter(|run| run.program == running.executable);
        self.forget(running.pid);
        let Some(run) = run else { return false };
        let fits = |said: &&Words| said.as_ref().is_none_or(|said| said.fits(running, run.interpreted));
        let Some(ran) = run.may.iter().find(fits) else { return true };
        if let Some(ran) = ran {
            // One that ran in another's place has used up what was let through.
            self.asks.retain(|ask| !ask.said.as_ref().is_some_and(|said| Arc::ptr_eq(said, ran)));
        }
        false
    }

    pub fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.runs.is_empty()
    }

    fn take_run(&mut self, pid: u32) -> Option<Run> {
        let place = self.runs.iter().position(|run| run.pid == pid)?;
        self.runs.remove(place)
    }

    pub fn forget(&mut self, pid: u32) {
        self.asks.retain(|ask| ask.pid != pid || ask.let_through);
        self.runs.retain(|run| run.pid != pid);
    }
}

impl Ask {
    fn is_of(&self, file: AnswerKey, pid: u32) -> bool {
        (self.pid, self.file) == (pid, file)
    }

    fn names(&self, program: &str) -> bool {
        self.program.as_deref().is_none_or(|said| said == program)
    }
}

/// Gives whether the oldest had to make room.
fn push<T>(list: &mut VecDeque<T>, item: T) -> bool {
    let full = list.len() >= MAX;
    if full {
        list.pop_front();
    }
    list.push_back(item);
    full
}
