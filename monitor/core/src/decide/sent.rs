//! What became of connections that were held and let go on. Each has its record before (an approval, a release); here stand the ones after
//! it: `commit` when the first of its data has left, then `close`, or `lapse` where nothing of it ever did.

use serde_json::{Value, json};

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report, Waiter},
    input::Waiting,
};
use crate::{
    facts::SessionId,
    holds::{
        Object,
        let_go::{End, LetGo, Progress},
        target,
    },
    record::{Entry, Kind, Who},
};

/// What lets a held waiter go on.
pub(super) struct Yes<'a> {
    pub object: &'a Object,
    /// The hold that a person approved.
    pub hold: Option<String>,
    /// What said so before it was asked.
    pub grant: Option<&'a str>,
}

impl Decider {
    /// Lets a waiter go on that a rule held. A connection is followed from now on, before its data can leave.
    pub(super) fn let_on(&mut self, step: &mut Step<'_>, waiter: Waiter, yes: Yes<'_>) {
        if let (Waiting::Flow(held), Object::Connection(destination)) = (waiter.what, yes.object) {
            self.end_unseen(step, held.cookie, End::AskedAgain);
            let flow = LetGo {
                cookie: held.cookie,
                session: waiter.session.0,
                pid: held.opener_or(waiter.pid),
                destination: destination.clone(),
                hold: yes.hold,
                grant: yes.grant.map(str::to_owned),
                since: step.now,
                bytes: 0,
            };
            if self.follow(step, flow) {
                step.push(Effect::Count(held));
                step.push(Effect::Save);
            }
        }
        self.allow(step, waiter);
    }

    /// Whether there is room; else its end is unknown, and told at once.
    fn follow(&mut self, step: &mut Step<'_>, flow: LetGo) -> bool {
        let Some(flow) = self.holds.let_go.follow(flow) else { return true };
        let end = End::Unknown("more connections are followed than there is room for");
        ended(step, &flow, false, &end);
        step.push(Effect::CountNoMore { cookie: flow.cookie }); // else the next daemon finds it, and tells it again
        false
    }

    /// The kernel was asked how one of them stands.
    pub(super) fn sent(&mut self, step: &mut Step<'_>, cookie: u64, progress: Progress) {
        let Some(flow) = self.holds.let_go.get_mut(cookie) else { return };
        if flow.bytes == 0 && progress.bytes > 0 {
            begun(step, flow, progress.bytes);
        }
        flow.bytes = flow.bytes.max(progress.bytes);
        if let Some(end) = progress.end {
            self.end_let_go(step, cookie, progress.at_least, &end);
        }
    }

    /// What it sends from now on is no matter of that yes any more.
    pub(super) fn end_unseen(&mut self, step: &mut Step<'_>, cookie: u64, end: End) {
        self.end_let_go(step, cookie, false, &end);
    }

    fn end_let_go(&mut self, step: &mut Step<'_>, cookie: u64, at_least: bool, end: &End) {
        let Some(flow) = self.holds.let_go.take(cookie) else { return };
        ended(step, &flow, at_least, end);
        step.push(Effect::CountNoMore { cookie });
        step.push(Effect::Save);
    }

    /// The daemon ends, and its kernel programs with it.
    pub(super) fn follow_nothing(&mut self, step: &mut Step<'_>) {
        let cookies: Vec<u64> = self.holds.let_go.iter().map(|flow| flow.cookie).collect();
        for cookie in cookies {
            self.end_unseen(step, cookie, End::Unknown("the daemon ended, and its kernel programs with it"));
        }
    }

    /// What an earlier daemon let go on, or the kernel still counts.
    pub(super) fn restore_let_go(&mut self, step: &mut Step<'_>, flows: Vec<LetGo>) {
        for flow in flows {
            self.follow(step, flow);
        }
        step.push(Effect::Save);
    }
}

fn begun(step: &mut Step<'_>, flow: &LetGo, bytes: u64) {
    let mut entry = about(flow, Kind::Commit);
    entry.detail.insert("bytes".to_owned(), bytes.into());
    step.record(entry);
    tell(step, "flow-sent", flow, vec![("source.bytes", json!(bytes))]);
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
