use super::*;
use crate::strings::{strings, text as path};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A running program, as the kernel's record shows it.
fn running(executable: &str, args: &[&str]) -> Process {
    let block: Vec<u8> = args.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    let shown = block.len().min(ARGS_MAX);
    let executable = executable.as_bytes();
    Process {
        executable: path(&executable[..executable.len().min(FILENAME_MAX - 1)]),
        args: strings(&block, shown as u32).into(),
        args_unknown: block.len() > shown,
        ..Process::default()
    }
}

fn said(args: &[&str]) -> ExpectedArgv {
    ExpectedArgv::new(&Arguments { args: words(args), whole: true })
}

fn fits(args: &[&str], executable: &str, runs: &[&str]) -> bool {
    said(args).fits(&running(executable, runs), false)
}

fn fits_as_script(args: &[&str], executable: &str, runs: &[&str]) -> bool {
    said(args).fits(&running(executable, runs), true)
}

#[test]
fn what_was_said_is_what_runs() {
    assert!(fits(&["seq", "7"], "/bin/seq", &["seq", "7"]));
    assert!(!fits(&["seq", "7"], "/bin/seq", &["seq", "6"]));
    assert!(!fits(&["seq", "7"], "/bin/seq", &["seq", "7", "8"]));
    assert!(!fits(&["seq", "7"], "/bin/seq", &["seq", "7", ""]));
    assert!(!fits(&["seq", "7", "8"], "/bin/seq", &["seq", "7"]));
    assert!(!fits(&["seq", "7 8"], "/bin/seq", &["seq", "7", "8"]));
    assert!(
        !fits(&["seq", "7"], "/bin/seq", &["seq", "/bin/seq", "7"]),
        "no script: nothing was put in front"
    );
    assert!(!fits(&["python3", "a"], "/bin/python3", &["python3", "-cevil", "/bin/python3", "a"]));
}

#[test]
fn a_program_without_a_name() {
    assert!(fits(&[""], "/bin/seq", &[""]) && !fits(&[""], "/bin/seq", &["", "7"]));
    assert!(fits(&["", ""], "/bin/seq", &["", ""]) && !fits(&["", ""], "/bin/seq", &[""]));
    assert!(fits_as_script(&[""], "/x/it", &["/bin/sh", "/x/it"]));
}

#[test]
fn what_the_record_cuts_off_may_be_anything_that_was_said_and_what_it_shows_may_not() {
    let padding = "x".repeat(ARGS_MAX);
    let long = ["sh", "-c", "true", &padding];
    assert!(fits(&long, "/bin/sh", &long));
    assert!(!fits(&["sh", "-c", "true"], "/bin/sh", &["sh", "-c", &format!("true; evil #{padding}")]));
    assert!(!fits(&["sh", "-c", "true"], "/bin/sh", &long), "more than was said");
    assert!(!fits(&long, "/bin/sh", &["sh", "-c", "evil", &padding]));
    assert!(!fits(&long, "/bin/sh", &["sh", "-c", "true"]), "less than was said");
    assert!(!fits(&["sh", "-c", "true", ""], "/bin/sh", &["sh", "-c", "true", "", "", &padding]));
}

#[test]
fn a_cut_at_any_byte_of_a_character_is_no_difference() {
    for before in 0..4 {
        let text = "🐚".repeat(ARGS_MAX / 4);
        let args = ["sh", "-c", &"x".repeat(before), &text];
        let shown = running("/bin/sh", &args);
        assert_eq!(shown.args[3].ends_with(REPLACED), before != 1, "{before}");
        assert!(said(&args).fits(&shown, false), "{before}");
        assert!(said(&args).fits(&running("/x/it", &["/bin/sh", "/x/it", "-c", args[2], &text]), true));
    }
    let shown = ["sh", "-c", &format!("true{}", "\u{FFFD}".repeat(ARGS_MAX))];
    assert!(!fits(&["sh", "-c", "true"], "/bin/sh", &shown), "the cut is in one character only");
}

#[test]
fn a_program_whose_arguments_the_kernel_could_not_read() {
    let running = Process { executable: "/bin/seq".into(), args_unknown: true, ..Process::default() };
    assert!(said(&["seq", "7"]).fits(&running, false) && said(&["seq", "7"]).fits(&running, true));
}

#[test]
fn what_was_read_in_part_is_compared_as_far_as_it_goes() {
    let many = vec!["7"; ARGUMENTS_MAX];
    let all = [&*many, &["8"]].concat();
    let part = ExpectedArgv::new(&Arguments { args: words(&many), whole: false });
    assert!(part.fits(&running("/bin/seq", &all), false));
    assert!(!part.fits(&running("/bin/seq", &all[1..]), false));
    assert!(!part.fits(&running("/bin/seq", &[&["6"], &*all].concat()), false));

    let long = "x".repeat(4096);
    let cut = ExpectedArgv::new(&Arguments { args: words(&["sh", "-c", &long[..2048], "a"]), whole: false });
    assert!(cut.fits(&running("/bin/sh", &["sh", "-c", &long, "a"]), false));
    assert!(!cut.fits(&running("/bin/sh", &["sh", "-c", &format!("evil{long}"), "a"]), false));
    assert!(!cut.fits(&running("/bin/sh", &["sh", "-c", &long[..9], "a"]), false));
    let named = ExpectedArgv::new(&Arguments { args: words(&[&long[..2048], "a"]), whole: false });
    assert!(named.fits(&running("/x/it", &["/bin/sh", "/x/it", "a"]), true));
    assert!(!named.fits(&running("/x/it", &["/bin/sh", "/x/it", "a", "evil"]), true), "all words are known");
}

#[test]
fn no_more_is_kept_than_a_record_can_show() {
    let found = Arguments { args: vec!["\u{FFFD}".repeat(2048); ARGUMENTS_MAX], whole: true };
    let kept = ExpectedArgv::new(&found);
    assert_eq!((kept.text.len(), kept.whole), (KEPT, false));
    let args: Vec<&str> = found.args.iter().map(String::as_str).collect();
    assert!(kept.fits(&running("/bin/seq", &args), false));
    assert!(!kept.fits(&running("/bin/seq", &["evil"]), false));
}

#[test]
fn a_script_runs_by_its_interpreters() {
    let padding = "x".repeat(ARGS_MAX);
    let honest: [&[&str]; 6] = [
        &["/bin/sh", "/x/it"],
        &["/usr/bin/env", "-S python3", "/x/it"],
        &["/bin/sh", "-e", "/nix/wrapper", "--pure", "/x/it"],
        &["/usr/bin/env", "bash", "/pyenv/shim", "-x", "/x/b", "-y", "/x/c", "-z", "/x/d", "-w", "/x/it"],
        &["/usr/bin/qemu-arm", "/x/it"],
        &["/usr/bin/qemu-arm", "/x/it", "it"],
    ];
    for front in honest {
        assert!(fits_as_script(&["it", "a"], "/x/it", &[front, &["a"]].concat()), "{front:?}");
        assert!(fits_as_script(&["it"], "/x/it", front), "{front:?}");
        assert!(fits_as_script(&["it", "a", &padding], "/x/it", &[front, &["a", &padding]].concat()));
        assert!(!fits_as_script(&["it", "a"], "/x/it", &[front, &["b"]].concat()), "{front:?}");
        assert!(!fits_as_script(&["it", "a"], "/x/it", &[front, &["a", "b"]].concat()), "{front:?}");
        assert!(!fits_as_script(&["it", "a"], "/x/it", &[front, &["a", &padding]].concat()), "{front:?}");
        assert!(!fits_as_script(&["it", "a"], "/x/it", &[front, &["b", "/x/it", "a"]].concat()), "{front:?}");
    }
}

#[test]
fn a_script_by_a_path_longer_than_the_record_shows() {
    let long = format!("/x/{}/it", "y".repeat(FILENAME_MAX));
    assert!(fits_as_script(&["it", "a"], &long, &["/bin/sh", &long, "a"]));
    assert!(!fits_as_script(&["it", "a"], &long, &["/bin/sh", &long, "b"]));
    // The cut goes through a character.
    let long = format!("/x/{}é/it", "y".repeat(FILENAME_MAX - 5));
    assert!(running(&long, &[]).executable.ends_with(REPLACED));
    assert!(fits_as_script(&["it", "a"], &long, &["/bin/sh", &long, "a"]));
    let just = format!("/{}", "y".repeat(FILENAME_MAX - 2));
    assert!(fits_as_script(&["it", "a"], &just, &["/bin/sh", &just, "a"]));
    assert!(!fits_as_script(&["it", "a"], "/x/it", &["/bin/sh", "/x/it2", "a"]));
}

proptest::proptest! {
    /// However long, and however the record cuts it: what was said fits, by itself and as a script.
    #[test]
    fn what_runs_as_it_was_said_always_fits(
        args in proptest::collection::vec("[a-zé🐚\u{FFFD}]{0,9}|[aé🐚]{500,800}", 1..9),
    ) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        proptest::prop_assert!(fits(&args, "/bin/seq", &args));
        let script = [&["/bin/sh", "-e", "/x/it"], &args[1..]].concat();
        proptest::prop_assert!(fits_as_script(&args, "/x/it", &script));
    }

    /// A word more, and a changed one, are seen wherever the record shows them.
    #[test]
    fn what_was_added_or_changed_never_fits(
        args in proptest::collection::vec("[a-z]{1,9}", 1..9), place in 0..9_usize, long in proptest::bool::ANY,
    ) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let padding = if long { "x".repeat(ARGS_MAX) } else { "x".to_owned() };
        let place = place % args.len();
        let changed = format!("{}; evil #{padding}", args[place]);
        let mut runs = args.clone();
        runs[place] = &changed;
        proptest::prop_assert!(!fits(&args, "/bin/seq", &runs));
        proptest::prop_assert!(!fits(&args, "/bin/seq", &[&*args, &[&padding]].concat()));
    }
}
