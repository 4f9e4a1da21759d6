//! A real control plane on loopback: etcd and kube-apiserver, and nothing else. No controller runs, and no node.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use interlock_kubernetes::holds::person::Place;
use kube::Client;
use tempfile::TempDir;

/// Where `cargo xtask kubernetes` leaves etcd, kube-apiserver and kubectl.
const TOOLS: &str = "INTERLOCK_KUBERNETES_TOOLS";
const TOKENS: &str = "token-admin,admin,1,system:masters\ntoken-ann,ann@corp.example,2,sre\ntoken-eve,eve@corp.example,3,dev\n";

pub struct Cluster {
    dir: TempDir,
    tools: PathBuf,
    server: String,
    processes: Vec<Child>,
}

impl Cluster {
    pub async fn start() -> Self {
        let tools = PathBuf::from(std::env::var_os(TOOLS).unwrap_or_else(|| panic!("{TOOLS} is not set")));
        let dir = tempfile::tempdir().unwrap();
        let [etcd, peer, secure] = ports();
        let mut cluster =
            Self { tools, server: format!("https://127.0.0.1:{secure}"), processes: Vec::new(), dir };
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(cluster.path("sa.key"), key.serialize_pem()).unwrap();
        fs::write(cluster.path("sa.pub"), key.public_key_pem()).unwrap();
        fs::write(cluster.path("tokens.csv"), TOKENS).unwrap();
        cluster.spawn(
            "etcd",
            &[
                format!("--data-dir={}", cluster.path("etcd").display()),
                format!("--listen-client-urls=http://127.0.0.1:{etcd}"),
                format!("--advertise-client-urls=http://127.0.0.1:{etcd}"),
                format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
                "--unsafe-no-fsync".into(),
            ],
        );
        cluster.spawn(
            "kube-apiserver",
            &[
                format!("--etcd-servers=http://127.0.0.1:{etcd}"),
                format!("--secure-port={secure}"),
                "--bind-address=127.0.0.1".into(),
                format!("--cert-dir={}", cluster.dir.path().display()),
                format!("--service-account-key-file={}", cluster.path("sa.pub").display()),
                format!("--service-account-signing-key-file={}", cluster.path("sa.key").display()),
                "--service-account-issuer=https://kubernetes.default.svc".into(),
                "--service-cluster-ip-range=10.0.0.0/24".into(),
                "--authorization-mode=RBAC".into(),
                format!("--token-auth-file={}", cluster.path("tokens.csv").display()),
            ],
        );
        cluster.kubeconfig("admin", "token-admin");
        let is_ready = |cluster: &Self| cluster.try_kubectl(&["get", "--raw", "/readyz"]).is_ok();
        cluster.until("the API server is ready", is_ready).await;
        cluster
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spawn(&mut self, program: &str, args: &[String]) {
        let log = File::create(self.path(&format!("{program}.log"))).unwrap();
        let child =
            Command::new(self.tools.join(program)).args(args).stdout(Stdio::null()).stderr(log).spawn();
        self.processes.push(child.unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    /// A file of access by a token; returns its name.
    pub fn kubeconfig(&self, user: &str, token: &str) -> PathBuf {
        let file = self.path(&format!("{user}.kubeconfig"));
        let server = &self.server;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{server}\", \
             insecure-skip-tls-verify: true}}}}]\nusers: [{{name: u, user: {{token: \"{token}\"}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        );
        fs::write(&file, text).unwrap();
        file
    }

    pub async fn client(&self, user: &str, token: &str) -> Client {
        let place = Place { kubeconfig: Some(self.kubeconfig(user, token)), ..Place::default() };
        place.client().await.unwrap().0
    }

    pub fn try_kubectl(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new(self.tools.join("kubectl"))
            .arg("--kubeconfig")
            .arg(self.path("admin.kubeconfig"))
            .args(args)
            .output();
        let output = output.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        self.try_kubectl(args).unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
    }

    pub fn apply(&self, file: &Path) {
        self.kubectl(&["apply", "-f", &file.display().to_string()]);
    }

    pub fn apply_text(&self, text: &str) {
        let file = self.path("manifest.yaml");
        fs::write(&file, text).unwrap();
        self.apply(&file);
    }

    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(90);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what}: not within 90 s: {}", self.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn log(&self) -> String {
        let text = fs::read_to_string(self.path("kube-apiserver.log")).unwrap_or_default();
        text.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
