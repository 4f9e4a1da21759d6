//! A session that begins in a container says in which, by the cgroup that the runtime made for it.

use std::{fs, path::PathBuf};

use interlock_host::enforcement::freezer::Hierarchy;
use interlock_tests::{
    agent::{Home, Running},
    daemon::{Daemon, Settings, binary},
    is_root, wait,
};
use serde_json::Value;

pub const POD: &str = "8e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718";
const CONTAINER: &str = "4f1c8a0b9d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c2";

/// Groups as a kubelet with systemd's driver has containerd make them.
pub struct Groups(pub Vec<PathBuf>);

impl Groups {
    pub fn new(test: &str) -> Self {
        let hierarchy = Hierarchy::of_this_machine().unwrap();
        let own = hierarchy.directory_of(std::process::id()).unwrap();
        let above = own.join(format!("interlock-{test}-{}", std::process::id()));
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

/// A session whose root is in the container.
pub fn begin(groups: &Groups, home: &Home, daemon: &Daemon) -> Running {
    home.run_unwatched(&format!(
        "echo $$ > {}/cgroup.procs; exec {} --socket {} run -- sleep 120",
        groups.0[0].display(),
        binary().display(),
        daemon.socket().display()
    ))
}

#[test]
fn a_session_in_a_pod_says_so_in_its_events_and_its_record_also_after_a_restart() {
    if !is_root() {
        return;
    }
    let (groups, home) = (Groups::new("containers"), Home::new());
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let mut agent = begin(&groups, &home, &daemon);

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
    let records = daemon.records("session");
    let record = records.iter().map(Value::to_string).find(|record| record.contains(CONTAINER));
    assert!(record.is_some_and(|record| record.contains(POD)), "{records:?}");

    daemon.kill();
    daemon.start_again();
    let sessions = daemon.json(&["ps"]);
    let container = &sessions[0]["container"];
    assert_eq!((&container["id"], &container["pod"]), (&CONTAINER.into(), &POD.into()), "{sessions}");

    let session = sessions[0]["id"].as_str().unwrap().to_owned();
    daemon.expect(&["kill", &session]);
    let _ = agent.finish();
}
