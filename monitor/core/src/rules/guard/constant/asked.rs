//! What `match` lets through, for the guard beside it.

use super::range::Range;
use crate::{
    rules::{conditions::Conditions, pattern::HostPattern},
    words::Word as _,
};

/// What `match` lets through of a variable.
pub fn asked(conditions: &Conditions, name: &str) -> Option<Range> {
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
        session,
        ..
    } = conditions;
    let texts = |list: Vec<String>| (!list.is_empty()).then(|| Range::of_texts(list));
    let words = |list: Vec<&str>| (!list.is_empty()).then(|| Range::of_texts(list));
    match name {
        "session.agent" => texts(agent.clone()),
        "session.incomplete" => session.as_ref()?.incomplete.map(Range::of_bool),
        "session.age" => {
            let age = session.as_ref()?.age;
            let nanoseconds =
                |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
            Some(Range::Number(
                age.over.map_or(0, |over| nanoseconds(over).saturating_add(1)),
                age.under.map_or(i64::MAX, |under| nanoseconds(under).saturating_sub(1)),
            ))
        }
        "process.owner" => process.as_ref()?.owner.map(Range::of_bool),
        "secret.class" => texts(secret.as_ref()?.class.clone()),
        "secret.entry" => texts(secret.as_ref()?.entry.clone()),
        "secret.grade" => words(secret.as_ref()?.grade.iter().map(|grade| grade.word()).collect()),
        "secret.foreign" => secret.as_ref()?.foreign.map(Range::of_bool),
        "secret.habit" => secret.as_ref()?.habit.map(Range::of_bool),
        "destination.class" => words(destination.as_ref()?.class.iter().map(|class| class.word()).collect()),
        "destination.provider" => texts(destination.as_ref()?.provider.clone()),
        "destination.named" => destination.as_ref()?.named.map(Range::of_bool),
        "destination.port" => {
            let ports = &destination.as_ref()?.port;
            Some(Range::Number(i64::from(*ports.iter().min()?), i64::from(*ports.iter().max()?)))
        }
        "destination.name" => {
            let exact = |host: &HostPattern| match host {
                HostPattern::Exact(name) => Some(name.clone()),
                _ => None,
            };
            texts(destination.as_ref()?.host.iter().map(exact).collect::<Option<_>>()?)
        }
        "environ.own" => environ.as_ref()?.own.map(Range::of_bool),
        "environ.how" => words(environ.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "inspect.own" => inspect.as_ref()?.own.map(Range::of_bool),
        "inspect.how" => words(inspect.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "delegate.service" => texts(delegate.as_ref()?.service.clone()),
        "delegate.how" => words(delegate.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "link.how" => words(link.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "lifecycle.stage" => lifecycle.map(|end| Range::of_texts([end.word()])),
        _ => None,
    }
}
