//! Variables whose values stand for directories of the patterns.

use crate::{
    catalog::{
        fields::{any, check_source},
        secrets::entry::variable,
    },
    yaml::{Node, Report, Section},
};

/// A variable whose value stands for a directory of the patterns.
#[derive(Debug)]
pub struct Move {
    pub variable: String,
    /// With the slash at its end.
    pub directory: String,
}

pub fn read(file: &Section<'_>, report: &mut Report<'_>) -> Vec<Move> {
    file.items("moves", report, step)
}

fn step(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Move> {
    let section = Section::open(node, path, &["env", "directory", "source"], report)?;
    check_source(&section, report);
    let variable = section.need("env", report, variable);
    let directory = section.need("directory", report, directory);
    Some(Move { variable: variable?, directory: format!("{}/", directory?) })
}

fn directory(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let text = any(node, path, report)?;
    if !(text.starts_with("~/") || text.starts_with('/')) || text.ends_with('/') {
        let problem = report.add(node.referenced, path, format!("found {text:?}"));
        problem.expected("~/… or /…, without a slash at its end");
    }
    Some(text)
}
