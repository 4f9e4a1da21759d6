//! Rules and catalogues newer than the program: signed by whom this machine trusts, put in force without a restart, and taken back.

use std::{fs, path::Path, process::Command};

use interlock_tests::{
    daemon::{Daemon, Settings, binary, text},
    is_root,
};

const OWN: &str = "version: 1\noverride:\n  - id: infra-after-foreign-secret\n    action: alert\n";

/// A publisher's directory, with a key.
struct Publisher(tempfile::TempDir);

impl Publisher {
    fn new() -> Self {
        let publisher = Self(tempfile::tempdir().unwrap());
        publisher.interlock(&["policy", "key", &publisher.path("key"), "--name", "publisher.example"]);
        publisher
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn interlock(&self, args: &[&str]) {
        let output = Command::new(binary()).args(args).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
    }

    fn tries(&self, serial: u64, action: &str, expected: &str) -> String {
        let args = self.content(serial, action, expected);
        text(&Command::new(binary()).args(args).current_dir(self.0.path()).output().unwrap())
    }

    /// A bundle whose rules have the rule `bundled`, and whose cases say what it does.
    fn packs(&self, serial: u64, action: &str, expected: &str) -> String {
        let args = self.content(serial, action, expected);
        self.interlock(&args.iter().map(String::as_str).collect::<Vec<_>>());
        self.path(&format!("{serial}.tar"))
    }

    /// How it is made.
    fn content(&self, serial: u64, action: &str, expected: &str) -> Vec<String> {
        let dir = self.0.path().join(format!("content-{serial}"));
        fs::create_dir_all(dir.join("cases")).unwrap();
        let rule = format!(
            "version: 1\nrules:\n  - id: bundled\n    summary: Connects to an infrastructure API.\n    on: connect\n    \
             match: {{ destination: infra }}\n    action: {action}\n    severity: low\n"
        );
        fs::write(dir.join("rules.yaml"), rule).unwrap();
        let case = format!(
            "version: 1\ncases:\n  - name: connects\n    events:\n      - {{ connect: backboard.railway.app, process: curl }}\n    \
             expect: {{ {expected}: bundled }}\n"
        );
        fs::write(dir.join("cases/bundled.yaml"), case).unwrap();
        let file = self.path(&format!("{serial}.tar"));
        let (serial, key, dir) = (serial.to_string(), self.path("key"), dir.display().to_string());
        let args = [
            "policy", "pack", &dir, "--name", "defaults", "--serial", &serial, "--key", &key, "--file", &file,
        ];
        args.map(str::to_owned).to_vec()
    }

    fn is_trusted_by(&self, daemon: &Daemon) {
        let keys = daemon.dir().join("policy/keys");
        fs::create_dir_all(&keys).unwrap();
        fs::copy(self.path("key.vkey"), keys.join("publisher.vkey")).unwrap();
    }
}

fn policy(daemon: &Daemon, args: &[&str]) -> (bool, String) {
    let mut interlock = Command::new(binary());
    interlock.arg("--config").arg(daemon.dir().join("config.toml")).arg("policy").args(args);
    let output = interlock.output().unwrap();
    (output.status.success(), text(&output))
}

fn bundle(daemon: &Daemon) -> serde_json::Value {
    daemon.json(&["status"])["rules"]["bundle"].clone()
}

#[test]
fn a_bundle_is_put_in_force_by_a_key_that_counts_and_taken_back() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { rules: Some(OWN.to_owned()), ..Settings::default() });
    let publisher = Publisher::new();
    let first = publisher.packs(7, "alert", "alert");
    let (taken, said) = policy(&daemon, &["install", &first]);
    assert!(!taken && said.contains("no key that counts here has signed it"), "{said}");
    publisher.is_trusted_by(&daemon);
    // This machine's own rules change one that the bundle does not have.
    let (taken, said) = policy(&daemon, &["install", &first]);
    assert!(!taken && said.contains("test.yaml:3") && bundle(&daemon).is_null(), "{said}");
    let own = daemon.dir().join("rules/test.yaml");
    fs::write(&own, "version: 1\npacks: { aws: off }\n").unwrap();
    daemon.expect(&["rules", "reload"]);
    let (taken, said) = policy(&daemon, &["install", &first]);
    assert!(taken && said.contains("in force: defaults 7, signed by publisher.example"), "{said}");
    assert_eq!((&bundle(&daemon)["name"], &bundle(&daemon)["serial"]), (&"defaults".into(), &7.into()));
    assert_eq!(daemon.json(&["status"])["rules"]["count"], 1, "in place of the built-in ones");
    let recorded = daemon.records("rules").pop().unwrap();
    assert_eq!(recorded["detail"]["bundle"]["signed_by"], "publisher.example", "{recorded}");

    // A bundle whose own cases do not come out is not even made.
    assert!(publisher.tries(8, "alert", "hold").contains("do not come out as they say"));
    let second = publisher.packs(9, "alert", "alert");
    assert!(policy(&daemon, &["check", &second]).0);
    assert!(policy(&daemon, &["install", &second]).0);
    let (taken, said) = policy(&daemon, &["install", &first]);
    assert!(!taken && said.contains("defaults 9 was installed before"), "{said}");
    assert_eq!(bundle(&daemon)["serial"], 9);
    assert!(policy(&daemon, &["rollback"]).0);
    assert_eq!(bundle(&daemon)["serial"], 7);
    assert!(policy(&daemon, &["rollback"]).0);
    assert!(bundle(&daemon).is_null());
    let (listed, said) = policy(&daemon, &["list"]);
    assert!(
        listed && said.contains('7') && said.contains('9') && said.contains("what is built in"),
        "{said}"
    );
}

#[test]
fn a_bundle_that_was_changed_where_it_lies_keeps_a_daemon_from_starting_and_a_running_one_as_it_is() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings::default());
    let publisher = Publisher::new();
    publisher.is_trusted_by(&daemon);
    let (taken, said) = policy(&daemon, &["install", &publisher.packs(1, "alert", "alert")]);
    assert!(taken, "{said}");
    change(&daemon.dir().join("policy/bundles/defaults-1.tar"));
    let refused = daemon.cli(&["rules", "reload"]);
    assert!(!refused.status.success() && text(&refused).contains("it was changed"), "{}", text(&refused));
    assert_eq!(bundle(&daemon)["serial"], 1, "the rules that worked still apply");
    daemon.kill();
    let mut start = Command::new(binary());
    let output = start.arg("--config").arg(daemon.dir().join("config.toml")).arg("daemon").output().unwrap();
    assert!(!output.status.success() && text(&output).contains("policy rollback"), "{}", text(&output));
    assert!(policy(&daemon, &["rollback", "--builtin"]).0);
    daemon.start_again();
    assert!(bundle(&daemon).is_null());
}

fn change(bundle: &Path) {
    let bytes = fs::read(bundle).unwrap();
    let place = bytes.windows(12).position(|window| window == b"severity: lo").unwrap();
    let mut changed = bytes;
    changed[place + 3] = b'E';
    fs::write(bundle, changed).unwrap();
}
