//! Further processes that wait under a hold, and whether the person who decides can have seen them.

use serde::{Deserialize, Serialize};

/// Most further processes of a hold; one beyond asks for itself.
pub const MAX: usize = 16;

/// Processes beside the one that a hold was opened for, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    others: Vec<Other>,
    /// How many of them were shown to somebody.
    shown: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    pub pid: u32,
    /// Without credentials, and cut: for people.
    pub command: String,
    /// What it is compared by.
    #[serde(default)]
    pub command_sha256: String,
}

/// How a process stands to a hold that asks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Somebody with this command line waits already: nothing new to see.
    Known,
    /// To be reported.
    New,
    /// Too many wait under the hold.
    Full,
}

impl Company {
    /// Whether a command line of that digest waits already, where the hold was opened for one of the digest `first`.
    #[must_use]
    pub fn knows(&self, first: &str, command_sha256: &str) -> bool {
        first == command_sha256 || self.others.iter().any(|other| other.command_sha256 == command_sha256)
    }

    /// Takes in a process, where the hold was opened for one whose command line has the digest `first`. Lines that look the same
    /// may differ in what is masked or cut.
    pub fn join(&mut self, first: &str, other: Other) -> Joined {
        if self.knows(first, &other.command_sha256) {
            return Joined::Known;
        }
        if self.others.len() >= MAX {
            return Joined::Full;
        }
        self.others.push(other);
        Joined::New
    }

    /// `PID COMMAND`, each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.others.iter().map(line).collect()
    }

    /// Everything so far is before somebody's eyes now.
    pub fn show(&mut self) {
        self.shown = self.others.len();
    }

    /// Those that came since it was last shown, as `PID COMMAND`.
    #[must_use]
    pub fn unseen(&self) -> Vec<String> {
        self.others.iter().skip(self.shown).map(line).collect()
    }
}

fn line(other: &Other) -> String {
    format!("{} {}", other.pid, other.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(pid: u32, command: &str, digest: &str) -> Other {
        Other { pid, command: command.to_owned(), command_sha256: digest.to_owned() }
    }

    #[test]
    fn the_same_command_again_is_nothing_new_and_another_is_unseen_until_it_is_shown() {
        let mut company = Company::default();
        assert_eq!(company.join("aa", other(8, "curl a", "aa")), Joined::Known);
        assert_eq!(company.join("aa", other(9, "curl b", "bb")), Joined::New);
        assert_eq!(company.join("aa", other(9, "curl b", "bb")), Joined::Known);
        assert_eq!(company.unseen(), ["9 curl b"]);
        company.show();
        assert!(company.unseen().is_empty());
        assert_eq!(company.join("aa", other(10, "curl c", "cc")), Joined::New);
        assert_eq!((company.unseen(), company.lines().len()), (vec!["10 curl c".to_owned()], 2));
    }

    #[test]
    fn what_only_looks_the_same_is_not_and_there_is_an_end() {
        let mut company = Company::default();
        for pid in 11..=10 + MAX as u32 {
            assert_eq!(company.join("aa", other(pid, "curl a…", &format!("{pid}"))), Joined::New);
        }
        assert_eq!(
            company.join("aa", other(11, "curl a…", "11")),
            Joined::Known,
            "its own second connection"
        );
        assert_eq!(company.join("aa", other(7, "curl a…", "aa")), Joined::Known, "the first one's");
        assert_eq!(company.join("aa", other(99, "curl a…", "99")), Joined::Full);
    }
}
