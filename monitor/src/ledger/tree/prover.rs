//! The proof that a tree has a line, gathered while the ledger is read once.

use std::{cell::RefCell, collections::HashMap};

use tlog_tiles::tlog::{Error, Hash, HashReader, RecordProof, prove_record};

use super::growing::Tree;

/// Reads the lines of a tree for the proof of one of them.
pub struct Prover {
    size: u64,
    index: u64,
    tree: Tree,
    /// What the proof needs, by number; known where it was met.
    needed: HashMap<u64, Option<Hash>>,
}

impl Prover {
    /// For the entry `index` of a tree of `size` lines; `None` where it has none.
    #[must_use]
    pub fn new(size: u64, index: u64) -> Option<Self> {
        let asked = Asked::default();
        prove_record(size, index, &asked).ok()?;
        let needed = asked.0.into_inner().into_iter().map(|number| (number, None)).collect();
        Some(Self { size, index, tree: Tree::EMPTY, needed })
    }

    /// Takes in the next line, with its end; what is beyond the tree's size is not of it.
    pub fn push(&mut self, line: &[u8]) {
        if self.tree.size() == self.size {
            return;
        }
        let needed = &mut self.needed;
        self.tree.push_and_tell(line, &mut |number, hash| {
            if let Some(known) = needed.get_mut(&number) {
                *known = Some(hash);
            }
        });
    }

    /// The tree as far as it was read.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The hashes from the leaf's sibling up; `None` where lines were missing.
    #[must_use]
    pub fn finish(&self) -> Option<RecordProof> {
        prove_record(self.size, self.index, self).ok()
    }
}

impl HashReader for Prover {
    fn read_hashes(&self, numbers: &[u64]) -> Result<Vec<Hash>, Error> {
        let known = |number| self.needed.get(number).copied().flatten().ok_or(Error::IndexesNotInTree);
        numbers.iter().map(known).collect()
    }
}

/// Notes what is asked for, and answers anything.
#[derive(Default)]
struct Asked(RefCell<Vec<u64>>);

impl HashReader for Asked {
    fn read_hashes(&self, numbers: &[u64]) -> Result<Vec<Hash>, Error> {
        self.0.borrow_mut().extend(numbers);
        Ok(vec![Hash([0; 32]); numbers.len()])
    }
}

#[cfg(test)]
mod tests {
    use tlog_tiles::tlog::check_record;

    use super::{super::growing::leaf, *};

    fn line(number: u64) -> Vec<u8> {
        format!("line {number}\n").into_bytes()
    }

    #[test]
    fn each_line_of_each_tree_is_proved_and_no_other() {
        for size in 1..40 {
            for index in 0..size {
                let mut prover = Prover::new(size, index).unwrap();
                (0..size + 3).for_each(|number| prover.push(&line(number)));
                let (proof, root) = (prover.finish().unwrap(), prover.tree().root());
                check_record(&proof, size, root, index, leaf(&line(index))).unwrap();
                assert!(check_record(&proof, size, root, index, leaf(&line(index + 1))).is_err());
            }
        }
        assert!(Prover::new(3, 3).is_none());
    }

    #[test]
    fn where_lines_are_missing_nothing_is_proved() {
        let mut prover = Prover::new(8, 2).unwrap();
        (0..5).for_each(|number| prover.push(&line(number)));
        assert_eq!((prover.finish(), prover.tree().size()), (None, 5));
    }
}
