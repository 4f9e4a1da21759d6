//! What has to outlive the daemon beside the kernel's maps: the sessions' descriptions, and the holds that wait
//! with why they do.
//!
//! One small JSON file, replaced as a whole: a new daemon finds either the old or the new state, never half of one.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::daemon::context::reporter::explanations::accounts::Account;
use interlock_core::{
    breaker::Breaker,
    facts::{Container, Pod},
    holds::{Grant, Hold, let_go::LetGo},
    sessions::Suspension,
};
use interlock_host::proc::seat::Controlling;

const FILE: &str = "state.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Boot the clocks belong to (`/proc/sys/kernel/random/boot_id`); after another boot nothing here is true any more.
    pub boot: String,
    pub next_event: u64,
    pub next_hold: u64,
    pub sessions: Vec<SessionRecord>,
    pub holds: Vec<Hold>,
    /// What persons let sessions do again for a while.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Connections that were held and let go on, and whose end is not known yet.
    #[serde(default)]
    pub let_go: Vec<LetGo>,
    /// Sockets whose queued data must stay held, with the boot clock at which TCP has given up, ns.
    pub lingering: Vec<(u64, u64)>,
    /// Ids of the catalogue's secrets, in the order of the numbers that the kernel's tables have of them.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Why the holds wait.
    #[serde(default, deserialize_with = "readable")]
    pub accounts: Vec<Account>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub id: u64,
    pub agent: String,
    pub recognised_by: String,
    pub user: u32,
    /// Who had logged in where it began.
    #[serde(default)]
    pub login: Option<u32>,
    pub command: String,
    #[serde(flatten)]
    pub places: Places,
    pub started: u64,
    pub frozen: bool,
    /// A process of it that had the keys of its terminal.
    #[serde(default)]
    pub terminal: Option<u32>,
    /// The controlling terminal that its root had when it began.
    #[serde(default)]
    pub seat: Option<Controlling>,
    #[serde(default)]
    pub unattended: Option<String>,
    /// An earlier version did not keep it: the breaker then begins closed.
    #[serde(default)]
    pub breaker: Option<Breaker>,
    /// Nothing of it is stopped for a time, by the boot clock.
    #[serde(default)]
    pub suspension: Option<Suspension>,
    pub touched: Vec<String>,
}

/// Where a session works, and where those do that it serves. Written among the rest of its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Places {
    /// Where its root began.
    #[serde(default)]
    pub container: Option<Container>,
    /// As the cluster said last.
    #[serde(default)]
    pub pod: Option<Arc<Pod>>,
    pub home: Option<String>,
    pub workspace: Option<PathBuf>,
    #[serde(default)]
    pub project: Vec<PathBuf>,
    #[serde(default)]
    pub prefix: Option<PathBuf>,
    #[serde(default)]
    pub serves: bool,
    #[serde(default)]
    pub served: Vec<PathBuf>,
}

/// The file in a state directory.
pub struct Store {
    path: PathBuf,
    last: Option<Snapshot>,
}

impl Store {
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE), last: None }
    }

    /// The state that an earlier daemon of this boot left. One that cannot be read is moved aside and reported; only
    /// the numbers survive a reboot.
    #[must_use]
    pub fn load(&self) -> Snapshot {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Snapshot::default(),
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the saved state cannot be read");
                return Snapshot::default();
            }
        };
        match serde_json::from_str::<Snapshot>(&text) {
            Ok(found) if found.boot == boot_id() => found,
            Ok(old) => {
                // Of what was let go on before, the end is unknown, and has to be told.
                let Snapshot { next_event, next_hold, let_go, .. } = old;
                Snapshot { next_event, next_hold, let_go, ..Snapshot::default() }
            }
            Err(error) => {
                let aside = self.path.with_extension("json.unreadable");
                let moved = fs::rename(&self.path, &aside);
                tracing::error!(path = %aside.display(), %error, ?moved, "the saved state makes no sense; kept aside");
                Snapshot::default()
            }
        }
    }

    /// Writes the state if it has changed.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn save(&mut self, snapshot: Snapshot) -> io::Result<()> {
        if self.last.as_ref() == Some(&snapshot) {
            return Ok(());
        }
        let fresh = self.path.with_extension("json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.set_permissions(Permissions::from_mode(0o600))?; // also one that an earlier version left
        file.write_all(&serde_json::to_vec(&snapshot)?)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        self.last = Some(snapshot);
        Ok(())
    }
}

/// The accounts that make sense: one that another version wrote must not cost the sessions and the holds.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Account>, D::Error> {
    let accounts = Value::deserialize(deserializer)?;
    let readable = |account: &Value| match Account::deserialize(account) {
        Ok(account) => Some(account),
        Err(error) => {
            tracing::warn!(%error, "why a hold waits was saved in another form, and is not known any more");
            None
        }
    };
    Ok(accounts.as_array().into_iter().flatten().filter_map(readable).collect())
}

#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::sample;

    #[test]
    fn what_was_saved_is_found_and_another_boot_keeps_only_the_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::new(dir.path());
        assert_eq!(store.load(), Snapshot::default());
        let saved = Snapshot {
            boot: boot_id(),
            next_event: 5,
            next_hold: 3,
            lingering: vec![(1, 2)],
            ..Snapshot::default()
        };
        fs::write(dir.path().join("state.json.new"), "half of one").unwrap();
        store.save(saved.clone()).unwrap();
        assert_eq!(store.load(), saved);
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it names files and command lines of every user");
        store.save(Snapshot { boot: "another".into(), ..saved }).unwrap();
        assert_eq!(store.load(), Snapshot { next_event: 5, next_hold: 3, ..Snapshot::default() });
    }

    #[test]
    fn the_places_of_a_session_stand_among_the_rest_of_its_record() {
        let known = r#"{"id":7,"agent":"a","recognised_by":"b","user":1000,"command":"c","home":"/h","workspace":"/w",
            "started":5,"frozen":false,"touched":[]}"#;
        let record: SessionRecord = serde_json::from_str(known).unwrap();
        assert_eq!((record.places.home.as_deref(), record.places.serves), (Some("/h"), false));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!((written["workspace"].as_str(), written["served"].is_array()), (Some("/w"), true));
        assert_eq!(serde_json::from_value::<SessionRecord>(written).unwrap(), record);
        let less = known.replace(r#""home":"/h","workspace":"/w","#, "");
        assert_eq!(serde_json::from_str::<SessionRecord>(&less).unwrap().places.workspace, None);
    }

    #[test]
    fn an_account_of_another_version_costs_nothing_but_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::new(dir.path());
        let account = Account { hold: 3, owner: 0, explanation: Arc::new(sample::explanation()) };
        let saved =
            Snapshot { boot: boot_id(), next_hold: 4, accounts: vec![account], ..Snapshot::default() };
        store.save(saved.clone()).unwrap();
        assert_eq!(store.load(), saved);
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"headline\"", "\"title\"")).unwrap();
        assert_eq!(store.load(), Snapshot { accounts: Vec::new(), ..saved });
    }

    #[test]
    fn a_broken_file_is_kept_aside() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(Store::new(dir.path()).load(), Snapshot::default());
        assert_eq!(fs::read_to_string(dir.path().join("state.json.unreadable")).unwrap(), "{");
    }
}
