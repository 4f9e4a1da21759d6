//! What a session had read before a decision, who read it, and what of that is not known.

use interlock_core::{
    decide::Decision,
    explanation::{Read, ReadBy},
    rules::{Reader, Touch, Trace},
    sessions::Registry,
};
use interlock_host::clock::Wall;

/// Secrets that the session had read, the last first.
pub fn read_before(wall: &Wall, decision: &Decision, trace: &Trace) -> Vec<Read> {
    let Decision { fact, past, .. } = decision;
    let counts = |touch: &Touch| {
        trace.verdict.matches.iter().any(|found| {
            let rule = &found.rule;
            let touched = rule.conditions.touched.as_ref();
            touched.is_some_and(|wanted| touch.fits(wanted, fact.at, fact.subject.destination()))
                || rule.after.as_ref().is_some_and(|steps| past.was_a_step(steps, &touch.path, fact.at))
        })
    };
    let read = past.touches().iter().rev().map(|touch| {
        let before = fact.at.since(touch.at);
        Read {
            path: touch.path.clone(),
            class: touch.class.clone(),
            grade: touch.grade,
            foreign: touch.foreign,
            at: wall.at(touch.at),
            before_ms: u64::try_from(before.as_millis()).unwrap_or(u64::MAX),
            counts: counts(touch),
            by: touch.readers.last.as_deref().map(|reader| read_by(wall, reader)),
            first_by: touch.readers.first.as_deref().map(|reader| read_by(wall, reader)),
            others_between: touch.readers.more,
        }
    });
    read.collect()
}

fn read_by(wall: &Wall, reader: &Reader) -> ReadBy {
    ReadBy {
        at: wall.at(reader.at),
        pid: reader.pid,
        executable: reader.executable.clone(),
        command: reader.command.clone(),
        lineage: reader.lineage.to_vec(),
    }
}

/// Why something may be missing among what was read before.
pub fn unknown_before(sessions: &Registry, decision: &Decision) -> Vec<String> {
    let Decision { fact, past, .. } = decision;
    let mut unknown = Vec::new();
    let before = sessions.get(fact.session).map(|session| session.touched_before.as_slice());
    if let Some(before @ [_, ..]) = before {
        let files = before.join("; ");
        unknown.push(format!(
            "an earlier daemon saw the session read these; when, and which process, did not survive its restart: {files}"
        ));
    }
    if fact.incomplete {
        unknown.push(
            "records of the session were lost, or it ran while no daemon did: it may have read more than is told here, \
             and who read that is not known"
                .to_owned(),
        );
    }
    if past.evicted() > 0 {
        unknown.push(format!(
            "the session did more than is remembered of one: {} entries made room, and what they were is not known any more",
            past.evicted()
        ));
    }
    unknown
}
