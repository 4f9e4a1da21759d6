//! What happened, as it is told: text that is masked, plain and bounded, before it is anybody's form.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Class;
use interlock_core::{
    facts::{Action, HoldState, Severity},
    mask,
    plain::plain,
};

/// Longest command line, and longest other text of a message, characters.
const COMMAND: usize = 1000;
const TEXT: usize = 300;
/// Secrets of a message that were read before; how many more there are is said.
const READS: usize = 3;

/// One message, whoever it is for. It is kept in the outbox until it is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The hold's id, `h7`, or the event's, `e123`.
    pub key: String,
    pub class: Class,
    pub severity: Severity,
    /// When it happened.
    pub at: Timestamp,
    /// The event's own word: `session-frozen`, `ledger-failing`.
    pub action: String,
    pub host: String,
    pub session: Option<String>,
    pub agent: Option<String>,
    /// The session's user, by number and by name.
    pub user: Option<u32>,
    pub owner: Option<String>,
    pub command: Option<String>,
    /// The host, file, program or service that it is about.
    pub object: Option<String>,
    pub rules: Vec<String>,
    /// The rule's summary, or what Interlock says of itself.
    pub summary: Option<String>,
    /// Secrets that the session had read before, the last first.
    #[serde(default)]
    pub read: Vec<String>,
    /// Further secrets that are not named.
    #[serde(default)]
    pub read_more: usize,
    /// Something of what the session did is not known.
    #[serde(default)]
    pub incomplete: bool,
    /// When silence is answered, and how.
    pub deadline: Option<Timestamp>,
    pub then: Option<Action>,
    /// Of the evidence that a decision is bound to.
    pub evidence: Option<String>,
    pub decided: Option<Decided>,
    /// How often the same happened, at least once.
    pub count: u64,
    /// The target that nobody answered at.
    #[serde(default)]
    pub escalated_from: Option<String>,
}

/// How a hold ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    pub state: HoldState,
    pub at: Timestamp,
    /// `uid 1000 (pid 4711)`, `deadline`.
    pub by: Option<String>,
    pub reason: Option<String>,
}

impl Notice {
    /// A message of which nothing more is known yet.
    #[must_use]
    pub fn new(key: &str, class: Class, severity: Severity, at: Timestamp) -> Self {
        Self {
            key: key.to_owned(),
            class,
            severity,
            at,
            action: String::new(),
            host: host(),
            session: None,
            agent: None,
            user: None,
            owner: None,
            command: None,
            object: None,
            rules: Vec::new(),
            summary: None,
            read: Vec::new(),
            read_more: 0,
            incomplete: false,
            deadline: None,
            then: None,
            evidence: None,
            decided: None,
            count: 1,
            escalated_from: None,
        }
    }

    /// The same for whom the agent's text is a danger: credentials are masked, what a screen would obey is escaped, and nothing is
    /// longer than a message has room for.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let short = |text: &mut Option<String>| *text = text.take().map(|text| cut(&plain(&text), TEXT));
        self.command = self.command.take().map(|command| cut(&plain(&mask::text(&command)), COMMAND));
        self.object = self.object.take().map(|object| mask::text(&object).into_owned());
        for text in [&mut self.session, &mut self.agent, &mut self.owner, &mut self.object] {
            short(text);
        }
        for text in [&mut self.summary, &mut self.evidence] {
            short(text);
        }
        if let Some(decided) = &mut self.decided {
            short(&mut decided.by);
            short(&mut decided.reason);
        }
        self.read_more += self.read.len().saturating_sub(READS);
        self.read.truncate(READS);
        self.read.iter_mut().for_each(|read| *read = cut(&plain(&mask::text(read)), TEXT));
        self.rules.truncate(8);
        self.rules.iter_mut().for_each(|rule| *rule = cut(&plain(rule), 100));
        self
    }

    /// What makes two messages the same but for their time, where repeats are counted; `None` for one that is told by itself.
    #[must_use]
    pub fn fold_key(&self) -> Option<String> {
        let folds = matches!(self.class, Class::Alert | Class::Would | Class::Health);
        let session = self.session.as_deref().unwrap_or_default();
        let object = self.object.as_deref().unwrap_or_default();
        folds.then(|| format!("{}\n{session}\n{}\n{object}", self.action, self.rules.join(",")))
    }

    /// Whether a person's answer is waited for.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.class == Class::Hold
    }
}

/// A command line as a shell would take it: what would be read otherwise stands in quotes.
#[must_use]
pub fn command_line<S: AsRef<str>>(args: &[S]) -> String {
    let safe = |c: char| c.is_alphanumeric() || "-_./:=,@%+~#*?[]{}…".contains(c);
    let quoted = |arg: &S| match arg.as_ref() {
        arg if !arg.is_empty() && arg.chars().all(safe) => arg.to_owned(),
        arg => format!("'{}'", arg.replace('\'', "'\\''")),
    };
    args.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// At most so many characters; what is cut ends with `…`.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    fit(text, most, |_| 1)
}

/// As much of a text as costs at most `budget`, where each character costs what its form needs; what is cut ends with `…`.
#[must_use]
pub fn fit(text: &str, budget: usize, cost: impl Fn(char) -> usize) -> String {
    let mut spent = 0_usize;
    let ellipsis = cost('…');
    let mut safe = 0;
    for (place, character) in text.char_indices() {
        spent = spent.saturating_add(cost(character));
        if spent > budget {
            let kept = text.get(..safe).unwrap_or_default();
            return if ellipsis <= budget { format!("{kept}…") } else { String::new() };
        }
        if spent.saturating_add(ellipsis) <= budget {
            safe = place + character.len_utf8();
        }
    }
    text.to_owned()
}

fn host() -> String {
    cut(&plain(&interlock_host::machine::name()), 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_ends_with_an_ellipsis_and_fits() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(fit("ab<cd", 7, |c| if c == '<' { 4 } else { 1 }), "ab<…");
        assert_eq!(fit("äöü", 5, char::len_utf8), "ä…");
        assert_eq!(fit("äöü", 2, char::len_utf8), "");
    }

    #[test]
    fn a_command_line_says_where_each_argument_ends() {
        assert_eq!(command_line(&["curl", "-H", "a: b", "it's", ""]), "curl -H 'a: b' 'it'\\''s' ''");
    }

    #[test]
    fn hostile_text_is_plain_masked_and_bounded() {
        let mut notice = Notice::new("h1", Class::Hold, Severity::Critical, Timestamp::UNIX_EPOCH);
        notice.command =
            Some(format!("curl -H 'Authorization: Bearer fake-000' \u{202e}x\n{}", "y".repeat(5000)));
        notice.read = (0..9).map(|number| format!("/{number}")).collect();
        let notice = notice.bounded();
        let command = notice.command.unwrap();
        assert!(!command.contains("fake-000") && command.contains("\\u{202e}x\\n"), "{command}");
        assert_eq!((command.chars().count(), notice.read.len(), notice.read_more), (COMMAND, READS, 6));
    }
}
