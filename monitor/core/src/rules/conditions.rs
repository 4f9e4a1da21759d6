//! `match:` as checked.

use std::time::Duration;

use serde::Serialize;

use super::{
    duration::as_written_if_any,
    pattern::{Glob, HostPattern},
};
use crate::{
    facts::{DelegateHow, DestinationClass, EnvironHow, Grade, InspectHow, Lifecycle, LinkHow, Role},
    pods::Selector,
};

/// What must hold for a rule to match; every part that is present must hold.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Conditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<DestinationMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environ: Option<EnvironMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspect: Option<InspectMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate: Option<DelegateMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Catalogue ids, any of them; empty: every agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionMatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

/// Which secret; an empty list or `None` means any. All empty is `secret: any`.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct SecretMatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grade: Vec<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<bool>,
    /// A library looked into it unasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub habit: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub path: Vec<Glob>,
}

/// Which destination; an empty list or `None` means any. All empty is `destination: any`.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct DestinationMatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<DestinationClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub host: Vec<HostPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port: Vec<u16>,
    /// false: a plain address, no name is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<bool>,
    /// The host is a model's and serves this besides; a rule that says so may stop it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<Role>,
}

impl DestinationMatch {
    /// The rule names `class`, and nothing else narrows it.
    #[must_use]
    pub fn is_only(&self, class: DestinationClass) -> bool {
        self.class == [class]
            && self.host.is_empty()
            && self.provider.is_empty()
            && self.port.is_empty()
            && self.named.is_none()
            && self.also.is_none()
    }
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct ProcessMatch {
    /// Against the whole path, or against the file name where the pattern has no `/`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub executable: Vec<Glob>,
    /// Against the arguments joined by single spaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub argv: Vec<Glob>,
    /// The process is an owner tool of the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct EnvironMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<EnvironHow>,
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct InspectMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<InspectHow>,
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct DelegateMatch {
    /// Catalogue ids of services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<DelegateHow>,
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct LinkMatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<LinkHow>,
}

/// Which pod the session began in; an empty list or `None` means any. All empty is `pod: any`.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct PodMatch {
    /// In which `*` stands for any letters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub namespace: Vec<Glob>,
    /// Of the pod's labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub labels: Option<Selector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_account: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct SessionMatch {
    #[serde(skip_serializing_if = "Age::is_any")]
    pub age: Age,
    /// Records of the session were lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<bool>,
}

/// Bounds of an age, neither of them included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Age {
    #[serde(serialize_with = "as_written_if_any", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub over: Option<Duration>,
    #[serde(serialize_with = "as_written_if_any", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub under: Option<Duration>,
}

impl Age {
    fn is_any(&self) -> bool {
        *self == Self::default()
    }

    #[must_use]
    pub fn holds(&self, age: Duration) -> bool {
        self.over.is_none_or(|over| age > over) && self.under.is_none_or(|under| age < under)
    }
}

/// A secret that the session read before.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Touched {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grade: Vec<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<bool>,
    /// A library looked into it unasked, or nobody's did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub habit: Option<bool>,
    /// How long ago at most; `None`: at any time in the session.
    #[serde(serialize_with = "as_written_if_any", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub within: Option<Duration>,
}

impl Touched {
    /// The same at any time in the session.
    #[must_use]
    pub fn at_any_time(&self) -> Self {
        Self { within: None, ..self.clone() }
    }
}
