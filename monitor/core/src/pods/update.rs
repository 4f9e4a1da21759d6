//! What the watch over a node's pods tells.

use std::collections::BTreeMap;

use crate::{facts::Pod, words::Word};

/// A pod of this node, as the API last said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Without its owner, which the catalogue tells.
    pub pod: Pod,
    /// Those that the catalogue reads.
    pub annotations: BTreeMap<String, String>,
    /// What the kubelet calls its cgroup by: its uid, of a static pod the hash of its manifest.
    pub cgroup: String,
}

/// One thing that the watch has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The API answers; told after a failure, and at first.
    Answers,
    Failed {
        why: Failure,
        text: String,
    },
    /// All pods of the node, and how many more there were than are kept.
    Listed {
        pods: Vec<Seen>,
        refused: usize,
    },
    /// One is new, or has changed.
    Changed(Box<Seen>),
    /// One is gone, by its cgroup's name.
    Gone(String),
    /// One more than are kept was passed over.
    Refused,
    /// What the runtime classes lead to, all of them by name.
    Handlers(BTreeMap<String, String>),
    /// They could not be had: pods are judged by the names of their classes.
    NoHandlers {
        why: Failure,
        text: String,
    },
}

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no way to the API: the access file, the service account's token, or a certificate.
    Access,
    /// Nobody answered, or the connection broke.
    Unreachable,
    /// 401 and 403: the service account may not.
    Forbidden,
    /// 429.
    Throttled,
    /// 410: what was seen is older than the API remembers; everything is listed anew.
    Expired,
    /// The answer made no sense.
    Malformed,
    /// Any other answer.
    Refused,
}

impl Word for Failure {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("access", Self::Access),
        ("unreachable", Self::Unreachable),
        ("forbidden", Self::Forbidden),
        ("throttled", Self::Throttled),
        ("expired", Self::Expired),
        ("malformed", Self::Malformed),
        ("refused", Self::Refused),
    ];
}
