//! What the worker still has to ask, in the order in which a person waits for it.

use std::collections::VecDeque;

use super::message::Order;

/// Orders that wait: what a person asked for comes first, what the screen asks for by itself behind it, and everything anew last
/// and once. A storm of events must not stand before an answer.
#[derive(Debug, Default)]
pub struct Agenda {
    asked: VecDeque<Order>,
    unasked: VecDeque<Order>,
    refresh: bool,
}

impl Agenda {
    pub fn put(&mut self, order: Order) {
        match order {
            Order::Refresh => self.refresh = true,
            Order::Explain { shown: false, .. } => self.unasked.push_back(order),
            Order::Look(_) | Order::Decide { .. } | Order::Explain { .. } | Order::Quit => {
                self.asked.push_back(order);
            }
        }
    }

    pub fn next(&mut self) -> Option<Order> {
        let waiting = self.asked.pop_front().or_else(|| self.unasked.pop_front());
        waiting.or_else(|| std::mem::take(&mut self.refresh).then_some(Order::Refresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::watch::{answer::Given, dialog::Decision};

    #[test]
    fn a_person_does_not_wait_behind_what_the_screen_asks_for() {
        let mut agenda = Agenda::default();
        let explain = |id: &str, shown| Order::Explain { id: id.into(), shown };
        let decision = Decision::Deny { hold: "h1".into() };
        let decide = Order::Decide { decision, given: Given::default() };
        (0..2560).for_each(|_| agenda.put(Order::Refresh));
        for order in [explain("h1", false), explain("h2", true), decide.clone(), explain("h3", false)] {
            agenda.put(order);
        }
        let all: Vec<Order> = std::iter::from_fn(|| agenda.next()).collect();
        let expected =
            [explain("h2", true), decide, explain("h1", false), explain("h3", false), Order::Refresh];
        assert_eq!(all, expected);
    }
}
