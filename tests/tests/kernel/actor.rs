//! A process that does what the test tells it, one act at a time.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use interlock_tests::wait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

/// A child of the test: `actor.py`, which waits for acts on its stdin.
pub struct Actor {
    child: Child,
    acts: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub pid: u32,
}

/// Why an act did not succeed: the system's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub i32);

impl Actor {
    pub fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", include_str!("actor.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 plays the agent");
        let (acts, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut actor = Self { pid: 0, child, acts, answers: BufReader::new(answers) };
        // Python may have been started through a wrapper: the actor itself knows its pid.
        actor.pid = actor.answer("start").unwrap().as_u64().unwrap().try_into().unwrap();
        actor
    }

    /// Has `act` (Python, see `actor.py`) done, and gives what it left in `answer`.
    pub fn tries(&mut self, act: &str) -> Result<Value, Refused> {
        self.begin(act);
        self.answer(act)
    }

    /// As [`Actor::tries`], of an act that is expected to succeed.
    pub fn does(&mut self, act: &str) -> Value {
        self.tries(act).unwrap_or_else(|refused| panic!("{act}: {refused:?}"))
    }

    /// An act whose answer is a process.
    pub fn makes(&mut self, act: &str) -> u32 {
        self.does(&format!("answer = {act}")).as_u64().and_then(|pid| pid.try_into().ok()).unwrap()
    }

    /// Starts an act without waiting for its end.
    pub fn begin(&mut self, act: &str) {
        writeln!(self.acts, "{}", Value::from(act)).unwrap();
    }

    /// Waits for the end of the act that was begun.
    pub fn answer(&mut self, act: &str) -> Result<Value, Refused> {
        if self.answers.buffer().is_empty() {
            let mut fds = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
            let timeout = Timespec::try_from(wait::timeout()).unwrap();
            assert_eq!(
                poll(&mut fds, Some(&timeout)),
                Ok(1),
                "no answer within {:?} to: {act}",
                wait::timeout()
            );
        }
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{act}: answered {line:?}"));
        assert_eq!(answer["failed"], Value::Null, "{act}");
        match answer["errno"].as_i64() {
            Some(errno) => Err(Refused(errno.try_into().unwrap())),
            None => Ok(answer["answer"].take()),
        }
    }
}

impl Drop for Actor {
    /// Its descendants end with it: they wait on a pipe of its.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
