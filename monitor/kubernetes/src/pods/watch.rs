//! The watch itself: it goes on for as long as somebody listens, whatever the API does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    stream::{BoxStream, select},
};
use interlock_core::pods::{Failure, Update};
use k8s_openapi::api::{core::v1::Pod, node::v1::RuntimeClass};
use kube::{
    Api, Client, ResourceExt as _,
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{failure::failure, object::NodePod, pace::Pace, relay::Relay};
use crate::access::{Access, AccessError};

/// A listing that is not done by then has failed: what it listed is forgotten, and it begins anew.
const LISTING: Duration = Duration::from_secs(30);
/// How long the API keeps one watch open, seconds; whoever says nothing for 5 s longer is taken for gone by kube.
const OPEN: u32 = 240;
/// Most runtime classes that are kept; a cluster has a handful.
const CLASSES: usize = 256;

/// The watch over one node's pods.
pub struct Watch {
    pub access: Access,
    pub node: String,
    /// The annotations that are kept; when they change, everything is listed anew.
    pub keep: watch::Receiver<BTreeSet<String>>,
    pub pace: Pace,
}

/// What either of the two watches said.
enum Said {
    Pods(Result<Event<NodePod>, watcher::Error>),
    Classes(Result<Event<RuntimeClass>, watcher::Error>),
}

impl Watch {
    /// Watches until `tell` says that nobody listens any more.
    pub async fn run(mut self, mut tell: impl FnMut(Update) -> bool) {
        let mut pauses = self.pace.pauses(&self.node);
        loop {
            let heard = Arc::new(Notify::new());
            let goes_on = match self.clients(&heard).await {
                Ok(clients) => self.follow(clients, &heard, &mut tell).await,
                Err(error) => {
                    let goes_on = tell(Update::Failed { why: Failure::Access, text: error.to_string() });
                    // A token or a file may be there later.
                    sleep(pauses.next().unwrap_or(self.pace.longest)).await;
                    goes_on
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Of its own for the runtime classes: their answers say nothing of the pods'.
    async fn clients(&self, heard: &Arc<Notify>) -> Result<[Client; 2], AccessError> {
        let most = (self.pace.requests, self.pace.span);
        let pods = self.access.watching(Arc::clone(heard), most, self.pace.answer).await?;
        Ok([pods, self.access.watching(Arc::new(Notify::new()), most, self.pace.answer).await?])
    }

    /// Returns whether to begin anew.
    async fn follow(
        &mut self,
        [pods, classes]: [Client; 2],
        heard: &Notify,
        tell: &mut impl FnMut(Update) -> bool,
    ) -> bool {
        let keep = self.keep.borrow_and_update().clone();
        let mut said = select(self.pods(pods), self.classes(classes));
        let (mut relay, mut handlers) = (Relay::default(), BTreeMap::new());
        let (mut answers, mut begun) = (false, Instant::now());
        loop {
            let update = tokio::select! {
                biased; // that it answers is told before what it says
                () = heard.notified() => {
                    let first = !std::mem::replace(&mut answers, true);
                    first.then_some(Update::Answers)
                }
                said = said.next() => match said {
                    Some(Said::Pods(Ok(event))) => {
                        begun = if matches!(event, Event::Init) { Instant::now() } else { begun };
                        relay.take(event, &keep)
                    }
                    Some(Said::Pods(Err(error))) => {
                        let why = failure(&error);
                        answers &= why == Failure::Expired; // which is an answer
                        Some(Update::Failed { why, text: error.to_string() })
                    }
                    Some(Said::Classes(said)) => of_classes(&mut handlers, said),
                    None => return true, // neither watch ends by itself
                },
                () = sleep_until(begun + LISTING), if relay.lists() => {
                    let text = format!("a list of the pods was not complete after {} s", LISTING.as_secs());
                    return tell(Update::Failed { why: Failure::Unreachable, text });
                }
                changed = self.keep.changed() => return changed.is_ok(),
            };
            if let Some(update) = update
                && !tell(update)
            {
                return false;
            }
        }
    }

    fn pods(&self, client: Client) -> BoxStream<'static, Said> {
        let api: Api<NodePod> = Api::all_with(client, &ApiResource::erase::<Pod>(&()));
        let config = watcher::Config::default().fields(&format!("spec.nodeName={}", self.node)).timeout(OPEN);
        watcher::watcher(api, config).backoff(self.pace.pauses(&self.node)).map(Said::Pods).boxed()
    }

    fn classes(&self, client: Client) -> BoxStream<'static, Said> {
        let config = watcher::Config::default().timeout(OPEN);
        watcher::watcher(Api::<RuntimeClass>::all(client), config)
            .backoff(self.pace.pauses(&self.node))
            .map(Said::Classes)
            .boxed()
    }
}

/// Keeps what the classes lead to, and says so when all of them are known, and when one changes.
fn of_classes(
    handlers: &mut BTreeMap<String, String>,
    said: Result<Event<RuntimeClass>, watcher::Error>,
) -> Option<Update> {
    let listed = match said {
        Err(error) => return Some(Update::NoHandlers { why: failure(&error), text: error.to_string() }),
        Ok(Event::Init) => {
            handlers.clear();
            return None;
        }
        Ok(Event::InitApply(class)) => {
            keep_class(handlers, &class);
            return None;
        }
        Ok(Event::InitDone) => true,
        Ok(Event::Apply(class)) => keep_class(handlers, &class),
        Ok(Event::Delete(class)) => handlers.remove(&class.name_any()).is_some(),
    };
    listed.then(|| Update::Handlers(handlers.clone()))
}

fn keep_class(handlers: &mut BTreeMap<String, String>, class: &RuntimeClass) -> bool {
    let fits = handlers.len() < CLASSES && class.handler.len() <= 253;
    fits && handlers.insert(class.name_any(), class.handler.clone()).as_ref() != Some(&class.handler)
}
