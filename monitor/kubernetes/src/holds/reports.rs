//! Brings the cluster's objects to where the board says they should be, and removes what is over.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::OwnerReference, jiff::Timestamp,
};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;

use super::{
    GROUP, MANAGER, VERSION,
    board::{Board, STAYS, Wanted},
    decision::InterlockDecision,
    hold::{HoldType, InterlockHold, State},
    probe,
};

/// Between two looks at what there is of this node.
const RESYNC: Duration = Duration::from_secs(300);
/// What is over is looked for so often.
const SWEEP: Duration = Duration::from_secs(15);
/// After a failure, doubling.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(60);
/// Objects of one answer to a list: somebody may have made large ones.
const PAGE: u32 = 20;
/// Longest note of an event, bytes (`k8s.io/kubernetes` pkg/apis/core/validation/events.go).
const NOTE: usize = 1024;

/// Tells the cluster of this node's holds, for ever. While the API is away nothing is lost: the board has it.
pub async fn report(client: Client, node: String, board: Arc<Board>) {
    let mut reports = Reports::new(client, node, board);
    let mut wait = SOON;
    loop {
        let failed = reports.turn().await;
        if failed == 0 {
            wait = SOON;
            let _ = tokio::time::timeout(SWEEP, reports.board.changed()).await; // either is a reason to look
        } else {
            tracing::debug!(failed, ?wait, "the cluster could not be told of all holds");
            tokio::time::sleep(wait).await;
            wait = LATE.min(wait * 2);
        }
    }
}

struct Reports {
    client: Client,
    node: String,
    board: Arc<Board>,
    recorder: Recorder,
    /// What an event was written of, by object.
    told: HashMap<String, State>,
    next_resync: Instant,
}

impl Reports {
    fn new(client: Client, node: String, board: Arc<Board>) -> Self {
        let reporter = Reporter { controller: format!("{GROUP}/{MANAGER}"), instance: Some(node.clone()) };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, node, board, recorder, told: HashMap::new(), next_resync: Instant::now() }
    }

    /// Returns how much failed.
    async fn turn(&mut self) -> usize {
        let mut failed = 0;
        let now = Instant::now();
        if self.board.knows_all() && now >= self.next_resync {
            // Also where nobody decides: `doctor` says it before somebody does.
            self.board.proven(probe::prove(&self.client, "default", &probe::nothing(&self.node)).await);
            match self.resync().await {
                Ok(()) if self.board.proof() == Some(Ok(())) => self.next_resync = now + RESYNC,
                Ok(()) => self.next_resync = now + SWEEP, // an administrator may be about to install it
                Err(error) => failed += self.failed("look for", "its objects", &error),
            }
        }
        failed += self.write_all().await.unwrap_or_else(|away| self.failed("write", "any", &away));
        for over in self.board.due(now) {
            match delete(&self.holds(&over.namespace), &over.name).await {
                Ok(()) => self.forget(&over.name),
                Err(error) => {
                    failed += self.failed("remove", &over.name, &error);
                    break;
                }
            }
        }
        self.board.give_up(now);
        failed
    }

    /// Returns how much the API has refused; `Err` where it is away, as each further attempt would wait for it.
    async fn write_all(&mut self) -> Result<usize, kube::Error> {
        let mut refused = 0;
        for wanted in self.board.dirty() {
            match self.write(&wanted).await {
                Ok(object) => {
                    self.board.written(&wanted, object.uid());
                    self.tell(&wanted, &object).await;
                }
                // Its namespace is gone or going, and with it everything that it could have been told in.
                Err(kube::Error::Api(gone)) if is_gone(&gone) => self.forget(&wanted.name),
                Err(error @ kube::Error::Api(_)) => refused += self.failed("write", &wanted.name, &error),
                Err(away) => return Err(away),
            }
        }
        Ok(refused)
    }

    fn failed(&self, what: &str, name: &str, error: &kube::Error) -> usize {
        self.board.failed();
        tracing::warn!(name, %error, "could not {what} an object of the cluster; it is tried again");
        1
    }

    fn forget(&mut self, name: &str) {
        self.board.forget(name);
        self.told.remove(name);
    }

    fn holds(&self, namespace: &str) -> Api<InterlockHold> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// What there is and should not be goes; what should be there and is not is written again.
    async fn resync(&mut self) -> Result<(), kube::Error> {
        let own = ListParams::default().fields(&format!("spec.node={}", self.node)).limit(PAGE);
        let mut there = Vec::new();
        for object in all::<InterlockHold>(&self.client, &own).await? {
            let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
            if self.board.has(&name) {
                // An earlier daemon has told of that.
                let state = object.status.map(|status| status.state).unwrap_or_default();
                self.told.entry(name.clone()).or_insert(state);
                there.push(name);
            } else {
                delete(&self.holds(&namespace), &name).await?;
            }
        }
        self.board.write_again(&there);
        for decision in all::<InterlockDecision>(&self.client, &own).await? {
            if is_old(&decision) {
                let namespace = decision.namespace().unwrap_or_default();
                let api: Api<InterlockDecision> = Api::namespaced(self.client.clone(), &namespace);
                delete(&api, &decision.name_any()).await?;
            }
        }
        Ok(())
    }

    async fn write(&self, wanted: &Wanted) -> Result<InterlockHold, kube::Error> {
        let api = self.holds(&wanted.namespace);
        let mut object = InterlockHold::new(&wanted.name, wanted.spec.clone());
        // With its pod everything goes that waits for it.
        object.metadata.owner_references = Some(vec![owner(wanted)]);
        let apply = PatchParams::apply(MANAGER).force();
        api.patch(&wanted.name, &apply, &Patch::Apply(&object)).await?;
        let status = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": InterlockHold::kind(&()),
            "metadata": { "name": wanted.name },
            "status": wanted.status,
        });
        api.patch_status(&wanted.name, &apply, &Patch::Apply(&status)).await
    }

    /// An event of the pod, once for each state. Fails open: the object says the same.
    async fn tell(&mut self, wanted: &Wanted, object: &InterlockHold) {
        let state = wanted.status.state;
        if self.told.get(&wanted.name) == Some(&state) {
            return;
        }
        let event = event(wanted, object);
        match self.recorder.publish(&event, &pod(wanted)).await {
            Ok(()) => drop(self.told.insert(wanted.name.clone(), state)),
            Err(error) => drop(self.failed("write an event of", &wanted.name, &error)),
        }
    }
}

/// Every object of a kind, page by page.
async fn all<K>(client: &Client, params: &ListParams) -> Result<Vec<K>, kube::Error>
where
    K: kube::Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::all(client.clone());
    let (mut found, mut params) = (Vec::new(), params.clone());
    loop {
        let page = api.list(&params).await?;
        found.extend(page.items);
        match page.metadata.continue_ {
            Some(next) if !next.is_empty() => params.continue_token = Some(next),
            _ => return Ok(found),
        }
    }
}

/// A namespace that is being deleted takes nothing new (`plugin/pkg/admission/namespace/lifecycle`).
fn is_gone(status: &kube::core::Status) -> bool {
    status.code == 404 || status.code == 403 && status.message.contains("being terminated")
}

/// One that is gone already is what was wanted.
async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), kube::Error>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

/// A decision that was answered, or that nobody answers any more.
fn is_old(decision: &InterlockDecision) -> bool {
    let made = decision.metadata.creation_timestamp.as_ref();
    made.is_none_or(|made| Timestamp::now().duration_since(made.0).unsigned_abs() >= STAYS)
}

fn owner(wanted: &Wanted) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: wanted.spec.pod.name.clone(),
        uid: wanted.spec.pod.uid.clone(),
        ..OwnerReference::default()
    }
}

fn pod(wanted: &Wanted) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(wanted.namespace.clone()),
        name: Some(wanted.spec.pod.name.clone()),
        uid: Some(wanted.spec.pod.uid.clone()),
        ..ObjectReference::default()
    }
}

fn event(wanted: &Wanted, object: &InterlockHold) -> Event {
    let (name, spec, status) = (&wanted.name, &wanted.spec, &wanted.status);
    let by = status.decided_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let why = status.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let what = match spec.kind {
        HoldType::Hold => format!("{} to {}", spec.process, spec.destination),
        HoldType::Freeze => format!("session {} of {}", spec.session, spec.agent),
    };
    let (reason, note) = match (spec.kind, status.state) {
        (HoldType::Hold, State::Waiting) => (
            "ActionHeld",
            format!(
                "{name}: {what} waits for a decision ({}); rule {}: {}",
                spec.evidence, spec.rule, spec.summary
            ),
        ),
        (HoldType::Freeze, State::Waiting) => {
            ("SessionFrozen", format!("{name}: {what} is frozen: {}", spec.destination))
        }
        (_, State::Approved) => ("HoldApproved", format!("{name} was approved{by}{why}: {what} goes on")),
        (_, State::Denied) => ("HoldDenied", format!("{name} was denied{by}{why}: {what}")),
        (_, State::Expired) => ("HoldExpired", format!("{name} expired: nobody answered in time: {what}")),
        (_, State::Gone) => ("HoldGone", format!("{name} is gone: {what} ended before anybody answered")),
        (_, State::Thawed) => ("SessionThawed", format!("{name}: {what} goes on{by}{why}")),
    };
    Event {
        type_: if status.state == State::Waiting { EventType::Warning } else { EventType::Normal },
        reason: reason.to_owned(),
        note: Some(within(&note, NOTE)),
        action: if spec.kind == HoldType::Hold { "Hold" } else { "Freeze" }.to_owned(),
        secondary: Some(object.object_ref(&())),
    }
}

/// As much of a text as has so many bytes.
fn within(text: &str, most: usize) -> String {
    let end =
        text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= most).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_letters() {
        assert_eq!(within("aäö", 3), "aä");
        assert_eq!(within("aäö", 4), "aä");
        assert_eq!(within("aäö", 5), "aäö");
    }
}
