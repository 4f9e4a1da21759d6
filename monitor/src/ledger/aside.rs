//! What is moved out of a ledger's way: nothing of it is lost, and nothing overwritten.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::fsync;

use super::chain::Head;

/// What a crash left at the end of the file: a record that was never acknowledged, now in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub moved_to: PathBuf,
    pub bytes: u64,
}

/// Copies what stands behind `end` to a file of its own, makes that durable, and only then takes it off the ledger.
pub fn set_aside(dir: &Path, ledger: &File, end: u64, head: Head) -> io::Result<Option<Torn>> {
    if ledger.metadata()?.len() <= end {
        return Ok(None);
    }
    let (mut copy, moved_to) = new_file(dir, &format!("ledger.torn-{}", head.seq + 1))?;
    let mut rest = ledger;
    let copied = rest.seek(SeekFrom::Start(end)).and_then(|_| io::copy(&mut rest, &mut copy));
    let bytes = copied.and_then(|bytes| Ok(fsync(&copy).map(|()| bytes)?)).inspect_err(|_| {
        // It is in the ledger still. A copy that stayed would be one more at each attempt.
        let _ = fs::remove_file(&moved_to);
    })?;
    fsync(File::open(dir)?)?;
    ledger.set_len(end)?;
    fsync(ledger)?;
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
pub fn new_name(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let numbered = (1..=1000).map(|attempt| dir.join(format!("{name}.{attempt}")));
    let mut free =
        std::iter::once(dir.join(name)).chain(numbered).filter(|path| path.symlink_metadata().is_err());
    free.next().ok_or_else(|| {
        io::Error::other(format!("a thousand files {name}.* exist already; look at them and move them away"))
    })
}
