//! Factors come and go.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    check::Proof,
    enrolled::{Device, Enrolled, EnrolledKey},
    key::{Key, LINE_MOST, Signature},
    refused::Refused,
    same::Same,
    secret::Secret,
    statement::Statement,
    store::Store,
    totp::{self, Wrong},
};
use interlock_core::hex::hex;

/// A factor that is to be enrolled.
#[derive(Clone, PartialEq, Eq)]
pub enum New {
    /// A device that shows codes: its secret in base 32, and the code that it shows now.
    Device { secret: String, code: String },
    /// A line of a `.pub` file, and what the key itself signed about being enrolled.
    Key { line: String, verify_required: bool, possession: Proof },
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
        New::Key { line, verify_required, .. } => {
            let verified = if *verify_required { " verify-required" } else { "" };
            format!("key {}{verified}", Key::parse(line)?.fingerprint())
        }
    };
    Ok(format!("{what} of user {user}"))
}

/// Enrols a factor; it is on disk when this returns. `statement` is what is asked for.
///
/// # Errors
/// It is none, the code is not the device's, the key has not signed, or the user's factors cannot be used.
pub fn add(
    store: &Store,
    user: u32,
    new: &New,
    statement: &Statement,
    now: Timestamp,
) -> Result<Changed, Refused> {
    let unusable = |what| Refused::Unusable { user, what };
    let mut enrolled = store.load(user).map_err(unusable)?;
    let id = enrolled.new_id().map_err(Refused::Malformed)?;
    let what = match new {
        New::Device { secret, code } => {
            let device = device(id.clone(), secret, code, now)?;
            is_new(store, user, &device.secret.same())?;
            enrolled.devices.push(device);
            "totp".to_owned()
        }
        New::Key { line, verify_required, possession } => {
            // Not of one that is enrolled: an earlier version took longer ones.
            let length = line.trim().len();
            if length > LINE_MOST {
                let why = format!("the key's line has {length} bytes; expected at most {LINE_MOST}");
                return Err(Refused::Malformed(why));
            }
            let public = Key::parse(line).map_err(Refused::Malformed)?;
            let what = format!("key {}", public.fingerprint());
            let verify_required = *verify_required;
            // First: who has only seen it does not learn whether somebody has enrolled it.
            let counter = held(&public, verify_required, statement, possession, now)?;
            is_new(store, user, &public.same())?;
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

/// One secret, or one key, is one factor, also of two users: else one code would count twice, or as two persons'. Fails closed: where
/// somebody's factors cannot be read, nobody can say.
fn is_new(store: &Store, user: u32, same: &Same) -> Result<(), Refused> {
    let holder = store.holder(same).map_err(|what| Refused::Unusable { user, what })?;
    let Some(holder) = holder else { return Ok(()) };
    let what = if matches!(same, Same::Secret(_)) { "secret" } else { "key" };
    let whose = if holder == user { "" } else { " by another user" }; // who that is stays theirs
    Err(Refused::Malformed(format!("this {what} is enrolled already{whose}, and counts once: take another")))
}

/// Whoever enrols a key shows that they hold it and that it can do what is asked of it: else anybody could enrol a key that they have
/// seen, which its holder could not enrol any more. Returns how often the key has signed.
fn held(
    key: &Key,
    verify_required: bool,
    statement: &Statement,
    possession: &Proof,
    now: Timestamp,
) -> Result<u32, Refused> {
    let refused = |why: String| Refused::Malformed(format!("the new key's own signature: {why}"));
    let (Some(text), Some(signature)) = (&possession.statement, &possession.signature) else {
        return Err(refused("expected the statement that it signed, and its signature".into()));
    };
    let signature = Signature::parse(signature).map_err(refused)?;
    statement.is_said_by(text, now).map_err(refused)?;
    let touch = key.verify(text, &signature).map_err(refused)?;
    if verify_required && !touch.verified {
        return Err(refused(
            "it was made without a PIN or a finger, which --verify-required asks for".into(),
        ));
    }
    Ok(touch.counter)
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
    use crate::factor::{
        statement,
        testing::{SECRET, Token},
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// Asked for with the very statement that it takes.
    fn add(store: &Store, user: u32, new: &New, now: Timestamp) -> Result<Changed, Refused> {
        super::add(store, user, new, &asked(user, new), now)
    }

    fn asked(user: u32, new: &New) -> Statement {
        let object = object(user, new).unwrap_or_default();
        Statement { verdict: "factor-add", object, ..statement::sample() }
    }

    fn key_of(user: u32, token: &Token, verify_required: bool) -> New {
        signed_by(token, user, token, verify_required)
    }

    fn signed_by(signer: &Token, user: u32, token: &Token, verify_required: bool) -> New {
        let line = token.public();
        let bare = New::Key { line: line.clone(), verify_required, possession: Proof::default() };
        let text = asked(user, &bare).text(at(600));
        let signature = Some(signer.signs(&text));
        New::Key { line, verify_required, possession: Proof { code: None, statement: Some(text), signature } }
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
        let key = key_of(1000, &Token { flags: 5, counter: 7, ..Token::new(1) }, true);
        assert!(add(&store, 1000, &key, at(0)).unwrap().what.starts_with("key SHA256:"));
        assert_eq!(store.load(1000).unwrap().keys[0].counter, 7, "its signature counts");
        assert!(add(&store, 1000, &key, at(0)).unwrap_err().said().0.contains("already"));
        remove(&store, 1000, "f1").unwrap();
        assert!(remove(&store, 1000, "f1").is_err());
        assert_eq!(add(&store, 1000, &key, at(0)).unwrap().id, "f2");
        let ordinary = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrb7tVDjRqEDsKA1XKmgMLHkfZA80fTLwtn58jl+E0l";
        let ordinary =
            New::Key { line: ordinary.into(), verify_required: false, possession: Proof::default() };
        assert!(add(&store, 1000, &ordinary, at(0)).unwrap_err().said().0.contains("ordinary"));
    }

    #[test]
    fn one_secret_is_one_factor_whatever_it_is_called_and_whoever_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        add(&store, 1000, &device_at(3000), at(3000)).unwrap();
        // The same codes: HMAC fills its key up with zeros.
        let longer = Secret::of_bytes(&[SECRET, &[0; 4]].concat()).unwrap();
        assert_eq!(totp::code(&longer, 3000), totp::code(&Secret::of_bytes(SECRET).unwrap(), 3000));
        let longer = New::Device { code: totp::code(&longer, 3000), secret: longer.text() };
        for (user, new) in
            [(1000, device_at(3000)), (1001, device_at(3000)), (1000, longer.clone()), (1001, longer)]
        {
            let said = add(&store, user, &new, at(3000)).unwrap_err().said().0;
            assert!(said.contains("enrolled already"), "{user}: {said}");
            assert!(!said.contains("1000"), "another user's stays theirs: {said}");
        }
        assert!(store.load(1001).unwrap().is_empty());
        let key = |user, token: &Token| key_of(user, token, false);
        add(&store, 1000, &key(1000, &Token::new(1)), at(0)).unwrap();
        let elsewhere = Token { application: "ssh:other", ..Token::new(1) };
        for (user, token) in [(1001, Token::new(1)), (1000, elsewhere)] {
            assert!(
                add(&store, user, &key(user, &token), at(0))
                    .unwrap_err()
                    .said()
                    .0
                    .contains("enrolled already")
            );
        }
        // Where somebody's cannot be read nobody can say.
        std::fs::write(dir.path().join("factors/1000.json"), "{").unwrap();
        assert!(matches!(
            add(&store, 1001, &key(1001, &Token::new(2)), at(0)),
            Err(Refused::Unusable { .. })
        ));
    }

    #[test]
    fn nobody_enrols_a_key_that_they_do_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let token = Token::new(1);
        let bare = New::Key { line: token.public(), verify_required: false, possession: Proof::default() };
        // What it signed to be another user's, who shows it around.
        let New::Key { possession, .. } = key_of(1001, &token, false) else { panic!("a key") };
        let of_another = New::Key { line: token.public(), verify_required: false, possession };
        let untouched = key_of(1000, &Token { flags: 0, ..Token::new(1) }, false);
        for (new, why) in [
            (bare, "expected the statement"),
            (of_another, "not what is asked for"),
            (signed_by(&Token::new(2), 1000, &token, false), "no signature of this text by this key"),
            (untouched, "nobody touched the key"),
            (key_of(1000, &token, true), "without a PIN"),
        ] {
            let said = add(&store, 1000, &new, at(0)).unwrap_err().said().0;
            assert!(said.contains("the new key's own signature") && said.contains(why), "{why}: {said}");
        }
        let late = add(&store, 1000, &key_of(1000, &token, false), at(600)).unwrap_err();
        assert!(late.said().0.contains("expired"));
        assert!(store.load(1000).unwrap().is_empty());
        add(&store, 1000, &key_of(1000, &token, false), at(0)).unwrap();
    }

    #[test]
    fn a_keys_line_has_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let line = format!("{} {}", Token::new(1).public(), "x".repeat(2000));
        let new = New::Key { line, verify_required: false, possession: Proof::default() };
        assert!(
            add(&Store::new(dir.path()), 1000, &new, at(0)).unwrap_err().said().0.contains("at most 1024")
        );
    }

    #[test]
    fn nobody_has_more_than_sixteen() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let add = |seed| add(&store, 1000, &key_of(1000, &Token::new(seed), false), at(0));
        (0..16).for_each(|seed| _ = add(seed).unwrap());
        assert!(add(16).unwrap_err().said().0.contains("16 factors already"));
    }
}
