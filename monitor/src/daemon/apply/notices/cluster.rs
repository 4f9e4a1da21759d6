//! What the cluster is told of holds and freezes in its pods.

use std::time::Duration;

use interlock_kubernetes::holds::{
    board::Wanted,
    hold::{self, HoldSpec, HoldStatus, HoldType, PodOf, State},
    limits,
};
use jiff::Timestamp;

use crate::{
    cluster_holds::Told,
    daemon::{apply::stopping::freeze_evidence, context::reporter::Reporter},
    notifier::cut,
};
use interlock_core::{
    decide::Decider,
    facts::{BootNanos, HoldState, InPod, Pod, SessionId},
    holds::{Hold, evidence::Evidence},
    mask,
    plain::plain,
    sessions::{Registry, Session},
    words::Word as _,
};
use interlock_host::clock::{Wall, whole_seconds};

/// How long the cluster may take to say which pods there are, before what is left of an earlier daemon goes.
const ATTRIBUTION: Duration = Duration::from_secs(60);

/// Everything that waits or stands now, as it is: also what has changed since it was told, and whose pod has become known since.
pub fn follow(reporter: &Reporter, decider: &Decider) {
    let Some(told) = reporter.channels.cluster.told() else { return };
    for hold in decider.holds().waiting() {
        tell_hold(reporter, &decider.sessions, hold);
    }
    if is_known(told, decider) {
        told.board.set_complete();
    }
    for session in decider.sessions.iter().filter(|session| session.is_frozen()) {
        if let Some(wanted) = frozen(told, &reporter.wall, session) {
            told.board.put(wanted);
        }
    }
    for before in told.board.waiting(HoldType::Freeze) {
        let now = decider.sessions.find(&before.spec.id).and_then(|id| decider.sessions.get(id));
        let stands = now.filter(|session| session.is_frozen());
        if stands.is_none_or(|session| freeze_evidence(session) != before.spec.evidence_sha256) {
            let state = if now.is_some() { State::Thawed } else { State::Gone };
            told.board.update(&before.name, |status| {
                (status.state, status.decided_at) = (state, Some(whole_seconds(Timestamp::now())));
            });
        }
    }
}

/// Whether the cluster has said of everything that waits whose pod it is, or was given time to.
fn is_known(told: &Told, decider: &Decider) -> bool {
    let is_unknown = |session: &&Session| session.in_pod() == InPod::Unknown;
    told.started.elapsed() >= ATTRIBUTION || decider.sessions.iter().find(is_unknown).is_none()
}

/// A hold that waits.
pub fn tell_hold(reporter: &Reporter, sessions: &Registry, hold: &Hold) {
    let Some(told) = reporter.channels.cluster.told() else { return };
    // One of the node itself, or of a pod that the cluster has not told of yet.
    let session = sessions.get(SessionId(hold.session));
    let Some((session, pod)) = session.and_then(|session| Some((session, session.pod.as_deref()?))) else {
        return;
    };
    let (evidence, name, approvals) = (Evidence::of(hold), name(told, hold), hold.given().count());
    // Everything else that is shown is in the evidence.
    let is_shown = |wanted: &Wanted| {
        wanted.spec.evidence_sha256 == evidence.whole()
            && wanted.status.approved_by.len() == approvals.min(limits::LIST)
            && wanted.spec.owner == owner(pod)
    };
    if told.board.shows(&name, is_shown) {
        return;
    }
    let others = hold.company.lines();
    let spec = HoldSpec {
        node: told.node.clone(),
        kind: HoldType::Hold,
        id: hold.id(),
        pod: pod_of(pod),
        session: session.id.to_string(),
        agent: text(&hold.agent, limits::TEXT),
        owner: owner(pod),
        user: hold.owner,
        process: text(&format!("{} {}", hold.pid, hold.command), limits::COMMAND),
        others_more: u32::try_from(others.len().saturating_sub(limits::LIST)).unwrap_or(u32::MAX),
        others: list(&others),
        destination: text(&hold.target(), limits::TEXT),
        rule: text(&hold.rule, limits::TEXT),
        summary: text(&hold.summary, limits::TEXT),
        severity: hold.severity.word().to_owned(),
        because: list(&hold.because),
        since: whole_seconds(reporter.wall.at(hold.since)),
        evidence: evidence.token().to_owned(),
        evidence_sha256: evidence.whole().to_owned(),
        terms: hold.terms.sentence().map(|terms| text(&terms, limits::TEXT)),
        deadline: hold.deadline.map(|deadline| whole_seconds(reporter.wall.at(deadline))),
        in_silence: hold.deadline.map(|_| hold.then.word().to_owned()),
    };
    let approved_by: Vec<String> = hold.given().map(|given| given.by.clone()).collect();
    let status = HoldStatus { approved_by: list(&approved_by), ..HoldStatus::default() };
    told.board.put(Wanted { namespace: pod.namespace.clone(), name, spec, status });
}

/// A hold is over, by whomever.
pub fn tell_decided(reporter: &Reporter, hold: &Hold, at: BootNanos) {
    let Some(told) = reporter.channels.cluster.told() else { return };
    let state = match hold.state {
        HoldState::Waiting => State::Waiting,
        HoldState::Approved => State::Approved,
        HoldState::Denied => State::Denied,
        HoldState::Expired => State::Expired,
        HoldState::Gone => State::Gone,
    };
    told.board.update(&name(told, hold), |status| {
        status.state = state;
        status.decided_by = hold.decided_by.as_deref().map(|by| text(by, limits::TEXT));
        status.decided_at = state.is_over().then(|| whole_seconds(reporter.wall.at(at)));
        status.reason = hold.reason.as_deref().map(|reason| text(reason, limits::REASON));
    });
}

fn frozen(told: &Told, wall: &Wall, session: &Session) -> Option<Wanted> {
    let (pod, since) = (session.pod.as_deref()?, session.frozen_at());
    let (evidence, id) = (freeze_evidence(session), session.id.to_string());
    let spec = HoldSpec {
        node: told.node.clone(),
        kind: HoldType::Freeze,
        id: id.clone(),
        pod: pod_of(pod),
        session: id.clone(),
        agent: text(&session.agent, limits::TEXT),
        owner: owner(pod),
        user: Some(session.user),
        process: text(&format!("{} {}", session.id.root(), session.command), limits::COMMAND),
        destination: "all of its processes are stopped".to_owned(),
        summary: "the session is frozen: nothing of it runs until an admin thaws it".to_owned(),
        severity: "critical".to_owned(),
        because: list(&session.touched()),
        since: whole_seconds(wall.at(since)),
        evidence: evidence.get(..16).unwrap_or_default().to_owned(),
        evidence_sha256: evidence,
        ..HoldSpec::default()
    };
    let name = hold::name(&told.node, &id, since.0);
    Some(Wanted { namespace: pod.namespace.clone(), name, spec, status: HoldStatus::default() })
}

fn name(told: &Told, hold: &Hold) -> String {
    hold::name(&told.node, &hold.id(), hold.since.0)
}

fn pod_of(pod: &Pod) -> PodOf {
    PodOf { name: pod.name.clone(), uid: pod.uid.clone(), service_account: pod.service_account.clone() }
}

fn owner(pod: &Pod) -> Option<String> {
    pod.owner.as_ref().map(|owner| text(&owner.name, limits::TEXT))
}

/// The first ones.
fn list(texts: &[String]) -> Vec<String> {
    texts.iter().take(limits::LIST).map(|line| text(line, limits::TEXT)).collect()
}

/// Without credentials, plain and bounded: agents choose it, and screens show it.
fn text(text: &str, most: usize) -> String {
    cut(&plain(&mask::text(text)), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_masked_and_bounded() {
        let token = format!("curl -H 'Authorization: Bearer {}'", "x".repeat(40));
        assert!(!text(&token, 300).contains("xxxx"), "{}", text(&token, 300));
        assert_eq!(text(&"ä".repeat(400), 300).chars().count(), 300);
        assert_eq!(text("a\u{1b}[2J", 300), plain("a\u{1b}[2J"));
    }
}
