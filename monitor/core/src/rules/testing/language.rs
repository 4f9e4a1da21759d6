//! Sessions, owners, sequences, lists, overrides, exceptions by name and guards, as files say them.

use std::{path::PathBuf, time::Duration};

use super::{destination, fact, parse_text, second, secret, set};
use crate::{
    facts::{
        Action, DestinationClass as Class, Fact, FactorKind, Lifecycle, LinkHow, Process, Relink,
        SecretAccess, Subject,
    },
    problem::Problem,
    rules::{DEFAULT, Memory, RuleSet, Verdict},
};

fn infra(at: u64) -> Fact {
    fact(second(at), Subject::Connect(destination(Class::Infra, Some("api.test"))))
}

fn open(at: u64, path: &str) -> Fact {
    fact(second(at), Subject::Open(secret(path)))
}

fn exec(at: u64, program: &str) -> Fact {
    let process = Process { executable: format!("/usr/bin/{program}"), ..Process::default() };
    Fact { process, ..fact(second(at), Subject::Exec) }
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    verdict.matches.iter().map(|found| found.rule.id.as_str()).collect()
}

fn first(rules: &RuleSet, fact: &Fact) -> Vec<String> {
    let verdict = rules.evaluate(fact, &mut Memory::new());
    ids(&verdict).into_iter().map(str::to_owned).collect()
}

fn files(files: &[(&str, &str)]) -> Result<RuleSet, Vec<String>> {
    let files: Vec<_> =
        files.iter().map(|(name, text)| (PathBuf::from(name), format!("version: 1\n{text}"))).collect();
    RuleSet::parse(&files).map_err(|problems| problems.iter().map(Problem::headline).collect())
}

fn problems(text: &str) -> Vec<String> {
    parse_text(text).expect_err(text).iter().map(Problem::headline).collect()
}

/// Problems of one rule, written in flow style on line 3.
fn of_rule(rule: &str) -> String {
    problems(&format!("version: 1\nrules:\n  - {{id: a, summary: s, {rule}}}\n")).join("\n")
}

#[test]
fn a_session_is_matched_by_its_age_and_by_what_was_lost() {
    let rules = set(&[
        "{id: young, summary: s, on: connect, match: {session: {age: {under: 10s}}}, action: alert}",
        "{id: old, summary: s, on: connect, match: {session: {age: {over: 1m}}}, action: alert}",
        "{id: lost, summary: s, on: connect, match: {session: {incomplete: true}}, action: alert}",
        "{id: whole, summary: s, on: connect, match: {session: {incomplete: false}}, action: alert}",
    ]);
    let aged = |seconds, incomplete| {
        first(&rules, &Fact { session_age: Duration::from_secs(seconds), incomplete, ..infra(1) })
    };
    assert_eq!(aged(9, false), ["young", "whole"]);
    assert_eq!(aged(10, false), ["whole"], "the bounds are not included");
    assert_eq!(aged(60, true), ["lost"]);
    assert_eq!(aged(61, true), ["old", "lost"]);
}

#[test]
fn an_owner_tool_is_matched_where_there_is_a_secret() {
    let rules = set(&[
        "{id: owner, summary: s, on: open, match: {process: {owner: true}}, action: alert}",
        "{id: other, summary: s, on: open, match: {process: {owner: false}}, action: alert}",
    ]);
    let by = |owner| first(&rules, &fact(second(1), Subject::Open(SecretAccess { owner, ..secret("/a") })));
    assert_eq!((by(true), by(false)), (vec!["owner".to_owned()], vec!["other".to_owned()]));
    let text = of_rule("on: connect, match: {process: {owner: true}}, action: alert");
    assert!(text.contains("match.process.owner: on: connect has no secret"), "{text}");
}

#[test]
fn links_and_ends_of_sessions_are_matched_by_how_and_when() {
    let rules = set(&[
        "{id: hard, summary: s, on: link, match: {link: {how: link}}, action: alert}",
        "{id: any, summary: s, on: link, match: {link: any, secret: {grade: A}}, action: alert}",
        "{id: end, summary: s, on: lifecycle, match: {lifecycle: ended}, action: alert}",
    ]);
    let link = |how| fact(second(1), Subject::Link(Relink { secret: secret("/a"), how }));
    assert_eq!(first(&rules, &link(LinkHow::Link)), ["hard", "any"]);
    assert_eq!(first(&rules, &link(LinkHow::Rename)), ["any"]);
    assert_eq!(first(&rules, &fact(second(1), Subject::Lifecycle(Lifecycle::Ended))), ["end"]);
    assert!(first(&rules, &fact(second(1), Subject::Lifecycle(Lifecycle::Started))).is_empty());
}

#[test]
fn a_session_that_is_over_is_not_stopped_and_has_no_risk() {
    let start = "{id: a, summary: s, on: lifecycle, match: {lifecycle: started}, action: freeze, risk: 5}";
    assert_eq!(first(&set(&[start]), &fact(second(1), Subject::Lifecycle(Lifecycle::Started))), ["a"]);
    for part in ["lifecycle: ended", "agent: claude-code"] {
        let text = of_rule(&format!("on: lifecycle, match: {{{part}}}, action: kill"));
        assert!(text.contains("action: a session that has ended cannot be stopped"), "{part}: {text}");
    }
    let text = of_rule("on: lifecycle, match: {lifecycle: ended}, action: alert, risk: 5");
    assert!(text.contains("risk: a session that has ended has no risk"), "{text}");
    assert!(of_rule("on: lifecycle, match: {lifecycle: started}, action: hold").contains("only seen once"));
}

const SEARCHED: &str = "{id: a, summary: s, on: connect, match: {destination: infra}, action: hold, after: {within: 1m, \
    order: ORDER, steps: [{id: searched, on: exec, match: {process: {executable: [rg, grep]}}}, \
    {id: read, on: open, match: {secret: {grade: A}}}]}}";

#[test]
fn a_sequence_in_the_listed_order_says_what_came_before() {
    let rules = set(&[&SEARCHED.replace("ORDER", "listed")]);
    let mut memory = Memory::new();
    let mut see = |fact: &Fact| rules.evaluate(fact, &mut memory);
    assert!(see(&infra(1)).matches.is_empty());
    see(&open(2, "/t"));
    see(&exec(3, "rg"));
    assert!(see(&infra(4)).matches.is_empty(), "the wrong way round");
    see(&open(5, "/token"));
    let verdict = see(&infra(6));
    assert_eq!(verdict.action, Action::Hold);
    let expected = [
        "destination.class = infra",
        "after searched: exec /usr/bin/rg 3 s ago",
        "after read: open /token 1 s ago",
    ];
    assert_eq!(verdict.matches[0].conditions, expected);
    assert_eq!(see(&infra(63)).action, Action::Hold, "nothing is used up");
    assert_eq!(see(&infra(64)).action, Action::Allow, "the first step is too old");
}

#[test]
fn a_sequence_in_any_order_needs_all_steps_in_time() {
    let rules = set(&[&SEARCHED.replace("ORDER", "any")]);
    let mut memory = Memory::new();
    rules.evaluate(&open(2, "/t"), &mut memory);
    assert_eq!(rules.evaluate(&infra(3), &mut memory).action, Action::Allow);
    rules.evaluate(&exec(3, "grep"), &mut memory);
    assert_eq!(rules.evaluate(&infra(62), &mut memory).action, Action::Hold);
    assert_eq!(rules.evaluate(&infra(63), &mut memory).action, Action::Allow);
}

#[test]
fn a_fact_is_not_its_own_predecessor_nor_two_steps_of_one_order() {
    let step = |id: &str| format!("{{id: {id}, on: connect, match: {{destination: infra}}}}");
    let rule = format!(
        "{{id: a, summary: s, on: connect, match: {{destination: infra}}, action: alert, \
         after: {{within: 1m, order: listed, steps: [{}, {}]}}}}",
        step("first"),
        step("second")
    );
    let rules = set(&[&rule]);
    let mut memory = Memory::new();
    let fired: Vec<_> =
        (1..5).map(|at| !rules.evaluate(&infra(at), &mut memory).matches.is_empty()).collect();
    assert_eq!(fired, [false, false, true, true]);
}

#[test]
fn owners_are_no_steps_lost_records_count_and_exceptions_gain_nothing_by_them() {
    let rules = set(&[&SEARCHED.replace("ORDER", "any")]);
    let mut memory = Memory::new();
    rules.evaluate(&exec(1, "rg"), &mut memory);
    rules
        .evaluate(&fact(second(1), Subject::Open(SecretAccess { owner: true, ..secret("/a") })), &mut memory);
    assert_eq!(rules.evaluate(&infra(2), &mut memory).action, Action::Allow);
    let lost = Fact { incomplete: true, ..infra(2) };
    let verdict = rules.evaluate(&lost, &mut memory);
    assert_eq!(verdict.matches[0].conditions[1], "after: unknown (records were lost)");
    let exceptions = set(&[
        "{id: kill, summary: s, on: connect, match: {destination: any}, action: kill}",
        "{id: fine, summary: s, on: connect, match: {touched: {grade: A}}, action: allow}",
        &SEARCHED.replace("ORDER", "any").replace("id: a,", "id: ok,").replace("hold", "allow"),
    ]);
    assert_eq!(first(&exceptions, &lost), ["kill"], "what is unknown excuses nothing");
}

#[test]
fn what_only_lost_records_speak_for_holds_and_spends_no_budget() {
    let rules = set(&[
        "{id: a, summary: s, on: connect, match: {destination: infra, touched: {grade: A}}, action: hold, risk: 60}",
        "{id: b, summary: s, on: connect, match: {destination: infra}, action: alert, risk: 7}",
    ]);
    let mut memory = Memory::new();
    let guessed = rules.evaluate(&Fact { incomplete: true, ..infra(1) }, &mut memory);
    assert_eq!((guessed.action, guessed.points), (Action::Hold, 7), "the second rule guesses nothing");
    rules.evaluate(&open(2, "/home/ann/.config/store/token"), &mut memory);
    let known = rules.evaluate(&Fact { incomplete: true, ..infra(3) }, &mut memory);
    assert_eq!((known.action, known.points), (Action::Hold, 60), "and one object adds once");
}

#[test]
fn a_reload_keeps_a_sequence_whose_steps_stay() {
    let before = set(&[&SEARCHED.replace("ORDER", "any")]);
    let mut memory = Memory::new();
    before.evaluate(&exec(1, "rg"), &mut memory);
    before.evaluate(&open(2, "/t"), &mut memory);
    let other = "{id: b, summary: s, on: exec, match: {agent: x}, action: alert}";
    let after = set(&[other, &SEARCHED.replace("ORDER", "any").replace("summary: s", "summary: t")]);
    assert_eq!(after.evaluate(&infra(3), &mut memory).action, Action::Hold);
    let changed = set(&[&SEARCHED.replace("ORDER", "any").replace("grade: A", "grade: [A, B]")]);
    assert_eq!(changed.evaluate(&infra(3), &mut memory).action, Action::Allow, "that is another sequence");
}

#[test]
fn mistakes_in_sequences_are_found() {
    for (after, expected) in [
        ("{steps: [], within: 1m}", "after.steps: found an empty list"),
        ("{within: 1m}", "after.steps: the field is missing"),
        ("{steps: [{id: a, on: exec, match: {agent: x}}]}", "after.within: the field is missing"),
        (
            "{within: 1m, steps: [{id: a, on: exec, match: {agent: x}}, {id: b, on: exec, match: {agent: x}}]}",
            "after.order: it is not said whether the order",
        ),
        (
            "{within: 1m, order: any, steps: [{id: a, on: exec, match: {agent: x}}, {id: a, on: exec, match: {agent: y}}]}",
            "two steps are called \"a\"",
        ),
        (
            "{within: 1m, steps: [{id: a, on: exec, match: {secret: any}}]}",
            "after.steps[0].match.secret: on: exec has no secret",
        ),
        ("{within: 1m, steps: [{id: a, on: exce, match: {agent: x}}]}", "did you mean \"exec\"?"),
    ] {
        let text = of_rule(&format!("on: exec, match: {{agent: x}}, action: alert, after: {after}"));
        assert!(text.contains(expected), "{after}\ngave\n{text}");
        assert_eq!(text.lines().count(), 1, "{after}\ngave\n{text}");
    }
}

#[test]
fn lists_of_any_file_stand_for_their_values() {
    let rules = files(&[
        (
            "10.yaml",
            "rules:\n  - {id: a, summary: s, on: connect, match: {destination: {host: [$ours, b.test], \
             port: $ports}, process: {executable: $clients}}, action: alert}\n",
        ),
        ("20.yaml", "lists: {ours: [api.test, '*.corp.test'], ports: [443, 8443], clients: [curl, 'w*']}\n"),
    ]);
    let rules = rules.unwrap();
    assert_eq!(first(&rules, &infra(1)), ["a"]);
    let to = |name| fact(second(1), Subject::Connect(destination(Class::Infra, Some(name))));
    assert_eq!(first(&rules, &to("x.corp.test")), ["a"]);
    assert_eq!(first(&rules, &to("b.test")), ["a"]);
    assert!(first(&rules, &to("c.test")).is_empty());
}

#[test]
fn mistakes_in_lists_are_found_where_they_are_made() {
    let found = files(&[
        (
            "10.yaml",
            "rules:\n  - {id: a, summary: s, on: connect, match: {destination: {host: $outs, port: $ours}}, action: alert}\n",
        ),
        ("20.yaml", "lists:\n  ours: [api.test]\n  none: []\n  BAD: [x]\n  deep: [$ours, [1]]\n"),
        ("30.yaml", "lists: {ours: [b.test]}\n"),
    ])
    .unwrap_err();
    let expected = [
        "10.yaml:3:66: rules[0].match.destination.host: there is no list \"outs\"; expected a list of some file's \
         lists:; did you mean \"ours\"?",
        "10.yaml:3:79: rules[0].match.destination.port: $ours[0] of 20.yaml:3: found \"api.test\"; expected a number \
         from 1 to 65535",
        "20.yaml:4:9: lists.none: found an empty list; expected a list of at least one value",
        "20.yaml:5:3: lists.BAD: found \"BAD\"; expected lower-case letters, digits and hyphens, at most 64",
        "20.yaml:6:10: lists.deep[0]: found \"$ours\"; a list holds values, not other lists",
        "20.yaml:6:17: lists.deep[1]: found a list; expected text or a number",
        "30.yaml:2:9: lists.ours: the list \"ours\" is already in 20.yaml:3; expected a name of its own for every list",
    ];
    assert_eq!(found, expected, "{found:#?}");
}

const TWO: &str = "rules:\n  - {id: infra, summary: s, on: connect, match: {destination: infra}, action: hold, risk: 9}\n  \
    - {id: any, summary: s, on: connect, match: {destination: any}, action: alert, threshold: {count: 2, within: 1m}}\n";

#[test]
fn overrides_change_rules_of_any_file_and_the_last_one_wins() {
    let rules = files(&[
        (
            "10.yaml",
            "override:\n  - {id: infra, risk: 1, severity: low}\n  - {id: any, threshold: {count: 5, within: 2m}}\n",
        ),
        ("20.yaml", TWO),
        ("30.yaml", "override: [{id: infra, action: deny, risk: 30, mode: observe}]\n"),
    ]);
    let rules = rules.unwrap();
    let infra = rules.get("infra").unwrap();
    assert_eq!((infra.action, infra.risk, infra.severity), (Action::Deny, 30, crate::facts::Severity::Low));
    assert_eq!((infra.timeout, infra.mode), (None, crate::facts::Mode::Observe));
    let places: Vec<_> = infra.overridden.iter().map(|source| (source.file.as_str(), source.line)).collect();
    assert_eq!(places, [("10.yaml", 3), ("30.yaml", 2)]);
    assert_eq!(rules.get("any").unwrap().threshold.unwrap().count, 5);
    let frozen =
        files(&[("10.yaml", TWO), ("20.yaml", "override: [{id: infra, enabled: false}]\n")]).unwrap();
    assert!(first(&frozen, &self::infra(1)).is_empty());
}

#[test]
fn an_override_says_what_an_approval_needs() {
    let more =
        "override: [{id: infra, approve: {by: [ops, release], count: 2, factor: key, reason: required}}]\n";
    let rules = files(&[("10.yaml", TWO), ("20.yaml", more)]).unwrap();
    let terms = &rules.get("infra").unwrap().terms;
    assert_eq!(
        (terms.by.join(" "), terms.count, terms.factor),
        ("ops release".into(), 2, Some(FactorKind::Key))
    );
    assert!(
        rules
            .compiled(rules.get("infra").unwrap())
            .last()
            .unwrap()
            .starts_with("an approval needs 2 different")
    );
    let frozen = files(&[
        ("10.yaml", TWO),
        ("20.yaml", more),
        ("30.yaml", "override: [{id: infra, action: freeze}]\n"),
    ]);
    assert!(frozen.unwrap().get("infra").unwrap().terms.is_plain(), "nothing of it is approved");
}

#[test]
fn an_override_adds_exceptions_to_a_rule() {
    let rules = files(&[
        ("10.yaml", TWO),
        (
            "20.yaml",
            "override: [{id: infra, except: [{destination: {host: api.test}, process: {executable: curl}}]}]\n",
        ),
    ]);
    let rules = rules.unwrap();
    assert!(first(&rules, &infra(1)).is_empty());
    let other = Fact { process: Process::default(), ..infra(1) };
    assert_eq!(first(&rules, &other), ["infra"], "all of an exception must hold");
}

#[test]
fn files_without_rules_change_the_built_in_ones() {
    let rules = files(&[("10.yaml", "override: [{id: secret-sweep, action: alert}]\n")]).unwrap();
    assert_eq!(rules.len(), RuleSet::builtin().unwrap().len());
    assert_eq!(rules.get("secret-sweep").unwrap().action, Action::Alert);
}

#[test]
fn own_rules_extend_the_built_in_ones_until_a_file_replaces_them() {
    let own = "version: 1\nrules: [{id: own, summary: s, on: exec, match: {agent: x}, action: alert}]\n";
    let parse = |texts: &[(&str, &str)]| {
        let files: Vec<_> = texts.iter().map(|(name, text)| (name.into(), (*text).to_owned())).collect();
        RuleSet::parse(&files).map_err(|problems| problems.to_string())
    };
    let count = RuleSet::builtin().unwrap().len();
    let extended = parse(&[("a.yaml", own)]).unwrap();
    assert_eq!((extended.len(), extended.builtin_rules(), extended.replaced()), (count + 1, count, None));
    assert!(extended.get("infra-after-foreign-secret").is_some());

    let alone = parse(&[("a.yaml", own), ("b.yaml", "version: 1\n\nbuiltin: replace\n")]).unwrap();
    assert_eq!((alone.len(), alone.builtin_rules(), alone.replaced()), (1, 0, Some("b.yaml:3")));

    // A copy stands for them, and one that was changed has to say what it is.
    let copied = parse(&[("a.yaml", own), ("copy.yaml", DEFAULT)]).unwrap();
    assert_eq!((copied.len(), copied.builtin_rules()), (count + 1, count));
    let changed = DEFAULT.replacen("risk: 60", "risk: 61", 1);
    let refused = parse(&[("copy.yaml", &changed)]).unwrap_err();
    assert!(
        refused.contains("copy.yaml:10:") && refused.contains("is taken by default.yaml (built in):10"),
        "{refused}"
    );
    assert!(refused.contains("builtin: replace"), "{refused}");
    let changed = changed.replacen("version: 1", "version: 1\nbuiltin: replace", 1);
    assert_eq!(parse(&[("copy.yaml", &changed)]).unwrap().len(), count);
}

#[test]
fn a_wrong_word_for_the_built_in_rules_and_a_set_of_none_are_told() {
    let own = "rules: [{id: own, summary: s, on: exec, match: {agent: x}, action: alert}]\n";
    for (word, found) in [("replcae", "\"replcae\""), ("false", "false"), ("[replace]", "a list")] {
        let told = files(&[("10.yaml", &format!("builtin: {word}\n{own}"))]).unwrap_err();
        let expected = format!("10.yaml:2:10: builtin: found {found}; expected replace");
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
    }
    // Also where an earlier file has the right one.
    let later = [("10.yaml", "builtin: replace\n"), ("20.yaml", &*format!("builtin: replcae\n{own}"))];
    let told = files(&later).unwrap_err();
    assert!(told.len() == 1 && told[0].starts_with("20.yaml:2:10: builtin: found \"replcae\""), "{told:?}");
    let told = files(&[("10.yaml", "builtin: replace\n")]).unwrap_err();
    assert!(
        told.len() == 1 && told[0].contains("no rules at all") && told[0].contains("10.yaml:2"),
        "{told:?}"
    );
}

#[test]
fn mistakes_in_overrides_are_found() {
    for (change, expected) in [
        (
            "{id: infa, risk: 1}",
            "override[0].id: there is no rule \"infa\"; expected the id of a rule of any file; did you mean \"infra\"?",
        ),
        ("{id: infra}", "override[0]: the override changes nothing"),
        (
            "{id: infra, action: allow}",
            "override[0].action: an override does not make an exception of a rule",
        ),
        ("{id: infra, summary: x}", "override[0].summary: there is no such field"),
        ("{id: any, timeout: {after: 1m, then: deny}}", "override[0].timeout: only a hold waits"),
        ("{id: infra, except: [{secret: any}]}", "override[0].except[0].secret: on: connect has no secret"),
        ("{id: any, threshold: {count: 3, within: 1m, distinct: file.path}}", "on: connect has no file.path"),
    ] {
        let found = files(&[("10.yaml", TWO), ("20.yaml", &format!("override: [{change}]\n"))]).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("20.yaml:2:") && found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn naming_a_rule_that_has_its_own_mistakes_is_no_second_mistake() {
    let broken = "rules:\n  - {id: infra, summary: s, on: connect, match: {destination: inrfa}, action: hold}\n  \
        - {id: b, summary: s, on: connect, match: {destination: any}, action: allow, excuses: infra}\n\
        override: [{id: infra, risk: 1}]\n";
    assert_eq!(files(&[("10.yaml", broken)]).unwrap_err().len(), 1);
}

#[test]
fn an_exception_excuses_only_the_rules_it_names() {
    let rules = set(&[
        "{id: infra, summary: s, on: connect, match: {destination: infra}, action: hold, risk: 9}",
        "{id: https, summary: s, on: connect, match: {destination: {port: 443}}, action: alert, risk: 1}",
        "{id: ours, summary: s, on: connect, match: {destination: {host: api.test}}, action: allow, excuses: [infra]}",
    ]);
    let mut memory = Memory::new();
    let verdict = rules.evaluate(&infra(1), &mut memory);
    assert_eq!((ids(&verdict), verdict.action), (vec!["ours", "https"], Action::Alert));
    assert_eq!(memory.risk(second(1)), 1);
    let text = problems(
        "version: 1\nrules:\n  - {id: sweep, summary: s, on: exec, match: {agent: x}, action: alert}\n  \
         - {id: b, summary: s, on: exec, match: {agent: x}, action: allow, excuses: [sweep, swepe, b]}\n  \
         - {id: c, summary: s, on: exec, match: {agent: x}, action: alert, excuses: [sweep]}\n",
    );
    let expected = [
        "test.yaml:4:86: rules[1].excuses[1]: there is no rule \"swepe\"; expected the id of a rule; did you mean \"sweep\"?",
        "test.yaml:4:93: rules[1].excuses[2]: the rule \"b\" is an exception itself; expected the id of a rule that does something",
        "test.yaml:5:78: rules[2].excuses: only an exception excuses; remove it, or use action: allow",
    ];
    assert_eq!(text, expected, "{text:#?}");
}

#[test]
fn tags_and_references_are_checked_by_their_form() {
    let rules =
        set(&["{id: a, summary: s, on: exec, match: {agent: x}, action: alert, tags: [T1552.001, T1078], \
        references: https://attack.mitre.org/techniques/T1552/001/}"]);
    assert_eq!(rules.get("a").unwrap().tags, ["T1552.001", "T1078"]);
    for (fields, expected) in [
        ("tags: T1552.01", "rules[0].tags: found \"T1552.01\"; expected a technique of MITRE ATT&CK"),
        ("tags: [t1552]", "rules[0].tags[0]: found \"t1552\""),
        (
            "references: attack.mitre.org",
            "rules[0].references: found \"attack.mitre.org\"; expected an address",
        ),
    ] {
        let text = of_rule(&format!("on: exec, match: {{agent: x}}, action: alert, {fields}"));
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_guard_decides_after_the_match_and_says_its_values() {
    let rules = set(&["{id: a, summary: s, on: connect, match: {destination: infra}, action: hold, \
        when: 'session.age > duration(\"5s\") && process.args.exists(a, a == \"DELETE\")'}"]);
    let mut fact = infra(1);
    assert!(first(&rules, &fact).is_empty());
    fact.process.args = fact.process.args.iter().cloned().chain(["DELETE".into()]).collect();
    let verdict = rules.evaluate(&fact, &mut Memory::new());
    let expected = [
        "destination.class = infra",
        "when session.age > duration(\"5s\") && process.args.exists(a, a == \"DELETE\")",
        "process.args = 2 items",
        "session.age = 60.000 s",
    ];
    assert_eq!(verdict.matches[0].conditions, expected);
}

#[test]
fn a_guard_without_a_result_is_closed_for_what_stops_and_open_for_alerts() {
    let rule = |action: &str| {
        format!(
            "{{id: {action}, summary: s, on: connect, match: {{destination: infra}}, action: {action}, \
             when: 'process.args[7] == \"x\"'}}"
        )
    };
    let said = |action: &str| {
        let verdict = set(&[&rule(action)]).evaluate(&infra(1), &mut Memory::new());
        assert_eq!(verdict.guard_faults.len(), 1, "{action}");
        (verdict.action, verdict.matches.into_iter().next().map(|found| found.conditions[1].clone()))
    };
    let fault = "when process.args[7] == \"x\": no result (an index is outside of its list); counts as met";
    for (action, done) in [("hold", Action::Hold), ("deny", Action::Deny), ("freeze", Action::Freeze)] {
        assert_eq!(said(action), (done, Some(fault.to_owned())));
    }
    assert_eq!(said("kill"), (Action::Freeze, Some(format!("{fault}, and kill became freeze"))));
    assert_eq!(said("alert"), (Action::Allow, None));
    let excepted =
        set(&[&rule("allow"), "{id: b, summary: s, on: connect, match: {destination: any}, action: hold}"]);
    assert_eq!(
        excepted.evaluate(&infra(1), &mut Memory::new()).action,
        Action::Hold,
        "no exception by a guess"
    );
}

#[test]
fn mistakes_in_guards_stand_under_their_words_however_they_are_written() {
    let rule = |when: &str| {
        format!(
            "version: 1\nrules:\n  - id: a\n    summary: s\n    on: connect\n    match: {{destination: infra}}\n    action: alert\n    when: {when}\n"
        )
    };
    for (when, place, width) in [
        ("destination.prt > 5", (8, 11), 15),
        ("'destination.prt > 5'", (8, 12), 15),
        ("\"'ü' == 'x' || destination.prt > 5\"", (8, 26), 15),
        ("|\n      session.risk > 5\n      && destination.prt > 5", (10, 10), 15),
        ("destination.named &&\n      destination.prt > 5", (9, 7), 15),
    ] {
        let text = rule(when);
        let found = parse_text(&text).unwrap_err();
        let problem = &found.0[0];
        assert_eq!((problem.line, problem.column), place, "{when}\n{problem}");
        assert_eq!(problem.width, width, "{when}");
        assert_eq!(problem.hint.as_deref(), Some("did you mean destination.port?"));
        assert_eq!(found.len(), 1);
    }
}
