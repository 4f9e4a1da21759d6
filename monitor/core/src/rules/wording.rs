//! What rules ask for and facts have, in words. Displayed only where somebody reads it.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use super::{
    conditions::{Age, Touched},
    pattern::{Glob, HostPattern},
};
use crate::{facts::Grade, words::Word};

/// Longest command line that is shown, characters.
const MAX_SHOWN: usize = 160;

/// One value of a rule, as the rule writes it.
pub trait Written {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

impl<T: Word> Written for T {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Written for String {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Written for u16 {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Written for Glob {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Written for HostPattern {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A value in its own words.
pub struct Plain<'a, T>(pub &'a T);

impl<T: Written> Display for Plain<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

/// `infra`, `infra or database`, `a, b or c`.
pub struct OneOf<'a, T>(pub &'a [T]);

impl<T: Written> Display for OneOf<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(self.0, "or", f)
    }
}

/// `anything but infra`, `anything but infra and database`.
pub struct Other<'a, T>(pub &'a [T]);

impl<T: Written> Display for Other<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("anything but ")?;
        list(self.0, "and", f)
    }
}

fn list<T: Written>(items: &[T], last: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        match i {
            0 => {}
            i if i + 1 == items.len() => write!(f, " {last} ")?,
            _ => f.write_str(", ")?,
        }
        item.write(f)?;
    }
    Ok(())
}

/// A flag of a condition: what its value means.
pub struct Flag {
    pub condition: &'static str,
    pub value: bool,
}

impl Display for Flag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let meaning = match (self.condition, self.value) {
            ("secret.foreign", true) => "outside of the workspace, read by none of its owner tools",
            ("secret.foreign", false) => "inside of the workspace, or read by one of its owner tools",
            ("secret.habit", true) => "a library looked into it unasked",
            ("secret.habit", false) => "the program wanted it",
            ("process.owner", true) => "the reader is an owner tool of the secret",
            ("process.owner", false) => "the reader is no owner tool of the secret",
            ("destination.named", true) => "a name is known for the address",
            ("destination.named", false) => "a plain address, no name is known",
            ("environ.own", true) => "the process's own environment",
            ("environ.own", false) => "another process's environment",
            ("inspect.own", true) => "a process of the same session",
            ("inspect.own", false) => "a process outside of the session",
            ("session.incomplete", true) => "records of the session were lost",
            ("session.incomplete", false) => "no record of the session was lost",
            _ => return Display::fmt(&self.value, f),
        };
        write!(f, "{} ({meaning})", self.value)
    }
}

/// The bounds of an age: `over 10 min, under 2 h`.
pub struct Bounds<'a>(pub &'a Age);

impl Display for Bounds<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.over, self.0.under) {
            (Some(over), Some(under)) => write!(f, "over {} and under {}", Span(over), Span(under)),
            (Some(over), None) => write!(f, "over {}", Span(over)),
            (None, Some(under)) => write!(f, "under {}", Span(under)),
            (None, None) => f.write_str("any"),
        }
    }
}

/// An age on the other side of the nearer bound.
pub struct OtherAge<'a>(pub &'a Age, pub Duration);

impl Display for OtherAge<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Age { over, under } = *self.0;
        let distance = |bound: Duration| self.1.abs_diff(bound);
        match (over, under) {
            (Some(over), Some(under)) if distance(under) < distance(over) => {
                write!(f, "{} or more", Span(under))
            }
            (Some(over), _) => write!(f, "{} or less", Span(over)),
            (None, Some(under)) => write!(f, "{} or more", Span(under)),
            (None, None) => f.write_str("nothing"),
        }
    }
}

/// `foreign secret of class paas and of grade A`.
pub struct Sort<'a>(pub &'a Touched);

impl Display for Sort<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Touched { class, grade, foreign, habit, .. } = self.0;
        f.write_str(match foreign {
            Some(true) => "foreign secret",
            Some(false) => "secret that is not foreign",
            None => "secret",
        })?;
        if !class.is_empty() {
            write!(f, " of class {}", OneOf(class))?;
        }
        if !grade.is_empty() {
            let joint = if class.is_empty() { "" } else { " and" };
            write!(f, "{joint} of grade {}", OneOf::<Grade>(grade))?;
        }
        match habit {
            Some(true) => f.write_str(" by habit"),
            Some(false) => f.write_str(" not by habit"),
            None => Ok(()),
        }
    }
}

/// `foreign secret of grade A read in the 30 min before`.
pub struct Wanted<'a>(pub &'a Touched);

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} read {}", Sort(self.0), Within(self.0.within))
    }
}

/// `in the 30 min before`, `earlier in the session`.
pub struct Within(pub Option<Duration>);

impl Display for Within {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(within) => write!(f, "in the {} before", Span(within)),
            None => f.write_str("earlier in the session"),
        }
    }
}

/// The beginning of a command line.
pub struct Line<'a>(pub &'a str);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => write!(f, "{}…", self.0.get(..end).unwrap_or_default()),
            None => f.write_str(self.0),
        }
    }
}

/// A duration as a person says it, rounded down.
pub struct Span(pub Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds @ 1..120 => write!(f, "{seconds} s"),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::DestinationClass as Class;

    #[test]
    fn lists_read_as_a_person_says_them() {
        assert_eq!(OneOf(&[Class::Infra]).to_string(), "infra");
        assert_eq!(OneOf(&[Class::Infra, Class::Database]).to_string(), "infra or database");
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(OneOf(&words).to_string(), "a, b or c");
        assert_eq!(Other(&words).to_string(), "anything but a, b and c");
    }

    #[test]
    fn an_age_differs_at_its_nearer_bound() {
        let [minute, hour] = [60, 3600].map(Duration::from_secs);
        let age = Age { over: Some(minute), under: Some(hour) };
        assert_eq!(Bounds(&age).to_string(), "over 60 s and under 60 min");
        assert_eq!(OtherAge(&age, Duration::from_secs(70)).to_string(), "60 s or less");
        assert_eq!(OtherAge(&age, Duration::from_secs(3500)).to_string(), "60 min or more");
    }

    #[test]
    fn a_wanted_secret_is_described_by_what_the_rule_asks() {
        let touched = Touched {
            class: vec!["paas".into(), "cloud".into()],
            grade: vec![Grade::A],
            foreign: Some(true),
            habit: None,
            within: Some(Duration::from_secs(1800)),
        };
        let all = "foreign secret of class paas or cloud and of grade A read in the 30 min before";
        assert_eq!(Wanted(&touched).to_string(), all);
        let any = Touched { class: vec![], grade: vec![], foreign: None, habit: None, within: None };
        assert_eq!(Wanted(&any).to_string(), "secret read earlier in the session");
        let meant = Touched { habit: Some(false), ..any };
        assert_eq!(Sort(&meant).to_string(), "secret not by habit");
    }
}
