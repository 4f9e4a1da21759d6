//! Whether the cluster refuses a decision that is not its author's. Whoever may install the API group may have left the policy out, and
//! then anybody who may make objects of the kind could write whose decision it is.

use kube::{
    Api, Client, Error,
    api::{ObjectMeta, PostParams},
};

use super::{
    MANAGER,
    decision::{DecisionSpec, InterlockDecision},
};

/// The policy's name, which its refusals say.
pub const POLICY: &str = "interlock-decisions";
/// What it says of a decision in somebody else's name; `packaging/kubernetes/base/admission-holds.yaml` has it.
const NOT_THE_AUTHOR: &str = "spec.user is not who asks";
/// Nobody has this name: the API server gives names with that prefix to nobody by itself, and who configures it to would be in vain,
/// as the daemon is not that one.
const NOBODY: &str = "interlock:nobody";

/// Makes a decision in somebody else's name, as a dry run.
///
/// # Errors
/// The cluster takes it, or what it says is not the policy's refusal. Fails closed: then no decision counts.
pub async fn prove(client: &Client, namespace: &str, like: &DecisionSpec) -> Result<(), String> {
    let spec = DecisionSpec { user: NOBODY.to_owned(), groups: Vec::new(), uid: None, ..like.clone() };
    let mut forged = InterlockDecision::new("interlock-proof", spec);
    forged.metadata = ObjectMeta { namespace: Some(namespace.to_owned()), ..forged.metadata };
    let dry_run = PostParams { dry_run: true, field_manager: Some(MANAGER.to_owned()) };
    let api: Api<InterlockDecision> = Api::namespaced(client.clone(), namespace);
    match api.create(&dry_run, &forged).await {
        Err(Error::Api(status)) if is_refusal(&status.message) => Ok(()),
        Ok(_) => Err(format!(
            "the cluster takes decisions in anybody's name: the ValidatingAdmissionPolicy {POLICY} or its binding is missing"
        )),
        Err(error) => Err(format!("whether the cluster checks whose a decision is, is not known: {error}")),
    }
}

/// A decision about nothing, for a proof beforehand.
pub fn nothing(node: &str) -> DecisionSpec {
    let (hold, hold_uid, evidence) = ("none".to_owned(), "none".to_owned(), "0".repeat(16));
    DecisionSpec { hold, hold_uid, evidence, node: node.to_owned(), ..DecisionSpec::default() }
}

/// Whether the policy says no because of the name. Of several reasons the API server says the first, which is that one.
fn is_refusal(message: &str) -> bool {
    message.contains(POLICY) && message.contains(NOT_THE_AUTHOR)
}
