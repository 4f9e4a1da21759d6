//! What a decision costs beside the person: from the request to the answer, and its records on the disk.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use interlock::ledger::{Ledger, Record};
use interlock_core::{
    facts::SessionId,
    record::{Entry, Kind, Who},
};
use jiff::Timestamp;
use rustix::{
    fs::fdatasync,
    time::{ClockId, clock_gettime},
};

use super::Effort;
use crate::{
    arena::Arena,
    daemon::Daemon,
    measure::{Spread, nanos, now_ns, quantile},
    report::{Goal, Line, Unit},
    server::Server,
    setup, wait,
    worker::Task,
};

const INFRA: &str = "backboard.railway.app";
const LEAVES: Duration = Duration::from_secs(20);
/// Records that go to the disk together, and how many of them in all: each by itself, as a person's decision does, and what a session does
/// in a busier and busier turn.
const BURSTS: [(usize, usize); 4] = [(1, 1_000), (10, 10_000), (100, 10_000), (1_000, 10_000)];

pub fn measure(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let mut lines = approvals(arena, effort)?;
    lines.extend(bursts(arena.path(), effort)?);
    Ok(lines)
}

/// When the answer has come, the verdict is in the kernel; the first byte at the other end shows that it was.
fn approvals(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let server = Server::start()?;
    let daemon = Daemon::start(arena)?;
    let mut tainted = setup::session(arena, true)?;
    let mut probe = sync_probe(arena.path())?;
    let (mut answered, mut left, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.of(200, 50) {
        tainted.begin(&Task::Request { port: server.port, host: INFRA.into() })?;
        let hold = wait::until("the connection is held", Duration::from_secs(10), || {
            let holds = daemon.client.get("/v1/holds")?;
            Ok(holds[0]["id"].as_str().map(str::to_owned).ok_or_else(|| holds.to_string()))
        })?;
        ensure!(server.anything(Duration::from_millis(20)).is_none(), "data left before the decision");
        synced.push(probe()?);
        let asked = now_ns();
        daemon.client.post(&format!("/v1/holds/{hold}/approve"))?;
        answered.push((now_ns() - asked) as f64 / 1e6);
        let arrived = server.anything(LEAVES).context("an approved request did not leave within 20 s")?;
        left.push((arrived.at - asked as f64) / 1e6);
        tainted.finish()?;
    }
    let mut lines = Vec::new();
    for (what, times) in [
        ("from an approval's request to its answer", &answered),
        ("from an approval's request to the first byte at the other end", &left),
        ("one record and fdatasync on the same disk, between them", &synced),
    ] {
        for q in [0.5, 0.99] {
            let name = format!("decision: {what}, p{:.0}", q * 100.0);
            lines.push(Line::new(name, quantile(times, q), Unit::Millis));
        }
    }
    Ok(lines)
}

/// A line as long as an approval's record, appended and brought to the disk; gives how long that takes, ms.
fn sync_probe(place: &Path) -> Result<impl FnMut() -> Result<f64>> {
    let mut file = File::create(place.join("probe"))?;
    let line = [b'x'; 600];
    Ok(move || {
        let start = Instant::now();
        file.write_all(&line)?;
        fdatasync(&file)?;
        Ok(nanos(start.elapsed()) / 1e6)
    })
}

/// What a burst took, ms: by the clock, and of a processor, which others' work does not lengthen.
struct Took {
    wall: f64,
    processor: f64,
}

/// Begins to measure; the returned function ends that.
fn stopwatch() -> impl FnOnce() -> Took {
    let on_processor = || {
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
    };
    let (start, before) = (Instant::now(), on_processor());
    move || Took { wall: nanos(start.elapsed()) / 1e6, processor: on_processor() - before }
}

fn bursts(place: &Path, effort: Effort) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (batch, records) in BURSTS {
        let (mut ledgers, mut plains) = (Vec::new(), Vec::new());
        for round in 0..effort.of(5, 3) {
            let directory = place.join(format!("burst-{batch}-{round}"));
            let (ledger, written) = ledger_burst(&directory, batch, records)?;
            ledgers.push(ledger);
            plains.push(plain_burst(&directory.join("plain"), &written, batch)?);
            std::fs::remove_dir_all(&directory)?;
        }
        let name = format!(
            "decision: {records} ledger records, {batch} to the disk at once, ÷ a plain fdatasync loop"
        );
        let wall = |times: &[Took]| times.iter().map(|took| took.wall).collect::<Vec<f64>>();
        let processor = |times: &[Took]| {
            quantile(&times.iter().map(|took| took.processor).collect::<Vec<f64>>(), 0.5) * 1e3
                / records as f64
        };
        let note = format!(
            "{:.0} ms and {:.0} ms; of the processor {:.1} and {:.1} µs a record",
            quantile(&wall(&ledgers), 0.5),
            quantile(&wall(&plains), 0.5),
            processor(&ledgers),
            processor(&plains)
        );
        let ratio = Spread::of_ratios(&wall(&ledgers), &wall(&plains));
        lines.push(Line::spread(name, ratio, Unit::Ratio).goal(Goal::AtMost(2.0)).note(note));
    }
    Ok(lines)
}

/// Appends a burst to a new ledger, as the daemon does: notes, and one sync for each turn. Gives the time, and what the file holds.
fn ledger_burst(directory: &Path, batch: usize, records: usize) -> Result<(Took, Vec<u8>)> {
    let mut ledger = Ledger::open(directory)?;
    let stop = stopwatch();
    for number in 0..records {
        ledger.note(record(number))?;
        if (number + 1) % batch == 0 {
            ledger.sync()?;
        }
    }
    let took = stop();
    let path = ledger.path().to_owned();
    drop(ledger);
    Ok((took, std::fs::read(path)?))
}

/// The same bytes in the same batches, each written at once.
fn plain_burst(path: &Path, written: &[u8], batch: usize) -> Result<Took> {
    let lines: Vec<&[u8]> = written.split_inclusive(|byte| *byte == b'\n').collect();
    let batches: Vec<Vec<u8>> = lines.chunks(batch).map(<[&[u8]]>::concat).collect();
    let mut file = File::create(path)?;
    let stop = stopwatch();
    for batch in batches {
        file.write_all(&batch)?;
        fdatasync(&file)?;
    }
    Ok(stop())
}

fn record(number: usize) -> Record {
    let destination = "backboard.railway.app:443 (66.33.22.1)";
    let detail = [
        ("hold", format!("h{number}").into()),
        ("destination", destination.into()),
        ("evidence", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into()),
    ];
    let entry = Entry::noted(Kind::Hold, Who::Rule("infra-after-secret".into()), SessionId(7), detail);
    Record::of(entry, Timestamp::now())
}
