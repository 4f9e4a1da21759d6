//! The variables of guards: one table, with the kinds of facts that have them.

use std::time::Duration;

use super::scope::{Scope, Type, Value};
use crate::{
    facts::{
        DelegateHow, DestinationClass, EnvironHow, Fact, Grade, InspectHow, Kind, Lifecycle, LinkHow,
        Subject, Transport,
    },
    words::{Word, words},
};

/// One variable.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub of: Type,
    /// Kinds of facts that have it; empty: all.
    pub on: &'static [Kind],
    pub read: Read,
}

/// Reads a variable; `None` where the fact has no such part, which a checked guard never asks for.
pub type Read = for<'a> fn(&Scope<'a>) -> Option<Value<'a>>;

const SECRETS: &[Kind] = &[Kind::Open, Kind::Probe, Kind::Link];
/// All but the ends of a session, which no process did.
const ACTS: &[Kind] = &[
    Kind::Open,
    Kind::Probe,
    Kind::Connect,
    Kind::Exec,
    Kind::Environ,
    Kind::Inspect,
    Kind::Delegate,
    Kind::Link,
];

macro_rules! variables {
    ($($name:literal $of:ident $on:expr, $read:expr;)*) => {
        &[$(Variable { name: $name, of: Type::$of, on: $on, read: $read }),*]
    };
}

pub static VARIABLES: &[Variable] = variables! {
    "fact.at" Duration &[], |s| Some(Value::nanoseconds(s.fact.at.0));
    "fact.kind" Text &[], |s| Some(Value::Text(s.fact.subject.kind().word()));
    "session.age" Duration &[], |s| Some(duration(s.fact.session_age));
    "session.agent" Text &[], |s| Some(Value::Text(&s.fact.agent));
    "session.incomplete" Bool &[], |s| Some(Value::Bool(s.fact.incomplete));
    "session.risk" Int &[], |s| Some(Value::Int(s.risk.into()));
    "process.executable" Text ACTS, |s| Some(Value::Text(&s.fact.process.executable));
    "process.name" Text ACTS, |s| Some(Value::Text(s.fact.process.name()));
    "process.args" Texts ACTS, |s| Some(Value::Texts(&s.fact.process.args));
    "process.argv" Text ACTS, |s| Some(Value::Text(s.words.argv(s.fact)));
    "process.age" Duration ACTS, |s| Some(duration(age(s.fact)));
    "process.owner" Bool SECRETS, |s| Some(Value::Bool(s.fact.subject.secret()?.owner));
    "secret.path" Text SECRETS, |s| Some(Value::Text(&s.fact.subject.secret()?.path));
    "secret.entry" Text SECRETS, |s| Some(Value::Text(&s.fact.subject.secret()?.entry));
    "secret.class" Text SECRETS, |s| Some(Value::Text(&s.fact.subject.secret()?.class));
    "secret.grade" Text SECRETS, |s| Some(Value::Text(s.fact.subject.secret()?.grade.word()));
    "secret.foreign" Bool SECRETS, |s| Some(Value::Bool(s.fact.subject.secret()?.foreign));
    "secret.habit" Bool SECRETS, |s| Some(Value::Bool(s.fact.subject.secret()?.habit.is_some()));
    "destination.name" Text &[Kind::Connect], |s| s.destination().map(|_| Value::Text(s.host.unwrap_or_default()));
    "destination.named" Bool &[Kind::Connect], |s| s.destination().map(|_| Value::Bool(s.host.is_some()));
    "destination.address" Text &[Kind::Connect], |s| Some(Value::Text(s.words.address(s.destination()?.address)));
    "destination.port" Int &[Kind::Connect], |s| Some(Value::Int(s.destination()?.port.into()));
    "destination.transport" Text &[Kind::Connect], |s| Some(Value::Text(s.destination()?.transport.word()));
    "destination.class" Text &[Kind::Connect], |s| Some(Value::Text(s.destination()?.class.word()));
    "destination.provider" Text &[Kind::Connect],
        |s| Some(Value::Text(s.destination()?.provider.as_deref().unwrap_or_default()));
    "environ.own" Bool &[Kind::Environ], |s| match &s.fact.subject {
        Subject::Environ(access) => Some(Value::Bool(access.own)),
        _ => None,
    };
    "environ.how" Text &[Kind::Environ], |s| match &s.fact.subject {
        Subject::Environ(access) => Some(Value::Text(access.how.word())),
        _ => None,
    };
    "inspect.own" Bool &[Kind::Inspect], |s| match &s.fact.subject {
        Subject::Inspect(access) => Some(Value::Bool(access.own)),
        _ => None,
    };
    "inspect.how" Text &[Kind::Inspect], |s| match &s.fact.subject {
        Subject::Inspect(access) => Some(Value::Text(access.how.word())),
        _ => None,
    };
    "delegate.service" Text &[Kind::Delegate], |s| delegation(s.fact).map(|(service, ..)| Value::Text(service));
    "delegate.how" Text &[Kind::Delegate], |s| delegation(s.fact).map(|(_, how, _)| Value::Text(how.word()));
    "delegate.path" Text &[Kind::Delegate], |s| delegation(s.fact).map(|(.., path)| Value::Text(path));
    "link.how" Text &[Kind::Link], |s| match &s.fact.subject {
        Subject::Link(relink) => Some(Value::Text(relink.how.word())),
        _ => None,
    };
    "lifecycle.stage" Text &[Kind::Lifecycle], |s| match &s.fact.subject {
        Subject::Lifecycle(end) => Some(Value::Text(end.word())),
        _ => None,
    };
};

/// The words that a variable may have, where they are a closed list.
pub fn words_of(variable: &str) -> Option<Vec<&'static str>> {
    Some(match variable {
        "fact.kind" => words::<Kind>(),
        "secret.grade" => words::<Grade>(),
        "destination.class" => words::<DestinationClass>(),
        "destination.transport" => words::<Transport>(),
        "environ.how" => words::<EnvironHow>(),
        "inspect.how" => words::<InspectHow>(),
        "delegate.how" => words::<DelegateHow>(),
        "link.how" => words::<LinkHow>(),
        "lifecycle.stage" => words::<Lifecycle>(),
        _ => return None,
    })
}

impl Variable {
    pub fn is_of(&self, kind: Kind) -> bool {
        self.on.is_empty() || self.on.contains(&kind)
    }
}

fn duration(duration: Duration) -> Value<'static> {
    Value::nanoseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// How long the process ran before.
fn age(fact: &Fact) -> Duration {
    fact.at.since(fact.process.start)
}

fn delegation(fact: &Fact) -> Option<(&str, DelegateHow, &str)> {
    match &fact.subject {
        Subject::Delegate(delegation) => Some((&delegation.service, delegation.how, &delegation.path)),
        _ => None,
    }
}
