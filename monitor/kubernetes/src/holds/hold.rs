//! What waits, as an object.

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::limits;

/// What a person is shown of a hold or a freeze. The daemon of its node writes it, and nobody else.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "interlock.dev",
    version = "v1alpha1",
    kind = "InterlockHold",
    plural = "interlockholds",
    shortname = "hold",
    shortname = "holds",
    namespaced,
    status = "HoldStatus",
    derive = "PartialEq",
    selectable = ".spec.node",
    doc = "An action of a coding agent in a pod that waits for a person's decision, or an agent that is frozen.",
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Pod", type_ = "string", json_path = ".spec.pod.name"),
    printcolumn(name = "Owner", type_ = "string", json_path = ".spec.owner"),
    printcolumn(name = "Process", type_ = "string", json_path = ".spec.process"),
    printcolumn(name = "Destination", type_ = "string", json_path = ".spec.destination"),
    printcolumn(name = "Evidence", type_ = "string", json_path = ".spec.evidence"),
    printcolumn(name = "Deadline", type_ = "string", json_path = ".spec.deadline"),
    printcolumn(name = "Age", type_ = "date", json_path = ".spec.since"),
    printcolumn(name = "Rule", type_ = "string", json_path = ".spec.rule", priority = "1"),
    printcolumn(name = "By", type_ = "string", json_path = ".status.decidedBy", priority = "1"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.node", priority = "1")
)]
#[serde(rename_all = "camelCase")]
pub struct HoldSpec {
    /// The node whose daemon holds it, and decides.
    #[schemars(length(max = limits::USER))]
    pub node: String,
    #[serde(rename = "type")]
    pub kind: HoldType,
    /// On the node: `h7`, or the id of a frozen session.
    #[schemars(length(max = limits::TEXT))]
    pub id: String,
    pub pod: PodOf,
    /// The agent session.
    #[schemars(length(max = limits::TEXT))]
    pub session: String,
    #[schemars(length(max = limits::TEXT))]
    pub agent: String,
    /// Whose workspace the pod is, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub owner: Option<String>,
    /// Uid of the session's processes, as the node sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int64"))]
    pub user: Option<u32>,
    /// The process that waits, as `PID COMMAND`; without credentials.
    #[schemars(length(max = limits::COMMAND))]
    pub process: String,
    /// Further processes that wait for the same answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::LIST), inner(length(max = limits::TEXT)))]
    pub others: Vec<String>,
    /// How many more wait that are not named here: then it is approved on its node alone.
    #[serde(default)]
    #[schemars(extend("format" = "int64"))]
    pub others_more: u32,
    /// `backboard.railway.app:443 (66.33.22.1)`; of a freeze, why.
    #[schemars(length(max = limits::TEXT))]
    pub destination: String,
    #[schemars(length(max = limits::TEXT))]
    pub rule: String,
    #[schemars(length(max = limits::TEXT))]
    pub summary: String,
    #[schemars(length(max = 16))]
    pub severity: String,
    /// What the session had touched before that the rule counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::LIST), inner(length(max = limits::TEXT)))]
    pub because: Vec<String>,
    pub since: Timestamp,
    /// What a decision names: the first 16 digits of a hash over what is shown.
    #[schemars(regex(pattern = "^[0-9a-f]{16}$"))]
    pub evidence: String,
    /// The whole hash.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub evidence_sha256: String,
    /// What an approval needs beside a yes; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub terms: Option<String>,
    /// When silence is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// How silence is answered: `deny`, `freeze`, `kill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub in_silence: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HoldType {
    /// An action waits.
    #[default]
    Hold,
    /// A session's processes are stopped.
    Freeze,
}

/// The pod that the agent runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodOf {
    #[schemars(length(max = limits::USER))]
    pub name: String,
    #[schemars(length(max = limits::USER))]
    pub uid: String,
    /// Its service account, which decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::USER))]
    pub service_account: Option<String>,
}

/// What has become of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    #[serde(default)]
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Why, as who decided says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::REASON))]
    pub reason: Option<String>,
    /// Who has approved so far, where the rule asks for more than one person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::LIST), inner(length(max = limits::TEXT)))]
    pub approved_by: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum State {
    #[default]
    Waiting,
    Approved,
    Denied,
    /// Nobody answered in time.
    Expired,
    /// The program gave up, or ended, before anybody answered.
    Gone,
    /// Of a freeze: it goes on.
    Thawed,
}

impl State {
    #[must_use]
    pub fn is_over(self) -> bool {
        self != Self::Waiting
    }
}

/// The object's name: `h7-1f2e3d4c`. No other hold has it, also of another node or of this one after it was set up anew.
#[must_use]
pub fn name(node: &str, id: &str, asked_ns: u64) -> String {
    let digest = Sha256::digest(format!("{node}\n{id}\n{asked_ns}"));
    let [first, second, third, fourth, ..]: [u8; 32] = digest.into();
    format!("{id}-{first:02x}{second:02x}{third:02x}{fourth:02x}")
}
