//! `interlock explain`.

pub(super) mod page;

use std::fmt::{self, Display};

use clap::Args;
use jiff::tz::TimeZone;

use self::page::Page;
use super::{
    exit::{Exit, Failure},
    global::Reading,
    holds,
    language::{ago, id, moment, word},
    printer::Printer,
    wait::wait,
};
use crate::control::client::{Client, ClientError};
use interlock_core::{
    explanation::{ConditionTrace, Explanation, Neighbour, Otherwise, Read, ReadBy, RuleTrace, Written},
    facts::Action,
};

/// Secrets shown of those that were read before; those that count are shown all the same.
const READ_SHOWN: usize = 8;

#[derive(Args, Debug)]
pub struct Explain {
    /// Of a hold or an event
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    pub reading: Reading,
}

impl Explain {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let path = format!("/v1/explain/{}", self.id);
        let explanation: Explanation = wait(async {
            match client.get(&path).await {
                Err(error @ ClientError::NotFound(_)) => Err(holds::unknown(client, error, true).await),
                answer => Ok(answer?),
            }
        })?;
        if printer.is_json() {
            printer.json(&explanation)?;
        } else {
            printer.data(&story(&explanation, page::WIDTH))?;
        }
        Ok(Exit::Success)
    }
}

/// The story, in lines of at most `width` columns.
pub(super) fn story(explanation: &Explanation, width: usize) -> String {
    Story { explanation, zone: TimeZone::system(), width }.to_string()
}

struct Story<'e> {
    explanation: &'e Explanation,
    zone: TimeZone,
    width: usize,
}

impl Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { id, headline, lineage, object, evidence, unknown, rules, excused, nearest, .. } =
            self.explanation;
        let mut page = Page::of(self.width);
        page.line(0, &format!("{id}: {headline}"));
        page.section("who, from the session's root", |page| {
            for (depth, process) in lineage.iter().enumerate() {
                page.line(2 + 2 * depth, process);
            }
        });
        page.section("what", |page| {
            object.iter().for_each(|line| page.line(2, line));
            evidence.iter().for_each(|token| {
                page.line(2, &format!("evidence {token}: approve it with `--evidence {token}`"))
            });
        });
        page.section("secrets read before (* counts for a rule below)", |page| self.reads(page));
        page.section("what is not known", |page| unknown.iter().for_each(|line| page.line(2, line)));
        for rule in rules {
            write_rule(&mut page, rule);
        }
        page.section("excused by it", |page| {
            for rule in excused {
                page.line(2, &format!("{}: {}", name(rule), rule.summary));
            }
        });
        page.section("no rule matched; these came nearest", |page| write_neighbours(page, 2, nearest));
        if let Some(other) = &self.explanation.otherwise {
            page.section(&format!("without {}", other.without), |page| page.line(2, &otherwise(other)));
        }
        page.section("since then", |page| {
            if self.explanation.reloaded {
                page.line(2, "other rules are in force; what is told here is by those that decided");
            }
        });
        page.fmt(f)
    }
}

impl Story<'_> {
    fn reads(&self, page: &mut Page) {
        let read = &self.explanation.read;
        let shown = |(place, read): &(usize, &Read)| *place < READ_SHOWN || read.counts;
        let shown: Vec<&Read> = read.iter().enumerate().filter(shown).map(|(_, read)| read).collect();
        for read in &shown {
            let Read { path, class, grade, foreign, at, before_ms, counts, .. } = read;
            let place = if *foreign { "foreign" } else { "own" };
            let mark = if *counts { '*' } else { ' ' };
            let when = format!("{} before", ago(*before_ms));
            let label = format!("{mark} {when:<15} {}  ", moment(*at, &self.zone));
            page.beside(&label, &format!("{path} ({} {place} {class})", word(grade)));
            self.readers(page, read);
        }
        match read.len() - shown.len() {
            0 => {}
            more => page.line(2, &format!("and {more} earlier ones, see --output json")),
        }
    }

    fn readers(&self, page: &mut Page, read: &Read) {
        match &read.by {
            Some(by) => write_reader(page, "read by", by),
            None => page.line(4, "which process read it is not known"),
        }
        if let Some(first) = &read.first_by {
            write_reader(page, &format!("first read {} by", moment(first.at, &self.zone)), first);
        }
        if read.others_between {
            page.line(4, "and by others in between, which are not remembered");
        }
    }
}

/// A process with its program, and the way from the session's root to it.
fn write_reader(page: &mut Page, label: &str, by: &ReadBy) {
    let ReadBy { pid, executable, command, lineage, .. } = by;
    let program = match executable.as_str() {
        "" => " (its program is not known)".to_owned(),
        path if path == command => String::new(),
        path => format!(" ({path})"),
    };
    page.beside(&format!("    {label} "), &format!("{pid} {command}{program}"));
    match lineage.split_last() {
        Some((_, way @ [_, ..])) => page.beside("      started by ", &way.join(" → ")),
        Some((own, [])) if own.split(' ').next() == Some(pid.to_string().as_str()) => {
            page.line(6, "the session's root itself");
        }
        _ => page.line(6, "what started it is not known"),
    }
}

fn write_rule(page: &mut Page, rule: &RuleTrace) {
    let RuleTrace { id, action, conditions, notes, exceptions, compiled, written, overridden, .. } = rule;
    let Written { file, line, text } = written;
    page.section(&format!("rule {id} → {} ({file}:{line})", word(action)), |page| {
        text.lines().for_each(|line| page.verbatim(4, line));
    });
    for Written { file, line, text } in overridden {
        page.line(2, &format!("changed by an override ({file}:{line})"));
        text.lines().for_each(|line| page.verbatim(4, line));
    }
    page.section("  compiled to", |page| compiled.iter().for_each(|line| page.line(4, line)));
    page.section("  what it asked, what it was, and what instead would have been no match", |page| {
        write_conditions(page, 4, conditions);
        notes.iter().for_each(|note| page.line(4, note));
    });
    page.section("  exceptions that came nearest to excusing it", |page| {
        write_neighbours(page, 4, exceptions)
    });
    if exceptions.is_empty() && *action != Action::Allow {
        page.section("  exceptions", |page| {
            page.line(
                4,
                "none is written for it: `except` in the rule, or a rule with `action: allow`, would be one",
            );
        });
    }
}

fn write_neighbours(page: &mut Page, indent: usize, rules: &[Neighbour]) {
    for rule in rules {
        page.line(indent, &format!("{}, but", name(rule)));
        write_conditions(page, indent + 2, &rule.unmet);
    }
}

fn write_conditions(page: &mut Page, indent: usize, conditions: &[ConditionTrace]) {
    let widest = conditions.iter().map(|condition| condition.name.len()).max().unwrap_or_default();
    for ConditionTrace { name, asked, found, instead, .. } in conditions {
        let mut write = |name: &str, word: &str, text: &str| {
            page.beside(&format!("{:indent$}{name:widest$}  {word:<7}  ", ""), text);
        };
        write(name, "asked", asked);
        write("", "was", found);
        if let Some(instead) = instead {
            write("", "instead", instead);
        }
    }
}

fn name(rule: &Neighbour) -> String {
    format!("{} → {} ({}:{})", rule.id, word(rule.action), rule.file, rule.line)
}

fn otherwise(other: &Otherwise) -> String {
    match (&other.rule, &other.summary) {
        (Some(rule), Some(summary)) => format!("{}, by {rule}: {summary}", word(other.action)),
        _ => "nothing would have been done: no other rule matches".to_owned(),
    }
}

#[cfg(test)]
mod tests;
