//! How long a rule's decision keeps a flow's first data waiting, beside the kernel's own ways to ask a process.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use super::{Effort, flow};
use crate::{
    arena::Arena,
    bound,
    daemon::Daemon,
    load::find,
    measure::{nanos, quantile},
    report::{Goal, Line, Unit},
    server::Server,
    setup,
};

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let server = Server::start()?;
    let notify = compiled(arena);
    let _daemon = Daemon::start(arena)?;
    let mut plain = setup::session(arena, false)?;
    let mut tainted = setup::session(arena, true)?;
    let (mut without, mut with, mut notified, mut stopped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.of(20, 4) {
        for _ in 0..50 {
            without.push(flow::request(&mut plain, &server)?.first_byte);
            with.push(flow::request(&mut tainted, &server)?.first_byte);
        }
        if let Ok(program) = &notify {
            notified.extend(notifications(program)?);
        }
        stopped.extend(stops()?);
    }
    let median = quantile(&with, 0.5) - quantile(&without, 0.5);
    let seldom = quantile(&with, 0.99) - quantile(&without, 0.99);
    let mut lines = Vec::new();
    let name = "hold: first data released by rule, extra, p50";
    let p50 = Line::new(name, median, Unit::Micros);
    if notify.is_ok() {
        let seccomp = quantile(&notified, 0.5);
        lines.push(p50.goal(Goal::AtMost(2.0 * seccomp)));
        let note = format!("p99 {:.1} µs", quantile(&notified, 0.99));
        lines.push(Line::new("hold: seccomp user notification, p50", seccomp, Unit::Micros).note(note));
    } else {
        lines.push(p50);
    }
    let note =
        format!("{:.1} µs untainted, {:.1} µs tainted", quantile(&without, 0.99), quantile(&with, 0.99));
    lines.push(
        Line::new("hold: first data released by rule, extra, p99", seldom, Unit::Micros)
            .goal(Goal::AtMost(200.0))
            .note(note),
    );
    let note = format!("p99 {:.1} µs", quantile(&stopped, 0.99));
    lines.push(
        Line::new("hold: SIGSTOP and SIGCONT, each seen, p50", quantile(&stopped, 0.5), Unit::Micros)
            .note(note),
    );
    if let Err(error) = notify {
        let name = "hold: seccomp user notification, p50";
        lines.push(Line::not_measured(name, Unit::Micros, format!("{error:#}")));
    }
    Ok(lines)
}

/// Compiles the supervisor; in C, because every way to it from Rust needs `unsafe` or libseccomp.
fn compiled(arena: &Arena) -> Result<std::path::PathBuf> {
    let compiler = find("cc").context("no C compiler is installed")?;
    let (source, program) = (arena.path().join("notify.c"), arena.path().join("notify"));
    std::fs::write(&source, include_str!("../../c/notify.c"))?;
    let ended = Command::new(compiler).arg("-O2").arg("-o").arg(&program).arg(&source).output()?;
    if !ended.status.success() {
        bail!("cc failed: {}", String::from_utf8_lossy(&ended.stderr));
    }
    Ok(program)
}

/// Round trips of seccomp's user notification, µs.
fn notifications(program: &std::path::Path) -> Result<Vec<f64>> {
    let ended = Command::new(program).arg("500").stdin(Stdio::null()).output()?;
    if !ended.status.success() {
        bail!("the seccomp supervisor failed: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    text.lines().map(|line| Ok(line.parse::<f64>()? / 1e3)).collect()
}

/// Round trips of stopping and continuing a process, each seen by its parent, µs.
fn stops() -> Result<Vec<f64>> {
    let bench = std::env::current_exe()?;
    let mut child = bound::command(&bench, false, "/bin/sleep".as_ref())
        .arg("600")
        .stdin(Stdio::null())
        .spawn()
        .context("sleep cannot be started")?;
    let times = (0..200).map(|_| stop(&child)).collect();
    bound::end(&mut child);
    times
}

fn stop(child: &Child) -> Result<f64> {
    let pid = Pid::from_child(child);
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let start = std::time::Instant::now();
    for (signal, seen) in [(Signal::STOP, WaitIdOptions::STOPPED), (Signal::CONT, WaitIdOptions::CONTINUED)] {
        pidfd_send_signal(&process, signal)?;
        waitid(WaitId::Pid(pid), seen)?;
    }
    Ok(nanos(start.elapsed()) / 1e3)
}
