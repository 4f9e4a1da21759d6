//! Why a decision's strength is not enough, in words.

use super::store::Unusable;

/// Why a proof does not count.
#[derive(Debug)]
pub enum Refused {
    /// The user has factors, and gave none.
    Missing { user: u32, kinds: &'static str },
    /// A rule asks for a factor, or this one, and the user has none.
    NotEnrolled { user: u32, wanted: &'static str },
    /// Another factor was given than the rule asks for.
    Other { wanted: &'static str },
    /// The code was wrong: in words, and whether codes are locked from now on.
    Code { why: String, locks: bool },
    /// Codes are not looked at for so many seconds.
    Locked { seconds: i64 },
    /// The signature does not count, or what it signs.
    Signature(String),
    /// The same signed text decided before.
    Again,
    /// The factors of the user are there, and cannot be read or written: nothing goes on by them.
    Unusable { user: u32, what: Unusable },
    /// The request makes no sense: what was expected.
    Malformed(String),
}

impl Refused {
    /// The reason as the metric names it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::NotEnrolled { .. } => "not-enrolled",
            Self::Other { .. } => "other",
            Self::Code { .. } => "wrong",
            Self::Locked { .. } => "locked",
            Self::Signature(_) => "signature",
            Self::Again => "again",
            Self::Unusable { .. } => "unusable",
            Self::Malformed(_) => "malformed",
        }
    }

    /// What was wrong, and what to do.
    #[must_use]
    pub fn said(&self) -> (String, Option<String>) {
        match self {
            Self::Missing { user, kinds } => (
                format!("user {user} has enrolled a factor, so it takes {kinds}"),
                Some("add --code, or --sign FILE with your key's file".into()),
            ),
            Self::NotEnrolled { user, wanted } => (
                format!("the rule asks for {wanted}, and user {user} has enrolled none"),
                Some("interlock factor add totp, or interlock factor add key FILE.pub".into()),
            ),
            Self::Other { wanted } => {
                (format!("the rule asks for {wanted}, and not for another factor"), None)
            }
            Self::Code { why, locks: false } => {
                (why.clone(), Some("wait for the next code, and type that".into()))
            }
            Self::Code { why, locks: true } => {
                (format!("{why}; that were too many, so no code is taken for 5 min"), Some(ANOTHER.into()))
            }
            Self::Locked { seconds } => {
                (format!("too many wrong codes: none is looked at for {seconds} s"), Some(ANOTHER.into()))
            }
            Self::Signature(why) => (format!("the signature does not count: {why}"), None),
            Self::Again => (
                "this signed text has decided before, and counts once".into(),
                Some("sign anew: interlock approve … --sign FILE".into()),
            ),
            Self::Unusable { user, what } => (
                format!(
                    "the factors of user {user} cannot be used, so nothing goes on by that user's decision: {what}"
                ),
                Some(
                    "root repairs that file, or removes it and enrols anew; denying and freezing go on"
                        .into(),
                ),
            ),
            Self::Malformed(why) => (why.clone(), None),
        }
    }
}

const ANOTHER: &str = "a key's signature is taken meanwhile, and so is root's decision";
