//! The real Prometheus and Alertmanager, on loopback, in a directory of the test's own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{daemon::text, receiver::Receiver, wait};

/// Where the packaged files lie.
#[must_use]
pub fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

/// A program of Debian's packages `prometheus` and `prometheus-alertmanager`: installed, or unpacked by `cargo xtask test`.
/// Says so where there is none.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/debian/usr/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain([unpacked]).map(|folder| folder.join(name));
    let found = found.into_iter().find(|file| file.exists());
    if found.is_none() {
        eprintln!("skipped: {name} is missing (Debian: prometheus, prometheus-alertmanager)");
    }
    found
}

/// Debian's Alertmanager reads a template below `/usr/share`. Where it is only unpacked, it sees its own files there, and nobody
/// else does.
fn among_its_files(manager: &Path) -> Command {
    if Path::new("/usr/share/prometheus/alertmanager/default.tmpl").exists() {
        return Command::new(manager);
    }
    let share = manager.ancestors().nth(2).expect("it lies in usr/bin").join("share");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg("mount -t overlay -o \"lowerdir=$1:/usr/share\" none /usr/share || exit 1; shift; exec \"$@\"");
    command.arg("sh").arg(share.canonicalize().expect("it was unpacked")).arg(manager);
    command
}

/// A port that nobody listens at now.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// The page of a daemon, as whoever accepts `accept` gets it.
#[must_use]
pub fn scrape(address: &str, accept: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sSi", "--max-time", "10", "-H", &format!("Accept: {accept}")]);
    let output = curl.arg(format!("http://{address}/metrics")).output().expect("curl is there");
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

pub struct Prometheus {
    dir: TempDir,
    address: String,
    told: Receiver,
    children: Vec<Child>,
}

impl Prometheus {
    /// With these rules, which tell an Alertmanager, which tells us.
    ///
    /// # Panics
    /// One of the programs does not answer.
    #[must_use]
    pub fn start(rules: &str, targets: &[&str]) -> Option<Self> {
        let (server, manager) = (program("prometheus")?, program("prometheus-alertmanager")?);
        let dir = TempDir::with_prefix("interlock-prometheus-").expect("a temporary directory");
        let (address, alerts) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let told = Receiver::start("127.0.0.1:0");
        let place = dir.path().display();
        let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("a fresh file");
        file("rules.yaml", rules);
        file(
            "prometheus.yaml",
            &format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
                 rule_files: [{place}/rules.yaml]\n\
                 alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [\"{alerts}\"] }} ] }} ] }}\n\
                 scrape_configs:\n  - job_name: interlock\n    file_sd_configs: [ {{ files: [{place}/targets.json], refresh_interval: 1s }} ]\n"
            ),
        );
        file(
            "alertmanager.yaml",
            &format!(
                "route: {{ receiver: us, group_by: [\"...\"], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\n\
                 receivers: [ {{ name: us, webhook_configs: [ {{ url: \"http://{}/\", send_resolved: true }} ] }} ]\n",
                told.address
            ),
        );
        let mut prometheus = Self { dir, address, told, children: Vec::new() };
        prometheus.scrapes(targets);
        let place = prometheus.dir.path().display().to_string();
        prometheus.runs(
            among_its_files(&manager)
                .arg(format!("--config.file={place}/alertmanager.yaml"))
                .arg(format!("--storage.path={place}/alertmanager"))
                .arg(format!("--web.listen-address={alerts}"))
                .arg("--cluster.listen-address="),
            "alertmanager.log",
        );
        let listens = format!("--web.listen-address={}", prometheus.address);
        prometheus.runs(
            Command::new(server)
                .arg(format!("--config.file={place}/prometheus.yaml"))
                .arg(format!("--storage.tsdb.path={place}/data"))
                .arg(listens)
                .args(["--enable-feature=exemplar-storage", "--rules.alert.resend-delay=1s"]),
            "prometheus.log",
        );
        wait::until("Prometheus answers", || match prometheus.ask("query", &[("query", "1")]) {
            Ok(_) => Ok(()),
            Err(why) => Err((why, prometheus.log())),
        });
        wait::until("Alertmanager answers", || {
            let ready = Command::new("curl").args(["-sf", &format!("http://{alerts}/-/ready")]).output();
            if ready.is_ok_and(|output| output.status.success()) { Ok(()) } else { Err(prometheus.log()) }
        });
        Some(prometheus)
    }

    fn runs(&mut self, command: &mut Command, log: &str) {
        let log = fs::File::create(self.dir.path().join(log)).expect("a fresh file");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.children.push(child.expect("the program starts"));
    }

    /// From now on it scrapes these.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn scrapes(&self, targets: &[&str]) {
        let list = json!([{ "targets": targets }]).to_string();
        let file = self.dir.path().join("targets.json");
        fs::write(file.with_extension("new"), list).expect("a fresh file");
        fs::rename(file.with_extension("new"), file).expect("it is there");
    }

    /// `data` of an answer of its API.
    ///
    /// # Errors
    /// What it said instead.
    ///
    /// # Panics
    /// There is no curl.
    pub fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "10", "--get"]);
        for (name, value) in parameters {
            curl.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        let output =
            curl.arg(format!("http://{}/api/v1/{what}", self.address)).output().expect("curl is there");
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| text(&output))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer.to_string()) }
    }

    /// What this query gives now.
    ///
    /// # Errors
    /// It cannot be parsed.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.ask("query", &[("query", query)])?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Alerts of this name that Alertmanager has told of so far, in their order.
    #[must_use]
    pub fn told(&self) -> Vec<Value> {
        let posted = self.told.posted();
        posted.iter().flat_map(|one| one.body["alerts"].as_array().cloned().unwrap_or_default()).collect()
    }

    /// Whether the last that was told of an alert about an instance is `status`.
    #[must_use]
    pub fn is(&self, alert: &str, instance: Option<&str>, status: &str) -> bool {
        let about = |told: &Value| {
            let labels = &told["labels"];
            labels["alertname"] == alert && instance.is_none_or(|instance| labels["instance"] == instance)
        };
        let told: Vec<Value> = self.told().into_iter().filter(about).collect();
        let of_one = |fingerprint: &Value| told.iter().rev().find(|one| one["fingerprint"] == *fingerprint);
        let last: Vec<&Value> = told.iter().filter_map(|one| of_one(&one["fingerprint"])).collect();
        match status {
            "firing" => last.iter().any(|one| one["status"] == "firing"),
            _ => !last.is_empty() && last.iter().all(|one| one["status"] == status),
        }
    }

    #[must_use]
    pub fn log(&self) -> String {
        let of = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        of("prometheus.log") + &of("alertmanager.log")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill(); // it has ended
            let _ = child.wait();
        }
    }
}
