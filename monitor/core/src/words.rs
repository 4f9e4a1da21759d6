//! The fixed words of rules, catalogues and the API, one table per noun.

use crate::facts::{
    Action, DelegateHow, DestinationClass, EnvironHow, FactorKind, Grade, HoldState, InspectHow, Kind,
    Lifecycle, LinkHow, Mode, ReasonTerm, Role, Severity, Transport, Trust,
};

/// A noun with a closed list of words.
pub trait Word: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    #[must_use]
    fn from_word(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    /// The word as rules write it.
    #[must_use]
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("?", |(word, _)| word)
    }
}

/// Every word of a noun.
pub fn words<T: Word>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

impl Word for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("open", Self::Open),
        ("probe", Self::Probe),
        ("connect", Self::Connect),
        ("exec", Self::Exec),
        ("environ", Self::Environ),
        ("inspect", Self::Inspect),
        ("delegate", Self::Delegate),
        ("link", Self::Link),
        ("lifecycle", Self::Lifecycle),
    ];
}

impl Word for Action {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("allow", Self::Allow),
        ("alert", Self::Alert),
        ("hold", Self::Hold),
        ("deny", Self::Deny),
        ("freeze", Self::Freeze),
        ("kill", Self::Kill),
    ];
}

impl Word for HoldState {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("waiting", Self::Waiting),
        ("approved", Self::Approved),
        ("denied", Self::Denied),
        ("expired", Self::Expired),
        ("gone", Self::Gone),
    ];
}

impl Word for Severity {
    const WORDS: &'static [(&'static str, Self)] =
        &[("low", Self::Low), ("medium", Self::Medium), ("high", Self::High), ("critical", Self::Critical)];
}

impl Word for FactorKind {
    const WORDS: &'static [(&'static str, Self)] = &[("totp", Self::Totp), ("key", Self::Key)];
}

impl Word for ReasonTerm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("optional", Self::Optional), ("required", Self::Required)];
}

impl Word for Trust {
    const WORDS: &'static [(&'static str, Self)] =
        &[("tenant", Self::Tenant), ("template", Self::Template), ("platform", Self::Platform)];
}

impl Word for Grade {
    const WORDS: &'static [(&'static str, Self)] = &[("A", Self::A), ("B", Self::B), ("C", Self::C)];
}

impl Word for DestinationClass {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("infra", Self::Infra),
        ("model", Self::Model),
        ("package", Self::Package),
        ("database", Self::Database),
        ("metadata", Self::Metadata),
        ("vcs", Self::Vcs),
        ("local", Self::Local),
        ("plain", Self::Plain),
        ("unknown", Self::Unknown),
    ];
}

impl Word for Role {
    const WORDS: &'static [(&'static str, Self)] = &[("infra", Self::Infra)];
}

impl Word for EnvironHow {
    const WORDS: &'static [(&'static str, Self)] =
        &[("exec", Self::Exec), ("open", Self::Open), ("memory", Self::Memory)];
}

impl Word for InspectHow {
    const WORDS: &'static [(&'static str, Self)] = &[("ptrace", Self::Ptrace), ("memory", Self::Memory)];
}

impl Word for DelegateHow {
    const WORDS: &'static [(&'static str, Self)] =
        &[("socket", Self::Socket), ("command", Self::Command), ("file", Self::File)];
}

impl Word for LinkHow {
    const WORDS: &'static [(&'static str, Self)] = &[("link", Self::Link), ("rename", Self::Rename)];
}

impl Word for Lifecycle {
    const WORDS: &'static [(&'static str, Self)] = &[("started", Self::Started), ("ended", Self::Ended)];
}

impl Word for Transport {
    const WORDS: &'static [(&'static str, Self)] =
        &[("tcp", Self::Tcp), ("udp", Self::Udp), ("raw", Self::Raw)];
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[("enforce", Self::Enforce), ("observe", Self::Observe)];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::model::{Distinct, Order};

    /// The tables and serde's names are two lists of the same words; the API shows the one, rules use the other.
    fn as_serde_says<T: Word + serde::Serialize>() {
        for (word, value) in T::WORDS {
            assert_eq!(serde_json::to_value(value).unwrap(), *word);
            assert_eq!(value.word(), *word);
            assert!(T::from_word(word) == Some(*value));
        }
    }

    #[test]
    fn words_are_those_of_the_api() {
        as_serde_says::<Kind>();
        as_serde_says::<Action>();
        as_serde_says::<HoldState>();
        as_serde_says::<Severity>();
        as_serde_says::<Grade>();
        as_serde_says::<DestinationClass>();
        as_serde_says::<Role>();
        as_serde_says::<EnvironHow>();
        as_serde_says::<InspectHow>();
        as_serde_says::<DelegateHow>();
        as_serde_says::<LinkHow>();
        as_serde_says::<Lifecycle>();
        as_serde_says::<Transport>();
        as_serde_says::<Order>();
        as_serde_says::<Mode>();
        as_serde_says::<Distinct>();
    }
}
