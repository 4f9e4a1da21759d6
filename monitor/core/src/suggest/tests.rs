//! Sessions as the daemon publishes them, and what is learned from each.

mod observed;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::rules::Base;

const HOME: &str = "/home/bob";

/// Events of one session, in the order of their seconds.
struct Script(Vec<Value>);

impl Script {
    fn new() -> Self {
        let started = json!({ "event.action": "session-started", "process.executable": "/usr/bin/claude" });
        Self(Vec::new()).event(0, started)
    }

    fn event(mut self, second: u32, more: Value) -> Self {
        let mut event = json!({
            "@timestamp": format!("2026-11-21T12:{:02}:{:02}Z", second / 60, second % 60),
            "event.id": format!("e{}", self.0.len()), "interlock.session.id": "4711-0a1b2", "interlock.session.agent": "claude-code",
            "interlock.mode": "enforce", "interlock.action": "allow", "process.pid": 4712,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.0.push(event);
        self
    }

    /// Something that no rule judged.
    fn incident(self, second: u32, action: &str, more: Value) -> Self {
        let mut script = self.event(second, more);
        let event = script.0.last_mut().unwrap().as_object_mut().unwrap();
        event.insert("event.action".into(), action.into());
        event.retain(|field, _| field != "interlock.mode" && field != "interlock.action");
        script
    }

    fn read(self, second: u32, path: &str, command: &[&str]) -> Self {
        self.event(
            second,
            json!({ "event.action": "secret-read", "file.path": format!("{HOME}/{path}"), "interlock.secret.entry": "railway-cli",
                "interlock.secret.class": "paas", "interlock.secret.grade": "A", "interlock.secret.foreign": true, "interlock.secret.owner": false,
                "process.executable": command[0], "process.args": command,
                "rule.id": ["foreign-secret-read"], "interlock.action": "alert" }),
        )
    }

    fn held(self, second: u32, host: &str, command: &[&str]) -> Self {
        self.event(
            second,
            json!({ "event.action": "flow-held", "destination.ip": "203.0.113.7", "destination.port": 443,
                "interlock.destination.class": "infra", "destination.domain": host, "interlock.destination.named_by": "server-name",
                "network.transport": "tcp", "process.executable": command[0], "process.args": command,
                "rule.id": ["infra-after-foreign-secret"], "interlock.action": "hold", "interlock.hold.id": "h1" }),
        )
    }

    fn approved(self, second: u32) -> Self {
        self.incident(
            second,
            "flow-released",
            json!({ "interlock.hold.id": "h1", "interlock.hold.decided_by": "uid 0" }),
        )
    }

    fn record(&self) -> Record {
        let text: String = self.0.iter().map(|line| format!("{line}\n")).collect();
        crate::replay::read("r.jsonl", text.as_bytes()).unwrap()
    }

    fn learn(&self) -> Suggestions {
        self.learn_with(None, None)
    }

    fn learn_with(&self, rules: Option<&str>, corpus: Option<&str>) -> Suggestions {
        let files =
            |name: &str, text: Option<&str>| text.map(|text| vec![(PathBuf::from(name), text.to_owned())]);
        let basis = Basis::new(Base::BUILTIN, files("rules.yaml", rules)).unwrap();
        let catalog = Catalog::builtin().unwrap();
        let corpus = Corpus::new(files("corpus.yaml", corpus).as_deref(), &basis, &catalog).unwrap();
        Learner { basis: &basis, catalog: &catalog, corpus: &corpus }.learn(&self.record())
    }
}

const DEPLOY: [&str; 2] = ["/usr/local/bin/deploy", "--now"];

/// A tool of the team's own reads the token and deploys, and a person says yes.
fn approved() -> Script {
    Script::new()
        .read(1, ".railway/config.json", &DEPLOY)
        .held(4, "backboard.railway.app", &DEPLOY)
        .approved(9)
}

#[test]
fn what_was_told_and_what_was_approved_become_exceptions_with_all_that_they_allow() {
    let learned = approved().learn();
    assert_eq!((learned.objections.as_slice(), learned.left.as_slice()), (&[][..], &[][..]));
    insta::assert_snapshot!(learned.file.unwrap().replace(RuleSet::builtin().unwrap().sha256(), "SHA"), @r#"
    # Suggested by interlock 0.1.0 from session 4711-0a1b2 (claude-code). Keep what you agree with, put
    # the file among your rules, and load it with `interlock rules reload`. It was made for the rules
    # with the SHA-256 SHA.
    version: 1
    override:
      # Excuses:
      # - 2026-11-21T12:00:01Z  open /home/bob/.railway/config.json
      # Would allow what is not allowed today:
      # - /usr/local/bin/deploy reads /home/bob/.railway/config.json (railway-cli, grade A): this rule
      #   tells it today, and would be silent
      # - in every session of this agent, in any workspace and of any user
      # - without the 5 points of risk that it adds today
      # - the same with any other arguments
      # Still decided as today (alert):
      # - the same by any other program
      # - the same with any other secret
      # - the same by any other agent
      # Attack sessions: all 502 that are stopped today stay stopped.
      - id: foreign-secret-read
        except:
          - agent: "claude-code"
            process: { executable: "/usr/local/bin/deploy" }
            secret: { entry: "railway-cli", path: "/home/bob/.railway/config.json" }
      # Excuses:
      # - 2026-11-21T12:00:04Z  connect backboard.railway.app:443 (203.0.113.7)
      # Would allow what is not allowed today:
      # - /usr/local/bin/deploy connects to backboard.railway.app, port 443, after a foreign secret of
      #   class paas and grade A was read within 30m: this rule holds it for a person today, and would
      #   let it through unasked
      # - in every session of this agent, in any workspace and of any user
      # - without the 60 points of risk that it adds today
      # - the same with any other arguments
      # - the same after any other secret of that class and grade was read instead
      # - the same after secrets of other classes were read as well
      # Still decided as today (hold):
      # - the same by any other program
      # - the same with any other host
      # - the same with any other port
      # - the same by any other agent
      # - the same after a secret of another class was read instead
      # Attack sessions: all 502 that are stopped today stay stopped.
      - id: infra-after-foreign-secret
        except:
          - agent: "claude-code"
            process: { executable: "/usr/local/bin/deploy" }
            destination: { host: "backboard.railway.app", port: 443 }
            touched: { class: "paas", grade: A, foreign: true, within: 30m }
    "#);
}

#[test]
fn a_proposal_silences_its_findings_and_nothing_else() {
    let script = approved().read(20, ".other/config.json", &["/usr/local/bin/other"]);
    let learned = script.learn();
    let (record, basis) = (script.record(), Basis::new(Base::BUILTIN, None).unwrap());
    assert_eq!(learned.proposals.len(), 3);
    for proposal in &learned.proposals {
        let rules = basis.with(&proposal.file, &Catalog::builtin().unwrap()).unwrap();
        let before = record.judge(basis.rules());
        let after = record.judge(&rules);
        let silenced =
            before.iter().zip(&after).filter(|(before, after)| before.decisions != after.decisions);
        let silenced: Vec<&str> = silenced.map(|(before, _)| before.entry.id.as_str()).collect();
        let named: Vec<&str> = proposal.excuses.iter().map(|seen| seen.id.as_str()).collect();
        assert_eq!(silenced, named, "{}", proposal.file);
        assert_eq!(named.len(), 1);
    }
}

#[test]
fn the_same_thing_twice_is_one_proposal() {
    let again = approved()
        .read(20, ".railway/config.json", &DEPLOY)
        .held(21, "backboard.railway.app", &DEPLOY)
        .approved(22);
    let learned = again.learn();
    let counts: Vec<_> =
        learned.proposals.iter().map(|proposal| (proposal.rule.as_str(), proposal.excuses.len())).collect();
    assert_eq!(counts, [("foreign-secret-read", 2), ("infra-after-foreign-secret", 2)]);
}

#[test]
fn nothing_is_learned_from_a_session_that_tripped() {
    let by = |rule: &str| json!({ "rule.id": [rule], "message": "m" });
    let trips = [
        ("session-frozen", by("secret-sweep")),
        ("session-killed", by("x")),
        ("session-thawed", json!({})),
        ("flow-denied", json!({ "interlock.hold.id": "h2", "interlock.hold.decided_by": "uid 0" })),
        ("hold-expired", json!({ "interlock.hold.id": "h2" })),
        ("would-freeze", by("risk-budget")),
        ("tamper", json!({ "event.kind": "alert", "message": "a process of a session called bpf" })),
    ];
    for (action, more) in trips {
        let learned = approved().incident(30, action, more).learn();
        assert!(learned.proposals.is_empty() && learned.file.is_none(), "{action}");
        assert!(
            learned.objections[0].contains(&format!("it tripped at 2026-11-21T12:00:30Z: {action}")),
            "{learned:?}"
        );
    }
    let denied = json!({ "event.action": "flow-denied", "interlock.action": "deny", "rule.id": ["metadata-service"],
        "destination.ip": "169.254.169.254", "destination.port": 80, "interlock.destination.class": "metadata",
        "network.transport": "tcp", "process.executable": "/usr/bin/aws" });
    let learned = approved().event(30, denied).learn();
    assert!(learned.proposals.is_empty(), "{learned:?}");
    assert!(learned.objections.iter().any(|why| why.contains("deny by metadata-service")), "{learned:?}");
    assert!(learned.objections.iter().any(|why| why.contains("under the present rules")), "{learned:?}");
}

#[test]
fn nothing_is_learned_from_a_session_that_is_not_wholly_known() {
    let mut headless = approved();
    headless.0.remove(0);
    assert!(headless.learn().objections[0].contains("from its beginning"));
    let lost = approved().incident(30, "records-lost", json!({ "interlock.lost": 3 }));
    assert!(lost.learn().objections[0].contains("events are missing"));
    let mut incomplete = approved();
    incomplete.0[1]["interlock.session.incomplete"] = true.into();
    assert!(incomplete.learn().objections[0].contains("lost in the kernel"));
}

const EXECS: &str = "version: 1\nbuiltin: replace\nrules: [{ id: ask-first, summary: s, on: exec, match: { process: { executable: '**/psql' } }, \
                     action: hold, timeout: { after: 10m, then: deny } }]\n";

/// Somebody is about to execute a program, is approved, and does.
fn held_exec(args: &[&str]) -> Script {
    let psql =
        json!({ "process.executable": "/usr/bin/psql", "process.args": args, "rule.id": ["ask-first"] });
    let with = |more: Value| {
        let mut event = psql.clone();
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    Script::new()
        .event(
            2,
            with(json!({ "event.action": "syscall-held", "interlock.action": "hold", "interlock.hold.id": "h1" })),
        )
        .approved(5)
        .event(
            6,
            with(
                json!({ "event.action": "exec", "interlock.action": "alert", "interlock.degraded": "hold" }),
            ),
        )
}

#[test]
fn a_held_exec_is_excused_with_its_arguments_and_no_others() {
    let learned = held_exec(&["psql", "-c", "select 1"]).learn_with(Some(EXECS), None);
    let [proposal] = learned.proposals.as_slice() else { panic!("{learned:?}") };
    assert_eq!(proposal.excuses.len(), 2, "the question, and the act that the answer let go on: {learned:?}");
    let part = "process: { executable: \"/usr/bin/psql\", argv: \"psql -c select 1\" }";
    assert!(proposal.file.contains(part), "{}", proposal.file);
    let lists = |list: &[String], what: &str| list.contains(&format!("the same {what}"));
    assert!(lists(&proposal.stays, "with any other arguments"), "{proposal:?}");
    assert!(lists(&proposal.allows, "with these words divided otherwise into arguments"), "{proposal:?}");
    assert!(
        proposal.allows[0].starts_with("/usr/bin/psql, called exactly as `psql -c select 1`, is executed")
    );
}

#[test]
fn a_held_exec_whose_arguments_were_not_known_is_not_excused_for_all_arguments() {
    let mut script = held_exec(&["/usr/bin/psql"]);
    for place in [1, 3] {
        script.0[place]["interlock.process.args_unknown"] = true.into();
    }
    let learned = script.learn_with(Some(EXECS), None);
    assert!(learned.proposals.is_empty() && learned.file.is_none(), "{learned:?}");
    assert!(learned.left[0].why.starts_with("not all arguments of psql were known"), "{learned:?}");
}

/// Only the very act that was asked about is let go by the answer.
#[test]
fn an_exec_that_nobody_was_asked_about_is_no_example() {
    for (field, other) in [("process.pid", json!(4713)), ("process.args", json!(["psql", "-c", "select 2"]))]
    {
        let mut script = held_exec(&["psql", "-c", "select 1"]);
        script.0[3][field] = other;
        let learned = script.learn_with(Some(EXECS), None);
        assert!(
            learned.left.iter().any(|left| left.why.contains("it was not held where it happened")),
            "{field}: {learned:?}"
        );
        let excused = learned.proposals.iter().flat_map(|proposal| &proposal.excuses);
        assert!(excused.into_iter().all(|seen| seen.id == "e1"), "{field}: {learned:?}");
    }
}

#[test]
fn what_nobody_approved_is_left_as_it_is() {
    let left = |script: Script| {
        let learned = script.learn();
        let rules: Vec<String> = learned.proposals.iter().map(|proposal| proposal.rule.clone()).collect();
        assert_eq!(rules, ["foreign-secret-read"], "{learned:?}");
        (learned.left[0].rule.clone(), learned.left[0].why.clone())
    };
    let held =
        || Script::new().read(1, ".railway/config.json", &DEPLOY).held(4, "backboard.railway.app", &DEPLOY);
    let rule = "infra-after-foreign-secret".to_owned();
    assert_eq!(left(held()), (rule.clone(), "nobody has approved h1".to_owned()));
    let gone = held().incident(8, "hold-gone", json!({ "interlock.hold.id": "h1" }));
    assert_eq!(left(gone), (rule, "h1 ended before anybody decided".to_owned()));
}

/// An exception that is good for what was approved must not carry what was not.
#[test]
fn one_approval_does_not_speak_for_another_hold_of_the_same_kind() {
    let mut script = approved().held(30, "backboard.railway.app", &DEPLOY);
    script.0.last_mut().unwrap()["interlock.hold.id"] = "h2".into();
    let learned = script.learn();
    let rules: Vec<&str> = learned.proposals.iter().map(|proposal| proposal.rule.as_str()).collect();
    assert_eq!(rules, ["foreign-secret-read"]);
    assert!(
        learned.left.iter().any(|left| left.why.contains("would change what nobody approved")),
        "{learned:?}"
    );
}

#[test]
fn no_exception_is_made_for_a_shell_or_for_what_the_agent_wrote() {
    let learned = Script::new()
        .read(1, ".railway/config.json", &["/usr/bin/bash", "-c", "cat ~/.railway/config.json"])
        .read(2, ".railway/config.json", &["/home/bob/work/tool"])
        .learn();
    assert!(learned.proposals.is_empty() && learned.file.is_none(), "{learned:?}");
    let whys: Vec<&str> = learned.left.iter().map(|left| left.why.as_str()).collect();
    assert!(
        whys[0].contains("runs code that no file names") && whys[1].contains("the agent can write"),
        "{whys:?}"
    );
}

#[test]
fn a_count_is_not_learned_from() {
    let rules = "version: 1\nbuiltin: replace\nrules: [{ id: often, summary: s, on: open, match: { secret: any }, action: alert, \
                 threshold: { count: 2, within: 1m } }]\n";
    let script = || {
        let mut script = Script::new().read(1, "a", &DEPLOY).read(2, "b", &DEPLOY);
        script.0[2]["rule.id"] = json!(["often"]);
        script
    };
    let learned = script().learn_with(Some(rules), None);
    assert!(learned.left[0].why.contains("counts 2 facts"), "{learned:?}");
}

#[test]
fn what_would_let_an_attack_through_is_not_proposed() {
    let attack = ["/usr/bin/curl"];
    let mut script = Script::new()
        .read(1, ".railway/config.json", &DEPLOY)
        .held(4, "backboard.railway.app", &attack)
        .approved(9);
    script.0[2]["process.args"] = json!(["curl"]);
    let learned = script.learn();
    let left = learned.left.iter().find(|left| left.rule == "infra-after-foreign-secret").unwrap();
    assert!(left.why.starts_with("it would let attacks through: "), "{left:?}");
    assert!(left.why.contains("hold infra-after-foreign-secret → "), "{left:?}");

    let own = "version: 1\ncases:\n  - name: our own incident\n    events:\n      - { open: ~/.railway/config.json }\n      \
               - { connect: backboard.railway.app, process: /usr/local/bin/deploy }\n    expect: { hold: infra-after-foreign-secret }\n";
    assert_eq!(approved().learn().proposals.len(), 2);
    let learned = approved().learn_with(None, Some(own));
    assert!(learned.left[0].why.contains("our own incident"), "{learned:?}");
}

/// Where two rules hold the same thing, an exception to one of them changes nothing: only both together do.
#[test]
fn what_no_proposal_lets_through_alone_all_together_must_not() {
    let rules = |id: &str| {
        format!(
            "  - {{ id: {id}, summary: s, on: connect, match: {{ destination: infra }}, action: hold }}\n"
        )
    };
    let text = format!("version: 1\nbuiltin: replace\nrules:\n{}{}", rules("one"), rules("two"));
    let mut script = Script::new().held(4, "backboard.railway.app", &DEPLOY).approved(9);
    script.0[1]["rule.id"] = json!(["one", "two"]);
    assert_eq!(script.learn_with(Some(&text), None).proposals.len(), 2);
    let own = "version: 1\ncases:\n  - name: our own incident\n    events:\n      \
               - { connect: backboard.railway.app, process: /usr/local/bin/deploy }\n    expect: { hold: [one, two] }\n";
    let learned = script.learn_with(Some(&text), Some(own));
    assert!(learned.proposals.is_empty() && learned.file.is_none(), "{learned:?}");
    let whys: Vec<&str> = learned.left.iter().map(|left| left.why.as_str()).collect();
    assert!(
        whys.len() == 2 && whys.iter().all(|why| why.starts_with("together: it would let attacks")),
        "{whys:?}"
    );
}

#[test]
fn names_that_look_like_patterns_or_like_yaml_mean_themselves() {
    let odd = "/usr/local/bin/a*[b]{c}: #\"\u{202e}x";
    let learned = Script::new().read(1, "x", &[odd]).learn();
    assert_eq!(learned.proposals.len(), 1, "{learned:?}");
    assert!(!learned.file.as_ref().unwrap().contains('\u{202e}'), "{learned:?}");
    assert!(learned.proposals[0].stays.contains(&"the same by any other program".to_owned()), "{learned:?}");
}

#[test]
fn what_only_an_earlier_approval_let_through_is_no_example() {
    let other = ["/usr/local/bin/other", "--now"];
    let mut script =
        approved().held(10, "backboard.railway.app", &DEPLOY).held(11, "backboard.railway.app", &other);
    for event in script.0.iter_mut().skip(4) {
        event["event.action"] = "flow-released".into();
        event["interlock.action"] = "allow".into();
        event.as_object_mut().unwrap().remove("interlock.hold.id");
    }
    let learned = script.learn();
    let held = learned.proposals.iter().find(|proposal| proposal.action == Action::Hold).unwrap();
    assert_eq!(held.excuses.len(), 2, "{learned:?}");
    assert!(!held.file.contains("/other"), "{learned:?}");
    assert_eq!(learned.left.len(), 1, "{learned:?}");
    assert!(learned.left[0].why.contains("given for something else"), "{learned:?}");
}

#[test]
fn a_flood_of_findings_is_no_matter_of_exceptions() {
    let mut script = Script::new();
    for number in 0..70 {
        script = script.read(number, &format!("{number}"), &DEPLOY);
    }
    let rules = "version: 1\nbuiltin: replace\nrules: [{ id: foreign-secret-read, summary: s, on: open, match: { secret: any }, action: alert }]\n";
    let learned = script.learn_with(Some(rules), None);
    assert_eq!((learned.proposals.len(), learned.left.len()), (PROPOSALS_MAX, 1));
    assert_eq!(learned.left[0].findings.len(), 70 - PROPOSALS_MAX);
    for number in 70..1200 {
        script = script.read(70 + number / 1000, "x", &DEPLOY);
    }
    let learned = script.learn_with(Some(rules), None);
    assert!(
        learned.proposals.is_empty() && learned.objections[0].contains("more than 1000 times"),
        "{learned:?}"
    );
}

/// What an exception cannot say is told as allowed.
#[test]
fn what_the_language_cannot_narrow_is_told() {
    let environ = json!({ "event.action": "environment-read", "interlock.environment.pid": 1, "interlock.environment.own": false,
        "interlock.environment.how": "open", "process.executable": "/usr/local/bin/debug", "process.args": ["debug"],
        "rule.id": ["other-environment"], "interlock.action": "alert" });
    let learned = Script::new().event(1, environ).learn();
    let proposal = &learned.proposals[0];
    let lists = |list: &[String], what: &str| list.contains(&format!("the same {what}"));
    assert!(lists(&proposal.allows, "with any other process"), "{proposal:?}");
    assert!(lists(&proposal.allows, "with any other arguments"), "{proposal:?}");
    assert!(lists(&proposal.stays, "by any other program"), "{proposal:?}");
    assert!(
        !lists(&proposal.stays, "with any other host") && !lists(&proposal.allows, "with any other host")
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// Whatever an event says, and whatever an agent calls its programs and files: there are proposals that compile and
    /// excuse something, or there are reasons, and never a panic.
    #[test]
    fn no_event_makes_a_proposal_that_does_not_hold(place in 0_usize..4, field in 0_usize..20, garbage in "\\PC{0,40}",
        kind in 0_usize..3) {
        let mut script = approved();
        let names: Vec<String> = script.0[place].as_object().unwrap().keys().cloned().collect();
        script.0[place][&names[field % names.len()]] = match kind {
            0 => json!(garbage),
            1 => json!(format!("/usr/bin/{garbage}")),
            _ => json!([garbage]),
        };
        let text: String = script.0.iter().map(|line| format!("{line}\n")).collect();
        if let Ok(record) = crate::replay::read("r.jsonl", text.as_bytes()) {
            let (basis, catalog) = (Basis::new(Base::BUILTIN, None).unwrap(), Catalog::builtin().unwrap());
            let corpus = Corpus::new(None, &basis, &catalog).unwrap();
            let sessions = record.sessions().len();
            if sessions == 1 {
                let learned = Learner { basis: &basis, catalog: &catalog, corpus: &corpus }.learn(&record);
                for proposal in &learned.proposals {
                    proptest::prop_assert!(basis.with(&proposal.file, &catalog).is_ok(), "{}", proposal.file);
                    proptest::prop_assert!(!proposal.excuses.is_empty());
                }
                proptest::prop_assert_eq!(learned.file.is_some(), !learned.proposals.is_empty());
            }
        }
    }
}
