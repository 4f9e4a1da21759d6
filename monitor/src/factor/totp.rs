//! Codes of a device: RFC 6238 with what every authenticator app has, six digits by HMAC-SHA-1 and steps of 30 s.

use totp_rs::{Algorithm, TOTP};

use super::secret::Secret;

/// Seconds that a code is shown for.
pub const STEP: u64 = 30;
const DIGITS: usize = 6;
/// Steps around now whose codes are taken: clocks differ, and people type.
const WINDOW: i64 = 1;
/// Steps before the window that are looked at to say how far a device is behind. Those codes open nothing. How far one is ahead
/// is not said: whoever guesses would learn a code that becomes good.
const TOLD: i64 = 20;

/// A code that was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Number of its step since 1970; from now on no code up to it is taken.
    pub step: u64,
    /// Seconds that the device's clock is ahead of this machine's (behind it where negative), to half a minute.
    pub drift: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Not six digits. It counts as no attempt.
    Malformed,
    /// No code of about now.
    Mismatch,
    /// It was right, and no code up to it is taken any more.
    Used,
    /// It was right so many seconds ago.
    Behind(i64),
}

/// Looks whether a code is right at `now`, seconds since 1970, where `last` is the step of the one that was taken last.
///
/// # Errors
/// Why it is not.
pub fn verify(secret: &Secret, code: &str, now: u64, last: Option<u64>) -> Result<Accepted, Wrong> {
    let code: String = code.chars().filter(|character| !character.is_whitespace()).collect(); // apps show 123 456
    if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Malformed);
    }
    let totp = generator(secret);
    let current = now / STEP;
    let is_of = |offset: i64| {
        // Compared in constant time by the library.
        current.checked_add_signed(offset).filter(|step| totp.check(&code, step * STEP))
    };
    // All of them are computed, whichever fits.
    let near: Vec<(i64, u64)> =
        (-WINDOW..=WINDOW).filter_map(|offset| is_of(offset).map(|step| (offset, step))).collect();
    let fresh = near.iter().find(|(_, step)| last.is_none_or(|last| *step > last));
    match (fresh, near.is_empty()) {
        (Some((offset, step)), _) => Ok(Accepted { step: *step, drift: offset * STEP.cast_signed() }),
        (None, false) => Err(Wrong::Used),
        (None, true) => {
            let behind = (WINDOW + 1..=TOLD).find(|offset| is_of(-offset).is_some());
            Err(behind.map_or(Wrong::Mismatch, |offset| Wrong::Behind(offset * STEP.cast_signed())))
        }
    }
}

fn generator(secret: &Secret) -> TOTP {
    // Unchecked: RFC 6238's own secret is what it says, and ours have their length checked when they are read.
    TOTP::new_unchecked(Algorithm::SHA1, DIGITS, 0, STEP, secret.bytes().to_vec())
}

/// In words: `your device is 30 s behind`; `None` where it is not.
#[must_use]
pub fn drift_in_words(drift: i64) -> Option<String> {
    match drift {
        0 => None,
        behind if behind < 0 => Some(format!("your device is about {} s behind", -behind)),
        ahead => Some(format!("your device is about {ahead} s ahead")),
    }
}

/// The code at a time.
#[cfg(test)]
pub fn code(secret: &Secret, at: u64) -> String {
    generator(secret).generate(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    const VECTORS: [(u64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> Secret {
        Secret::of_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (at, code) in VECTORS {
            assert_eq!(verify(&secret(), code, at, None), Ok(Accepted { step: at / 30, drift: 0 }));
        }
    }

    #[test]
    fn one_step_to_either_side_is_taken_and_said_and_none_beyond() {
        let (at, code) = VECTORS[3];
        let asked = |now| verify(&secret(), code, now, None);
        assert_eq!(asked(at + 30), Ok(Accepted { step: at / 30, drift: -30 }));
        assert_eq!(asked(at - 30), Ok(Accepted { step: at / 30, drift: 30 }));
        assert_eq!(asked(at + 60), Err(Wrong::Behind(60)));
        assert_eq!(asked(at + 600), Err(Wrong::Behind(600)));
        assert_eq!(asked(at + 630), Err(Wrong::Mismatch));
        assert_eq!(asked(at - 60), Err(Wrong::Mismatch), "one that becomes good is not told from any other");
        assert_eq!(drift_in_words(-30).as_deref(), Some("your device is about 30 s behind"));
    }

    #[test]
    fn a_code_is_taken_once_and_so_is_every_earlier_one() {
        let (at, code) = VECTORS[3];
        assert_eq!(verify(&secret(), code, at, Some(at / 30)), Err(Wrong::Used));
        assert_eq!(verify(&secret(), code, at + 30, Some(at / 30)), Err(Wrong::Used));
        assert_eq!(verify(&secret(), code, at, Some(at / 30 + 1)), Err(Wrong::Used));
        assert!(verify(&secret(), code, at, Some(at / 30 - 1)).is_ok());
    }

    #[test]
    fn what_is_no_code_is_told_apart_and_space_does_not_matter() {
        for wrong in ["", "12345", "1234567", "12345x", "１２３４５６"] {
            assert_eq!(verify(&secret(), wrong, 59, None), Err(Wrong::Malformed), "{wrong}");
        }
        assert!(verify(&secret(), " 287 082\n", 59, None).is_ok());
        assert_eq!(verify(&secret(), "287082", 0, None), Ok(Accepted { step: 1, drift: 30 }));
    }
}
