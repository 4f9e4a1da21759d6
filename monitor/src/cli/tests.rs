use super::*;

/// What the verbs' tests print.
pub mod sample {
    use jiff::Timestamp;

    use crate::control::api::{
        Enforcement, GrantView, HoldView, RegistriesView, RulesView, SessionView, Status,
    };
    use interlock_core::{
        explanation::{ConditionTrace, Explanation, Neighbour, Otherwise, Read, ReadBy, RuleTrace, Written},
        facts::{Action, Grade, HoldState, Mode, Place, SessionStatus, Severity, Terms},
        holds::extent::Scope,
        problem::Problems,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A request of `curl` after a credential was read.
    pub fn explanation() -> Explanation {
        let condition = |name: &str, asked: &str, found: &str, instead: &str| ConditionTrace {
            name: name.into(),
            met: !instead.is_empty(),
            asked: asked.into(),
            found: found.into(),
            instead: (!instead.is_empty()).then(|| instead.into()),
        };
        let text = "- id: infra-after-foreign-secret\n  on: connect\n  match:\n    destination: infra\n  action: hold";
        let wanted = "foreign secret of grade A read in the 30 min before";
        let read = "A foreign paas /home/x/.railway/config.json, read 9 s before";
        let unread = format!("no {wanted} (this one was read 9 s before)");
        Explanation {
            id: "h1".into(),
            headline: "flow-held backboard.railway.app:443 (66.33.22.1): An agent read a live credential that is not \
                       its own."
                .into(),
            at: at(109),
            session: "4711-0a1b2".into(),
            lineage: vec!["4711 claude".into(), "4720 bash".into(), "4722 curl -X POST".into()],
            evidence: Some("3fa9c10de2b34455".into()),
            object: vec!["backboard.railway.app:443 (66.33.22.1) over tcp, class infra".into()],
            read: vec![
                Read {
                    path: "/home/x/.railway/config.json".into(),
                    class: "paas".into(),
                    grade: Grade::A,
                    foreign: true,
                    at: at(100),
                    before_ms: 9000,
                    counts: true,
                    by: Some(ReadBy {
                        at: at(100),
                        pid: 4721,
                        executable: "/usr/bin/cat".into(),
                        command: "cat config.json".into(),
                        lineage: vec!["4711 claude".into(), "4720 bash".into(), "4721 cat config.json".into()],
                    }),
                    first_by: None,
                    others_between: false,
                },
            ],
            unknown: vec![],
            rules: vec![RuleTrace {
                id: "infra-after-foreign-secret".into(),
                summary: "An agent read a live credential that is not its own.".into(),
                action: Action::Hold,
                conditions: vec![
                    condition("destination.class", "infra", "infra", "anything but infra"),
                    condition("touched", wanted, read, &unread),
                ],
                notes: vec![],
                exceptions: vec![Neighbour {
                    id: "our-host".into(),
                    summary: "Ours.".into(),
                    action: Action::Allow,
                    unmet: vec![condition("destination.host", "api.test", "backboard.railway.app", "")],
                    file: "20-ours.yaml".into(),
                    line: 4,
                }],
                runs_in: Place::Gate,
                compiled: vec!["the index has it for connect, under the destination's class infra".into()],
                written: Written { file: "default.yaml".into(), line: 3, text: text.into() },
                overridden: vec![],
            }],
            excused: vec![],
            nearest: vec![],
            otherwise: Some(Otherwise {
                without: "infra-after-foreign-secret".into(),
                action: Action::Alert,
                rule: Some("other".into()),
                summary: Some("Another.".into()),
            }),
            rules_sha256: Some("ab".into()),
            reloaded: true,
            event: serde_json::Value::Null,
        }
    }

    pub fn status() -> Status {
        Status {
            version: "0.1.0".into(),
            pid: 812,
            started: at(0),
            mode: Mode::Enforce,
            rules: RulesView {
                count: 14,
                builtin: 0,
                replaced: Some("a.yaml:2".into()),
                sha256: "3fa9c10de2b34455aabb".into(),
                loaded: at(60),
                problem: Some("a.yaml:3: no such action".into()),
                problems: Problems::default(),
                packs_off: vec!["aws".into(), "gcp".into()],
                weaker: vec!["a.yaml:7:13: rules[0].action: no more than an alert here".into()],
            },
            sessions: 2,
            holds_waiting: 1,
            frozen: 0,
            suspended: 0,
            events: 1234,
            lost: [("access/open".to_owned(), 3)].into(),
            dismissed: [("open/no-secret".to_owned(), 40)].into(),
            enforcement: vec![
                Enforcement { action: "hold".into(), backend: "portable".into(), proven: true, reason: None },
                Enforcement {
                    action: "open".into(),
                    backend: "lsm".into(),
                    proven: false,
                    reason: Some("not proven: file_open: it went through".into()),
                },
            ],
            registries: RegistriesView {
                known: 9,
                asked: 1,
                failures: vec!["npm did not say which registry it uses: it took longer than 10 s".into()],
            },
            desktop_decides: false,
            metrics: Some("127.0.0.1:9464".into()),
            socket: "/run/interlock/control.sock".into(),
        }
    }

    pub fn session() -> SessionView {
        SessionView {
            id: "4711-0a1b2".into(),
            agent: "claude-code".into(),
            recognised_by: "executable".into(),
            unattended: None,
            root: 4711,
            command: "claude".into(),
            container: None,
            pod: None,
            user: 1000,
            workspace: Some("/home/x/shop".into()),
            started: at(0),
            processes: 7,
            status: SessionStatus::Holding,
            touched: vec!["A foreign paas /home/x/.railway/config.json".into()],
            risk: 60,
            incomplete: true,
            by_signal: 0,
            suspended: None,
            background: false,
        }
    }

    pub fn grant() -> GrantView {
        GrantView {
            id: "g1".into(),
            session: "4711-0a1b2".into(),
            covers: "connect backboard.railway.app:443".into(),
            scope: Scope::Object,
            rule: "infra-after-foreign-secret".into(),
            by: "uid 1000".into(),
            since: at(100),
            until: Some(at(700)),
            left: None,
        }
    }

    pub fn hold() -> HoldView {
        HoldView {
            pod: None,
            id: "h1".into(),
            state: HoldState::Waiting,
            session: "4711-0a1b2".into(),
            user: Some(1000),
            agent: "claude-code".into(),
            pid: 4722,
            command: "curl -X POST".into(),
            others: Vec::new(),
            destination: "backboard.railway.app:443 (66.33.22.1)".into(),
            rule: "infra-after-foreign-secret".into(),
            summary: "An agent read a live credential that is not its own.".into(),
            severity: Severity::Critical,
            because: vec!["A foreign paas /home/x/.railway/config.json".into()],
            since: at(100),
            asked_ns: 100_000_000_000,
            evidence: "3fa9c10de2b34455".into(),
            evidence_sha256: "3fa9c10de2b34455".repeat(4),
            terms: Terms::default(),
            approvals: Vec::new(),
            deadline: Some(at(700)),
            then: Action::Freeze,
            decided_by: None,
            decided: None,
            reason: None,
            background: false,
        }
    }
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_ends_with_2() {
    for line in [
        "interlock approve",
        "interlock approve h1 --once --for 10m",
        "interlock approve h1 --for soon",
        "interlock approve ../sessions",
        "interlock status --output xml",
        "interlock run",
        "interlock frobnicate",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), i32::from(Exit::Usage as u8), "{line}");
    }
}

#[test]
fn the_command_to_run_keeps_its_own_options() {
    let Verb::Client(ClientVerb::Run(run)) = parse("interlock run -- claude --quiet -p hi").unwrap().verb
    else {
        panic!("expected run");
    };
    assert!(format!("{run:?}").contains(r#"["claude", "--quiet", "-p", "hi"]"#), "{run:?}");
}

#[cfg(feature = "drill")]
#[test]
fn a_sandbox_gets_its_arguments_untouched() {
    let line = "interlock drill-sandbox --daemon /tmp/a.toml --socket x -q --help";
    let Verb::DrillSandbox { args } = parse(line).unwrap().verb else { panic!("expected a sandbox") };
    assert_eq!(args, ["--daemon", "/tmp/a.toml", "--socket", "x", "-q", "--help"]);
}

#[test]
fn the_command_lines_socket_wins_over_the_configurations() {
    let cli = parse("interlock status --socket /tmp/no-daemon.sock --config /no/such/config.toml").unwrap();
    let client = cli.global.client().unwrap();
    assert!(format!("{client:?}").contains("/tmp/no-daemon.sock"), "{client:?}");
    let cli = parse("interlock status --config /no/such/config.toml").unwrap();
    assert_eq!(cli.global.client().unwrap_err().exit, Exit::Usage);
}

#[test]
fn without_a_daemon_a_verb_ends_with_3() {
    let directory = tempfile::tempdir().unwrap();
    let client = Client::new(&directory.path().join("control.sock"));
    let global = parse("interlock -q status").unwrap().global;
    let run = parse("interlock run true").unwrap();
    let Verb::Client(run) = run.verb else { panic!("expected a client's verb") };
    assert_eq!(run.perform(&client, &global).unwrap_err().exit, Exit::NotStarted);
    for verb in [ClientVerb::Ps(Reading::default()), ClientVerb::Status(Reading::default())] {
        let failure = verb.perform(&client, &global).unwrap_err();
        assert_eq!(failure.exit, Exit::NoDaemon, "{failure:?}");
    }
}
