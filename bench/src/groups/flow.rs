//! Connections of a tainted session: what a request costs that a rule lets through, and how soon an approved one leaves.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Effort;
use crate::{
    agent::Agent,
    arena::Arena,
    daemon::Daemon,
    measure::quantile,
    report::{Goal, Line, Unit},
    server::Server,
    setup, wait,
    worker::Task,
};

/// No rule minds it; the name alone says so, because the server is on loopback.
const HARMLESS: &str = "docs.example.org";
/// An infrastructure API.
const INFRA: &str = "backboard.railway.app";
/// What a person takes at least.
const HELD: Duration = Duration::from_secs(1);
const LEAVES: Duration = Duration::from_secs(20);

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let server = Server::start()?;
    let daemon = Daemon::start(arena)?;
    let mut plain = setup::session(arena, false)?;
    let mut tainted = setup::session(arena, true)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..effort.of(1_000, 100) {
        without.push(request(&mut plain, &server)?.whole);
        with.push(request(&mut tainted, &server)?.whole);
    }
    let mut lines = Vec::new();
    for q in [0.5, 0.99] {
        let (base, now) = (quantile(&without, q), quantile(&with, q));
        let name = format!("flow: HTTP request released by rule, extra, p{:.0}", q * 100.0);
        let note = format!("{base:.0} µs untainted, {now:.0} µs tainted");
        lines.push(Line::new(name, now - base, Unit::Micros).note(note));
    }
    lines.extend(approvals(&daemon, &mut tainted, &server, effort)?);
    Ok(lines)
}

/// One request's times, µs.
pub struct Request {
    /// From connect to the whole answer.
    pub whole: f64,
    /// From the program's write to the first byte's arrival at the server.
    pub first_byte: f64,
}

pub fn request(process: &mut Agent, server: &Server) -> Result<Request> {
    let times = process.perform(&Task::Request { port: server.port, host: HARMLESS.into() })?;
    let [from, begun, written, answered] = times.as_slice() else {
        anyhow::bail!("the worker's answer to a request has {} numbers", times.len());
    };
    let arrived = server.arrival(*from as u16, LEAVES)?;
    Ok(Request { whole: (answered - begun) / 1e3, first_byte: (arrived - written) / 1e3 })
}

fn approvals(daemon: &Daemon, tainted: &mut Agent, server: &Server, effort: Effort) -> Result<Vec<Line>> {
    let (mut times, mut leaked) = (Vec::new(), 0.0);
    for _ in 0..effort.of(40, 5) {
        tainted.begin(&Task::Request { port: server.port, host: INFRA.into() })?;
        let hold = wait::until("the connection is held", Duration::from_secs(10), || {
            let holds = daemon.client.get("/v1/holds")?;
            Ok(holds[0]["id"].as_str().map(str::to_owned).ok_or_else(|| holds.to_string()))
        })?;
        if server.anything(HELD).is_some() {
            leaked += 1.0;
            tainted.finish()?;
            continue;
        }
        let approved = crate::measure::now_ns() as f64;
        daemon.client.post(&format!("/v1/holds/{hold}/approve"))?;
        let arrived = server.anything(LEAVES).context("an approved request did not leave within 20 s")?;
        times.push((arrived.at - approved) / 1e6);
        tainted.finish()?;
    }
    Ok(vec![
        Line::new("flow: held requests of which data left before the decision", leaked, Unit::Count)
            .goal(Goal::AtMost(0.0)),
        Line::new(
            "flow: from approval to the data leaving, held 1 s, p50",
            quantile(&times, 0.5),
            Unit::Millis,
        )
        .goal(Goal::AtMost(2.0)),
        Line::new(
            "flow: from approval to the data leaving, held 1 s, p99",
            quantile(&times, 0.99),
            Unit::Millis,
        )
        .goal(Goal::AtMost(20.0)),
    ])
}
