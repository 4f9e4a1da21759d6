//! The ledger: an append-only file of decisions, each record chained to the one before by its BLAKE3 hash.
//!
//! Any edit, any cut that is not at the very end and any reorder breaks the chain, and `verify` says where. A cut at the
//! end, or a file that was written anew as a whole, shows only against a head that was kept elsewhere: the daemon
//! publishes it as a metric and in the journal.
//!
//! Another program may rotate the file: the chain goes on in the next one, see [`rotation`].

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, fdatasync, flock, fsync};

pub mod chain;
pub mod record;
pub mod rotation;
pub mod verify;

pub use chain::Head;
pub use record::Record;
pub use rotation::Rotation;
pub use verify::{Fault, Summary, verify, verify_all};

use chain::Link;

/// Name of the file in the state directory.
pub const FILE: &str = "ledger.jsonl";
/// Longest record, bytes, with its line's end: evidence is a summary, not a dump.
pub const MAX_LINE: usize = 256 * 1024;
/// How much of the file's end is verified when it is opened, bytes. The whole is `verify`'s business.
const TAIL: u64 = 4 * MAX_LINE as u64;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{0} is in use by another process; only one daemon may write a ledger, so stop the other one first"
    )]
    Busy(PathBuf),
    #[error(
        "{path} does not hold together from byte {from} on (lines counted from there): {}; move it \
         elsewhere to start a new one, and keep it as evidence",
        list(faults)
    )]
    Broken { path: PathBuf, from: u64, faults: Vec<Fault> },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What a crash left at the end of the file: a record that was never acknowledged, now in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub moved_to: PathBuf,
    pub bytes: u64,
}

/// The ledger, open for appending. Dropping it releases the lock.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Length up to and with the last acknowledged record, bytes.
    length: u64,
    head: Head,
    torn: Option<Torn>,
    /// The last records may not be on the disk yet.
    ahead: bool,
    /// A record was neither written nor taken back: what the file holds is not known.
    unknown: bool,
    /// What was noticed of the file, for whoever asks.
    rotations: Vec<Rotation>,
}

impl Ledger {
    /// Opens the ledger in the directory `dir`, which is created where it is missing, and goes on with its chain.
    ///
    /// A torn last line is moved to `ledger.torn-<sequence number>` beside it, see [`Ledger::torn`].
    ///
    /// # Errors
    /// [`LedgerError`] where the file cannot be read, locked or written, or its last records do not hold together.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(FILE);
        let io = |action| {
            let path = path.clone();
            move |source| LedgerError::Io { action, path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(io("create the directory of"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(io("open"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LedgerError::Busy(path)),
            Err(error) => return Err(io("lock")(error.into())),
        }
        let tail = Tail::read(&mut file).map_err(io("read"))?;
        let head = tail.verify().map_err(|faults| LedgerError::Broken {
            path: path.clone(),
            from: tail.start,
            faults,
        })?;
        let length = tail.end();
        let torn = set_aside(dir, &file, &tail, head).map_err(io("repair the end of"))?;
        // Without this, a power cut could take the file's name with it.
        File::open(dir).and_then(|dir| Ok(fsync(dir)?)).map_err(io("make durable"))?;
        let (ahead, unknown, rotations) = (false, false, Vec::new());
        let mut ledger = Self { path, file, length, head, torn, ahead, unknown, rotations };
        if head == Head::START {
            ledger.go_on_after_others(dir).map_err(|source| LedgerError::Io {
                action: "go on after the files before",
                path: ledger.path.clone(),
                source,
            })?;
        }
        Ok(ledger)
    }

    /// Appends one record; when it returns, the record is on the disk.
    ///
    /// # Errors
    /// The system's error; the record is then taken back. `InvalidInput` where it is longer than [`MAX_LINE`]. Once a
    /// record could be neither written nor taken back, every call fails until the ledger is opened again.
    pub fn append(&mut self, record: Record) -> io::Result<Head> {
        let head = self.write(record, |file| Ok(fdatasync(file)?))?;
        self.ahead = false;
        Ok(head)
    }

    /// Appends one record; the next [`Ledger::append`] or [`Ledger::sync`] brings it to the disk.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn note(&mut self, record: Record) -> io::Result<Head> {
        let head = self.write(record, |_| Ok(()))?;
        self.ahead = true;
        Ok(head)
    }

    /// Whether records wait for [`Ledger::sync`].
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// When it returns, every record is on the disk.
    ///
    /// # Errors
    /// The system's error; nothing more is then written until the ledger is opened again.
    pub fn sync(&mut self) -> io::Result<Head> {
        self.ahead = false;
        if let Err(error) = fdatasync(&self.file) {
            self.unknown = true;
            return Err(error.into());
        }
        Ok(self.head)
    }

    fn write(&mut self, record: Record, settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Head> {
        if let Err(error) = self.look() {
            // Fails open: a record in a file that lies elsewhere is better than none.
            tracing::error!(path = %self.path.display(), %error, "the ledger was taken away and cannot be begun anew");
        }
        if self.unknown {
            return Err(io::Error::other(format!(
                "{} is in an unknown state after a failed write; restart the daemon to check and repair it",
                self.path.display()
            )));
        }
        let (line, head) = Link::after(self.head, record)?;
        if line.len() > MAX_LINE {
            let reason = format!("a ledger record of {} bytes is longer than {MAX_LINE}", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        if let Err(error) = self.file.write_all(&line).and_then(|()| settle(&self.file)) {
            let taken_back = self.file.set_len(self.length).and_then(|()| Ok(fdatasync(&self.file)?));
            // The disk tells an error once: what was noted before may be lost with this record.
            self.unknown = taken_back.is_err() || self.ahead;
            return Err(error);
        }
        self.length += line.len() as u64;
        self.head = head;
        Ok(head)
    }

    /// The last record's number and hash; number 0 in an empty ledger.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// What was moved aside when the ledger was opened.
    #[must_use]
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The end of the file, from the start of a line.
struct Tail {
    start: u64,
    whole: Vec<u8>,
    torn: Vec<u8>,
}

impl Tail {
    fn read(file: &mut File) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let from = length.saturating_sub(TAIL);
        let mut bytes = vec![0; usize::try_from(length - from).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, from)?;
        let skipped = match from {
            0 => 0,
            _ => bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1),
        };
        bytes.drain(..skipped);
        let torn = bytes.split_off(whole_lines(&bytes));
        Ok(Self { start: from + skipped as u64, whole: bytes, torn })
    }

    fn end(&self) -> u64 {
        self.start + self.whole.len() as u64
    }

    fn verify(&self) -> Result<Head, Vec<Fault>> {
        if self.start == 0 && !verify::continues(&self.whole) {
            return verify::lines(self.whole.as_slice(), Some(Head::START)).map(|summary| summary.head);
        }
        if self.whole.is_empty() {
            return Err(vec![Fault::NoRecord { bytes: TAIL }]);
        }
        verify::lines(self.whole.as_slice(), None).map(|summary| summary.head)
    }
}

/// Length of the lines that are whole. A power cut leaves a line without its end, or zeros where a page of it was not
/// written in time; no record contains either.
fn whole_lines(bytes: &[u8]) -> usize {
    let ended = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes.get(..ended).unwrap_or_default();
    let last = lines.strip_suffix(b"\n").unwrap_or(lines);
    let last_start = last.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if last.get(last_start..).is_some_and(|line| line.contains(&0)) { last_start } else { ended }
}

/// Copies what is torn to a file of its own, makes that durable, and only then takes it off the ledger.
fn set_aside(dir: &Path, ledger: &File, tail: &Tail, head: Head) -> io::Result<Option<Torn>> {
    if tail.torn.is_empty() {
        return Ok(None);
    }
    let (mut copy, moved_to) = new_file(dir, &format!("ledger.torn-{}", head.seq + 1))?;
    copy.write_all(&tail.torn)?;
    fsync(&copy)?;
    fsync(File::open(dir)?)?;
    ledger.set_len(tail.end())?;
    fsync(ledger)?;
    let bytes = tail.torn.len() as u64;
    tracing::warn!(path = %moved_to.display(), bytes, "the ledger's last line was torn and has been moved aside");
    Ok(Some(Torn { moved_to, bytes }))
}

/// A new file of that name, or of the next free one.
fn new_file(dir: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let path = new_name(dir, name)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((file, path))
}

/// `name`, or `name.1` … where a crash has torn the same record before: nothing is overwritten.
fn new_name(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let numbered = (1..=1000).map(|attempt| dir.join(format!("{name}.{attempt}")));
    let mut free =
        std::iter::once(dir.join(name)).chain(numbered).filter(|path| path.symlink_metadata().is_err());
    free.next().ok_or_else(|| {
        io::Error::other(format!("a thousand files {name}.* exist already; look at them and move them away"))
    })
}

#[cfg(test)]
mod tests;
