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
    /// Where each change's switch stands in the text, with the change's number.
    places: Vec<Place>,
}

struct Place {
    range: Range<usize>,
    number: usize,
    kind: Kind,
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

    /// The change whose switch the compiler may mean by a place: the innermost around it; else one within it, as of an `else`
    /// that must leave; else the last return before it, after which nothing was expected to go on.
    pub fn suspect(&self, place: &Range<usize>) -> Option<usize> {
        let contains =
            |outer: &Range<usize>, inner: &Range<usize>| outer.start <= inner.start && inner.end <= outer.end;
        let all = || self.places.iter();
        let around =
            all().filter(|known| contains(&known.range, place)).min_by_key(|known| known.range.len());
        let within = || all().find(|known| contains(place, &known.range));
        let before = || {
            let returns = all().filter(|known| known.kind == Kind::Return && known.range.end <= place.start);
            returns.max_by_key(|known| known.range.end)
        };
        around.or_else(within).or_else(before).map(|known| known.number)
    }
}

fn close(
    out: &mut String,
    places: &mut Vec<Place>,
    (start, number, mutant): (usize, usize, &Mutant),
    copy: &mut impl FnMut(&mut String, usize),
) {
    copy(out, mutant.place.end);
    out.push_str(after(mutant.kind));
    places.push(Place { range: start..out.len(), number, kind: mutant.kind });
}

/// Whether a change is played, in the text.
fn is(number: usize) -> String {
    format!("{}({number})", ["crate", MODULE_NAME, "is"].join("::"))
}

fn before(kind: Kind, number: usize) -> String {
    let is = is(number);
    match kind {
        Kind::Arm => format!("if {is} {{}} else {{ "),
        Kind::Statement | Kind::Return => format!("if !{is} {{ "),
        Kind::Always => format!("{is} || ("),
        Kind::Never => format!("!{is} && ("),
    }
}

fn after(kind: Kind) -> &'static str {
    match kind {
        Kind::Arm | Kind::Statement | Kind::Return => " }",
        Kind::Always | Kind::Never => ")",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mutants::find::mutants;

    #[test]
    fn each_change_has_a_switch_and_the_text_is_otherwise_the_same() {
        let text = "fn f() { if a { match b { 0 => g(), _ => {} } return h(); } i }";
        let mutants = mutants(Path::new("a.rs"), text).unwrap();
        let numbered: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
        let switched = Switched::new(text, &numbered);
        let expected = format!(
            "fn f() {{ if {} || (!{} && (a)) {{ match b {{ 0 => if {} {{}} else {{ g() }}, _ => {{}} }} if !{} {{ return h(); }} }} i }}",
            is(0),
            is(1),
            is(2),
            is(3)
        );
        assert_eq!(switched.text, expected);
        let at = |what: &str| {
            let start = switched.text.find(what).unwrap();
            switched.suspect(&(start..start + what.len()))
        };
        assert_eq!([at("(a)"), at("g()"), at("return h();"), at("fn f")], [Some(1), Some(2), Some(3), None]);
        assert_eq!(at("i }"), Some(3), "what follows a return");
        assert!(switched.suspect(&(0..switched.text.len())).is_some(), "one within");
    }
}
