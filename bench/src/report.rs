//! What was measured, beside what was to be reached.

use std::io::{self, Write};

use serde::Serialize;

use crate::measure::Spread;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// A ratio of two times.
    #[serde(rename = "ratio")]
    Ratio,
    #[serde(rename = "us")]
    Micros,
    #[serde(rename = "ms")]
    Millis,
    #[serde(rename = "1/s")]
    PerSecond,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "%")]
    Percent,
    #[serde(rename = "count")]
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub name: String,
    /// `None`: not measured, for the reason in `note`.
    pub value: Option<f64>,
    pub unit: Unit,
    pub quartiles: Option<(f64, f64)>,
    pub goal: Option<Goal>,
    pub met: Option<bool>,
    pub note: Option<String>,
}

impl Line {
    pub fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        let name = name.into();
        Self { name, value: Some(value), unit, quartiles: None, goal: None, met: None, note: None }
    }

    pub fn spread(name: impl Into<String>, spread: Spread, unit: Unit) -> Self {
        Self { quartiles: Some(spread.quartiles), ..Self::new(name, spread.median, unit) }
    }

    pub fn not_measured(name: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self { value: None, note: Some(why.into()), ..Self::new(name, 0.0, unit) }
    }

    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self.met = self.value.map(|value| match goal {
            Goal::AtMost(limit) => value <= limit,
            Goal::AtLeast(limit) => value >= limit,
        });
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn cells(&self) -> [String; 4] {
        let mut measured = match (self.value, self.quartiles) {
            (None, _) => "not measured".to_owned(),
            (Some(value), None) => self.unit.show(value),
            (Some(value), Some((low, high))) => {
                format!("{} ({} to {})", self.unit.show(value), self.unit.bare(low), self.unit.bare(high))
            }
        };
        if let Some(note) = &self.note {
            measured = format!("{measured}: {note}");
        }
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::AtMost(limit)) => format!("≤ {}", self.unit.show(limit)),
            Some(Goal::AtLeast(limit)) => format!("≥ {}", self.unit.show(limit)),
        };
        let met = match self.met {
            None => "",
            Some(true) => "met",
            Some(false) => "missed",
        };
        [self.name.clone(), measured, goal, met.to_owned()]
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        let bare = self.bare(value);
        match self {
            Self::Ratio | Self::Count => bare,
            Self::Micros => bare + " µs",
            Self::Millis => bare + " ms",
            Self::PerSecond => bare + " /s",
            Self::Mebibytes => bare + " MiB",
            Self::Percent => bare + " %",
        }
    }

    fn bare(self, value: f64) -> String {
        match self {
            Self::Ratio | Self::Percent => format!("{value:.3}"),
            Self::Micros | Self::Mebibytes => format!("{value:.1}"),
            Self::Millis => format!("{value:.2}"),
            Self::PerSecond if value >= 1e6 => format!("{:.2} M", value / 1e6),
            Self::PerSecond if value >= 1e3 => format!("{:.1} k", value / 1e3),
            Self::PerSecond | Self::Count => format!("{value:.0}"),
        }
    }
}

/// A Markdown table.
///
/// # Errors
/// The stream is closed.
pub fn table(out: &mut impl Write, lines: &[Line]) -> io::Result<()> {
    let mut rows: Vec<[String; 4]> = vec![["what", "measured", "goal", ""].map(str::to_owned)];
    rows.extend(lines.iter().map(Line::cells));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(out, "| {} |", rules.join(" | "))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_missed_and_a_line_without_a_value_is_neither() {
        let line = |value| Line::new("x", value, Unit::Ratio).goal(Goal::AtMost(1.1));
        assert_eq!((line(1.1).met, line(1.2).met), (Some(true), Some(false)));
        assert_eq!(Line::new("x", 2.0, Unit::PerSecond).goal(Goal::AtLeast(3.0)).met, Some(false));
        assert_eq!(Line::not_measured("x", Unit::Ratio, "no nginx").goal(Goal::AtMost(1.0)).met, None);
    }

    #[test]
    fn the_table_shows_value_spread_goal_and_outcome() {
        let spread = Spread { median: 1.05, quartiles: (1.04, 1.06) };
        let lines = [
            Line::spread("open", spread, Unit::Ratio).goal(Goal::AtMost(1.1)),
            Line::not_measured("http", Unit::Ratio, "no nginx"),
        ];
        let mut out = Vec::new();
        table(&mut out, &lines).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[2], "| open | 1.050 (1.040 to 1.060) | ≤ 1.100 | met |");
        assert_eq!(rows[3], "| http | not measured: no nginx |         |     |");
    }
}
