//! What is told, in words that fit the terminal.
//!
//! Everything that a session has chosen is escaped: what it wrote must not move the cursor, nor look like another line. Our own words
//! are ASCII, so that a console without UTF-8 shows them.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::notice::{How, News, Notice};
use interlock_core::plain::plain;

/// Narrower than this, words are of no use; the terminal wraps them.
const NARROWEST: usize = 20;
/// So much of a command is shown in any case.
const COMMAND_LEAST: usize = 12;

/// How a terminal shows text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub columns: u16,
    pub utf8: bool,
}

/// The rows that tell it: one where it fits, else what to do stands in a second one. `by_signal`: its jobs were stopped by a signal,
/// so a shell has the keys.
#[must_use]
pub fn rows(notice: &Notice, by_signal: bool, page: Page) -> Vec<String> {
    page.rows(&page.text(notice), &page.to_do(notice, by_signal))
}

/// The row that stands for those that were left out.
#[must_use]
pub fn left_out(session: &str, count: u64, page: Page) -> Vec<String> {
    page.rows(
        &format!("interlock: {count} more in the last minute, not shown"),
        &format!("interlock events --session {}", page.shown(session)),
    )
}

/// For a window's title: our own words and ids alone, as some terminals can be asked to type their title.
#[must_use]
pub fn title(notice: &Notice) -> String {
    let session = &notice.session;
    let title = match &notice.news {
        News::Waits { hold, .. } => format!("interlock: {hold} waits for a decision"),
        News::Decided { hold, how, .. } => format!("interlock: {hold} {}", how.word()),
        News::Frozen { .. } => format!("interlock: session {session} is frozen"),
        News::Thawed { .. } => format!("interlock: session {session} goes on"),
        News::Killed { .. } => format!("interlock: session {session} was ended"),
        News::Suspended { .. } => format!("interlock: nothing of session {session} is stopped"),
        News::Resumed { .. } => format!("interlock: rules are in force for session {session}"),
    };
    title.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').collect()
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Approved => "was approved",
            Self::Given => "waits for a second approval, was approved",
            Self::Denied => "was denied",
            Self::Expired => "was not answered in time, and is refused",
        }
    }
}

impl Page {
    /// The last column stays free: some terminals begin a new row with it.
    fn room(self) -> usize {
        usize::from(self.columns).saturating_sub(1).max(NARROWEST)
    }

    fn text(self, notice: &Notice) -> String {
        let session = self.shown(&notice.session);
        match &notice.news {
            News::Waits { hold, command, target, rule } => {
                let [hold, target, rule] = [hold, target, rule].map(|text| self.shown(text));
                let (before, after) =
                    (format!("interlock: {hold} waits: "), format!(" to {target} ({rule})"));
                let left = self.room().saturating_sub(before.width() + after.width());
                let command = self.clipped(&self.shown(command), left.max(COMMAND_LEAST));
                format!("{before}{command}{after}")
            }
            News::Decided { hold, how: How::Expired, .. } => {
                format!("interlock: {} {}", self.shown(hold), How::Expired.word())
            }
            News::Decided { hold, how, by, reason } => {
                let because = reason.as_deref().map(|reason| format!(": {}", self.shown(reason)));
                let [hold, by] = [hold, by].map(|text| self.shown(text));
                format!("interlock: {hold} {} by {by}{}", how.word(), because.unwrap_or_default())
            }
            News::Frozen { why, .. } => {
                format!("interlock: session {session} is frozen: {}", self.shown(why))
            }
            News::Thawed { by } => {
                format!("interlock: session {session} goes on, on probation; thawed by {}", self.shown(by))
            }
            News::Killed { why } => format!("interlock: session {session} was ended: {}", self.shown(why)),
            News::Suspended { way, until, by, reason } => {
                let until =
                    until.map(|until| format!(" until {}", until.strftime("%H:%M:%SZ"))).unwrap_or_default();
                let [way, by, reason] = [way, by, reason].map(|text| self.shown(text));
                format!("interlock: nothing of session {session} is stopped{until}: {way} by {by}: {reason}")
            }
            News::Resumed { why } => format!("interlock: session {session}: {}", self.shown(why)),
        }
    }

    fn to_do(self, notice: &Notice, by_signal: bool) -> String {
        let session = self.shown(&notice.session);
        match &notice.news {
            News::Waits { hold, .. } => {
                let hold = self.shown(hold);
                format!("in another terminal: interlock explain {hold}; interlock approve {hold}")
            }
            News::Decided { how: How::Approved | How::Given, .. } => String::new(),
            News::Decided { hold, .. } => format!("interlock explain {}", self.shown(hold)),
            News::Frozen { .. } => {
                format!("in another terminal: interlock events --session {session}; interlock thaw {session}")
            }
            News::Thawed { .. } if by_signal => "if the shell says Stopped, type fg".to_owned(),
            News::Thawed { .. } | News::Resumed { .. } => String::new(),
            News::Suspended { way, .. } => {
                format!("in another terminal: interlock {} {session} --end", self.shown(way))
            }
            News::Killed { .. } => format!("interlock events --session {session}"),
        }
    }

    fn rows(self, text: &str, to_do: &str) -> Vec<String> {
        let whole = if to_do.is_empty() { text.to_owned() } else { format!("{text}; {to_do}") };
        if to_do.is_empty() || whole.width() <= self.room() {
            return vec![self.clipped(&whole, self.room())];
        }
        vec![self.clipped(text, self.room()), self.clipped(&format!("  {to_do}"), self.room())]
    }

    fn shown(self, text: &str) -> String {
        let text = plain(text);
        if self.utf8 {
            return text;
        }
        text.chars()
            .flat_map(
                |letter| if letter.is_ascii() { vec![letter] } else { letter.escape_default().collect() },
            )
            .collect()
    }

    fn clipped(self, text: &str, width: usize) -> String {
        if text.width() <= width {
            return text.to_owned();
        }
        let mark = if self.utf8 { "…" } else { "..." };
        let (mut clipped, mut left) = (String::new(), width.saturating_sub(mark.width()));
        for letter in text.chars() {
            let Some(rest) = left.checked_sub(letter.width().unwrap_or(0)) else { break };
            left = rest;
            clipped.push(letter);
        }
        clipped + mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page { columns: 80, utf8: true };

    fn notice(news: News) -> Notice {
        Notice { session: "4711-a38f0".into(), news }
    }

    fn waits(command: &str) -> Notice {
        let [hold, target, rule] =
            ["h1", "backboard.railway.app:443", "infra-after-foreign-secret"].map(str::to_owned);
        notice(News::Waits { hold, command: command.into(), target, rule })
    }

    #[test]
    fn what_waits_is_told_with_why_and_what_to_do_in_the_width_there_is() {
        let command = "curl -sS -X POST https://backboard.railway.app/graphql/v2";
        assert_eq!(
            rows(&waits(command), false, Page { columns: 220, ..PAGE }),
            [
                "interlock: h1 waits: curl -sS -X POST https://backboard.railway.app/graphql/v2 to backboard.railway.app:443 \
              (infra-after-foreign-secret); in another terminal: interlock explain h1; interlock approve h1"
            ]
        );
        assert_eq!(
            rows(&waits(command), false, PAGE),
            [
                "interlock: h1 waits: curl -sS -X… to backboard.railway.app:443 (infra-after-fo…",
                "  in another terminal: interlock explain h1; interlock approve h1",
            ]
        );
        for columns in 0..300 {
            let width = rows(&waits(command), false, Page { columns, utf8: columns % 2 == 0 })
                .iter()
                .map(|row| row.width())
                .max();
            assert!(width <= Some(usize::from(columns).saturating_sub(1).max(NARROWEST)), "{columns}");
        }
    }

    #[test]
    fn what_a_session_wrote_moves_no_cursor_and_begins_no_line() {
        let hostile = "x\u{1b}[2J\n\rinterlock: h9 was approved\u{7}\u{9b}1m\u{202e}\u{1b}]0;t\u{7}é";
        let news = |text: &str| {
            let text = text.to_owned();
            [
                News::Waits {
                    hold: text.clone(),
                    command: text.clone(),
                    target: text.clone(),
                    rule: text.clone(),
                },
                News::Decided {
                    hold: text.clone(),
                    how: How::Denied,
                    by: text.clone(),
                    reason: Some(text.clone()),
                },
                News::Frozen { why: text.clone(), by_signal: true },
                News::Thawed { by: text.clone() },
                News::Killed { why: text.clone() },
                News::Suspended {
                    way: text.clone(),
                    until: Some(jiff::Timestamp::UNIX_EPOCH),
                    by: text.clone(),
                    reason: text.clone(),
                },
                News::Resumed { why: text },
            ]
        };
        for news in news(hostile) {
            let notice = Notice { session: hostile.into(), news };
            for utf8 in [false, true] {
                let rows = rows(&notice, true, Page { columns: 2000, utf8 });
                let misleads =
                    |letter: char| interlock_core::plain::misleads(letter) || !utf8 && !letter.is_ascii();
                assert!(rows.len() <= 2 && !rows.concat().contains(misleads), "{rows:?}");
            }
            assert!(title(&notice).chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_decision_says_who_and_why_and_silence_says_that_it_was() {
        let decided = |how, reason: Option<&str>| {
            let (by, reason) = ("uid 1000".to_owned(), reason.map(str::to_owned));
            rows(&notice(News::Decided { hold: "h1".into(), how, by, reason }), false, PAGE)
        };
        assert_eq!(
            decided(How::Approved, Some("my deploy")),
            ["interlock: h1 was approved by uid 1000: my deploy"]
        );
        assert_eq!(
            decided(How::Denied, None),
            ["interlock: h1 was denied by uid 1000; interlock explain h1"]
        );
        let silence = "interlock: h1 was not answered in time, and is refused; interlock explain h1";
        assert_eq!(decided(How::Expired, None), [silence]);
    }

    #[test]
    fn a_suspension_says_how_it_is_ended() {
        let [way, by, reason] = ["break-glass", "uid 0", "the pager rang"].map(str::to_owned);
        let until = Some("2026-12-01T02:00:00Z".parse().unwrap());
        assert_eq!(
            rows(&notice(News::Suspended { way, until, by, reason }), false, Page { columns: 110, ..PAGE }),
            [
                "interlock: nothing of session 4711-a38f0 is stopped until 02:00:00Z: break-glass by uid 0: the pager rang",
                "  in another terminal: interlock break-glass 4711-a38f0 --end",
            ]
        );
    }

    #[test]
    fn who_was_stopped_by_a_signal_is_told_to_type_fg() {
        let thawed = |by_signal| {
            rows(&notice(News::Thawed { by: "uid 0".into() }), by_signal, Page { columns: 200, ..PAGE })
        };
        assert_eq!(thawed(false), ["interlock: session 4711-a38f0 goes on, on probation; thawed by uid 0"]);
        assert!(thawed(true)[0].ends_with("type fg"));
    }
}
