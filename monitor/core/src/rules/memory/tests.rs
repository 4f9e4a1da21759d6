use std::time::Duration;

use super::*;
use crate::{
    facts::{DestinationClass, Process},
    rules::testing::{destination, fact, second, secret, set},
};

fn read(memory: &mut Memory, at: BootNanos, path: &str, grade: Grade, foreign: bool) {
    memory.note(&fact(at, Subject::Open(SecretAccess { grade, foreign, ..secret(path) })));
}

fn touched(grade: Grade, within: u64) -> Touched {
    let within = Some(Duration::from_secs(within));
    Touched { class: Vec::new(), grade: vec![grade], foreign: Some(true), habit: None, within }
}

#[test]
fn owner_reads_are_no_touch() {
    let mut memory = Memory::new();
    memory.note(&fact(second(1), Subject::Open(SecretAccess { owner: true, ..secret("/a") })));
    memory.note(&fact(second(1), Subject::Probe(secret("/b"))));
    assert_eq!(memory.touches(), []);
}

#[test]
fn a_second_read_renews_the_touch_and_never_makes_it_harmless() {
    let mut memory = Memory::new();
    read(&mut memory, second(1), "/a", Grade::A, true);
    read(&mut memory, second(9), "/a", Grade::C, false);
    assert_eq!(memory.touches().len(), 1);
    assert!(
        matches!(memory.recall(&touched(Grade::A, 5), second(10), None), Recall::Found(t) if t.at == second(9))
    );
}

#[test]
fn what_another_session_read_is_taken_over_once_as_foreign_and_says_whose_it_is() {
    let (mut memory, other) = (Memory::new(), SessionId(7));
    let touch =
        |grade, path: &str| Touch::of(second(1), &SecretAccess { grade, foreign: false, ..secret(path) });
    assert!(memory.take_over(&touch(Grade::B, "/a"), other));
    assert!(!memory.take_over(&touch(Grade::B, "/a"), other), "no news");
    assert!(memory.take_over(&touch(Grade::A, "/a"), other), "a worse one is");
    let Recall::Found(found) = memory.recall(&touched(Grade::A, 5), second(2), None) else { panic!() };
    assert!(found.to_string().ends_with(&format!("/a by session {other}, which it has met")), "{found}");
    assert_eq!(memory.touches().len(), 1);
    let later = Touch { at: second(9), ..touch(Grade::C, "/a") };
    assert!(memory.take_over(&later, other), "read again");
    assert!(
        matches!(memory.recall(&touched(Grade::A, 5), second(10), None), Recall::Found(t) if t.at == second(9)),
        "it stays the worst, and is as new as the last read"
    );
    read(&mut memory, second(11), "/a", Grade::A, true);
    assert_eq!(memory.touches()[0].met, None, "now it has read it itself");
}

#[test]
fn reads_by_habit_are_known_from_the_second_on_and_one_that_was_meant_never() {
    let mut memory = Memory::new();
    let habit = Some(Habit { providers: Vec::new(), elsewhere: Grade::B });
    let by_habit = |path: &str| SecretAccess { habit: habit.clone(), foreign: true, ..secret(path) };
    memory.note(&fact(second(1), Subject::Open(SecretAccess { habit: None, ..by_habit("/a") })));
    memory.note(&fact(second(1), Subject::Open(SecretAccess { foreign: false, ..by_habit("/b") })));
    memory.note(&fact(second(1), Subject::Open(SecretAccess { grade: Grade::C, ..by_habit("/c") })));
    assert!(!memory.has_habit(&by_habit("/a")), "meant, the project's own, or of no worth");
    memory.note(&fact(second(2), Subject::Open(by_habit("/d"))));
    assert!(memory.has_habit(&by_habit("/a")) && memory.has_habit(&by_habit("/d")));
    assert!(!memory.has_habit(&SecretAccess { habit: None, ..by_habit("/d") }));
}

#[test]
fn a_reader_is_remembered_with_what_it_read_and_a_past_keeps_its_own() {
    let mut memory = Memory::new();
    let by = |pid| {
        let read = fact(second(u64::from(pid)), Subject::Open(secret("/a")));
        Fact { process: Process { pid, ..read.process.clone() }, ..read }
    };
    let last = |memory: &Memory| memory.touches()[0].readers.last.clone().map(|reader| reader.pid);
    memory.note_reader(&by(1), Vec::new());
    assert_eq!(memory.touches(), [], "what was never noted has no reader");
    memory.note(&by(1));
    assert_eq!(last(&memory), None);
    memory.note_reader(&by(1), vec!["1 curl".into()]);
    let past = memory.past();
    memory.note(&by(2));
    memory.note_reader(&by(2), vec!["1 curl".into(), "2 curl".into()]);
    assert_eq!((last(&past), last(&memory)), (Some(1), Some(2)));
    let first = memory.touches()[0].readers.first.clone().unwrap();
    assert_eq!((first.pid, first.at, &*first.command), (1, second(1), "curl"));
}

#[test]
fn what_was_a_step_of_a_sequence_is_known_by_its_path_as_long_as_it_is_in_time() {
    let rules = set(&["{ id: a, summary: s, on: connect, match: { destination: infra }, action: alert, \
                       after: { steps: [{ id: read, on: open, match: { secret: { grade: A } } }], within: 10s } }"]);
    let mut memory = Memory::new();
    rules.evaluate(&fact(second(1), Subject::Open(secret("/a"))), &mut memory);
    let steps = rules.get("a").and_then(|rule| rule.after.clone()).unwrap();
    let was = |path, at| memory.was_a_step(&steps, path, second(at));
    assert_eq!([was("/a", 2), was("/b", 2), was("/a", 12)], [true, false, false]);
}

#[test]
fn a_flood_of_harmless_reads_drops_those_first() {
    let mut memory = Memory::new();
    read(&mut memory, second(1), "/token", Grade::A, true);
    for i in 0..1000 {
        read(&mut memory, second(2), &format!("/history/{i}"), Grade::C, true);
    }
    assert_eq!(memory.touches().len(), MAX_TOUCHES);
    assert_eq!(memory.evicted(), 1001 - MAX_TOUCHES as u64);
    assert!(matches!(memory.recall(&touched(Grade::A, 60), second(3), None), Recall::Found(_)));
}

#[test]
fn what_was_dropped_still_counts_until_its_time_is_over() {
    let mut memory = Memory::new();
    for i in 0..=MAX_TOUCHES {
        let paas =
            SecretAccess { class: if i == 0 { "paas" } else { "cloud" }.into(), ..secret(&format!("/{i}")) };
        memory.note(&fact(second(1), Subject::Open(paas)));
    }
    let wanted = Touched { class: vec!["paas".into()], ..touched(Grade::A, 60) };
    assert_eq!(memory.recall(&wanted, second(30), None), Recall::Dropped);
    assert_eq!(memory.recall(&wanted, second(62), None), Recall::Nothing);
}

#[test]
fn a_read_by_habit_counts_where_it_may_be_used_and_hides_none_that_was_meant() {
    let habit = Some(Habit { providers: vec!["aws".into()], elsewhere: Grade::B });
    let mut memory = Memory::new();
    memory.note(&fact(second(1), Subject::Open(SecretAccess { habit, ..secret("/a") })));
    let to = |provider: &str, class| Destination {
        provider: Some(provider.into()),
        ..destination(class, Some("x.test"))
    };
    let [aws, forge] = ["aws", "github-api"].map(|provider| to(provider, DestinationClass::Infra));
    let nobody = destination(DestinationClass::Unknown, None);
    let found = |memory: &Memory, grade, to| {
        matches!(memory.recall(&touched(grade, 60), second(2), to), Recall::Found(_))
    };
    assert!(found(&memory, Grade::A, Some(&aws)));
    assert!(!found(&memory, Grade::A, Some(&forge)) && !found(&memory, Grade::B, Some(&forge)));
    assert!(!found(&memory, Grade::A, Some(&nobody)) && found(&memory, Grade::B, Some(&nobody)));
    assert!(!found(&memory, Grade::A, None), "what goes nowhere uses nothing");
    assert_eq!(memory.recall_habit(&touched(Grade::A, 60), second(2)).map(|touch| &*touch.path), Some("/a"));
    memory.note(&fact(second(1), Subject::Open(secret("/a"))));
    assert!(found(&memory, Grade::A, Some(&forge)), "somebody meant it");
    let asks = |habit| Touched { habit: Some(habit), ..touched(Grade::A, 60) };
    let found = |habit| matches!(memory.recall(&asks(habit), second(2), Some(&aws)), Recall::Found(_));
    assert!(found(true) && found(false));
    assert_eq!(memory.touches().len(), 2);
}

#[test]
fn a_window_slides_counts_distinct_objects_and_starts_anew() {
    let threshold = Threshold { count: 3, distinct: None, within: Duration::from_secs(10) };
    let mut memory = Memory::new();
    assert!(!memory.count(1, &threshold, Some("a"), second(0)));
    assert!(!memory.count(1, &threshold, Some("b"), second(1)));
    assert!(!memory.count(1, &threshold, Some("b"), second(2)), "the same again");
    assert!(!memory.count(1, &threshold, Some("c"), second(11)), "the first has slid out");
    assert!(memory.count(1, &threshold, Some("d"), second(12)));
    assert!(!memory.count(1, &threshold, Some("e"), second(12)), "anew");
    assert!(!memory.count(2, &threshold, Some("f"), second(12)), "each rule for itself");
}

#[test]
fn points_are_given_once_for_one_thing() {
    let mut memory = Memory::new();
    assert_eq!(memory.add_risk(1, "host", 60, second(0)), 60);
    assert_eq!(memory.add_risk(1, "host", 60, second(1)), 0);
    assert_eq!(memory.add_risk(1, "other", 20, second(1)), 20);
    assert_eq!(memory.risk(second(1)), 80);
    memory.forgive(60, second(1));
    assert_eq!(memory.risk(second(1)), 20);
    assert_eq!(memory.add_risk(1, "host", 60, second(3601)), 60, "a half-life later it is new");
}
