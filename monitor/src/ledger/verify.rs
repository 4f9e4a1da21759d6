//! Checks a whole ledger, in one file or in several, and reports what does not hold.

use std::{io::BufRead, ops::ControlFlow, path::Path, time::Duration};

use interlock_core::record::Kind;

use super::{
    chain::{Head, Link},
    check::Check,
    fault::{Fault, MAX_FAULTS},
    lines::Lines,
    scan::{Found, scan, scan_lines},
};

/// A ledger that holds together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub records: u64,
    /// Compare it with a head that was kept elsewhere: only that shows a cut at the very end.
    pub head: Head,
}

/// Reads the ledger at `path` from its first record to its last.
///
/// # Errors
/// Everything that does not hold, in the order of the file.
pub fn verify(path: &Path) -> Result<Summary, Vec<Fault>> {
    verify_all(&[path])
}

/// Reads a ledger that was rotated: the files in the order in which they were written, as one chain.
///
/// # Errors
/// Everything that does not hold, in the order of the files; each with its file, where there are several.
pub fn verify_all(paths: &[&Path]) -> Result<Summary, Vec<Fault>> {
    let mut check = Check::after(Some(Head::START));
    let mut faults = Vec::new();
    scan(paths, &mut check, Duration::ZERO, &mut |found| {
        if let Found::Fault(path, fault) = found {
            let several = paths.len() > 1;
            let located = |fault| Fault::In { path: path.to_owned(), fault: Box::new(fault) };
            faults.push(if several { located(fault) } else { fault });
        }
        go_on(&faults)
    });
    finish(&check, faults)
}

/// Whether the first of these lines goes on with the chain of an earlier file.
pub(super) fn continues(lines: &[u8]) -> bool {
    let first = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Link::read(first).is_ok_and(|(link, ..)| link.record.kind == Kind::Rotate)
}

/// Checks lines that follow `head`, or that begin anywhere where it is `None`.
pub(super) fn lines(input: impl BufRead, head: Option<Head>) -> Result<Summary, Vec<Fault>> {
    let mut check = Check::after(head);
    let mut faults = Vec::new();
    let _ = scan_lines(Lines::new(input), &mut check, Path::new(""), &mut |found| {
        if let Found::Fault(_, fault) = found {
            faults.push(fault);
        }
        go_on(&faults)
    });
    finish(&check, faults)
}

fn go_on(faults: &[Fault]) -> ControlFlow<()> {
    if faults.len() >= MAX_FAULTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn finish(check: &Check, mut faults: Vec<Fault>) -> Result<Summary, Vec<Fault>> {
    if faults.len() >= MAX_FAULTS {
        faults.push(Fault::More);
    }
    if faults.is_empty() {
        Ok(Summary { records: check.records, head: check.head.unwrap_or(Head::START) })
    } else {
        Err(faults)
    }
}
