//! How long it takes until nothing of a large tree runs any more.

mod ways;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use self::ways::{Grove, Way};
use super::Effort;
use crate::{
    arena::Arena,
    daemon::Daemon,
    measure::quantile,
    report::{Goal, Line, Unit},
    setup, wait,
    worker::Task,
};

const SLEEPERS: u32 = 1_000;
const FORKERS: u32 = 4;
const GOAL: Goal = Goal::AtMost(20.0);

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (forkers, what) in [(0, "1,000 sleepers"), (FORKERS, "1,000 sleepers and 4 that fork without end")] {
        let daemon = Daemon::start(arena)?;
        let mut session = setup::session(arena, false)?;
        let grove = Grove::around(session.pid())?;
        session.perform(&Task::Populate { sleepers: SLEEPERS, forkers })?;
        let id = populated(&daemon)?;
        let (mut times, mut escaped) = (Vec::new(), 0.0);
        let mut others = Way::ALL.map(|way| (way, Vec::new(), 0));
        for _ in 0..effort.of(15, 3) {
            let frozen = freeze(&daemon, &id)?;
            times.push(
                frozen["interlock.freeze.took_us"].as_f64().context("the event has no freeze.took_us")? / 1e3,
            );
            escaped += frozen["interlock.freeze.still_running"]
                .as_array()
                .map_or(0.0, |running| running.len() as f64);
            daemon.client.post(&format!("/v1/sessions/{id}/thaw"))?;
            for (way, times, left) in &mut others {
                let (took, running) = grove.stop(*way)?;
                times.push(took.as_secs_f64() * 1e3);
                *left += running;
            }
        }
        lines.push(Line::new(format!("freeze: {what}, p50"), quantile(&times, 0.5), Unit::Millis).goal(GOAL));
        lines.push(
            Line::new(format!("freeze: {what}, worst"), quantile(&times, 1.0), Unit::Millis).goal(GOAL),
        );
        lines.push(
            Line::new(format!("freeze: {what}, still running"), escaped, Unit::Count).goal(Goal::AtMost(0.0)),
        );
        drop(session); // before its group
        for (way, times, left) in others {
            let name = way.name();
            let worst = format!("worst {:.2} ms, still running {left}", quantile(&times, 1.0));
            lines.push(
                Line::new(format!("freeze: {what}, {name}, p50"), quantile(&times, 0.5), Unit::Millis)
                    .note(worst),
            );
        }
    }
    Ok(lines)
}

/// The session, once all are there.
fn populated(daemon: &Daemon) -> Result<String> {
    wait::until("1,000 processes are in the session", Duration::from_secs(30), || {
        let sessions = daemon.client.get("/v1/sessions")?;
        let session = &sessions[0];
        let all = session["processes"].as_u64() > Some(u64::from(SLEEPERS));
        Ok(session["id"]
            .as_str()
            .filter(|_| all)
            .map(str::to_owned)
            .ok_or_else(|| session["processes"].to_string()))
    })
}

/// Freezes the session and gives the daemon's event about it.
fn freeze(daemon: &Daemon, id: &str) -> Result<Value> {
    daemon.client.post(&format!("/v1/sessions/{id}/freeze"))?;
    let events = daemon.client.events()?;
    let frozen = events.into_iter().rev().find(|event| event["event.action"] == "session-frozen");
    frozen.context("the freeze was answered, and there is no event of it")
}
