//! What a person decides, as an object.

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

/// One person's answer. Who that is stands in it because an admission policy compares it with whom the API server authenticated; an
/// object of this kind is never changed.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "interlock.dev",
    version = "v1alpha1",
    kind = "InterlockDecision",
    plural = "interlockdecisions",
    namespaced,
    status = "DecisionStatus",
    derive = "PartialEq",
    selectable = ".spec.node",
    doc = "A person's decision about an InterlockHold; `kubectl interlock approve` makes it. The daemon of the hold's node answers in its status.",
    printcolumn(name = "Hold", type_ = "string", json_path = ".spec.hold"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".spec.verdict"),
    printcolumn(name = "User", type_ = "string", json_path = ".spec.user"),
    printcolumn(name = "Answer", type_ = "string", json_path = ".status.answer"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self == oldSelf",
    "message": "a decision is never changed: make another one",
}]))]
pub struct DecisionSpec {
    /// Name of the `InterlockHold`, in the same namespace.
    #[schemars(length(min = 1, max = limits::USER))]
    pub hold: String,
    /// Its uid: a name may be used again.
    #[schemars(length(min = 1, max = limits::USER))]
    pub hold_uid: String,
    /// Its node.
    #[schemars(length(min = 1, max = limits::USER))]
    pub node: String,
    pub verdict: Verdict,
    /// What the person was shown: `spec.evidence` of the hold, or more digits of `spec.evidenceSha256`.
    #[schemars(regex(pattern = "^[0-9a-f]{16,64}$"))]
    pub evidence: String,
    /// Why, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::REASON))]
    pub reason: Option<String>,
    /// The agent may do the same again for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400), extend("format" = "int32"))]
    pub for_seconds: Option<u32>,
    /// The agent may do the same so many times more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000), extend("format" = "int32"))]
    pub times: Option<u32>,
    /// Who decides, as the API server authenticates them.
    #[schemars(length(min = 1, max = limits::USER))]
    pub user: String,
    /// The same of their uid, where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::USER))]
    pub uid: Option<String>,
    /// Groups of theirs: none that they are not in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::GROUPS), inner(length(max = limits::USER)))]
    pub groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    Approve,
    /// It is the default, as it stops more.
    #[default]
    Deny,
    /// Of a freeze: it goes on.
    Thaw,
}

impl Verdict {
    /// The subresource of `interlockholds` that who decides so may `update`.
    #[must_use]
    pub fn subresource(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Thaw => "thaw",
        }
    }
}

/// The daemon's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStatus {
    pub answer: Answer,
    /// What happened, or why nothing did and what to do.
    #[schemars(length(max = limits::COMMAND))]
    pub message: String,
    pub answered_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Answer {
    Accepted,
    /// By whom it is, or by what it brings: another person may decide.
    NotPermitted,
    /// The hold is over, is not there, or is about something else by now.
    TooLate,
    /// It makes no sense, or lacks what the rule asks for.
    Invalid,
    /// The cluster does not check decisions, or could not be asked whether it does.
    Unproven,
}
