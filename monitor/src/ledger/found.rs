//! A ledger that is opened, against the head that was kept of it.

use std::{
    fs::File,
    io::{self, BufReader, Seek as _, SeekFrom},
    ops::ControlFlow,
    path::Path,
    time::Duration,
};

use super::{
    chain::{Head, ends_with},
    check::Check,
    kept::{Before, Kept},
    lines::{Lines, Read},
    pending::Start,
    scan::{Found, scan, scan_lines},
    segments::Segments,
    state::Ledger,
    tree::{Signed, Tree},
};
use crate::logfile::Change;

impl Ledger {
    /// Compares what was found with what was kept. Where records are missing, or others stand in their place, the chain goes on
    /// after the kept head, as it does where somebody takes the file from a running daemon: the first record says so, and the
    /// gap stays visible for ever.
    pub(super) fn compare(&mut self, dir: &Path, start: &Start) -> io::Result<()> {
        match &start.before {
            Before::Nothing => self.tree = self.grown(dir, None)?,
            Before::Unreadable(why) => {
                self.doubt(format!(
                    "the head that was kept of the ledger cannot be read, so that a cut would not be seen: {why}"
                ));
                self.tree = self.grown(dir, None)?;
            }
            Before::Kept(kept) if start.is_broken => self.go_on_after_kept(dir, kept, Change::Rewritten)?,
            Before::Kept(kept) => match self.missing(dir, kept)? {
                Compared::Grown => self.tree = self.grown(dir, Some(kept))?,
                Compared::Changed(change) => self.go_on_after_kept(dir, kept, change)?,
                // Fails open: a file that is missing or packed is no proof of a change, and a false one would split the chain.
                Compared::Unknown => self.doubt(format!(
                    "the ledger cannot be compared with what was acknowledged: record {} is in none of its files; lay earlier \
                     ones beside it, unpacked, and start again",
                    kept.head.seq
                )),
            },
        }
        Ok(())
    }

    /// Compares with what the host's key signed of it before. The tree that is kept beside the head has no signature of its own.
    ///
    /// # Errors
    /// The system's, where the files must be read anew and cannot be.
    pub fn compare_with_signed(&mut self, signed: &Signed) -> io::Result<()> {
        let (size, records) = (signed.size, self.head.seq);
        if size > records {
            self.doubt(format!(
                "{size} records of the ledger were signed, and only {records} are known of: its end was cut"
            ));
            return Ok(());
        }
        let differs = |tree: &Tree| tree.size() == size && tree.root() != signed.root;
        if self.tree.as_ref().is_some_and(differs) {
            self.tree = self.grown(&self.dir(), None)?;
            let are_files = self.tree.as_ref().is_some_and(differs);
            self.doubt(format!(
                "the tree of {size} records is not the one that was signed: {}",
                if are_files {
                    "records were changed"
                } else {
                    "the one beside the head was, and is made anew"
                }
            ));
        }
        Ok(())
    }

    /// Notes what people must look at.
    pub fn doubt(&mut self, why: String) {
        tracing::error!(path = %self.path.display(), why);
        self.doubts.push(why);
    }

    /// How the ledger was changed since that head was kept.
    fn missing(&self, dir: &Path, kept: &Kept) -> io::Result<Compared> {
        if self.head.seq < kept.head.seq {
            let change = if self.length == 0 { Change::Removed } else { Change::Truncated };
            return Ok(Compared::Changed(change));
        }
        if kept.head == Head::START || self.head == kept.head || self.has_at(kept)? {
            return Ok(Compared::Grown);
        }
        // In an earlier file, which somebody else has rotated: where it is missing, its successor knows its hash.
        let mut found = None;
        let segments = Segments::beside(dir)?;
        scan(&segments.files, &mut Check::after(None), Duration::ZERO, &mut |visited| {
            let Found::Line(line) = visited else { return ControlFlow::Continue(()) };
            let Some((link, head)) = line.link.as_ref().zip(line.head) else {
                return ControlFlow::Continue(());
            };
            if head.seq == kept.head.seq {
                found = Some(head == kept.head);
            } else if Some(link.seq) == kept.head.seq.checked_add(1) && found.is_none() {
                found = Some(link.prev == kept.head.hash.to_hex().as_str());
            }
            ControlFlow::Continue(())
        });
        Ok(match found {
            Some(true) => Compared::Grown,
            Some(false) => Compared::Changed(Change::Rewritten),
            None => Compared::Unknown,
        })
    }

    /// Whether the kept record ends where it ended.
    fn has_at(&self, kept: &Kept) -> io::Result<bool> {
        Ok(kept.length <= self.length && ends_with(&self.file, kept.length, kept.head.hash)?)
    }

    /// The tree of everything up to the head: of what was kept, and of what came after. `None` where lines of it are missing.
    fn grown(&mut self, dir: &Path, kept: Option<&Kept>) -> io::Result<Option<Tree>> {
        let known = kept.and_then(|kept| kept.tree.clone().map(|tree| (kept, tree)));
        let tree = match known {
            Some((kept, tree)) if kept.head == self.head => return Ok(Some(tree)),
            Some((kept, tree)) if self.has_at(kept)? => {
                let mut file = File::open(&self.path)?;
                file.seek(SeekFrom::Start(kept.length))?;
                let (mut grown, mut faults) = (Grown { tree }, 0_u64);
                let mut check = Check::after(Some(kept.head));
                let lines = Lines::new(BufReader::new(file));
                let _ = scan_lines(lines, &mut check, &self.path, &mut |found| {
                    match found {
                        Found::Line(line) => grown.take(line.bytes),
                        Found::Fault(..) => faults += 1,
                        Found::File(_) => {}
                    }
                    ControlFlow::Continue(())
                });
                if faults > 0 {
                    let from = kept.head.seq;
                    self.doubt(format!("{faults} faults behind record {from}, the last that was acknowledged: no checkpoint is signed; interlock ledger verify says where"));
                    return Ok(None);
                }
                return Ok(grown.is_of(self.head));
            }
            Some((_, tree)) => tree,
            None => Tree::EMPTY,
        };
        if self.head == Head::START {
            return Ok(Some(tree));
        }
        let segments = Segments::beside(dir)?;
        let mut grown = Grown { tree };
        for path in &segments.files {
            // Only hashed: what does not hold together is `verify`'s business, and a start must not wait for gigabytes of JSON.
            let mut lines = Lines::new(BufReader::with_capacity(1 << 20, File::open(path)?));
            loop {
                match lines.next()? {
                    Read::Line(line) => grown.take(line),
                    Read::TooLong => {}
                    Read::End => break,
                }
            }
        }
        let tree = grown.is_of(self.head);
        if tree.is_none() {
            tracing::error!(
                head = %self.head, known = grown.tree.size(),
                "no checkpoint can be signed: earlier files of the ledger are missing or do not hold together; lay them beside it, unpacked, and start again"
            );
        }
        Ok(tree)
    }

    fn go_on_after_kept(&mut self, dir: &Path, kept: &Kept, change: Change) -> io::Result<()> {
        tracing::error!(
            expected = %kept.head, found = %self.head, %change,
            "the ledger is not what was acknowledged: the chain goes on after the last record that is known of"
        );
        (self.head, self.tree) = (kept.head, kept.tree.clone());
        if change == Change::Removed {
            for (path, why) in Segments::beside(dir)?.left_out {
                self.doubt(format!("the ledger is missing, and {} beside it {why}", path.display()));
            }
        }
        self.go_on_anew(change, None)
    }

    /// Whether the file's last bytes are those of the last record.
    pub(super) fn ends_as_written(&self) -> io::Result<bool> {
        let is_begin = self.length == 0 || self.head == Head::START;
        Ok(is_begin
            || (self.file.metadata()?.len() == self.length
                && ends_with(&self.file, self.length, self.head.hash)?))
    }
}

/// What a comparison with the kept head gave.
enum Compared {
    Grown,
    Changed(Change),
    /// The kept record was not found, and no other in its place.
    Unknown,
}

/// Takes in what follows a tree.
struct Grown {
    tree: Tree,
}

impl Grown {
    /// The next line, with its end, where it is the next record.
    fn take(&mut self, line: &[u8]) {
        if line.ends_with(b"\n") && seq_of(line) == self.tree.size().checked_add(1) {
            self.tree.push(line);
        }
    }

    fn is_of(&self, head: Head) -> Option<Tree> {
        (self.tree.size() == head.seq).then(|| self.tree.clone())
    }
}

/// The number that a line begins with.
fn seq_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
