//! Names of files that look like secrets and are none.

use std::collections::HashSet;

use crate::{
    catalog::fields::{any, check_source},
    yaml::{Node, Report, Section},
};

/// Groups of names, each for one reason.
pub fn read(file: &Section<'_>, report: &mut Report<'_>) -> HashSet<String> {
    file.items("harmless", report, group).into_iter().flatten().collect()
}

fn group(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Vec<String>> {
    let section = Section::open(node, path, &["names", "source"], report)?;
    check_source(&section, report);
    Some(section.need_items("names", report, name))
}

fn name(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let name = any(node, path, report)?;
    if name.contains(['/', '*', '?', '[', '{']) {
        let problem = report.add(node.referenced, path, format!("found {name:?}"));
        problem.expected("a plain file name, not a pattern");
    }
    Some(name)
}
