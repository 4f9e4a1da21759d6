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
    lines::Lines,
    rotation::Rotation,
    scan::{Found, scan, scan_lines},
    segments::Segments,
    state::Ledger,
    tree::Tree,
};
use crate::logfile::Change;

impl Ledger {
    /// Compares what was found with what was kept. Where records are missing, or others stand in their place, the chain goes on
    /// after the kept head, as it does where somebody takes the file from a running daemon: the first record says so, and the
    /// gap stays visible for ever.
    pub(super) fn compare(&mut self, dir: &Path, before: Before) -> io::Result<()> {
        match before {
            Before::Nothing => self.tree = self.grown(dir, None)?,
            Before::Unreadable(why) => {
                tracing::error!(
                    why,
                    "the head that was kept of the ledger makes no sense: a cut of it would not be seen"
                );
                self.tree = self.grown(dir, None)?;
            }
            Before::Kept(kept) => match self.missing(dir, &kept)? {
                None => self.tree = self.grown(dir, Some(&kept))?,
                Some(change) => self.go_on_after_kept(kept, change)?,
            },
        }
        Ok(())
    }

    /// How the ledger was changed since that head was kept; `None` where it only grew.
    fn missing(&self, dir: &Path, kept: &Kept) -> io::Result<Option<Change>> {
        if self.head.seq < kept.head.seq {
            return Ok(Some(if self.length == 0 { Change::Removed } else { Change::Truncated }));
        }
        if kept.head == Head::START || self.head == kept.head || self.has_at(kept)? {
            return Ok(None);
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
        Ok(if found == Some(true) { None } else { Some(Change::Rewritten) })
    }

    /// Whether the kept record ends where it ended.
    fn has_at(&self, kept: &Kept) -> io::Result<bool> {
        Ok(kept.length <= self.length && ends_with(&self.file, kept.length, kept.head.hash)?)
    }

    /// The tree of everything up to the head: of what was kept, and of what came after. `None` where lines of it are missing.
    fn grown(&self, dir: &Path, kept: Option<&Kept>) -> io::Result<Option<Tree>> {
        let known = kept.and_then(|kept| kept.tree.clone().map(|tree| (kept, tree)));
        let (after, tree) = match known {
            Some((kept, tree)) if kept.head == self.head => return Ok(Some(tree)),
            Some((kept, tree)) if self.has_at(kept)? => {
                let mut file = File::open(&self.path)?;
                file.seek(SeekFrom::Start(kept.length))?;
                let mut grown = Grown { tree };
                let mut check = Check::after(Some(kept.head));
                let lines = Lines::new(BufReader::new(file));
                let _ = scan_lines(lines, &mut check, &self.path, &mut |found| grown.take(&found));
                return Ok(grown.is_of(self.head));
            }
            Some((kept, tree)) => (kept.head.seq, tree),
            None => (0, Tree::EMPTY),
        };
        if self.head == Head::START {
            return Ok(Some(tree));
        }
        let segments = Segments::beside(dir)?;
        let mut grown = Grown { tree };
        let start = (after == 0).then_some(Head::START);
        scan(&segments.files, &mut Check::after(start), Duration::ZERO, &mut |found| grown.take(&found));
        let tree = grown.is_of(self.head);
        if tree.is_none() {
            tracing::error!(
                head = %self.head, known = grown.tree.size(),
                "no checkpoint can be signed: earlier files of the ledger are missing or do not hold together; lay them beside it, unpacked, and start again"
            );
        }
        Ok(tree)
    }

    fn go_on_after_kept(&mut self, kept: Kept, change: Change) -> io::Result<()> {
        let found = self.head;
        (self.head, self.tree) = (kept.head, kept.tree);
        let moved_to = self.set_rest_aside()?;
        tracing::error!(
            expected = %self.head, %found, %change, moved_to = ?moved_to,
            "the ledger is not what was acknowledged: the chain goes on after the last record that is known of"
        );
        let (file, length) = self.next_file()?;
        let rotation = Rotation { change, moved_to, after: self.head };
        self.go_on(file, length, &rotation)?;
        self.rotations.push(rotation);
        Ok(())
    }

    /// Whether the file's last bytes are those of the last record.
    pub(super) fn ends_as_written(&self) -> io::Result<bool> {
        let is_begin = self.length == 0 || self.head == Head::START;
        Ok(is_begin
            || (self.file.metadata()?.len() == self.length
                && ends_with(&self.file, self.length, self.head.hash)?))
    }
}

/// Takes in what follows a tree.
struct Grown {
    tree: Tree,
}

impl Grown {
    fn take(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        if let Found::Line(line) = found
            && line.link.as_ref().is_some_and(|link| Some(link.seq) == self.tree.size().checked_add(1))
        {
            self.tree.push(line.bytes);
        }
        ControlFlow::Continue(())
    }

    fn is_of(&self, head: Head) -> Option<Tree> {
        (self.tree.size() == head.seq).then(|| self.tree.clone())
    }
}
