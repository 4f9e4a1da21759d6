//! Holds and decisions on a real API server, with the packaged kinds, policies and roles.
//!
//! `INTERLOCK_KUBERNETES_TOOLS=DIR cargo test -p interlock-kubernetes --test api_server -- --ignored`
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

mod api_server {
    pub mod cluster;
}

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use api_server::cluster::Cluster;
use interlock_kubernetes::{
    Client,
    holds::{
        board::{Board, Wanted},
        decision::{Answer, DecisionStatus, InterlockDecision, Verdict},
        decisions::{self, Ask, Proposal, Standing},
        hold::{self, HoldSpec, HoldStatus, InterlockHold, PodOf, State},
        person::{self, Said, Undecided},
        reports,
    },
};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(20);
const TEAM: &str = "team-a";

/// Two nodes with a daemon each, a workspace, and roles: ann approves, eve may make decisions and nothing else, and the agent's
/// service account was given everything by mistake.
const OBJECTS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: interlock}}
---
{apiVersion: v1, kind: Node, metadata: {name: worker-1}}
---
{apiVersion: v1, kind: Node, metadata: {name: worker-2}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: daemon, namespace: interlock}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: agent, namespace: team-a}}
---
{apiVersion: v1, kind: Pod, metadata: {name: daemon-1, namespace: interlock}, spec: {nodeName: worker-1, serviceAccountName: daemon, containers: [{name: c, image: i}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: daemon-2, namespace: interlock}, spec: {nodeName: worker-2, serviceAccountName: daemon, containers: [{name: c, image: i}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: ws-ann, namespace: team-a}, spec: {nodeName: worker-1, serviceAccountName: agent, containers: [{name: c, image: i}]}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: daemon}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: interlock-daemon-holds}, subjects: [{kind: ServiceAccount, name: daemon, namespace: interlock}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: approvers, namespace: team-a}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: interlock-approver}, subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: sre}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: mistake}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, subjects: [{kind: ServiceAccount, name: agent, namespace: team-a}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: maker, namespace: team-a}, rules: [{apiGroups: [interlock.dev], resources: [interlockholds, interlockdecisions], verbs: [get, create]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: makers, namespace: team-a}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: maker}, subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: eve@corp.example}]}
";

fn wanted(cluster: &Cluster, id: &str) -> Wanted {
    let uid = cluster.kubectl(&["-n", TEAM, "get", "pod", "ws-ann", "-o", "jsonpath={.metadata.uid}"]);
    let spec = HoldSpec {
        node: "worker-1".into(),
        id: id.into(),
        pod: PodOf { name: "ws-ann".into(), uid, service_account: Some("agent".into()) },
        session: "4711-0a1b2".into(),
        agent: "claude-code".into(),
        process: "4722 curl -X POST".into(),
        destination: "backboard.railway.app:443 (66.33.22.1)".into(),
        rule: "infra-after-foreign-secret".into(),
        severity: "critical".into(),
        evidence: "0123456789abcdef".into(),
        evidence_sha256: "0123456789abcdef".repeat(4),
        ..HoldSpec::default()
    };
    Wanted {
        namespace: TEAM.into(),
        name: hold::name("worker-1", id, 7),
        spec,
        status: HoldStatus::default(),
    }
}

/// What the daemon was asked; it says yes to every person.
type Asked = Arc<Mutex<Vec<Proposal>>>;

fn daemon(client: &Client, board: &Arc<Board>) -> Asked {
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    let ask: Arc<Ask> = Arc::new(move |proposal: Proposal| {
        let (reply, answer) = oneshot::channel();
        let said = match &proposal.standing {
            Standing::Person => (Answer::Accepted, "released".to_owned()),
            other => (Answer::Unproven, format!("{other:?}")),
        };
        heard.lock().unwrap().push(proposal);
        let _ = reply.send(said);
        answer
    });
    let node = "worker-1".to_owned();
    tokio::spawn(reports::report(client.clone(), node.clone(), Arc::clone(board)));
    tokio::spawn(decisions::take(client.clone(), node, Arc::clone(board), ask));
    asked
}

async fn written(board: &Board) {
    let deadline = Instant::now() + PATIENCE;
    while board.behind() > 0 {
        assert!(Instant::now() < deadline, "{:?}", board.dropped_and_failed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn decide(client: &Client, hold: &InterlockHold, said: Said) -> Result<DecisionStatus, Undecided> {
    person::decide(client, hold, Verdict::Approve, said, PATIENCE).await
}

fn why<T: std::fmt::Debug>(refused: Result<T, kube::Error>) -> String {
    match refused {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs kube-apiserver and etcd: cargo xtask kubernetes"]
async fn a_person_decides_and_nobody_else() {
    let cluster = Cluster::start().await;
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packaging/kubernetes/base");
    for file in
        ["crd-interlockholds.yaml", "crd-interlockdecisions.yaml", "admission-holds.yaml", "roles-holds.yaml"]
    {
        cluster.apply(&base.join(file));
    }
    cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/interlockholds.interlock.dev",
        "crd/interlockdecisions.interlock.dev",
    ]);
    cluster.apply_text(OBJECTS);
    let token = |pod: &str| {
        let bound = [
            "-n",
            "interlock",
            "create",
            "token",
            "daemon",
            "--bound-object-kind=Pod",
            "--bound-object-name",
            pod,
        ];
        cluster.kubectl(&bound)
    };
    let (here, there) =
        (cluster.client("here", &token("daemon-1")).await, cluster.client("there", &token("daemon-2")).await);
    let (ann, eve) = (cluster.client("ann", "token-ann").await, cluster.client("eve", "token-eve").await);
    let admin = cluster.client("admin", "token-admin").await;
    let agent = cluster.client("agent", &cluster.kubectl(&["-n", TEAM, "create", "token", "agent"])).await;

    let board = Arc::new(Board::default());
    let first = wanted(&cluster, "h1");
    board.put(first.clone());
    board.set_complete();
    let asked = daemon(&here, &board);
    written(&board).await;
    let shown = cluster.kubectl(&["-n", TEAM, "get", "holds"]);
    assert!(
        shown.contains(&first.name) && shown.contains("Waiting") && shown.contains("4722 curl"),
        "{shown}"
    );
    let events = cluster.kubectl(&["-n", TEAM, "events", "--for", "pod/ws-ann"]);
    assert!(events.contains("ActionHeld") && events.contains(&first.name), "{events}");
    cluster.until("the policies are in force", |_| board.proof() == Some(Ok(()))).await;

    // Who may.
    let hold = person::find(&ann, TEAM, &first.name).await.unwrap();
    let status = decide(&ann, &hold, Said { reason: Some("OPS-7".into()), ..Said::default() }).await.unwrap();
    assert_eq!((status.answer, status.message.as_str()), (Answer::Accepted, "released"));
    let proposal = asked.lock().unwrap().remove(0);
    assert_eq!((proposal.spec.user.as_str(), &proposal.standing), ("ann@corp.example", &Standing::Person));
    assert_eq!((proposal.spec.uid.as_deref(), proposal.spec.reason.as_deref()), (Some("2"), Some("OPS-7")));
    assert!(proposal.spec.groups.contains(&"sre".to_owned()), "{proposal:?}");

    // Who may not.
    let refused = decide(&eve, &hold, Said::default()).await.unwrap_err().to_string();
    assert!(refused.contains("eve@corp.example may not update interlockholds/approve"), "{refused}");
    let refused = decide(&agent, &hold, Said::default()).await.unwrap_err().to_string();
    assert!(
        refused.contains("a service account, a node or nobody in particular decides nothing"),
        "{refused}"
    );

    // What is not true.
    let made: Api<InterlockDecision> = Api::namespaced(ann.clone(), TEAM);
    let mine = made.list(&Default::default()).await.unwrap().items.remove(0);
    let forged = |change: &dyn Fn(&mut InterlockDecision)| {
        let mut forged = InterlockDecision::new("forged", mine.spec.clone());
        change(&mut forged);
        let made = made.clone();
        async move { why(made.create(&PostParams::default(), &forged).await) }
    };
    for (refused, expected) in [
        (forged(&|forged| forged.spec.user = "ben@corp.example".into()).await, "spec.user is not who asks"),
        (forged(&|forged| forged.spec.uid = Some("7".into())).await, "spec.uid is not the uid"),
        (forged(&|forged| forged.spec.groups.push("admins".into())).await, "a group that who asks is not in"),
        (forged(&|forged| forged.spec.verdict = Verdict::Thaw).await, "may not update interlockholds/thaw"),
    ] {
        assert!(refused.contains(expected), "{refused}");
    }
    let all: Api<InterlockDecision> = Api::namespaced(admin.clone(), TEAM);
    let changed = Patch::Merge(json!({ "spec": { "reason": "another" } }));
    let refused = why(all.patch(&mine.name_any(), &PatchParams::default(), &changed).await);
    assert!(refused.contains("never changed"), "{refused}");
    let answered = Patch::Merge(json!({ "status": { "message": "another" } }));
    let refused = why(all.patch_status(&mine.name_any(), &PatchParams::default(), &answered).await);
    assert!(refused.contains("told by Interlock's daemon on that node alone"), "{refused}");

    // Who writes holds: neither who may do everything, nor another node.
    let shown = Patch::Merge(json!({ "spec": { "process": "1 true" } }));
    for client in [&admin, &there, &agent] {
        let holds: Api<InterlockHold> = Api::namespaced((*client).clone(), TEAM);
        let refused = why(holds.patch(&first.name, &PatchParams::default(), &shown).await);
        assert!(refused.contains("told by Interlock's daemon on that node alone"), "{refused}");
    }
    let holds: Api<InterlockHold> = Api::namespaced(there.clone(), TEAM);
    let refused = why(holds.delete(&first.name, &Default::default()).await);
    assert!(refused.contains("this is another node's"), "{refused}");

    // What is told: the end, and what is left of an earlier daemon goes.
    board.update(&first.name, |status| status.state = State::Approved);
    written(&board).await;
    let state = ["-n", TEAM, "get", "hold", &first.name, "-o", "jsonpath={.status.state}"];
    assert_eq!(cluster.kubectl(&state), "Approved");

    // Without the policy nobody counts.
    board.put(wanted(&cluster, "h2"));
    written(&board).await;
    let second = person::find(&ann, TEAM, &wanted(&cluster, "h2").name).await.unwrap();
    cluster.kubectl(&["delete", "validatingadmissionpolicybinding", "interlock-decisions"]);
    let forgery = forgery(&cluster, &second);
    let is_taken = |cluster: &Cluster| {
        cluster.try_kubectl(&["-n", TEAM, "create", "--dry-run=server", "-f", &forgery]).is_ok()
    };
    cluster.until("the policy is not in force", is_taken).await;
    let status = decide(&ann, &second, Said::default()).await.unwrap();
    assert_eq!(status.answer, Answer::Unproven, "{status:?}");
    assert!(status.message.contains("anybody's name"), "{status:?}");
}

/// A decision in somebody else's name, in a file.
fn forgery(cluster: &Cluster, hold: &InterlockHold) -> String {
    let file = cluster.path("forgery.json");
    let spec = json!({
        "hold": hold.name_any(), "holdUid": "x", "node": "worker-1", "verdict": "Deny", "evidence": "0".repeat(16), "user": "ben",
    });
    let text = json!({ "apiVersion": "interlock.dev/v1alpha1", "kind": "InterlockDecision", "metadata": { "name": "f" }, "spec": spec });
    std::fs::write(&file, text.to_string()).unwrap();
    file.display().to_string()
}
