//! A ledger of one file or several, read from its first line to its last as one chain.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    ops::ControlFlow,
    path::Path,
    time::Duration,
};

use super::{
    chain::{Head, Link},
    check::Check,
    fault::Fault,
    lines::{Lines, Read},
};

/// What reading comes upon, in the order of the files.
pub enum Found<'l> {
    /// A file begins.
    File(&'l Path),
    Line(&'l Line<'l>),
    /// Something does not hold; it is told before its line.
    Fault(&'l Path, Fault),
}

/// A whole line.
pub struct Line<'l> {
    /// In its file, from 1.
    pub number: u64,
    /// With its end.
    pub bytes: &'l [u8],
    /// `None` where it is no record.
    pub link: Option<Link>,
    /// Number and hash that the record states.
    pub head: Option<Head>,
}

/// Who is told; ends the reading by `Break`.
pub type Visitor<'v> = dyn FnMut(Found<'_>) -> ControlFlow<()> + 'v;

/// Reads the files in this order. `timeout` is how long the end of a last line is waited for.
pub fn scan(paths: &[impl AsRef<Path>], check: &mut Check, timeout: Duration, visit: &mut Visitor<'_>) {
    for path in paths {
        let path = path.as_ref();
        check.line = 0;
        let mut go_on = visit(Found::File(path));
        if go_on.is_continue() {
            go_on = match File::open(path) {
                Ok(file) => {
                    let lines = Lines::new(BufReader::new(file)).waiting(timeout);
                    scan_lines(lines, check, path, visit)
                }
                Err(error) => visit(Found::Fault(path, Fault::Unreadable(error))),
            };
        }
        if go_on.is_break() {
            break;
        }
    }
}

/// Reads the lines of one file.
pub fn scan_lines(
    mut lines: Lines<impl BufRead>,
    check: &mut Check,
    path: &Path,
    visit: &mut Visitor<'_>,
) -> ControlFlow<()> {
    let mut faults = Vec::new();
    loop {
        let read = match lines.next() {
            Ok(Read::End) => return ControlFlow::Continue(()),
            Ok(read) => read,
            Err(error) => return visit(Found::Fault(path, Fault::Unreadable(error))),
        };
        let mut tell = |fault| faults.push(fault);
        let line = match read {
            Read::Line(bytes) => match bytes.strip_suffix(b"\n") {
                Some(content) => {
                    let link = check.next(content, &mut tell);
                    let head = link.is_some().then_some(check.head).flatten();
                    Some(Line { number: check.line, bytes, link, head })
                }
                None => {
                    check.torn(&mut tell);
                    None
                }
            },
            Read::TooLong | Read::End => {
                check.no_record("it is longer than a record may be".to_owned(), &mut tell);
                None
            }
        };
        for fault in faults.drain(..) {
            visit(Found::Fault(path, fault))?;
        }
        if let Some(line) = line {
            visit(Found::Line(&line))?;
        }
    }
}
