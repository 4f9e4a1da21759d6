//! Which container a process is in, by the names of its cgroups. The names are the runtimes' own:
//!
//! | who names it | with the systemd driver | with the cgroupfs driver |
//! |---|---|---|
//! | kubelet (`pkg/kubelet/cm`) | `kubepods-burstable-pod8e0d_….slice` | `kubepods/burstable/pod8e0d-…` |
//! | containerd's CRI | `cri-containerd-ID.scope` | `ID` |
//! | CRI-O | `crio-ID.scope` | `crio-ID` |
//! | Docker, cri-dockerd | `docker-ID.scope` | `docker/ID`, `ID` |
//! | Podman | `libpod-ID.scope` | `libpod-ID` |
//! | nerdctl | `nerdctl-ID.scope` | `ID` |
//!
//! Containers within containers have all of that behind each other: the innermost counts. A runtime that follows the cgroupfs driver where
//! the kubelet follows systemd's joins them by colons: `kubepods-pod….slice:cri-containerd:ID`.

use serde::{Deserialize, Serialize};

/// A container, and its pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Container {
    /// 64 hex digits.
    pub id: String,
    /// `containerd`, `cri-o`, `docker`, `podman`; `None` where the name of the cgroup does not say it.
    pub runtime: Option<String>,
    /// UID of its pod, as the Kubernetes API writes it; of a static pod 32 hex digits.
    pub pod: Option<String>,
}

/// Which runtime puts this before a container's id.
const RUNTIMES: [(&str, &str); 6] = [
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("docker", "docker"),
    ("libpod", "podman"),
    ("libpod-payload", "podman"),
];
/// What watches over a container, in a cgroup of its own beside it.
const MONITORS: [&str; 2] = ["crio-conmon", "libpod-conmon"];

impl Container {
    /// By the text of `/proc/PID/cgroup` (cgroups(7)): one line a hierarchy, `ID:CONTROLLERS:PATH`.
    #[must_use]
    pub fn of_cgroups(text: &str) -> Option<Self> {
        let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        // A hierarchy of version 1 may have been left out by the runtime's driver.
        paths
            .filter_map(Self::of_path)
            .reduce(|first, other| if first.pod.is_none() && other.pod.is_some() { other } else { first })
    }

    /// By a cgroup's path. One that is seen from another cgroup namespace begins with `/..`.
    fn of_path(path: &str) -> Option<Self> {
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let (mut container, mut pod, mut above) = (None, None, "");
        for name in path.split(['/', ':']) {
            if let Some(uid) = pod_uid(name) {
                (pod, container) = (Some(uid), None); // the container before it was the node
            } else if let Some(id) = container_id(name, above) {
                container = Some(id);
            }
            above = name;
        }
        let (id, runtime) = container?;
        Some(Self { id: id.to_owned(), runtime: runtime.map(str::to_owned), pod })
    }
}

/// The id, and the runtime where the name or what it lies in says it.
fn container_id<'n>(name: &'n str, above: &str) -> Option<(&'n str, Option<&'static str>)> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let known =
        |prefix: &str| RUNTIMES.iter().find(|(known, _)| *known == prefix).map(|(_, runtime)| *runtime);
    match name.rsplit_once('-') {
        None if is_id(name) => Some((name, known(above))),
        Some((prefix, id)) if is_id(id) && !MONITORS.contains(&prefix) => Some((id, Some(known(prefix)?))),
        _ => None,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn pod_uid(name: &str) -> Option<String> {
    let uid = match name.strip_suffix(".slice") {
        // systemd takes dashes in the name of a slice as the way to it.
        Some(slice) => slice.rsplit_once("-pod")?.1.replace('_', "-"),
        None => name.strip_prefix("pod")?.to_owned(),
    };
    let is_uuid = uid.len() == 36
        && uid.char_indices().all(|(at, character)| match at {
            8 | 13 | 18 | 23 => character == '-',
            _ => character.is_ascii_hexdigit(),
        });
    // A static pod's is the hash of its manifest (pkg/kubelet/config/common.go).
    (is_uuid || uid.len() == 32 && is_hex(&uid)).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c8a0b9d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c2";
    const NODE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9a0b1c24f1c8a0b9d2e3f4a5b6c7d8e9f";
    const UID: &str = "8e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718";
    const STATIC: &str = "1f2e3d4c5b6a79880716253443526170";

    /// Paths as the runtimes make them; `ID`, `NODE`, `U_U` (the uid with underscores), `UID` and `STATIC` are put in.
    const PATHS: &[(&str, Option<&str>, Option<&str>)] = &[
        // containerd, systemd's driver, three classes of quality of service
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_U.slice/cri-containerd-ID.scope",
            Some("containerd"),
            Some(UID),
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_U.slice/cri-containerd-ID.scope",
            Some("containerd"),
            Some(UID),
        ),
        ("/kubepods.slice/kubepods-podU_U.slice/cri-containerd-ID.scope", Some("containerd"), Some(UID)),
        // containerd, cgroupfs
        ("/kubepods/burstable/podUID/ID", None, Some(UID)),
        ("/kubepods/podSTATIC/ID", None, Some(STATIC)),
        // the kubelet follows systemd, containerd does not
        (
            "/system.slice/containerd.service/kubepods-burstable-podU_U.slice:cri-containerd:ID",
            Some("containerd"),
            Some(UID),
        ),
        // CRI-O, and crun's own group below
        ("/kubepods.slice/kubepods-podU_U.slice/crio-ID.scope", Some("cri-o"), Some(UID)),
        ("/kubepods.slice/kubepods-podU_U.slice/crio-ID.scope/container", Some("cri-o"), Some(UID)),
        ("/kubepods/besteffort/podUID/crio-ID", Some("cri-o"), Some(UID)),
        // Docker, and Docker below the kubelet
        ("/system.slice/docker-ID.scope", Some("docker"), None),
        ("/docker/ID", Some("docker"), None),
        ("/kubepods.slice/kubepods-podU_U.slice/docker-ID.scope", Some("docker"), Some(UID)),
        ("/actions_job/ID", None, None),
        // Podman: root's, a person's, cgroupfs, in a pod of its own
        ("/machine.slice/libpod-ID.scope", Some("podman"), None),
        ("/machine.slice/libpod-ID.scope/container", Some("podman"), None),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", Some("podman"), None),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_NODE.slice/libpod-ID.scope",
            Some("podman"),
            None,
        ),
        ("/libpod_parent/libpod-ID", Some("podman"), None),
        ("/system.slice/nerdctl-ID.scope", Some("containerd"), None),
        // a node that is a container itself: kind, and a Docker in a pod
        ("/docker/NODE/kubelet/kubepods/burstable/podUID/ID", None, Some(UID)),
        (
            "/system.slice/docker-NODE.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podU_U.slice/cri-containerd-ID.scope",
            Some("containerd"),
            Some(UID),
        ),
        (
            "/kubepods.slice/kubepods-podU_U.slice/cri-containerd-NODE.scope/docker/ID",
            Some("docker"),
            Some(UID),
        ),
        // seen from the daemon's own container, and after the group was removed
        (
            "/../../kubepods-besteffort.slice/kubepods-besteffort-podU_U.slice/cri-containerd-ID.scope",
            Some("containerd"),
            Some(UID),
        ),
        ("/kubepods/podUID/ID (deleted)", None, Some(UID)),
        // a systemd of its own within
        (
            "/kubepods.slice/kubepods-podU_U.slice/cri-containerd-ID.scope/init.scope",
            Some("containerd"),
            Some(UID),
        ),
    ];

    fn filled(path: &str) -> String {
        let path = path.replace("U_U", &UID.replace('-', "_")).replace("UID", UID).replace("STATIC", STATIC);
        path.replace("NODE", NODE).replace("ID", ID)
    }

    #[test]
    fn every_runtime_and_driver_is_read() {
        for (path, runtime, pod) in PATHS {
            let path = filled(path);
            let found = Container::of_cgroups(&format!("0::{path}\n"));
            let expected = Container {
                id: ID.to_owned(),
                runtime: runtime.map(str::to_owned),
                pod: pod.map(str::to_owned),
            };
            assert_eq!(found, Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_container_is_none() {
        for path in [
            "/",
            "/init.scope",
            "/user.slice/user-1000.slice/session-3.scope",
            "/system.slice/docker.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/kubepods-podU_U.slice/crio-conmon-ID.scope",
            "/kubepods.slice/kubepods-podU_U.slice",
            "/kubepods/podUID",
            "/system.slice/something-ID.scope",
            "/lxc.payload.build",
            "",
        ] {
            assert_eq!(Container::of_cgroups(&format!("0::{}\n", filled(path))), None, "{path}");
        }
        for text in ["", "garbage", "0:", "::", "1:name=systemd"] {
            assert_eq!(Container::of_cgroups(text), None, "{text}");
        }
    }

    #[test]
    fn of_several_hierarchies_the_one_with_the_pod_counts() {
        let text = filled("13:memory:/docker/ID\n4:pids:/kubepods/podUID/ID\n1:name=systemd:/\n0::/\n");
        assert_eq!(Container::of_cgroups(&text).and_then(|found| found.pod).as_deref(), Some(UID));
        let hybrid = filled("11:cpu:/docker/ID\n0::/\n");
        assert_eq!(Container::of_cgroups(&hybrid).map(|found| found.id).as_deref(), Some(ID));
    }
}
