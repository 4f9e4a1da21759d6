//! The flow hold's proof: what a session sends arrives, then waits, then is refused; and the names it asks for are read.

use std::{io::Read as _, net::TcpStream, os::fd::AsFd as _, time::Duration};

use monitor_common::policy::{FLOW_DENIED, Flow, FlowVerdict, VERDICT_ALLOW};

use super::{
    act::{Act, Answer},
    attempt::Attempt,
    child::is_readable,
    evidence::{Mark, Trace},
    finding::{Finding, SESSION},
};

/// For a byte that was let through to arrive; loopback delivers before the sender goes on.
const ARRIVAL: Duration = Duration::from_millis(5);

/// Proves `egress`.
pub fn held(attempt: &mut Attempt<'_>) -> Finding {
    conversation(attempt).unwrap_or_else(|finding| finding)
}

fn conversation(attempt: &mut Attempt<'_>) -> Result<Finding, Finding> {
    passes(attempt, Act::Dial)?;
    if !is_readable(attempt.fixture.open.as_fd(), attempt.timeout) {
        return Err(Finding::NotTried("the connection did not arrive".into()));
    }
    let (mut stream, _) =
        attempt.fixture.open.accept().map_err(|error| Finding::NotTried(error.to_string()))?;
    // It must be the hold, not the network, that keeps the next byte.
    passes(attempt, Act::Talk)?;
    if !arrives(&mut stream, attempt.timeout) {
        return Err(Finding::NotTried("what nobody holds does not arrive".into()));
    }
    attempt.fixture.gate(attempt.maps).map_err(|error| Finding::NotTried(error.to_string()))?;
    let cookie = {
        let asked = |traces: &[Trace]| traces.iter().any(|trace| trace.mark == Mark::Ask);
        let observed = attempt.perform(Act::Talk, VERDICT_ALLOW, asked);
        observed.traces.iter().find(|trace| trace.mark == Mark::Ask).map(|trace| trace.cookie)
    };
    if arrives(&mut stream, ARRIVAL) {
        return Err(Finding::not_proven("held data arrived"));
    }
    let flow = cookie.and_then(|cookie| Some((cookie, attempt.maps.flow(cookie)?)));
    let Some((cookie, Flow { address, port, .. })) = flow else {
        return Err(Finding::not_proven("nobody was asked about the held data"));
    };
    let generation = attempt.maps.taint(SESSION).map_or(0, |taint| taint.generation);
    attempt
        .maps
        .decide_flow(cookie, FlowVerdict { address, port, counted: 0, verdict: FLOW_DENIED, generation })
        .map_err(|error| Finding::NotTried(error.to_string()))?;
    passes(attempt, Act::Talk)?;
    if arrives(&mut stream, ARRIVAL) {
        return Err(Finding::not_proven("refused data arrived"));
    }
    Ok(Finding::Proven)
}

/// What must go through for the rest to mean anything.
fn passes(attempt: &mut Attempt<'_>, act: Act) -> Result<(), Finding> {
    match attempt.perform(act, VERDICT_ALLOW, |_| true).answer {
        Some(Answer::Done) => Ok(()),
        Some(Answer::Unable(reason)) => Err(Finding::NotTried(reason)),
        Some(Answer::Failed(error)) => {
            Err(Finding::NotTried(std::io::Error::from_raw_os_error(error).to_string()))
        }
        None => Err(Finding::not_proven("the act has no end")),
    }
}

fn arrives(stream: &mut TcpStream, timeout: Duration) -> bool {
    is_readable(stream.as_fd(), timeout) && stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
}

/// Proves `ingress`: an answer from a server of names is read on its way in.
pub fn read_names(attempt: &mut Attempt<'_>) -> Finding {
    if attempt.fixture.names.is_none() {
        return Finding::NotTried("port 53 is taken at every address".into());
    }
    if let Err(finding) = passes(attempt, Act::AskName) {
        return finding;
    }
    let Some(names) = &attempt.fixture.names else { return Finding::not_proven("unreachable server") };
    let answered = is_readable(names.as_fd(), attempt.timeout)
        && names.recv_from(&mut [0; 16]).and_then(|(_, from)| names.send_to(b"answer", from)).is_ok();
    if !answered {
        return Finding::NotTried("the question did not arrive".into());
    }
    let read = attempt.wait_for(|trace| trace.mark == Mark::Dns);
    if read { Finding::Proven } else { Finding::not_proven("the answer was not read") }
}
