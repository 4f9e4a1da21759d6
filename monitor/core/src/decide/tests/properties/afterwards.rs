//! What becomes of connections that were let go on: each is told once that it sends, if it does, and once that it has ended.

use super::*;
use crate::holds::{
    FlowKey,
    let_go::{End, LetGo, Progress},
};

fn key(cookie: u64) -> FlowKey {
    FlowKey { cookie, ..FlowKey::default() }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    sent: bool,
    ended: bool,
}

impl Driver {
    /// Nothing is told twice, nothing of what nobody let go on, and nothing is let go on before it is counted.
    pub fn note_told(&mut self, effects: &[Effect]) {
        for (place, effect) in effects.iter().enumerate() {
            match effect {
                Effect::Count(flow) => {
                    assert_eq!(self.let_go.insert(flow.cookie, Told::default()), None, "counted twice");
                    let allowed = |after: &Effect| matches!(after, Effect::Allow(waiter) if waiter.what == Waiting::Flow(*flow));
                    assert!(effects[place..].iter().any(allowed), "{effects:#?}");
                    assert!(!effects[..place].iter().any(allowed), "it could leave uncounted: {effects:#?}");
                }
                Effect::Report(Report::LetGo { name, flow, .. }) => self.note_one(name, flow),
                _ => {}
            }
        }
        let ends = effects.iter().filter(|effect| matches!(effect, Effect::CountNoMore(_))).count();
        let records = records(effects);
        let recorded = records.iter().filter(|kind| matches!(kind, Kind::Close | Kind::Lapse)).count();
        let too_late = effects.iter().filter(|effect| self.is_too_late(effect)).count();
        assert_eq!(ends + too_late, recorded, "no end without its record: {effects:#?}");
    }

    /// A yes to what was gone: nothing of it was counted.
    fn is_too_late(&self, effect: &Effect) -> bool {
        matches!(effect, Effect::Report(Report::LetGo { flow, .. }) if self.reconnected.contains(&flow.key.cookie))
    }

    fn note_one(&mut self, name: &str, flow: &LetGo) {
        if self.reconnected.contains(&flow.key.cookie) {
            assert_eq!((name, flow.bytes), ("flow-lapsed", 0), "nothing of it could leave");
            return;
        }
        let told = self.let_go.get_mut(&flow.key.cookie).expect("it was let go on");
        assert!(!told.ended, "told after its end: {name} {flow:?}");
        match name {
            "flow-sent" => {
                assert!(!told.sent, "its first bytes leave once");
                told.sent = true;
            }
            "flow-lapsed" => {
                assert!(!told.sent && flow.bytes == 0, "something of it has left");
                told.ended = true;
            }
            "flow-ended" => {
                assert_eq!(told.sent, flow.bytes > 0);
                told.ended = true;
            }
            other => panic!("{other}"),
        }
    }

    pub fn check_let_go(&self) {
        let found: BTreeMap<u64, u64> =
            self.decider.holds().let_go().iter().map(|flow| (flow.key.cookie, flow.bytes)).collect();
        assert_eq!(found, self.model.let_go);
        let open = self.let_go.iter().filter(|(_, told)| !told.ended).map(|(cookie, _)| *cookie);
        assert!(open.eq(found.into_keys()), "each that was let go on is followed until its end is told");
    }

    fn let_go_at(&self, place: usize) -> Option<(FlowKey, u64)> {
        let all = &self.model.let_go;
        all.iter().nth(place % all.len().max(1)).map(|(cookie, bytes)| (key(*cookie), *bytes))
    }

    /// The kernel says of what it is to count that it is gone, where it does.
    pub fn answer_counts(&mut self, effects: &mut Vec<Effect>) {
        let counted: Vec<FlowKey> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Count(flow) if !self.counts => Some(flow.key()),
                _ => None,
            })
            .collect();
        for key in counted {
            let progress = Progress { bytes: 0, at_least: false, end: Some(End::Gone) };
            self.decider.step(at(self.now), Input::Sent { key, progress }, effects);
            assert_eq!(records(effects).last(), Some(&Kind::Lapse), "nothing of it can leave");
            self.uncounted.push(key.cookie);
        }
    }

    pub fn sent(&mut self, place: usize, more: u64) {
        let Some((key, before)) = self.let_go_at(place) else { return };
        let progress = Progress { bytes: before + more, at_least: false, end: None };
        let effects = self.step(Input::Sent { key, progress });
        self.model.let_go.insert(key.cookie, before + more);
        let commits = usize::from(before == 0 && more > 0);
        assert_eq!(records(&effects), vec![Kind::Commit; commits], "{effects:#?}");
        self.check(&effects, &Outcome::default());
    }

    pub fn let_go_ends(&mut self, place: usize, seen: bool) {
        let Some((key, bytes)) = self.let_go_at(place) else { return };
        let end = if seen { End::Closed } else { End::Unknown("nobody saw it") };
        let progress = Progress { bytes, at_least: false, end: Some(end) };
        let effects = self.step(Input::Sent { key, progress });
        self.model.let_go.remove(&key.cookie);
        let kind = if bytes == 0 && seen { Kind::Lapse } else { Kind::Close };
        assert_eq!(records(&effects), [kind], "what is not known is not called nothing");
        self.check(&effects, &Outcome::default());
    }

    pub fn reconnects(&mut self, place: usize) {
        let Some((key, bytes)) = self.let_go_at(place) else { return };
        let effects = self.step(Input::Reconnected { cookie: key.cookie, let_on: None });
        self.model.let_go.remove(&key.cookie);
        assert_eq!(records(&effects), [if bytes == 0 { Kind::Lapse } else { Kind::Close }]);
        self.check(&effects, &Outcome::default());
    }

    /// What waits is gone with its connection; the question stays.
    pub fn held_reconnects(&mut self, place: usize) {
        let waiting = self.waiting();
        let Some(waiter) = waiting.get(place % waiting.len().max(1)).copied() else { return };
        let effects = self.step(Input::Reconnected { cookie: waiter.number, let_on: None });
        if self.model.lose(waiter.number) {
            self.reconnected.insert(waiter.number);
        }
        self.check(&effects, &Outcome::default());
    }
}
