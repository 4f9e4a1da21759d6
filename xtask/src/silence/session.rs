//! One session: from the work's first process to the session's end, and what was told meanwhile.

use std::{
    collections::BTreeSet,
    io,
    process::ExitStatus,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::Value;

use super::{
    daemon::{Daemon, Follower},
    judgement::Judgement,
    message::Message,
    place::Place,
    running::Running,
};

/// For what outlives the work for a moment (a build server, a cache), and for what else is told once a rule stopped it.
const LINGERING: Duration = Duration::from_secs(15);

pub enum Outcome {
    /// The work ran; with trouble it did not end as it should.
    Done {
        judgement: Judgement,
        trouble: Vec<String>,
    },
    Skipped(String),
}

impl Outcome {
    pub fn failed(why: String) -> Self {
        Self::Done { judgement: Judgement::default(), trouble: vec![why] }
    }
}

/// Runs sessions under one daemon, one after the other.
pub struct Sessions<'d> {
    daemon: &'d Daemon,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    earlier: BTreeSet<String>,
    /// How much work was run.
    count: usize,
    _follower: Follower,
}

impl<'d> Sessions<'d> {
    /// # Errors
    /// The daemon's events cannot be read.
    pub fn new(daemon: &'d Daemon) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let follower = daemon.follow(&sender)?;
        Ok(Self { daemon, sender, receiver, earlier: BTreeSet::new(), count: 0, _follower: follower })
    }

    /// Runs the work and what comes `afterwards` as a session, and judges its events.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&mut self, place: &Place<'_>, afterwards: &str) -> Result<Outcome> {
        self.count += 1;
        let (sender, number) = (self.sender.clone(), self.count);
        let log = place.aside().join("work.log");
        let running =
            Running::start(&mut place.command(self.daemon.client(), afterwards)?, &log, move |status| {
                let _ = sender.send(Message::Ended(number, status)); // nobody waits any more
            })?;
        let mut watch = Watch::new(number, &self.earlier);
        let mut deadline = Instant::now() + place.work.deadline();
        while !watch.is_over() {
            match self.receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) => {
                    if watch.take(message) {
                        deadline = deadline.min(Instant::now() + LINGERING);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let (judgement, mut trouble, started) = watch.finish(place.work.deadline());
        if !trouble.is_empty() {
            trouble.push(running.output());
        }
        running.kill();
        if !judgement.stopped.is_empty() {
            self.daemon.thaw_all();
        }
        self.earlier.extend(started);
        Ok(Outcome::Done { judgement, trouble })
    }
}

/// What is known of the session that runs.
struct Watch<'e> {
    /// Of the work, as in [`Message::Ended`].
    number: usize,
    /// Sessions of earlier work, which may still have something to say.
    earlier: &'e BTreeSet<String>,
    started: BTreeSet<String>,
    ended: BTreeSet<String>,
    status: Option<io::Result<ExitStatus>>,
    judgement: Judgement,
    trouble: Vec<String>,
}

impl<'e> Watch<'e> {
    fn new(number: usize, earlier: &'e BTreeSet<String>) -> Self {
        Self {
            number,
            earlier,
            started: BTreeSet::new(),
            ended: BTreeSet::new(),
            status: None,
            judgement: Judgement::default(),
            trouble: Vec::new(),
        }
    }

    /// Returns whether only little can follow: the work has ended or was stopped.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Trouble(what) => self.trouble.push(what),
            Message::Ended(number, _) if number != self.number => return false,
            Message::Ended(_, status) => self.status = Some(status),
            Message::Event(event) => return self.take_event(&event),
        }
        true
    }

    fn take_event(&mut self, event: &Value) -> bool {
        let session =
            event.get("interlock.session.id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.earlier.contains(&session) {
            return false;
        }
        let stopped = self.judgement.stopped.len();
        self.judgement.add(event);
        match event.get("event.action").and_then(Value::as_str) {
            Some("session-started") => drop(self.started.insert(session)),
            Some("session-ended") => drop(self.ended.insert(session)),
            _ => {}
        }
        self.judgement.stopped.len() > stopped
    }

    /// The work's process has ended, and every session that it was.
    fn is_over(&self) -> bool {
        self.status.is_some() && !self.started.is_empty() && self.started.is_subset(&self.ended)
    }

    fn finish(mut self, deadline: Duration) -> (Judgement, Vec<String>, BTreeSet<String>) {
        match &self.status {
            None if !self.judgement.stopped.is_empty() => {}
            None => self.trouble.push(format!("still runs after {deadline:?}")),
            Some(Ok(status)) if status.success() => {}
            Some(Ok(status)) => self.trouble.push(format!("failed ({status})")),
            Some(Err(error)) => self.trouble.push(format!("was lost: {error}")),
        }
        if self.started.is_empty() {
            self.trouble.push("no session began, so nothing was watched".to_owned());
        } else if self.status.is_some() && !self.is_over() && self.judgement.stopped.is_empty() {
            self.trouble.push(format!("processes of the session still run {LINGERING:?} after its end"));
        }
        (self.judgement, self.trouble, self.started)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use serde_json::json;

    use super::*;

    fn event(action: &str, session: &str) -> Message {
        Message::Event(json!({ "event.action": action, "interlock.session.id": session }))
    }

    fn ended(code: i32) -> Message {
        Message::Ended(2, Ok(ExitStatus::from_raw(code << 8)))
    }

    /// Whether it is over after these messages, and what it was.
    fn watched(messages: Vec<Message>) -> (bool, Judgement, Vec<String>) {
        let earlier = BTreeSet::from(["old".to_owned()]);
        let mut watch = Watch::new(2, &earlier);
        for message in messages {
            watch.take(message);
        }
        let over = watch.is_over();
        let (judgement, trouble, _) = watch.finish(Duration::from_secs(9));
        (over, judgement, trouble)
    }

    #[test]
    fn it_is_over_when_the_work_and_every_session_of_it_have_ended() {
        let (over, judgement, trouble) =
            watched(vec![event("session-started", "a"), event("session-ended", "a"), ended(0)]);
        assert!(over && trouble.is_empty() && judgement.stopped.is_empty(), "{trouble:?} {judgement:?}");
        let (over, _, trouble) = watched(vec![
            event("session-started", "a"),
            event("session-started", "b"),
            ended(0),
            event("session-ended", "a"),
        ]);
        assert!(!over && trouble[0].contains("still run"), "{trouble:?}");
    }

    #[test]
    fn work_that_failed_that_nobody_watched_or_that_does_not_end_is_trouble() {
        let session = || [event("session-started", "a"), event("session-ended", "a")];
        let failed = watched(session().into_iter().chain([ended(3)]).collect()).2;
        assert!(failed[0].contains("failed (exit status: 3)"), "{failed:?}");
        let unwatched = watched(vec![ended(0)]);
        assert!(!unwatched.0 && unwatched.2[0].contains("no session began"), "{:?}", unwatched.2);
        let endless = watched(vec![event("session-started", "a")]).2;
        assert!(endless[0].contains("still runs after 9s"), "{endless:?}");
    }

    #[test]
    fn the_end_of_work_that_was_killed_before_is_not_this_one_s() {
        let before = Message::Ended(1, Ok(ExitStatus::from_raw(9)));
        let messages = vec![before, event("session-started", "a"), event("session-ended", "a"), ended(0)];
        assert!(watched(messages).2.is_empty());
    }

    #[test]
    fn only_sessions_of_earlier_work_are_left_out() {
        let judged =
            watched(vec![event("flow-held", "old"), event("flow-held", "a"), event("flow-held", "")]).1;
        assert_eq!(judged.stopped.len(), 2);
    }

    #[test]
    fn lost_events_are_trouble() {
        let lost = Message::Trouble("3 events were lost here".to_owned());
        let trouble =
            watched(vec![lost, event("session-started", "a"), event("session-ended", "a"), ended(0)]).2;
        assert_eq!(trouble, ["3 events were lost here"]);
    }
}
