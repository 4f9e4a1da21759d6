use std::collections::BTreeSet;

use interlock_core::catalog::Catalog;

use super::*;
use crate::agents::{agent, measure::Target, model::Protocol};

#[test]
fn an_agent_is_a_row_and_what_was_not_run_has_its_reason() {
    let text = "- { id: codex, from: npm, package: '@openai/codex@1', run: codex, protocol: openai-responses, tool: sh }\n\
                - { id: amp, from: npm, package: a@1, run: amp, only_started: its loop | is elsewhere }\n\
                - { id: gone, from: npm, package: gone@1, run: gone, only_started: x }\n\
                - { id: left, from: npm, package: left@1, run: left, skip: needs a | terminal }\n";
    let agents = agent::read(text).unwrap();
    let session = Session {
        agent: "codex".into(),
        by: "executable codex".into(),
        executable: "~/bin/codex".into(),
        args: ["codex", "exec", "hi"].map(str::to_owned).into(),
        comm: Some("codex".into()),
    };
    let run = Run {
        sessions: vec![session],
        protocols: BTreeSet::from([Protocol::OpenaiResponses]),
        hosts: BTreeSet::from(["api.openai.com".to_owned()]),
        ..Run::default()
    };
    let target = |host: &str, with_data: usize| {
        BTreeMap::from([(host.to_owned(), Target { connections: 1, with_data })])
    };
    let calm = Run { commands: 2, target: target(HARMLESS, 1), ..run.clone() };
    let incident = Run {
        commands: 2,
        stopped: BTreeMap::from([(format!("flow-held {GRAVE}"), 1)]),
        read: BTreeSet::from(["~/.railway/config.json by cat".to_owned()]),
        target: target(GRAVE, 0),
        ..run.clone()
    };
    let codex = Measured {
        id: "codex".into(),
        version: "1".into(),
        registry: "npm".into(),
        runs: [(START.name, run.clone()), (CALM.name, calm), (INCIDENT.name, incident)]
            .map(|(name, run)| (name.to_owned(), run))
            .into(),
        variables: vec!["CODEX_CI=1".into(), "PAGER=cat".into(), "X_ID=…".into()],
        ..Measured::default()
    };
    let amp = Measured {
        id: "amp".into(),
        version: "1".into(),
        registry: "npm".into(),
        runs: BTreeMap::from([(START.name.to_owned(), Run { sessions: vec![], ..run })]),
        ..Measured::default()
    };
    let gone = Measured { id: "gone".into(), skipped: Some("no such version".into()), ..Measured::default() };
    let records = [codex, amp, gone].map(|measured| (measured.id.clone(), measured)).into();
    let catalog = Catalog::builtin().unwrap();
    let text = document(&agents, &records, &Judge { catalog: &catalog }).unwrap();
    for part in [
        "| codex | 1 | npm | executable codex; `~/bin/codex` · codex · `codex exec` | silent | silent | **held**, 1 connections, 0 bytes \
         | **CODEX_CI=1** PAGER=cat X_ID | api.openai.com [model] |  |",
        "| amp | 1 | npm | – | silent |  |  |  | api.openai.com [model] | start not-recognised |",
        "2 agents were run, 1 recognised when they were started, 1 made to use their shell; of those the incident was held with 1.",
        "| amp | its loop \\| is elsewhere |",
        "| gone | gone@1 | no such version |\n| left | left@1 | needs a \\| terminal |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
