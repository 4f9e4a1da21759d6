//! Checkpoints of the ledger, signed with the host's key and laid beside it: whoever keeps a copy elsewhere can prove later what the
//! ledger was.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::fsync;

use crate::{
    daemon::context::reporter::unwritten::Unwritten,
    ledger::{
        Ledger,
        tree::{CHECKPOINT_FILE, Key, Keys, Signed},
    },
    metrics::Metrics,
};
use interlock_core::{
    facts::BootNanos,
    health::{Check, CheckState},
};

/// At most so often, unless there are many records.
const SPAN: Duration = Duration::from_secs(10);
/// So many new records are signed at once.
const RECORDS: u64 = 1000;

/// Who signs.
pub struct Notary {
    path: PathBuf,
    key: Option<Key>,
    /// Records that the newest checkpoint is about.
    signed: Option<u64>,
    next: BootNanos,
    problem: Option<String>,
}

impl Notary {
    /// Reads the host's key, or makes it. Without one the daemon works on, and says so: a checkpoint is for later, a decision
    /// is for now.
    pub fn open(dir: &Path, metrics: &Metrics) -> Self {
        let host = interlock_host::machine::name();
        let (path, next) = (dir.join(CHECKPOINT_FILE), BootNanos(0));
        match Key::open(dir, &host) {
            Ok(key) => {
                let public = key.public();
                if key.is_new {
                    tracing::warn!(
                        key = public,
                        "a key for the ledger's checkpoints was made; keep its public part elsewhere"
                    );
                } else {
                    tracing::info!(key = public, "the ledger's checkpoints are signed");
                }
                Self { path, key: Some(key), signed: None, next, problem: None }
            }
            Err(error) => {
                tracing::error!(%error, "the ledger's checkpoints cannot be signed");
                metrics.ledger_checkpoint_failures.inc();
                Self { path, key: None, signed: None, next, problem: Some(error.to_string()) }
            }
        }
    }

    /// Compares the ledger with the checkpoint that an earlier daemon left beside it.
    pub fn compare(&self, ledger: &mut Ledger) {
        let Some(keys) = self.public().and_then(|public| Keys::read(public, &[]).ok()) else { return };
        let note = match fs::read(&self.path) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return ledger.doubt(format!("{}: {error}", self.path.display())),
        };
        match Signed::read(&note, &keys) {
            Ok(signed) => {
                if let Err(error) = ledger.compare_with_signed(&signed) {
                    ledger.doubt(format!("the ledger cannot be compared with its checkpoint: {error}"));
                }
            }
            Err(why) => ledger.doubt(format!("{} proves nothing: {why}", self.path.display())),
        }
    }

    /// The public key: `NAME+ID+KEY`.
    pub fn public(&self) -> Option<&str> {
        self.key.as_ref().map(Key::public)
    }

    /// Signs what is on the disk, where something is new and the last time is long enough ago, or `now` is not waited for.
    pub fn certify(&mut self, ledger: &Ledger, metrics: &Metrics, now: BootNanos, at_once: bool) {
        let size = ledger.head().seq;
        let new = size.saturating_sub(self.signed.unwrap_or(0));
        // What fails is tried once a span, however many records wait for it.
        let is_due = at_once || now >= self.next || (new >= RECORDS && self.problem.is_none());
        if self.signed == Some(size) || !is_due || !ledger.is_settled() {
            return;
        }
        let Some(key) = &self.key else { return };
        self.next = now.plus(SPAN);
        let made = make(ledger, key, &self.path);
        match made {
            Ok(root) => {
                (self.signed, self.problem) = (Some(size), None);
                metrics.ledger_checkpoint(size, &root);
            }
            Err(error) => {
                // Fails open: the record is in the chain; what was not signed is signed with the next one.
                let why = error.to_string();
                metrics.ledger_checkpoint_failures.inc();
                if self.problem.as_ref() != Some(&why) {
                    tracing::error!(path = %self.path.display(), %error, "the ledger's checkpoint cannot be written");
                }
                self.problem = Some(why);
            }
        }
    }

    /// When the next checkpoint is due; `None` where everything is signed, or nothing can be.
    pub fn next_deadline(&self, ledger: &Ledger) -> Option<BootNanos> {
        let waits = self.key.is_some() && ledger.is_settled() && self.signed != Some(ledger.head().seq);
        waits.then_some(self.next)
    }

    /// A line of `interlock doctor`.
    pub fn check(&self, ledger: &Ledger, unwritten: &Unwritten) -> Check {
        let head = ledger.head().seq;
        let (state, found) = match (self.public(), self.signed) {
            (Some(key), Some(signed)) => {
                (CheckState::Good, format!("{head} records, {signed} signed by {key}"))
            }
            (Some(key), None) => (CheckState::Limited, format!("{head} records, none signed; key {key}")),
            (None, _) => (CheckState::Limited, format!("{head} records, no key to sign them with")),
        };
        if unwritten.is_failing() {
            let found = format!("{found}; it cannot be written: {}", unwritten.why());
            let advice = format!("make room for {}, or repair its disk", ledger.path().display());
            return Check {
                subject: "ledger".into(),
                state: CheckState::Missing,
                found,
                advice: Some(advice),
            };
        }
        let state = if self.problem.is_some() || !ledger.is_in_order() { CheckState::Limited } else { state };
        Check { subject: "ledger".into(), state, found, advice: self.problem.clone() }
    }
}

/// Writes the checkpoint beside the one before, and puts it in its place whole.
fn make(ledger: &Ledger, key: &Key, path: &Path) -> io::Result<String> {
    let missing =
        "earlier files of the ledger are missing; lay them beside it, unpacked, and start the daemon again";
    let tree = ledger.tree().ok_or_else(|| io::Error::other(missing))?;
    let note = Signed::make(tree, key.signer()).map_err(io::Error::other)?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&note)?;
    fsync(&file)?;
    fs::rename(&fresh, path)?;
    Ok(tree.root().to_string())
}
