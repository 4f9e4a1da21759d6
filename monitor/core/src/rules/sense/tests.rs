use std::path::PathBuf;

use super::*;
use crate::{
    catalog::Catalog,
    facts::{Action, Role},
    problem::Problem,
    rules::{
        Backends, Memory, RuleSet,
        testing::{destination, fact, parse_text, second},
    },
};

/// Problems of rules in flow style, the first on line 3; without `id` and `summary`, where one is alone.
fn refused(rules: &[&str]) -> Vec<String> {
    let numbered = rules.iter().map(|rule| format!("  - {{summary: s, {rule}}}\n")).collect::<String>();
    match parse_text(&format!("version: 1\nrules:\n{numbered}")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::headline).collect(),
    }
}

fn of_rule(rule: &str) -> String {
    refused(&[&format!("id: a, {rule}")]).join("\n")
}

#[test]
fn conditions_that_contradict_each_other_or_never_vary_are_refused_at_their_place() {
    let cases = [
        (
            "on: connect, action: alert, match: {destination: {host: a.test, named: false}}",
            "a host's name never matches",
        ),
        (
            "on: connect, action: alert, match: {destination: {host: [a.test, 10.0.0.1], named: false}}",
            "never matches",
        ),
        (
            "on: connect, action: alert, match: {destination: {host: '*.a.test', named: true}}",
            "this never varies",
        ),
        (
            "on: connect, action: alert, match: {destination: {class: package, named: false}}",
            "known by its name alone",
        ),
        ("on: connect, action: hold, match: {destination: {port: 53}}", "sent to name servers is not judged"),
        ("on: connect, action: hold, match: {destination: {also: infra}}", "for which hosts"),
        ("on: connect, action: hold, match: {destination: {also: infra, class: model}}", "for which hosts"),
        (
            "on: open, action: alert, match: {secret: {foreign: true}, process: {owner: true}}",
            "to its owner tools",
        ),
        (
            "on: open, action: alert, match: {secret: {foreign: true}, process: {owner: false}}",
            "this never varies",
        ),
        (
            "on: environ, action: alert, match: {environ: {own: false, how: exec}}",
            "list their own environment",
        ),
        ("on: environ, action: alert, match: {environ: {own: true, how: exec}}", "this never varies"),
        (
            "on: connect, action: alert, match: {agent: x}, except: [{destination: {host: a.test, named: false}}]",
            "rules[0].except[0].destination.named",
        ),
        (
            "on: connect, action: hold, match: {destination: infra}, after: {within: 1m, steps: [{id: s, on: environ, \
             match: {environ: {own: false, how: exec}}}]}",
            "rules[0].after.steps[0].match.environ.own",
        ),
    ];
    for (rule, expected) in cases {
        let text = of_rule(rule);
        assert!(text.contains(expected), "{rule}\ngave\n{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(of_rule(&format!("{rule}, enabled: false")).is_empty(), "a disabled rule promises nothing");
    }
    let text = of_rule("on: connect, action: alert, match: {destination: {host: a.test, named: false}}");
    assert!(text.starts_with("test.yaml:3:96: rules[0].match.destination.named: a plain address"), "{text}");
}

#[test]
fn conditions_that_can_hold_are_taken() {
    for rule in [
        "on: connect, action: alert, match: {destination: {host: 10.0.0.1, named: false}}",
        "on: connect, action: alert, match: {destination: {class: unknown, named: true}}",
        "on: connect, action: hold, match: {destination: {port: [53, 443]}}",
        "on: connect, action: alert, match: {destination: {host: [a.test, 10.0.0.1], named: true}}",
        "on: open, action: alert, match: {secret: {foreign: false}, process: {owner: true}}",
        "on: environ, action: alert, match: {environ: {own: false, how: [exec, open]}}",
    ] {
        assert_eq!(of_rule(rule), "", "{rule}");
    }
}

#[test]
fn guards_that_never_vary_are_refused_where_they_stand() {
    let rule = |on: &str, conditions: &str, guard: &str| {
        of_rule(&format!("on: {on}, action: alert, match: {conditions}, when: '{guard}'"))
    };
    let text = rule("connect", "{agent: x}", "session.risk > 5 && fact.kind == \"connect\"");
    assert!(
        text.contains("test.yaml:3:109: rules[0].when: this is always true: nothing in it varies"),
        "{text}"
    );
    let text = rule("open", "{secret: any}", "session.risk < 0");
    assert!(text.contains("this is always false"), "{text}");
    // Only together with what match lets through.
    let text = rule("connect", "{destination: infra}", "destination.class == \"model\"");
    assert!(
        text.contains("the guard is always false for what match lets through; the rule can never match"),
        "{text}"
    );
    let text = rule("connect", "{destination: {port: [80, 443]}}", "destination.port < 1024");
    assert!(text.contains("always true for what match lets through"), "{text}");
    assert_eq!(rule("connect", "{destination: {port: [80, 8080]}}", "destination.port < 1024"), "");
    assert_eq!(rule("connect", "{destination: [infra, vcs]}", "destination.class == \"vcs\""), "");
}

const HOLD: &str = "id: a, on: connect, action: hold, match: {destination: {host: api.a.test, port: 443}}";

#[test]
fn a_rule_that_an_exception_covers_wholly_is_refused_with_both_places() {
    let shadowed =
        |exception: &str| refused(&[HOLD, &format!("id: e, on: connect, action: allow, {exception}")]);
    for exception in [
        "match: {destination: {host: api.a.test}}",
        "match: {destination: {host: ['*.a.test', b.test]}}",
        "match: {destination: {port: [80, 443], named: true}}",
        "match: {destination: any}",
        "match: {destination: any}, excuses: a",
    ] {
        let found = shadowed(exception);
        assert_eq!(found.len(), 1, "{exception}: {found:?}");
        let expected = "test.yaml:3:22: rules[0].id: it can never fire: the exception e (test.yaml:4) excuses everything \
                        that it matches; narrow the exception";
        assert!(found[0].starts_with(expected), "{found:?}");
    }
    for exception in [
        "match: {destination: {host: '*.api.a.test'}}",
        "match: {destination: {host: api.a.test, port: 80}}",
        "match: {destination: any, agent: codex}",
        "match: {destination: any, touched: {grade: A}}",
        "match: {destination: any}, when: session.risk > 5",
        "match: {destination: any}, enabled: false",
        "match: {destination: any}, mode: observe",
        "match: {destination: any}, except: [{agent: codex}]",
    ] {
        assert!(shadowed(exception).is_empty(), "{exception}");
    }
    let other = "id: b, on: connect, action: alert, match: {agent: codex, destination: {port: 80}}";
    let excused = "id: e, on: connect, action: allow, match: {destination: any}, excuses: b";
    assert!(refused(&[HOLD, other, excused])[0].contains("test.yaml:4"), "it excuses the other alone");
}

#[test]
fn its_own_exceptions_and_several_together_cover_a_rule_too() {
    let own = refused(&[&format!("{HOLD}, except: [{{agent: x}}, {{destination: {{port: 443}}}}]")]);
    assert!(own[0].contains("its except[1] excuses everything"), "{own:?}");
    let rule = "id: a, on: open, action: alert, match: {secret: {grade: [A, B], class: cloud}}";
    let each = |grade: &str| {
        format!(
            "id: e{}, on: open, action: allow, match: {{secret: {{grade: {grade}}}}}",
            grade.to_lowercase()
        )
    };
    let (a, b) = (each("A"), each("B"));
    let both = refused(&[rule, &a, &b]);
    assert!(
        both[0].contains("the exception ea (test.yaml:4) and the exception eb (test.yaml:5)"),
        "{both:?}"
    );
    assert!(refused(&[rule, &a]).is_empty());
    let programs = "id: a, on: exec, action: alert, match: {process: {executable: [rg, grep]}}";
    let tools = "id: e, on: exec, action: allow, match: {process: {executable: '{rg,grep,ag}'}}";
    assert_eq!(refused(&[programs, tools]).len(), 1);
    let paths = "id: a, on: exec, action: alert, match: {process: {executable: /opt/rg}}";
    assert!(refused(&[paths, tools]).is_empty(), "a glob of names is not one of paths");
}

#[test]
fn exceptions_of_an_override_are_told_with_its_place() {
    let files = [
        (
            "a.yaml",
            "version: 1\nrules:\n  - {id: a, summary: s, on: exec, action: alert, match: {agent: x}}\n",
        ),
        ("b.yaml", "version: 1\noverride:\n  - {id: a, except: [{agent: [x, y]}]}\n"),
    ];
    let files: Vec<_> = files.map(|(name, text)| (PathBuf::from(name), text.to_owned())).into();
    let problems = RuleSet::parse(&files).unwrap_err().to_string();
    assert!(
        problems.contains("a.yaml:3:10: rules[0].id: it can never fire: its except[0] (also b.yaml:3)"),
        "{problems}"
    );
}

fn against_the_catalogue(rule: &str) -> Vec<String> {
    let catalog = Catalog::builtin().unwrap();
    let set = parse_text(&format!("version: 1\nrules:\n  - {{id: a, summary: s, {rule}}}\n")).unwrap();
    let all = [set.unstoppable(&catalog), set.contradicted(&catalog)];
    all.iter().flat_map(crate::problem::Problems::iter).map(Problem::headline).collect()
}

#[test]
fn a_stop_of_a_host_that_is_never_blocked_is_a_mistake_of_that_host() {
    let stop = |action: &str, destination: &str| {
        against_the_catalogue(&format!(
            "on: connect, action: {action}, match: {{destination: {destination}}}"
        ))
    };
    let expected = "test.yaml:3:104: rules[0].match.destination.host[1]: api.anthropic.com is a model's (anthropic), and never \
                    blocked: hold would be no more than an alert; use alert, or leave it out";
    assert_eq!(stop("hold", "{host: [backboard.railway.app, api.anthropic.com]}"), [expected]);
    for action in ["deny", "freeze", "kill"] {
        assert_eq!(stop(action, "{host: api.openai.com}").len(), 1, "{action}");
        assert_eq!(stop(action, "{provider: anthropic}").len(), 1, "{action}");
        assert_eq!(stop(action, "{host: '*.cursor.sh'}").len(), 1, "{action}");
    }
    assert!(stop("alert", "{host: api.anthropic.com}").is_empty());
    assert!(stop("hold", "{host: '*.googleapis.com'}").is_empty(), "there are control planes below it");
    assert!(stop("hold", "{host: ['*.example.com', 10.0.0.1], port: 443}").is_empty());
    assert!(stop("hold", "{provider: [railway, paste-site]}").is_empty());
}

#[test]
fn a_host_that_is_a_models_and_a_control_plane_is_stopped_by_a_rule_that_says_so() {
    let stop = |destination: &str| {
        against_the_catalogue(&format!("on: connect, action: hold, match: {{destination: {destination}}}"))
    };
    assert!(stop("{host: www.googleapis.com}")[0].contains("write also: infra where you mean"));
    assert!(stop("{host: '*.sentry.io'}")[0].contains("also: infra"));
    for host in
        ["www.googleapis.com", "'*.sentry.io'", "bedrock.us-east-1.amazonaws.com", "'*.googleapis.com'"]
    {
        assert!(stop(&format!("{{host: {host}, also: infra}}")).is_empty(), "{host}");
    }
    for host in ["api.anthropic.com", "backboard.railway.app", "example.com", "oauth2.googleapis.com"] {
        let found = stop(&format!("{{host: [www.googleapis.com, {host}], also: infra}}"));
        assert!(found.len() == 1 && found[0].contains("does not mark"), "{host}: {found:?}");
    }
}

#[test]
fn also_lifts_the_ceiling_for_the_rule_that_says_it_and_for_marked_hosts_alone() {
    let rules = crate::rules::testing::set(&[
        "{id: any, summary: s, on: connect, action: hold, match: {destination: any}}",
        "{id: both, summary: s, on: connect, action: deny, match: {destination: {host: [x.test, y.test], also: infra}}}",
    ]);
    let judged = |class, name, also| {
        let to = crate::facts::Destination { also, ..destination(class, Some(name)) };
        let subject = crate::facts::Subject::Connect(to);
        rules.evaluate(&fact(second(1), subject), &mut Memory::new())
    };
    let both = judged(DestinationClass::Model, "x.test", Some(Role::Infra));
    assert_eq!((both.action, both.matches[0].action), (Action::Deny, Action::Alert));
    assert!(
        both.matches[1].conditions.contains(&"destination.also = infra".to_owned()),
        "{:?}",
        both.matches[1]
    );
    assert_eq!(judged(DestinationClass::Model, "x.test", None).action, Action::Alert);
    assert_eq!(judged(DestinationClass::Model, "z.test", Some(Role::Infra)).action, Action::Alert);
    assert_eq!(judged(DestinationClass::Package, "y.test", Some(Role::Infra)).action, Action::Alert);
}

#[test]
fn what_the_catalogues_entries_never_are_together_is_found() {
    for (rule, expected) in [
        (
            "on: connect, action: alert, match: {destination: {class: infra, host: www.googleapis.com}}",
            "www.googleapis.com is of class model, never of infra; the rule can never match by it",
        ),
        (
            "on: connect, action: alert, match: {destination: {provider: aws, host: backboard.railway.app}}",
            "backboard.railway.app is of railway, never of aws",
        ),
        (
            "on: connect, action: alert, match: {destination: {provider: anthropic, class: infra}}",
            "nothing of anthropic is of class infra",
        ),
        (
            "on: open, action: alert, match: {secret: {entry: railway-cli, class: ssh}}",
            "railway-cli is of class paas, never of ssh",
        ),
        (
            "on: delegate, action: alert, match: {delegate: {service: ssh-localhost, how: socket}}",
            "never by socket",
        ),
    ] {
        let found = against_the_catalogue(rule);
        assert!(found.len() == 1 && found[0].contains(expected), "{rule}: {found:?}");
    }
    for rule in [
        "on: connect, action: alert, match: {destination: {class: [model, infra], host: www.googleapis.com}}",
        "on: connect, action: alert, match: {destination: {class: plain, host: backboard.railway.app}}",
        "on: connect, action: alert, match: {destination: {class: database, host: pastebin.com}}",
        "on: open, action: alert, match: {secret: {entry: railway-cli, grade: [A, B]}}",
    ] {
        assert_eq!(against_the_catalogue(rule), [""; 0], "{rule}");
    }
}

#[test]
fn the_built_in_rules_make_sense() {
    let (rules, catalog) = (RuleSet::builtin().unwrap(), Catalog::builtin().unwrap());
    assert!(rules.refused_by(&catalog).is_empty(), "{}", rules.refused_by(&catalog));
    assert!(rules.contradicted(&catalog).is_empty(), "{}", rules.contradicted(&catalog));
}

#[test]
fn what_a_backend_cannot_stop_is_a_warning_that_names_it() {
    let set = crate::rules::testing::set(&[
        "{id: a, summary: s, on: open, action: hold, match: {secret: any}}",
        "{id: b, summary: s, on: exec, action: deny, match: {agent: x}}",
        "{id: c, summary: s, on: open, action: freeze, match: {secret: any}}",
        "{id: d, summary: s, on: connect, action: hold, match: {destination: infra}}",
        "{id: e, summary: s, on: open, action: hold, match: {secret: any}, mode: observe}",
        "{id: f, summary: s, on: open, action: hold, match: {secret: any}, enabled: false}",
    ]);
    assert!(set.weaker_with(&Backends::default()).is_empty());
    let weaker = set.weaker_with(&Backends::all(Some("portable")));
    let lines: Vec<_> = weaker.iter().map(Problem::headline).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let expected = "test.yaml:3:43: rules[0].action: the rule a is no more than an alert here: hold of open needs the lsm \
                    backend, and in force is portable";
    assert!(lines[0].starts_with(expected), "{lines:?}");
    let only_open = Backends { open: Some("tracing".into()), ..Backends::default() };
    assert_eq!(set.weaker_with(&only_open).len(), 1);
}
