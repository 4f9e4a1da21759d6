//! Random histories: what sessions and people do, in any order.

use proptest::prelude::*;

use crate::decide::tests::model::{Question, Reach, Seconds};

#[derive(Clone, Debug)]
pub enum Op {
    Touch(usize),
    Lost(usize),
    /// The two sessions can tell each other what they have read, from now on.
    Meet,
    /// The ledger can be written no more, or again.
    LedgerFails(bool),
    Ask {
        session: usize,
        question: Question,
        pid: u32,
    },
    Trip(usize),
    /// Of the holds that wait, in their order.
    Show(usize),
    Approve {
        place: usize,
        person: u32,
        reach: Reach,
    },
    /// Of the holds that were ever opened.
    Revoke(u64),
    Deny {
        place: usize,
        person: u32,
    },
    FreezeBy(usize),
    Thaw(usize),
    Suspend {
        session: usize,
        span: Seconds,
    },
    Resume(usize),
    /// The kernel says of one of those that were let go on that so many more bytes have left.
    Sent {
        place: usize,
        more: u64,
    },
    /// That one of them has ended, and whether anybody saw how.
    LetGoEnds {
        place: usize,
        seen: bool,
    },
    /// Its socket has another connection, or it asks again after more was touched.
    Reconnects(usize),
    /// Of what waits a socket has another connection.
    HeldReconnects(usize),
    /// The kernel counts what was let go on, or it is gone by then.
    Counts(bool),
    /// Of everything that waits.
    Close(usize),
    CallerEnds(u32),
    AsksAgain(usize),
    End(usize),
    Later(Seconds),
    Restart,
    /// The daemon ends without pins, and another one begins.
    Ends,
}

pub fn op() -> impl Strategy<Value = Op> {
    let (session, place, person) = (0..2_usize, 0..4_usize, 0..4_u32); // 0 is the owner
    let question = prop_oneof![(0..2_u8).prop_map(Question::Host), Just(Question::Key)];
    let reach = prop_oneof![
        2 => Just(Reach::Once),
        1 => Just(Reach::For(60)),
        1 => Just(Reach::For(4000)),
        1 => (1..3_u32).prop_map(Reach::Times),
        1 => Just(Reach::Session),
    ];
    let span = prop_oneof![Just(0_u64), Just(1), Just(59), Just(600), Just(601), Just(1800), Just(100_000)];
    prop_oneof![
        2 => session.clone().prop_map(Op::Touch),
        1 => session.clone().prop_map(Op::Lost),
        1 => Just(Op::Meet),
        1 => any::<bool>().prop_map(Op::LedgerFails),
        8 => (session.clone(), question, 10..13_u32)
            .prop_map(|(session, question, pid)| Op::Ask { session, question, pid }),
        1 => session.clone().prop_map(Op::Trip),
        2 => place.clone().prop_map(Op::Show),
        6 => (place.clone(), person.clone(), reach)
            .prop_map(|(place, person, reach)| Op::Approve { place, person, reach }),
        2 => (place.clone(), person).prop_map(|(place, person)| Op::Deny { place, person }),
        1 => (1..8_u64).prop_map(Op::Revoke),
        1 => session.clone().prop_map(Op::FreezeBy),
        2 => session.clone().prop_map(Op::Thaw),
        2 => (session.clone(), prop_oneof![Just(1_u64), Just(59), Just(600), Just(4000)])
            .prop_map(|(session, span)| Op::Suspend { session, span }),
        1 => session.clone().prop_map(Op::Resume),
        2 => (place.clone(), 0..3_u64).prop_map(|(place, more)| Op::Sent { place, more }),
        2 => (place.clone(), any::<bool>()).prop_map(|(place, seen)| Op::LetGoEnds { place, seen }),
        1 => place.clone().prop_map(Op::Reconnects),
        2 => place.clone().prop_map(Op::HeldReconnects),
        1 => prop::bool::weighted(0.7).prop_map(Op::Counts),
        1 => place.clone().prop_map(Op::Close),
        1 => (10..13_u32).prop_map(Op::CallerEnds),
        1 => place.prop_map(Op::AsksAgain),
        1 => session.prop_map(Op::End),
        4 => span.prop_map(Op::Later),
        1 => Just(Op::Restart),
        1 => Just(Op::Ends),
    ]
}
