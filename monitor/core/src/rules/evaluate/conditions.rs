//! The conditions of `match:`, each against a fact.

use std::{collections::BTreeMap, fmt::Display};

use super::{
    observer::{Finding, Observer, Wording},
    view::{Unknown, View},
};
use crate::{
    facts::{Delegation, Destination, EnvironAccess, InPod, Inspection, LinkHow, SecretAccess, Subject},
    rules::{
        conditions::{
            Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch,
            PodMatch, ProcessMatch, SecretMatch, SessionMatch, Touched,
        },
        memory::{Memory, Recall, Touch},
        pattern::{Glob, HostPattern},
        wording::{Bounds, Flag, Line, OneOf, Other, OtherAge, Plain, Span, Wanted, Within, Written},
    },
};

impl View<'_> {
    /// Whether all conditions are met, as far as the observer wants to hear of them.
    pub fn meets<W: Observer>(
        &self,
        conditions: &Conditions,
        memory: &Memory,
        unknown: Unknown,
        observer: &mut W,
    ) -> bool {
        let Conditions { agent, pod, session, process, touched, .. } = conditions;
        self.meets_subject(conditions, observer)
            && any("agent", agent, |id| *id == self.fact.agent, &self.fact.agent, value, observer)
            && pod.as_ref().is_none_or(|wanted| self.meets_pod(wanted, unknown, observer))
            && session.as_ref().is_none_or(|wanted| self.meets_session(wanted, observer))
            && process.as_ref().is_none_or(|wanted| self.meets_process(wanted, observer))
            && touched.as_ref().is_none_or(|wanted| self.meets_touched(wanted, memory, unknown, observer))
    }

    /// The conditions about what the fact is about.
    fn meets_subject<W: Observer>(&self, conditions: &Conditions, observer: &mut W) -> bool {
        let Conditions { secret, destination, environ, inspect, delegate, link, lifecycle, .. } = conditions;
        match &self.fact.subject {
            Subject::Open(access) | Subject::Probe(access) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, access, observer))
            }
            Subject::Connect(access) | Subject::Handshake(access) => {
                destination.as_ref().is_none_or(|wanted| self.meets_destination(wanted, access, observer))
            }
            Subject::Environ(access) => {
                environ.as_ref().is_none_or(|wanted| meets_environ(wanted, access, observer))
            }
            Subject::Inspect(access) => {
                inspect.as_ref().is_none_or(|wanted| meets_inspect(wanted, *access, observer))
            }
            Subject::Delegate(delegation) => {
                delegate.as_ref().is_none_or(|wanted| meets_delegate(wanted, delegation, observer))
            }
            Subject::Link(relink) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, &relink.secret, observer))
                    && link.as_ref().is_none_or(|wanted| meets_link(wanted, relink.how, observer))
            }
            Subject::Lifecycle(end) => {
                any("lifecycle", lifecycle.as_slice(), |one| one == end, &Plain(end), value, observer)
            }
            Subject::Exec => true,
        }
    }

    fn meets_session<W: Observer>(&self, wanted: &SessionMatch, observer: &mut W) -> bool {
        let age = self.fact.session_age;
        let aged = wanted.age == Age::default()
            || observer.hears(Finding {
                condition: "session.age",
                met: wanted.age.holds(age),
                asked: &Bounds(&wanted.age),
                found: &Span(age),
                instead: &OtherAge(&wanted.age, age),
                wording: Wording::Value,
            });
        aged && is("session.incomplete", wanted.incomplete, self.fact.incomplete, observer)
    }

    /// What the cluster has not said yet counts as wanted: a session gains nothing where the API is away.
    fn meets_pod<W: Observer>(&self, wanted: &PodMatch, unknown: Unknown, observer: &mut W) -> bool {
        let PodMatch { namespace, labels, service_account } = wanted;
        let pod = match &self.fact.pod {
            InPod::Known(pod) => pod,
            InPod::Unknown if unknown == Unknown::IsMet => {
                return observer.hears(Finding {
                    condition: "pod",
                    met: true,
                    asked: &"a pod that the rule is about",
                    found: &"a pod of which the cluster has not said anything; that counts as such a one",
                    instead: &"a pod that is known, or none",
                    wording: Wording::Words(format_args!("pod: unknown (the cluster has not said)")),
                });
            }
            InPod::Unknown | InPod::Outside => {
                let found = if self.fact.pod == InPod::Outside { "no pod" } else { "not known" };
                return observer.hears(Finding {
                    condition: "pod",
                    met: false,
                    asked: &"a pod that the rule is about",
                    found: &found,
                    instead: &"",
                    wording: Wording::Silent,
                });
            }
        };
        let account = pod.service_account.as_deref().unwrap_or("default").to_owned();
        let fits = |glob: &Glob| glob.matches(&pod.namespace);
        any("pod.namespace", namespace, fits, &pod.namespace, by, observer)
            && labels.as_ref().is_none_or(|selector| {
                observer.hears(Finding {
                    condition: "pod.labels",
                    met: selector.matches(&pod.labels),
                    asked: selector,
                    found: &Labels(&pod.labels),
                    instead: &"other labels",
                    wording: Wording::Value,
                })
            })
            && any("pod.service_account", service_account, |name| *name == account, &account, value, observer)
    }

    fn meets_destination<W: Observer>(
        &self,
        wanted: &DestinationMatch,
        access: &Destination,
        observer: &mut W,
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
        any(
            "destination.class",
            class,
            |class| *class == access.class,
            &Plain(&access.class),
            value,
            observer,
        ) && any("destination.host", host, fits, endpoint, |host| Wording::By(host), observer)
            && any(
                "destination.provider",
                provider,
                |id| access.provider.as_ref() == Some(id),
                found,
                value,
                observer,
            )
            && any("destination.port", port, |port| *port == access.port, &access.port, value, observer)
            && is("destination.named", *named, name.is_some(), observer)
            && any(
                "destination.also",
                also.as_slice(),
                |role| access.also == Some(*role),
                access.also.as_ref().map_or(&"nothing besides" as &dyn Display, |_| &"infra"),
                value,
                observer,
            )
    }

    fn meets_process<W: Observer>(&self, wanted: &ProcessMatch, observer: &mut W) -> bool {
        let process = &self.fact.process;
        let executable = |glob: &Glob| {
            let whole = glob.as_str().contains('/');
            glob.matches(if whole { &process.executable } else { process.name() })
        };
        any("process.executable", &wanted.executable, executable, &process.executable, by, observer)
            && (wanted.argv.is_empty() || {
                let argv = self.argv();
                any("process.argv", &wanted.argv, |glob| glob.matches(argv), &Line(argv), matches, observer)
            })
            && is("process.owner", wanted.owner, self.is_owners(), observer)
    }

    /// What is not known counts as touched: a session cannot gain by making the monitor lose its records.
    fn meets_touched<W: Observer>(
        &self,
        wanted: &Touched,
        memory: &Memory,
        unknown: Unknown,
        observer: &mut W,
    ) -> bool {
        let ago = |touch: &Touch| Span(self.fact.at.since(touch.at));
        let asked = Wanted(wanted);
        let finding = |met, found, instead, wording| Finding {
            condition: "touched",
            met,
            asked: &asked,
            found,
            instead,
            wording,
        };
        // Each is said in its place: what `format_args` refers to lives no longer than the call.
        match memory.recall(wanted, self.fact.at, self.fact.subject.destination()) {
            Recall::Found(touch) => observer.hears(finding(
                true,
                &format_args!("{touch}, read {} before", ago(touch)),
                &format_args!("no {} (this one was read {} before)", Wanted(wanted), ago(touch)),
                Wording::Words(format_args!("touched {touch} {} ago", ago(touch))),
            )),
            Recall::Nothing if self.fact.incomplete && unknown == Unknown::IsMet => observer.hears(finding(
                true,
                &"not known, because records of the session were lost; that counts as read",
                &"a session whose records are complete",
                Wording::Words(format_args!("touched: unknown (records were lost)")),
            )),
            Recall::Dropped if unknown == Unknown::IsMet => observer.hears(finding(
                true,
                &"not known, because too many secrets were read to remember each; that counts as read",
                &"a session that read fewer secrets",
                Wording::Words(format_args!(
                    "touched: unknown (too many secrets were read to remember each)"
                )),
            )),
            Recall::Nothing | Recall::Dropped => {
                observer.hears(finding(false, &Missed { view: self, wanted, memory }, &"", Wording::Silent))
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

/// `app=web,tier=a`
struct Labels<'l>(&'l BTreeMap<String, String>);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (key, value)) in self.0.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn meets_secret<W: Observer>(wanted: &SecretMatch, access: &SecretAccess, observer: &mut W) -> bool {
    let SecretMatch { class, grade, foreign, habit, entry, path } = wanted;
    any("secret.class", class, |class| *class == access.class, &access.class, value, observer)
        && any("secret.grade", grade, |grade| *grade == access.grade, &Plain(&access.grade), value, observer)
        && is("secret.foreign", *foreign, access.foreign, observer)
        && is("secret.habit", *habit, access.habit.is_some(), observer)
        && any("secret.entry", entry, |entry| *entry == access.entry, &access.entry, value, observer)
        && any("secret.path", path, |glob| glob.matches(&access.path), &access.path, by, observer)
}

fn meets_environ<W: Observer>(wanted: &EnvironMatch, access: &EnvironAccess, observer: &mut W) -> bool {
    is("environ.own", wanted.own, access.own, observer)
        && any("environ.how", &wanted.how, |how| *how == access.how, &Plain(&access.how), value, observer)
}

fn meets_inspect<W: Observer>(wanted: &InspectMatch, access: Inspection, observer: &mut W) -> bool {
    is("inspect.own", wanted.own, access.own, observer)
        && any("inspect.how", &wanted.how, |how| *how == access.how, &Plain(&access.how), value, observer)
}

fn meets_link<W: Observer>(wanted: &LinkMatch, found: LinkHow, observer: &mut W) -> bool {
    any("link.how", &wanted.how, |how| *how == found, &Plain(&found), value, observer)
}

fn meets_delegate<W: Observer>(wanted: &DelegateMatch, delegation: &Delegation, observer: &mut W) -> bool {
    let DelegateMatch { service, how } = wanted;
    any("delegate.service", service, |id| *id == delegation.service, &delegation.service, value, observer)
        && any("delegate.how", how, |how| *how == delegation.how, &Plain(&delegation.how), value, observer)
}

/// An empty list is met and says nothing; else the first that fits is said.
fn any<'r, T: Written>(
    condition: &'static str,
    wanted: &'r [T],
    fits: impl Fn(&T) -> bool,
    found: &dyn Display,
    wording: impl FnOnce(&'r T) -> Wording<'r>,
    observer: &mut impl Observer,
) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let fit = wanted.iter().find(|one| fits(one));
    observer.hears(Finding {
        condition,
        met: fit.is_some(),
        asked: &OneOf(wanted),
        found,
        instead: &Other(wanted),
        wording: fit.map_or(Wording::Silent, wording),
    })
}

fn is(condition: &'static str, wanted: Option<bool>, found: bool, observer: &mut impl Observer) -> bool {
    let Some(wanted) = wanted else { return true };
    observer.hears(Finding {
        condition,
        met: wanted == found,
        asked: &Flag { condition, value: wanted },
        found: &Flag { condition, value: found },
        instead: &Flag { condition, value: !wanted },
        wording: Wording::Words(format_args!("{condition} = {found}")),
    })
}

fn value<T>(_: &T) -> Wording<'_> {
    Wording::Value
}

fn by(glob: &Glob) -> Wording<'_> {
    Wording::By(glob)
}

fn matches(glob: &Glob) -> Wording<'_> {
    Wording::Matches(glob)
}
