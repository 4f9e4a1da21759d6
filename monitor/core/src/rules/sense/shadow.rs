//! Rules that an exception covers wholly: they never fire. Only what is certain is said; what an exception asks of the past
//! or computes covers nothing for certain.

use crate::{
    facts::{Action, Mode},
    problem::Problem,
    rules::{
        conditions::{
            Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch,
            PodMatch, ProcessMatch, SecretMatch, SessionMatch,
        },
        exceptions::is_excusable,
        model::Rule,
        pattern::{Glob, HostPattern},
    },
};

/// Alternatives of a rule's lists that are looked at one by one.
const ALTERNATIVES: usize = 256;

/// The problem of a rule that its own exceptions, or those of the set, cover.
pub fn shadowed(rule: &Rule, rules: &[Rule]) -> Option<Problem> {
    if rule.action == Action::Allow {
        return None;
    }
    let excuses = |other: &&Rule| {
        let certain =
            other.enabled && other.mode == Mode::Enforce && other.guard.is_none() && other.after.is_none();
        certain
            && other.on == rule.on
            && other.action == Action::Allow
            && is_excusable(rule, other)
            && other.except.is_empty()
    };
    let allows = rules.iter().filter(excuses).map(|other| {
        let name = format!("the exception {} ({}:{})", other.id, other.source.file, other.source.line);
        (&other.conditions, name)
    });
    let own =
        rule.except.iter().enumerate().map(|(at, one)| (one, format!("its except[{at}]{}", overrides(rule))));
    let exceptions: Vec<_> = own.chain(allows).filter(|(one, _)| one.touched.is_none()).collect();
    let by = covered(&rule.conditions, &exceptions)?;
    let by = by.into_iter().map(|place| exceptions[place].1.as_str()).collect::<Vec<_>>().join(" and ");
    let mut problem =
        rule.places.problem("id", format!("it can never fire: {by} excuses everything that it matches"));
    problem.hint("narrow the exception; enabled: false switches a rule off");
    Some(problem)
}

/// Exceptions of an override stand in its file.
fn overrides(rule: &Rule) -> String {
    let places: Vec<_> =
        rule.overridden.iter().map(|place| format!("{}:{}", place.file, place.line)).collect();
    if places.is_empty() { String::new() } else { format!(" (also {})", places.join(", ")) }
}

/// Places of the exceptions that together cover everything; `None` where something may be left.
fn covered(rule: &Conditions, exceptions: &[(&Conditions, String)]) -> Option<Vec<usize>> {
    if exceptions.is_empty() {
        return None;
    }
    let one = |rule: &Conditions| exceptions.iter().position(|(general, _)| covers(general, rule));
    if let Some(place) = one(rule) {
        return Some(vec![place]);
    }
    let alternatives = alternatives(rule);
    if alternatives.len() < 2 {
        return None;
    }
    let mut places: Vec<usize> = alternatives.iter().map(one).collect::<Option<_>>()?;
    places.sort_unstable();
    places.dedup();
    Some(places)
}

/// A rule with lists is as many rules with one value each.
fn alternatives(rule: &Conditions) -> Vec<Conditions> {
    let mut all = vec![rule.clone()];
    let mut split = |values: usize, pick: &dyn Fn(&mut Conditions, usize)| {
        if values < 2 || all.len() * values > ALTERNATIVES {
            return;
        }
        let each = |one: &Conditions| {
            (0..values)
                .map(|at| {
                    let mut one = one.clone();
                    pick(&mut one, at);
                    one
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(each).collect();
    };
    fn keep<T>(list: &mut Vec<T>, at: usize) {
        list.truncate(at + 1);
        list.drain(..at);
    }
    if let Some(secret) = &rule.secret {
        split(secret.class.len(), &|one, at| {
            one.secret.iter_mut().for_each(|secret| keep(&mut secret.class, at))
        });
        split(secret.grade.len(), &|one, at| {
            one.secret.iter_mut().for_each(|secret| keep(&mut secret.grade, at))
        });
        split(secret.entry.len(), &|one, at| {
            one.secret.iter_mut().for_each(|secret| keep(&mut secret.entry, at))
        });
    }
    if let Some(to) = &rule.destination {
        split(to.class.len(), &|one, at| one.destination.iter_mut().for_each(|to| keep(&mut to.class, at)));
        split(to.host.len(), &|one, at| one.destination.iter_mut().for_each(|to| keep(&mut to.host, at)));
        split(to.provider.len(), &|one, at| {
            one.destination.iter_mut().for_each(|to| keep(&mut to.provider, at))
        });
        split(to.port.len(), &|one, at| one.destination.iter_mut().for_each(|to| keep(&mut to.port, at)));
    }
    if let Some(delegate) = &rule.delegate {
        split(delegate.service.len(), &|one, at| {
            one.delegate.iter_mut().for_each(|to| keep(&mut to.service, at))
        });
    }
    if let Some(process) = &rule.process {
        split(process.executable.len(), &|one, at| {
            one.process.iter_mut().for_each(|of| keep(&mut of.executable, at))
        });
    }
    split(rule.agent.len(), &|one, at| keep(&mut one.agent, at));
    all
}

/// Whether everything that meets `narrow` meets `wide`.
fn covers(wide: &Conditions, narrow: &Conditions) -> bool {
    let Conditions {
        secret,
        destination,
        process,
        environ,
        inspect,
        delegate,
        link,
        lifecycle,
        agent,
        pod,
        session,
        touched,
    } = wide;
    touched.is_none()
        && within(secret, &narrow.secret, |wide, narrow| {
            let SecretMatch { class, grade, foreign, habit, entry, path } = wide;
            list(class, &narrow.class, eq)
                && list(grade, &narrow.grade, eq)
                && flag(*foreign, narrow.foreign)
                && flag(*habit, narrow.habit)
                && list(entry, &narrow.entry, eq)
                && list(path, &narrow.path, globs)
        })
        && within(destination, &narrow.destination, |wide, narrow| {
            let DestinationMatch { class, host, provider, port, named, also } = wide;
            let is_named = !narrow.host.is_empty()
                && narrow.host.iter().all(|host| !matches!(host, HostPattern::Address(_)));
            list(class, &narrow.class, eq)
                && list(host, &narrow.host, hosts)
                && list(provider, &narrow.provider, eq)
                && list(port, &narrow.port, eq)
                && (flag(*named, narrow.named) || (*named == Some(true) && is_named))
                && also.is_none_or(|also| narrow.also == Some(also))
        })
        && within(process, &narrow.process, |wide, narrow| {
            let ProcessMatch { executable, argv, owner } = wide;
            list(executable, &narrow.executable, globs)
                && list(argv, &narrow.argv, globs)
                && flag(*owner, narrow.owner)
        })
        && within(environ, &narrow.environ, |EnvironMatch { own, how }, narrow| {
            flag(*own, narrow.own) && list(how, &narrow.how, eq)
        })
        && within(inspect, &narrow.inspect, |InspectMatch { own, how }, narrow| {
            flag(*own, narrow.own) && list(how, &narrow.how, eq)
        })
        && within(delegate, &narrow.delegate, |DelegateMatch { service, how }, narrow| {
            list(service, &narrow.service, eq) && list(how, &narrow.how, eq)
        })
        && within(link, &narrow.link, |LinkMatch { how }, narrow| list(how, &narrow.how, eq))
        && lifecycle.is_none_or(|end| narrow.lifecycle == Some(end))
        && list(agent, &narrow.agent, eq)
        && within_pod(pod.as_ref(), narrow.pod.as_ref())
        && within(session, &narrow.session, |SessionMatch { age, incomplete }, narrow| {
            ages(age, &narrow.age) && flag(*incomplete, narrow.incomplete)
        })
}

/// Unlike the other parts, one without a field asks for something: a pod.
fn within_pod(wide: Option<&PodMatch>, narrow: Option<&PodMatch>) -> bool {
    let Some(PodMatch { namespace, labels, service_account }) = wide else { return true };
    narrow.is_some_and(|narrow| {
        list(namespace, &narrow.namespace, globs)
            && labels.as_ref().is_none_or(|labels| narrow.labels.as_ref() == Some(labels))
            && list(service_account, &narrow.service_account, eq)
    })
}

/// A part that is absent, or present without a field, asks for nothing.
fn within<T: Default>(wide: &Option<T>, narrow: &Option<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    wide.as_ref().is_none_or(|wide| covers(wide, narrow.as_ref().unwrap_or(&T::default())))
}

fn list<T>(wide: &[T], narrow: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    wide.is_empty()
        || (!narrow.is_empty() && narrow.iter().all(|one| wide.iter().any(|wide| covers(wide, one))))
}

fn flag(wide: Option<bool>, narrow: Option<bool>) -> bool {
    wide.is_none() || wide == narrow
}

fn eq<T: PartialEq>(wide: &T, narrow: &T) -> bool {
    wide == narrow
}

fn hosts(wide: &HostPattern, narrow: &HostPattern) -> bool {
    match (wide, narrow) {
        (HostPattern::Below(parent), HostPattern::Exact(name) | HostPattern::Below(name)) => {
            wide == narrow || name.strip_suffix(&**parent).is_some_and(|rest| rest.ends_with('.'))
        }
        _ => wide == narrow,
    }
}

/// A glob covers itself, and a plain text that it matches. Without a slash it is about the name alone.
fn globs(wide: &Glob, narrow: &Glob) -> bool {
    let about_names = |glob: &Glob| !glob.as_str().contains('/');
    let literal = narrow.literal().filter(|_| about_names(wide) == about_names(narrow));
    wide.as_str() == narrow.as_str()
        || wide.as_str() == "**"
        || literal.is_some_and(|text| wide.matches(text))
}

fn ages(wide: &Age, narrow: &Age) -> bool {
    wide.over.is_none_or(|over| narrow.over.is_some_and(|narrow| narrow >= over))
        && wide.under.is_none_or(|under| narrow.under.is_some_and(|narrow| narrow <= under))
}
