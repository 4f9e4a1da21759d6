//! Events as lines of JSON: what is kept in memory, then what happens.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{command::EventLoop, live::Live};
use crate::metrics::Metrics;

type Line = Result<String, Infallible>;

/// The kept events, and with `follow` every further one until `stop`. A subscriber that is too slow is told how many
/// it missed, and they are counted.
pub(super) fn lines(
    event_loop: &dyn EventLoop,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    follow: bool,
) -> impl Stream<Item = Line> + use<> {
    // In this order: an event between the two is then in both, which can be seen, and not in neither, which cannot.
    let live = event_loop.events();
    let recent = event_loop.recent();
    let seen = recent.iter().filter_map(|event| id(event)).collect();
    let counted =
        recent.iter().filter_map(|event| Some((id(event)?, count(event)?.checked_sub(1)?))).collect();
    let watcher = Watcher { live, seen, counted, metrics };
    let first = stream::iter(recent).map(|event| line(&event));
    let rest = stream::unfold(watcher, Watcher::next).take_until(stop.cancelled_owned());
    first.chain(if follow { rest.left_stream() } else { stream::empty().right_stream() })
}

struct Watcher {
    live: Live,
    /// Ids of the kept events, until the first event that is not one of them.
    seen: HashSet<String>,
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
                    self.seen = HashSet::new();
                    if let Some(event) = self.without_counted(event) {
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
}

impl Watcher {
    /// What an event counts beyond what the line of the kept event had; `None` where that is nothing.
    fn without_counted(&mut self, event: Arc<Value>) -> Option<Arc<Value>> {
        let repeats = event.get("interlock.repeats").and_then(Value::as_str);
        let Some(known) = repeats.and_then(|first| self.counted.remove(first)) else { return Some(event) };
        let more = count(&event)?.checked_sub(known).filter(|more| *more > 0)?;
        let mut event = (*event).clone();
        event["event.count"] = more.into();
        Some(Arc::new(event))
    }
}

fn count(event: &Value) -> Option<u64> {
    event.get("event.count")?.as_u64()
}

fn id(event: &Value) -> Option<String> {
    event.get("event.id")?.as_str().map(str::to_owned)
}

fn line(event: &Value) -> Line {
    Ok(format!("{event}\n"))
}
