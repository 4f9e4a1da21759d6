//! Events as lines of JSON: what is kept in memory, then what happens.

use std::{collections::HashSet, convert::Infallible, sync::Arc};

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::command::Engine;
use crate::metrics::Metrics;

type Line = Result<String, Infallible>;

/// The kept events, and with `follow` every further one until `stop`. A subscriber that is too slow is told how many
/// it missed, and they are counted.
pub(super) fn lines(
    engine: &dyn Engine,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    follow: bool,
) -> impl Stream<Item = Line> + use<> {
    // In this order: an event between the two is then in both, which can be seen, and not in neither, which cannot.
    let live = engine.events();
    let recent = engine.recent();
    let seen = recent.iter().filter_map(|event| id(event)).collect();
    let watcher = Watcher { live, seen, metrics };
    let first = stream::iter(recent).map(|event| line(&event));
    let rest = stream::unfold(watcher, Watcher::next).take_until(stop.cancelled_owned());
    first.chain(if follow { rest.left_stream() } else { stream::empty().right_stream() })
}

struct Watcher {
    live: Receiver<Arc<Value>>,
    /// Ids of the kept events, until the first event that is not one of them.
    seen: HashSet<String>,
    metrics: Arc<Metrics>,
}

impl Watcher {
    async fn next(mut self) -> Option<(Line, Self)> {
        loop {
            match self.live.recv().await {
                Ok(event) if id(&event).is_some_and(|id| self.seen.contains(&id)) => {}
                Ok(event) => {
                    self.seen = HashSet::new();
                    return Some((line(&event), self));
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

fn id(event: &Value) -> Option<String> {
    event.get("event.id")?.as_str().map(str::to_owned)
}

fn line(event: &Value) -> Line {
    Ok(format!("{event}\n"))
}
