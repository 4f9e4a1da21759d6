//! Events as lines of JSON: what is kept in memory and in the files, then what happens.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::{
    broadcast::error::RecvError,
    mpsc::{self, Receiver},
    oneshot,
};
use tokio_util::sync::CancellationToken;

use super::{command::EventLoop, live::Live};
use crate::{
    archive::{Collector, Found, Notes, Question, Sight, Told, is_of_session},
    metrics::Metrics,
};
use interlock_core::event_fields::{number, text};

type Line = io::Result<String>;

/// How long an answer stands in the memory while nobody reads on.
const UNREAD: Duration = Duration::from_secs(30);

/// What the memory has of an answer.
pub(super) struct Kept {
    question: Question,
    sight: Sight,
    live: Live,
    recent: Vec<Arc<Value>>,
}

impl Kept {
    pub(super) fn of(event_loop: &dyn EventLoop, question: Question, sight: Sight) -> Self {
        // In this order: an event between the two is then in both, which can be seen, and not in neither, which cannot.
        let live = event_loop.events();
        let recent = event_loop.recent();
        Self { question, sight, live, recent }
    }

    /// Where the answer comes with what the files have; `None` where that is not asked for, and inside of it where too many ask.
    pub(super) fn files_asked(&self, event_loop: &dyn EventLoop) -> Option<Option<oneshot::Receiver<Told>>> {
        let asked = || event_loop.past(self.question.clone(), self.sight.clone(), self.asked_for().collect());
        self.question.files.then(asked)
    }

    /// The answer without the files.
    pub(super) fn found(&self) -> Told {
        let mut collector = Collector::new(self.question.limit);
        self.asked_for().for_each(|event| collector.take_kept(event));
        let (events, left_off) = collector.finish();
        Told::of(Found { events, notes: Notes { left_off, ..Notes::default() } })
    }

    fn asked_for(&self) -> impl Iterator<Item = Value> {
        let events = self.recent.iter().filter(|event| is_event(event));
        events
            .filter(|event| self.question.wants(event) && self.sight.sees(event))
            .map(|event| (**event).clone())
    }

    /// What was found, and where it is to be followed every further event until `stop`. A subscriber that is too slow is told how
    /// many it missed, and they are counted.
    pub(super) fn lines(
        self,
        mut told: Told,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> impl Stream<Item = Line> + use<> {
        let Self { question, sight, live, recent } = self;
        let seen: HashSet<String> =
            recent.iter().filter_map(|event| id(event)).chain(std::mem::take(&mut told.ids)).collect();
        let newest = recent.iter().map(|event| number(event)).max().unwrap_or_default().max(told.newest);
        let counted =
            recent.iter().filter_map(|event| Some((id(event)?, count(event)?.checked_sub(1)?))).collect();
        // What made room stands in the files.
        let of_session =
            |line: &Value| question.session.as_deref().is_none_or(|asked| is_of_session(line, asked));
        let forgotten = recent.iter().filter(|line| !question.files && !is_event(line));
        let forgotten = forgotten.filter(|line| sight.sees(line) && of_session(line));
        for line in forgotten.rev() {
            told.chunks.push_front(format!("{line}\n"));
        }
        let follow = question.follow;
        let watcher = Watcher { live, question, sight, seen, newest, counted, metrics };
        let rest = stream::unfold(watcher, Watcher::next).take_until(stop.cancelled_owned());
        sent(told, UNREAD).chain(if follow { rest.left_stream() } else { stream::empty().right_stream() })
    }
}

/// The answer, chunk by chunk. Whoever reads nothing for as long as `unread` loses it, as a broken connection and not as an end.
fn sent(told: Told, unread: Duration) -> impl Stream<Item = Line> {
    let Told { mut chunks, seat, .. } = told;
    let (sender, receiver) = mpsc::channel(1);
    let (done, is_done) = oneshot::channel();
    tokio::spawn(async move {
        let _seat = seat;
        while let Some(chunk) = chunks.pop_front() {
            if sender.send_timeout(chunk, unread).await.is_err() {
                return;
            }
        }
        let _ = done.send(()); // the reader is gone
    });
    stream::unfold(Some((receiver, is_done)), next_chunk)
}

type Chunks = (Receiver<String>, oneshot::Receiver<()>);

async fn next_chunk(state: Option<Chunks>) -> Option<(Line, Option<Chunks>)> {
    let (mut receiver, is_done) = state?;
    if let Some(chunk) = receiver.recv().await {
        return Some((Ok(chunk), Some((receiver, is_done))));
    }
    let broken = || io::Error::new(io::ErrorKind::TimedOut, "nobody has read the answer");
    is_done.await.err().map(|_| (Err(broken()), None))
}

/// And not a line about events.
fn is_event(line: &Value) -> bool {
    line.get("interlock.forgotten").is_none()
}

struct Watcher {
    live: Live,
    question: Question,
    sight: Sight,
    /// Ids of the events that were told, until one comes that is newer than all of them.
    seen: HashSet<String>,
    newest: u64,
    /// Repeats of a kept event that are in its line already.
    counted: HashMap<String, u64>,
    metrics: Arc<Metrics>,
}

impl Watcher {
    async fn next(mut self) -> Option<(Line, Self)> {
        loop {
            match self.live.next().await {
                Ok(event) if id(&event).is_some_and(|id| self.seen.contains(&id)) => {}
                Ok(event) => {
                    if number(&event) > self.newest {
                        self.seen = HashSet::new();
                    }
                    if let Some(event) = self.without_counted(event)
                        && self.question.wants(&event)
                        && self.sight.sees(&event)
                    {
                        return Some((line(&event), self));
                    }
                }
                Err(RecvError::Lagged(lost)) => {
                    self.metrics.lost("control", "event", lost);
                    return Some((line(&json!({ "interlock.lost": lost })), self));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// What an event counts beyond what the line of the kept event had; `None` where that is nothing.
    fn without_counted(&mut self, event: Arc<Value>) -> Option<Arc<Value>> {
        let repeats = text(&event, "interlock.repeats");
        let Some(known) = repeats.and_then(|first| self.counted.remove(first)) else { return Some(event) };
        let more = count(&event)?.checked_sub(known).filter(|more| *more > 0)?;
        let mut event = (*event).clone();
        event["interlock.count"] = more.into();
        Some(Arc::new(event))
    }
}

fn count(event: &Value) -> Option<u64> {
    event.get("interlock.count")?.as_u64()
}

fn id(event: &Value) -> Option<String> {
    text(event, "event.id").map(str::to_owned)
}

fn line(event: &Value) -> Line {
    Ok(format!("{event}\n"))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn three() -> Told {
        Told { chunks: ["a", "b", "c"].map(str::to_owned).into(), ..Told::default() }
    }

    #[tokio::test]
    async fn an_answer_that_is_read_ends_and_one_that_is_not_breaks() {
        let all: Vec<Line> = sent(three(), UNREAD).collect().await;
        let texts: Vec<&str> = all.iter().map(|line| line.as_deref().unwrap()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
        let mut unread = pin!(sent(three(), Duration::from_millis(20)));
        assert_eq!(unread.next().await.unwrap().unwrap(), "a");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let rest: Vec<Line> = unread.collect().await;
        assert!(matches!(&rest[..], [Ok(_), Err(_)]), "{rest:?}");
    }
}
