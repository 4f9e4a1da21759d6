//! What happened, in the order of time, for a person to read.

use std::fmt::Write;

use super::journal::{Moment, Who};

/// Columns.
const WIDTH: usize = 100;
/// Columns of the time, the actor and the space around them.
const MARGIN: usize = 26;

/// Orders moments by time; what is said twice in a row is kept once.
#[must_use]
pub fn merge(mut moments: Vec<Moment>) -> Vec<Moment> {
    moments.sort_by_key(|moment| moment.at_us);
    moments.dedup_by(|later, earlier| later.who == earlier.who && later.what == earlier.what);
    moments
}

/// Milliseconds since the first of the merged moments, to the tenth.
#[must_use]
pub fn at_ms(moment: &Moment, first: Option<&Moment>) -> f64 {
    let since = moment.at_us.saturating_sub(first.map_or(0, |first| first.at_us));
    // Far below 2^53.
    (since as f64 / 100.0).round() / 10.0
}

/// One paragraph per thought of the agent, each after an empty line; times in ms, then who, then what.
#[must_use]
pub fn render(merged: &[Moment]) -> String {
    let mut text = String::new();
    let mut actor = "";
    for (index, moment) in merged.iter().enumerate() {
        if index == 0 || moment.what.starts_with('“') {
            text.push('\n');
            actor = "";
        }
        let now = name(moment.who);
        let shown = if now == actor { "" } else { now };
        actor = now;
        let mut lines = wrap(&moment.what, WIDTH - MARGIN).into_iter();
        let first = lines.next().unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>9.1} ms  {shown:<11}  {first}", at_ms(moment, merged.first()));
        for line in lines {
            let _ = writeln!(text, "{:MARGIN$}{line}", "");
        }
    }
    text
}

fn name(who: Who) -> &'static str {
    match who {
        Who::Agent => "agent",
        Who::Kernel | Who::Rule => "Interlock",
        Who::Person => "person",
        Who::Server => "provider",
    }
}

/// Breaks at spaces, and inside a word only where it is longer than a line. What wraps is indented by two.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let space = usize::from(room < width && !lines.last().is_some_and(|line| line.ends_with("  ")));
        if word.len() + space > room && room < width {
            lines.push("  ".into());
            room = width - 2;
        } else if space == 1 {
            push(&mut lines, &[' ']);
            room -= 1;
        }
        while word.len() > room {
            let rest = word.split_off(room);
            push(&mut lines, &word);
            lines.push("  ".into());
            (word, room) = (rest, width - 2);
        }
        push(&mut lines, &word);
        room -= word.len();
    }
    lines
}

fn push(lines: &mut [String], characters: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.extend(characters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_us: u64, who: Who, what: &str) -> Moment {
        Moment { at_us, who, what: what.into() }
    }

    #[test]
    fn three_actors_in_one_order_of_time() {
        let merged = merge(vec![
            at(2_250_000, Who::Server, "1 TCP connection"),
            at(1_000_000, Who::Agent, "“I will restart its volume.”"),
            at(1_250_040, Who::Agent, "$ ./deploy.sh restart"),
            at(2_250_900, Who::Rule, "HELD"),
            at(2_250_901, Who::Rule, "HELD"),
        ]);
        let wanted = "
      0.0 ms  agent        “I will restart its volume.”
    250.0 ms               $ ./deploy.sh restart
   1250.0 ms  provider     1 TCP connection
   1250.9 ms  Interlock    HELD
";
        assert_eq!(render(&merged), wanted);
    }

    #[test]
    fn nothing_is_wider_than_a_hundred_columns_and_nothing_is_lost() {
        let long = format!("curl {} {}", "x".repeat(300), "word ".repeat(60));
        let text = render(&[at(0, Who::Agent, &long)]);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches('x').count(), 300);
        assert_eq!(text.matches("word").count(), 60);
    }
}
