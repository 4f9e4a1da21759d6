//! What the agent says it does: the lines that its script writes.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use anyhow::{Context, Result};

use super::journal::{Moment, Who};

/// Bytes read of either file; the drill's own script writes about 2 KiB.
const LIMIT: u64 = 64 * 1024;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Steps {
    pub moments: Vec<Moment>,
    pub curl_exit: Option<i32>,
    /// What curl printed; where no step says so, what the agent printed.
    pub output: String,
}

/// Reads the steps, and the agent's own output for a script that writes none.
///
/// # Errors
/// A file that exists and cannot be read.
pub fn read(steps: &Path, log: &Path) -> Result<Steps> {
    let mut found = parse(&text(steps)?);
    if found.output.is_empty() {
        found.output = text(log)?;
    }
    Ok(found)
}

fn text(path: &Path) -> Result<String> {
    let place = || format!("{} cannot be read", path.display());
    match File::open(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(why) => Err(why).with_context(place),
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(LIMIT).read_to_end(&mut bytes).with_context(place)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
}

/// A line that is not complete yet, or not in the format, is left out: the script may be writing it now.
fn parse(text: &str) -> Steps {
    let mut steps = Steps::default();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let mut fields = line.splitn(3, '\t');
        let (Some(at_us), Some(kind), Some(text)) =
            (fields.next().and_then(micros), fields.next(), fields.next())
        else {
            continue;
        };
        let what = match kind {
            "thought" => format!("“{text}”"),
            "command" => format!("$ {text}"),
            "result" => quoted(text),
            "curl-exit" => {
                steps.curl_exit = text.parse().ok();
                continue;
            }
            "curl-output" => {
                text.clone_into(&mut steps.output);
                quoted(text)
            }
            _ => continue,
        };
        steps.moments.push(Moment { at_us, who: Who::Agent, what });
    }
    steps
}

/// What a program printed.
fn quoted(text: &str) -> String {
    format!("> {}", if text.trim().is_empty() { "(nothing)" } else { text })
}

/// `1700000000.123456`, as bash writes `$EPOCHREALTIME`, in µs.
fn micros(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let fraction: u64 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    seconds.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_moments_and_curls_end() {
        let text = "1.000002\tthought\thm\n1.5\tbad\ttime\n2.000000\tcommand\tcurl x\n3.000000\tcurl-exit\t56\n\
                    3.000001\tcurl-output\tcurl: (56)\treset\n4.000000\tthought\thalf a li";
        let steps = parse(text);
        let said: Vec<_> = steps.moments.iter().map(|moment| (moment.at_us, moment.what.as_str())).collect();
        assert_eq!(said, [(1_000_002, "“hm”"), (2_000_000, "$ curl x"), (3_000_001, "> curl: (56)\treset")]);
        assert_eq!((steps.curl_exit, steps.output.as_str()), (Some(56), "curl: (56)\treset"));
    }

    #[test]
    fn silence_is_told_as_such() {
        assert_eq!(parse("1.000000\tresult\t\n").moments[0].what, "> (nothing)");
    }

    #[test]
    fn a_script_without_steps_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("log"), "deleted\n").unwrap();
        let steps = read(&dir.path().join("steps"), &dir.path().join("log")).unwrap();
        assert_eq!((steps.output.as_str(), steps.moments.len()), ("deleted\n", 0));
    }
}
