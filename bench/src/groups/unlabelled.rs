//! What everybody else on the machine pays: a process outside of any session, daemon on ÷ daemon off.

use anyhow::Result;

use super::Effort;
use crate::{
    agent::Agent,
    arena::Arena,
    load::Nginx,
    measure::Spread,
    report::{Goal, Line, Unit},
    server::Server,
    setup::{Setup, State, order},
    worker::Task,
};

const STATES: [State; 4] = [State::Off, State::Alone, State::Untainted, State::Tainted];
const OPEN: &str = "open+close";
const REQUEST: &str = "request to nginx";

/// One kind of work: its name, and its times by state, round by round.
struct Series {
    name: &'static str,
    times: [Vec<f64>; STATES.len()],
}

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let server = Server::start()?;
    let nginx = Nginx::start(arena);
    let tasks = [
        (OPEN, Task::Open { path: arena.ordinary(), times: effort.of(200_000, 50_000) }),
        ("connect+close", Task::Connect { port: server.port, times: effort.of(4_000, 1_000) }),
        (
            "fork+exec of /bin/true",
            Task::Run {
                program: vec!["/bin/true".into()],
                at: arena.workspace(),
                times: effort.of(300, 100),
            },
        ),
    ];
    let named = tasks.iter().map(|(name, _)| *name).chain([REQUEST]);
    let mut series: Vec<Series> = named.map(|name| Series { name, times: Default::default() }).collect();
    let mut process = Agent::outside(arena)?;
    let mut setup = Setup::new(arena);
    for round in 0..effort.of(12, 3) {
        for state in order(round, STATES) {
            setup.arrange(state)?;
            let mut times = Vec::new();
            for (_, task) in &tasks {
                times.push(process.time(task)?);
            }
            if let Ok(nginx) = &nginx {
                times.push(1e9 / nginx.requests_per_second()?);
            }
            let column = STATES.iter().position(|known| *known == state).unwrap_or_default();
            for (series, time) in series.iter_mut().zip(times) {
                series.times[column].push(time);
            }
        }
    }
    let missing = nginx.err().map(|error| format!("{error:#}"));
    Ok(series.iter().flat_map(|series| lines(series, missing.as_deref())).collect())
}

fn lines(series: &Series, missing: Option<&str>) -> Vec<Line> {
    let [off, on @ ..] = &series.times;
    let beside = ["no session", "untainted session", "tainted session"];
    let mut lines = Vec::new();
    for (on, beside) in on.iter().zip(beside) {
        let name = format!("unlabelled: {}, {beside} ÷ no daemon", series.name);
        if let Some(missing) = missing.filter(|_| off.is_empty()) {
            lines.push(Line::not_measured(name, Unit::Ratio, missing));
            continue;
        }
        let line = Line::spread(name, Spread::of_ratios(on, off), Unit::Ratio);
        // The goal for the backends that need no syscall tracepoint is stricter: 1.01.
        lines.push(if series.name == OPEN { line.goal(Goal::AtMost(1.10)) } else { line });
    }
    if !off.is_empty() {
        let name = format!("unlabelled: {}, no daemon", series.name);
        lines.push(Line::spread(
            name,
            Spread::of(&off.iter().map(|ns| ns / 1e3).collect::<Vec<_>>()),
            Unit::Micros,
        ));
    }
    lines
}
