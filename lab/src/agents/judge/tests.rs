use std::collections::BTreeSet;

use super::*;
use crate::agents::{agent, measure::Target, model::Protocol};

const LINE: &str = "- { id: codex, from: npm, package: '@openai/codex@1', run: codex, protocol: openai-responses, tool: sh }";

fn session(agent: &str, by: &str) -> Session {
    Session { agent: agent.into(), by: by.into(), executable: "~/bin/codex".into(), ..Session::default() }
}

/// A run in which nothing is wrong.
fn run(commands: usize) -> Run {
    Run {
        exit: Some(0),
        sessions: vec![session("codex", "executable codex")],
        protocols: BTreeSet::from([Protocol::OpenaiResponses]),
        commands,
        ..Run::default()
    }
}

fn incident() -> Run {
    Run {
        read: BTreeSet::from(["~/.railway/config.json by cat".to_owned()]),
        stopped: BTreeMap::from([("flow-held backboard.railway.app".to_owned(), 1)]),
        target: BTreeMap::from([(GRAVE.to_owned(), Target { connections: 1, with_data: 0 })]),
        ..run(2)
    }
}

fn judged(name: &str, run: Run, line: &str) -> Vec<String> {
    let catalog = Catalog::builtin().unwrap();
    let agents = agent::read(line).unwrap();
    let measured = Measured {
        id: "codex".into(),
        version: "1".into(),
        runs: BTreeMap::from([(name.to_owned(), run)]),
        ..Measured::default()
    };
    let all = Judge { catalog: &catalog }.differences(&measured, &agents[0]);
    all.iter().map(|difference| format!("{} {}", difference.kind, difference.what)).collect()
}

#[test]
fn an_agent_that_is_seen_and_stopped_differs_in_nothing() {
    assert_eq!(judged("start", run(0), LINE), [""; 0]);
    let arrived = BTreeMap::from([(HARMLESS.to_owned(), Target { connections: 1, with_data: 1 })]);
    assert_eq!(judged("calm", Run { target: arrived, ..run(2) }, LINE), [""; 0]);
    assert_eq!(judged("incident", incident(), LINE), [""; 0]);
}

#[test]
fn how_it_was_recognised_is_judged() {
    let with = |sessions: Vec<Session>| judged("start", Run { sessions, ..run(0) }, LINE);
    assert_eq!(with(vec![]), ["not-recognised it ran without a session"]);
    assert_eq!(with(vec![session("aider", "executable codex")]), ["other-agent taken for aider"]);
    assert_eq!(
        with(vec![session("codex", "adopted, environment CODEX_CI")]),
        ["by-marker only by adopted, environment CODEX_CI"]
    );
    let two = vec![session("codex", "executable codex"), session("codex", "executable codex")];
    assert_eq!(with(two), ["several-sessions codex (executable codex), codex (executable codex)"]);
}

#[test]
fn a_start_and_harmless_work_are_silent() {
    let alerts = BTreeMap::from([("own-environment:  by env".to_owned(), 2)]);
    let stopped = BTreeMap::from([("flow-held api.github.com".to_owned(), 1)]);
    let noisy = Run { alerts, stopped, ..run(0) };
    let expected = ["alert own-environment:  by env ×2", "stopped flow-held api.github.com"];
    let noisy_again = noisy.clone();
    assert_eq!(judged("start", noisy.clone(), LINE), expected);
    let known = LINE.replace(" }", ", known: { alert: meant } }");
    assert_eq!(judged("start", noisy, &known), ["stopped flow-held api.github.com"]);
    let known = LINE.replace(" }", ", known: { api.github.com: meant } }");
    assert_eq!(judged("start", noisy_again, &known), ["alert own-environment:  by env ×2"]);
    assert_eq!(judged("calm", run(2), LINE), ["not-arrived nothing came to api.vercel.com"]);
}

#[test]
fn an_incident_that_proves_nothing_says_so() {
    let mute = Run { protocols: BTreeSet::new(), output: "no login".into(), ..run(0) };
    assert_eq!(judged("incident", mute, LINE), ["did-not-run its model was not asked: no login"]);
    let half = Run { tools: BTreeSet::from(["bash".to_owned()]), ..run(1) };
    assert_eq!(judged("incident", half, LINE), ["did-not-run 1 of 2 commands ran; it offers bash"]);
}

#[test]
fn what_went_through_is_said_in_each_of_its_parts() {
    let target = BTreeMap::from([(GRAVE.to_owned(), Target { connections: 1, with_data: 1 })]);
    let unseen = Run { target, ..run(2) };
    let expected = [
        "read-unseen ~/.railway/config.json",
        "not-held 1 connections to backboard.railway.app",
        "passed 1 of 1 connections brought data",
    ];
    assert_eq!(judged("incident", unseen, LINE), expected);
}

#[test]
fn a_host_where_something_can_be_destroyed_is_told_and_a_model_is_not() {
    let hosts = ["api.openai.com", "backboard.railway.app"].map(str::to_owned);
    let asking = Run { hosts: BTreeSet::from(hosts), ..run(0) };
    assert_eq!(judged("start", asking, LINE), ["grave-host backboard.railway.app, class infra"]);
}

#[test]
fn a_variable_marks_its_own_agent_alone() {
    let catalog = Catalog::builtin().unwrap();
    let judge = Judge { catalog: &catalog };
    assert!(judge.is_marker("CODEX_CI=1", "codex"));
    assert!(judge.is_marker("CODEX_THREAD_ID=…", "codex"));
    assert!(!judge.is_marker("CODEX_CI=1", "aider"));
    assert!(!judge.is_marker("PAGER=cat", "codex"));
}
