//! How far an approval reaches beyond what waits: for how long, how often, and to what.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest time that an approval may reach; the session's end comes before, if it does.
pub const REACH_MAX: Duration = Duration::from_secs(24 * 3600);
/// Most further times that an approval may count for.
pub const TIMES_MAX: u32 = 1000;

/// What else of the session is let go on unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// What waits, and nothing else.
    #[default]
    Once,
    More(More),
}

/// What is let go on later; without `reach` and `times`, until the session ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    pub reach: Option<Duration>,
    /// So many times.
    pub times: Option<u32>,
    pub scope: Scope,
}

/// To what an approval reaches, the narrowest first.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The same host and port, file, program or service.
    #[default]
    Object,
    /// Hosts of the same provider, under the same rule.
    Provider,
    /// Hosts of the same class, under the same rule.
    Class,
}

impl Extent {
    /// The same object, for so long.
    #[must_use]
    pub fn lasting(reach: Duration) -> Self {
        Self::More(More { reach: Some(reach), ..More::default() })
    }

    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::Once => Scope::Object,
            Self::More(more) => more.scope,
        }
    }

    /// What both reach.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (Self::More(one), Self::More(other)) = (self, other) else { return Self::Once };
        Self::More(More {
            reach: shorter(one.reach, other.reach),
            times: shorter(one.times, other.times),
            scope: one.scope.min(other.scope),
        })
    }
}

/// The smaller; `None` is without an end.
fn shorter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_persons_say_reaches_as_far_as_both_do() {
        let minute = Some(Duration::from_secs(60));
        let wide = More { reach: None, times: Some(3), scope: Scope::Class };
        let short = More { reach: minute, times: None, scope: Scope::Provider };
        let both = More { reach: minute, times: Some(3), scope: Scope::Provider };
        assert_eq!(Extent::More(wide).and(Extent::More(short)), Extent::More(both));
        assert_eq!(Extent::More(wide).and(Extent::Once), Extent::Once);
        assert_eq!(Extent::Once.and(Extent::More(wide)), Extent::Once);
    }
}
