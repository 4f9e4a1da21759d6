//! Opening a ledger, and appending to it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::{FlockOperation, fdatasync, flock, fsync};

use super::{
    chain::{Head, Link, MAX_LINE},
    error::LedgerError,
    kept::{Before, HeadFile},
    pending::Start,
    record::Record,
    state::{FILE, Ledger},
    tail::Tail,
};

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
        // Without this, a power cut could take the file's name with it.
        File::open(dir).and_then(|dir| Ok(fsync(dir)?)).map_err(io("make durable"))?;
        let (kept, before) = HeadFile::open(dir);
        let found = End::of(&mut file, &path, &before)?;
        let mut ledger = Self {
            path,
            file,
            length: found.length,
            head: found.head,
            torn: None,
            ahead: false,
            unknown: false,
            rotations: Vec::new(),
            tree: None,
            kept,
            pending: None,
            doubts: found.doubt.into_iter().collect(),
        };
        if let Err(error) = ledger.begin(Start { before, is_broken: found.is_broken }) {
            // Fails open: freezing and denying need no ledger. No record is written before it is in order, and that is told.
            tracing::error!(path = %ledger.path.display(), %error, "the ledger cannot be put in order yet; it is tried again");
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
        self.keep_head();
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
    /// The system's error; what waited may be lost, and nothing more is written until the ledger is opened again.
    pub fn sync(&mut self) -> io::Result<Head> {
        self.ahead = false;
        // The kernel tells an error once: that the next call succeeds says nothing of what waited for this one.
        self.is_known()?;
        if let Err(error) = fdatasync(&self.file) {
            self.unknown = true;
            return Err(error.into());
        }
        self.keep_head();
        Ok(self.head)
    }

    fn is_known(&self) -> io::Result<()> {
        if !self.unknown {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} is in an unknown state after a failed write; restart the daemon to check and repair it",
            self.path.display()
        )))
    }

    fn write(&mut self, record: Record, settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Head> {
        if let Err(error) = self.look() {
            if self.pending.is_some() {
                return Err(error); // closed: what lies there is evidence, and no place to go on
            }
            // Fails open: a record in a file that lies elsewhere is better than none.
            tracing::error!(path = %self.path.display(), %error, "the ledger cannot go on at its name yet; it is tried again");
        }
        self.is_known()?;
        let (line, head) = Link::after(self.head, record)?;
        if line.len() > MAX_LINE {
            let reason = format!("a ledger record of {} bytes is longer than {MAX_LINE}", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let written = self.file.write_all(&line).map_err(|error| (error, false));
        if let Err((error, settling)) =
            written.and_then(|()| settle(&self.file).map_err(|error| (error, true)))
        {
            let taken_back = self.file.set_len(self.length).and_then(|()| Ok(fdatasync(&self.file)?));
            // The disk tells an error once: what was noted before may be lost with a record that did not settle. Where there
            // was no room for its line, what stands before it is on the disk by now.
            self.unknown = taken_back.is_err() || (settling && self.ahead);
            return Err(error);
        }
        self.length += line.len() as u64;
        self.head = head;
        if let Some(tree) = &mut self.tree {
            tree.push(&line);
        }
        Ok(head)
    }
}

/// Where a ledger that is opened goes on.
struct End {
    length: u64,
    head: Head,
    is_broken: bool,
    /// What is to be told of it.
    doubt: Option<String>,
}

impl End {
    /// Where the file's last records do not hold together, it ends with the one that was acknowledged last. Where nobody knows
    /// that one, only a person can say what is to become of the file.
    fn of(file: &mut File, path: &Path, before: &Before) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { action: "read", path: path.to_owned(), source };
        let tail = Tail::read(file).map_err(io)?;
        let faults = match tail.verify() {
            Ok(head) => return Ok(Self { length: tail.end(), head, is_broken: false, doubt: None }),
            Err(faults) => faults,
        };
        let Before::Kept(kept) = before else {
            return Err(LedgerError::Broken { path: path.to_owned(), from: tail.start, faults });
        };
        let length = file.metadata().map_err(io)?.len();
        let head = kept.head;
        let is_there = kept.length <= length
            && Tail::read_to(file, kept.length)
                .map_err(io)?
                .verify_to(kept.length)
                .is_some_and(|found| found == head);
        if !is_there {
            return Ok(Self { length, head, is_broken: true, doubt: None });
        }
        let doubt = format!(
            "{} does not hold together behind record {}, which was acknowledged last: {} bytes were moved aside as ledger.torn-{}",
            path.display(),
            head.seq,
            length - kept.length,
            head.seq + 1
        );
        Ok(Self { length: kept.length, head, is_broken: false, doubt: Some(doubt) })
    }
}
