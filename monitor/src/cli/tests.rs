use clap::CommandFactory as _;

use super::*;

/// What the verbs' tests print.
pub mod sample {
    use jiff::Timestamp;

    use crate::{
        control::api::{
            Enforcement, HoldState, HoldView, Mode, RegistriesView, RulesView, SessionStatus, SessionView,
            Status,
        },
        facts::{Action, Severity},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub fn status() -> Status {
        Status {
            version: "0.1.0".into(),
            pid: 812,
            started: at(0),
            mode: Mode::Enforce,
            rules: RulesView {
                count: 14,
                sha256: "3fa9c10de2b34455aabb".into(),
                loaded: at(60),
                problem: Some("a.yaml:3: no such action".into()),
                packs_off: vec!["aws".into(), "gcp".into()],
            },
            sessions: 2,
            holds_waiting: 1,
            frozen: 0,
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
            metrics: Some("127.0.0.1:9464".into()),
            socket: "/run/interlock/control.sock".into(),
        }
    }

    pub fn session() -> SessionView {
        SessionView {
            id: "4711-0a1b2".into(),
            agent: "claude-code".into(),
            recognised_by: "executable".into(),
            root: 4711,
            command: "claude".into(),
            user: 1000,
            workspace: Some("/home/x/shop".into()),
            started: at(0),
            processes: 7,
            status: SessionStatus::Holding,
            touched: vec!["A foreign paas /home/x/.railway/config.json".into()],
            risk: 60,
            incomplete: true,
        }
    }

    pub fn hold() -> HoldView {
        HoldView {
            id: "h1".into(),
            state: HoldState::Waiting,
            session: "4711-0a1b2".into(),
            agent: "claude-code".into(),
            pid: 4722,
            command: "curl -X POST".into(),
            destination: "backboard.railway.app:443 (66.33.22.1)".into(),
            rule: "infra-after-foreign-secret".into(),
            summary: "An agent read a live credential that is not its own.".into(),
            severity: Severity::Critical,
            because: vec!["A foreign paas /home/x/.railway/config.json".into()],
            since: at(100),
            deadline: Some(at(700)),
            then: Action::Freeze,
            decided_by: None,
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

#[test]
fn a_stage_gets_its_arguments_untouched() {
    let line = "interlock drill-stage --daemon /tmp/a.toml --socket x -q --help";
    let Verb::DrillStage { stage } = parse(line).unwrap().verb else { panic!("expected a stage") };
    assert_eq!(stage, ["--daemon", "/tmp/a.toml", "--socket", "x", "-q", "--help"]);
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
    for verb in [run, ClientVerb::Ps(Reading::default()), ClientVerb::Status(Reading::default())] {
        let failure = verb.perform(&client, &global).unwrap_err();
        assert_eq!(failure.exit, Exit::NoDaemon, "{failure:?}");
    }
}
