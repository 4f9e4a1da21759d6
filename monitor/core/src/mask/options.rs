//! Values that are a word of their own after an option, and those of short options: `--token …`, `mysql -p…`, `curl -u user:…`.

use super::{
    MASK, NUL,
    edits::Edits,
    names::{self, Says},
    tools::{self, Part, Tool, Written},
    value,
};

/// What the words so far say of the next one.
#[derive(Default)]
struct Reading {
    tool: Option<&'static Tool>,
    /// A program whose `login -p` carries a password, and whether it logs in.
    may_login: bool,
    logs_in: bool,
    /// The word before was `set`, `login`.
    command: String,
    next: Option<Next>,
}

#[derive(Clone, Copy)]
enum Next {
    /// The value of a name.
    Named(Says),
    Of(Part),
}

/// The values of options whose name says that they are credentials, or which the program is known for.
pub fn values(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut reading = Reading::default();
    let mut at = 0;
    while let Some(start) =
        text.get(at..).and_then(|rest| rest.find(|found: char| !separates(found))).map(|skip| at + skip)
    {
        let Some(rest) = text.get(start..) else { break };
        let word = rest.get(..rest.find(separates).unwrap_or(rest.len())).unwrap_or_default();
        at = start + word.len();
        let next = reading.next.take();
        if let Some(next) = next.filter(|_| !word.starts_with('-')) {
            let is_argument = text.get(..start).is_some_and(|before| before.ends_with(NUL));
            let (skip, length) = extent(rest, is_argument);
            let from = start + skip;
            mask(text, from, length, next, &mut edits);
            at = at.max(from + length);
            reading.command.clear();
            continue;
        }
        reading.take(text, start, word, &mut edits);
    }
    edits
}

fn separates(character: char) -> bool {
    character.is_whitespace() || character == NUL
}

/// Where a value lies in `rest`, which begins with its first word: skipped bytes, and its length.
fn extent(rest: &str, is_argument: bool) -> (usize, usize) {
    match rest.chars().next() {
        _ if is_argument => (0, value::length(rest, true)),
        Some(quote @ ('"' | '\'')) => (1, value::quoted_length(rest.get(1..).unwrap_or_default(), quote)),
        _ => (0, value::length(rest, false)),
    }
}

impl Reading {
    /// Takes in a word that is no value of the word before.
    fn take(&mut self, text: &str, start: usize, word: &str, edits: &mut Edits) {
        let bare = word.trim_matches(|mark: char| "\"'`();|&$".contains(mark));
        if word.starts_with('-') {
            return self.option(text, start, word, edits);
        }
        if let Some(tool) = tools::named(bare) {
            self.tool = Some(tool);
        }
        let name = bare.rsplit('/').next().unwrap_or(bare);
        self.may_login |= tools::LOGINS.contains(&name);
        self.logs_in |= self.may_login && name == "login";
        let says = names::says(bare);
        if self.command == "set" && says >= Says::OrItsFile && !bare.contains('=') {
            self.next = Some(Next::Named(says));
        } else if self.command == "login" && value::is_credential(bare, Says::Maybe) {
            mask(text, start, value::length(word, false), Next::Of(Part::Whole), edits);
        } else if self.tool.is_some_and(|tool| tool.connects) {
            connection(start, word, edits);
        }
        self.command.clear();
        self.command.push_str(bare);
        // The next program has options of its own.
        if word.ends_with([';', '|', '&']) {
            *self = Self::default();
        }
    }

    fn option(&mut self, text: &str, start: usize, word: &str, edits: &mut Edits) {
        let login: &[(&str, Written, Part)] = &[("-p", Written::Either, Part::Whole)];
        let known = self.tool.map_or(&[][..], |tool| tool.options).iter();
        let known = known.chain(if self.logs_in { login } else { &[] });
        for &(option, written, part) in known {
            if word == option {
                self.next = (written != Written::Attached).then_some(Next::Of(part));
                return;
            }
            let Some(value) = word.strip_prefix(option) else {
                // `-su user:password`: others before it that take nothing.
                let letters =
                    word.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
                let is_last = option.len() == 2
                    && letters.is_some_and(|rest| rest.ends_with(option.trim_start_matches('-')));
                if is_last && part == Part::AfterColon {
                    self.next = Some(Next::Of(part));
                    return;
                }
                continue;
            };
            let is_long = option.starts_with("--");
            let value = if is_long {
                value.strip_prefix('=')
            } else {
                (written != Written::Separate).then_some(value)
            };
            if let Some(value) = value {
                let from = start + word.len() - value.len();
                let rest = text.get(from..).unwrap_or_default();
                let is_argument = text.get(..start).is_some_and(|before| before.ends_with(NUL));
                let (skip, length) = extent(rest, is_argument);
                mask(text, from + skip, length, Next::Of(part), edits);
                return;
            }
        }
        let says = names::says(word);
        if says != Says::Nothing && !word.contains(['=', ':']) && !names::asks(word) {
            self.next = Some(Next::Named(says));
        }
    }
}

/// Masks the value that lies there, as far as it is a credential.
fn mask(text: &str, from: usize, length: usize, next: Next, edits: &mut Edits) {
    let Some(value) = text.get(from..from + length) else { return };
    let (skip, says) = match next {
        // `docker build --secret id=npm,src=.npmrc` names a file.
        Next::Named(_) if ["id=", "type=", "src="].iter().any(|begin| value.starts_with(begin)) => return,
        Next::Named(says) => (0, says),
        Next::Of(Part::Whole) => (0, Says::Credential),
        Next::Of(Part::AfterColon) => (value.find(':').map_or(length, |at| at + 1), Says::OrItsFile),
        Next::Of(Part::AfterPercent) => (value.find('%').map_or(length, |at| at + 1), Says::Credential),
        Next::Of(Part::AfterEquals) => (value.find('=').map_or(length, |at| at + 1), Says::OrItsFile),
    };
    let credential = value.get(skip..).unwrap_or_default();
    if value::is_credential(credential, says) {
        edits.replace(from + skip..from + length, value::masked(credential));
    }
}

/// `user/PASSWORD@database`
fn connection(start: usize, word: &str, edits: &mut Edits) {
    let Some((user, rest)) = word.split_once('/').filter(|(user, _)| !user.is_empty()) else { return };
    let password = rest.rsplit_once('@').map_or(rest, |(password, _)| password);
    if !password.is_empty() && !value::is_mask(password) && !rest.contains('/') {
        let from = start + user.len() + 1;
        edits.replace(from..from + password.len(), MASK.to_string());
    }
}
