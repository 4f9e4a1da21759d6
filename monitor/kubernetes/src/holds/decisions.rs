//! Takes the decisions that persons make about this node's holds, and answers each in its status.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    board::{Board, Wanted},
    decision::{Answer, DecisionSpec, DecisionStatus, InterlockDecision, Verdict},
    hold::{HoldType, PodOf},
    limits, probe,
};

/// How long the daemon may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Answers that are remembered, as the watch may tell of a decision again before it tells of its answer.
const REMEMBERED: usize = 1024;
/// Decisions of one answer to a list: somebody may have made large ones.
const PAGE: u32 = 20;
/// How often an answer is written before it is given up: the hold's own status says what happened.
const ATTEMPTS: u32 = 5;

/// A decision, as the daemon is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// On the node: `h7`, or the id of a frozen session.
    pub id: String,
    pub spec: DecisionSpec,
    /// `NAMESPACE/NAME`, and the object's uid.
    pub decision: String,
    pub decision_uid: String,
    /// Of the agent.
    pub pod: PodOf,
    /// Whose workspace that is.
    pub owner: Option<String>,
    pub standing: Standing,
}

/// What is known of who decides, before the daemon's own rules are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Whom the API server authenticated, as the policy has proven to compare.
    Person,
    /// A service account or a node: what runs in the cluster decides nothing. `own`: the one of the agent's own pod.
    Workload { own: bool },
    /// Nobody knows who that is: why.
    Unproven(String),
}

/// Asks the daemon, which answers when it has decided.
pub type Ask = dyn Fn(Proposal) -> oneshot::Receiver<(Answer, String)> + Send + Sync;

/// Takes this node's decisions, for ever.
pub async fn take(client: Client, node: String, board: Arc<Board>, ask: Arc<Ask>) {
    let api: Api<InterlockDecision> = Api::all(client.clone());
    let own = watcher::Config::default().fields(&format!("spec.node={node}")).page_size(PAGE);
    let mut stream = pin!(watcher(api, own).default_backoff());
    let mut decisions = Decisions { client, board, ask, answered: VecDeque::new() };
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Apply(decision) | watcher::Event::InitApply(decision)) => {
                decisions.take(&decision).await;
            }
            Ok(watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => {
                decisions.board.failed();
                tracing::warn!(%error, "decisions cannot be read from the cluster; it is tried again");
            }
        }
    }
}

struct Decisions {
    client: Client,
    board: Arc<Board>,
    ask: Arc<Ask>,
    answered: VecDeque<(String, DecisionStatus)>,
}

impl Decisions {
    async fn take(&mut self, decision: &InterlockDecision) {
        let Some(uid) = decision.uid().filter(|_| decision.status.is_none()) else { return };
        let known = self.answered.iter().find(|(known, _)| *known == uid).map(|(_, status)| status.clone());
        let status = match known {
            Some(status) => status,
            None => {
                let (answer, message) = self.answer(decision, &uid).await;
                DecisionStatus { answer, message: cut(message), answered_at: Timestamp::now() }
            }
        };
        self.answered.truncate(REMEMBERED - 1);
        self.answered.push_front((uid, status.clone()));
        self.write(decision, &status).await;
    }

    async fn answer(&self, decision: &InterlockDecision, uid: &str) -> (Answer, String) {
        let namespace = decision.namespace().unwrap_or_default();
        let (wanted, hold_uid) = match self.board.find(&decision.spec.hold) {
            Some((wanted, uid)) if wanted.namespace == namespace => (wanted, uid),
            _ => return (Answer::TooLate, format!("there is no hold {} on its node", decision.spec.hold)),
        };
        if let Err(refused) = fits(&decision.spec, &wanted, hold_uid.as_deref()) {
            return refused;
        }
        let standing = match workload(&decision.spec, &namespace, &wanted.spec.pod) {
            Some(own) => Standing::Workload { own },
            None => {
                let found = probe::prove(&self.client, &namespace, &decision.spec).await;
                self.board.proven(found.clone());
                found.map_or_else(Standing::Unproven, |()| Standing::Person)
            }
        };
        let proposal = Proposal {
            id: wanted.spec.id,
            spec: decision.spec.clone(),
            decision: format!("{namespace}/{}", decision.name_any()),
            decision_uid: uid.to_owned(),
            pod: wanted.spec.pod,
            owner: wanted.spec.owner,
            standing,
        };
        match tokio::time::timeout(ANSWER, (self.ask)(proposal)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                (Answer::TooLate, "the daemon is stopping; decide again when it is back".to_owned())
            }
            Err(_) => (
                Answer::TooLate,
                "the daemon did not answer within 30 s; the hold says what happened".to_owned(),
            ),
        }
    }

    /// Fails open: what was decided is decided, and the hold's status says so.
    async fn write(&self, decision: &InterlockDecision, status: &DecisionStatus) {
        let namespace = decision.namespace().unwrap_or_default();
        let api: Api<InterlockDecision> = Api::namespaced(self.client.clone(), &namespace);
        let patch = Patch::Merge(json!({ "status": status }));
        for attempt in 1..=ATTEMPTS {
            match api.patch_status(&decision.name_any(), &PatchParams::default(), &patch).await {
                Ok(_) => return,
                Err(kube::Error::Api(gone)) if gone.code == 404 => return,
                Err(error) => {
                    self.board.failed();
                    tracing::warn!(decision = decision.name_any(), %error, attempt, "a decision's answer cannot be written");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// Whether a decision is about that object, and makes sense.
fn fits(spec: &DecisionSpec, wanted: &Wanted, uid: Option<&str>) -> Result<(), (Answer, String)> {
    let invalid = |why: &str| Err((Answer::Invalid, why.to_owned()));
    if uid != Some(spec.hold_uid.as_str()) {
        return Err((
            Answer::TooLate,
            format!("{} is another one by now: spec.holdUid is not its uid", spec.hold),
        ));
    }
    if spec.node != wanted.spec.node {
        return invalid("spec.node is not the hold's node");
    }
    match (wanted.spec.kind, spec.verdict) {
        (HoldType::Hold, Verdict::Approve | Verdict::Deny) | (HoldType::Freeze, Verdict::Thaw) => {}
        (HoldType::Hold, Verdict::Thaw) => return invalid("a hold is approved or denied"),
        (HoldType::Freeze, _) => return invalid("a freeze is thawed, or left"),
    }
    // The kind's schema says the same; it need not be the one that is installed.
    let is_hash =
        |text: &str| (16..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash(&spec.evidence) {
        return invalid("spec.evidence is not the hash that was shown: 16 to 64 hexadecimal digits");
    }
    let texts = spec.groups.iter().chain([&spec.user]).chain(&spec.uid);
    let fit = spec.groups.len() <= limits::GROUPS
        && texts
            .into_iter()
            .all(|text| text.chars().count() <= limits::USER && !text.contains(char::is_control));
    if fit && !spec.user.is_empty() {
        Ok(())
    } else {
        invalid("who decides is not named as the kind's schema asks")
    }
}

/// Whether a service account, a node or nobody decides, and whether that is the one of the agent's own pod. By name and by group: whoever
/// is named like one is one.
fn workload(spec: &DecisionSpec, namespace: &str, pod: &PodOf) -> Option<bool> {
    const NAMES: [&str; 3] = ["system:serviceaccount:", "system:node:", "system:anonymous"];
    const GROUPS: [&str; 4] =
        ["system:serviceaccounts", "system:serviceaccounts:", "system:nodes", "system:unauthenticated"];
    let is_group = |group: &String| {
        GROUPS.iter().any(|name| group == name || name.ends_with(':') && group.starts_with(name))
    };
    let is_workload =
        NAMES.iter().any(|name| spec.user.starts_with(name)) || spec.groups.iter().any(is_group);
    // A pod that names none runs as `default`.
    let account = pod.service_account.as_deref().unwrap_or("default");
    is_workload.then(|| spec.user == format!("system:serviceaccount:{namespace}:{account}"))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(limits::COMMAND) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::tests::{decision, wanted};

    #[test]
    fn what_runs_in_the_cluster_is_no_person() {
        let pod = PodOf { name: "p".into(), uid: "u".into(), service_account: Some("agent".into()) };
        for (user, group, expected) in [
            ("ann@corp.example", "dev", None),
            ("system:admin", "system:masters", None),
            ("system:serviceaccount:team-a:agent", "", Some(true)),
            ("system:serviceaccount:team-b:agent", "", Some(false)),
            ("system:serviceaccount:team-a:default", "", Some(false)),
            ("system:node:worker-1", "system:nodes", Some(false)),
            ("system:anonymous", "", Some(false)),
            ("ann", "system:serviceaccounts", Some(false)),
            ("ann", "system:serviceaccounts:team-a", Some(false)),
        ] {
            let spec = DecisionSpec { user: user.into(), groups: vec![group.into()], ..decision("h1").spec };
            assert_eq!(workload(&spec, "team-a", &pod), expected, "{user} {group}");
        }
        let nameless = PodOf { service_account: None, ..pod };
        let spec =
            DecisionSpec { user: "system:serviceaccount:team-a:default".into(), ..decision("h1").spec };
        assert_eq!(workload(&spec, "team-a", &nameless), Some(true));
    }

    #[test]
    fn a_decision_is_about_that_object_alone() {
        let (wanted, spec) = (wanted("h1"), decision("h1").spec);
        assert_eq!(fits(&spec, &wanted, Some("uid-of-h1")), Ok(()));
        let refused = |change: &dyn Fn(&mut DecisionSpec)| {
            let mut spec = spec.clone();
            change(&mut spec);
            fits(&spec, &wanted, Some("uid-of-h1")).map_err(|(answer, _)| answer)
        };
        assert_eq!(refused(&|spec| spec.hold_uid = "other".into()), Err(Answer::TooLate));
        assert_eq!(refused(&|spec| spec.node = "other".into()), Err(Answer::Invalid));
        assert_eq!(refused(&|spec| spec.verdict = Verdict::Thaw), Err(Answer::Invalid));
        assert_eq!(refused(&|spec| spec.user = String::new()), Err(Answer::Invalid));
        assert_eq!(refused(&|spec| spec.user = "a\nb".into()), Err(Answer::Invalid));
        assert_eq!(refused(&|spec| spec.groups = vec!["x".into(); 257]), Err(Answer::Invalid));
        assert_eq!(refused(&|spec| spec.evidence = String::new()), Err(Answer::Invalid));
        assert_eq!(fits(&spec, &wanted, None).map_err(|(answer, _)| answer), Err(Answer::TooLate));
    }
}
