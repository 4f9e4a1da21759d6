//! Who may tell of holds and who may decide, asked of a real API server: the policies of `packaging/kubernetes/base`.

use std::process::Command;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::{checks::Checks, control::Control, node::NAME as NODE, release, workspace};
use crate::process;

const EVIDENCE: &str = "3fa9c10de2b34455";

/// # Errors
/// What the checks stand on cannot be made.
pub fn check(control: &Control, checks: &mut Checks) -> Result<()> {
    let cast = Cast::assemble(control)?;
    let hold = |node: &str| cast.hold(node);
    checks.see("the daemon tells of a hold on its node", cast.create(&cast.daemon, &hold(NODE)).map(drop));
    checks
        .see("and not on another", refused(cast.create(&cast.daemon, &hold("node9")), "on that node alone"));
    checks.see(
        "an administrator tells of none",
        refused(cast.create("admin", &hold(NODE)), "on that node alone"),
    );
    // The agent is on that node too, and its namespace may have given it everything.
    cast.give_everything_to_the_agent()?;
    let mut told_otherwise = hold(NODE);
    told_otherwise["spec"]["destination"] = json!("harmless.example:443");
    checks.see(
        "the pod's own account, which may write holds, changes none",
        refused(cast.replace(&cast.agent, &told_otherwise), "on that node alone"),
    );
    checks.see("and removes none", refused(cast.remove_hold(&cast.agent), "on that node alone"));
    let uid = cast.uid_of_hold()?;
    let mut number = 0;
    let mut decision = |user: &str, groups: &[&str]| {
        number += 1;
        approval(&format!("d{number}"), ("h1-test", &uid), EVIDENCE, user, groups)
    };
    let ann = decision("ann", &["approvers"]);
    checks.see("whose role says so may approve", cast.create("ann", &ann).map(drop));
    for (what, who, decision, why) in [
        ("in another's name", "ann", decision("vic", &[]), "spec.user is not who asks"),
        (
            "with another's group",
            "ann",
            decision("ann", &["system:masters"]),
            "a group that who asks is not in",
        ),
        ("without the role", "vic", decision("vic", &[]), "may not update interlockholds/approve"),
        ("without any right", "eve", decision("eve", &[]), "cannot create resource"),
        (
            "as the pod's own account, whatever its roles",
            &cast.agent,
            decision(&account("dev", "agent"), &[]),
            "decides nothing",
        ),
        (
            "as the daemon's account",
            &cast.daemon,
            decision(&account(release::NAMESPACE, release::NAME), &[]),
            "decides nothing",
        ),
        (
            "as the daemon, in a person's name",
            &cast.daemon,
            decision("ann", &[]),
            "spec.user is not who asks",
        ),
    ] {
        checks.see(format!("nobody decides {what}"), refused(cast.create(who, &decision), why));
    }
    let mut changed = ann.clone();
    changed["spec"]["verdict"] = json!("Deny");
    checks.see("a decision is never changed", refused(cast.replace("admin", &changed), "never changed"));
    cast.dismiss()
}

pub fn account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// An approval, of the hold with this name and uid.
pub fn approval(name: &str, (hold, uid): (&str, &str), evidence: &str, user: &str, groups: &[&str]) -> Value {
    json!({
        "apiVersion": "interlock.dev/v1alpha1", "kind": "InterlockDecision",
        "metadata": { "name": name, "namespace": workspace::NAMESPACE },
        "spec": { "hold": hold, "holdUid": uid, "node": NODE, "verdict": "Approve", "evidence": evidence, "user": user, "groups": groups },
    })
}

/// Who asks: users by their token, pods by one that is bound to them.
struct Cast<'a> {
    control: &'a Control,
    daemon: String,
    agent: String,
}

impl<'a> Cast<'a> {
    fn assemble(control: &'a Control) -> Result<Self> {
        control.apply(&json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE } }))?;
        workspace::prepare(control)?;
        let daemon = bound(control, release::NAMESPACE, release::NAME)?;
        let agent = bound(control, workspace::NAMESPACE, "agent")?;
        Ok(Self { control, daemon, agent })
    }

    fn hold(&self, node: &str) -> Value {
        json!({
            "apiVersion": "interlock.dev/v1alpha1", "kind": "InterlockHold",
            "metadata": { "name": "h1-test", "namespace": workspace::NAMESPACE },
            "spec": { "node": node, "type": "Hold", "id": "h1", "pod": { "name": "agent", "uid": "1" }, "session": "1-00000",
                "agent": "claude-code", "process": "7 curl", "destination": "api.example:443", "rule": "node-test", "summary": "a test",
                "severity": "critical", "since": "2026-12-01T10:00:00Z", "evidence": EVIDENCE, "evidenceSha256": EVIDENCE.repeat(4) },
        })
    }

    fn uid_of_hold(&self) -> Result<String> {
        let mut get = self.control.kubectl("admin");
        get.args(["--namespace", workspace::NAMESPACE, "get", "interlockhold", "h1-test"]);
        process::answer(get.args(["--output", "jsonpath={.metadata.uid}"]))
    }

    /// As a namespace's administrator gives it: all of its kinds, in this namespace.
    fn give_everything_to_the_agent(&self) -> Result<()> {
        let metadata = json!({ "name": "everything", "namespace": workspace::NAMESPACE });
        let api = "rbac.authorization.k8s.io";
        self.control.apply(&json!({
            "apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
        }))?;
        self.control.apply(&json!({
            "apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": api, "kind": "Role", "name": "everything" },
            "subjects": [{ "kind": "ServiceAccount", "name": "agent", "namespace": workspace::NAMESPACE }],
        }))?;
        Ok(())
    }

    fn remove_hold(&self, who: &str) -> Result<String> {
        let mut delete = self.as_who(who);
        process::answer(delete.args([
            "--namespace",
            workspace::NAMESPACE,
            "delete",
            "interlockhold",
            "h1-test",
        ]))
    }

    fn create(&self, who: &str, object: &Value) -> Result<String> {
        self.send(who, "create", object)
    }

    fn replace(&self, who: &str, object: &Value) -> Result<String> {
        self.send(who, "replace", object)
    }

    fn send(&self, who: &str, verb: &str, object: &Value) -> Result<String> {
        let file = self.control.write("asked.json", object)?;
        process::answer(self.as_who(who).args([verb, "--filename"]).arg(file))
    }

    /// One of the users, or the bearer of a token.
    fn as_who(&self, who: &str) -> Command {
        if who.contains('.') { self.control.kubectl_by_token(who) } else { self.control.kubectl(who) }
    }

    fn dismiss(&self) -> Result<()> {
        let mut delete = self.control.kubectl("admin");
        process::answer(delete.args(["delete", "namespace", workspace::NAMESPACE, "--wait=false"]))?;
        process::answer(self.control.kubectl("admin").args(["delete", "node", NODE])).map(drop)
    }
}

/// A token as the kubelet hands one to a pod on the node.
fn bound(control: &Control, namespace: &str, account: &str) -> Result<String> {
    control.apply(&json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": account, "namespace": namespace }, "spec": {
        "nodeName": NODE, "serviceAccountName": account, "automountServiceAccountToken": false, "containers": [{ "name": "c", "image": "none" }] } }))?;
    let mut create = control.kubectl("admin");
    create.args([
        "--namespace",
        namespace,
        "create",
        "token",
        account,
        "--bound-object-kind=Pod",
        "--bound-object-name",
        account,
    ]);
    process::answer(&mut create)
}

/// Sees that an answer is a refusal, and why.
///
/// # Errors
/// It is not, or for another reason.
pub fn refused(answer: Result<String>, why: &str) -> Result<()> {
    match answer {
        Ok(answer) => bail!("it was not refused: {answer}"),
        Err(error) => {
            let said = format!("{error:#}");
            ensure!(said.contains(why), "refused, but not with {why:?}: {said}");
            Ok(())
        }
    }
}
