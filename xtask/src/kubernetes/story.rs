//! What happens on the node, in order.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    admission::{account, approval, refused},
    checks::Checks,
    control::Control,
    ground, node,
    receiver::Receiver,
    release::{self, Release},
    server::until,
    workspace::{self, Workspace},
};
use crate::process;

/// # Errors
/// Something that everything after it needs fails.
pub fn play(release: &Release<'_>, control: &Control, checks: &mut Checks) -> Result<()> {
    let receiver = Receiver::start()?;
    release::prepare(control)?;
    release.roll_out(&[])?;
    checks.see("the chart is installed and its pod ready", release.status());
    checks.see("every hook is proven in the pod", proven(release));

    workspace::prepare(control)?;
    held_and_approved(release, control, &receiver, checks)?;
    deleted_while_held(release, control, &receiver, checks)?;
    upgraded_while_held(release, control, &receiver, checks)?;
    decided_through_the_cluster(release, control, &receiver, checks)?;

    checks.see("the daemon needs less than half of the memory that it may have", memory(release));

    release.roll_out(&["--set", "release=true"])?;
    checks.see("letting go leaves no pin", nothing_pinned());
    release.uninstall()
}

/// What was tried of each hook, as the self-test says it.
fn proven(release: &Release<'_>) -> Result<()> {
    let status = release.json(&["status"])?;
    let text = status.to_string();
    ensure!(!text.contains("not tried") && !text.contains("failed:"), "{status:#}");
    eprintln!("{}", release.interlock(&["doctor"])?);
    Ok(())
}

fn held_and_approved(
    release: &Release<'_>,
    control: &Control,
    receiver: &Receiver,
    checks: &mut Checks,
) -> Result<()> {
    let workspace = Workspace::start(control, "first")?;
    let uid = workspace.pod("metadata.uid")?;
    let hold = release.hold("first")?;
    checks.see("what the agent sends is held", nothing(receiver, "first"));
    let sessions = release.json(&["ps"])?.to_string();
    checks.see("the session is of that pod", contains(&sessions, &uid));
    release.interlock(&["approve", hold["id"].as_str().unwrap_or_default()])?;
    checks.see("approved on the node, the agent goes on", workspace.says("went on"));
    checks.see("and what it sent has arrived once", arrived(receiver, "first", 1));

    release.interlock(&["freeze", hold["session"].as_str().unwrap_or_default()])?;
    let frozen = release.json(&["ps"])?;
    checks.see("frozen, its processes stand in the freezer", in_the_freezer(&frozen));
    workspace.delete()?;
    checks.see("a pod that is deleted while frozen leaves no group behind", no_group(&uid));
    Ok(())
}

/// Not stopped by signal, which shells see.
fn in_the_freezer(sessions: &Value) -> Result<()> {
    ensure!(sessions[0]["status"] == "frozen" && sessions[0]["by_signal"] == 0, "{sessions}");
    Ok(())
}

/// The kubelet removes a pod's groups when all of it has ended.
fn no_group(pod: &str) -> Result<()> {
    until("no group", Duration::from_secs(60), || {
        let left = ground::groups_of(pod)?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}

fn decided_through_the_cluster(
    release: &Release<'_>,
    control: &Control,
    receiver: &Receiver,
    checks: &mut Checks,
) -> Result<()> {
    let workspace = Workspace::start(control, "fourth")?;
    let (pod, uid) = (workspace.pod("metadata.name")?, workspace.pod("metadata.uid")?);
    let hold = workspace.hold()?;
    let spec = &hold["spec"];
    checks.see("the cluster is told of which pod and node", {
        let of_pod = same(&spec["pod"]["name"], &pod).and_then(|()| same(&spec["pod"]["uid"], &uid));
        of_pod.and_then(|()| same(&spec["node"], node::NAME))
    });
    checks.see("and whose it is", same(&spec["owner"], "ann"));
    let sessions = release.json(&["ps"])?.to_string();
    checks.see("the session is of that workload", contains(&sessions, "fourth"));
    let events = process::answer(&mut workspace.kubectl(&["get", "events", "--output", "wide"]))?;
    checks.see("the pod has an event of it", contains(&events, "node-test"));

    let name = hold["metadata"]["name"].as_str().unwrap_or_default();
    let evidence = spec["evidence"].as_str().unwrap_or_default();
    let decide = |user: &str| {
        let mut kubectl = control.kubectl(user);
        kubectl.args(["interlock", "--namespace", workspace::NAMESPACE, "approve", name]);
        process::answer(kubectl.args(["--evidence", evidence]))
    };
    checks.see(
        "who may not approve is refused",
        refused(decide("vic"), "may not update interlockholds/approve"),
    );
    let own = own_approval(control, &workspace, &hold);
    checks.see("the pod's own account is refused, whatever its roles", refused(own, "decides nothing"));
    checks.see("it still waits", nothing(receiver, "fourth"));
    checks.see("who may approves through the cluster", decide("ann").map(drop));
    checks.see("and the agent goes on", workspace.says("went on"));
    checks.see("and what it sent has arrived once", arrived(receiver, "fourth", 1));
    checks.see("the cluster's own record says who", audited(control));
    let ledger = release.interlock(&["ledger", "show"])?;
    checks.see("and so does the ledger", contains(&ledger, "ann"));
    workspace.delete()?;
    let no_object = until("no object", Duration::from_secs(60), || {
        let left = process::answer(&mut workspace.kubectl(&["get", "interlockholds", "--output", "name"]))?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    });
    checks.see("a pod that is gone leaves no object behind", no_object);
    Ok(())
}

/// By the token that the pod was given.
fn own_approval(control: &Control, workspace: &Workspace<'_>, hold: &Value) -> Result<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, uid) = (text(&hold["metadata"]["name"]), text(&hold["metadata"]["uid"]));
    let user = account(workspace::NAMESPACE, "agent");
    let decision = approval("own", (&name, &uid), &text(&hold["spec"]["evidence"]), &user, &[]);
    let file = control.write("own.json", &decision)?;
    process::answer(control.kubectl_by_token(&workspace.token()?).args(["create", "--filename"]).arg(file))
}

fn audited(control: &Control) -> Result<()> {
    let log = fs::read_to_string(control.audit())?;
    let found = log
        .lines()
        .filter(|line| line.contains("\"interlockdecisions\"") && line.contains("\"username\":\"ann\""));
    ensure!(found.count() > 0, "no decision of ann's in the audit log");
    Ok(())
}

fn deleted_while_held(
    release: &Release<'_>,
    control: &Control,
    receiver: &Receiver,
    checks: &mut Checks,
) -> Result<()> {
    let workspace = Workspace::start(control, "second")?;
    release.hold("second")?;
    workspace.delete()?;
    let empty = |what: &'static str| {
        until(what, Duration::from_secs(30), || {
            let found = release.json(&[what])?;
            ensure!(found.as_array().is_some_and(Vec::is_empty), "{found}");
            Ok(())
        })
    };
    checks.see("a pod that is deleted while held leaves no hold behind", empty("holds"));
    checks.see("and no session", empty("ps"));
    checks.see("and nothing of it arrived", nothing(receiver, "second"));
    Ok(())
}

fn upgraded_while_held(
    release: &Release<'_>,
    control: &Control,
    receiver: &Receiver,
    checks: &mut Checks,
) -> Result<()> {
    let workspace = Workspace::start(control, "third")?;
    let before = release.hold("third")?;
    release.roll_out(&["--set", "podAnnotations.upgrade=again"])?;
    let after = release.hold("third")?;
    let id = after["id"].as_str().unwrap_or_default();
    checks.see("a hold outlives the upgrade", same(&before["id"], id));
    checks.see("nothing of it arrived", nothing(receiver, "third"));
    release.interlock(&["deny", id])?;
    checks.see("denied, the agent is told", workspace.says("was refused"));
    checks.see("nothing of it arrived afterwards", nothing(receiver, "third"));
    workspace.delete()
}

fn same(found: &Value, expected: &str) -> Result<()> {
    ensure!(found == expected, "{found} is not {expected:?}");
    Ok(())
}

fn contains(text: &str, part: &str) -> Result<()> {
    ensure!(text.contains(part), "{part:?} is not in {text}");
    Ok(())
}

fn nothing(receiver: &Receiver, path: &str) -> Result<()> {
    arrived(receiver, path, 0)
}

fn arrived(receiver: &Receiver, path: &str, times: u32) -> Result<()> {
    let found = receiver.arrived(path);
    ensure!(found == times, "arrived {found} times");
    Ok(())
}

/// The most that the daemon's container had, as its group counts it: maps of the kernel programs too.
fn memory(release: &Release<'_>) -> Result<()> {
    let uid = release.pod("metadata.uid")?;
    let counts = |group: &&PathBuf| {
        ["memory.limit_in_bytes", "memory.max"].iter().any(|file| group.join(file).is_file())
    };
    let groups = ground::groups_of(&uid)?;
    let group = groups.iter().find(counts).context("no group of the pod counts memory")?;
    let read = |file: &str| -> Result<u64> { Ok(fs::read_to_string(group.join(file))?.trim().parse()?) };
    let most = read("memory.max_usage_in_bytes").or_else(|_| read("memory.peak"))?;
    let limit = read("memory.limit_in_bytes").or_else(|_| read("memory.max"))?;
    eprintln!("        at most {} of {} MiB", most >> 20, limit >> 20);
    ensure!(most * 2 < limit, "{most} of {limit} bytes");
    Ok(())
}

fn nothing_pinned() -> Result<()> {
    let left: Vec<_> = fs::read_dir("/sys/fs/bpf/interlock")?.flatten().map(|entry| entry.path()).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
