//! Values that only cases have: moments, commands, endpoints.

use std::{net::IpAddr, time::Duration};

use crate::{
    rule_test::{
        case::{Actor, Program},
        grammar,
    },
    rules::duration::{LONGEST, of_unit},
    yaml::{Node, Noun, Report, Section, Value, name, text},
};

/// A moment of the session: `0s`, `1500ms`, `1m30s`.
pub fn moment(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Duration> {
    let moment = match &node.value {
        Value::Text(text) => parse_moment(text).filter(|moment| *moment <= LONGEST),
        _ => None,
    };
    if moment.is_none() {
        let problem = report.add(node.referenced, path, format!("found {}", node.value));
        problem.expected("a time since the session began, such as 0s, 500ms, 4s or 1h30m, at most 168h");
        if let Value::Integer(number) = node.value {
            problem.hint(format!("a number needs its unit: did you mean {number}s?"));
        }
    }
    moment
}

fn parse_moment(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        total = total.checked_add(of_unit(number, unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// A moment as a case writes it.
pub fn moment_text(moment: Duration) -> String {
    let milliseconds = moment.as_millis();
    let (hours, minutes, seconds) =
        (milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds / 1000 % 60);
    let parts = [(hours, "h"), (minutes, "m"), (seconds, "s"), (milliseconds % 1000, "ms")];
    let text: String = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `~/…` with the home's path.
pub fn in_home(path: &str, home: &str) -> String {
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => format!("{}{rest}", home.trim_end_matches('/')),
        _ => path.to_owned(),
    }
}

pub fn absolute(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let found = text(node, path, report)?;
    if found.starts_with('/') {
        return Some(found);
    }
    report.add(node.referenced, path, format!("found {found:?}")).expected("an absolute path");
    None
}

pub fn actor(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Actor> {
    if matches!(&node.value, Value::Text(text) if text == "agent") {
        return Some(Actor::Agent);
    }
    program(node, path, report).map(Actor::Program)
}

/// A command line, a list of arguments, or a mapping. A program without a path is one of `/usr/bin`.
pub fn program(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Program> {
    let args = match &node.value {
        Value::Map(_) => {
            let section = Section::open(node, path, grammar::PROGRAM, report)?;
            let executable = section.need("executable", report, absolute);
            let args = section.list("args", report, text);
            let executable = executable?;
            let name = executable.rsplit('/').next().unwrap_or_default().to_owned();
            return Some(Program { executable, args: if args.is_empty() { vec![name] } else { args } });
        }
        Value::List(items) => items.iter().filter_map(|item| text(item, path, report)).collect(),
        _ => {
            let line = text(node, path, report)?;
            let words = words(&line);
            if words.is_none() {
                let problem = report.add(node.referenced, path, "a quote is not closed");
                problem.hint("write the arguments as a list");
            }
            words?
        }
    };
    let Some(first) = args.first() else {
        report
            .add(node.referenced, path, "found an empty list")
            .expected("the program's name and its arguments");
        return None;
    };
    let executable = if first.contains('/') { first.clone() } else { format!("/usr/bin/{first}") };
    Some(Program { executable, args })
}

/// The words of a command line, as a shell would split it; nothing is expanded. `None`: a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => word.get_or_insert_default().push(character),
            None if matches!(character, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            None if character.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// `HOST`, `HOST:PORT`, `ADDRESS:PORT`, `[V6]:PORT`.
pub fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((host, port));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

/// The id of a rule, which is cited: whoever reads the file looks whether there is such a one.
pub fn rule(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let id = name(node, path, report)?;
    report.cite(node.referenced, path, Noun::Rule, &id);
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_may_be_zero_and_have_several_units() {
        for (text, milliseconds) in [("0s", 0), ("1500ms", 1500), ("1m30s", 90_000), ("2h", 7_200_000)] {
            let moment = Duration::from_millis(milliseconds);
            assert_eq!(parse_moment(text), Some(moment), "{text}");
            assert_eq!(parse_moment(&moment_text(moment)), Some(moment), "{text}");
        }
        for text in ["", "s", "4", "1d", "-1s", "99999999999999999999s", "1m30"] {
            assert_eq!(parse_moment(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_command_line_is_split_as_a_shell_does() {
        let split = words("sh -c 'curl -d \"a b\" x' ''").unwrap();
        assert_eq!(split, ["sh", "-c", "curl -d \"a b\" x", ""]);
        assert_eq!(words("echo 'x"), None);
    }
}
