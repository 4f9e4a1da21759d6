//! From the kernel's records to acts: each record becomes a fact, and the fact is judged.

pub mod files;
pub mod judge;
pub mod lifecycle;
pub mod network;
pub mod processes;
pub mod services;
pub mod surveying;
pub mod tamper;

use crate::daemon::context::Context;
use interlock_host::{
    clock::boot_now,
    probes::{Record, ring_merger::RingMerger, selftest},
};

use self::{
    files::{environ, opens},
    lifecycle::recognise,
    network::{asks, connects, meetings, naming},
    services::delegate,
};

fn handle(ctx: &mut Context, record: Record<'_>) {
    if record.header().session == selftest::SESSION.0 {
        return; // the proof's own, read too late for it
    }
    match record {
        Record::Fork(fork) => processes::on_fork(&mut ctx.decider.sessions, fork),
        Record::Exec(exec) => processes::on_exec(ctx, exec),
        Record::Candidate(candidate) => recognise::on_candidate(ctx, candidate),
        Record::Exit(exit) => processes::on_exit(ctx, exit),
        Record::Open(open) => opens::on_open(ctx, open),
        Record::Probe(probe) => opens::on_probe(ctx, probe),
        Record::ProcOpen(open) => environ::on_proc_open(ctx, open),
        Record::Execute(execute) => processes::on_execute(ctx, execute),
        Record::Tamper(attempt) => tamper::on_tamper(ctx, attempt),
        Record::Connect(connect) => connects::on_connect(ctx, connect),
        Record::FlowAsk(ask) => asks::on_flow_ask(ctx, ask),
        Record::Greeting(shown) => naming::on_greeting(ctx, shown),
        Record::FlowClosed(closed) => asks::on_flow_closed(ctx, closed),
        Record::Dns(dns) => naming::on_dns(ctx, dns),
        Record::Delegate(delegate) => delegate::on_delegate(ctx, delegate),
        Record::Relink(relink) => opens::on_relink(ctx, relink),
        Record::Write(write) => delegate::on_write(ctx, write),
        Record::Socket(socket) => tamper::on_socket(&mut ctx.reporter, &ctx.decider.sessions, socket),
        Record::Meeting(meeting) => meetings::on_meeting(ctx, meeting),
    }
}

/// Handles what both rings hold, in the order it happened. One batch: a tree that forks as fast as it can must not keep
/// a person waiting.
pub fn drain(ctx: &mut Context) {
    let mut rings = std::mem::take(&mut ctx.kernel.rings);
    rings.read(&mut ctx.kernel.probes.access, &mut ctx.kernel.probes.lifecycle);
    handle_all(ctx, &mut rings);
    ctx.kernel.rings = rings;
}

pub fn handle_all(ctx: &mut Context, rings: &mut RingMerger) {
    while let Some(record) = rings.take() {
        match record {
            Ok(record) => handle(ctx, record),
            Err(_) => ctx.reporter.undecodable += 1,
        }
    }
    rings.compact();
}

/// Handles everything that has happened so far, and not what a busy session goes on doing meanwhile.
pub fn catch_up(ctx: &mut Context) {
    let now = boot_now();
    while ctx.kernel.rings.complete_up_to() < now {
        drain(ctx);
    }
}
