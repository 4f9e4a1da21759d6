//! What a person gives with an answer: why, and the code of a device.

use crossterm::event::KeyCode;

use interlock_core::holds::reason;

/// Digits of a code, and room for the blanks that people put between.
const CODE_MAX: usize = 10;

/// What goes to the daemon with a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// How many others stood under the hold in the question.
    pub seen: Option<usize>,
    /// The hold's, as the question had it.
    pub evidence: Option<String>,
    pub reason: Option<String>,
    pub code: Option<String>,
}

/// What the keys go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Answer,
    Reason,
    Code,
}

/// What was typed so far.
#[derive(Debug, Default)]
pub struct Draft {
    field: Field,
    reason: String,
    code: String,
}

impl Draft {
    /// Whether the keys are letters of a text.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.field != Field::Answer
    }

    pub fn type_reason(&mut self) {
        self.field = Field::Reason;
    }

    pub fn type_code(&mut self) {
        self.field = Field::Code;
    }

    /// A key while something is typed: Enter keeps it, Esc drops it.
    pub fn press(&mut self, code: KeyCode) {
        let (text, most) = match self.field {
            Field::Answer => return,
            Field::Reason => (&mut self.reason, reason::MAX),
            Field::Code => (&mut self.code, CODE_MAX),
        };
        match code {
            KeyCode::Enter => self.field = Field::Answer,
            KeyCode::Esc => {
                text.clear();
                self.field = Field::Answer;
            }
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(letter) if text.chars().count() < most && !letter.is_control() => text.push(letter),
            _ => {}
        }
    }

    /// The line that is typed, its end where it is longer than `width`; `None` where nothing is.
    #[must_use]
    pub fn prompt(&self, width: usize) -> Option<String> {
        let (before, text) = match self.field {
            Field::Answer => return None,
            Field::Reason => ("why (Enter keeps it, Esc drops it): ", self.reason.clone()),
            Field::Code => ("code of your device (Enter, Esc): ", "*".repeat(self.code.chars().count())),
        };
        let room = width.saturating_sub(before.len() + 1);
        let over = text.chars().count().saturating_sub(room);
        let shown: String = text.chars().skip(over).collect();
        Some(format!("{before}{shown}▏"))
    }

    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let reason = self.reason.trim();
        (!reason.is_empty()).then(|| reason.to_owned())
    }

    #[must_use]
    pub fn code(&self) -> Option<String> {
        let code: String = self.code.split_whitespace().collect();
        (!code.is_empty()).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(draft: &mut Draft, text: &str) {
        text.chars().for_each(|letter| draft.press(KeyCode::Char(letter)));
    }

    #[test]
    fn what_is_typed_is_kept_by_enter_and_dropped_by_esc() {
        let mut draft = Draft::default();
        typed(&mut draft, "nothing is typed yet");
        assert_eq!((draft.reason(), draft.code(), draft.prompt(80)), (None, None, None));
        draft.type_reason();
        typed(&mut draft, "ours, ticket 7x");
        draft.press(KeyCode::Backspace);
        assert_eq!(draft.prompt(42).unwrap(), "why (Enter keeps it, Esc drops it): ket 7▏");
        draft.press(KeyCode::Enter);
        draft.type_code();
        typed(&mut draft, "123 456");
        assert_eq!(draft.prompt(80).unwrap(), "code of your device (Enter, Esc): *******▏");
        draft.press(KeyCode::Enter);
        assert_eq!(
            (draft.reason().as_deref(), draft.code().as_deref()),
            (Some("ours, ticket 7"), Some("123456"))
        );
        draft.type_code();
        draft.press(KeyCode::Esc);
        assert!(draft.code().is_none() && draft.reason().is_some() && !draft.is_typing());
    }
}
