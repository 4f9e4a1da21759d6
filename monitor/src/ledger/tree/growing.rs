//! The tree while it grows: of all its hashes only those that a further one needs.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tlog_tiles::tlog::{EMPTY_HASH, Hash, node_hash, record_hash, stored_hash_index};

/// A tree of `size` lines, as the roots of its complete subtrees, the largest first: at most 64.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    size: u64,
    nodes: Vec<Hash>,
}

impl Tree {
    pub const EMPTY: Self = Self { size: 0, nodes: Vec::new() };

    /// Lines that it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes in the next line, with its end.
    pub fn push(&mut self, line: &[u8]) {
        self.push_and_tell(line, &mut |_, _| ());
    }

    /// The same; tells each hash that it makes, by its number in the order of `tlog_tiles`.
    pub(super) fn push_and_tell(&mut self, line: &[u8], tell: &mut dyn FnMut(u64, Hash)) {
        let mut hash = leaf(line);
        let (mut level, mut place) = (0, self.size);
        tell(stored_hash_index(level, place), hash);
        // Each subtree that is complete to the left, and as large as what came, makes one of twice its size with it.
        while place & 1 == 1
            && let Some(left) = self.nodes.pop()
        {
            hash = node_hash(left, hash);
            (level, place) = (level + 1, place >> 1);
            tell(stored_hash_index(level, place), hash);
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let right_to_left = self.nodes.iter().rev().copied();
        right_to_left.reduce(|right, left| node_hash(left, right)).unwrap_or(EMPTY_HASH)
    }
}

/// The leaf of a line with its end.
pub(super) fn leaf(line: &[u8]) -> Hash {
    record_hash(&Sha256::digest(line))
}

/// As the ledger keeps it beside its head.
#[derive(Serialize, Deserialize)]
struct Written {
    size: u64,
    nodes: Vec<String>,
}

impl Serialize for Tree {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = self.nodes.iter().map(ToString::to_string).collect();
        Written { size: self.size, nodes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Written { size, nodes } = Written::deserialize(deserializer)?;
        if nodes.len() != size.count_ones() as usize {
            return Err(D::Error::custom("a tree of that size has another number of nodes"));
        }
        let nodes = nodes.iter().map(|text| Hash::parse_hash(text)).collect::<Result<_, _>>();
        Ok(Self { size, nodes: nodes.map_err(D::Error::custom)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_HASH,
            [leaf] => *leaf,
            _ => {
                let left = 1 << (leaves.len() - 1).ilog2();
                node_hash(by_definition(&leaves[..left]), by_definition(&leaves[left..]))
            }
        }
    }

    #[test]
    fn the_root_is_the_one_that_the_definition_gives() {
        let mut tree = Tree::EMPTY;
        let mut leaves = Vec::new();
        for number in 0..200 {
            assert_eq!(tree.root(), by_definition(&leaves), "{number}");
            let line = format!("{{\"seq\":{number}}}\n");
            tree.push(line.as_bytes());
            leaves.push(leaf(line.as_bytes()));
            let kept = serde_json::to_string(&tree).unwrap();
            assert_eq!(serde_json::from_str::<Tree>(&kept).unwrap(), tree);
        }
        assert_eq!(tree.size(), 200);
    }

    #[test]
    fn a_leaf_is_what_sha256sum_gives_hashed_once_more_behind_a_zero() {
        let entry = Sha256::digest(b"line\n");
        let expected = Sha256::digest([&[0][..], &entry].concat());
        assert_eq!(leaf(b"line\n").0, *expected);
    }

    #[test]
    fn a_kept_tree_that_cannot_be_is_refused() {
        for text in [r#"{"size":3,"nodes":[]}"#, r#"{"size":1,"nodes":["x"]}"#] {
            assert!(serde_json::from_str::<Tree>(text).is_err(), "{text}");
        }
    }
}
