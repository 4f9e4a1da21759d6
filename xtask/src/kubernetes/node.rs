//! The node: containerd with runc, and the kubelet, on whatever control groups this machine has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{
    control::Control,
    ground::{Ground, NODE},
    programs::Programs,
    server::{self, Server},
};
use crate::process;

pub const NAME: &str = "node0";
/// The image that keeps the namespaces of a pod.
pub const PAUSE: &str = "interlock.test/pause:0.1.0";
const CONTAINERD: &str = "/run/containerd/containerd.sock";
const PATIENCE: Duration = Duration::from_mins(2);

pub struct Node {
    place: PathBuf,
    path: String,
    programs: PathBuf,
    // Ended in this order.
    kubelet: Option<Server>,
    _containerd: Server,
}

impl Node {
    /// Starts containerd alone: images can be imported.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(programs: &Programs, place: &Path) -> Result<Self> {
        fs::create_dir_all(place)?;
        let config = place.join("containerd.toml");
        fs::write(&config, containerd(programs, place)?)?;
        write_network(place)?;
        let mut command = Command::new(programs.unpacked("usr/bin/containerd"));
        command.arg("--config").arg(&config).env("PATH", programs.path());
        let library = programs.unpacked("usr/lib/x86_64-linux-gnu");
        let mut containerd = Server::start("containerd", command.env("LD_LIBRARY_PATH", &library), place)?;
        let node = |containerd| Self {
            place: place.to_owned(),
            path: programs.path(),
            programs: programs.built("kubelet"),
            kubelet: None,
            _containerd: containerd,
        };
        containerd.wait(PATIENCE, || {
            let mut ctr = Command::new(programs.unpacked("usr/bin/ctr"));
            process::answer(ctr.args(["--address", CONTAINERD, "version"])).map(drop)
        })?;
        Ok(node(containerd))
    }

    /// Makes an image of an archive known to the kubelet, as `NAME:TAG` with the tag that the archive says.
    ///
    /// # Errors
    /// containerd refuses it.
    pub fn import(&self, archive: &Path, name: &str) -> Result<()> {
        let mut ctr = Command::new("ctr");
        ctr.env("PATH", &self.path).args([
            "--address",
            CONTAINERD,
            "--namespace",
            "k8s.io",
            "images",
            "import",
        ]);
        process::answer(ctr.args(["--base-name", name]).arg(archive)).map(drop)
    }

    /// Starts the kubelet and waits until the node is ready.
    ///
    /// # Errors
    /// It is not within two minutes.
    pub fn join(&mut self, control: &Control, ground: &Ground) -> Result<()> {
        let config = self.place.join("kubelet.json");
        fs::write(&config, kubelet(&self.place, ground).to_string())?;
        let mut command = Command::new(&self.programs);
        command.arg(format!("--config={}", config.display()));
        command.arg(format!("--kubeconfig={}", control.kubeconfig("system:node:node0").display()));
        command.arg(format!("--hostname-override={NAME}")).arg(format!("--node-ip={NODE}"));
        command.arg(format!("--root-dir={}", self.place.join("kubelet").display()));
        command.arg(format!("--cert-dir={}", self.place.join("kubelet-certificates").display()));
        let mut kubelet = Server::start("kubelet", command.env("PATH", &self.path), &self.place)?;
        kubelet.wait(PATIENCE, || {
            let ready = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let answer =
                process::answer(control.kubectl("admin").args(["get", "node", NAME, "--output", ready]))?;
            ensure!(answer == "True", "the node is not ready: {answer}");
            Ok(())
        })?;
        self.kubelet = Some(kubelet);
        Ok(())
    }

    /// The end of the kubelet's log.
    pub fn log(&self) -> String {
        server::tail(&self.place.join("kubelet.log"))
    }
}

fn containerd(programs: &Programs, place: &Path) -> Result<String> {
    let config = json!({
        "version": 2,
        "root": place.join("containerd"),
        "state": "/run/containerd",
        "grpc": { "address": CONTAINERD },
        "disabled_plugins": ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"],
        "plugins": { "io.containerd.grpc.v1.cri": {
            "sandbox_image": PAUSE,
            "restrict_oom_score_adj": true,
            "containerd": { "runtimes": { "runc": {
                "runtime_type": "io.containerd.runc.v2",
                "options": { "BinaryName": programs.unpacked("usr/sbin/runc"), "SystemdCgroup": false },
            } } },
            "cni": { "bin_dir": programs.unpacked("usr/lib/cni"), "conf_dir": place.join("network") },
        } },
    });
    toml::to_string(&config).context("containerd's configuration")
}

/// Pods get addresses of a bridge, and reach the API server by the node's own.
fn write_network(place: &Path) -> Result<()> {
    let network = json!({ "cniVersion": "0.4.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
        "ipam": { "type": "host-local", "dataDir": "/run/cni", "ranges": [[{ "subnet": "10.96.2.0/24" }]], "routes": [{ "dst": "0.0.0.0/0" }] },
    }] });
    fs::create_dir_all(place.join("network"))?;
    Ok(fs::write(place.join("network/pods.conflist"), network.to_string())?)
}

fn kubelet(place: &Path, ground: &Ground) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        // A machine with version 1 beside 2 (1.35 and later refuse it by default).
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", ground.group()),
        "failSwapOn": false,
        // Only this network namespace has it.
        "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
        "authorization": { "mode": "AlwaysAllow" },
        "podLogsDir": place.join("logs"),
        "volumePluginDir": place.join("volume-plugins"),
        "resolvConf": "",
        "evictionHard": { "memory.available": "100Mi" },
        "localStorageCapacityIsolation": false,
        "makeIPTablesUtilChains": false,
        "registerNode": true,
        "syncFrequency": "5s",
    })
}
