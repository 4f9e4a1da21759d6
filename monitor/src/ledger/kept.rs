//! The head that is kept beside the ledger: what the next start must find.
//!
//! It is written after each record that is on the disk, never before, so that a power cut leaves it behind the ledger and not
//! ahead. It is no proof against root, who can write both; it tells a cut tail, a removed file and a ledger that was written anew
//! from a crash.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use blake3::Hash;
use rustix::fs::fdatasync;
use serde::{Deserialize, Serialize};

use super::{chain::Head, tree::Tree};

const FILE: &str = "ledger.head";
/// One page: the kernel copies it as one, also for a process that is being killed.
const SIZE: usize = 4096;

/// The end of a ledger, as it was acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub head: Head,
    /// Length of the file that has the record, up to its end.
    pub length: u64,
    /// `None` where earlier files are missing, so that nobody knows it.
    pub tree: Option<Tree>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Summed {
    #[serde(flatten)]
    written: Written,
    /// BLAKE3 of what was written, hexadecimal: a page that a disk or a hand spoiled is not gone on with.
    sum: String,
}

#[derive(Serialize, Deserialize)]
struct Written {
    seq: u64,
    hash: String,
    length: u64,
    tree: Option<Tree>,
}

impl Written {
    fn sum(&self) -> serde_json::Result<String> {
        Ok(blake3::hash(&serde_json::to_vec(self)?).to_string())
    }
}

/// Where it is kept.
#[derive(Debug)]
pub struct HeadFile(Option<File>);

/// What an earlier writer kept.
#[derive(Debug, PartialEq)]
pub enum Before {
    /// None did: it is the first, or of a version that kept nothing.
    Nothing,
    Kept(Kept),
    /// Something that makes no sense stands there.
    Unreadable(String),
}

impl Before {
    /// Number of the last record that was acknowledged, as far as that is known.
    pub fn seq(&self) -> u64 {
        if let Self::Kept(kept) = self { kept.head.seq } else { 0 }
    }
}

impl HeadFile {
    /// Opens the file in a state directory, and reads what it says. Fails open: without it the ledger is written all the same, and
    /// that it could not be compared is told.
    pub fn open(dir: &Path) -> (Self, Before) {
        let path = dir.join(FILE);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let read = opened.and_then(|file| {
            let mut page = vec![0; SIZE];
            let read = read_all(&file, &mut page)?;
            page.truncate(read);
            Ok((file, page))
        });
        match read {
            Ok((file, page)) if page.is_empty() => (Self(Some(file)), Before::Nothing),
            Ok((file, page)) => (Self(Some(file)), read_page(&page)),
            Err(error) => (Self(None), Before::Unreadable(format!("{}: {error}", path.display()))),
        }
    }

    /// Brings what was written to the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |file| Ok(fdatasync(file)?))
    }

    pub fn write(&self, kept: &Kept) -> io::Result<()> {
        let Some(file) = &self.0 else { return Ok(()) }; // told when it was opened
        let Kept { head, length, tree } = kept;
        let (seq, hash) = (head.seq, head.hash.to_string());
        let written = Written { seq, hash, length: *length, tree: tree.clone() };
        let sum = written.sum()?;
        let mut page = serde_json::to_vec(&Summed { written, sum })?;
        if page.len() >= SIZE {
            return Err(io::Error::other("a head is longer than a page"));
        }
        page.resize(SIZE - 1, b' ');
        page.push(b'\n');
        file.write_all_at(&page, 0)
    }
}

fn read_all(file: &File, page: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = page.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn read_page(page: &[u8]) -> Before {
    let unreadable = |why: String| Before::Unreadable(why);
    let Summed { written, sum } = match serde_json::from_slice(page) {
        Ok(summed) => summed,
        Err(error) => return unreadable(error.to_string()),
    };
    if written.sum().ok().as_ref() != Some(&sum) {
        return unreadable("its sum is that of something else".into());
    }
    let Ok(hash) = Hash::from_hex(&written.hash) else { return unreadable("its hash is not one".into()) };
    let (head, length) = (Head { seq: written.seq, hash }, written.length);
    match written.tree {
        Some(tree) if tree.size() != head.seq => unreadable("its tree is of another size".into()),
        tree => Before::Kept(Kept { head, length, tree }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_kept_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (file, before) = HeadFile::open(dir.path());
        assert_eq!(before, Before::Nothing);
        let mut tree = Tree::EMPTY;
        (0..1000).for_each(|number: u32| tree.push(&number.to_le_bytes()));
        let kept = Kept { head: Head { seq: 1000, hash: blake3::hash(b"x") }, length: 77, tree: Some(tree) };
        let without = Kept { tree: None, ..kept.clone() };
        for kept in [kept, without] {
            file.write(&kept).unwrap();
            assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().len(), SIZE as u64);
            assert_eq!(HeadFile::open(dir.path()).1, Before::Kept(kept));
        }
    }

    #[test]
    fn a_page_that_was_changed_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let mut tree = Tree::EMPTY;
        (0..7).for_each(|number: u32| tree.push(&number.to_le_bytes()));
        let kept = Kept { head: Head { seq: 7, hash: blake3::hash(b"x") }, length: 77, tree: Some(tree) };
        HeadFile::open(dir.path()).0.write(&kept).unwrap();
        let page = fs::read(dir.path().join(FILE)).unwrap();
        let end = page.iter().rposition(|byte| *byte == b'}').unwrap();
        for at in 0..=end {
            let mut changed = page.clone();
            changed[at] ^= 1;
            fs::write(dir.path().join(FILE), changed).unwrap();
            assert!(matches!(HeadFile::open(dir.path()).1, Before::Unreadable(_)), "{at}");
        }
    }

    #[test]
    fn the_largest_tree_fits() {
        let node = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let text =
            format!(r#"{{"size":{},"nodes":{}}}"#, u64::MAX, serde_json::to_string(&vec![node; 64]).unwrap());
        let tree: Tree = serde_json::from_str(&text).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let head = Head { seq: u64::MAX, hash: blake3::hash(b"x") };
        let kept = Kept { head, length: u64::MAX, tree: Some(tree) };
        HeadFile::open(dir.path()).0.write(&kept).unwrap();
    }

    #[test]
    fn one_that_cannot_be_opened_is_told_and_ends_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(FILE)).unwrap();
        let (file, before) = HeadFile::open(dir.path());
        assert!(matches!(before, Before::Unreadable(why) if why.contains("ledger.head: ")));
        file.write(&Kept { head: Head::START, length: 0, tree: None }).unwrap();
        file.sync().unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["{", r#"{"seq":2,"hash":"00","length":1,"tree":null}"#] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert!(matches!(HeadFile::open(dir.path()).1, Before::Unreadable(_)), "{text}");
        }
    }
}
