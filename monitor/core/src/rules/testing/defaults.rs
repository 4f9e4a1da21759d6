//! The default rules: each fires on what it is for, and not on its nearest neighbour.

use monitor_common::policy::{
    ADDRESS_DATABASE, ADDRESS_METADATA, GRADE_A, GRADE_B, GRADE_C, Policy, VERDICT_ASK_IF_GATED,
    VERDICT_DENY, taint_bit,
};

use super::{destination, fact, second, secret};
use crate::{
    breaker::risk::BUDGET,
    facts::{
        Action, BootNanos, DestinationClass as Class, EnvironAccess, EnvironHow, Fact, Grade, SecretAccess,
        Subject,
    },
    rules::{Memory, RuleSet, Verdict},
    words::Word,
};

/// A session under the default rules.
struct Session {
    rules: RuleSet,
    memory: Memory,
}

impl Session {
    fn new() -> Self {
        Self {
            rules: RuleSet::builtin().unwrap_or_else(|problems| panic!("{problems}")),
            memory: Memory::new(),
        }
    }

    /// A session that read a foreign credential of grade A at second 0.
    fn tainted() -> Self {
        let mut session = Self::new();
        session.open(0, secret("/home/x/.railway/config.json"));
        session
    }

    fn see(&mut self, fact: &Fact) -> Verdict {
        self.rules.evaluate(fact, &mut self.memory)
    }

    fn open(&mut self, at: u64, secret: SecretAccess) -> Verdict {
        self.see(&fact(second(at), Subject::Open(secret)))
    }

    fn connect(&mut self, at: u64, class: Class, name: Option<&str>) -> Verdict {
        self.see(&fact(second(at), Subject::Connect(destination(class, name))))
    }
}

fn decisive(verdict: &Verdict) -> (&str, Action) {
    (verdict.decisive.as_ref().map_or("", |rule| &rule.id), verdict.action)
}

const NOTHING: (&str, Action) = ("", Action::Allow);

#[test]
fn the_incident_is_held_with_its_evidence() {
    let mut session = Session::tainted();
    let verdict = session.connect(4, Class::Infra, Some("backboard.railway.app"));
    assert_eq!(decisive(&verdict), ("infra-after-foreign-secret", Action::Hold));
    let expected =
        ["destination.class = infra", "touched A foreign paas /home/x/.railway/config.json 4 s ago"];
    assert_eq!(verdict.matches[0].conditions, expected);
    let timeout = verdict.decisive.unwrap().timeout.unwrap();
    assert_eq!((timeout.after.as_secs(), timeout.then), (600, Action::Freeze));
}

#[test]
fn infrastructure_is_free_without_the_touch_after_the_time_and_for_owners() {
    assert_eq!(decisive(&Session::new().connect(4, Class::Infra, None)), NOTHING);
    assert_eq!(decisive(&Session::tainted().connect(1801, Class::Infra, None)), NOTHING);
    for harmless in [
        SecretAccess { foreign: false, ..secret("/w/.env") },
        SecretAccess { owner: true, foreign: false, ..secret("/home/x/.railway/config.json") },
        SecretAccess { grade: Grade::B, ..secret("/home/x/.npmrc") },
    ] {
        let mut session = Session::new();
        session.open(0, harmless);
        assert_eq!(decisive(&session.connect(4, Class::Infra, Some("api.vercel.com"))), NOTHING);
    }
}

#[test]
fn a_session_with_lost_records_is_held_and_told_why() {
    let mut session = Session::new();
    let infra = Subject::Connect(destination(Class::Infra, Some("api.vercel.com")));
    let verdict = session.see(&Fact { incomplete: true, ..fact(second(4), infra) });
    assert_eq!(verdict.action, Action::Hold);
    assert!(verdict.matches[0].conditions.contains(&"touched: unknown (records were lost)".to_owned()));
}

#[test]
fn a_database_is_held_only_after_a_touch() {
    let verdict = Session::tainted().connect(60, Class::Database, Some("db.example.com"));
    assert_eq!(decisive(&verdict), ("database-after-foreign-secret", Action::Hold));
    assert_eq!(decisive(&Session::new().connect(60, Class::Database, Some("db.example.com"))), NOTHING);
}

#[test]
fn a_plain_address_is_held_after_a_touch_and_a_local_one_is_not() {
    let verdict = Session::tainted().connect(60, Class::Unknown, None);
    assert_eq!(decisive(&verdict), ("plain-address-after-foreign-secret", Action::Hold));
    assert_eq!(decisive(&Session::tainted().connect(60, Class::Local, None)), NOTHING);
    assert_eq!(decisive(&Session::tainted().connect(601, Class::Unknown, None)), NOTHING);
}

#[test]
fn an_unknown_name_only_alerts() {
    let verdict = Session::tainted().connect(60, Class::Unknown, Some("docs.example.com"));
    assert_eq!(decisive(&verdict), ("unknown-host-after-foreign-secret", Action::Alert));
    assert_eq!(decisive(&Session::new().connect(60, Class::Unknown, Some("docs.example.com"))), NOTHING);
}

#[test]
fn models_packages_and_code_hosts_are_free_even_after_a_touch() {
    for class in [Class::Model, Class::Package, Class::Vcs] {
        assert_eq!(
            decisive(&Session::tainted().connect(4, class, Some("host.example"))),
            NOTHING,
            "{class:?}"
        );
    }
}

#[test]
fn the_metadata_service_is_denied_by_the_kernel_alone() {
    let mut session = Session::new();
    assert_eq!(decisive(&session.connect(1, Class::Metadata, None)), ("metadata-service", Action::Deny));
    assert_eq!(decisive(&session.connect(1, Class::Local, None)), NOTHING);
    let mut connect = [0; 4];
    connect[ADDRESS_METADATA as usize] = VERDICT_DENY;
    let gate_mask =
        [GRADE_A, GRADE_B, GRADE_C].into_iter().fold(0, |mask, grade| mask | taint_bit(grade, true));
    let expected = Policy { gate_mask, connect, delegate: VERDICT_ASK_IF_GATED, ..Policy::default() };
    assert_eq!(session.rules.kernel_policy(false), expected);
    assert_eq!(connect[ADDRESS_DATABASE as usize], 0);
    assert!(!session.rules.always_gated());
}

#[test]
fn environments_are_alerts() {
    let environ =
        |own| fact(second(1), Subject::Environ(EnvironAccess { target: 7, own, how: EnvironHow::Open }));
    assert_eq!(decisive(&Session::new().see(&environ(false))), ("other-environment", Action::Alert));
    assert_eq!(decisive(&Session::new().see(&environ(true))), ("own-environment", Action::Alert));
}

#[test]
fn the_fifth_foreign_secret_in_half_a_minute_freezes() {
    let mut session = Session::new();
    for i in 0..4 {
        let verdict = session.open(i, secret(&format!("/home/x/{i}")));
        assert_eq!(decisive(&verdict), ("foreign-secret-read", Action::Alert));
    }
    assert_eq!(session.open(5, secret("/home/x/3")).action, Action::Alert, "the same file again");
    assert_eq!(decisive(&session.open(29, secret("/home/x/4"))), ("secret-sweep", Action::Freeze));
}

#[test]
fn slow_reads_own_files_and_owner_tools_are_no_sweep() {
    let mut session = Session::new();
    for i in 0..20 {
        assert_eq!(session.open(i * 8, secret(&format!("/home/x/{i}"))).action, Action::Alert);
        let own = SecretAccess { foreign: false, ..secret(&format!("/w/{i}/.env")) };
        assert_eq!(decisive(&session.open(i * 8, own)), NOTHING);
        let owner = SecretAccess { owner: true, ..secret(&format!("/home/x/.aws/sso/{i}")) };
        assert_ne!(session.open(i * 8, owner).action, Action::Freeze);
    }
}

#[test]
fn guessing_alerts_at_the_eighth_name() {
    let mut session = Session::new();
    let probe = |i: u64, foreign| {
        fact(second(i), Subject::Probe(SecretAccess { foreign, ..secret(&format!("/home/x/{i}")) }))
    };
    let fired: Vec<_> = (0..8).map(|i| session.see(&probe(i, true)).action == Action::Alert).collect();
    assert_eq!(fired.iter().filter(|fired| **fired).count(), 1);
    assert!(fired[7]);
    // A framework asks its own workspace for every spelling of .env at each start.
    assert!((0..50).all(|i| decisive(&session.see(&probe(i, false))) == NOTHING));
}

#[test]
fn a_grade_c_read_is_quiet() {
    let history =
        SecretAccess { grade: Grade::C, class: "history".into(), ..secret("/home/x/.bash_history") };
    assert_eq!(decisive(&Session::new().open(1, history)), NOTHING);
}

#[test]
fn keys_that_came_with_libraries_are_an_exception_and_others_are_not() {
    let key = |path: &str| SecretAccess {
        entry: "private-key-file".into(),
        class: "key".into(),
        grade: Grade::B,
        ..secret(path)
    };
    let mut session = Session::new();
    for i in 0..100 {
        let shipped = key(&format!("/home/x/.cargo/git/checkouts/rustls/tests/{i}.pem"));
        assert_eq!(decisive(&session.open(1, shipped)), ("library-keys", Action::Allow));
    }
    assert_eq!(session.memory.risk(second(1)), 0);
    for path in ["/home/x/.rustup/toolchains/stable/k.pem", "/home/x/.gem/ruby/3.3.0/gems/rack/k.pem"] {
        assert_eq!(decisive(&session.open(1, key(path))).0, "library-keys");
    }
    assert_eq!(decisive(&session.open(1, key("/home/x/prod.pem"))), ("foreign-secret-read", Action::Alert));
    assert_eq!(decisive(&session.open(1, secret("/x/.cargo/git/a/config.json"))).0, "foreign-secret-read");
}

#[test]
fn retries_of_one_held_connection_do_not_spend_the_budget() {
    let mut session = Session::tainted();
    for i in 1..100 {
        session.connect(i, Class::Infra, Some("backboard.railway.app"));
    }
    assert!(session.memory.risk(second(100)) < BUDGET);
    assert_eq!(session.memory.risk(BootNanos(0)), 65);
}

#[test]
fn every_default_rule_is_explained_to_the_person_it_wakes() {
    let reference = include_str!("../../../../../docs/rules.md");
    for rule in &Session::new().rules {
        assert!(reference.contains(&format!("**{}** ({}", rule.id, rule.action.word())), "{}", rule.id);
    }
}
