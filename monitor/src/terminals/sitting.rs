//! One session's terminal: what is told there, and what its title says.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use super::{
    notice::{News, Notice},
    place::Place,
    quota::Quota,
    wording::{self, Page},
};
use crate::config::Terminal;
use interlock_host::proc::tty::{Look, Reading, Tty};

/// How long a terminal is given to take what is written; the others wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(100);
/// Holds of which is known that they were told.
const KNOWN: usize = 64;

const BELL: &str = "\x07";
/// xterm's stack of titles (`CSI 22 ; 2 t`, `CSI 23 ; 2 t`; xterm 251 and those that follow it). Where there is none, both do nothing,
/// so the title says at last what became of it.
const KEEP_TITLE: &str = "\x1b[22;2t";
const TITLE_AGAIN: &str = "\x1b[23;2t";

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Line,
    Title,
    Bell,
    /// The same, or very much, was told before.
    Folded,
    /// The terminal took nothing.
    Stuck,
    /// Nobody of the session has it any more.
    Gone,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Title => "title",
            Self::Bell => "bell",
            Self::Folded => "folded",
            Self::Stuck => "stuck",
            Self::Gone => "gone",
        }
    }
}

#[derive(Default)]
pub struct Sitting {
    quota: Quota,
    known: VecDeque<String>,
    /// The title of before is kept by the terminal.
    titled: bool,
    /// Its jobs were stopped by a signal when it was frozen.
    by_signal: bool,
    session: String,
}

impl Sitting {
    pub fn tell(&mut self, place: &Place, notice: &Notice, how: Terminal, now: Instant) -> Outcome {
        self.session.clone_from(&notice.session);
        if let News::Waits { hold, .. } = &notice.news
            && self.is_known(hold)
        {
            return Outcome::Folded; // one more waits under it
        }
        if let News::Frozen { by_signal, .. } = notice.news {
            self.by_signal = by_signal;
        }
        if let Some(of) = notice.news.counts_as()
            && !self.quota.admits(of, now)
        {
            return Outcome::Folded;
        }
        on(place, |tty, look| {
            let (bytes, outcome) = self.bytes(notice, how, look);
            tty.write(bytes.as_bytes(), PATIENCE).map(|()| outcome)
        })
    }

    /// Tells how many were left out of the minute that is over.
    pub fn tell_left_out(&mut self, place: &Place, how: Terminal, now: Instant) -> Option<Outcome> {
        let count = self.quota.due(now)?;
        Some(on(place, |tty, look| {
            if how != Terminal::Line || look.reading != Reading::Lines {
                return Ok(Outcome::Folded);
            }
            tty.write(line(&wording::left_out(&self.session, count, page(look))).as_bytes(), PATIENCE)?;
            Ok(Outcome::Line)
        }))
    }

    /// Gives the window its own title back.
    pub fn leave(&mut self, place: &Place) {
        if std::mem::take(&mut self.titled) {
            on(place, |tty, _| tty.write(TITLE_AGAIN.as_bytes(), PATIENCE).map(|()| Outcome::Title));
        }
    }

    #[must_use]
    pub fn waits(&self) -> bool {
        self.quota.waits()
    }

    fn is_known(&mut self, hold: &str) -> bool {
        if self.known.iter().any(|known| known == hold) {
            return true;
        }
        if self.known.len() == KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(hold.to_owned());
        false
    }

    fn bytes(&mut self, notice: &Notice, how: Terminal, look: Look) -> (String, Outcome) {
        let bell = if notice.news.is_urgent() { BELL } else { "" };
        match how {
            Terminal::Line if look.reading == Reading::Lines => {
                let rows = line(&wording::rows(notice, self.by_signal, page(look)));
                (rows + if std::mem::take(&mut self.titled) { TITLE_AGAIN } else { "" }, Outcome::Line)
            }
            // A program that draws its own title (Claude Code: once a second) writes over this one; the bell stays.
            Terminal::Line if look.titled => (self.title(notice) + bell, Outcome::Title),
            Terminal::Title if look.titled => (self.title(notice), Outcome::Title),
            _ => (bell.to_owned(), Outcome::Bell),
        }
    }

    fn title(&mut self, notice: &Notice) -> String {
        let keep = if self.titled { "" } else { KEEP_TITLE };
        self.titled = notice.news.is_urgent();
        let again = if self.titled { "" } else { TITLE_AGAIN };
        format!("{keep}\x1b]2;{}\x07{again}", wording::title(notice))
    }
}

fn on(place: &Place, act: impl FnOnce(&Tty, Look) -> io::Result<Outcome>) -> Outcome {
    let Ok(tty) = Tty::of(place.terminal, &place.pids) else { return Outcome::Gone };
    let Ok(look) = tty.look() else { return Outcome::Gone };
    act(&tty, look).unwrap_or(Outcome::Stuck)
}

fn page(look: Look) -> Page {
    Page { columns: look.columns, utf8: look.utf8 }
}

/// Begins at the left, wherever the cursor stands.
fn line(rows: &[String]) -> String {
    format!("\r\n{}\r\n", rows.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { reading: Reading::Keys, columns: 80, utf8: true, titled: true };

    fn notice(news: News) -> Notice {
        Notice { session: "7-a".into(), news }
    }

    fn frozen() -> Notice {
        notice(News::Frozen { why: "x".into(), by_signal: false })
    }

    #[test]
    fn a_program_that_draws_its_screen_gets_a_title_and_a_bell_and_the_title_of_before_comes_back() {
        let mut sitting = Sitting::default();
        let mut bytes = |notice: &Notice| sitting.bytes(notice, Terminal::Line, LOOK);
        let told = "\x1b[22;2t\x1b]2;interlock: session 7-a is frozen\x07\x07";
        assert_eq!(bytes(&frozen()), (told.to_owned(), Outcome::Title));
        assert_eq!(bytes(&frozen()).0, told.trim_start_matches(KEEP_TITLE), "kept once");
        let thawed = bytes(&notice(News::Thawed { by: "uid 0".into() })).0;
        assert_eq!(thawed, "\x1b]2;interlock: session 7-a goes on\x07\x1b[23;2t");
    }

    #[test]
    fn each_way_does_no_more_than_it_says() {
        let bytes = |how, look| Sitting::default().bytes(&frozen(), how, look);
        let lines = Look { reading: Reading::Lines, ..LOOK };
        let console = Look { titled: false, ..LOOK };
        let is_line = |text: String| text.starts_with("\r\ninterlock: ") && !text.contains(['\x1b', '\x07']);
        assert!(is_line(bytes(Terminal::Line, lines).0));
        assert_eq!(bytes(Terminal::Line, console), (BELL.to_owned(), Outcome::Bell));
        assert_eq!(bytes(Terminal::Bell, lines), (BELL.to_owned(), Outcome::Bell));
        for look in [lines, LOOK] {
            let (text, outcome) = bytes(Terminal::Title, look);
            assert!(outcome == Outcome::Title && !text.contains("\r\n") && text.matches('\x07').count() == 1);
        }
    }

    #[test]
    fn who_joins_a_hold_is_no_second_news() {
        let mut sitting = Sitting::default();
        assert_eq!(
            [sitting.is_known("h1"), sitting.is_known("h1"), sitting.is_known("h2")],
            [false, true, false]
        );
    }
}
