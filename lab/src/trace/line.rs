//! One line of strace, and the calls that it tore in two.

use std::collections::BTreeMap;

/// One system call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    pub pid: u32,
    pub name: String,
    /// The arguments as they were written.
    pub rest: String,
    /// The arguments' strings, those in arrays too, without quotes and escapes.
    pub strings: Vec<String>,
    /// What stands between commas otherwise.
    pub words: Vec<String>,
    /// Where a relative path begins: `AT_FDCWD</home/lab>`.
    pub folder: Option<String>,
    /// `3</home/lab/.npmrc>`, `-1 ENOENT (No such file or directory)`
    pub result: String,
    /// The file that was opened, links resolved.
    pub opened: Option<String>,
}

impl Call {
    /// What it gave back, unless it failed.
    pub fn number(&self) -> Option<u64> {
        let digits: String = self.result.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

/// All calls, in the order in which they ended.
pub fn calls(text: &str) -> Vec<Call> {
    let mut begun: BTreeMap<u32, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Ok(pid) = pid.parse() else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(pid, start.trim_end().to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => begun.remove(&pid).map(|start| format!("{start}{end}")),
            None => Some(rest.to_owned()),
        };
        calls.extend(whole.and_then(|whole| call(pid, &whole)));
    }
    calls
}

fn call(pid: u32, line: &str) -> Option<Call> {
    let (name, _) = line.split_once('(')?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None; // a signal, an exit
    }
    let (arguments, result) = line.get(name.len() + 1..)?.rsplit_once(" = ")?;
    let arguments = arguments.trim_end();
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let (strings, words) = split(arguments);
    // `AT_FDCWD</home>` or `5</home/x>`; `{` begins a structure.
    let first = arguments.split(", ").next().filter(|first| !first.starts_with(['"', '{']));
    let opened = between(result.split(" (").next().unwrap_or_default());
    Some(Call {
        pid,
        name: name.to_owned(),
        folder: first.and_then(between),
        opened: opened.filter(|path| path.starts_with('/')),
        rest: arguments.to_owned(),
        strings,
        words,
        result: result.to_owned(),
    })
}

fn between(text: &str) -> Option<String> {
    Some(text.split_once('<')?.1.rsplit_once('>')?.0.to_owned())
}

/// Strings with their escapes undone, and what stands between commas otherwise.
fn split(arguments: &str) -> (Vec<String>, Vec<String>) {
    let (mut strings, mut words) = (Vec::new(), Vec::new());
    let mut rest = arguments;
    while !rest.is_empty() {
        let quote = rest.find('"').unwrap_or(rest.len());
        let (before, after) = rest.split_at(quote);
        words.extend(before.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()));
        let Some(quoted) = after.strip_prefix('"') else { break };
        let (text, end) = unquoted(quoted);
        strings.push(text);
        rest = quoted.get(end..).unwrap_or_default();
    }
    (strings, words)
}

/// The text up to the closing quote, and the index after that.
fn unquoted(text: &str) -> (String, usize) {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        index += 1;
        match byte {
            b'"' => break,
            b'\\' => index = escape(text, index, &mut out),
            other => out.push(other),
        }
    }
    (String::from_utf8_lossy(&out).into_owned(), index)
}

/// Undoes the escape that goes on at `index`; the index after it.
fn escape(text: &str, index: usize, out: &mut Vec<u8>) -> usize {
    let octal: usize =
        text.bytes().skip(index).take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    if octal > 0 {
        let digits = text.get(index..index + octal).unwrap_or_default();
        out.extend(u8::from_str_radix(digits, 8));
        return index + octal;
    }
    out.push(match text.as_bytes().get(index).copied().unwrap_or_default() {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        other => other,
    });
    index + 1
}
