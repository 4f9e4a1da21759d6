//! The secret that a device and the daemon share.

use std::fmt;

use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::same::Same;
use crate::uri::percent_encoded;

/// Bytes of one that is made here, which RFC 4226 recommends.
const LENGTH: usize = 20;
/// Bytes that one must have, by RFC 4226.
const LEAST: usize = 16;
const MOST: usize = 64;

/// Never printed but on purpose: [`Secret::text`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one, from the kernel's random numbers.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = vec![0; LENGTH];
        OsRng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// # Errors
    /// Too few or too many bytes.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, String> {
        if (LEAST..=MOST).contains(&bytes.len()) {
            return Ok(Self(bytes.to_vec()));
        }
        Err(format!("the secret has {} bytes; expected {LEAST} to {MOST}", bytes.len()))
    }

    /// As apps take it: base 32, without padding.
    ///
    /// # Errors
    /// It is not base 32, or has too few or too many bytes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let bytes = totp_rs::Secret::Encoded(text.trim_end_matches('=').to_ascii_uppercase()).to_bytes();
        Self::of_bytes(&bytes.map_err(|_| "the secret is not base 32 (A to Z and 2 to 7)".to_owned())?)
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What two secrets of the same codes have in common.
    #[must_use]
    pub fn same(&self) -> Same {
        let end = self.0.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Same::Secret(self.0.get(..end).unwrap_or_default().to_vec())
    }

    /// In base 32, as it is typed into an app.
    #[must_use]
    pub fn text(&self) -> String {
        totp_rs::Secret::Raw(self.0.clone()).to_encoded().to_string()
    }

    /// As apps read it from a picture: the key URI format, whose parameters are what RFC 6238 takes for granted.
    #[must_use]
    pub fn uri(&self, user: &str, host: &str) -> String {
        let account = format!("{}@{}", percent_encoded(user), percent_encoded(host));
        format!("otpauth://totp/Interlock:{account}?secret={}&issuer=Interlock", self.text())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_shown_by_accident() {
        let secret = Secret::of_bytes(b"12345678901234567890").unwrap();
        assert_eq!(secret.text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Secret::parse("gezd gnbv gy3t qojq gezd gnbv gy3t qojq"), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(
            secret.uri("ann b", "dev.example"),
            "otpauth://totp/Interlock:ann%20b@dev.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Interlock"
        );
        assert_ne!(Secret::random(), Secret::random());
    }

    #[test]
    fn one_that_is_too_short_or_no_base_32_is_refused_in_words() {
        assert!(Secret::parse("GEZDGNBV").is_err_and(|text| text.contains("16 to 64")));
        assert!(
            Secret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1").is_err_and(|text| text.contains("base 32"))
        );
    }
}
