//! Reads `approve`: what a rule asks of an approval.

use crate::{
    facts::Terms,
    plain::misleads,
    rules::grammar,
    yaml::{Node, Report, Section, number, text, word},
};

/// Longest name of a group, bytes, as Linux keeps them; those of directories are not longer in practice.
const GROUP_MAX: usize = 256;

pub fn terms(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Terms> {
    const MOST: u32 = Terms::MOST as u32;
    let section = Section::open(node, path, grammar::APPROVE, report)?;
    if section.len() == 0 {
        let problem = report.add(section.at(), path, "it asks for nothing");
        problem.expected("by, count, factor or reason");
    }
    let count = section.read("count", report, number::<1, MOST>).unwrap_or(1);
    Some(Terms {
        by: section.list("by", report, group),
        also_by: Vec::new(),
        count: count as usize,
        factor: section.read("factor", report, word),
        reason: section.read("reason", report, word).unwrap_or_default(),
    })
}

/// A name that can be looked up. Whether there is such a group is the machine's business, and may change.
fn group(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let name = text(node, path, report)?;
    let fits = name.len() <= GROUP_MAX && !name.contains([':', ',']) && !name.contains(misleads);
    if !fits || name.trim() != name {
        let problem = report.add(node.referenced, path, format!("found {name:?}"));
        problem.expected("the name of a group, as `getent group` prints it");
        return None;
    }
    Some(name)
}
