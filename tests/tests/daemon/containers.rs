//! A session that begins in a container says in which, by the cgroup that the runtime made for it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
};

use interlock_host::enforcement::freezer::Hierarchy;
use interlock_tests::{
    daemon::{Daemon, Settings, binary, text},
    is_root, wait,
};

const POD: &str = "8e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718";
const CONTAINER: &str = "4f1c8a0b9d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c2";

/// Groups as a kubelet with systemd's driver has containerd make them.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn new() -> Self {
        let hierarchy = Hierarchy::of_this_machine().unwrap();
        let own = hierarchy.directory_of(std::process::id()).unwrap();
        let above = own.join(format!("interlock-containers-{}", std::process::id()));
        let pod = above.join(format!("kubepods-besteffort-pod{}.slice", POD.replace('-', "_")));
        let container = pod.join(format!("cri-containerd-{CONTAINER}.scope"));
        fs::create_dir_all(&container).unwrap();
        Self(vec![container, pod, above])
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            wait::until("the group goes", || fs::remove_dir(group));
        }
    }
}

/// Ends before its groups go.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it has ended, where all went well
        let _ = self.0.wait();
    }
}

#[test]
fn a_session_in_a_pod_says_so_in_its_events_and_its_record_also_after_a_restart() {
    if !is_root() {
        return;
    }
    let groups = Groups::new();
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let script = format!("echo $$ > {}/cgroup.procs; exec \"$0\" \"$@\"", groups.0[0].display());
    let mut agent = Command::new("bash");
    agent.args(["-c", &script]).arg(binary()).arg("--socket").arg(daemon.socket());
    let mut agent = Agent(agent.args(["run", "--", "sleep", "120"]).spawn().unwrap());

    let started = daemon.the_event("session-started");
    for (field, expected) in [
        ("container.id", CONTAINER),
        ("container.runtime", "containerd"),
        ("orchestrator.type", "kubernetes"),
        ("orchestrator.resource.type", "pod"),
        ("orchestrator.resource.id", POD),
    ] {
        assert_eq!(started[field], expected, "{field}: {started}");
    }
    let ledger = fs::read_to_string(daemon.dir().join("state/ledger.jsonl")).unwrap();
    let record = ledger.lines().find(|line| line.contains("\"session\"") && line.contains(CONTAINER));
    assert!(record.is_some_and(|record| record.contains(POD)), "{ledger}");

    daemon.kill();
    daemon.start_again();
    let sessions = daemon.json(&["ps"]);
    let container = &sessions[0]["container"];
    assert_eq!((&container["id"], &container["pod"]), (&CONTAINER.into(), &POD.into()), "{sessions}");

    let session = sessions[0]["id"].as_str().unwrap().to_owned();
    let killed = daemon.cli(&["kill", &session]);
    assert!(killed.status.success(), "{}", text(&killed));
    agent.0.wait().unwrap();
}
