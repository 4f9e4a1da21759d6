//! What the daemon itself takes.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Effort, events};
use crate::{
    arena::Arena,
    daemon::Daemon,
    measure::{Spread, nanos},
    report::{Goal, Line, Unit},
    setup, wait,
};

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let mut ready = Vec::new();
    for _ in 0..effort.of(10, 3) {
        ready.push(nanos(Daemon::start(arena)?.took) / 1e6);
    }
    let daemon = Daemon::start(arena)?;
    let session = setup::session(arena, true)?;
    let (before, start) = (daemon.processor_ns()?, Instant::now());
    wait::pass(Duration::from_secs(effort.of(10, 3)))?;
    let idle = (daemon.processor_ns()? - before) / nanos(start.elapsed()) * 100.0;
    let resident = daemon.resident()?;
    drop(session);
    events::burst(arena, &daemon, 2, Duration::from_secs(effort.of(5, 1)))?;
    Ok(vec![
        Line::spread("daemon: ready after", Spread::of(&ready), Unit::Millis).goal(Goal::AtMost(300.0)),
        Line::new("daemon: processor, idle beside a session", idle, Unit::Percent).goal(Goal::AtMost(0.1)),
        Line::new("daemon: resident, idle", resident, Unit::Mebibytes).goal(Goal::AtMost(40.0)),
        Line::new("daemon: resident, after a burst of events", daemon.resident()?, Unit::Mebibytes)
            .goal(Goal::AtMost(40.0)),
    ])
}
