//! `fuzz/floors.toml`: how many regions each target's corpus reached when that was recorded, and how few are too few.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

pub const FILE: &str = "fuzz/floors.toml";
/// A floor is this much of what was recorded, in per cent. A target that went blind loses nearly all; refactoring, and another
/// compiler, move less than this.
const KEPT: u64 = 90;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Regions when it was recorded.
    pub covered: u64,
    pub floor: u64,
}

impl Floor {
    fn of(covered: u64) -> Self {
        Self { covered, floor: covered * KEPT / 100 }
    }
}

pub type Floors = BTreeMap<String, Floor>;
/// Target → regions that its corpus reaches.
pub type Reached = BTreeMap<String, u64>;

/// # Errors
/// The file cannot be read, or is no tables of floors.
pub fn read(root: &Path) -> Result<Floors> {
    let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("{FILE} cannot be read"))?;
    parse(&text)
}

/// Writes what is reached into the file; targets that were not played keep what they have, those that are gone go.
///
/// # Errors
/// The file cannot be read or written.
pub fn record(root: &Path, reached: &Reached, targets: &[String]) -> Result<()> {
    let file = root.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("{FILE} cannot be read"))?;
    let mut floors = parse(&text)?;
    floors.retain(|target, _| targets.contains(target));
    floors.extend(reached.iter().map(|(target, covered)| (target.clone(), Floor::of(*covered))));
    fs::write(&file, render(&text, &floors)).with_context(|| format!("{FILE} cannot be written"))
}

/// Which of the targets reach too little, or have no floor. A target that reaches nothing fails whatever its floor.
pub fn problems(floors: &Floors, reached: &Reached) -> Vec<String> {
    let of = |(target, covered): (&String, &u64)| match (floors.get(target), covered) {
        (_, 0) => Some(format!(
            "{target}: its corpus reaches nothing of our code: it calls none of it, or refuses every input; where that is so of \
             all targets, remove target/fuzz"
        )),
        (None, _) => Some(format!("{target}: no floor in {FILE}; it reaches {covered} regions")),
        (Some(Floor { floor, covered: before }), _) if covered < floor => Some(format!(
            "{target}: its corpus reaches {covered} regions of our code, and the floor is {floor} ({before} when it was recorded)"
        )),
        (Some(_), _) => None,
    };
    reached.iter().filter_map(of).collect()
}

fn parse(text: &str) -> Result<Floors> {
    toml::from_str(text).with_context(|| format!("{FILE} is not tables of `covered` and `floor`"))
}

/// The file anew; the comment at its head stays.
fn render(text: &str, floors: &Floors) -> String {
    let head = text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n"));
    let tables = floors.iter().map(|(target, Floor { covered, floor })| {
        format!("\n[{target}]\ncovered = {covered}\nfloor = {floor}\n")
    });
    head.chain(tables).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(list: &[(&str, u64)]) -> Reached {
        list.iter().map(|(target, covered)| ((*target).to_owned(), *covered)).collect()
    }

    fn floors(list: &[(&str, u64)]) -> Floors {
        list.iter().map(|(target, covered)| ((*target).to_owned(), Floor::of(*covered))).collect()
    }

    #[test]
    fn a_target_below_its_floor_fails_and_one_at_it_does_not() {
        let floors = floors(&[("dns", 1000), ("http", 1000), ("rules", 1000)]);
        assert_eq!(problems(&floors, &reached(&[("dns", 900), ("http", 1000), ("rules", 1200)])), [""; 0]);
        let found = problems(&floors, &reached(&[("dns", 899), ("http", 0), ("rules", 900)])).join("\n");
        assert!(
            found
                .contains("dns: its corpus reaches 899 regions of our code, and the floor is 900 (1000 when")
        );
        assert!(found.contains("http: its corpus reaches nothing of our code"));
        assert_eq!(found.lines().count(), 2, "{found}");
    }

    #[test]
    fn a_target_that_reaches_nothing_fails_whatever_its_floor() {
        assert_eq!(problems(&floors(&[("dns", 0)]), &reached(&[("dns", 0)])).len(), 1);
    }

    #[test]
    fn a_target_without_a_floor_fails() {
        let found = problems(&floors(&[("dns", 1)]), &reached(&[("dns", 1), ("http", 5)]));
        assert_eq!(found, ["http: no floor in fuzz/floors.toml; it reaches 5 regions"]);
    }

    #[test]
    fn what_is_recorded_is_read_again_below_the_same_comment() {
        let floors = floors(&[("client_hello", 200), ("dns", 1_001)]);
        let text = render("# why\n# and how\n\n[old]\ncovered = 1\nfloor = 1\n", &floors);
        assert!(
            text.starts_with("# why\n# and how\n\n[client_hello]\ncovered = 200\nfloor = 180\n"),
            "{text}"
        );
        assert_eq!(parse(&text).unwrap(), floors);
    }

    #[test]
    fn a_wrong_file_is_told_by_name_and_line() {
        let error = format!("{:#}", parse("[dns]\ncovered = 1\nflor = 1\n").unwrap_err());
        assert!(error.starts_with(FILE) && error.contains("line 3") && error.contains("flor"), "{error}");
    }
}
