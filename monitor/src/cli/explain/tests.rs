use jiff::Timestamp;

use super::*;
use crate::cli::tests::sample;

fn story(explanation: &Explanation) -> String {
    Story { explanation, zone: TimeZone::UTC, width: page::WIDTH }.to_string()
}

#[test]
fn an_explanation_tells_the_story_in_order() {
    insta::assert_snapshot!(story(&sample::explanation()), @r"
    h1: flow-held backboard.railway.app:443 (66.33.22.1): An agent read a live credential that is not
      its own.

    who, from the session's root
      4711 claude
        4720 bash
          4722 curl -X POST

    what
      backboard.railway.app:443 (66.33.22.1) over tcp, class infra
      evidence 3fa9c10de2b34455: approve it with `--evidence 3fa9c10de2b34455`

    secrets read before (* counts for a rule below)
    * 9.0 s before    1970-01-01 00:01:40.000  /home/x/.railway/config.json (A foreign paas)
        read by 4721 cat config.json (/usr/bin/cat)
          started by 4711 claude → 4720 bash

    rule infra-after-foreign-secret → hold (default.yaml:3)
        - id: infra-after-foreign-secret
          on: connect
          match:
            destination: infra
          action: hold

      compiled to
        the index has it for connect, under the destination's class infra

      what it asked, what it was, and what instead would have been no match
        destination.class  asked    infra
                           was      infra
                           instead  anything but infra
        touched            asked    foreign secret of grade A read in the 30 min before
                           was      A foreign paas /home/x/.railway/config.json, read 9 s before
                           instead  no foreign secret of grade A read in the 30 min before (this one was
                                    read 9 s before)

      exceptions that came nearest to excusing it
        our-host → allow (20-ours.yaml:4), but
          destination.host  asked    api.test
                            was      backboard.railway.app

    without infra-after-foreign-secret
      alert, by other: Another.

    since then
      other rules are in force; what is told here is by those that decided
    ");
}

#[test]
fn where_no_rule_matched_the_nearest_are_told() {
    let mut explanation = sample::explanation();
    explanation.nearest = explanation.rules.remove(0).exceptions;
    explanation.otherwise = None;
    explanation.reloaded = false;
    let text = story(&explanation);
    let (_, nearest) = text.split_once("no rule matched; these came nearest\n").unwrap();
    insta::assert_snapshot!(nearest, @r"
      our-host → allow (20-ours.yaml:4), but
        destination.host  asked    api.test
                          was      backboard.railway.app
    ");
}

#[test]
fn a_rule_that_nothing_excuses_says_how_that_would_be_written_and_an_exception_does_not() {
    let mut explanation = sample::explanation();
    explanation.rules[0].exceptions.clear();
    let hint = "none is written for it: `except` in the rule";
    assert!(story(&explanation).contains(hint));
    explanation.rules[0].action = Action::Allow;
    assert!(!story(&explanation).contains(hint));
}

#[test]
fn of_many_secrets_the_last_and_those_that_count_are_shown() {
    let mut explanation = sample::explanation();
    let one = explanation.read.remove(0);
    let path = |i: usize| format!("/secret/{i}.");
    explanation.read = (0..20).map(|i| Read { path: path(i), counts: i == 15, ..one.clone() }).collect();
    let text = story(&explanation);
    let shown: Vec<usize> = (0..20).filter(|i| text.contains(&path(*i))).collect();
    assert_eq!(shown, [0, 1, 2, 3, 4, 5, 6, 7, 15]);
    assert!(text.contains("and 11 earlier ones"), "{text}");
}

#[test]
fn who_read_a_secret_is_told_as_far_as_it_is_known() {
    let mut explanation = sample::explanation();
    let by = explanation.read[0].by.clone().unwrap();
    let shown = |change: &dyn Fn(&mut Read)| {
        let mut changed = explanation.read[0].clone();
        change(&mut changed);
        let altered = Explanation { read: vec![changed], ..explanation.clone() };
        let text = story(&altered);
        let (_, rest) = text.split_once("(A foreign paas)\n").unwrap();
        rest.split_once("\n\n").unwrap().0.to_owned()
    };
    insta::assert_snapshot!(shown(&|read| {
        let way = vec!["4711 claude".into(), "4719 node x.js (ended)".into()];
        read.first_by = Some(ReadBy { pid: 4719, command: "node x.js".into(), at: Timestamp::UNIX_EPOCH, lineage: way,
            ..by.clone() });
        read.others_between = true;
    }), @r"
    read by 4721 cat config.json (/usr/bin/cat)
      started by 4711 claude → 4720 bash
    first read 1970-01-01 00:00:00.000 by 4719 node x.js (/usr/bin/cat)
      started by 4711 claude
    and by others in between, which are not remembered
    ");
    insta::assert_snapshot!(shown(&|read| read.by = None), @"    which process read it is not known");
    insta::assert_snapshot!(shown(&|read| {
        read.by = Some(ReadBy { executable: String::new(), lineage: vec![], ..by.clone() });
    }), @r"
    read by 4721 cat config.json (its program is not known)
      what started it is not known
    ");
    insta::assert_snapshot!(shown(&|read| {
        let root = vec!["4721 cat config.json".into()];
        read.by = Some(ReadBy { command: "/usr/bin/cat".into(), lineage: root, ..by.clone() });
    }), @r"
    read by 4721 /usr/bin/cat
      the session's root itself
    ");
    explanation.unknown = vec!["records of the session were lost".into()];
    let text = story(&explanation);
    assert!(text.contains("\n\nwhat is not known\n  records of the session were lost\n\nrule "), "{text}");
}

#[test]
fn what_an_agent_wrote_cannot_change_the_screen() {
    let mut explanation = sample::explanation();
    explanation.lineage.push("1 \u{1b}[2Jx\ny".into());
    explanation.rules[0].written.text.push_str("\n# \u{202e}");
    let text = story(&explanation);
    assert!(text.contains("1 \\u{1b}[2Jx\\ny") && text.contains("# \\u{202e}"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= page::WIDTH), "{text}");
}

#[test]
fn times_before_are_as_exact_as_they_are_short() {
    let times = [9, 999, 12_345, 119_999, 120_000, 7_200_000];
    assert_eq!(times.map(crate::cli::language::ago), ["9 ms", "999 ms", "12.3 s", "119.9 s", "2 min", "2 h"]);
}
