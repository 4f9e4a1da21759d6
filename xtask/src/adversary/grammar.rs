//! Programs by chance: each seed is one program, always the same.

use super::{
    act::{Act, By, Form, How, Means, Parent, Pass, Program, Reading, To, Way},
    left_out::LeftOut,
};

pub const WAYS: [Way; 10] = [
    Way::Open,
    Way::ReadWrite,
    Way::Openat,
    Way::Openat2,
    Way::PathDescriptor,
    Way::ProcRoot,
    Way::Cat,
    Way::Inherited,
    Way::Sent,
    Way::Robbed,
];
pub const READS: [Reading; 6] = [
    Reading::Read,
    Reading::Pread,
    Reading::Mmap,
    Reading::Sendfile,
    Reading::Splice,
    Reading::CopyFileRange,
];
pub const WHO: [By; 5] = [By::Itself, By::Thread, By::Child, By::ChildPasses, By::ChildIsRobbed];
pub const PLACES: [To; 11] = [
    To::V4,
    To::V6,
    To::V4InV6,
    To::Loopback,
    To::Udp,
    To::UdpV6,
    To::UdpLoopback,
    To::DnsPort,
    To::Inherited,
    To::Sent,
    To::Robbed,
];
pub const HOWS: [How; 5] = [How::Plain, How::NonBlocking, How::Bound, How::OtherPort, How::ByChild];
pub const PASSES: [Pass; 4] = [Pass::Duplicate, Pass::ToItself, Pass::ToChild, Pass::TakenByChild];
pub const FORMS: [Form; 9] = [
    Form::Http,
    Form::HttpSpelling,
    Form::HttpAbsolute,
    Form::HttpLateName,
    Form::Hello,
    Form::HelloSpelling,
    Form::HelloRecords,
    Form::Bare,
    Form::HelloFronted,
];
pub const MEANS: [Means; 13] = [
    Means::Write,
    Means::Writev,
    Means::Sendmsg,
    Means::More,
    Means::Cork,
    Means::EndOfRecord,
    Means::Sendfile,
    Means::Splice,
    Means::FastOpen,
    Means::Urgent,
    Means::Threads,
    Means::Child,
    Means::ChangedPage,
];
pub const ALIASES: [Act; 7] = [
    Act::Symlink,
    Act::HardLink,
    Act::Rename,
    Act::RenameFolder,
    Act::BindFile,
    Act::BindFolder,
    Act::ChangeFolder,
];
pub const CARRIERS: [Act; 14] = [
    Act::Fork(Parent::Waits),
    Act::Fork(Parent::Leaves),
    Act::DoubleFork,
    Act::Spawn,
    Act::Exec,
    Act::Thread,
    Act::NewSession,
    Act::Namespaces,
    Act::NetworkNamespace,
    Act::Continue,
    Act::KeepAwake,
    Act::StopAndContinue,
    Act::OtherName,
    Act::Resolve,
];
const ENDINGS: [Act; 3] = [Act::Close, Act::Shutdown, Act::LeaveInFlight];

/// Longest ordinary delay, milliseconds.
const DELAY: u64 = 25;
/// A greeting that waits for its name for longer than two seconds is decided without it.
const LONG: u16 = 2_300;
/// One piece in so many comes after [`LONG`].
const RARELY: u64 = 60;
/// Longest wait for an answer, milliseconds. What was asked about and let through is sent again only by TCP's clock, which
/// begins at 200.
const ANSWER_TIMEOUT_MS: u64 = 1_000;
/// One program in so many ends without waiting.
const HASTY: u64 = 4;

/// Numbers by chance: the same on every machine and in every release (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy, const COUNT: usize>(&mut self, from: &[T; COUNT]) -> T {
        from[usize::try_from(self.below(COUNT as u64)).unwrap_or_default()]
    }

    fn milliseconds(&mut self, limit: u64) -> u16 {
        u16::try_from(self.below(limit)).unwrap_or_default()
    }
}

/// A program by chance, and what was drawn for it and left out.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub program: Program,
    /// By what [`LeftOut::forbids`] says, as often as it was drawn.
    pub left_out: Vec<String>,
}

/// The program of a seed.
pub fn program(seed: u64, left_out: &LeftOut) -> Drawn {
    let mut maker = Maker { chance: Chance::new(seed), left_out, drawn: Vec::new() };
    let program = maker.program();
    Drawn { program, left_out: maker.drawn }
}

struct Maker<'a> {
    chance: Chance,
    left_out: &'a LeftOut,
    drawn: Vec<String>,
}

impl Maker<'_> {
    fn program(&mut self) -> Program {
        let connects = self.chance.below(4);
        let mut program = Vec::new();
        self.beside(&mut program, 4, connects == 0);
        self.add(&mut program, Self::touch);
        self.beside(&mut program, 3, connects > 0 && connects < 3);
        // It connects by itself where nothing did.
        self.add(&mut program, Self::send);
        for _ in 0..self.chance.below(4) {
            self.add(&mut program, Self::ending);
        }
        if !self.chance.one_in(HASTY) {
            program.push(Act::Await(self.chance.milliseconds(ANSWER_TIMEOUT_MS)));
        }
        program
    }

    /// Up to `most` acts, and perhaps a connection among them.
    fn beside(&mut self, program: &mut Program, most: u64, connects: bool) {
        let (before, after) = (self.chance.below(most), self.chance.below(most));
        for _ in 0..before {
            self.add(program, Self::between);
        }
        if connects {
            self.add(program, Self::connect);
            if self.chance.one_in(4) {
                program.push(Act::Ask);
            }
            if self.chance.one_in(3) {
                self.add(program, |chance| Act::Pass(chance.of(&PASSES)));
            }
        }
        for _ in 0..after {
            self.add(program, Self::between);
        }
    }

    /// What is left out is drawn again, and so is what would lead nowhere.
    fn add(&mut self, program: &mut Program, draw: fn(&mut Chance) -> Act) {
        let act = loop {
            let act = draw(&mut self.chance);
            match self.left_out.forbids(program, &act) {
                Some(why) => self.drawn.push(why),
                None if act == Act::NetworkNamespace && !is_connected(program) => {}
                None => break act,
            }
        };
        program.push(act);
    }

    fn between(chance: &mut Chance) -> Act {
        match chance.below(8) {
            0 => Act::Delay(chance.milliseconds(DELAY)),
            1..=3 => chance.of(&ALIASES),
            _ => chance.of(&CARRIERS),
        }
    }

    fn touch(chance: &mut Chance) -> Act {
        Act::Touch { way: chance.of(&WAYS), read: chance.of(&READS), by: chance.of(&WHO) }
    }

    fn connect(chance: &mut Chance) -> Act {
        Act::Connect { to: chance.of(&PLACES), how: chance.of(&HOWS) }
    }

    fn send(chance: &mut Chance) -> Act {
        let gap = if chance.one_in(RARELY) { LONG } else { chance.milliseconds(DELAY) };
        let pieces = u8::try_from(1 + chance.below(4)).unwrap_or(1);
        Act::Send { form: chance.of(&FORMS), by: chance.of(&MEANS), pieces, gap }
    }

    fn ending(chance: &mut Chance) -> Act {
        match chance.below(3) {
            0 => chance.of(&ENDINGS),
            1 => Act::Delay(chance.milliseconds(DELAY)),
            _ => chance.of(&CARRIERS),
        }
    }
}

fn is_connected(program: &[Act]) -> bool {
    program.iter().any(|act| matches!(act, Act::Connect { .. } | Act::Send { .. }))
}

#[cfg(test)]
mod tests {
    use super::{super::act, *};

    #[test]
    fn every_program_touches_once_and_then_sends_once() {
        let left_out = LeftOut::load("portable").unwrap();
        for seed in 0..20_000 {
            let program = program(seed, &left_out).program;
            let at = |wanted: fn(&Act) -> bool| -> Vec<usize> {
                program.iter().enumerate().filter(|(_, act)| wanted(act)).map(|(place, _)| place).collect()
            };
            let touches = at(|act| matches!(act, Act::Touch { .. }));
            let sends = at(|act| matches!(act, Act::Send { .. }));
            assert_eq!((touches.len(), sends.len()), (1, 1), "seed {seed}: {program:?}");
            assert!(touches < sends, "seed {seed}: {program:?}");
            let known = at(|act| matches!(act, Act::Touch { way: Way::Known, .. }));
            assert!(known.is_empty(), "seed {seed} touches nothing: {program:?}");
        }
    }

    #[test]
    fn a_seed_is_one_program_and_what_is_written_down_is_the_same_one() {
        let left_out = LeftOut::load("lsm").unwrap();
        for seed in 0..5_000 {
            let drawn = program(seed, &left_out).program;
            assert_eq!(drawn, program(seed, &left_out).program, "seed {seed}");
            assert_eq!(act::decode(&act::encode(&drawn)).unwrap(), drawn, "seed {seed}");
        }
        assert_ne!(program(1, &left_out).program, program(2, &left_out).program);
    }

    #[test]
    fn what_is_left_out_is_drawn_and_counted_but_in_no_program() {
        let left_out = LeftOut::load("portable").unwrap();
        let mut counted = 0;
        for seed in 0..5_000 {
            let drawn = program(seed, &left_out);
            counted += drawn.left_out.len();
            for (place, act) in drawn.program.iter().enumerate() {
                assert_eq!(left_out.forbids(&drawn.program[..place], act), None, "seed {seed}");
            }
        }
        assert!(counted > 1_000, "{counted}");
    }

    #[test]
    fn without_a_table_everything_is_drawn() {
        let nothing = LeftOut::default();
        let names: std::collections::BTreeSet<String> = (0..20_000)
            .flat_map(|seed| program(seed, &nothing).program)
            .flat_map(|act| act.names())
            .collect();
        for name in
            ["touch/way/inherited", "connect/to/dns-port", "send/form/hello-fronted", "network-namespace"]
        {
            assert!(names.contains(name), "{name} is never drawn: {names:?}");
        }
    }
}
