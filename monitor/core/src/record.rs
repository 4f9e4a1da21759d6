//! What the ledger keeps of a decision: the words of its records.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::facts::{FactorKind, SessionId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An action was held.
    Hold,
    /// A person let it go on.
    Approve,
    /// A person or a rule refused it.
    Deny,
    /// A person took back what an approval lets go on later.
    Revoke,
    /// Nobody answered in time.
    Expire,
    Freeze,
    Thaw,
    Kill,
    /// The kernel let a held action go on.
    Release,
    /// The kernel saw a held action happen after it was allowed: an answer was used.
    Commit,
    /// A connection that was let go on has ended, after something of it had left, or in a way that nobody saw.
    Close,
    /// Nothing of a connection that was let go on has left, and nothing will.
    Lapse,
    /// A process asked to be a session's root.
    Enroll,
    /// Rules were loaded.
    Rules,
    /// The daemon started.
    Start,
    /// The daemon stopped.
    Stop,
    /// The file before was renamed, removed or cut by another program: the chain goes on here.
    Rotate,
    /// A session began: who answers for it, and how it was recognised.
    Session,
    /// The cluster said in which pod a session is, or whose that is now.
    Pod,
    /// A factor of a user came, went, or takes no more codes for a time.
    Factor,
    /// For a time nothing of a session is stopped, or that has ended.
    #[serde(rename = "break-glass")]
    BreakGlass,
    /// Records could not be written, and are written no more.
    Lost,
}

impl Kind {
    pub const ALL: [Self; 22] = [
        Self::Hold,
        Self::Approve,
        Self::Deny,
        Self::Revoke,
        Self::Expire,
        Self::Freeze,
        Self::Thaw,
        Self::Kill,
        Self::Release,
        Self::Commit,
        Self::Close,
        Self::Lapse,
        Self::Enroll,
        Self::Rules,
        Self::Start,
        Self::Stop,
        Self::Rotate,
        Self::Session,
        Self::Pod,
        Self::Factor,
        Self::BreakGlass,
        Self::Lost,
    ];

    /// As records name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Revoke => "revoke",
            Self::Expire => "expire",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Kill => "kill",
            Self::Release => "release",
            Self::Commit => "commit",
            Self::Close => "close",
            Self::Lapse => "lapse",
            Self::Enroll => "enroll",
            Self::Rules => "rules",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Rotate => "rotate",
            Self::Session => "session",
            Self::Pod => "pod",
            Self::Factor => "factor",
            Self::BreakGlass => "break-glass",
            Self::Lost => "lost",
        }
    }
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Credentials of the control socket's peer, and where it came from.
    Caller {
        uid: u32,
        pid: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Box<Origin>>,
    },
    /// A user of the cluster that the node belongs to, as its API server authenticated them. No user of this machine.
    Kubernetes(Box<ClusterUser>),
    /// Id of the rule.
    Rule(String),
    /// The kernel, by what the daemon had told it before.
    Kernel,
    /// The daemon itself: its start, its stop, a deadline.
    Daemon,
}

/// Who decided through the API of a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ClusterUser {
    /// As the cluster names them: `ann@corp.example`.
    pub user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Of their groups in the cluster, those that the configuration names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The object by which they decided: `NAMESPACE/NAME`, and its uid. The cluster's audit log has who made it, and from where.
    pub decision: String,
    pub decision_uid: String,
}

/// What is known of a caller beside its credentials, when it decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// Way that the decision came: `control socket`.
    pub by: String,
    /// User who logged in, whatever `sudo` and `su` made of it since; `None` where nobody did.
    pub login_uid: Option<u32>,
    /// Its controlling terminal.
    pub tty: Option<String>,
    /// How many of its ancestors, itself included, were members of an agent session.
    pub labelled: u32,
    /// What was given beside the credentials; `None` in records of versions that asked for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Factor>,
}

/// What a person decided by, beside being who the kernel says they are: `none`, `totp`, `key SHA256:…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "String", from = "String")]
#[schemars(with = "String")]
pub enum Factor {
    #[default]
    None,
    /// A code of a device.
    Totp,
    /// A signature of a key that was touched for it; the key's fingerprint.
    Key(String),
}

impl Factor {
    /// As a rule's terms ask for it.
    #[must_use]
    pub fn kind(&self) -> Option<FactorKind> {
        match self {
            Self::None => None,
            Self::Totp => Some(FactorKind::Totp),
            Self::Key(_) => Some(FactorKind::Key),
        }
    }
}

impl From<Factor> for String {
    fn from(factor: Factor) -> Self {
        match factor {
            Factor::None => "none".to_owned(),
            Factor::Totp => "totp".to_owned(),
            Factor::Key(fingerprint) => format!("key {fingerprint}"),
        }
    }
}

impl From<String> for Factor {
    fn from(text: String) -> Self {
        match text.split_once(' ') {
            Some(("key", fingerprint)) => Self::Key(fingerprint.to_owned()),
            _ if text == "totp" => Self::Totp,
            _ => Self::None,
        }
    }
}

impl Who {
    /// A caller of whom nothing but its credentials is known.
    #[must_use]
    pub fn caller(uid: u32, pid: u32) -> Self {
        Self::Caller { uid, pid, from: None }
    }

    /// Users that the caller may be, to tell persons apart: who calls, and who logged in before `sudo` or `su`. Of root, who logged
    /// in: several persons may become root, and each is one. Empty where nobody can say which person it is: root that nobody has
    /// logged in for (a service, a container), or that logged in as root, may be any of them, also one who has decided before.
    #[must_use]
    pub fn persons(&self) -> Vec<u32> {
        let Self::Caller { uid, from, .. } = self else { return Vec::new() };
        match (*uid, from.as_ref().and_then(|from| from.login_uid)) {
            (0, Some(login)) if login != 0 => vec![login],
            (0, _) => Vec::new(),
            (uid, Some(login)) if login != uid => vec![uid, login],
            (uid, _) => vec![uid],
        }
    }

    /// Who decides as a user of the cluster, by name.
    #[must_use]
    pub fn cluster_user(&self) -> Option<&str> {
        match self {
            Self::Kubernetes(user) => Some(&user.user),
            _ => None,
        }
    }

    /// Whether a person decides, and waits for the answer.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Caller { .. } | Self::Kubernetes(_))
    }

    /// What a person decided by beside being who they are; `None` of everybody else, and where nobody looked.
    #[must_use]
    pub fn factor(&self) -> Option<&Factor> {
        match self {
            Self::Caller { from: Some(origin), .. } => origin.factor.as_ref(),
            _ => None,
        }
    }

    /// As events and holds name who decided: `uid 1000`, `kubernetes user ann@corp.example`, the rule's id, `daemon`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Caller { uid, .. } => format!("uid {uid}"),
            Self::Kubernetes(user) => format!("kubernetes user {}", user.user),
            Self::Rule(rule) => rule.clone(),
            Self::Kernel => "kernel".to_owned(),
            Self::Daemon => "daemon".to_owned(),
        }
    }
}

/// One record before it is written: the ledger adds its number, its time and its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub kind: Kind,
    pub who: Who,
    pub session: Option<SessionId>,
    pub detail: Map<String, Value>,
    /// It is on disk before anything further is done. What a session can cause as often as it likes is on disk when the
    /// turn ends.
    pub at_once: bool,
}

impl Entry {
    /// One that is on disk before anything further is done.
    #[must_use]
    pub fn new<const N: usize>(
        kind: Kind,
        who: Who,
        session: Option<SessionId>,
        detail: [(&str, Value); N],
    ) -> Self {
        let detail = detail.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { kind, who, session, detail, at_once: true }
    }

    /// One that is on disk when the turn ends.
    #[must_use]
    pub fn noted<const N: usize>(
        kind: Kind,
        who: Who,
        session: SessionId,
        detail: [(&str, Value); N],
    ) -> Self {
        Self { at_once: false, ..Self::new(kind, who, Some(session), detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_read_as_it_is_written() {
        for factor in [Factor::None, Factor::Totp, Factor::Key("SHA256:abc".into())] {
            let text = serde_json::to_string(&factor).unwrap();
            assert_eq!(serde_json::from_str::<Factor>(&text).unwrap(), factor, "{text}");
        }
        assert_eq!(String::from(Factor::Key("SHA256:abc".into())), "key SHA256:abc");
    }

    #[test]
    fn root_is_the_person_who_logged_in_and_else_nobody_in_particular() {
        let who = |uid, login_uid| Who::Caller {
            uid,
            pid: 1,
            from: Some(Box::new(Origin {
                by: "control socket".into(),
                login_uid,
                tty: None,
                labelled: 0,
                factor: None,
            })),
        };
        for (uid, login, persons) in [
            (0, Some(1000), vec![1000]),
            (0, None, vec![]),
            (0, Some(0), vec![]),
            (1000, Some(1000), vec![1000]),
            (1001, Some(1000), vec![1001, 1000]),
            (1001, Some(0), vec![1001, 0]),
            (1001, None, vec![1001]),
        ] {
            assert_eq!(who(uid, login).persons(), persons, "{uid} {login:?}");
        }
        assert_eq!(Who::caller(0, 1).persons(), [0; 0]);
    }

    #[test]
    fn a_kinds_word_is_what_records_say() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
