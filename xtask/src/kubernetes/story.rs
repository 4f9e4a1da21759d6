//! What happens on the node, in order.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{
    checks::Checks,
    control::Control,
    receiver::Receiver,
    release::{self, Release},
    server::until,
    workspace::{self, Workspace},
};

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

    release.roll_out(&["--set", "release=true"])?;
    checks.see("letting go leaves no pin", nothing_pinned());
    release.uninstall()
}

fn proven(release: &Release<'_>) -> Result<()> {
    let doctor = release.interlock(&["doctor"])?;
    eprintln!("{doctor}");
    Ok(())
}

fn held_and_approved(release: &Release<'_>, control: &Control, receiver: &Receiver, checks: &mut Checks) -> Result<()> {
    let workspace = Workspace::start(control, "first")?;
    let uid = workspace.pod("metadata.uid")?;
    let hold = release.hold("first")?;
    eprintln!("{hold:#}");
    checks.see("what the agent sends is held", nothing(receiver, "first"));
    let sessions = release.json(&["ps"])?;
    eprintln!("{sessions:#}");
    checks.see("its session is of this pod", {
        (|| {
            ensure!(sessions.to_string().contains(&uid), "{uid} is not in {sessions}");
            Ok(())
        })()
    });
    release.interlock(&["approve", hold["id"].as_str().unwrap_or_default()])?;
    checks.see("approved, it goes on", workspace.says("went on"));
    checks.see("and has arrived once", arrived(receiver, "first", 1));
    workspace.delete()
}

fn deleted_while_held(release: &Release<'_>, control: &Control, receiver: &Receiver, checks: &mut Checks) -> Result<()> {
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

fn upgraded_while_held(release: &Release<'_>, control: &Control, receiver: &Receiver, checks: &mut Checks) -> Result<()> {
    let workspace = Workspace::start(control, "third")?;
    let before = release.hold("third")?;
    release.roll_out(&["--set", "podAnnotations.upgrade=again"])?;
    let after = release.hold("third")?;
    checks.see("a hold outlives the upgrade", {
        (|| {
            ensure!(before["id"] == after["id"], "{before} and {after}");
            Ok(())
        })()
    });
    checks.see("nothing of it arrived", nothing(receiver, "third"));
    release.interlock(&["deny", after["id"].as_str().unwrap_or_default()])?;
    checks.see("denied, the agent is told", workspace.says("was refused"));
    checks.see("nothing of it arrived afterwards", nothing(receiver, "third"));
    workspace.delete()
}

fn nothing(receiver: &Receiver, path: &str) -> Result<()> {
    arrived(receiver, path, 0)
}

fn arrived(receiver: &Receiver, path: &str, times: u32) -> Result<()> {
    let found = receiver.arrived(path);
    ensure!(found == times, "arrived {found} times");
    Ok(())
}

fn nothing_pinned() -> Result<()> {
    let left: Vec<_> = std::fs::read_dir("/sys/fs/bpf/interlock")?.flatten().map(|entry| entry.path()).collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
