//! Events from the kernel: how many a second are judged while a session opens a secret as fast as it can.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Effort;
use crate::{
    arena::Arena,
    daemon::Daemon,
    report::{Goal, Line, Unit},
    setup, wait,
    worker::Task,
};

/// What one burst of opens became.
pub struct Burst {
    /// Opens a second.
    pub offered: f64,
    /// Judged a second, until nothing waited any more.
    pub judged: f64,
    pub opens: f64,
    pub lost: f64,
    /// Opens that are neither judged nor counted as lost.
    pub missing: f64,
}

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let time = Duration::from_secs(effort.of(5, 1));
    let mut lines = Vec::new();
    for threads in [1, 2, 8] {
        let burst = burst(arena, &Daemon::start(arena)?, threads, time)?;
        let name = format!("events: {threads} threads open a secret without pause");
        let note =
            format!("{:.0} k/s offered; {:.0} of {:.0} lost", burst.offered / 1e3, burst.lost, burst.opens);
        let judged = Line::new(format!("{name}, judged"), burst.judged, Unit::PerSecond).note(note);
        lines.push(judged.goal(Goal::AtLeast(200_000.0)));
        let missing =
            Line::new(format!("{name}, neither judged nor counted as lost"), burst.missing, Unit::Count);
        lines.push(missing.goal(Goal::AtMost(0.0)));
    }
    Ok(lines)
}

/// A new session's opens, and what the daemon made of them.
///
/// # Errors
/// The daemon does not come to rest within 120 s.
pub fn burst(arena: &Arena, daemon: &Daemon, threads: u32, time: Duration) -> Result<Burst> {
    let mut session = setup::session(arena, false)?;
    let before = counts(daemon)?;
    let start = Instant::now();
    let answer = session.perform(&Task::Hammer { path: arena.own_secret(), threads, time })?;
    let [opens, took] = answer.as_slice() else {
        anyhow::bail!("the worker's answer has {} numbers", answer.len())
    };
    let mut last = before;
    let mut at = start.elapsed();
    wait::until("the daemon has judged everything", Duration::from_secs(120), || {
        let now = counts(daemon)?;
        // An answer comes after everything that was there before the question.
        let rests = now == last;
        if !rests {
            (last, at) = (now, start.elapsed());
        }
        Ok(if rests { Ok(()) } else { Err(format!("{now:?}")) })
    })?;
    let (judged, lost) = (last.0 - before.0, last.1 - before.1);
    Ok(Burst {
        offered: opens / took * 1e9,
        judged: judged / at.as_secs_f64(),
        opens: *opens,
        lost,
        missing: (opens - judged - lost).max(0.0),
    })
}

/// Events, and records lost.
fn counts(daemon: &Daemon) -> Result<(f64, f64)> {
    let status = daemon.status()?;
    let events = status["events"].as_f64().context("the status has no events")?;
    let lost = status["lost"].as_object().context("the status has no losses")?;
    Ok((events, lost.values().filter_map(|count| count.as_f64()).sum()))
}
