//! Where factors lie: `factors/UID.json` in the state directory, for root alone.
//!
//! A file that is there and cannot be read or makes no sense is an error, and never "no factors" (fails closed). One that is not
//! there is a user without factors: only root can take it away.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{
    enrolled::{Enrolled, VERSION},
    same::Same,
};

const DIRECTORY: &str = "factors";
/// Largest file that is read, and so that is written, bytes.
const SIZE: u64 = 256 * 1024;

/// The files of all users.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// What lies there.
#[derive(Debug, Default)]
pub struct Survey {
    /// Users with a factor.
    pub enrolled: usize,
    /// Files that cannot be used, each with the reason; the directory among them where it cannot be listed.
    pub unusable: Vec<String>,
    /// Factors that are the same as another one, in words: an earlier version took them.
    pub shared: Vec<String>,
}

/// Factors that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", .path.display())]
pub struct Unusable {
    pub path: PathBuf,
    pub why: String,
}

impl Store {
    /// Of a state directory.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { dir: state.join(DIRECTORY) }
    }

    /// Looks at the files of all users.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        let mut known: HashMap<Same, String> = HashMap::new();
        let users = match self.users() {
            Ok(users) => users,
            Err(error) => {
                survey.unusable.push(format!("{}: {error}", self.dir.display()));
                return survey;
            }
        };
        for user in users {
            let enrolled = match self.load(user) {
                Ok(enrolled) => enrolled,
                Err(unusable) => {
                    survey.unusable.push(unusable.to_string());
                    continue;
                }
            };
            survey.enrolled += usize::from(!enrolled.is_empty());
            for (id, same) in enrolled.each() {
                let here = format!("{id} of user {user}");
                match known.entry(same) {
                    Entry::Occupied(there) => survey.shared.push(format!("{here} is {}", there.get())),
                    Entry::Vacant(free) => drop(free.insert(here)),
                }
            }
        }
        survey
    }

    /// The user who has this very secret or key, if one has.
    ///
    /// # Errors
    /// Nobody can say: somebody's factors cannot be read (fails closed).
    pub fn holder(&self, same: &Same) -> Result<Option<u32>, Unusable> {
        let users =
            self.users().map_err(|error| Unusable { path: self.dir.clone(), why: error.to_string() })?;
        for user in users {
            if self.load(user)?.each().any(|(_, known)| known == *same) {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Users that have a file, the lowest first.
    fn users(&self) -> io::Result<BTreeSet<u32>> {
        let files = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            files => files?,
        };
        let user = |name: &OsStr| name.to_str()?.strip_suffix(".json")?.parse().ok();
        files.filter_map(|file| file.map(|file| user(&file.file_name())).transpose()).collect()
    }

    fn path(&self, user: u32) -> PathBuf {
        self.dir.join(format!("{user}.json"))
    }

    /// The factors of a user, which may be none.
    ///
    /// # Errors
    /// There may be some, and nobody can say which.
    pub fn load(&self, user: u32) -> Result<Enrolled, Unusable> {
        let path = self.path(user);
        let unusable = |why: String| Unusable { path: path.clone(), why };
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Enrolled::none_of(user)),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let found: Enrolled =
            serde_json::from_str(&text).map_err(|error| unusable(format!("it makes no sense: {error}")))?;
        if found.version != VERSION {
            return Err(unusable(format!("it has the form {}; expected {VERSION}", found.version)));
        }
        if found.user != user {
            return Err(unusable(format!("it is of user {}; expected user {user}", found.user)));
        }
        Ok(found)
    }

    /// On disk when it returns: what was used must be known before it counts.
    ///
    /// # Errors
    /// It is not on disk.
    pub fn save(&self, enrolled: &Enrolled) -> Result<(), Unusable> {
        let path = self.path(enrolled.user);
        self.write(&path, enrolled).map_err(|error| Unusable { path, why: error.to_string() })
    }

    fn write(&self, path: &Path, enrolled: &Enrolled) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(enrolled)?;
        // Fails closed, and before anything is changed: what could not be read again would approve nothing from then on.
        if text.len() as u64 > SIZE {
            return Err(io::Error::other(format!(
                "it would have {} bytes, and at most {SIZE} are read again",
                text.len()
            )));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let fresh = path.with_extension("json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&fresh)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&fresh, path)?;
        File::open(&self.dir)?.sync_data()
    }
}

/// A regular file that nobody else may write or read: what lies here was written by [`Store::save`].
fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    let refused = |why: &str| io::Error::other(why.to_owned());
    if !found.is_file() || found.len() > SIZE {
        return Err(refused("expected a small regular file"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refused("others may read or write it; expected mode 0600"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("it belongs to another user than the daemon's"));
    }
    io::read_to_string(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::{
        enrolled::{MOST, USED_MOST, UsedSignature},
        key::{Key, LINE_MOST},
        testing,
    };

    #[test]
    fn what_was_saved_is_found_and_is_root_s_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        assert!(store.load(1000).unwrap().is_empty());
        let enrolled = testing::with_device(1000);
        store.save(&enrolled).unwrap();
        assert_eq!(store.load(1000).unwrap(), enrolled);
        assert!(store.load(1001).unwrap().is_empty(), "another user has none");
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(store.path(1000)), 0o600);
        assert_eq!(mode(dir.path().join("factors")), 0o700);
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written_and_what_was_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let enrolled = testing::with_device(1000);
        store.save(&enrolled).unwrap();
        let used = |at: u32| UsedSignature { text: format!("{at:064}"), until: jiff::Timestamp::MAX };
        let mut larger = Enrolled { used: (0..1000).map(used).collect(), ..enrolled.clone() };
        store.save(&larger).unwrap();
        assert_eq!(store.load(1000).unwrap(), larger);
        let before = larger.clone();
        larger.used.extend((1000..10_000).map(used));
        assert!(store.save(&larger).unwrap_err().to_string().contains("read again"));
        assert_eq!(store.load(1000).unwrap(), before);
    }

    /// Whatever one user may enrol and use, it fits.
    #[test]
    fn the_most_that_a_user_may_have_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let line = format!("{} {}", testing::Token::new(1).public(), "c".repeat(LINE_MOST));
        let line = line.get(..LINE_MOST).unwrap();
        let mut enrolled = testing::with_key(1000, &testing::Token::new(1), true);
        enrolled.keys[0].public = Key::parse(line).unwrap();
        assert_eq!(enrolled.keys[0].public.text().len(), LINE_MOST);
        enrolled.keys = vec![enrolled.keys[0].clone(); MOST];
        let used = UsedSignature { text: "0".repeat(64), until: jiff::Timestamp::MAX };
        enrolled.used = vec![used; USED_MOST];
        store.save(&enrolled).unwrap();
        assert_eq!(store.load(1000).unwrap(), enrolled);
    }

    #[test]
    fn one_secret_of_two_users_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        assert!(store.survey().shared.is_empty());
        store.save(&testing::with_device(1000)).unwrap();
        store.save(&testing::with_device(1001)).unwrap();
        store.save(&testing::with_key(1002, &testing::Token::new(1), false)).unwrap();
        let survey = store.survey();
        assert_eq!(survey.shared, ["f1 of user 1001 is f1 of user 1000"]);
        assert_eq!((survey.enrolled, survey.unusable.len()), (3, 0));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_no_factors() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        store.save(&testing::with_device(1000)).unwrap();
        let path = store.path(1000);
        let text = fs::read_to_string(&path).unwrap();
        let after = |change: &dyn Fn()| {
            change();
            store.load(1000).unwrap_err().to_string()
        };
        assert!(after(&|| fs::write(&path, "{").unwrap()).contains("makes no sense"));
        assert!(after(&|| fs::write(&path, "").unwrap()).contains("makes no sense"));
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        assert!(after(&|| fs::write(&path, &newer).unwrap()).contains("expected 1"));
        assert!(after(&|| fs::write(&path, text.replace("1000", "1001")).unwrap()).contains("user 1001"));
        let more = text.replace("\"user\"", "\"unknown\": 1, \"user\"");
        assert!(after(&|| fs::write(&path, &more).unwrap()).contains("unknown"));
        fs::write(&path, &text).unwrap();
        let open = || fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(after(&open).contains("0600"));
        let link = || {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        };
        after(&link);
        let directory = || {
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
        };
        assert!(after(&directory).contains("regular"));
    }
}
