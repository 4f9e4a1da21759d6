//! The Helm chart, by Helm's own engine and the published schemas of Kubernetes, without a cluster.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// The release that the schemas are of.
const KUBERNETES: &str = "1.37";
const RENDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/render.py");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What becomes of each set of values; `None` where Helm's engine is missing, which is said.
fn render(sets: &[Value]) -> Option<Vec<Value>> {
    let libraries = root().join("target/tools/python-kubernetes");
    if !libraries.join("helm_python").is_dir() {
        eprintln!("skipped: Helm's engine is missing (`cargo xtask test` installs it)");
        return None;
    }
    let mut python = Command::new("python3")
        .arg(RENDER)
        .arg(root().join("packaging/kubernetes/chart"))
        .arg(KUBERNETES)
        .env("PYTHONPATH", libraries)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(json!(sets).to_string().as_bytes()).unwrap();
    let ended = python.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(answer["lint"]["errors"], json!([]), "{}", answer["lint"]);
    Some(answer["rendered"].as_array().unwrap().clone())
}

fn objects<'v>(rendered: &'v Value, kind: &str) -> Vec<&'v Value> {
    let objects = rendered["objects"].as_array().unwrap_or_else(|| panic!("{rendered}"));
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn only<'v>(rendered: &'v Value, kind: &str) -> &'v Value {
    let found = objects(rendered, kind);
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found[0]
}

#[test]
fn whatever_the_values_every_object_is_one_of_the_current_release() {
    let sets = [
        json!({}),
        json!({ "mode": "observe", "hostNetwork": true, "kubernetes": { "enabled": false } }),
        json!({ "release": true, "image": { "repository": "r.example/i", "digest": format!("sha256:{}", "0".repeat(64)) } }),
        json!({ "podMonitor": { "enabled": true }, "prometheusRule": { "enabled": true, "labels": { "team": "sec" } } }),
        json!({ "rules": { "10-ours.yaml": "version: 1\nrules: []\n" }, "podAnnotations": { "a": "b" }, "podLabels": { "c": "d" },
                "credentials": [{ "secret": "s", "key": "k", "file": "Ntfy.token" }], "resources": {},
                "priorityClass": { "create": false, "name": "system-node-critical" }, "serviceAccount": { "annotations": { "e": "f" } },
                "networkPolicy": { "from": [{ "namespaceSelector": {} }] }, "affinity": { "nodeAffinity": {} },
                "nodeSelector": { "g": "h" }, "updateStrategy": { "maxUnavailable": 1 }, "image": { "pullSecrets": [{ "name": "p" }] } }),
    ];
    let Some(rendered) = render(&sets) else { return };
    for (values, rendered) in sets.iter().zip(&rendered) {
        assert_eq!(rendered["mistakes"], json!([]), "{values}: {rendered}");
        assert!(!objects(rendered, "DaemonSet").is_empty(), "{values}");
    }
}

#[test]
fn values_that_are_wrong_are_refused_by_their_name() {
    let wrong = [
        (json!({ "pdoMonitor": {} }), "additional properties 'pdoMonitor'"),
        (json!({ "mode": "observ" }), "'/mode': value must be one of 'enforce', 'observe'"),
        (json!({ "config": { "mode": "observe" } }), "'/config': got object, want string"),
        (json!({ "kubernetes": { "labels": ["a=b"] } }), "'/kubernetes/labels': got array, want string"),
        (json!({ "rules": { "ours.yml": "version: 1" } }), "'ours.yml' does not match"),
        (json!({ "metrics": { "port": 80 } }), "'/metrics/port': minimum: got 80, want 1,024"),
        (
            json!({ "updateStrategy": { "maxUnavailable": 0 } }),
            "'/updateStrategy/maxUnavailable': minimum: got 0, want 1",
        ),
        (json!({ "updateStrategy": { "maxUnavailable": "0%" } }), "'/updateStrategy/maxUnavailable'"),
        (json!({ "priorityClass": { "create": false } }), "'/priorityClass/name'"),
        (json!({ "priorityClass": { "value": 2_000_000_000 } }), "'/priorityClass/value'"),
        (json!({ "host": { "pins": "sys/fs/bpf" } }), "'/host/pins'"),
        (json!({ "image": { "digest": "latest" } }), "'/image/digest'"),
        (json!({ "security": { "seccompProfile": { "type": "Localhost" } } }), "'/security/seccompProfile'"),
        (json!({ "security": { "privileged": true } }), "additional properties 'privileged'"),
        (json!({ "credentials": [{ "secret": "s", "key": "k", "file": "../x" }] }), "'/credentials/0/file'"),
    ];
    let Some(rendered) = render(&wrong.clone().map(|(values, _)| values)) else { return };
    for ((values, expected), rendered) in wrong.iter().zip(&rendered) {
        let refused = rendered["refused"].as_str().unwrap_or_else(|| panic!("{values} is not refused"));
        assert!(refused.contains(expected), "{values}: {refused}");
    }
}

#[test]
fn the_base_of_kustomize_is_the_chart_with_its_default_values() {
    let Some(rendered) = render(&[json!({})]) else { return };
    let files = rendered[0]["files"].as_object().unwrap();
    // What lies beside it as files of their own, and what says who installed it.
    let texts = files.iter().filter(|(path, _)| path.ends_with(".yaml") && *path != "cluster.yaml");
    let texts = texts.map(|(_, text)| text.as_str().unwrap().trim()).filter(|text| !text.is_empty());
    let text = texts.collect::<Vec<_>>().join("\n---\n");
    let lines =
        text.lines().filter(|line| !line.contains("managed-by: Helm") && !line.contains("helm.sh/chart"));
    let head = "# The chart with its default values. Made by INTERLOCK_WRITE_CHART=1 cargo test -p interlock-tests --test chart\n";
    let text = format!("{head}{}\n", lines.map(str::trim_end).collect::<Vec<_>>().join("\n"));
    let file = root().join("packaging/kubernetes/base/interlock.yaml");
    if env::var_os("INTERLOCK_WRITE_CHART").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == text,
        "{} is not what the chart gives; INTERLOCK_WRITE_CHART=1 writes it",
        file.display()
    );
}

#[test]
fn the_container_may_what_the_service_may_but_be_somebody_else() {
    let Some(rendered) = render(&[json!({})]) else { return };
    let pod = &only(&rendered[0], "DaemonSet")["spec"]["template"]["spec"];
    let security = &pod["containers"][0]["securityContext"];
    assert_eq!(
        (&security["privileged"], &security["allowPrivilegeEscalation"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        (&security["readOnlyRootFilesystem"], &security["capabilities"]["drop"]),
        (&json!(true), &json!(["ALL"]))
    );
    assert_eq!(
        (&pod["hostPID"], &pod["hostNetwork"], &pod["hostIPC"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    let added: BTreeSet<String> = serde_json::from_value(security["capabilities"]["add"].clone()).unwrap();
    let unit = fs::read_to_string(root().join("packaging/interlock.service")).unwrap();
    let bounds = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let bounds: BTreeSet<String> = bounds
        .flat_map(|line| line.split(' ').map(|name| name.trim_start_matches("CAP_").to_owned()))
        .collect();
    // Package managers are asked as nobody, and the image has none.
    let nobodys = ["SETGID", "SETUID"].map(str::to_owned).into();
    assert_eq!(added, &bounds - &nobodys);
}

#[test]
fn the_alerts_are_those_that_are_packaged() {
    let Some(rendered) = render(&[json!({ "prometheusRule": { "enabled": true } }), json!({})]) else {
        return;
    };
    let text = fs::read_to_string(root().join("packaging/prometheus/alerts.yaml")).unwrap();
    let packaged: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(only(&rendered[0], "PrometheusRule")["spec"], packaged);
    assert!(
        objects(&rendered[1], "PrometheusRule").is_empty() && objects(&rendered[1], "PodMonitor").is_empty()
    );
}

#[test]
fn a_change_of_rules_or_configuration_rolls_out() {
    let sets =
        [json!({}), json!({ "config": "risk_budget = 50" }), json!({ "rules": { "a.yaml": "version: 1" } })];
    let Some(rendered) = render(&sets) else { return };
    let sums = rendered.iter().map(|rendered| {
        only(rendered, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
            .to_string()
    });
    assert_eq!(sums.collect::<BTreeSet<_>>().len(), sets.len());
}

/// Every key of the configuration that the chart sets is one that the program knows.
#[test]
fn what_the_chart_configures_the_program_reads() {
    let Some(rendered) =
        render(&[json!({ "kubernetes": { "namespaces": ["dev-*"], "labels": "agents=yes" } })])
    else {
        return;
    };
    let data = &only(&rendered[0], "ConfigMap")["data"];
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config.d")).unwrap();
    fs::write(folder.path().join("config.toml"), data["config.toml"].as_str().unwrap()).unwrap();
    fs::write(folder.path().join("config.d/90.toml"), data["kubernetes.toml"].as_str().unwrap()).unwrap();
    let check = Command::new(interlock_tests::daemon::binary())
        .arg("--config")
        .arg(folder.path().join("config.toml"))
        .args(["config", "check"])
        .env("NODE_NAME", "node0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr);
    // Whether this machine has the places, and the program was built with the feature, is another matter.
    assert!(!said.contains("unknown key") && !said.contains("expected"), "{said}");
}
