//! What a person was shown of a hold, as a hash: an approval of one thing cannot be moved to another.
//!
//! The bytes that are hashed are documented in `docs/audit.md`, so that a foreign tool can compute them from what the control
//! API tells of a hold. Each line is `NAME LENGTH:VALUE` and a newline, the length being the value's in bytes, so that no value
//! can look like another line. The time at which the hold was opened is among them: it is not known before, so whoever chooses
//! what is shown cannot look beforehand for two holds whose tokens are the same.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{given::Given, hold::Hold};
use crate::{facts::SessionId, hex::hex, words::Word as _};

/// First line of what is hashed.
const VERSION: &str = "interlock-evidence-v1\n";
/// Hexadecimal digits of the token, and of the whole hash.
pub const TOKEN: usize = 16;
pub const WHOLE: usize = 64;

/// SHA-256 of everything that a person is shown of a hold, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence(String);

impl Evidence {
    #[must_use]
    pub fn of(hold: &Hold) -> Self {
        Self(hex(&Sha256::digest(canonical(hold).as_bytes())))
    }

    /// The whole hash.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }

    /// Its first digits, as people are shown it.
    #[must_use]
    pub fn token(&self) -> &str {
        self.0.get(..TOKEN).unwrap_or(&self.0)
    }

    /// Whether `named` means this: the token, or more of the hash.
    #[must_use]
    pub fn is_named_by(&self, named: &str) -> bool {
        (TOKEN..=WHOLE).contains(&named.len()) && self.0.starts_with(named)
    }
}

impl Hold {
    /// The approvals that count: those of the hold as it stands. Whoever approved before another process joined has not approved
    /// that one. Nor those of root that nobody had logged in for, which an earlier version took: they may be anybody's.
    pub fn given(&self) -> impl Iterator<Item = &Given> {
        let present = Evidence::of(self);
        self.approvals.iter().filter(move |given| given.evidence == present.whole() && given.is_somebodys())
    }
}

/// The bytes that are hashed.
fn canonical(hold: &Hold) -> String {
    let first = format!("{} {}", hold.pid, hold.command);
    let silence = hold.deadline.map_or("none", |_| hold.then.word());
    let owner = hold.owner.map(|owner| owner.to_string()).unwrap_or_default();
    let mut out = String::from(VERSION);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name} {}:{value}", value.len()); // a String takes everything
    };
    line("hold", &hold.id());
    line("asked", &hold.since.0.to_string());
    line("session", &SessionId(hold.session).to_string());
    line("user", &owner);
    line("agent", &hold.agent);
    line("waits", &first);
    hold.company.lines().iter().for_each(|other| line("waits", other));
    line("destination", &hold.target());
    line("rule", &hold.rule);
    line("severity", hold.severity.word());
    line("summary", &hold.summary);
    hold.because.iter().for_each(|touch| line("because", touch));
    line("silence", silence);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{Action, BootNanos},
        holds::{
            company::{Joined, Other},
            tests::hold,
        },
    };

    fn another(pid: u32, command: &str) -> Other {
        Other { pid, command: command.into(), command_sha256: command.into() }
    }

    /// As `printf` writes the bytes and `sha256sum` sums them up.
    #[test]
    fn the_hash_is_over_documented_bytes() {
        let mut hold = hold(SessionId(4711 << 42).0, 50);
        (hold.number, hold.owner, hold.summary) = (3, Some(1000), "Größe\nhold 2:h9".into());
        hold.because = vec!["A foreign paas /x".into(), "B foreign ssh /y".into()];
        hold.company.join("", another(8, "rm -r /"));
        assert_eq!(
            canonical(&hold),
            "interlock-evidence-v1\nhold 2:h3\nasked 2:10\nsession 10:4711-00000\nuser 4:1000\nagent 11:claude-code\n\
             waits 6:7 curl\nwaits 9:8 rm -r /\ndestination 27:api.example:443 (192.0.2.1)\nrule 5:infra\nseverity 4:high\n\
             summary 17:Größe\nhold 2:h9\nbecause 17:A foreign paas /x\nbecause 16:B foreign ssh /y\nsilence 6:freeze\n"
        );
        let evidence = Evidence::of(&hold);
        assert_eq!(evidence.whole(), "a11d8ea95c1b7113e1ec83190685aaa4251cdc3477aa8ea060e83d42e6b6be4f");
        assert_eq!(evidence.token(), &evidence.whole()[..16]);
    }

    #[test]
    fn everything_that_is_shown_changes_it_and_the_countdown_does_not() {
        let shown = hold(1, 50);
        let before = Evidence::of(&shown);
        let changes: [fn(&mut Hold); 13] = [
            |hold| hold.number += 1,
            |hold| hold.since = BootNanos(11),
            |hold| hold.session += 1,
            |hold| hold.owner = Some(0),
            |hold| hold.agent.push('x'),
            |hold| hold.pid += 1,
            |hold| hold.command.push('x'),
            |hold| assert_eq!(hold.company.join("", another(8, "rm")), Joined::New),
            |hold| hold.object = crate::holds::Object::Secret("/x".into()),
            |hold| hold.rule.push('x'),
            |hold| hold.summary.push('x'),
            |hold| hold.because.push("x".into()),
            |hold| hold.then = Action::Deny,
        ];
        for change in changes {
            let mut other = shown.clone();
            change(&mut other);
            assert_ne!(Evidence::of(&other), before, "{other:?}");
        }
        let later = Hold { deadline: Some(BootNanos(1_000)), ..shown.clone() };
        assert_eq!(Evidence::of(&later), before);
        assert_ne!(Evidence::of(&Hold { deadline: None, ..shown }), before, "nothing happens in silence");
    }

    #[test]
    fn a_token_names_it_and_so_does_more_of_it_but_nothing_shorter() {
        let evidence = Evidence::of(&hold(1, 50));
        let (whole, token) = (evidence.whole().to_owned(), evidence.token().to_owned());
        assert!(evidence.is_named_by(&token) && evidence.is_named_by(&whole));
        for other in ["", &token[..15], &format!("{whole}0"), &token.to_uppercase(), "0000000000000000", "é"]
        {
            assert!(!evidence.is_named_by(other), "{other}");
        }
    }
}
