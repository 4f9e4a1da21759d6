//! Problems as people read them.

use super::*;

#[test]
fn the_nearest_word_is_found_and_a_far_one_is_not() {
    let words = ["allow", "alert", "hold", "deny", "freeze", "kill"];
    assert_eq!(nearest("hodl", words), Some("hold"));
    assert_eq!(nearest("freze", words), Some("freeze"));
    assert_eq!(nearest("Allow", words), Some("allow"));
    assert_eq!(nearest("block", words), None);
    assert_eq!(nearest("", words), None);
    assert_eq!(nearest("b", ["A", "B"]), Some("B"));
    assert_eq!(nearest("x", ["A", "B"]), None);
}

#[test]
fn a_problem_shows_its_line_and_underlines_the_word() {
    let problem = Problem {
        line: 4,
        column: 13,
        field: "rules[0].action".into(),
        expected: Some("hold".into()),
        source: Some("    action: hodl  # hm".into()),
        width: 4,
        ..Problem::of_file("a.yaml", "found \"hodl\"")
    };
    let text = problem.to_string();
    assert_eq!(
        text,
        "a.yaml:4:13: rules[0].action: found \"hodl\"; expected hold\n        action: hodl  # hm\n                ^^^^"
    );
}

#[test]
fn a_file_that_is_the_problem_has_no_position() {
    let problem = Problem::of_file("/etc/rules.d", "is empty");
    assert_eq!(problem.to_string(), "/etc/rules.d: is empty");
}

/// What is shown of a line, and what is underlined.
fn shown(source: &str, column: u64, width: usize) -> (String, String) {
    let problem =
        Problem { line: 1, column, source: Some(source.to_owned()), width, ..Problem::of_file("a", "b") };
    let text = problem.to_string();
    let [_, line, carets] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let marked = |(_, caret): &(char, char)| *caret == '^';
    (
        line[4..].to_owned(),
        line.chars().zip(carets.chars()).filter(marked).map(|(letter, _)| letter).collect(),
    )
}

#[test]
fn a_long_line_is_cut_around_its_mistake() {
    let line = format!("  {}wrong {}", "x ".repeat(60), "y ".repeat(60));
    let (text, marked) = shown(&line, 123, 5);
    assert!(text.starts_with("… ") && text.ends_with('…') && text.chars().count() == 76, "{text}");
    assert_eq!(marked, "wrong");
    let (text, marked) = shown(&line, 3, 3);
    assert!(text.starts_with("  x x ") && text.ends_with('…'), "{text}");
    assert_eq!(marked, "x x");
    let (text, marked) = shown(&format!("{}wrong", "é".repeat(90)), 91, 5);
    assert!(text.starts_with('…') && text.ends_with("wrong"), "{text}");
    assert_eq!(marked, "wrong");
    assert_eq!(shown("short", 1, 900).1, "short");
    assert_eq!(shown(&"long ".repeat(40), 1, 900).1.chars().count(), 76);
}

#[test]
fn control_characters_of_a_file_are_not_obeyed() {
    let (text, marked) = shown("\tab: \u{1b}[31mred", 7, 3);
    assert_eq!((text.as_str(), marked.as_str()), ("\tab: \u{fffd}[31mred", "[31"));
}

#[test]
fn names_and_words_of_a_file_are_not_obeyed() {
    let problem = Problem {
        line: 1,
        column: 1,
        field: "rules[0].\u{1b}[2J".into(),
        source: Some("a\u{202e}b".into()),
        width: 1,
        ..Problem::of_file("/etc/\u{7}x", "unknown field \u{2066}y\nz")
    };
    assert_eq!(
        problem.to_string(),
        "/etc/\\u{7}x:1:1: rules[0].\\u{1b}[2J: unknown field \\u{2066}y\\nz\n    a\u{fffd}b\n    ^"
    );
}

#[test]
fn bytes_of_a_text_become_a_line_a_column_and_a_width() {
    let text = "a = 1\nü = \"größe\"\nb = [\n1]";
    let source = Source::new("f", text);
    let place = |range| {
        let problem = source.problem_of_bytes(range, "", "");
        (problem.line, problem.column, problem.width, problem.source)
    };
    let start = text.find('"').unwrap();
    assert_eq!(place(start..start + "\"größe\"".len()), (2, 5, 7, Some("ü = \"größe\"".into())));
    let start = text.find('[').unwrap();
    assert_eq!(place(start..text.len()), (3, 5, 1, Some("b = [".into())));
    assert_eq!(place(text.len()..text.len()), (4, 3, 0, Some("1]".into())));
    assert_eq!(place(900..901).0, 4);
}
