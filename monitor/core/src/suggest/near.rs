//! Near misses: what a proposal allows besides what was seen, and what it still leaves to the rule, found by judging
//! variations of the session.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use super::exception::Exception;
use crate::{
    facts::{Destination, SecretAccess, Subject},
    replay::{Entry, Record, RecordedFact},
    rules::RuleSet,
};

const ARGUMENTS: &str = "with any other arguments";
/// Goes without saying where any others are allowed.
const DIVIDED: &str = "with these words divided otherwise into arguments";

/// The same session but for one thing.
struct Variation {
    text: &'static str,
    /// Changes the session up to its last entry, which the exception excuses; false where it has nothing of the kind.
    change: fn(&mut [Entry]) -> bool,
}

const VARIATIONS: [Variation; 9] = [
    Variation { text: "by any other program", change: other_program },
    Variation { text: ARGUMENTS, change: other_arguments },
    Variation { text: DIVIDED, change: other_division },
    Variation { text: "with any other secret", change: other_secret },
    Variation { text: "with any other host", change: other_host },
    Variation { text: "with any other port", change: other_port },
    Variation { text: "with any other process", change: other_target },
    Variation { text: "by any other way to that service", change: other_way },
    Variation { text: "by any other agent", change: other_agent },
];

/// Of exceptions that ask what was touched.
const OF_THE_PAST: [Variation; 3] = [
    Variation {
        text: "after any other secret of that class and grade was read instead",
        change: other_touch,
    },
    Variation { text: "after a secret of another class was read instead", change: other_class },
    Variation { text: "after secrets of other classes were read as well", change: one_more_touch },
];

/// What else is allowed, and what is decided as before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Width {
    pub allowed: Vec<&'static str>,
    pub stays: Vec<&'static str>,
}

/// Varies the session up to the entry at `place`, which `exception` excuses, and judges it without and with the exception.
pub fn width(
    record: &Record,
    place: usize,
    exception: &Exception,
    before: &Arc<RuleSet>,
    after: &Arc<RuleSet>,
) -> Width {
    let past = OF_THE_PAST.iter().filter(|_| exception.asks_the_past());
    let mut width = Width::default();
    for variation in VARIATIONS.iter().chain(past) {
        let mut entries = record.entries.get(..=place).unwrap_or_default().to_vec();
        let goes_without_saying = variation.text == DIVIDED && width.allowed.contains(&ARGUMENTS);
        if goes_without_saying || !(variation.change)(&mut entries) {
            continue;
        }
        let varied = Record { header: record.header.clone(), entries, ..Record::default() };
        let matches = |rules: &Arc<RuleSet>| {
            let ruled = varied.judge(rules);
            let decisions = ruled.last().map(|ruled| &ruled.decisions);
            decisions.is_some_and(|all| all.iter().any(|decision| decision.rule == exception.rule))
        };
        match (matches(before), matches(after)) {
            (true, true) => width.stays.push(variation.text),
            (true, false) => width.allowed.push(variation.text),
            (false, _) => {} // the rule itself says nothing of it
        }
    }
    width
}

fn last(entries: &mut [Entry]) -> Option<&mut RecordedFact> {
    entries.last_mut().map(|entry| &mut entry.fact)
}

fn other_program(entries: &mut [Entry]) -> bool {
    let Some(RecordedFact::Done { process, .. }) = last(entries) else { return false };
    process.executable.push_str(".other");
    true
}

fn other_arguments(entries: &mut [Entry]) -> bool {
    let Some(RecordedFact::Done { process, .. }) = last(entries) else { return false };
    process.args = process.args.iter().cloned().chain(["--other".to_owned()]).collect();
    true
}

/// Rules see the arguments joined by spaces.
fn other_division(entries: &mut [Entry]) -> bool {
    let Some(RecordedFact::Done { process, .. }) = last(entries) else { return false };
    let [rest @ .., before, end] = &*process.args else { return false };
    process.args = rest.iter().cloned().chain([format!("{before} {end}")]).collect();
    true
}

fn other_secret(entries: &mut [Entry]) -> bool {
    let secret = match last(entries) {
        Some(RecordedFact::Done { subject: Subject::Open(secret) | Subject::Probe(secret), .. }) => secret,
        Some(RecordedFact::Done { subject: Subject::Link(relink), .. }) => &mut relink.secret,
        _ => return false,
    };
    secret.path.push_str(".other");
    true
}

fn destination(entries: &mut [Entry]) -> Option<&mut Destination> {
    match last(entries) {
        Some(RecordedFact::Done { subject: Subject::Connect(to) | Subject::Handshake(to), .. }) => Some(to),
        _ => None,
    }
}

fn other_host(entries: &mut [Entry]) -> bool {
    let Some(to) = destination(entries) else { return false };
    match &mut to.name {
        Some(name) => *name = format!("other.{name}"),
        None => to.address = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 254)), // TEST-NET-3, RFC 5737
    }
    true
}

fn other_port(entries: &mut [Entry]) -> bool {
    let Some(to) = destination(entries) else { return false };
    to.port = if to.port == 8443 { 443 } else { 8443 };
    true
}

/// The process that was reached into, or whose environment was read.
fn other_target(entries: &mut [Entry]) -> bool {
    let target = match last(entries) {
        Some(RecordedFact::Done { subject: Subject::Environ(access), .. }) => &mut access.target,
        Some(RecordedFact::Done { subject: Subject::Inspect(access), .. }) => &mut access.target,
        _ => return false,
    };
    *target = target.wrapping_add(1);
    true
}

fn other_way(entries: &mut [Entry]) -> bool {
    let Some(RecordedFact::Done { subject: Subject::Delegate(asked), .. }) = last(entries) else {
        return false;
    };
    asked.path.push_str(".other");
    true
}

fn other_agent(entries: &mut [Entry]) -> bool {
    entries.iter_mut().for_each(|entry| entry.agent.push_str("-other"));
    true
}

fn touched(entry: &mut Entry) -> Option<&mut SecretAccess> {
    match &mut entry.fact {
        RecordedFact::Done { subject: Subject::Open(secret), .. } if !secret.owner => Some(secret),
        _ => None,
    }
}

/// Whether any was there.
fn each_touch(entries: &mut [Entry], change: fn(&mut SecretAccess)) -> bool {
    entries.iter_mut().filter_map(touched).map(change).count() > 0
}

fn other_touch(entries: &mut [Entry]) -> bool {
    each_touch(entries, |secret| secret.path.push_str(".other"))
}

fn other_class(entries: &mut [Entry]) -> bool {
    each_touch(entries, |secret| secret.class.push_str("-other"))
}

/// What came before the first touch, if anything did, becomes a second one.
fn one_more_touch(entries: &mut [Entry]) -> bool {
    let Some(place) = entries.iter_mut().position(|entry| touched(entry).is_some()) else { return false };
    let (Some(mut more), Some(first)) = (entries.get(place).cloned(), place.checked_sub(1)) else {
        return false;
    };
    if let Some(secret) = touched(&mut more) {
        secret.path.push_str(".more");
        secret.class.push_str("-more");
    }
    entries.get_mut(first).map(|earlier| *earlier = more).is_some()
}
