//! A fact as conditions look at it.

use std::{borrow::Cow, fmt, net::IpAddr};

use crate::{
    facts::{
        Action, Delegation, Destination, DestinationClass, EnvironAccess, Fact, Inspection, LinkHow,
        SecretAccess, Subject,
    },
    rules::{
        guard::{Scope, Words},
        memory::{Memory, Recall, age},
        model::{
            Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch,
            ProcessMatch, SecretMatch, SessionMatch, Threshold, Touched,
        },
        pattern::{Glob, normal},
        words::Word,
    },
};

/// A fact as conditions look at it; what several rules need is computed once.
pub struct View<'a> {
    pub fact: &'a Fact,
    host: Option<Cow<'a, str>>,
    words: Words,
}

impl<'a> View<'a> {
    pub fn new(fact: &'a Fact) -> Self {
        let host = fact.subject.destination().and_then(|destination| destination.name.as_deref()).map(normal);
        Self { fact, host, words: Words::default() }
    }

    /// What a guard sees.
    pub fn scope(&self, risk: u32) -> Scope<'_> {
        Scope { fact: self.fact, host: self.host.as_deref(), risk, words: &self.words, item: None }
    }

    /// The most that may be done about the fact.
    pub fn ceiling(&self) -> Action {
        match self.fact.subject.destination() {
            Some(Destination { class: DestinationClass::Model | DestinationClass::Package, .. }) => {
                Action::Alert
            }
            _ => Action::Kill,
        }
    }

    /// What the fact is about, for counting.
    pub fn object(&self) -> Object<'_> {
        match &self.fact.subject {
            Subject::Open(secret) | Subject::Probe(secret) => Object::Text(&secret.path),
            Subject::Connect(destination) | Subject::Handshake(destination) => match &self.host {
                Some(host) => Object::Text(host),
                None => Object::Address(destination.address),
            },
            Subject::Exec => Object::Text(&self.fact.process.executable),
            Subject::Environ(access) => Object::Process(access.target),
            Subject::Inspect(access) => Object::Process(access.target),
            Subject::Delegate(delegation) => Object::Text(&delegation.path),
            Subject::Link(relink) => Object::Text(&relink.secret.path),
            Subject::Lifecycle(_) => Object::Text(&self.fact.agent),
        }
    }

    /// An owner tool's access to its own store.
    pub fn is_owners(&self) -> bool {
        self.fact.subject.secret().is_some_and(|secret| secret.owner)
    }

    /// Counts the fact for a threshold. What an owner tool does with its own store is never part of a sweep.
    pub fn reaches(&self, rule: u64, threshold: &Threshold, memory: &mut Memory) -> bool {
        if self.is_owners() {
            return false;
        }
        let object = threshold.distinct.map(|_| self.object());
        memory.count(rule, threshold, object, self.fact.at)
    }

    /// Whether all conditions are met; each that is says so.
    pub fn meets(&self, conditions: &Conditions, memory: &Memory, unknown: Unknown, say: Say<'_>) -> bool {
        self.meets_subject(conditions, say)
            && any(&conditions.agent, |id| *id == self.fact.agent, |id| say(format_args!("agent = {id}")))
            && conditions.session.as_ref().is_none_or(|wanted| self.meets_session(wanted, say))
            && conditions.process.as_ref().is_none_or(|wanted| self.meets_process(wanted, say))
            && conditions
                .touched
                .as_ref()
                .is_none_or(|wanted| self.meets_touched(wanted, memory, unknown, say))
    }

    /// The conditions about what the fact is about.
    fn meets_subject(&self, conditions: &Conditions, say: Say<'_>) -> bool {
        let Conditions { secret, destination, environ, inspect, delegate, link, lifecycle, .. } = conditions;
        match &self.fact.subject {
            Subject::Open(access) | Subject::Probe(access) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, access, say))
            }
            Subject::Connect(access) | Subject::Handshake(access) => {
                destination.as_ref().is_none_or(|wanted| self.meets_destination(wanted, access, say))
            }
            Subject::Environ(access) => {
                environ.as_ref().is_none_or(|wanted| meets_environ(wanted, access, say))
            }
            Subject::Inspect(access) => {
                inspect.as_ref().is_none_or(|wanted| meets_inspect(wanted, *access, say))
            }
            Subject::Delegate(delegation) => {
                delegate.as_ref().is_none_or(|wanted| meets_delegate(wanted, delegation, say))
            }
            Subject::Link(relink) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, &relink.secret, say))
                    && link.as_ref().is_none_or(|wanted| meets_link(wanted, relink.how, say))
            }
            Subject::Lifecycle(stage) => lifecycle.is_none_or(|wanted| {
                say(format_args!("lifecycle = {}", stage.word()));
                wanted == *stage
            }),
            Subject::Exec => true,
        }
    }

    fn meets_session(&self, wanted: &SessionMatch, say: Say<'_>) -> bool {
        let age = self.fact.session_age;
        if !wanted.age.holds(age) {
            return false;
        }
        if wanted.age != Age::default() {
            say(format_args!("session.age = {}", Span(age)));
        }
        is(wanted.incomplete, self.fact.incomplete, |lost| say(format_args!("session.incomplete = {lost}")))
    }

    fn meets_destination(&self, wanted: &DestinationMatch, access: &Destination, say: Say<'_>) -> bool {
        let DestinationMatch { class, host, provider, port, named } = wanted;
        let name = self.host.as_deref();
        any(class, |class| *class == access.class, |c| say(format_args!("destination.class = {}", c.word())))
            && any(
                host,
                |pattern| pattern.matches(name, access.address),
                |pattern| match name {
                    Some(name) => say(format_args!("destination.host = {name} ({pattern})")),
                    None => say(format_args!("destination.host = {} ({pattern})", access.address)),
                },
            )
            && any(
                provider,
                |id| access.provider.as_ref() == Some(id),
                |id| say(format_args!("destination.provider = {id}")),
            )
            && any(port, |port| *port == access.port, |port| say(format_args!("destination.port = {port}")))
            && is(*named, name.is_some(), |named| say(format_args!("destination.named = {named}")))
    }

    fn meets_process(&self, wanted: &ProcessMatch, say: Say<'_>) -> bool {
        let process = &self.fact.process;
        let executable = |glob: &Glob| {
            let whole = glob.as_str().contains('/');
            glob.matches(if whole { &process.executable } else { process.name() })
        };
        let argv = || self.words.argv(self.fact);
        let owner = self.is_owners();
        any(&wanted.executable, executable, |glob| {
            say(format_args!("process.executable = {} ({})", process.executable, glob.as_str()));
        }) && any(
            &wanted.argv,
            |glob| glob.matches(argv()),
            |glob| say(format_args!("process.argv matches {}", glob.as_str())),
        ) && is(wanted.owner, owner, |owner| say(format_args!("process.owner = {owner}")))
    }

    /// What is not known counts as touched: a session cannot gain by making the monitor lose its records.
    fn meets_touched(&self, wanted: &Touched, memory: &Memory, unknown: Unknown, say: Say<'_>) -> bool {
        match memory.recall(wanted, self.fact.at) {
            Recall::Found(touch) => {
                say(format_args!("touched {touch} {} ago", Span(age(self.fact.at, touch.at))));
                true
            }
            Recall::Dropped | Recall::Nothing if unknown == Unknown::IsUnmet => false,
            Recall::Nothing if self.fact.incomplete => {
                say(format_args!("touched: unknown (records were lost)"));
                true
            }
            Recall::Dropped => {
                say(format_args!("touched: unknown (too many secrets were read to remember each)"));
                true
            }
            Recall::Nothing => false,
        }
    }
}

/// What a condition about the past says where the past is not wholly known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// For rules: a session cannot gain by making the monitor lose its records.
    IsMet,
    /// For exceptions, for the same reason.
    IsUnmet,
}

/// Identity of what a fact is about.
#[derive(Hash)]
pub enum Object<'a> {
    Text(&'a str),
    Address(IpAddr),
    Process(u32),
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
            Self::Process(pid) => write!(f, "process {pid}"),
        }
    }
}

/// Where met conditions are said; the first pass over a rule throws them away unformatted.
pub type Say<'s> = &'s mut dyn FnMut(fmt::Arguments<'_>);

fn meets_secret(wanted: &SecretMatch, access: &SecretAccess, say: Say<'_>) -> bool {
    let SecretMatch { class, grade, foreign, entry, path } = wanted;
    any(class, |class| *class == access.class, |class| say(format_args!("secret.class = {class}")))
        && any(
            grade,
            |grade| *grade == access.grade,
            |grade| say(format_args!("secret.grade = {}", grade.word())),
        )
        && is(*foreign, access.foreign, |foreign| say(format_args!("secret.foreign = {foreign}")))
        && any(entry, |entry| *entry == access.entry, |entry| say(format_args!("secret.entry = {entry}")))
        && any(
            path,
            |glob| glob.matches(&access.path),
            |glob| say(format_args!("secret.path = {} ({})", access.path, glob.as_str())),
        )
}

fn meets_environ(wanted: &EnvironMatch, access: &EnvironAccess, say: Say<'_>) -> bool {
    is(wanted.own, access.own, |own| say(format_args!("environ.own = {own}")))
        && any(&wanted.how, |how| *how == access.how, |how| say(format_args!("environ.how = {}", how.word())))
}

fn meets_inspect(wanted: &InspectMatch, access: Inspection, say: Say<'_>) -> bool {
    is(wanted.own, access.own, |own| say(format_args!("inspect.own = {own}")))
        && any(&wanted.how, |how| *how == access.how, |how| say(format_args!("inspect.how = {}", how.word())))
}

fn meets_link(wanted: &LinkMatch, found: LinkHow, say: Say<'_>) -> bool {
    any(&wanted.how, |how| *how == found, |how| say(format_args!("link.how = {}", how.word())))
}

fn meets_delegate(wanted: &DelegateMatch, delegation: &Delegation, say: Say<'_>) -> bool {
    let DelegateMatch { service, how } = wanted;
    any(
        service,
        |service| *service == delegation.service,
        |service| say(format_args!("delegate.service = {service}")),
    ) && any(how, |how| *how == delegation.how, |how| say(format_args!("delegate.how = {}", how.word())))
}

/// An empty list is met and says nothing; else the first that fits is said.
fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool, mut say: impl FnMut(&T)) -> bool {
    match wanted.iter().find(|one| fits(one)) {
        Some(one) => {
            say(one);
            true
        }
        None => wanted.is_empty(),
    }
}

fn is(wanted: Option<bool>, found: bool, mut say: impl FnMut(bool)) -> bool {
    if wanted == Some(found) {
        say(found);
    }
    wanted.is_none_or(|wanted| wanted == found)
}

/// A duration as a person says it, rounded down.
pub struct Span(pub std::time::Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds @ 1..120 => write!(f, "{seconds} s"),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3600),
        }
    }
}
