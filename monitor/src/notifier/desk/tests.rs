use std::sync::Arc;

use super::*;
use crate::{config::Quiet, metrics::Metrics, notifier::outcome::Outcome};
use interlock_core::facts::Severity;

fn target(name: &str) -> Target {
    Target::sample(name, "https://hooks.example")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

struct Trial {
    desk: Desk,
    dir: tempfile::TempDir,
    metrics: Arc<Metrics>,
}

impl Trial {
    fn new(targets: &[Target]) -> Self {
        let (dir, metrics) = (tempfile::tempdir().unwrap(), Arc::new(Metrics::new().unwrap()));
        let desk = desk(targets, dir.path(), &metrics);
        Self { desk, dir, metrics }
    }

    /// As if the daemon had been killed.
    fn start_again(&mut self, targets: &[Target]) {
        self.desk = desk(targets, self.dir.path(), &self.metrics);
    }

    /// Everything that is due for a target, delivered.
    fn told(&mut self, target: &str, now: Timestamp) -> Vec<Letter> {
        self.desk.look(now);
        let mut told = Vec::new();
        while let Some(letter) = self.desk.next(target, now) {
            self.desk.done(&letter, &Outcome::Delivered(Some("handle".into())), now);
            told.push(letter);
        }
        told
    }

    fn keys(&mut self, target: &str, now: Timestamp) -> Vec<(String, Class)> {
        self.told(target, now).into_iter().map(|letter| (letter.notice.key, letter.notice.class)).collect()
    }

    fn left(&self) -> usize {
        self.desk.outbox.letters().count()
    }
}

fn desk(targets: &[Target], dir: &std::path::Path, metrics: &Arc<Metrics>) -> Desk {
    let board = Board::new(targets, Arc::clone(metrics));
    Desk::new(targets.into(), Outbox::open(dir).unwrap(), board, TimeZone::UTC)
}

fn hold(key: &str) -> Notice {
    Notice::new(key, Class::Hold, Severity::Critical, at(0))
}

fn decided(key: &str) -> Notice {
    let decided = Decided { state: HoldState::Denied, at: at(5), by: Some("ann".into()), reason: None };
    Notice { class: Class::Decided, decided: Some(decided), ..hold(key) }
}

fn alert(key: &str) -> Notice {
    Notice { action: "secret-read".into(), ..Notice::new(key, Class::Alert, Severity::High, at(0)) }
}

fn wants_alerts(name: &str) -> Target {
    Target { events: vec![Class::Alert], ..target(name) }
}

#[test]
fn a_hold_is_told_once_and_what_became_of_it_in_its_place() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    trial.desk.take(&hold("h1"), at(0));
    assert_eq!(trial.keys("a", at(0)), [("h1".to_owned(), Class::Hold)]);
    trial.desk.take(&decided("h1"), at(5));
    let told = trial.told("a", at(5));
    assert_eq!(
        (told.len(), told[0].handle.as_deref(), told[0].notice.class),
        (1, Some("handle"), Class::Decided)
    );
    assert_eq!((trial.keys("a", at(6)), trial.left()), (vec![], 0));
}

#[test]
fn what_was_decided_before_it_was_told_is_told_as_what_it_became() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    trial.desk.take(&decided("h1"), at(5));
    assert_eq!(trial.keys("a", at(5)), [("h1".to_owned(), Class::Decided)]);
    assert_eq!(trial.left(), 0);
}

#[test]
fn a_decision_while_the_question_is_under_way_is_told_after_it() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    let asked = trial.desk.next("a", at(0)).unwrap();
    trial.desk.take(&decided("h1"), at(1));
    assert_eq!(trial.desk.next("a", at(1)), None, "one at a time");
    trial.desk.done(&asked, &Outcome::Delivered(None), at(2));
    assert_eq!(trial.keys("a", at(2)), [("h1".to_owned(), Class::Decided)]);
    assert_eq!(trial.left(), 0);
}

#[test]
fn a_target_that_wants_no_decisions_is_not_asked_what_is_decided() {
    let mut trial = Trial::new(&[Target { events: vec![Class::Hold], ..target("a") }]);
    trial.desk.take(&hold("h1"), at(0));
    trial.desk.take(&decided("h1"), at(5));
    assert_eq!((trial.keys("a", at(5)), trial.left()), (vec![], 0));
}

#[test]
fn the_outbox_survives_the_daemon_and_what_ended_meanwhile_is_no_question_any_more() {
    let targets = [target("a")];
    let mut trial = Trial::new(&targets);
    for key in ["h1", "h2", "h3"] {
        trial.desk.take(&hold(key), at(0));
    }
    let told = trial.desk.next("a", at(0)).unwrap();
    trial.desk.done(&told, &Outcome::Delivered(Some("m1".into())), at(0));
    let lost = trial.desk.next("a", at(0)).unwrap(); // its answer is never seen
    trial.start_again(&targets);
    trial.desk.only_these_wait(&["h1".into(), "h2".into()], at(60));
    trial.desk.take(&hold("h1"), at(60));
    let told = trial.told("a", at(60));
    let keys: Vec<_> = told.iter().map(|letter| (letter.notice.key.as_str(), letter.notice.class)).collect();
    assert_eq!(keys, [("h2", Class::Hold), ("h3", Class::Decided)]);
    assert_eq!(told[0].message_id(), lost.message_id(), "a receiver knows it by its id");
    assert_eq!(told[1].notice.decided.as_ref().unwrap().state, HoldState::Gone);
}

#[test]
fn nobody_answers_and_the_next_is_told_once_also_over_a_restart() {
    let minutes = |name: &str, to: &str| Target {
        escalate_after: Some(Duration::from_secs(180)),
        to: Some(to.to_owned()),
        ..target(name)
    };
    let silent = Target { events: Vec::new(), ..target("c") };
    let targets = [minutes("a", "b"), Target { events: Vec::new(), ..minutes("b", "c") }, silent];
    let mut trial = Trial::new(&targets);
    trial.desk.take(&hold("h1"), at(0));
    assert_eq!(trial.keys("a", at(0)).len(), 1);
    assert_eq!(trial.keys("b", at(179)), []);
    assert_eq!(trial.desk.wake("a", at(170)), Some(Duration::from_secs(10)));
    trial.start_again(&targets);
    trial.desk.only_these_wait(&["h1".into()], at(179));
    let told = trial.told("b", at(180));
    assert_eq!((told.len(), told[0].notice.escalated_from.as_deref()), (1, Some("a")));
    assert_eq!(trial.keys("b", at(200)), []);
    assert_eq!(trial.keys("c", at(360)).len(), 1, "the chain goes on");
    trial.desk.take(&decided("h1"), at(400));
    for name in ["a", "b", "c"] {
        assert_eq!(trial.keys(name, at(400)), [("h1".to_owned(), Class::Decided)], "{name}");
    }
    assert_eq!(trial.left(), 0);
}

#[test]
fn what_is_refused_goes_to_the_next_at_once() {
    let first =
        Target { escalate_after: Some(Duration::from_secs(180)), to: Some("b".into()), ..target("a") };
    let mut trial = Trial::new(&[first, Target { events: Vec::new(), ..target("b") }]);
    trial.desk.take(&hold("h1"), at(0));
    let letter = trial.desk.next("a", at(0)).unwrap();
    trial.desk.done(&letter, &Outcome::refused("answered 401"), at(1));
    assert_eq!(trial.keys("b", at(1)).len(), 1);
    assert_eq!(trial.desk.next("a", at(1)), None, "it is not tried again");
}

#[test]
fn a_message_that_can_be_changed_no_more_is_told_anew() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    assert_eq!(trial.keys("a", at(0)).len(), 1);
    trial.desk.take(&decided("h1"), at(5));
    let edit = trial.desk.next("a", at(5)).unwrap();
    trial.desk.done(&edit, &Outcome::refused("message_not_found"), at(5));
    let anew = trial.desk.next("a", at(5)).unwrap();
    assert_eq!((edit.handle.is_some(), anew.handle.is_some()), (true, false));
    trial.desk.done(&anew, &Outcome::refused("channel_not_found"), at(6));
    assert_eq!(trial.left(), 0);
}

#[test]
fn a_failure_waits_longer_each_time_and_as_long_as_the_server_asks() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    let attempt = |trial: &mut Trial, now, pause: Option<u64>| {
        let letter = trial.desk.next("a", now).unwrap();
        let pause = pause.map(Duration::from_secs);
        trial.desk.done(&letter, &Outcome::Later { pause, why: "answered 503".into() }, now);
        trial.desk.wake("a", now).unwrap()
    };
    assert!(attempt(&mut trial, at(0), None) <= Duration::from_secs(1));
    assert_eq!(attempt(&mut trial, at(10), Some(40)), Duration::from_secs(40));
    // A server that asks to be left alone is left alone with everything.
    trial.desk.take(&hold("h2"), at(20));
    assert_eq!(trial.desk.next("a", at(49)), None);
    trial.desk.take(&decided("h2"), at(49));
    assert_eq!(trial.desk.next("a", at(49)), None);
    attempt(&mut trial, at(50), None);
    let h1 = trial.desk.outbox.letters().find(|letter| letter.notice.key == "h1").unwrap();
    assert!(h1.attempts == 3 && h1.not_before >= at(52), "{h1:?}");
    let check = &trial.desk.board.checks()[0];
    assert!(check.advice.as_deref().unwrap().contains("answered 503"), "{check:?}");
    assert!(check.found.contains("2 wait"), "{check:?}");
    // A clock that is set back keeps nobody waiting for a day.
    assert!(trial.desk.next("a", at(-100_000)).is_some());
}

#[test]
fn repeats_are_counted_before_they_are_told_and_for_a_minute_after() {
    let mut trial = Trial::new(&[wants_alerts("a")]);
    for key in ["e1", "e2", "e3"] {
        trial.desk.take(&alert(key), at(0));
    }
    assert_eq!(trial.told("a", at(0))[0].notice.count, 3);
    for second in 1..=12 {
        trial.desk.take(&alert("e9"), at(second));
        assert_eq!(trial.keys("a", at(second)), []);
    }
    let told = trial.told("a", at(60));
    assert_eq!((told.len(), told[0].notice.count, trial.left()), (1, 12, 0));
    trial.desk.take(&Notice { object: Some("/other".into()), ..alert("e20") }, at(61));
    assert_eq!(trial.keys("a", at(61)).len(), 1, "another matter");
}

#[test]
fn each_filter_asks_for_what_it_says() {
    let base = target("a");
    let owned = Notice { user: Some(1000), rules: vec!["r".into()], ..hold("h1") };
    assert!(wanted::wants(&base, &owned));
    assert!(!wanted::wants(&Target { users: vec![0], ..base.clone() }, &owned));
    assert!(wanted::wants(&Target { users: vec![0, 1000], ..base.clone() }, &owned));
    assert!(!wanted::wants(&Target { rules: vec!["other".into()], ..base.clone() }, &owned));
    assert!(!wanted::wants(&Target { events: vec![Class::Freeze], ..base.clone() }, &owned));
    let mild = Notice { severity: Severity::Medium, ..owned };
    assert!(!wanted::wants(&Target { severity: Severity::High, ..base }, &mild));
}

#[test]
fn a_quiet_night_is_broken_by_what_is_critical_alone() {
    // 2027-01-15 08:00:00 UTC.
    let quiet = Target { quiet: Quiet::parse("07:00-09:00"), ..target("a") };
    let mut trial = Trial::new(&[quiet]);
    trial.desk.take(&Notice { severity: Severity::High, ..hold("h1") }, at(0));
    trial.desk.take(&Notice::new("e1", Class::Freeze, Severity::Critical, at(0)), at(0));
    trial.desk.take(&hold("h2"), at(0));
    assert_eq!(trial.keys("a", at(0)), [("h2".to_owned(), Class::Hold)]);
    assert_eq!(trial.desk.wake("a", at(0)), Some(Duration::from_secs(3600)));
    trial.desk.take(&decided("h1"), at(5));
    trial.desk.take(&decided("h2"), at(5));
    assert_eq!(
        trial.keys("a", at(5)),
        [("h2".to_owned(), Class::Decided)],
        "whoever was woken may sleep again"
    );
    let morning = trial.keys("a", at(3600));
    assert_eq!(morning, [("h1".to_owned(), Class::Decided), ("e1".to_owned(), Class::Freeze)]);
}

#[test]
fn a_full_outbox_keeps_what_must_be_answered() {
    let mut trial = Trial::new(&[wants_alerts("a"), Target { events: vec![Class::Hold], ..target("b") }]);
    trial.desk.take(&hold("h1"), at(0));
    for number in 0..600 {
        trial
            .desk
            .take(&Notice { object: Some(format!("/{number}")), ..alert(&format!("e{number}")) }, at(0));
    }
    assert_eq!(trial.left(), 512);
    assert_eq!(trial.keys("b", at(0)), [("h1".to_owned(), Class::Hold)]);
    let page = trial.metrics.encode();
    assert!(page.contains("interlock_notifications_total{outcome=\"dropped\",target=\"a\"} 89"), "{page}");
}

#[test]
fn what_is_a_day_old_is_told_no_more_unless_somebody_must_answer() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    trial.desk.take(&Notice::new("e1", Class::Freeze, Severity::Critical, at(0)), at(0));
    assert_eq!(trial.keys("a", at(90_000)), [("h1".to_owned(), Class::Hold)]);
    assert!(trial.metrics.encode().contains("outcome=\"expired\",target=\"a\"} 1"));
}

#[test]
fn a_target_that_is_configured_no_more_is_told_nothing() {
    let mut trial = Trial::new(&[target("a")]);
    trial.desk.take(&hold("h1"), at(0));
    trial.start_again(&[target("b")]);
    assert_eq!(trial.left(), 0);
}
