//! Factors come and go.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    enrolled::{Device, Enrolled, EnrolledKey},
    key::Key,
    refused::Refused,
    secret::Secret,
    store::Store,
    totp::{self, Wrong},
};
use interlock_core::hex::hex;

/// A factor that is to be enrolled.
#[derive(Clone, PartialEq, Eq)]
pub enum New {
    /// A device that shows codes: its secret in base 32, and the code that it shows now.
    Device { secret: String, code: String },
    /// A line of a `.pub` file.
    Key { line: String, verify_required: bool },
}

impl std::fmt::Debug for New {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Device { .. } => "Device(…)",
            Self::Key { .. } => "Key(…)",
        })
    }
}

/// What was changed, and what the user has now.
#[derive(Debug)]
pub struct Changed {
    pub enrolled: Enrolled,
    /// The factor's id, and `totp` or `key SHA256:…`.
    pub id: String,
    pub what: String,
}

/// What is enrolled, and for whom, as a statement says it: whoever signs one lets nothing else be added by it.
///
/// # Errors
/// It is no key.
pub fn object(user: u32, new: &New) -> Result<String, String> {
    let what = match new {
        New::Device { secret, .. } => {
            let hash = Sha256::digest(secret.as_bytes());
            format!("totp SHA256:{}", hex(&hash).get(..16).unwrap_or_default())
        }
        New::Key { line, verify_required } => {
            let verified = if *verify_required { " verify-required" } else { "" };
            format!("key {}{verified}", Key::parse(line)?.fingerprint())
        }
    };
    Ok(format!("{what} of user {user}"))
}

/// Enrols a factor; it is on disk when this returns.
///
/// # Errors
/// It is none, the code is not the device's, or the user's factors cannot be used.
pub fn add(store: &Store, user: u32, new: &New, now: Timestamp) -> Result<Changed, Refused> {
    let unusable = |what| Refused::Unusable { user, what };
    let mut enrolled = store.load(user).map_err(unusable)?;
    let id = enrolled.new_id().map_err(Refused::Malformed)?;
    let what = match new {
        New::Device { secret, code } => {
            let device = device(id.clone(), secret, code, now)?;
            enrolled.devices.push(device);
            "totp".to_owned()
        }
        New::Key { line, verify_required } => {
            let public = Key::parse(line).map_err(Refused::Malformed)?;
            if enrolled.keys.iter().any(|known| known.public.fingerprint() == public.fingerprint()) {
                return Err(Refused::Malformed(format!(
                    "the key {} is enrolled already",
                    public.fingerprint()
                )));
            }
            let what = format!("key {}", public.fingerprint());
            let (verify_required, counter) = (*verify_required, 0);
            enrolled.keys.push(EnrolledKey {
                id: id.clone(),
                enrolled: now,
                public,
                verify_required,
                counter,
            });
            what
        }
    };
    store.save(&enrolled).map_err(unusable)?;
    Ok(Changed { enrolled, id, what })
}

/// Whoever enrols a device shows that it works. The code that shows it decides nothing any more.
fn device(id: String, secret: &str, code: &str, now: Timestamp) -> Result<Device, Refused> {
    let secret = Secret::parse(secret).map_err(Refused::Malformed)?;
    match totp::verify(&secret, code, now.as_second().max(0).cast_unsigned(), None) {
        Ok(taken) => Ok(Device { id, enrolled: now, secret, last_step: taken.step, drift: taken.drift }),
        Err(Wrong::Behind(seconds)) => Err(Refused::Malformed(format!(
            "that code is {seconds} s old: set your device's clock, or this machine's, and enrol again"
        ))),
        Err(_) => Err(Refused::Malformed(
            "that is not the code of this secret now; nothing is enrolled (are both clocks right?)".into(),
        )),
    }
}

/// Takes a factor away; it is gone from the disk when this returns.
///
/// # Errors
/// There is none of that id, or the user's factors cannot be used.
pub fn remove(store: &Store, user: u32, id: &str) -> Result<Changed, Refused> {
    let unusable = |what| Refused::Unusable { user, what };
    let mut enrolled = store.load(user).map_err(unusable)?;
    let key = enrolled.keys.iter().find(|key| key.id == id);
    let what = key.map_or("totp".to_owned(), |key| format!("key {}", key.public.fingerprint()));
    if !enrolled.remove(id) {
        return Err(Refused::Malformed(format!("user {user} has no factor {id:?}")));
    }
    store.save(&enrolled).map_err(unusable)?;
    Ok(Changed { enrolled, id: id.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::testing::{SECRET, Token};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn device_at(seconds: u64) -> New {
        let secret = Secret::of_bytes(SECRET).unwrap();
        New::Device { code: totp::code(&secret, seconds), secret: secret.text() }
    }

    #[test]
    fn a_device_shows_that_it_works_and_that_code_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let changed = add(&store, 1000, &device_at(3000), at(3030)).unwrap();
        assert_eq!((changed.id.as_str(), changed.what.as_str()), ("f1", "totp"));
        let known = &store.load(1000).unwrap().devices[0];
        assert_eq!((known.last_step, known.drift), (100, -30));
        let wrong = add(&store, 1000, &device_at(0), at(100_000)).unwrap_err();
        assert!(wrong.said().0.contains("nothing is enrolled"));
        assert_eq!(store.load(1000).unwrap().devices.len(), 1);
    }

    #[test]
    fn a_key_is_enrolled_once_and_no_id_is_given_twice() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let key = New::Key { line: Token::new(1).public(), verify_required: true };
        assert!(add(&store, 1000, &key, at(0)).unwrap().what.starts_with("key SHA256:"));
        assert!(add(&store, 1000, &key, at(0)).unwrap_err().said().0.contains("already"));
        remove(&store, 1000, "f1").unwrap();
        assert!(remove(&store, 1000, "f1").is_err());
        assert_eq!(add(&store, 1000, &key, at(0)).unwrap().id, "f2");
        let ordinary = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrb7tVDjRqEDsKA1XKmgMLHkfZA80fTLwtn58jl+E0l";
        let ordinary = New::Key { line: ordinary.into(), verify_required: false };
        assert!(add(&store, 1000, &ordinary, at(0)).unwrap_err().said().0.contains("ordinary"));
    }

    #[test]
    fn nobody_has_more_than_sixteen() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let add = |seed| {
            let line = Token::new(seed).public();
            add(&store, 1000, &New::Key { line, verify_required: false }, at(0))
        };
        (0..16).for_each(|seed| _ = add(seed).unwrap());
        assert!(add(16).unwrap_err().said().0.contains("16 factors already"));
    }
}
