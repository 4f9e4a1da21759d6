//! What `strace -f -y` wrote down: who ran what, opened, looked for and connected to.

mod line;

use std::{collections::BTreeMap, net::Ipv4Addr};

use interlock_core::catalog::normalise;
use serde::{Deserialize, Serialize};

use self::line::{Call, calls};

/// The system calls that [`read`] understands. Some are not there on every machine.
pub const CALLS: &str = "?open,openat,?openat2,?access,?faccessat,?faccessat2,?stat,?lstat,?newfstatat,statx,execve,?execveat,\
                         connect,chdir,?fork,?vfork,clone,?clone3,prctl";

/// A program as it looked when it did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    /// The path that was executed.
    pub exe: String,
    /// The name that its first thread gave itself; otherwise the first 15 bytes of the program's.
    pub comm: String,
    pub argv: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// To read it.
    Opened,
    /// To write it; it may not have been there before.
    Written,
    /// It was there, and was not opened.
    Present,
    Missing,
}

/// A file that a program wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub path: String,
    pub how: How,
    pub program: Program,
}

/// In the order that it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    pub looks: Vec<Look>,
    /// `(address, port)` of each connection or datagram, each once.
    pub connections: Vec<(Ipv4Addr, u16)>,
    /// Programs that were executed.
    pub programs: Vec<Program>,
}

#[derive(Clone, Debug)]
struct Process {
    program: Program,
    folder: String,
}

/// Reads a trace; `folder` is where the first process started.
#[must_use]
pub fn read(text: &str, folder: &str) -> Trace {
    let calls = calls(text);
    let mut reader = Reader { parents: parents(&calls), folder: folder.to_owned(), ..Reader::default() };
    for call in &calls {
        reader.call(call);
    }
    reader.trace
}

/// `child → (parent, is a thread of it)`; a child's calls can stand before the one that made it.
fn parents(calls: &[Call]) -> BTreeMap<u32, (u32, bool)> {
    let made = calls.iter().filter(|call| ["fork", "vfork", "clone", "clone3"].contains(&call.name.as_str()));
    made.filter_map(|call| {
        let child = call.number()?.try_into().ok()?;
        Some((child, (call.pid, call.rest.contains("CLONE_THREAD"))))
    })
    .collect()
}

#[derive(Default)]
struct Reader {
    parents: BTreeMap<u32, (u32, bool)>,
    processes: BTreeMap<u32, Process>,
    folder: String,
    trace: Trace,
}

impl Reader {
    /// The process that a thread belongs to.
    fn leader(&self, mut pid: u32) -> u32 {
        while let Some((parent, true)) = self.parents.get(&pid) {
            pid = *parent;
        }
        pid
    }

    fn process(&mut self, pid: u32) -> &mut Process {
        if !self.processes.contains_key(&pid) {
            let parent = self
                .parents
                .get(&pid)
                .map(|(parent, _)| self.leader(*parent))
                .filter(|parent| *parent != pid);
            let inherited = parent.and_then(|parent| self.processes.get(&parent)).cloned();
            let first = || Process { program: Program::default(), folder: self.folder.clone() };
            self.processes.insert(pid, inherited.unwrap_or_else(first));
        }
        // It was inserted just now.
        self.processes
            .entry(pid)
            .or_insert_with(|| Process { program: Program::default(), folder: String::new() })
    }

    fn call(&mut self, call: &Call) {
        let pid = self.leader(call.pid);
        match call.name.as_str() {
            "execve" | "execveat" => self.execute(pid, call),
            "chdir" if call.number() == Some(0) => {
                let path = self.path(pid, call, 0);
                self.process(pid).folder = path;
            }
            "prctl" if call.pid == pid && call.words.first().is_some_and(|word| word == "PR_SET_NAME") => {
                if let Some(name) = call.strings.first() {
                    self.process(pid).program.comm = name.clone();
                }
            }
            "connect" => self.connect(call),
            "open" | "openat" | "openat2" | "access" | "faccessat" | "faccessat2" | "stat" | "lstat"
            | "newfstatat" | "statx" => self.look(pid, call),
            _ => {}
        }
    }

    fn execute(&mut self, pid: u32, call: &Call) {
        let Some((path, argv)) = call.strings.split_first().filter(|_| call.number() == Some(0)) else {
            return;
        };
        let exe = absolute(&self.process(pid).folder, path);
        let name = exe.rsplit('/').next().unwrap_or_default();
        let comm = name.chars().take(15).collect();
        let program = Program { comm, argv: argv.to_vec(), exe };
        self.process(pid).program = program.clone();
        self.trace.programs.push(program);
    }

    fn look(&mut self, pid: u32, call: &Call) {
        if call.strings.first().is_none_or(String::is_empty) {
            return;
        }
        let opens = call.name.starts_with("open");
        let how = match call.number() {
            Some(_) if opens && call.rest.contains("O_DIRECTORY") => return,
            // A database is opened to be read and written, and made where it is not there.
            Some(_) if opens && ["O_WRONLY", "O_TRUNC"].iter().any(|flag| call.rest.contains(flag)) => {
                How::Written
            }
            Some(_) if opens => How::Opened,
            Some(_) => How::Present,
            None if call.result.contains("ENOENT") || call.result.contains("ENOTDIR") => How::Missing,
            None => How::Present,
        };
        let path = match &call.opened {
            Some(path) if how != How::Missing => path.clone(),
            _ => self.path(pid, call, 0),
        };
        let program = self.process(pid).program.clone();
        self.trace.looks.push(Look { path, how, program });
    }

    fn path(&mut self, pid: u32, call: &Call, index: usize) -> String {
        let path = call.strings.get(index).map_or("", String::as_str);
        let folder = call.folder.clone().unwrap_or_else(|| self.process(pid).folder.clone());
        absolute(&folder, path)
    }

    fn connect(&mut self, call: &Call) {
        let port = call.rest.split_once("htons(").and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
        let address =
            call.rest.split_once("inet_addr(\"").and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok());
        if let Some(place) = address.zip(port).filter(|place| !self.trace.connections.contains(place)) {
            self.trace.connections.push(place);
        }
    }
}

fn absolute(folder: &str, path: &str) -> String {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    normalise(&path)
}

#[cfg(test)]
mod tests;
