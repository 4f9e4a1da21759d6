//! Requests from the control socket, each checked for who asks.

use std::time::Duration;

use serde_json::json;

use super::{beginning::NewSession, engine::Engine, reload::Reason};
use crate::control::{
    api::{self, Enroll, HoldView, Refusal, SessionView},
    command::{Command, Reply, Request, RequestError},
    peer::Caller,
};
use interlock_core::record::{Kind, Who};
use interlock_core::{
    catalog::agents::COMMAND,
    decide::{Approval, Input, Objection},
    explanation::Explanation,
    facts::{HoldState, SessionId},
    holds::{Hold, Holds, Undecidable},
    sessions::Session,
};
use interlock_host::proc::procfs;

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

    fn permit(&mut self, caller: &Caller) -> Result<(), RequestError> {
        if let Some(label) = self.maps.label(caller.pid) {
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
        let ids = self.decider.sessions.ids();
        let sessions = ids.iter().filter_map(|id| self.decider.sessions.get(*id));
        sessions
            .filter(|session| self.sees(caller, session.user))
            .map(|session| self.session_view(session))
            .collect()
    }

    fn visible_holds(&self, caller: &Caller, all: bool) -> Vec<HoldView> {
        let decided = self.decider.holds().decided().filter(|_| all);
        let holds = decided.chain(self.decider.holds().waiting());
        holds
            .filter(|hold| self.sees(caller, self.owner(SessionId(hold.session))))
            .map(|hold| self.hold_view(hold))
            .collect()
    }

    /// Those that the caller sees, who has then seen who waits under each.
    fn show_holds(&mut self, caller: &Caller, all: bool) -> Vec<HoldView> {
        let holds = self.visible_holds(caller, all);
        for hold in holds.iter().filter_map(|hold| Holds::number(&hold.id)) {
            self.step(Input::Shown { hold });
        }
        holds
    }

    pub fn owner(&self, id: SessionId) -> u32 {
        self.decider.sessions.get(id).map_or(0, |session| session.user) // nobody's: root's
    }

    fn enroll(&mut self, caller: &Caller, enroll: Enroll) -> Result<SessionView, RequestError> {
        let Some(running) = procfs::read(caller.pid) else {
            return Err(RequestError::Conflict(refusal("the calling process has ended")));
        };
        let command = (!enroll.command.is_empty()).then(|| enroll.command.join(" "));
        let new_session =
            NewSession { agent: COMMAND.into(), recognised_by: "run".into(), command, executed: None };
        let id = self
            .begin_session(running, new_session)
            .map_err(|why| RequestError::Conflict(refusal(&format!("no session can begin: {why}"))))?;
        let Some(view) = self.decider.sessions.get(id).map(|session| self.session_view(session)) else {
            return Err(RequestError::Conflict(refusal("the calling process has ended")));
        };
        self.record(Kind::Enroll, who(caller), Some(id), [("command", view.command.clone().into())]);
        Ok(view)
    }

    fn freeze_by(&mut self, caller: &Caller, text: &str) -> Result<SessionView, RequestError> {
        let id = self.session_for(caller, text)?;
        self.step(Input::FreezeAsked { session: id, who: who(caller) });
        self.view_of(caller, id)
    }

    fn thaw_by(&mut self, caller: &Caller, text: &str) -> Result<SessionView, RequestError> {
        let id = self.session_for(caller, text)?;
        if !self.decider.sessions.get(id).is_some_and(Session::is_frozen) {
            return Err(RequestError::Conflict(refusal(&format!("session {id} is not frozen"))));
        }
        self.step(Input::Thawed { session: id, who: who(caller) });
        self.view_of(caller, id)
    }

    fn approve(
        &mut self,
        caller: &Caller,
        text: &str,
        approval: &api::Approval,
    ) -> Result<HoldView, RequestError> {
        let hold = self.hold_for(caller, text)?;
        let reach = approval.for_seconds.map(Duration::from_secs);
        if let Err(objection) = self.decider.may_approve(hold.number, reach) {
            // The refusal shows them.
            self.step(Input::Shown { hold: hold.number });
            return Err(objected(&hold, &objection));
        }
        let detail = [
            ("hold", hold.id().into()),
            ("destination", hold.target().into()),
            ("for_seconds", json!(approval.for_seconds)),
        ];
        // Fails closed: what cannot be proved afterwards is not let through.
        if !self.record(Kind::Approve, who(caller), Some(SessionId(hold.session)), detail) {
            return Err(RequestError::Conflict(refusal(
                "the ledger cannot be written, so nothing is approved; see the daemon's log",
            )));
        }
        self.step(Input::Approved(Approval { hold: hold.number, who: who(caller), reach }));
        self.decided(hold.number)
    }

    fn deny(&mut self, caller: &Caller, text: &str) -> Result<HoldView, RequestError> {
        let hold = self.hold_for(caller, text)?;
        self.step(Input::Denied { hold: hold.number, who: who(caller) });
        self.decided(hold.number)
    }

    /// A hold after its decision.
    fn decided(&self, number: u64) -> Result<HoldView, RequestError> {
        let hold = self.decider.holds().get(number);
        hold.map(|hold| self.hold_view(hold)).ok_or_else(|| undecidable(number, &Undecidable::Unknown))
    }

    /// A waiting hold that the caller may decide.
    fn hold_for(&self, caller: &Caller, text: &str) -> Result<Hold, RequestError> {
        let known = Holds::number(text).and_then(|number| self.decider.holds().get(number));
        let Some(hold) = known.filter(|hold| self.sees(caller, self.owner(SessionId(hold.session)))) else {
            let waiting: Vec<String> =
                self.visible_holds(caller, false).into_iter().map(|hold| hold.id).collect();
            return Err(RequestError::NotFound(Refusal {
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

    fn session_for(&self, caller: &Caller, text: &str) -> Result<SessionId, RequestError> {
        let known = self.decider.sessions.find(text).filter(|id| self.sees(caller, self.owner(*id)));
        let id = known.ok_or_else(|| self.no_session(caller, text))?;
        self.may_decide(caller, id)?;
        Ok(id)
    }

    fn may_decide(&self, caller: &Caller, id: SessionId) -> Result<(), RequestError> {
        if self.config.approvers.permit(caller.uid, self.owner(id)) {
            return Ok(());
        }
        Err(RequestError::NotPermitted(Refusal {
            error: format!("user {} may not decide about session {id}", caller.uid),
            hint: Some("the key `approvers` of the configuration says who may".into()),
        }))
    }

    fn no_session(&self, caller: &Caller, text: &str) -> RequestError {
        let known: Vec<String> =
            self.visible_sessions(caller).into_iter().map(|session| session.id).collect();
        RequestError::NotFound(Refusal {
            error: format!("there is no session {text:?}"),
            hint: Some(one_of("running", &known)),
        })
    }

    fn view_of(&self, caller: &Caller, id: SessionId) -> Result<SessionView, RequestError> {
        let session =
            self.decider.sessions.get(id).ok_or_else(|| self.no_session(caller, &id.to_string()))?;
        Ok(self.session_view(session))
    }

    fn explain(&mut self, caller: &Caller, text: &str) -> Result<Explanation, RequestError> {
        let known = self.told(text).filter(|(owner, _)| self.sees(caller, *owner));
        let mut explanation = known.map(|(_, explanation)| explanation).ok_or_else(|| {
            RequestError::NotFound(Refusal {
                error: format!("nothing is known about {text:?}"),
                hint: Some(EXPLAINED.into()),
            })
        })?;
        if let Some(hold) = Holds::number(text).and_then(|number| self.decider.holds().get(number)) {
            let hold_number = hold.number;
            let others = hold.company.lines().into_iter().map(|other| format!("also waits: {other}"));
            explanation.object.extend(others);
            self.step(Input::Shown { hold: hold_number });
        }
        Ok(explanation)
    }
}

fn send<T>(reply: Reply<T>, answer: Result<T, RequestError>) {
    let _ = reply.send(answer); // the caller hung up
}

fn root_only(caller: &Caller, what: &str) -> Result<(), RequestError> {
    if caller.uid == 0 { Ok(()) } else { Err(not_permitted(&format!("only root may {what}"))) }
}

fn who(caller: &Caller) -> Who {
    Who::Caller { uid: caller.uid, pid: caller.pid }
}

fn refusal(error: &str) -> Refusal {
    Refusal { error: error.to_owned(), hint: None }
}

fn not_permitted(error: &str) -> RequestError {
    RequestError::NotPermitted(refusal(error))
}

fn objected(hold: &Hold, objection: &Objection) -> RequestError {
    let id = hold.id();
    match objection {
        Objection::Undecidable(why) => undecidable(hold.number, why),
        Objection::Frozen(session) => RequestError::Conflict(Refusal {
            error: format!("session {session} is frozen"),
            hint: Some(format!("interlock thaw {session}")),
        }),
        Objection::Unseen(lines) => RequestError::Conflict(Refusal {
            error: format!("more waits under {id} than you were shown: {}", lines.join("; ")),
            hint: Some(format!("interlock explain {id}, then interlock approve {id}")),
        }),
        Objection::TooLong => RequestError::Invalid(refusal("an approval reaches at most 24 h")),
    }
}

fn undecidable(number: u64, why: &Undecidable) -> RequestError {
    match why {
        Undecidable::Unknown => RequestError::NotFound(refusal(&format!("there is no hold h{number}"))),
        Undecidable::Already(state) => RequestError::Conflict(refusal(&format!(
            "h{number} was decided before: {}",
            json!(state).as_str().unwrap_or("?")
        ))),
    }
}

fn one_of(what: &str, ids: &[String]) -> String {
    if ids.is_empty() { format!("nothing is {what}") } else { format!("{what}: {}", ids.join(", ")) }
}
