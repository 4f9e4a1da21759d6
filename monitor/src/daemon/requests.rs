//! Requests from the control socket, each checked for who asks.

use std::time::Duration;

use monitor_common::policy::SUBJECT_CONNECT;
use serde_json::json;

use super::{beginning::Newcomer, engine::Engine, reload::Reason};
use crate::{
    control::{
        api::{Approval, Enroll, HoldView, Refusal, SessionView},
        command::{Command, No, Reply, Request},
        peer::Caller,
    },
    ledger::record::{Kind as LedgerKind, Who},
};
use interlock_core::{
    catalog::agents::COMMAND,
    explanation::Explanation,
    facts::{HoldState, SessionId},
    holds::{Hold, Holds, Undecidable},
};
use interlock_host::{clock::boot_now, enforcement::freeze, proc::procfs};

/// Longest time an approval may reach.
const GRANT_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long an approved handshake speaks for the data that follows it.
const HANDSHAKE_REACH: Duration = Duration::from_secs(60);

/// What is explained.
const EXPLAINED: &str = "the last holds and events of this daemon are explained: see `interlock events`, `interlock \
    holds --all`";

impl Engine {
    pub fn answer(&mut self, command: Command) {
        // The agent runs as the same user as the person: its processes are told apart by their lineage.
        let permitted = self.permit(&command.caller);
        let command = match permitted {
            Ok(()) => self.look_where_it_was_typed(command),
            Err(_) => Some(command),
        };
        let Some(Command { caller, request, typed }) = command else { return }; // comes again, looked at
        let permitted = permitted.and_then(|()| self.refuse_what_may_be_typed(&caller, typed.as_ref()));
        macro_rules! reply {
            ($reply:expr, $answer:expr) => {{
                let answer = permitted.and_then(|()| $answer);
                self.write_down(); // what was answered outlives a daemon that is killed now
                send($reply, answer)
            }};
        }
        match request {
            Request::Status(reply) => reply!(reply, Ok(self.status())),
            Request::Sessions(reply) => reply!(reply, Ok(self.visible_sessions(&caller))),
            Request::Enroll(enroll, reply) => reply!(reply, self.enroll(&caller, enroll)),
            Request::Freeze(id, reply) => reply!(reply, self.freeze_by(&caller, &id)),
            Request::Thaw(id, reply) => reply!(reply, self.thaw_by(&caller, &id)),
            Request::Holds { all, reply } => reply!(reply, Ok(self.show_holds(&caller, all))),
            Request::Approve(id, approval, reply) => reply!(reply, self.approve(&caller, &id, &approval)),
            Request::Deny(id, reply) => reply!(reply, self.deny(&caller, &id)),
            Request::Explain(id, reply) => reply!(reply, self.explain(&caller, &id)),
            Request::Reload(reply) => match permitted.and_then(|()| root_only(&caller, "reload the rules")) {
                Ok(()) => self.reload(Reason::Asked(reply)), // answered when the files were read
                Err(no) => send(reply, Err(no)),
            },
            Request::Doctor(reply) => reply!(reply, Ok(self.doctor())),
            Request::Watch(reply) => reply!(reply, root_only(&caller, "follow the events of every session")),
        }
    }

    fn permit(&mut self, caller: &Caller) -> Result<(), No> {
        if let Some(label) = self.uplink.label(caller.pid) {
            return Err(self.refuse_labelled(SessionId(label.session), caller.pid));
        }
        // Only now: that it lives says that the missing label was its own. Fails closed: unknown is not permitted.
        if caller.process.as_ref().is_some_and(|process| !process.is_alive()) {
            return Err(not_permitted(
                "the calling process has ended or is ending, so nobody knows who asks",
            ));
        }
        Ok(())
    }

    /// Everybody sees their own sessions, and those that they may decide about.
    fn sees(&self, caller: &Caller, owner: u32) -> bool {
        caller.uid == owner || self.config.approvers.permit(caller.uid, owner)
    }

    pub fn is_visible(&self, caller: &Caller, id: SessionId) -> bool {
        self.sees(caller, self.owner(id))
    }

    fn visible_sessions(&self, caller: &Caller) -> Vec<SessionView> {
        let ids = self.registry.ids();
        let sessions = ids.iter().filter_map(|id| self.registry.get(*id));
        sessions
            .filter(|session| self.sees(caller, session.user))
            .map(|session| self.session_view(session))
            .collect()
    }

    fn visible_holds(&self, caller: &Caller, all: bool) -> Vec<HoldView> {
        let decided = self.holds.decided().filter(|_| all);
        let holds = decided.chain(self.holds.waiting());
        holds
            .filter(|hold| self.sees(caller, self.owner(SessionId(hold.session))))
            .map(|hold| self.hold_view(hold))
            .collect()
    }

    /// Those that the caller sees, who has then seen who waits under each.
    fn show_holds(&mut self, caller: &Caller, all: bool) -> Vec<HoldView> {
        let holds = self.visible_holds(caller, all);
        for number in holds.iter().filter_map(|hold| Holds::number(&hold.id)) {
            self.holds.show(number);
        }
        holds
    }

    pub fn owner(&self, id: SessionId) -> u32 {
        self.registry.get(id).map_or(0, |session| session.user) // nobody's: root's
    }

    fn enroll(&mut self, caller: &Caller, enroll: Enroll) -> Result<SessionView, No> {
        let Some(running) = procfs::read(caller.pid) else {
            return Err(No::Conflict(refusal("the calling process has ended")));
        };
        let command = (!enroll.command.is_empty()).then(|| enroll.command.join(" "));
        let newcomer =
            Newcomer { agent: COMMAND.into(), recognised_by: "run".into(), command, executed: None };
        let id = self
            .begin_session(running, newcomer)
            .map_err(|why| No::Conflict(refusal(&format!("no session can begin: {why}"))))?;
        let Some(view) = self.registry.get(id).map(|session| self.session_view(session)) else {
            return Err(No::Conflict(refusal("the calling process has ended")));
        };
        self.record(LedgerKind::Enroll, who(caller), Some(id), [("command", view.command.clone().into())]);
        Ok(view)
    }

    fn freeze_by(&mut self, caller: &Caller, text: &str) -> Result<SessionView, No> {
        let id = self.session_for(caller, text)?;
        if let Some(session) = self.registry.get_mut(id) {
            session.breaker.on_person_freeze();
        }
        self.freeze_session(id, who(caller), "a person asked", boot_now());
        self.view_of(caller, id)
    }

    fn thaw_by(&mut self, caller: &Caller, text: &str) -> Result<SessionView, No> {
        let id = self.session_for(caller, text)?;
        let Some(session) = self.registry.get_mut(id) else { return Err(self.no_session(caller, text)) };
        if !session.frozen {
            return Err(No::Conflict(refusal(&format!("session {id} is not frozen"))));
        }
        let stood = session.thaw();
        session.breaker.on_thaw(boot_now());
        self.save();
        self.record(LedgerKind::Thaw, who(caller), Some(id), []);
        let outcome = freeze::thaw(&mut self.uplink, &mut self.freezer, id, &stood);
        let event = self
            .event("session-thawed", boot_now(), id)
            .with("freeze.processes", outcome.members)
            .with("freeze.still_stopped", json!(outcome.running))
            .with("user.id", caller.uid);
        self.publish(event);
        self.view_of(caller, id)
    }

    fn approve(&mut self, caller: &Caller, text: &str, approval: &Approval) -> Result<HoldView, No> {
        let hold = self.hold_for(caller, text)?;
        let id = SessionId(hold.session);
        if self.registry.get(id).is_some_and(|session| session.frozen) {
            return Err(No::Conflict(Refusal {
                error: format!("session {id} is frozen"),
                hint: Some(format!("interlock thaw {id}")),
            }));
        }
        let unseen = hold.company.unseen();
        if !unseen.is_empty() {
            // The refusal shows them.
            self.holds.show(hold.number);
            return Err(No::Conflict(Refusal {
                error: format!("more waits under {} than you were shown: {}", hold.id(), unseen.join("; ")),
                hint: Some(format!("interlock explain {0}, then interlock approve {0}", hold.id())),
            }));
        }
        let reach = approval.for_seconds.map(Duration::from_secs);
        if reach.is_some_and(|reach| reach > GRANT_MAX) {
            return Err(No::Invalid(refusal("an approval reaches at most 24 h")));
        }
        let by = format!("uid {}", caller.uid);
        let detail = [
            ("hold", hold.id().into()),
            ("destination", hold.target().into()),
            ("for_seconds", json!(approval.for_seconds)),
        ];
        // Fails closed: what cannot be proved afterwards is not let through.
        if !self.record(LedgerKind::Approve, who(caller), Some(id), detail) {
            return Err(No::Conflict(refusal(
                "the ledger cannot be written, so nothing is approved; see the daemon's log",
            )));
        }
        let hold = self.decide(hold.number, HoldState::Approved, &by)?;
        if let Some(session) = self.registry.get_mut(id) {
            session.memory.forgive(hold.points, boot_now());
        }
        self.expect_relays(&hold, boot_now(), &by);
        self.release_hold(&hold);
        // The connection asks again with its first data: who approved its handshake has approved that.
        let begins = hold.callers.iter().any(|caller| caller.subject == SUBJECT_CONNECT);
        if let Some(reach) = reach.or(begins.then_some(HANDSHAKE_REACH)) {
            self.holds.grant(&hold, boot_now().plus(reach), by.clone());
        }
        let event = self
            .event("flow-released", boot_now(), id)
            .with("hold.id", hold.id())
            .with("hold.decided_by", by)
            .with("rule.id", vec![hold.rule.clone()])
            .object(&hold.object);
        self.publish(event);
        Ok(self.hold_view(&hold))
    }

    fn deny(&mut self, caller: &Caller, text: &str) -> Result<HoldView, No> {
        let hold = self.hold_for(caller, text)?;
        let by = format!("uid {}", caller.uid);
        let hold = self.decide(hold.number, HoldState::Denied, &by)?;
        if let Some(session) = self.registry.get_mut(SessionId(hold.session)) {
            session.breaker.on_denied(boot_now());
        }
        self.finish_hold(&hold, LedgerKind::Deny, who(caller), "flow-denied");
        Ok(self.hold_view(&hold))
    }

    fn decide(&mut self, number: u64, state: HoldState, by: &str) -> Result<Hold, No> {
        let hold =
            self.holds.decide(number, state, Some(by.to_owned())).map_err(|why| undecidable(number, &why))?;
        let waited = boot_now().since(hold.since);
        self.metrics.hold_waited(waited);
        Ok(hold)
    }

    /// A waiting hold that the caller may decide.
    fn hold_for(&self, caller: &Caller, text: &str) -> Result<Hold, No> {
        let known = Holds::number(text).and_then(|number| self.holds.get(number));
        let Some(hold) = known.filter(|hold| self.sees(caller, self.owner(SessionId(hold.session)))) else {
            let waiting: Vec<String> =
                self.visible_holds(caller, false).into_iter().map(|hold| hold.id).collect();
            return Err(No::NotFound(Refusal {
                error: format!("there is no hold {text:?}"),
                hint: Some(one_of("waiting", &waiting)),
            }));
        };
        self.may_decide(caller, SessionId(hold.session))?;
        if hold.state != HoldState::Waiting {
            return Err(undecidable(hold.number, &Undecidable::Already(hold.state)));
        }
        Ok(hold.clone())
    }

    fn session_for(&self, caller: &Caller, text: &str) -> Result<SessionId, No> {
        let known = self.registry.find(text).filter(|id| self.sees(caller, self.owner(*id)));
        let id = known.ok_or_else(|| self.no_session(caller, text))?;
        self.may_decide(caller, id)?;
        Ok(id)
    }

    fn may_decide(&self, caller: &Caller, id: SessionId) -> Result<(), No> {
        if self.config.approvers.permit(caller.uid, self.owner(id)) {
            return Ok(());
        }
        Err(No::NotPermitted(Refusal {
            error: format!("user {} may not decide about session {id}", caller.uid),
            hint: Some("the key `approvers` of the configuration says who may".into()),
        }))
    }

    fn no_session(&self, caller: &Caller, text: &str) -> No {
        let known: Vec<String> =
            self.visible_sessions(caller).into_iter().map(|session| session.id).collect();
        No::NotFound(Refusal {
            error: format!("there is no session {text:?}"),
            hint: Some(one_of("running", &known)),
        })
    }

    fn view_of(&self, caller: &Caller, id: SessionId) -> Result<SessionView, No> {
        let session = self.registry.get(id).ok_or_else(|| self.no_session(caller, &id.to_string()))?;
        Ok(self.session_view(session))
    }

    fn explain(&mut self, caller: &Caller, text: &str) -> Result<Explanation, No> {
        let known = self.told(text).filter(|(owner, _)| self.sees(caller, *owner));
        let mut explanation = known.map(|(_, explanation)| explanation).ok_or_else(|| {
            No::NotFound(Refusal {
                error: format!("nothing is known about {text:?}"),
                hint: Some(EXPLAINED.into()),
            })
        })?;
        if let Some(hold) = Holds::number(text).and_then(|number| self.holds.get(number)) {
            let number = hold.number;
            let others = hold.company.lines().into_iter().map(|other| format!("also waits: {other}"));
            explanation.object.extend(others);
            self.holds.show(number);
        }
        Ok(explanation)
    }
}

fn send<T>(reply: Reply<T>, answer: Result<T, No>) {
    let _ = reply.send(answer); // the caller hung up
}

fn root_only(caller: &Caller, what: &str) -> Result<(), No> {
    if caller.uid == 0 { Ok(()) } else { Err(not_permitted(&format!("only root may {what}"))) }
}

fn who(caller: &Caller) -> Who {
    Who::Caller { uid: caller.uid, pid: caller.pid }
}

fn refusal(error: &str) -> Refusal {
    Refusal { error: error.to_owned(), hint: None }
}

fn not_permitted(error: &str) -> No {
    No::NotPermitted(refusal(error))
}

fn undecidable(number: u64, why: &Undecidable) -> No {
    match why {
        Undecidable::Unknown => No::NotFound(refusal(&format!("there is no hold h{number}"))),
        Undecidable::Already(state) => No::Conflict(refusal(&format!(
            "h{number} was decided before: {}",
            json!(state).as_str().unwrap_or("?")
        ))),
    }
}

fn one_of(what: &str, ids: &[String]) -> String {
    if ids.is_empty() { format!("nothing is {what}") } else { format!("{what}: {}", ids.join(", ")) }
}
