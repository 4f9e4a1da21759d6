//! What became of connections that were held and let go on. Each has its record before (an approval, a release); here stand the ones after
//! it: `commit` when the first of its data has left, then `close`, or `lapse` where nothing of it ever did.

use serde_json::{Value, json};

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report, Waiter},
    input::Waiting,
    release::waiters,
};
use crate::{
    facts::SessionId,
    holds::{
        FlowKey, HeldFlow, Hold, Object,
        let_go::{End, LetGo, Progress},
        target,
    },
    record::{Entry, Kind, Who},
};

/// What lets a held waiter go on.
#[derive(Clone)]
pub(super) struct Yes<'a> {
    pub object: &'a Object,
    /// The hold that a person approved.
    pub hold: Option<String>,
    /// What said so before it was asked.
    pub grant: Option<&'a str>,
}

impl Decider {
    /// Lets everything of a hold go on that waits. What is gone of it does not, which is told: its socket may have another connection, to
    /// which another yes may have been said.
    pub(super) fn let_all_on(&mut self, step: &mut Step<'_>, hold: &Hold, grant: Option<&str>) {
        let yes = Yes { object: &hold.object, hold: Some(hold.id()), grant };
        for held in hold.flows.iter().filter(|held| held.gone) {
            if let Some(flow) = let_go(step, hold.session, hold.pid, held, &yes) {
                ended(step, &flow, false, &End::Gone);
            }
        }
        for waiter in waiters(hold) {
            self.let_on(step, waiter, yes.clone());
        }
    }

    /// Lets a waiter go on that a rule held. A connection is followed from now on, before its data can leave.
    pub(super) fn let_on(&mut self, step: &mut Step<'_>, waiter: Waiter, yes: Yes<'_>) {
        if let Waiting::Flow(held) = waiter.what
            && let Some(flow) = let_go(step, waiter.session.0, waiter.pid, &held, &yes)
        {
            self.end_unseen(step, &flow.key, End::AskedAgain);
            if self.follow(step, &flow) {
                step.push(Effect::Count(held));
                step.push(Effect::Save);
            }
        }
        self.allow(step, waiter);
    }

    /// Whether there is room; else its end is unknown, and told at once.
    fn follow(&mut self, step: &mut Step<'_>, flow: &LetGo) -> bool {
        let Err(why) = self.holds.let_go.follow(flow) else { return true };
        ended(step, flow, false, &End::Unknown(why));
        step.push(Effect::CountNoMore(flow.key)); // else the next daemon finds it, and tells it again
        false
    }

    /// The kernel was asked how one of them stands.
    pub(super) fn sent(&mut self, step: &mut Step<'_>, key: &FlowKey, progress: Progress) {
        let Some(flow) = self.holds.let_go.get_mut(key) else { return };
        flow.bytes = flow.bytes.max(progress.bytes);
        if flow.committed == 0 && flow.bytes > 0 {
            flow.committed = flow.bytes;
            begun(step, flow);
        }
        if let Some(end) = progress.end {
            self.end_let_go(step, key, progress.at_least, &end);
        }
    }

    /// What it sends from now on is no matter of that yes any more.
    pub(super) fn end_unseen(&mut self, step: &mut Step<'_>, key: &FlowKey, end: End) {
        self.end_let_go(step, key, false, &end);
    }

    /// A socket has another connection; `let_on`: a yes was said to it before anybody knew that there is one.
    pub(super) fn reconnected(&mut self, step: &mut Step<'_>, cookie: u64, let_on: Option<FlowKey>) {
        for key in self.holds.let_go.of_socket(cookie) {
            if Some(key) != let_on {
                self.end_unseen(step, &key, End::Reconnected);
            }
        }
        self.holds.reconnected(cookie);
    }

    fn end_let_go(&mut self, step: &mut Step<'_>, key: &FlowKey, at_least: bool, end: &End) {
        let Some(flow) = self.holds.let_go.take(key) else { return };
        ended(step, &flow, at_least, end);
        step.push(Effect::CountNoMore(*key));
        step.push(Effect::Save);
    }

    /// The daemon ends, and its kernel programs with it.
    pub(super) fn follow_nothing(&mut self, step: &mut Step<'_>) {
        let followed: Vec<FlowKey> = self.holds.let_go.iter().map(|flow| flow.key).collect();
        for key in followed {
            self.end_unseen(step, &key, End::Unknown("the daemon ended, and its kernel programs with it"));
        }
    }

    /// What an earlier daemon let go on, or the kernel still counts.
    pub(super) fn restore_let_go(&mut self, step: &mut Step<'_>, flows: Vec<LetGo>) {
        for flow in flows {
            self.follow(step, &LetGo { bytes: flow.committed, ..flow });
        }
        step.push(Effect::Save);
    }
}

/// A connection that a yes lets go on; `None` for what is none.
fn let_go(step: &Step<'_>, session: u64, asks: u32, held: &HeldFlow, yes: &Yes<'_>) -> Option<LetGo> {
    let Object::Connection(destination) = yes.object else { return None };
    Some(LetGo {
        key: held.key(),
        session,
        pid: held.opener_or(asks),
        destination: destination.clone(),
        hold: yes.hold.clone(),
        grant: yes.grant.map(str::to_owned),
        since: step.now,
        committed: 0,
        bytes: 0,
    })
}

fn begun(step: &mut Step<'_>, flow: &LetGo) {
    let mut entry = about(flow, Kind::Commit);
    entry.detail.insert("bytes".to_owned(), flow.committed.into());
    step.record(entry);
    tell(step, "flow-sent", flow, vec![("source.bytes", json!(flow.committed))]);
    step.push(Effect::Save); // the next daemon does not tell it again
}

/// Nothing left: that is known, or it is not said.
fn ended(step: &mut Step<'_>, flow: &LetGo, at_least: bool, end: &End) {
    let at_least = at_least || matches!(end, End::Unknown(_));
    let lapsed = flow.bytes == 0 && !at_least;
    let mut entry = about(flow, if lapsed { Kind::Lapse } else { Kind::Close });
    let mut say = |name: &str, value: Value| entry.detail.insert(name.to_owned(), value);
    say("ended", end.word().into());
    if !lapsed {
        say("bytes", flow.bytes.into());
    }
    if at_least {
        say("at_least", true.into());
    }
    let mut extra = vec![("source.bytes", json!(flow.bytes)), ("flow.ended", json!(end.word()))];
    if let End::Unknown(why) = end {
        say("why", (*why).into());
        extra.push(("reason", json!(why)));
    }
    step.record(entry);
    tell(step, if lapsed { "flow-lapsed" } else { "flow-ended" }, flow, extra);
}

fn about(flow: &LetGo, kind: Kind) -> Entry {
    let what = format!("send to {}", target(&flow.destination));
    let detail = [("pid", flow.pid.into()), ("object", what.into())];
    let mut entry = Entry::noted(kind, Who::Kernel, SessionId(flow.session), detail);
    let by = [("hold", &flow.hold), ("grant", &flow.grant)];
    let by = by.into_iter().filter_map(|(name, by)| Some((name.to_owned(), by.clone()?.into())));
    entry.detail.extend(by);
    entry
}

fn tell(step: &mut Step<'_>, name: &'static str, flow: &LetGo, extra: Vec<(&'static str, Value)>) {
    step.report(Report::LetGo { name, at: step.now, flow: Box::new(flow.clone()), extra });
}
