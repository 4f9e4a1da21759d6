//! All changes in one text, each behind a switch: one build then serves for every change, and a run of the tests chooses one.

use std::ops::Range;

use super::find::{Kind, Mutant};

/// What the switches are read from, as a file of the crate: the number of the change that this run is about.
pub const MODULE: &str = r#"//! Which change is played.
use std::sync::LazyLock;
static CHOSEN: LazyLock<Option<usize>> =
    LazyLock::new(|| std::env::var("INTERLOCK_MUTANT").ok().and_then(|number| number.parse().ok()));
pub fn is(number: usize) -> bool {
    *CHOSEN == Some(number)
}
"#;
/// Its name in the crate, and the variable that it reads.
pub const MODULE_NAME: &str = "mutant_switches";
pub const VARIABLE: &str = "INTERLOCK_MUTANT";

/// A source file with its switches.
pub struct Switched {
    pub text: String,
    /// Where each change's switch stands in the text, by the change's number.
    places: Vec<(Range<usize>, usize)>,
}

impl Switched {
    /// The text of one file with these changes of it, each with its number.
    pub fn new(text: &str, mutants: &[(usize, &Mutant)]) -> Self {
        let mut mutants = mutants.to_vec();
        // Outer ones first; of one place, in their order.
        mutants.sort_by_key(|(number, mutant)| {
            (mutant.place.start, std::cmp::Reverse(mutant.place.end), *number)
        });
        let (mut out, mut places) = (String::new(), Vec::new());
        let mut open: Vec<(usize, usize, &Mutant)> = Vec::new();
        let mut copied = 0;
        let mut copy = |out: &mut String, until: usize| {
            out.push_str(text.get(copied..until).unwrap_or_default());
            copied = until;
        };
        for (number, mutant) in &mutants {
            while let Some(last) = open.pop_if(|(_, _, outer)| outer.place.end <= mutant.place.start) {
                close(&mut out, &mut places, last, &mut copy);
            }
            copy(&mut out, mutant.place.start);
            open.push((out.len(), *number, mutant));
            out.push_str(&before(mutant.kind, *number));
        }
        while let Some(last) = open.pop() {
            close(&mut out, &mut places, last, &mut copy);
        }
        copy(&mut out, text.len());
        Self { text: out, places }
    }

    /// The innermost change whose switch has a place within it.
    pub fn around(&self, place: &Range<usize>) -> Option<usize> {
        let around = |range: &Range<usize>| range.start <= place.start && place.end <= range.end;
        let found = self.places.iter().filter(|(range, _)| around(range));
        found.min_by_key(|(range, _)| range.len()).map(|(_, number)| *number)
    }
}

fn close(
    out: &mut String,
    places: &mut Vec<(Range<usize>, usize)>,
    (start, number, mutant): (usize, usize, &Mutant),
    copy: &mut impl FnMut(&mut String, usize),
) {
    copy(out, mutant.place.end);
    out.push_str(after(mutant.kind));
    places.push((start..out.len(), number));
}

fn before(kind: Kind, number: usize) -> String {
    let is = format!("crate::{MODULE_NAME}::is({number})");
    match kind {
        Kind::Arm => format!("if {is} {{}} else {{ "),
        Kind::Statement => format!("if !{is} {{ "),
        Kind::Always => format!("{is} || ("),
        Kind::Never => format!("!{is} && ("),
    }
}

fn after(kind: Kind) -> &'static str {
    match kind {
        Kind::Arm | Kind::Statement => " }",
        Kind::Always | Kind::Never => ")",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mutants::find;

    #[test]
    fn each_change_has_a_switch_and_the_text_is_otherwise_the_same() {
        let text = "fn f() { if a { match b { 0 => g(), _ => {} } h(); } }";
        let mutants = find::mutants(Path::new("a.rs"), text).unwrap();
        let numbered: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
        let switched = Switched::new(text, &numbered);
        let is = |number| format!("crate::mutant_switches::is({number})");
        let expected = format!(
            "fn f() {{ if {} || (!{} && (a)) {{ match b {{ 0 => if {} {{}} else {{ g() }}, _ => {{}} }} if !{} {{ h(); }} }} }}",
            is(0),
            is(1),
            is(2),
            is(3)
        );
        assert_eq!(switched.text, expected);
        let at = |what: &str| {
            let start = switched.text.find(what).unwrap();
            switched.around(&(start..start + what.len()))
        };
        assert_eq!([at("(a)"), at("g()"), at("h();"), at("fn f")], [Some(1), Some(2), Some(3), None]);
    }
}
