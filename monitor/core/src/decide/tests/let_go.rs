//! What becomes of a yes to a connection.

use super::*;
use crate::{
    facts::Kind as Fact,
    holds::{
        FlowKey,
        let_go::{End, LetGo, OF_SESSION, Progress},
    },
    record::Kind,
};

/// Holds no connection.
const OPENS: &str = "{id: r, summary: s, on: open, match: {secret: {class: ssh}}, action: hold}";

/// A socket whose data to this port waits.
fn held(cookie: u64, port: u16) -> HeldFlow {
    HeldFlow { cookie, port, generation: 1, ..HeldFlow::default() }
}

fn connect(bench: &mut Bench, flow: HeldFlow, host: &str) {
    bench.act(Subject::Connect(to(host)), Pending::Flow { flow, unseen: false });
}

fn approve(bench: &mut Bench, hold: u64) {
    bench.step(Input::Approved(yes(hold)));
}

fn sent(bench: &mut Bench, key: FlowKey, bytes: u64, end: Option<End>) {
    bench.step(Input::Sent { key, progress: Progress { bytes, at_least: false, end } });
}

fn followed(bench: &Bench) -> Vec<FlowKey> {
    bench.decider.holds().let_go().iter().map(|flow| flow.key).collect()
}

/// Kinds of the records of what was let go on, with how it ended.
fn told(bench: &Bench) -> Vec<(Kind, String)> {
    let entries = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Record(entry) if matches!(entry.kind, Kind::Commit | Kind::Close | Kind::Lapse) => {
            Some(entry)
        }
        _ => None,
    });
    let ended = |entry: &crate::record::Entry| {
        entry.detail.get("ended").and_then(|end| end.as_str()).unwrap_or_default().to_owned()
    };
    entries.map(|entry| (entry.kind, ended(entry))).collect()
}

#[test]
fn of_a_socket_that_is_held_for_two_places_one_yes_does_not_end_the_other() {
    let mut bench = Bench::new(&[HOLD]);
    let (first, second) = (held(5, 1), held(5, 2));
    connect(&mut bench, first, "a.example");
    connect(&mut bench, second, "b.example");
    approve(&mut bench, 2);
    approve(&mut bench, 1);
    assert_eq!(followed(&bench), [first.key(), second.key()]);
    assert_eq!(told(&bench), [], "the other one goes on");
    sent(&mut bench, first.key(), 0, Some(End::Gone)); // the kernel says that the socket goes to the second
    assert_eq!(told(&bench), [(Kind::Lapse, "gone".to_owned())]);
    assert!(matches!(bench.effects[..], [.., Effect::CountNoMore(key), Effect::Save] if key == first.key()));
    assert_eq!(followed(&bench), [second.key()]);
    sent(&mut bench, second.key(), 7, None);
    assert_eq!(told(&bench), [(Kind::Commit, String::new())]);
}

#[test]
fn a_yes_to_what_is_gone_is_none_to_its_sockets_next_connection() {
    let mut bench = Bench::new(&[HOLD]);
    let flow = held(5, 1);
    connect(&mut bench, flow, "a.example");
    bench.step(Input::Reconnected { cookie: 5, let_on: None });
    connect(&mut bench, flow, "b.example");
    approve(&mut bench, 2);
    approve(&mut bench, 1);
    assert_eq!(told(&bench), [(Kind::Lapse, "gone".to_owned())], "the yes came too late, and that is told");
    let answers = |effect: &Effect| matches!(effect, Effect::Allow(_) | Effect::CountNoMore(_));
    assert!(!bench.effects.iter().any(answers), "{:?}", bench.effects_in_words());
    assert_eq!(followed(&bench), [flow.key()]);
    let mut bench = Bench::new(&[HOLD]);
    connect(&mut bench, flow, "a.example");
    bench.step(Input::Reconnected { cookie: 5, let_on: None });
    bench.step(Input::Denied(Denial::of(1, PERSON)));
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::Refuse(_))), "nor is a no");
}

#[test]
fn a_connection_that_was_made_anew_just_before_its_yes_is_followed() {
    let reconnected = |let_on: Option<FlowKey>| {
        let mut bench = Bench::new(&[HOLD]);
        connect(&mut bench, held(5, 1), "a.example");
        approve(&mut bench, 1);
        bench.step(Input::Reconnected { cookie: 5, let_on });
        (followed(&bench).len(), told(&bench))
    };
    assert_eq!(reconnected(None), (0, vec![(Kind::Lapse, "reconnected".to_owned())]));
    assert_eq!(reconnected(Some(held(5, 1).key())), (1, vec![]), "the yes was to the new one");
    assert_eq!(reconnected(Some(held(5, 2).key())).0, 0, "to another place");
}

#[test]
fn what_asks_again_and_needs_no_other_yes_is_followed_on() {
    let mut bench = Bench::new(&[HOLD]);
    let flow = held(5, 1);
    connect(&mut bench, flow, "a.example");
    approve(&mut bench, 1);
    bench.decider.settings.rules = Arc::clone(&Bench::new(&[OPENS]).decider.settings.rules); // others are in force
    connect(&mut bench, HeldFlow { generation: 2, ..flow }, "a.example");
    assert_eq!(told(&bench), [], "it goes on without another yes");
    assert!(bench.effects_in_words().contains(&"allow flow 5".to_owned()));
    sent(&mut bench, flow.key(), 9, Some(End::Closed));
    assert_eq!(told(&bench), [(Kind::Commit, String::new()), (Kind::Close, "closed".to_owned())]);
    let mut bench = Bench::new(&[HOLD]);
    connect(&mut bench, flow, "a.example");
    approve(&mut bench, 1);
    connect(&mut bench, HeldFlow { generation: 2, ..flow }, "a.example");
    assert_eq!(told(&bench), [(Kind::Lapse, "asked-again".to_owned())], "it waits for the next yes");
    let over = SessionId(9);
    let mut bench = Bench::new(&[HOLD]);
    connect(&mut bench, flow, "a.example");
    approve(&mut bench, 1);
    let (process, at, pending) = (process(10, "/bin/p"), BootNanos(9), Pending::Flow { flow, unseen: false });
    let subject = Subject::Connect(to("a.example"));
    assert_eq!(subject.kind(), Fact::Connect);
    bench.step(Input::Act(Box::new(Act { session: over, process, at, subject, pending, pack_off: None })));
    assert_eq!(
        told(&bench),
        [(Kind::Lapse, "asked-again".to_owned())],
        "its session is over, and it is held"
    );
}

#[test]
fn one_session_leaves_room_for_others() {
    let mut bench = Bench::new(&[OPENS]);
    let let_go = |session: u64, cookie: u64| LetGo {
        key: held(cookie, 1).key(),
        session,
        pid: 1,
        destination: to("a.example"),
        hold: None,
        grant: None,
        since: BootNanos(1),
        committed: 0,
        bytes: 0,
    };
    let most = OF_SESSION as u64;
    bench.step(Input::RestoredLetGo((0..=most).map(|cookie| let_go(1, cookie)).collect()));
    assert_eq!(followed(&bench).len(), OF_SESSION);
    assert_eq!(told(&bench), [(Kind::Close, "unknown".to_owned())], "what is above is told");
    bench.step(Input::RestoredLetGo(vec![let_go(2, most + 1)]));
    assert_eq!((followed(&bench).len(), told(&bench)), (OF_SESSION + 1, vec![]));
}

#[test]
fn what_is_saved_of_it_does_not_change_while_it_sends() {
    let mut bench = Bench::new(&[HOLD]);
    let flow = held(5, 1);
    connect(&mut bench, flow, "a.example");
    approve(&mut bench, 1);
    let saved = |bench: &Bench| bench.decider.holds().let_go().get(&flow.key()).unwrap().saved();
    let before = saved(&bench);
    sent(&mut bench, flow.key(), 7, None);
    let committed = saved(&bench);
    assert_ne!(before, committed, "the next daemon must not tell it again");
    sent(&mut bench, flow.key(), 900, None);
    assert_eq!(saved(&bench), committed);
    let text = serde_json::to_string(&committed).unwrap();
    assert_eq!(serde_json::from_str::<LetGo>(&text).unwrap(), LetGo { bytes: 0, ..committed });
    let older = text
        .replace(r#","port":1"#, "")
        .replace(&format!(r#","address":{:?}"#, [0; 16]).replace(' ', ""), "");
    assert!(!older.contains("address\":[0"), "{older}");
    let key = FlowKey { cookie: 5, ..FlowKey::default() };
    assert_eq!(
        serde_json::from_str::<LetGo>(&older).unwrap().key,
        key,
        "an earlier version saved the cookie alone"
    );
}
