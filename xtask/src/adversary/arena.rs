//! The process that a batch of programs is played in: it moves into the network of [`world`], serves the stub there, has
//! several workers play, and says afterwards what arrived and what the daemon told.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::File,
    io::{self, BufRead as _, BufReader, Lines, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    stub::{self, Arrived},
    timeout::scaled,
    worker::{Ended, Job, Setting},
    world,
};

/// The words that make this program an arena or a worker.
pub const WORD: &str = "adversary-arena";
pub const WORKER: &str = "adversary-worker";

/// How long after the last program what arrives still counts for its batch. What comes later counts for the run.
const SETTLE: Duration = Duration::from_millis(700);
/// How long the daemon may take to tell that the batch's sessions have ended, and between two looks.
const TOLD: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What an arena needs to know once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    pub workers: Vec<Setting>,
    pub events: PathBuf,
}

/// One program, played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    pub number: u32,
    pub words: Vec<String>,
    pub killed: bool,
    /// What the daemon told of its session, by the events' names.
    pub events: BTreeMap<String, usize>,
}

impl Played {
    pub fn said(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    pub fn was(&self, event: &str) -> bool {
        self.events.contains_key(event)
    }
}

/// What is known after a batch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub played: Vec<Played>,
    /// All marks that arrived since the arena began.
    pub arrived: BTreeSet<u32>,
}

/// One JSON line in, one out: first the setup, then batches of jobs.
///
/// # Errors
/// There is no network, a worker fails, the daemon's events cannot be read.
pub fn serve() -> Result<()> {
    let mut lines = io::stdin().lines();
    let setup = lines.next().context("no setup")?.context("no setup")?;
    let setup: Setup = serde_json::from_str(&setup).context("the setup is wrong")?;
    world::enter()?;
    let arrived = Arc::new(Arrived::default());
    stub::serve(&arrived)?;
    let mut workers: Vec<Worker> = setup.workers.iter().map(Worker::start).collect::<Result<_>>()?;
    let mut events = Events { file: setup.events, place: 0, seen: BTreeMap::new() };
    for line in lines {
        let jobs: VecDeque<Job> =
            serde_json::from_str(&line.context("a batch cannot be read")?).context("a batch is wrong")?;
        let ended = play(&mut workers, jobs)?;
        thread::park_timeout(scaled(SETTLE));
        events.read_until_ended(&ended)?;
        let played = ended.into_iter().map(|ended| Played {
            number: ended.number,
            words: ended.words,
            killed: ended.killed,
            events: events.seen.remove(&ended.root).unwrap_or_default(),
        });
        let played = played.collect();
        events.seen.clear();
        let report = Report { played, arrived: arrived.marks().into_keys().collect() };
        let mut out = io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&report)?).context("nobody listens")?;
    }
    Ok(())
}

fn play(workers: &mut [Worker], jobs: VecDeque<Job>) -> Result<Vec<Ended>> {
    let queue = Mutex::new(jobs);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let results = thread::scope(|scope| {
        let next = &next;
        let running: Vec<_> = workers
            .iter_mut()
            .map(|worker| {
                scope.spawn(move || -> Result<Vec<Ended>> {
                    let mut ended = Vec::new();
                    while let Some(job) = next() {
                        ended.push(worker.play(&job)?);
                    }
                    Ok(ended)
                })
            })
            .collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for result in results {
        all.extend(result.map_err(|_| anyhow!("a thread of the arena panicked"))??);
    }
    all.sort_by_key(|ended| ended.number);
    Ok(all)
}

struct Worker {
    child: Child,
    jobs: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(setting: &Setting) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe().context("this program has no path")?)
            .arg(WORKER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a worker cannot be started")?;
        let (mut jobs, results) = pipes(&mut child)?;
        writeln!(jobs, "{}", serde_json::to_string(setting)?).context("a worker has ended")?;
        Ok(Self { child, jobs, results })
    }

    fn play(&mut self, job: &Job) -> Result<Ended> {
        writeln!(self.jobs, "{}", serde_json::to_string(job)?).context("a worker has ended")?;
        let line = self.results.next().context("a worker has ended")?.context("a worker cannot be heard")?;
        serde_json::from_str(&line).context("a worker's answer is wrong")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended
        let _ = self.child.wait();
    }
}

/// The ends of a child's standard streams.
///
/// # Errors
/// It has none.
pub fn pipes(child: &mut Child) -> Result<(ChildStdin, Lines<BufReader<ChildStdout>>)> {
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        bail!("a child has no pipes");
    };
    Ok((input, BufReader::new(output).lines()))
}

/// What the daemon tells, by the process that is the root of the session it is about.
struct Events {
    file: PathBuf,
    place: u64,
    seen: BTreeMap<u32, BTreeMap<String, usize>>,
}

impl Events {
    /// A session's end is the last that is told of it.
    fn read_until_ended(&mut self, sessions: &[Ended]) -> Result<()> {
        let until = Instant::now() + scaled(TOLD);
        loop {
            self.read()?;
            let has_ended = |root| self.seen.get(root).is_some_and(|seen| seen.contains_key("session-ended"));
            if sessions.iter().all(|session| has_ended(&session.root)) || Instant::now() > until {
                return Ok(());
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }

    fn read(&mut self) -> Result<()> {
        let text = more(&self.file, &mut self.place)?;
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).context("an event is no JSON")?;
            let Some(root) = root(&event) else { continue };
            if let Some(name) = event["event.action"].as_str() {
                *self.seen.entry(root).or_default().entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(())
    }
}

/// Whole lines that were written since `place`.
fn more(file: &Path, place: &mut u64) -> Result<String> {
    // There is no file before the first event.
    let Ok(mut file) = File::open(file) else { return Ok(String::new()) };
    if file.metadata().context("the daemon's events cannot be read")?.len() < *place {
        bail!("the daemon began its events anew: play fewer programs for each daemon");
    }
    let mut text = String::new();
    file.seek(SeekFrom::Start(*place)).context("the daemon's events cannot be read")?;
    file.read_to_string(&mut text).context("the daemon's events cannot be read")?;
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    *place += text.len() as u64;
    Ok(text)
}

/// Sessions have their root's number in their name: `PID-…`.
fn root(event: &Value) -> Option<u32> {
    event["interlock.session.id"].as_str()?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_session_is_known_by_its_root() {
        assert_eq!(
            root(&json!({ "interlock.session.id": "4711-99", "event.action": "connect" })),
            Some(4711)
        );
        assert_eq!(root(&json!({ "event.action": "records-lost" })), None);
    }

    #[test]
    fn only_whole_lines_are_read_and_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let (file, mut place) = (dir.path().join("e"), 0);
        assert_eq!(more(&file, &mut place).unwrap(), "");
        std::fs::write(&file, "{}\n{\"a").unwrap();
        assert_eq!(more(&file, &mut place).unwrap(), "{}\n");
        std::fs::write(&file, "{}\n{\"a\":1}\n").unwrap();
        assert_eq!(more(&file, &mut place).unwrap(), "{\"a\":1}\n");
        std::fs::write(&file, "").unwrap();
        assert!(more(&file, &mut place).is_err());
    }
}
