//! What a rule asks of an approval, beyond that a person who may decide says yes.

use serde::{Deserialize, Serialize};

/// The terms of an approval. By default one person's yes is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Terms {
    /// Groups of the system's user database; whoever approves is in one of them. Empty: no group is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// The same of other rules that hold the same: each of these lists is asked for as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_by: Vec<Vec<String>>,
    /// So many different persons, 1 or 2.
    pub count: usize,
    /// What each of them proves to be that person by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorKind>,
    pub reason: ReasonTerm,
}

impl Default for Terms {
    fn default() -> Self {
        Self { by: Vec::new(), also_by: Vec::new(), count: 1, factor: None, reason: ReasonTerm::Optional }
    }
}

impl Terms {
    /// Most persons that a rule can ask for.
    pub const MOST: usize = 2;

    /// Whether the session's owner is none of those who may approve: whoever asks does not answer.
    #[must_use]
    pub fn excludes_owner(&self) -> bool {
        !self.by.is_empty() || self.count > 1
    }

    /// These and those: where several rules hold the same, an approval meets the terms of each. Fails closed: of two factors it is
    /// the key, which a code does not stand for.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        if self.by.is_empty() {
            self.by.clone_from(&other.by);
        } else if !other.by.is_empty() && other.by != self.by && !self.also_by.contains(&other.by) {
            self.also_by.push(other.by.clone());
        }
        self.count = self.count.max(other.count);
        self.factor = self.factor.max(other.factor);
        self.reason = self.reason.max(other.reason);
        self
    }

    /// Each list of groups of which an approver is in one.
    pub fn groups(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.by).chain(&self.also_by).filter(|groups| !groups.is_empty())
    }

    /// What they ask for, as a person reads it; `None` where that is nothing special.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.count > 1 {
            parts.push(format!("{} different persons", self.count));
        }
        parts.extend(self.groups().map(|groups| format!("a member of {}", groups.join(" or "))));
        if self.excludes_owner() {
            parts.push("nobody whose session it is".to_owned());
        }
        parts.extend(self.factor.map(|factor| match factor {
            FactorKind::Totp => "a code of an authenticator".to_owned(),
            FactorKind::Key => "a signature of a security key".to_owned(),
        }));
        if self.reason == ReasonTerm::Required {
            parts.push("a reason".to_owned());
        }
        (!parts.is_empty()).then(|| format!("an approval needs {}", parts.join(", ")))
    }

    /// Whether they ask for nothing special.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How a person proves to be that person.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FactorKind {
    /// A code of an authenticator (RFC 6238).
    Totp,
    /// A signature of a security key (FIDO2).
    Key,
}

/// Whether a reason has to be given.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReasonTerm {
    #[default]
    Optional,
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(groups: &[&str]) -> Terms {
        Terms { by: groups.iter().map(|group| (*group).to_owned()).collect(), ..Terms::default() }
    }

    #[test]
    fn an_approval_meets_the_terms_of_every_rule() {
        let first =
            Terms { reason: ReasonTerm::Required, factor: Some(FactorKind::Totp), ..by(&["ops", "dev"]) };
        let second = Terms { count: 2, factor: Some(FactorKind::Key), ..by(&["release"]) };
        let both = Terms::default().and(&first).and(&second).and(&first).and(&Terms::default());
        assert_eq!(both.groups().map(|groups| groups.join(" ")).collect::<Vec<_>>(), ["ops dev", "release"]);
        assert_eq!((both.count, both.factor, both.reason), (2, Some(FactorKind::Key), ReasonTerm::Required));
        assert_eq!(
            both.sentence().unwrap(),
            "an approval needs 2 different persons, a member of ops or dev, a member of release, nobody whose session it is, a \
             signature of a security key, a reason"
        );
        assert_eq!(Terms::default().sentence(), None);
    }
}
