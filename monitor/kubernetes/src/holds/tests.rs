//! The kinds as the cluster is told them, and samples.

use std::{env, fs, path::PathBuf};

use kube::{CustomResourceExt as _, api::ObjectMeta};
use serde_json::{Value, json};

use super::{
    board::Wanted,
    decision::{DecisionSpec, DecisionStatus, InterlockDecision, Verdict},
    hold::{self, HoldSpec, HoldStatus, InterlockHold, PodOf},
};

pub fn wanted(id: &str) -> Wanted {
    let spec = HoldSpec {
        node: "worker-1".into(),
        id: id.into(),
        pod: PodOf { name: "ws-ann".into(), uid: "pod-uid".into(), service_account: Some("agent".into()) },
        session: "4711-0a1b2".into(),
        agent: "claude-code".into(),
        owner: Some("ann".into()),
        process: "4722 curl -X POST".into(),
        destination: "backboard.railway.app:443 (66.33.22.1)".into(),
        rule: "infra-after-foreign-secret".into(),
        severity: "critical".into(),
        evidence: "0123456789abcdef".into(),
        evidence_sha256: "0123456789abcdef".repeat(4),
        ..HoldSpec::default()
    };
    let name = hold::name(&spec.node, id, 7);
    Wanted { namespace: "team-a".into(), name, spec, status: HoldStatus::default() }
}

pub fn decision(id: &str) -> InterlockDecision {
    let wanted = wanted(id);
    let spec = DecisionSpec {
        hold: wanted.name.clone(),
        hold_uid: format!("uid-of-{id}"),
        node: wanted.spec.node,
        verdict: Verdict::Approve,
        evidence: wanted.spec.evidence,
        user: "ann@corp.example".into(),
        groups: vec!["sre".into()],
        ..DecisionSpec::default()
    };
    let mut decision = InterlockDecision::new(&format!("{}-1", wanted.name), spec);
    decision.metadata = ObjectMeta { namespace: Some(wanted.namespace), ..decision.metadata };
    decision
}

fn base(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packaging/kubernetes/base").join(file)
}

/// `INTERLOCK_WRITE_SCHEMAS=1` writes them.
#[test]
fn the_packaged_definitions_are_those_of_the_types() {
    for (file, crd) in [
        ("crd-interlockholds.yaml", InterlockHold::crd()),
        ("crd-interlockdecisions.yaml", InterlockDecision::crd()),
    ] {
        let crd = serde_json::to_value(crd).unwrap();
        if env::var_os("INTERLOCK_WRITE_SCHEMAS").is_some() {
            let text = serde_saphyr::to_string(&crd).unwrap();
            let head = "# Written by `INTERLOCK_WRITE_SCHEMAS=1 cargo test -p interlock-kubernetes`; the types have the comments.\n";
            fs::write(base(file), format!("{head}{text}")).unwrap();
        }
        let packaged: Value = serde_saphyr::from_str(&fs::read_to_string(base(file)).unwrap()).unwrap();
        assert_eq!(packaged, crd, "{file}: INTERLOCK_WRITE_SCHEMAS=1 writes it anew");
    }
}

#[test]
fn samples_fit_their_schemas_and_what_is_too_long_does_not() {
    let of = |crd: Value| crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap();
    let holds = jsonschema::validator_for(&of(serde_json::to_value(InterlockHold::crd()).unwrap())).unwrap();
    let sample = wanted("h1");
    let mut object = InterlockHold::new(&sample.name, sample.spec);
    object.status = Some(sample.status);
    assert!(holds.is_valid(&json!(object)), "{:?}", holds.validate(&json!(object)));
    object.spec.process = "x".repeat(1001);
    assert!(!holds.is_valid(&json!(object)));
    let decisions =
        jsonschema::validator_for(&of(serde_json::to_value(InterlockDecision::crd()).unwrap())).unwrap();
    let sample = json!(decision("h1"));
    assert!(decisions.is_valid(&sample), "{:?}", decisions.validate(&sample));
    for (field, wrong) in [
        ("evidence", json!("0123")),
        ("verdict", json!("Maybe")),
        ("user", json!("")),
        ("forSeconds", json!(86_401)),
    ] {
        let mut other = sample.clone();
        other["spec"][field] = wrong;
        assert!(!decisions.is_valid(&other), "{field}");
    }
}

#[test]
fn no_two_holds_have_one_name() {
    let first = hold::name("worker-1", "h7", 1);
    assert!(first.starts_with("h7-") && first.len() == 11, "{first}");
    for other in
        [hold::name("worker-2", "h7", 1), hold::name("worker-1", "h8", 1), hold::name("worker-1", "h7", 2)]
    {
        assert_ne!(first, other);
    }
}

#[test]
fn an_answer_is_told_in_words_of_the_field() {
    let status = DecisionStatus {
        answer: super::decision::Answer::TooLate,
        message: "h7 was denied".into(),
        answered_at: "2026-04-25T10:00:00Z".parse().unwrap(),
    };
    let expected =
        json!({ "answer": "TooLate", "message": "h7 was denied", "answeredAt": "2026-04-25T10:00:00Z" });
    assert_eq!(json!(status), expected);
}
