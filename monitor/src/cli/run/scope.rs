//! A scope of the session's own, where systemd runs: its processes stand together in `systemctl status` and in one control group,
//! with limits of their own where somebody sets them.
//!
//! The manager is asked for it before the session begins. Fails open: nothing of Interlock's depends on the control group, so
//! whatever refuses leaves the session where its caller is, and is told.

use std::{path::Path, time::Duration};

use zbus::{Connection, Variant};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// For all of it: whoever runs a command does not wait for a manager that hangs.
const MOST: Duration = Duration::from_secs(2);
/// Between two looks whether this process has been moved.
const EVERY: Duration = Duration::from_millis(5);

/// Moves this process into a scope of its own.
///
/// # Errors
/// Why there is none. Where systemd does not run nobody expects one.
pub async fn enter(command: &str) -> Result<(), String> {
    // As sd_booted(3) has it.
    if !Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    let asked = tokio::time::timeout(MOST, ask(command)).await;
    let told = asked.map_err(|_| format!("the service manager did not answer within {} s", MOST.as_secs()));
    told.and_then(|told| told.map_err(|error| error.to_string()))
}

async fn ask(command: &str) -> zbus::Result<()> {
    // Root's sessions are the machine's; everybody else has a manager of their own.
    let connection = match rustix::process::geteuid().is_root() {
        true => Connection::system().await?,
        false => Connection::session().await?,
    };
    let pid = std::process::id();
    let scope = format!("interlock-run-{pid}.scope");
    let description = format!("Agent session: {command}");
    let properties = [
        ("Description", Variant::from(description.as_str())),
        ("PIDs", Variant::from(vec![pid])),
        // Nothing is left of it when its last process has ended, however that ended.
        ("CollectMode", Variant::from("inactive-or-failed")),
    ];
    let none: [(&str, Vec<(&str, Variant<'_>)>); 0] = [];
    let body = (scope.as_str(), "fail", properties.as_slice(), none.as_slice());
    connection.call_method(Some(SYSTEMD), PATH, Some(MANAGER), "StartTransientUnit", &body).await?;
    // The answer is that of a queue. What begins before the move would stand where the caller is.
    while !std::fs::read_to_string("/proc/self/cgroup").is_ok_and(|groups| groups.contains(&scope)) {
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}
