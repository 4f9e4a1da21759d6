//! The factors of one user, as they lie on disk.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{attempts::Attempts, key::Key, same::Same, secret::Secret};

/// Factors that one user may have.
pub const MOST: usize = 16;

/// Signatures of one user that are remembered until what they sign has expired, 15 minutes: nobody touches a key as often.
pub const USED_MOST: usize = 512;

/// What is known of a user's factors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// Of this file's form.
    pub version: u32,
    pub user: u32,
    /// The number of the next factor: none is used again.
    pub next: u32,
    pub devices: Vec<Device>,
    pub keys: Vec<EnrolledKey>,
    pub attempts: Attempts,
    /// Signatures that were taken, until what they sign has expired.
    pub used: Vec<UsedSignature>,
}

pub const VERSION: u32 = 1;

/// A device that shows codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub id: String,
    pub enrolled: Timestamp,
    pub secret: Secret,
    /// Step of the last code that was taken.
    pub last_step: u64,
    /// How far its clock was off then, seconds.
    pub drift: i64,
}

/// A key that answers to a touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    pub id: String,
    pub enrolled: Timestamp,
    pub public: Key,
    /// Only signatures count for which the key made sure of who touched it.
    pub verify_required: bool,
    /// The highest count of signatures that the key has said.
    pub counter: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsedSignature {
    /// SHA-256 of the text that was signed, in hex: one text is one decision, also where a key signs it twice.
    pub text: String,
    pub until: Timestamp,
}

impl Enrolled {
    /// Each factor's id, and what it is the same by.
    pub fn each(&self) -> impl Iterator<Item = (&str, Same)> {
        let devices = self.devices.iter().map(|device| (device.id.as_str(), device.secret.same()));
        devices.chain(self.keys.iter().map(|key| (key.id.as_str(), key.public.same())))
    }

    #[must_use]
    pub fn none_of(user: u32) -> Self {
        Self { version: VERSION, user, next: 1, ..Self::default() }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.keys.is_empty()
    }

    /// `totp`, `key` or both, in words.
    #[must_use]
    pub fn kinds(&self) -> &'static str {
        match (self.devices.is_empty(), self.keys.is_empty()) {
            (false, false) => "a code or a signature",
            (false, true) => "a code",
            (true, false) => "a signature",
            (true, true) => "nothing",
        }
    }

    /// A new factor's id.
    ///
    /// # Errors
    /// There are too many.
    pub fn new_id(&mut self) -> Result<String, String> {
        if self.devices.len() + self.keys.len() >= MOST {
            return Err(format!("user {} has {MOST} factors already; remove one first", self.user));
        }
        let id = format!("f{}", self.next);
        self.next += 1;
        Ok(id)
    }

    /// Takes a factor away; returns whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.devices.len() + self.keys.len();
        self.devices.retain(|device| device.id != id);
        self.keys.retain(|key| key.id != id);
        self.devices.len() + self.keys.len() < before
    }
}
