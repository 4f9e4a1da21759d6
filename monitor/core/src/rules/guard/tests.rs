//! Guards mean what CEL means, mistakes are found where they stand, and nothing is unbounded.

use std::time::Duration;

use proptest::prelude::*;

use super::{check::MAX_NODES, scope::MAX_ITEMS, *};
use crate::{
    facts::{DestinationClass, Fact, Process, Subject},
    rules::testing::{destination, fact, second, secret},
};

fn connect() -> Fact {
    let subject = Subject::Connect(destination(DestinationClass::Infra, Some("api.test")));
    let args = ["curl", "-X", "DELETE", "https://api.test/volumes"].map(str::to_owned).into();
    let process =
        Process { executable: "/usr/bin/curl".into(), args, start: second(9), ..Process::default() };
    Fact { process, session_age: Duration::from_secs(60), ..fact(second(10), subject) }
}

fn ask(text: &str, fact: &Fact) -> Result<bool, Fault> {
    let guard = Guard::compile(text, fact.subject.kind()).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    let words = Words::default();
    let host = if matches!(fact.subject, Subject::Connect(_)) { Some("api.test") } else { None };
    guard.holds(&Scope { fact, host, risk: 40, words: &words, item: None })
}

fn mistakes(text: &str) -> Vec<(String, String)> {
    let found = Guard::compile(text, Kind::Connect).expect_err(text);
    found.into_iter().map(|(place, problem)| (text[place].to_owned(), problem.message)).collect()
}

#[test]
fn every_variable_reads_its_part_of_a_fact() {
    let holds = |text: &str, fact: &Fact| assert_eq!(ask(text, fact), Ok(true), "{text}");
    let to = connect();
    for text in [
        "fact.at == duration('10s') && fact.kind == 'connect'",
        "session.age > duration('59s') && session.age < duration('1m1s') && session.agent == 'claude-code'",
        "!session.incomplete && session.risk == 40",
        "process.executable == '/usr/bin/curl' && process.name == 'curl' && process.age == duration('1s')",
        "process.args[2] == 'DELETE' && size(process.args) == 4 && process.argv.contains('-X DELETE')",
        "destination.name == 'api.test' && destination.named && destination.port == 443",
        "destination.address == '66.33.22.1' && destination.transport == 'tcp'",
        "destination.class == 'infra' && destination.provider == ''",
    ] {
        holds(text, &to);
    }
    let open = fact(second(1), Subject::Open(secret("/home/x/.railway/config.json")));
    holds("secret.path.endsWith('config.json') && secret.entry == 'railway-cli'", &open);
    holds("secret.class == 'paas' && secret.grade == 'A' && secret.foreign && !process.owner", &open);
}

#[test]
fn every_variable_is_readable_on_every_kind_that_has_it() {
    use crate::facts::{
        DelegateHow, Delegation, EnvironAccess, EnvironHow, InspectHow, Inspection, Lifecycle, LinkHow,
        Relink,
    };
    let how = EnvironHow::Open;
    let inspection = Inspection { target: 1, own: true, how: InspectHow::Ptrace };
    let delegation = Delegation { service: "docker".into(), how: DelegateHow::Socket, path: "/s".into() };
    let subjects = [
        Subject::Open(secret("/a")),
        Subject::Probe(secret("/a")),
        connect().subject,
        Subject::Exec,
        Subject::Environ(EnvironAccess { target: 1, own: true, how }),
        Subject::Inspect(inspection),
        Subject::Delegate(delegation),
        Subject::Link(Relink { secret: secret("/a"), how: LinkHow::Link }),
        Subject::Lifecycle(Lifecycle::Started),
    ];
    let words = Words::default();
    for subject in subjects {
        let fact = fact(second(1), subject);
        let scope = Scope { fact: &fact, host: None, risk: 0, words: &words, item: None };
        for variable in variables::VARIABLES {
            let kind = fact.subject.kind();
            assert!(!variable.is_of(kind) || (variable.read)(&scope).is_some(), "{} {kind:?}", variable.name);
        }
    }
}

#[test]
fn operators_and_macros_mean_what_cel_means() {
    let to = connect();
    for (text, expected) in [
        ("process.args.exists(arg, arg == 'DELETE')", true),
        ("process.args.exists(arg, arg == 'GET')", false),
        ("process.args.all(arg, size(arg) > 1)", true),
        ("process.args.exists_one(arg, arg.startsWith('-'))", true),
        ("'DELETE' in process.args", true),
        ("destination.port in [80, 443]", true),
        ("process.name in ['wget', 'aria2c']", false),
        ("process.argv.matches('volumes?$')", true),
        ("process.argv.matches('^volumes')", false),
        ("7 / 2 == 3 && -7 % 2 == -1 && 2 + 3 * 4 == 14", true),
        ("session.age - duration('30s') == duration('30s')", true),
        ("session.risk > 30 ? destination.port == 443 : false", true),
        ("-session.risk == -40", true),
    ] {
        assert_eq!(ask(text, &to), Ok(expected), "{text}");
    }
}

#[test]
fn what_decides_wins_over_a_fault_beside_it() {
    let to = connect();
    for (text, expected) in [
        ("process.args[9] == 'x'", Err(Fault::Index)),
        ("process.args[-1] == 'x'", Err(Fault::Index)),
        ("process.args[9] == 'x' && false", Ok(false)),
        ("process.args[9] == 'x' || true", Ok(true)),
        ("process.args[9] == 'x' || false", Err(Fault::Index)),
        ("10 / (session.risk - 40) == 1", Err(Fault::Division)),
        ("9223372036854775807 + session.risk > 0", Err(Fault::Overflow)),
    ] {
        assert_eq!(ask(text, &to), expected, "{text}");
    }
}

#[test]
fn a_list_that_is_too_long_to_look_through_is_a_fault() {
    let mut to = connect();
    to.process.args = vec!["x".into(); MAX_ITEMS + 1].into();
    assert_eq!(ask("process.args.exists(arg, arg == 'y')", &to), Err(Fault::Length));
    assert_eq!(ask("'y' in process.args", &to), Err(Fault::Length));
    assert_eq!(ask("size(process.argv) > 5", &to), Ok(true));
}

#[test]
fn mistakes_stand_under_the_words_that_are_wrong() {
    for (text, at, message) in [
        ("sesion.age > duration('5s')", "sesion.age", "there is no variable sesion.age"),
        ("session.agee > duration('5s')", "session.agee", "there is no variable session.agee"),
        ("secret.grade == 'A'", "secret.grade", "on: connect has no secret.grade"),
        ("session.age > 5", ">", "duration and int are not compared"),
        ("session.age", "session.age", "the guard is duration"),
        ("destination.named && session.risk", "session.risk", "the right side is int"),
        ("destination.port == 443u", "443u", "numbers are whole and without a suffix in guards"),
        ("process.argv.contain('x')", "(", "guards have no function contain"),
        ("process.argv.matches(process.name)", "process.name", "matches needs its pattern in quotes"),
        ("process.argv.matches('(')", "'('", "the pattern cannot be used: unclosed group"),
        ("session.age > duration('5 days')", "'5 days'", "that is no duration"),
        ("process.args.exists(a, process.args.all(b, a == b))", "(", "a macro inside a macro costs too much"),
        ("process.args.map(a, a) == []", "(", "guards have no function map"),
        ("has(session.age)", "(", "guards have no function has"),
        ("{'a': 1} == {}", "{", "maps and messages are not part of guards"),
        ("process.name in ['a', 5]", "5", "the item is int"),
        ("destination.class == 'infar'", "'infar'", "destination.class is never \"infar\""),
        ("destination.transport in ['tcp', 'TCP']", "'TCP'", "destination.transport is never \"TCP\""),
    ] {
        let found = mistakes(text);
        assert_eq!(found.first(), Some(&(at.to_owned(), message.to_owned())), "{text}: {found:?}");
    }
}

#[test]
fn a_slip_is_answered_with_the_nearest_word_and_several_are_all_found() {
    let found =
        Guard::compile("sesion.age > duration('5s') && destination.prt == 1 && 'ü' == x", Kind::Connect);
    let found = found.unwrap_err();
    let hints: Vec<_> = found.iter().map(|(_, problem)| problem.hint.as_deref()).collect();
    assert_eq!(hints, [Some("did you mean session.age?"), Some("did you mean destination.port?"), None]);
    let text = "sesion.age > duration('5s') && destination.prt == 1 && 'ü' == x";
    assert_eq!((&text[found[2].0.clone()], found[2].0.end), ("x", text.len()), "in bytes");
}

#[test]
fn what_is_not_cel_is_said_once_and_where() {
    assert_eq!(mistakes("session.risk >")[0].1, "this is not CEL: mismatched input '<EOF>'");
    let found = Guard::compile("session.risk > 5 && && true", Kind::Connect).unwrap_err();
    assert_eq!(found[0].0.start, 20);
}

#[test]
fn length_depth_and_size_are_bounded() {
    let long = format!("process.name == '{}'", "x".repeat(MAX_LENGTH));
    assert!(mistakes(&long)[0].1.contains("at most 1024 are read"));
    let deep = format!("{}true{}", "(".repeat(60), ")".repeat(60));
    assert!(mistakes(&deep)[0].1.contains("ecursion"));
    let wide = vec!["1"; MAX_NODES].join("+") + " > 0";
    let found = mistakes(&wide);
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("more than 256 parts"), "{found:?}");
    assert!(mistakes("process.argv.matches('(a{1000}){1000}')")[0].1.contains("the pattern cannot be used"));
}

/// What the `cel` crate's own interpreter says, over the same values.
fn oracle(text: &str, fact: &Fact) -> Option<bool> {
    let program = cel::Env::stdlib().compile(text).ok()?;
    let mut context = cel::Context::default();
    let Subject::Connect(to) = &fact.subject else { return None };
    let map = |entries: Vec<(&str, cel::Value)>| {
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<std::collections::HashMap<_, _>>()
    };
    let args: Vec<cel::Value> = fact.process.args.iter().map(|arg| arg.as_str().into()).collect();
    context
        .add_variable_from_value("session", map(vec![("risk", 40_i64.into()), ("incomplete", false.into())]));
    context.add_variable_from_value(
        "process",
        map(vec![("name", fact.process.name().into()), ("args", args.into())]),
    );
    context.add_variable_from_value("destination", map(vec![("port", i64::from(to.port).into())]));
    match program.execute(&context) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    }
}

fn int() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("session.risk".to_owned()),
        Just("destination.port".to_owned()),
        Just("size(process.args)".to_owned()),
        (-9_i64..9).prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner)
            .prop_map(|(left, how, right)| format!("({left} {how} {right})"))
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("process.name".to_owned()),
        (0..6).prop_map(|index| format!("process.args[{index}]")),
        "[a-zü-]{0,4}".prop_map(|text| format!("'{text}'")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let compare = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (int(), compare.clone(), int()).prop_map(|(left, how, right)| format!("{left} {how} {right}")),
        (text(), compare, text()).prop_map(|(left, how, right)| format!("{left} {how} {right}")),
        (text(), prop::sample::select(vec!["contains", "startsWith", "endsWith"]), text())
            .prop_map(|(text, how, part)| format!("{text}.{how}({part})")),
        (prop::sample::select(vec!["exists", "all", "exists_one"]), text())
            .prop_map(|(how, text)| format!("process.args.{how}(a, a.contains({text}))")),
        text().prop_map(|text| format!("{text} in process.args")),
        (int(), int()).prop_map(|(one, other)| format!("{one} in [{other}, 40]")),
        Just("session.incomplete".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["&&", "||"]), inner.clone())
                .prop_map(|(left, how, right)| format!("({left} {how} {right})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn guards_and_the_interpreter_of_the_cel_crate_agree(text in condition()) {
        prop_assume!(text.len() <= MAX_LENGTH);
        let to = connect();
        prop_assert_eq!(ask(&text, &to).ok(), oracle(&text, &to), "{}", text);
    }

    #[test]
    fn any_text_is_a_guard_or_a_mistake_inside_of_it(text in "\\PC{0,80}") {
        if let Err(found) = Guard::compile(&text, Kind::Connect) {
            prop_assert!(!found.is_empty());
            prop_assert!(found.iter().all(|(place, _)| text.get(place.clone()).is_some()), "{:?}", found);
        }
    }
}
