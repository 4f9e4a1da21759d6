//! The arguments that a stopped exec was judged by, and whether a program runs with them.

use monitor_common::event::process::{ARGS_MAX, FILENAME_MAX};

use super::arguments::{ARGUMENTS_MAX, Arguments};
use crate::facts::Process;

/// Bytes that are kept: all that a record shows of a running program, were each of its bytes replaced by [`REPLACED`].
const KEPT: usize = ARGS_MAX * REPLACED.len_utf8();
/// What stands for bytes that are not UTF-8, and for a character that was cut.
const REPLACED: char = char::REPLACEMENT_CHARACTER;
/// Words that the kernel puts before a script's path: five interpreters at most, two words each (fs/exec.c:exec_binprm,
/// fs/binfmt_script.c and fs/binfmt_misc.c, v6.1–v6.18).
const IN_FRONT: usize = 5 * 2;

/// Each word ends with a NUL.
pub(super) struct ExpectedArgv {
    text: String,
    /// It has all words. One that was itself cut is longer than any that a record shows.
    whole: bool,
}

impl ExpectedArgv {
    pub fn new(found: &Arguments) -> Self {
        let mut text = text(&found.args);
        let end = text.floor_char_boundary(KEPT);
        let whole = (found.whole || found.args.len() < ARGUMENTS_MAX) && end == text.len();
        text.truncate(end);
        Self { text, whole }
    }

    /// Whether these are wholly known, and the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.whole && other.whole && self.text == other.text
    }

    /// Whether `running` has these arguments, as far as both are known. `interpreted`: the kernel has executed another
    /// file in the program's place.
    pub fn fits(&self, running: &Process, interpreted: bool) -> bool {
        let (args, cut) = (&*running.args, running.args_unknown);
        if args.is_empty() && cut {
            return true; // fails open: the kernel could not read them
        }
        if !interpreted {
            // The kernel gives a program an empty name where it has none, which a record shows as no name.
            return if args.is_empty() { self.is("", &[String::new()], cut) } else { self.is("", args, cut) };
        }
        let mut front = args.iter().take(IN_FRONT + 1);
        let Some(path) = front.position(|word| is_path(word, &running.executable)) else { return false };
        let rest = args.get(path + 1..).unwrap_or_default();
        let name = self.text.split_inclusive('\0').next().unwrap_or_default();
        // The path is in the name's place, or before it where binfmt_misc keeps it (its flag P).
        self.is(name, rest, cut) || self.is("", rest, cut)
    }

    /// Whether `words` are the text after `before`.
    fn is(&self, before: &str, words: &[String], cut: bool) -> bool {
        let said = self.text.strip_prefix(before).unwrap_or_default();
        let mut is = text(words);
        if cut {
            // The last word may go on, and the cut may have gone through a character.
            is.pop();
            is.truncate(without_half(&is).len());
        }
        let short = cut && said.starts_with(&is);
        let long = !self.whole && is.starts_with(said);
        said == is && self.whole || short || long
    }
}

fn text(words: &[String]) -> String {
    words.iter().flat_map(|word| [word, "\0"]).collect()
}

/// Not more than one: whatever else is not UTF-8 was there.
fn without_half(text: &str) -> &str {
    text.strip_suffix(REPLACED).unwrap_or(text)
}

/// A record's path is cut where it is too long.
fn is_path(word: &str, executable: &str) -> bool {
    let cut = executable.len() >= FILENAME_MAX - 1;
    word == executable || cut && word.starts_with(without_half(executable))
}

#[cfg(test)]
mod tests;
