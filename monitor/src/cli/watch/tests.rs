//! The screen, without a terminal.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use jiff::{Timestamp, tz::TimeZone};
use ratatui::{Terminal, backend::TestBackend};
use serde_json::json;

use super::{
    answer::Given,
    dialog::{Decision, Dialog, Looking},
    draw::draw,
    message::{Input, Order, Sighting},
    model::{Link, Pane, State},
    theme::Theme,
    update::update,
};
use crate::{
    cli::sample,
    control::api::{HoldView, SessionView},
};
use interlock_core::facts::{ReasonTerm, Terms};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A screen of that size, on which a daemon has answered once.
fn screen(size: (u16, u16), holds: Vec<HoldView>) -> State {
    let mut state = State::new(at(130), TimeZone::UTC, size);
    let orders = update(&mut state, news(holds));
    for order in orders {
        let Order::Explain { id, shown } = order else { panic!("{order:?}") };
        update(&mut state, Input::Explained { id, shown, story: Ok(Box::new(sample::explanation())) });
    }
    for event in [
        json!({ "@timestamp": at(100), "event.id": "e1", "event.kind": "alert", "event.action": "secret-read",
            "interlock.session.agent": "claude-code", "interlock.session.id": "4711-0a1b2", "file.path": "/home/x/.railway/config.json",
            "interlock.secret.class": "paas", "interlock.secret.grade": "A", "interlock.secret.foreign": true }),
        json!({ "@timestamp": at(101), "event.id": "e2", "event.kind": "event", "event.action": "exec",
            "interlock.session.agent": "claude-code", "interlock.session.id": "4711-0a1b2", "process.args": ["echo", "\u{1b}[2Jgone"] }),
    ] {
        update(&mut state, Input::Happened(Box::new(event)));
    }
    state
}

fn news(holds: Vec<HoldView>) -> Input {
    let frozen = SessionView { id: "4800-0a1b3".into(), ..sample::session() };
    Input::News(Box::new(sample::status()), vec![sample::session(), frozen], holds)
}

/// What is on the screen, and has been for a while.
fn drawn(state: &mut State) -> String {
    state.was_drawn(Instant::now().checked_sub(Duration::from_secs(1)).unwrap());
    at_once(state)
}

/// What is on the screen.
fn at_once(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.size.0, state.size.1)).unwrap();
    terminal.draw(|frame| draw(state, Theme::plain(), frame)).unwrap();
    terminal.backend().to_string()
}

fn press(state: &mut State, code: KeyCode) -> Vec<Order> {
    update(state, Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn types(state: &mut State, text: &str) -> Vec<Order> {
    text.chars().flat_map(|letter| press(state, KeyCode::Char(letter))).collect()
}

fn approve() -> Decision {
    Decision::Approve { hold: "h1".into() }
}

fn look(serial: u64) -> Order {
    Order::Look(Looking { decision: approve(), serial })
}

fn decide(decision: Decision, seen: Option<usize>) -> Order {
    let evidence = seen.map(|_| sample::hold().evidence);
    Order::Decide { decision, given: Given { seen, evidence, ..Given::default() } }
}

/// As the worker answers the newest asking.
fn looked(state: &mut State, hold: Option<HoldView>) -> Vec<Order> {
    let serial = state.looks;
    looked_at(state, serial, hold)
}

fn looked_at(state: &mut State, serial: u64, hold: Option<HoldView>) -> Vec<Order> {
    let sighting = Sighting { hold, story: Some(sample::explanation()) };
    update(state, Input::Looked(Looking { decision: approve(), serial }, Ok(Box::new(sighting))))
}

#[test]
fn a_hold_with_its_evidence_at_80_by_24() {
    insta::assert_snapshot!(drawn(&mut screen((80, 24), vec![sample::hold()])));
}

#[test]
fn a_hold_with_its_evidence_at_120_by_40() {
    insta::assert_snapshot!(drawn(&mut screen((120, 40), vec![sample::hold()])));
}

#[test]
fn nothing_waits() {
    insta::assert_snapshot!(drawn(&mut screen((80, 24), vec![])));
}

#[test]
fn a_question_shows_what_is_approved_and_takes_a_word() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    assert_eq!(types(&mut state, "a"), [look(1)]);
    // Typed before anything could be read.
    assert_eq!(types(&mut state, "yes"), []);
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    let hold = HoldView { others: vec!["4730 curl \u{202e}x".into()], ..sample::hold() };
    assert_eq!(looked(&mut state, Some(hold)), []);
    drawn(&mut state);
    assert_eq!(types(&mut state, "ye"), []);
    insta::assert_snapshot!(drawn(&mut state));
    assert_eq!(press(&mut state, KeyCode::Enter), [], "half a word");
    assert_eq!(types(&mut state, "xs"), []);
    assert_eq!(press(&mut state, KeyCode::Enter), [decide(approve(), Some(1))]);
    update(&mut state, Input::Answered(Err("not permitted: you have \u{1b}[2J no say".into())));
    assert!(
        drawn(&mut state).contains(r"refused: not permitted: you have \u{1b}[2J no say"),
        "{}",
        drawn(&mut state)
    );
}

#[test]
fn a_reason_and_a_code_are_typed_beside_the_answer() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    let terms = Terms { reason: ReasonTerm::Required, ..Terms::default() };
    types(&mut state, "a");
    looked(&mut state, Some(HoldView { terms, ..sample::hold() }));
    drawn(&mut state);
    assert!(drawn(&mut state).contains("r to say why, as the rule asks"), "{}", drawn(&mut state));
    types(&mut state, "yes");
    assert_eq!(press(&mut state, KeyCode::Enter), [], "the rule asks for a reason");
    types(&mut state, "ryes, jack\u{7}");
    assert!(drawn(&mut state).contains("drops it): yes, jack▏"), "{}", drawn(&mut state));
    assert_eq!(press(&mut state, KeyCode::Enter), [], "Enter ends the reason, and answers nothing");
    types(&mut state, "c123456");
    assert!(drawn(&mut state).contains("******▏") && !drawn(&mut state).contains("123456"));
    press(&mut state, KeyCode::Enter);
    assert!(drawn(&mut state).contains("why: yes, jack; a code is given"), "{}", drawn(&mut state));
    types(&mut state, "yes");
    let (reason, code) = (Some("yes, jack".to_owned()), Some("123456".to_owned()));
    let given = Given { seen: Some(0), evidence: Some(sample::hold().evidence), reason, code };
    assert_eq!(press(&mut state, KeyCode::Enter), [Order::Decide { decision: approve(), given }]);
    let words = format!("not permitted: {}", "a long answer that ends with the remedy ".repeat(4));
    update(&mut state, Input::Answered(Err(words)));
    let shown = drawn(&mut state);
    assert_eq!(shown.matches("remedy").count(), 4, "in words, all of them: {shown}");
    press(&mut state, KeyCode::Esc);
    let orders = types(&mut state, "d");
    let [Order::Look(looking)] = &orders[..] else { panic!("{orders:?}") };
    let sighting = Sighting { hold: Some(sample::hold()), story: None };
    update(&mut state, Input::Looked(looking.clone(), Ok(Box::new(sighting))));
    drawn(&mut state);
    types(&mut state, "rnot ours");
    press(&mut state, KeyCode::Enter);
    let orders = types(&mut state, "y");
    let [Order::Decide { given, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(given.reason.as_deref(), Some("not ours"));
}

#[test]
fn what_does_not_fit_must_be_read_to_its_end() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    let others = (0..60).map(|number| format!("{number} curl number-{number}.")).collect();
    types(&mut state, "a");
    looked(&mut state, Some(HoldView { others, ..sample::hold() }));
    assert!(drawn(&mut state).contains("there is more to read") && !drawn(&mut state).contains("number-59."));
    types(&mut state, "yes");
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    press(&mut state, KeyCode::End);
    let end = drawn(&mut state);
    assert!(end.contains("number-59.") && end.contains("there is more to read"), "the middle: {end}");
    press(&mut state, KeyCode::Home);
    for _ in 0..6 {
        drawn(&mut state);
        press(&mut state, KeyCode::PageDown);
    }
    assert!(drawn(&mut state).contains("number-59."), "{}", drawn(&mut state));
    types(&mut state, "yes");
    assert_eq!(press(&mut state, KeyCode::Enter), [decide(approve(), Some(60))]);
}

#[test]
fn a_question_ends_with_its_hold_and_with_the_daemon() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    types(&mut state, "a");
    assert_eq!(looked(&mut state, None), [Order::Refresh]);
    types(&mut state, "a");
    looked(&mut state, Some(sample::hold()));
    let event = |hold: &str| {
        Input::Happened(Box::new(
            json!({ "event.id": format!("e{hold}"), "event.action": "flow-denied", "interlock.hold.id": hold,
            "interlock.hold.decided_by": "uid 7" }),
        ))
    };
    assert_eq!(update(&mut state, event("h2")), [Order::Refresh]);
    assert!(state.dialog.is_some());
    assert_eq!(update(&mut state, event("h2")), [], "it is told again");
    assert_eq!(update(&mut state, event("h1")), [Order::Refresh]);
    assert_eq!(state.notice.as_deref(), Some("h1 is decided: flow-denied by uid 7"));
    types(&mut state, "a");
    assert_eq!(update(&mut state, Input::Lost("it is gone".into())), [Order::Refresh]);
    assert!(drawn(&mut state).contains("NO DAEMON"), "{}", drawn(&mut state));
    assert_eq!(types(&mut state, "a"), [], "nobody to ask");
    update(&mut state, news(vec![sample::hold()]));
    assert_eq!(state.link, Link::Up);
    assert_eq!(types(&mut state, "a"), [look(4)]);
}

#[test]
fn an_answer_to_a_question_that_was_left_opens_nothing() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    types(&mut state, "a");
    assert_eq!(press(&mut state, KeyCode::Esc), [Order::Refresh]);
    looked(&mut state, Some(sample::hold()));
    assert!(state.dialog.is_none());
    types(&mut state, "d");
    looked(&mut state, Some(sample::hold())); // of the approval that was left
    assert!(matches!(&state.dialog, Some(Dialog::Looking(Looking { decision: Decision::Deny { .. }, .. }))));
    press(&mut state, KeyCode::Esc);
    assert_eq!(types(&mut state, "a"), [look(3)]);
    looked_at(&mut state, 1, Some(sample::hold())); // the same decision, and older evidence
    assert!(matches!(&state.dialog, Some(Dialog::Looking(_))));
    looked_at(&mut state, 3, Some(sample::hold()));
    assert!(matches!(&state.dialog, Some(Dialog::Question(_))));
}

#[test]
fn a_question_takes_no_answer_before_it_has_stood_on_a_screen_that_can_be_read() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    let deny = Decision::Deny { hold: "h1".into() };
    let ask = |state: &mut State| {
        types(state, "d");
        let sighting = Sighting { hold: Some(sample::hold()), story: None };
        let looking = Looking { decision: deny.clone(), serial: state.looks };
        update(state, Input::Looked(looking, Ok(Box::new(sighting))));
    };
    ask(&mut state);
    assert_eq!(types(&mut state, "y"), [], "it was not drawn");
    state.was_drawn(Instant::now());
    assert_eq!(types(&mut state, "y"), [], "nobody can have read it");
    assert!(at_once(&state).contains("read it first"), "{}", at_once(&state));
    update(&mut state, Input::Resized(59, 24));
    drawn(&mut state);
    assert_eq!(types(&mut state, "y"), [], "nothing is to be seen");
    assert_eq!(press(&mut state, KeyCode::Esc), []);
    assert_eq!(types(&mut state, "q"), [Order::Quit]);
    update(&mut state, Input::Resized(80, 24));
    press(&mut state, KeyCode::Esc);
    ask(&mut state);
    drawn(&mut state);
    assert_eq!(types(&mut state, "y"), [decide(deny.clone(), Some(0))]);
}

#[test]
fn what_is_pasted_is_no_key() {
    assert!(Input::of_terminal(Event::Paste("y".into())).is_none());
}

#[test]
fn a_hold_is_explained_once_and_again_when_somebody_joins_it() {
    let mut state = screen((80, 24), vec![]);
    let explain = || Order::Explain { id: "h1".into(), shown: false };
    assert_eq!(update(&mut state, news(vec![sample::hold()])), [explain()]);
    assert_eq!(update(&mut state, news(vec![sample::hold()])), [], "the answer is on its way");
    let joined = HoldView { others: vec!["4730 curl".into()], ..sample::hold() };
    assert_eq!(update(&mut state, news(vec![joined.clone()])), [explain()]);
    update(&mut state, Input::Explained { id: "h1".into(), shown: false, story: Err("busy".into()) });
    assert_eq!(update(&mut state, news(vec![joined])), [explain()]);
}

#[test]
fn what_stops_something_takes_a_key() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    let frozen = Decision::Freeze { session: "4711-0a1b2".into() };
    assert_eq!(types(&mut state, "fy"), [], "typed in one breath");
    drawn(&mut state);
    assert_eq!(types(&mut state, "y"), [decide(frozen, None)], "of the chosen hold");
    press(&mut state, KeyCode::Tab);
    types(&mut state, "jt");
    drawn(&mut state);
    assert_eq!(types(&mut state, "y"), []);
    types(&mut state, "es");
    let thawed = Decision::Thaw { session: "4800-0a1b3".into() };
    assert_eq!(press(&mut state, KeyCode::Enter), [decide(thawed, None)]);
    press(&mut state, KeyCode::Tab);
    assert_eq!(types(&mut state, "ad"), []);
    assert!(state.notice.as_deref().unwrap().contains("no hold is chosen"));
}

#[test]
fn events_are_narrowed_as_one_types() {
    let mut state = screen((80, 24), vec![]);
    types(&mut state, "/railway");
    assert_eq!(state.events.shown(&TimeZone::UTC).len(), 1);
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.events.shown(&TimeZone::UTC).len(), 2);
    types(&mut state, "/kind=exec");
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.focus, Pane::Events);
    insta::assert_snapshot!(drawn(&mut state));
    assert_eq!(press(&mut state, KeyCode::Enter), [Order::Explain { id: "e2".into(), shown: true }]);
    press(&mut state, KeyCode::BackTab);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.events.filter, "session=4711-0a1b2");
}

#[test]
fn an_explanation_is_wrapped_to_the_screen_and_scrolls() {
    let mut state = screen((80, 24), vec![sample::hold()]);
    let order = press(&mut state, KeyCode::Enter);
    assert_eq!(order, [Order::Explain { id: "h1".into(), shown: true }]);
    let story = Ok(Box::new(sample::explanation()));
    update(&mut state, Input::Explained { id: "h1".into(), shown: true, story });
    let top = drawn(&mut state);
    assert!(top.contains("who, from the session's root"), "{top}");
    press(&mut state, KeyCode::End);
    assert!(drawn(&mut state).contains("other rules are in force"), "{}", drawn(&mut state));
    types(&mut state, "q");
    assert!(state.dialog.is_none(), "q leaves the text first");
    assert_eq!(types(&mut state, "q"), [Order::Quit]);
}

#[test]
fn every_size_can_be_drawn() {
    let holds: Vec<HoldView> =
        (1..12).map(|number| HoldView { id: format!("h{number}"), ..sample::hold() }).collect();
    for size in [(1, 1), (20, 5), (60, 16), (80, 24), (300, 100), (80, 17)] {
        let mut state = screen(size, holds.clone());
        for keys in ["G", "?", "q", "a"] {
            types(&mut state, keys);
            drawn(&mut state);
        }
        looked(&mut state, Some(sample::hold()));
        update(&mut state, Input::Resized(size.0.max(60), size.1.max(16)));
        drawn(&mut state);
    }
}
