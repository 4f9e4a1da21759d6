//! The control plane: etcd, the API server, the controllers and the scheduler, each with its log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    ground::{NODE, SERVICES},
    programs::Programs,
    server::Server,
};
use crate::process;

const ETCD: &str = "http://127.0.0.1:2379";
/// By the address that its own certificate is for.
pub const API: &str = "https://10.96.1.1:443";
/// The first answer of an API server on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Who there is, and the groups of each. The name is also the token.
pub const USERS: [(&str, &str); 5] = [
    ("admin", "system:masters"),
    ("system:node:node0", "system:nodes"),
    // May approve: a role binding names the group.
    ("ann", "approvers"),
    // May see, and not approve.
    ("vic", "viewers"),
    ("eve", "nobody"),
];

pub struct Control {
    place: PathBuf,
    /// With the program as a plugin of kubectl's.
    path: String,
    // Ended in this order.
    servers: Vec<Server>,
}

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What stores and judges objects.
    Api,
    /// And what acts on them.
    Whole,
}

impl Control {
    /// # Errors
    /// One of them does not start.
    pub fn start(programs: &Programs, program: &Path, place: &Path, extent: Extent) -> Result<Self> {
        fs::create_dir_all(place)?;
        let mut control = Self { place: place.to_owned(), path: programs.path(), servers: Vec::new() };
        control.write_accounts()?;
        let plugins = place.join("plugins");
        fs::create_dir_all(&plugins)?;
        std::os::unix::fs::symlink(program, plugins.join("kubectl-interlock"))?;
        control.path = format!("{}:{}", plugins.display(), control.path);
        let etcd = control.etcd(programs)?;
        let api = control.api_server(programs)?;
        if extent == Extent::Whole {
            control.servers.extend([control.scheduler(programs)?, control.controllers(programs)?]);
        }
        control.servers.extend([api, etcd]);
        Ok(control)
    }

    /// `kubectl`, as one of [`USERS`].
    pub fn kubectl(&self, user: &str) -> Command {
        let mut command = Command::new("kubectl");
        command.env("PATH", &self.path).env("KUBECONFIG", self.kubeconfig(user)).env("HOME", &self.place);
        command
    }

    /// `kubectl`, as whoever a token is of.
    pub fn kubectl_by_token(&self, token: &str) -> Command {
        let mut command = self.kubectl("eve");
        command.env("KUBECONFIG", "/dev/null").args([
            "--server",
            API,
            "--token",
            token,
            "--certificate-authority",
        ]);
        command.arg(self.authority());
        command
    }

    /// A file with an object, to be handed to `kubectl`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, object: &serde_json::Value) -> Result<PathBuf> {
        let file = self.place.join(name);
        fs::write(&file, object.to_string())?;
        Ok(file)
    }

    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.place.join(format!("{}.kubeconfig", user.replace(':', "-")))
    }

    /// The cluster's own record of who did what.
    pub fn audit(&self) -> PathBuf {
        self.place.join("audit.log")
    }

    /// Whom an API server believes, as a certificate. It makes one for itself.
    pub fn authority(&self) -> PathBuf {
        self.place.join("certificates/apiserver.crt")
    }

    fn write_accounts(&self) -> Result<()> {
        let key = self.place.join("accounts.key");
        process::answer(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"))?;
        let tokens = USERS.map(|(user, group)| format!("{user},{user},{user},\"{group}\"\n")).concat();
        fs::write(self.place.join("tokens.csv"), tokens)?;
        let policy = json!({ "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{ "level": "Metadata", "verbs": ["create", "update", "patch", "delete"] }, { "level": "None" }] });
        fs::write(self.place.join("audit.yaml"), policy.to_string())?;
        for (user, _) in USERS {
            let config = json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "node",
                "contexts": [{ "name": "node", "context": { "cluster": "node", "user": user } }],
                "clusters": [{ "name": "node", "cluster": { "server": API, "certificate-authority": self.authority() } }],
                "users": [{ "name": user, "user": { "token": user } }],
            });
            fs::write(self.kubeconfig(user), config.to_string())?;
        }
        Ok(())
    }

    fn etcd(&self, programs: &Programs) -> Result<Server> {
        let mut command = Command::new(programs.built("etcd"));
        command.arg("--data-dir").arg(self.place.join("etcd"));
        command.args(["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD]);
        command.args(["--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync"]);
        let mut etcd = Server::start("etcd", &mut command, &self.place)?;
        etcd.wait(PATIENCE, || {
            process::answer(Command::new("curl").args(["--silent", "--fail", &format!("{ETCD}/health")]))
                .map(drop)
        })?;
        Ok(etcd)
    }

    fn api_server(&self, programs: &Programs) -> Result<Server> {
        let key = self.place.join("accounts.key").display().to_string();
        let mut command = Command::new(programs.built("kube-apiserver"));
        command.arg(format!("--etcd-servers={ETCD}"));
        command.arg(format!("--cert-dir={}", self.place.join("certificates").display()));
        command.args(["--secure-port=443", "--bind-address=0.0.0.0", "--authorization-mode=Node,RBAC"]);
        command.arg(format!("--advertise-address={NODE}"));
        command.arg(format!("--service-cluster-ip-range={SERVICES}"));
        command.arg("--service-account-issuer=https://kubernetes.default.svc");
        command.arg(format!("--service-account-key-file={key}"));
        command.arg(format!("--service-account-signing-key-file={key}"));
        command.arg(format!("--token-auth-file={}", self.place.join("tokens.csv").display()));
        command.arg("--enable-admission-plugins=NodeRestriction");
        // Nobody resolves the node's name.
        command.arg("--kubelet-preferred-address-types=InternalIP");
        command.arg(format!("--audit-policy-file={}", self.place.join("audit.yaml").display()));
        command.arg(format!("--audit-log-path={}", self.audit().display()));
        let mut server = Server::start("kube-apiserver", &mut command, &self.place)?;
        server.wait(PATIENCE, || {
            process::answer(self.kubectl("admin").args(["get", "--raw", "/readyz"])).map(drop)
        })?;
        Ok(server)
    }

    fn controllers(&self, programs: &Programs) -> Result<Server> {
        let mut command = Command::new(programs.built("kube-controller-manager"));
        command.arg(format!("--kubeconfig={}", self.kubeconfig("admin").display()));
        command.arg(format!("--root-ca-file={}", self.authority().display()));
        let key = self.place.join("accounts.key");
        command.arg(format!("--service-account-private-key-file={}", key.display()));
        command.args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
        command.arg(format!("--cert-dir={}", self.place.join("certificates").display()));
        Server::start("kube-controller-manager", &mut command, &self.place)
    }

    fn scheduler(&self, programs: &Programs) -> Result<Server> {
        let mut command = Command::new(programs.built("kube-scheduler"));
        command.arg(format!("--kubeconfig={}", self.kubeconfig("admin").display()));
        command.args(["--leader-elect=false", "--bind-address=127.0.0.1"]);
        command.arg(format!("--cert-dir={}", self.place.join("certificates").display()));
        Server::start("kube-scheduler", &mut command, &self.place)
    }

    /// Applies what `object` is, as the administrator.
    ///
    /// # Errors
    /// The API server refuses it.
    pub fn apply(&self, object: &serde_json::Value) -> Result<()> {
        let file = self.write("object.json", object)?;
        process::answer(self.kubectl("admin").args(["apply", "--server-side", "-f"]).arg(&file))
            .map(drop)
            .context("an object of the test")
    }
}
