//! What a measured process does, told line by line on its standard input: `bench worker`.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::{
    bound,
    measure::{median_ns, nanos, now_ns},
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Median time of open+close, ns.
    Open { path: PathBuf, times: u32 },
    /// Median time of connect+close to a port of loopback, ns.
    Connect { port: u16, times: u32 },
    /// Median time of fork+exec+wait of a program in a directory, ns.
    Run { program: Vec<String>, at: PathBuf, times: u32 },
    /// Opens a file once.
    Read { path: PathBuf },
    /// One HTTP request for a host, at a port of loopback: local port; before connect, before write, after the answer,
    /// ns of the common clock.
    Request { port: u16, host: String },
    /// Opens a file in a tight loop by many threads: how often, and for how long, ns.
    Hammer { path: PathBuf, threads: u32, time: Duration },
    /// Starts processes that sleep, and processes that fork without end.
    Populate { sleepers: u32, forkers: u32 },
}

/// Performs tasks until standard input ends.
pub fn run() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut children = Vec::new();
    for line in io::stdin().lines() {
        let task: Task = serde_json::from_str(&line?).context("a task that is not understood")?;
        let answer = perform(&task, &mut children).map_err(|error| format!("{error:#}"));
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
    }
    for child in &mut children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

fn perform(task: &Task, children: &mut Vec<Child>) -> Result<Vec<f64>> {
    Ok(match task {
        Task::Open { path, times } => vec![median_ns(*times, 1000, || File::open(path).map(drop))?],
        Task::Connect { port, times } => vec![median_ns(*times, 20, || connect(*port))?],
        Task::Run { program, at, times } => vec![run_program(program, at, *times)?],
        Task::Read { path } => {
            io::copy(&mut File::open(path)?, &mut io::sink())?;
            Vec::new()
        }
        Task::Request { port, host } => request(*port, host)?,
        Task::Hammer { path, threads, time } => hammer(path, *threads, *time)?,
        Task::Populate { sleepers, forkers } => {
            populate(*sleepers, *forkers, children)?;
            Vec::new()
        }
    })
}

fn connect(port: u16) -> io::Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    // A reset leaves no port behind in TIME_WAIT.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    Ok(())
}

fn run_program(program: &[String], at: &PathBuf, times: u32) -> Result<f64> {
    let [program, arguments @ ..] = program else { bail!("expected a program") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(at).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    median_ns(times, 1, || {
        let status = command.status().with_context(|| format!("{program} cannot be started"))?;
        if status.success() { Ok(()) } else { bail!("{program} failed ({status})") }
    })
}

fn request(port: u16, host: &str) -> Result<Vec<f64>> {
    let begun = now_ns();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let local = stream.local_addr()?.port();
    let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let written = now_ns();
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("the server answered {:?}", String::from_utf8_lossy(&answer));
    }
    Ok(vec![f64::from(local), begun as f64, written as f64, now_ns() as f64])
}

fn hammer(path: &PathBuf, threads: u32, time: Duration) -> Result<Vec<f64>> {
    let (opens, start) = (AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        let writer = || -> io::Result<()> {
            while start.elapsed() < time {
                drop(File::open(path)?);
                opens.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let writers: Vec<_> = (0..threads).map(|_| scope.spawn(writer)).collect();
        writers.into_iter().try_for_each(|writer| match writer.join() {
            Ok(result) => Ok(result?),
            Err(_) => bail!("a writer failed"),
        })
    })?;
    Ok(vec![opens.into_inner() as f64, nanos(start.elapsed())])
}

fn populate(sleepers: u32, forkers: u32, children: &mut Vec<Child>) -> Result<()> {
    let bench = std::env::current_exe()?;
    let mut start = |program: &str, arguments: &[&str]| -> Result<()> {
        let mut command = bound::command(&bench, false, program.as_ref());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        children.push(command.spawn().context("a process cannot be started")?);
        Ok(())
    };
    for _ in 0..sleepers {
        start("/bin/sleep", &["600"])?;
    }
    for _ in 0..forkers {
        start("/bin/sh", &["-c", "while :; do /bin/true; done"])?;
    }
    Ok(())
}
