//! Whether a proof is worth a decision.
//!
//! What is used up is on disk before it counts: a code's step, a key's counter, a signed text, a wrong attempt. A crash in between
//! costs the person a code, and gives nobody a second use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    enrolled::{Enrolled, USED_MOST, UsedSignature},
    key::Signature,
    refused::Refused,
    statement::{Statement, VALID},
    store::Store,
    totp::{self, Wrong},
};
use interlock_core::{facts::FactorKind, hex::hex, record::Factor};

/// What a person gives beside asking.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proof {
    /// Of a device: six digits.
    pub code: Option<String>,
    /// The text that was signed, and its signature as `ssh-keygen -Y sign` writes it.
    pub statement: Option<String>,
    pub signature: Option<String>,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof(…)") // codes stand in no log
    }
}

/// What a decision takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Whoever has a factor gives it.
    pub if_enrolled: bool,
    /// A rule asks for one of this kind.
    pub rule: Option<FactorKind>,
}

/// In words: `a code`.
fn wanted(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "a code",
        FactorKind::Key => "a key's signature",
    }
}

/// Looks whether `proof` is enough for what `statement` says, and uses it up.
///
/// # Errors
/// Why it is not.
pub fn check(
    store: &Store,
    statement: &Statement,
    proof: &Proof,
    need: Need,
    now: Timestamp,
) -> Result<Factor, Refused> {
    let user = statement.user;
    // Fails closed: somebody whose factors cannot be read may have some.
    let mut enrolled = store.load(user).map_err(|what| Refused::Unusable { user, what })?;
    let factor = match (&proof.code, &proof.signature) {
        (Some(_), Some(_)) => {
            return Err(Refused::Malformed("expected a code or a signature, and not both".into()));
        }
        (None, None) => {
            return match need.rule {
                Some(kind) if enrolled.is_empty() => Err(Refused::NotEnrolled { user, wanted: wanted(kind) }),
                None if enrolled.is_empty() || !need.if_enrolled => Ok(Factor::None),
                _ => Err(Refused::Missing { user, kinds: enrolled.kinds() }),
            };
        }
        (Some(code), None) => by_code(store, &mut enrolled, code, now)?,
        (None, Some(signature)) => {
            let text = proof.statement.as_deref().unwrap_or_default();
            by_signature(store, &mut enrolled, statement, text, signature, now)?
        }
    };
    match need.rule.filter(|kind| factor.kind() != Some(*kind)) {
        Some(kind) => Err(Refused::Other { wanted: wanted(kind) }),
        None => Ok(factor),
    }
}

fn by_code(store: &Store, enrolled: &mut Enrolled, code: &str, now: Timestamp) -> Result<Factor, Refused> {
    let user = enrolled.user;
    if enrolled.devices.is_empty() {
        return Err(Refused::Malformed(format!("user {user} has enrolled no device that shows codes")));
    }
    let seconds = now.as_second();
    if let Some(seconds) = enrolled.attempts.locked_for(seconds) {
        return Err(Refused::Locked { seconds });
    }
    let mut nearest = Wrong::Mismatch;
    let mut taken = None;
    // All of them, so that one secret which an earlier version took twice is used up twice.
    for device in &mut enrolled.devices {
        match totp::verify(&device.secret, code, seconds.max(0).cast_unsigned(), Some(device.last_step)) {
            Ok(accepted) => {
                (device.last_step, device.drift) = (accepted.step, accepted.drift);
                taken = Some(());
            }
            Err(Wrong::Mismatch) => {}
            Err(wrong) => nearest = wrong,
        }
    }
    if taken.is_some() {
        enrolled.attempts.forget();
    }
    let unusable = |what| Refused::Unusable { user, what };
    let why = match (taken, nearest) {
        (Some(()), _) => {
            store.save(enrolled).map_err(unusable)?;
            return Ok(Factor::Totp);
        }
        (None, Wrong::Malformed) => return Err(Refused::Malformed("a code has six digits".into())),
        (None, Wrong::Used) => "that code was used before; each counts once".to_owned(),
        (None, Wrong::Behind(seconds)) => {
            format!("that code is {seconds} s old: your device's clock is behind, or you typed an old one")
        }
        (None, Wrong::Mismatch) => "the code is wrong".to_owned(),
    };
    let locks = enrolled.attempts.count(seconds);
    store.save(enrolled).map_err(unusable)?;
    Err(Refused::Code { why, locks })
}

fn by_signature(
    store: &Store,
    enrolled: &mut Enrolled,
    statement: &Statement,
    text: &str,
    signature: &str,
    now: Timestamp,
) -> Result<Factor, Refused> {
    let wrong = Refused::Signature;
    let signature = Signature::parse(signature).map_err(wrong)?;
    statement.is_said_by(text, now).map_err(wrong)?;
    let user = enrolled.user;
    let Some(key) = enrolled.keys.iter_mut().find(|key| key.public.made(&signature)) else {
        return Err(wrong(format!("user {user} has not enrolled the key {}", signature.fingerprint())));
    };
    let touch = key.public.verify(text, &signature).map_err(wrong)?;
    if key.verify_required && !touch.verified {
        return Err(wrong("the key was touched, and did not make sure by whom (no PIN, no finger)".into()));
    }
    // A key that does not count says 0 each time.
    if (touch.counter, key.counter) != (0, 0) && touch.counter <= key.counter {
        let (said, known) = (touch.counter, key.counter);
        return Err(wrong(format!(
            "the key says that this is its signature number {said}, and it had made {known}: one was used before, or there are \
             two copies of the key"
        )));
    }
    let hash = hex(&Sha256::digest(text.as_bytes()));
    enrolled.used.retain(|used| used.until > now);
    if enrolled.used.iter().any(|used| used.text == hash) {
        return Err(Refused::Again);
    }
    if enrolled.used.len() >= USED_MOST {
        return Err(wrong(format!("{USED_MOST} were given in 15 min, as many as are remembered; wait")));
    }
    key.counter = touch.counter;
    let fingerprint = key.public.fingerprint();
    // The text expires by then, by this clock.
    let until = now.saturating_add(VALID).unwrap_or(Timestamp::MAX);
    enrolled.used.push(UsedSignature { text: hash, until });
    store.save(enrolled).map_err(|what| Refused::Unusable { user, what })?;
    Ok(Factor::Key(fingerprint))
}

#[cfg(test)]
mod tests;
