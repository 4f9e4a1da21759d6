//! The text that a key signs: everything that the decision is about, one line each, for people to read before they touch.
//!
//! ```text
//! Interlock decision 1
//! verdict: approve
//! object: h12
//! session: 30182-b4e10
//! evidence: 9f86d081884c7d65…
//! reach: once
//! reason: -
//! user: 1000
//! origin: interlock.dev.example/5f3a…
//! expires: 2026-11-30T22:00:00Z
//! ```
//!
//! The daemon writes the text anew from what it knows when it is asked to act, and compares all of it. So a signature is worth
//! nothing for another hold, other evidence, another host's daemon, or later.

use std::time::Duration;

use jiff::Timestamp;

/// How long a statement is good for, at most, and as the daemon proposes it.
pub const VALID: Duration = Duration::from_secs(15 * 60);

const HEAD: &str = "Interlock decision 1";
const EXPIRES: &str = "expires: ";

/// What a signature is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `approve`, `thaw`, `break-glass`, `pause`, `factor-add`, `factor-remove`.
    pub verdict: &'static str,
    /// The hold's id, the session's, the factor's.
    pub object: String,
    /// `-` where it is about none.
    pub session: String,
    /// SHA-256 of what the person was shown, in hex.
    pub evidence: String,
    /// How long it reaches; `None`: once.
    pub reach: Option<String>,
    pub reason: Option<String>,
    /// Whose decision it is, by uid.
    pub user: u32,
    /// The ledger that it will stand in.
    pub origin: String,
}

impl Statement {
    /// The text, with a newline at its end.
    #[must_use]
    pub fn text(&self, expires: Timestamp) -> String {
        let reach = self.reach.as_deref().unwrap_or("once");
        let lines = [
            ("verdict", self.verdict),
            ("object", &self.object),
            ("session", &self.session),
            ("evidence", &self.evidence),
            ("reach", reach),
            ("reason", &one_line(self.reason.as_deref())),
            ("user", &self.user.to_string()),
            ("origin", &one_line(Some(&self.origin))),
        ];
        let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{HEAD}\n{lines}{EXPIRES}{expires}\n")
    }

    /// Looks whether a text that was signed is this statement, and still counts at `now`.
    ///
    /// # Errors
    /// The line that differs, or that it is too late.
    pub fn is_said_by(&self, text: &str, now: Timestamp) -> Result<(), String> {
        let expires = text.lines().find_map(|line| line.strip_prefix(EXPIRES)).and_then(|at| at.parse().ok());
        let expires: Timestamp = expires.ok_or("the signed text does not say when it expires")?;
        let own = self.text(expires);
        if text != own {
            return Err(difference(text, &own));
        }
        let left = expires.duration_since(now);
        if left.is_negative() || left.is_zero() {
            return Err(format!("the signed text expired at {expires}"));
        }
        if left.unsigned_abs() > VALID {
            return Err(format!(
                "the signed text expires at {expires}; expected at most {} min from now",
                VALID.as_secs() / 60
            ));
        }
        Ok(())
    }
}

/// The first line that is not what it should be.
fn difference(found: &str, expected: &str) -> String {
    let lines = found.lines().zip(expected.lines());
    let differs = lines.into_iter().find(|(found, expected)| found != expected);
    match differs {
        Some((found, expected)) => {
            format!("what was signed is not what is asked for: it says {found:?}; expected {expected:?}")
        }
        None => "what was signed is not what is asked for: it has other lines".to_owned(),
    }
}

/// What would end a line is a space, so that nobody's reason writes a line of its own.
fn one_line(text: Option<&str>) -> String {
    let text: String = text
        .unwrap_or_default()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
pub(super) fn sample() -> Statement {
    Statement {
        verdict: "approve",
        object: "h12".into(),
        session: "30182-b4e10".into(),
        evidence: "9f86d081".into(),
        reach: None,
        reason: None,
        user: 1000,
        origin: "interlock.dev.example/5f3a".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_text_says_all_of_it() {
        insta::assert_snapshot!(sample().text(at(600)), @"
        Interlock decision 1
        verdict: approve
        object: h12
        session: 30182-b4e10
        evidence: 9f86d081
        reach: once
        reason: -
        user: 1000
        origin: interlock.dev.example/5f3a
        expires: 1970-01-01T00:10:00Z
        ");
    }

    #[test]
    fn a_text_about_anything_else_is_not_this_statement() {
        let mine = sample();
        let others = [
            Statement { verdict: "thaw", ..mine.clone() },
            Statement { object: "h13".into(), ..mine.clone() },
            Statement { session: "1-2".into(), ..mine.clone() },
            Statement { evidence: "00".into(), ..mine.clone() },
            Statement { reach: Some("600 s".into()), ..mine.clone() },
            Statement { reason: Some("why".into()), ..mine.clone() },
            Statement { user: 1001, ..mine.clone() },
            Statement { origin: "interlock.other/1".into(), ..mine.clone() },
        ];
        assert_eq!(mine.is_said_by(&mine.text(at(600)), at(0)), Ok(()));
        for other in others {
            let said = mine.is_said_by(&other.text(at(600)), at(0));
            assert!(said.is_err_and(|text| text.contains("not what is asked for")), "{other:?}");
        }
        let longer = mine.text(at(600)) + "verdict: thaw\n";
        assert!(mine.is_said_by(&longer, at(0)).is_err_and(|text| text.contains("other lines")));
    }

    #[test]
    fn it_counts_until_it_expires_and_for_no_longer_than_a_quarter_of_an_hour() {
        let (mine, text) = (sample(), sample().text(at(900)));
        assert_eq!(mine.is_said_by(&text, at(0)), Ok(()));
        assert_eq!(mine.is_said_by(&text, at(899)), Ok(()));
        assert!(mine.is_said_by(&text, at(900)).is_err_and(|text| text.contains("expired")));
        assert!(mine.is_said_by(&text, at(-1)).is_err_and(|text| text.contains("at most 15 min")));
        assert!(mine.is_said_by("verdict: approve\n", at(0)).is_err());
    }

    #[test]
    fn a_reason_writes_no_line_of_its_own() {
        let reason = Some("because\nverdict: thaw".to_owned());
        let text = Statement { reason, ..sample() }.text(at(0));
        assert!(text.contains("reason: because verdict: thaw\n"), "{text}");
    }
}
