//! The conditions of `match:`, each against a fact.

use std::fmt::Display;

use super::{
    view::{Unknown, View},
    witness::{Finding, Told, Witness},
};
use crate::{
    facts::{Delegation, Destination, EnvironAccess, Inspection, LinkHow, SecretAccess, Subject},
    rules::{
        conditions::{
            Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch,
            ProcessMatch, SecretMatch, SessionMatch, Touched,
        },
        memory::{Memory, Recall, Touch},
        pattern::{Glob, HostPattern},
        wording::{Bounds, Flag, Line, OneOf, Other, OtherAge, Plain, Span, Wanted, Within, Written},
    },
};

impl View<'_> {
    /// Whether all conditions are met, as far as the witness wants to hear of them.
    pub fn meets<W: Witness>(
        &self,
        conditions: &Conditions,
        memory: &Memory,
        unknown: Unknown,
        witness: &mut W,
    ) -> bool {
        let Conditions { agent, session, process, touched, .. } = conditions;
        self.meets_subject(conditions, witness)
            && any("agent", agent, |id| *id == self.fact.agent, &self.fact.agent, value, witness)
            && session.as_ref().is_none_or(|wanted| self.meets_session(wanted, witness))
            && process.as_ref().is_none_or(|wanted| self.meets_process(wanted, witness))
            && touched.as_ref().is_none_or(|wanted| self.meets_touched(wanted, memory, unknown, witness))
    }

    /// The conditions about what the fact is about.
    fn meets_subject<W: Witness>(&self, conditions: &Conditions, witness: &mut W) -> bool {
        let Conditions { secret, destination, environ, inspect, delegate, link, lifecycle, .. } = conditions;
        match &self.fact.subject {
            Subject::Open(access) | Subject::Probe(access) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, access, witness))
            }
            Subject::Connect(access) | Subject::Handshake(access) => {
                destination.as_ref().is_none_or(|wanted| self.meets_destination(wanted, access, witness))
            }
            Subject::Environ(access) => {
                environ.as_ref().is_none_or(|wanted| meets_environ(wanted, access, witness))
            }
            Subject::Inspect(access) => {
                inspect.as_ref().is_none_or(|wanted| meets_inspect(wanted, *access, witness))
            }
            Subject::Delegate(delegation) => {
                delegate.as_ref().is_none_or(|wanted| meets_delegate(wanted, delegation, witness))
            }
            Subject::Link(relink) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, &relink.secret, witness))
                    && link.as_ref().is_none_or(|wanted| meets_link(wanted, relink.how, witness))
            }
            Subject::Lifecycle(stage) => {
                any("lifecycle", lifecycle.as_slice(), |one| one == stage, &Plain(stage), value, witness)
            }
            Subject::Exec => true,
        }
    }

    fn meets_session<W: Witness>(&self, wanted: &SessionMatch, witness: &mut W) -> bool {
        let age = self.fact.session_age;
        let aged = wanted.age == Age::default()
            || witness.hears(Finding {
                condition: "session.age",
                met: wanted.age.holds(age),
                asked: &Bounds(&wanted.age),
                found: &Span(age),
                instead: &OtherAge(&wanted.age, age),
                told: Told::Value,
            });
        aged && is("session.incomplete", wanted.incomplete, self.fact.incomplete, witness)
    }

    fn meets_destination<W: Witness>(
        &self,
        wanted: &DestinationMatch,
        access: &Destination,
        witness: &mut W,
    ) -> bool {
        let DestinationMatch { class, host, provider, port, named, also } = wanted;
        let name = self.host();
        let fits = |pattern: &HostPattern| pattern.matches(name, access.address);
        let endpoint: &dyn Display = match &name {
            Some(name) => name,
            None => &access.address,
        };
        let unlisted = "none that is known".to_owned();
        let found = access.provider.as_ref().unwrap_or(&unlisted);
        any("destination.class", class, |class| *class == access.class, &Plain(&access.class), value, witness)
            && any("destination.host", host, fits, endpoint, |host| Told::By(host), witness)
            && any(
                "destination.provider",
                provider,
                |id| access.provider.as_ref() == Some(id),
                found,
                value,
                witness,
            )
            && any("destination.port", port, |port| *port == access.port, &access.port, value, witness)
            && is("destination.named", *named, name.is_some(), witness)
            && any(
                "destination.also",
                also.as_slice(),
                |role| access.also == Some(*role),
                access.also.as_ref().map_or(&"nothing besides" as &dyn Display, |_| &"infra"),
                value,
                witness,
            )
    }

    fn meets_process<W: Witness>(&self, wanted: &ProcessMatch, witness: &mut W) -> bool {
        let process = &self.fact.process;
        let executable = |glob: &Glob| {
            let whole = glob.as_str().contains('/');
            glob.matches(if whole { &process.executable } else { process.name() })
        };
        any("process.executable", &wanted.executable, executable, &process.executable, by, witness)
            && (wanted.argv.is_empty() || {
                let argv = self.argv();
                any("process.argv", &wanted.argv, |glob| glob.matches(argv), &Line(argv), matches, witness)
            })
            && is("process.owner", wanted.owner, self.is_owners(), witness)
    }

    /// What is not known counts as touched: a session cannot gain by making the monitor lose its records.
    fn meets_touched<W: Witness>(
        &self,
        wanted: &Touched,
        memory: &Memory,
        unknown: Unknown,
        witness: &mut W,
    ) -> bool {
        let ago = |touch: &Touch| Span(self.fact.at.since(touch.at));
        let asked = Wanted(wanted);
        let finding = |met, found, instead, told| Finding {
            condition: "touched",
            met,
            asked: &asked,
            found,
            instead,
            told,
        };
        // Each is said in its place: what `format_args` refers to lives no longer than the call.
        match memory.recall(wanted, self.fact.at, self.fact.subject.destination()) {
            Recall::Found(touch) => witness.hears(finding(
                true,
                &format_args!("{touch}, read {} before", ago(touch)),
                &format_args!("no {} (this one was read {} before)", Wanted(wanted), ago(touch)),
                Told::Words(format_args!("touched {touch} {} ago", ago(touch))),
            )),
            Recall::Nothing if self.fact.incomplete && unknown == Unknown::IsMet => witness.hears(finding(
                true,
                &"not known, because records of the session were lost; that counts as read",
                &"a session whose records are complete",
                Told::Words(format_args!("touched: unknown (records were lost)")),
            )),
            Recall::Dropped if unknown == Unknown::IsMet => witness.hears(finding(
                true,
                &"not known, because too many secrets were read to remember each; that counts as read",
                &"a session that read fewer secrets",
                Told::Words(format_args!("touched: unknown (too many secrets were read to remember each)")),
            )),
            Recall::Nothing | Recall::Dropped => {
                witness.hears(finding(false, &Missed { view: self, wanted, memory }, &"", Told::Silent))
            }
        }
    }
}

/// Why no touch fits: none was in time, or there was none.
struct Missed<'m> {
    view: &'m View<'m>,
    wanted: &'m Touched,
    memory: &'m Memory,
}

impl Display for Missed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let now = self.view.fact.at;
        match self.memory.recall(&self.wanted.at_any_time(), now, self.view.fact.subject.destination()) {
            Recall::Found(touch) => {
                write!(
                    f,
                    "{touch}, but {} before, not {}",
                    Span(now.since(touch.at)),
                    Within(self.wanted.within)
                )
            }
            Recall::Dropped => f.write_str("not known, because too many secrets were read to remember each"),
            Recall::Nothing => match self.memory.recall_habit(self.wanted, now) {
                Some(touch) => write!(
                    f,
                    "{touch}: a library looked into it, and this is neither where it is for nor where nobody is known"
                ),
                None => f.write_str("the session read no such secret"),
            },
        }
    }
}

fn meets_secret<W: Witness>(wanted: &SecretMatch, access: &SecretAccess, witness: &mut W) -> bool {
    let SecretMatch { class, grade, foreign, habit, entry, path } = wanted;
    any("secret.class", class, |class| *class == access.class, &access.class, value, witness)
        && any("secret.grade", grade, |grade| *grade == access.grade, &Plain(&access.grade), value, witness)
        && is("secret.foreign", *foreign, access.foreign, witness)
        && is("secret.habit", *habit, access.habit.is_some(), witness)
        && any("secret.entry", entry, |entry| *entry == access.entry, &access.entry, value, witness)
        && any("secret.path", path, |glob| glob.matches(&access.path), &access.path, by, witness)
}

fn meets_environ<W: Witness>(wanted: &EnvironMatch, access: &EnvironAccess, witness: &mut W) -> bool {
    is("environ.own", wanted.own, access.own, witness)
        && any("environ.how", &wanted.how, |how| *how == access.how, &Plain(&access.how), value, witness)
}

fn meets_inspect<W: Witness>(wanted: &InspectMatch, access: Inspection, witness: &mut W) -> bool {
    is("inspect.own", wanted.own, access.own, witness)
        && any("inspect.how", &wanted.how, |how| *how == access.how, &Plain(&access.how), value, witness)
}

fn meets_link<W: Witness>(wanted: &LinkMatch, found: LinkHow, witness: &mut W) -> bool {
    any("link.how", &wanted.how, |how| *how == found, &Plain(&found), value, witness)
}

fn meets_delegate<W: Witness>(wanted: &DelegateMatch, delegation: &Delegation, witness: &mut W) -> bool {
    let DelegateMatch { service, how } = wanted;
    any("delegate.service", service, |id| *id == delegation.service, &delegation.service, value, witness)
        && any("delegate.how", how, |how| *how == delegation.how, &Plain(&delegation.how), value, witness)
}

/// An empty list is met and says nothing; else the first that fits is said.
fn any<'r, T: Written>(
    condition: &'static str,
    wanted: &'r [T],
    fits: impl Fn(&T) -> bool,
    found: &dyn Display,
    told: impl FnOnce(&'r T) -> Told<'r>,
    witness: &mut impl Witness,
) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let fit = wanted.iter().find(|one| fits(one));
    witness.hears(Finding {
        condition,
        met: fit.is_some(),
        asked: &OneOf(wanted),
        found,
        instead: &Other(wanted),
        told: fit.map_or(Told::Silent, told),
    })
}

fn is(condition: &'static str, wanted: Option<bool>, found: bool, witness: &mut impl Witness) -> bool {
    let Some(wanted) = wanted else { return true };
    witness.hears(Finding {
        condition,
        met: wanted == found,
        asked: &Flag { condition, value: wanted },
        found: &Flag { condition, value: found },
        instead: &Flag { condition, value: !wanted },
        told: Told::Words(format_args!("{condition} = {found}")),
    })
}

fn value<T>(_: &T) -> Told<'_> {
    Told::Value
}

fn by(glob: &Glob) -> Told<'_> {
    Told::By(glob)
}

fn matches(glob: &Glob) -> Told<'_> {
    Told::Matches(glob)
}
