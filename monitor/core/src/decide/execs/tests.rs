use monitor_common::policy::InodeKey;

use super::*;

const SEQ: u64 = 1;
const SH: u64 = 2;
const IT: &str = "/x/it";

fn file(ino: u64, pid: u32) -> AnswerKey {
    AnswerKey::of_exec(9, InodeKey { ino, dev: 8, space: 0 }, pid)
}

fn list(args: &str) -> Vec<String> {
    args.split(' ').map(str::to_owned).collect()
}

/// What happens to execs, in the order it does.
#[derive(Default)]
struct Play(PendingExecs, u64);

impl Play {
    /// Each at a time of its own.
    fn asks(&mut self, pid: u32, ino: u64, args: &str) -> Asked {
        self.1 += 1;
        let found = Arguments { args: list(args), whole: true };
        self.0.asked(file(ino, pid), pid, IT, Some(&found), BootNanos(self.1)).0
    }

    fn answered(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.1 += 1;
        self.0.let_through(file(ino, pid), pid, BootNanos(self.1));
        self
    }

    /// It asks, and is let through.
    fn may(&mut self, pid: u32, args: &str) -> &mut Self {
        assert_eq!(self.asks(pid, SEQ, args), Asked::New);
        self.answered(pid, SEQ)
    }

    fn commits(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.0.committed(file(ino, pid), pid, IT);
        self
    }

    fn is_broken(&mut self, pid: u32, args: &str) -> bool {
        let process = Process { pid, executable: IT.into(), args: list(args).into(), ..Process::default() };
        self.0.runs(&process).0
    }

    /// Uses its answer, and runs.
    fn breaks(&mut self, pid: u32, args: &str) -> bool {
        self.commits(pid, SEQ).is_broken(pid, args)
    }
}

#[test]
fn what_a_process_was_asked_about_is_what_it_may_run() {
    let mut play = Play::default();
    assert!(!play.may(7, "seq 4").breaks(7, "seq 4"));
    assert!(play.may(7, "seq 4").breaks(7, "seq 7"));
    assert!(!play.may(7, "seq 4").may(7, "seq 7").breaks(7, "seq 7"), "it asked again");
    assert!(!play.breaks(7, "seq 9"), "nobody asked, or an earlier daemon");
    assert!(play.may(1, "seq 1").may(2, "seq 2").breaks(1, "seq 2"));
    assert!(!play.breaks(2, "seq 2"));
}

#[test]
fn another_path_of_the_file_is_another_program() {
    let mut play = Play::default();
    let innocent = Arguments { args: list("seq 7"), whole: true };
    let (asked, _) = play.0.asked(file(SEQ, 7), 7, "/x/innocent", Some(&innocent), BootNanos(1));
    assert_eq!(asked, Asked::New);
    assert!(play.answered(7, SEQ).breaks(7, "seq 7"));
}

#[test]
fn a_script_is_one_question() {
    let mut play = Play::default();
    play.may(7, "it a").commits(7, SEQ);
    assert_eq!(
        (play.asks(7, SH, "it a"), play.answered(7, SH).asks(7, SEQ, "it a")),
        (Asked::Again, Asked::Again)
    );
    assert!(!play.answered(7, SEQ).commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it a"));
    play.may(7, "it a").commits(7, SEQ);
    assert_eq!(play.asks(7, SH, "it a"), Asked::Again);
    assert!(play.answered(7, SH).commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it b"));
}

#[test]
fn a_person_is_asked_once_and_only_what_was_held_counts_as_approved() {
    let mut play = Play::default();
    play.may(7, "it a").commits(7, SEQ);
    assert!(!play.0.was_approved(7, "rule"), "a rule let it through");
    play.0.holds(7, "rule");
    assert!(!play.0.was_approved(7, "rule"), "it waits");
    assert_eq!(play.asks(7, SH, "it a"), Asked::New, "what was let through before counts no more");
    play.0.holds(7, "rule");
    play.answered(7, SH);
    assert!(play.0.was_approved(7, "rule") && !play.0.was_approved(7, "another"));
}

#[test]
fn only_the_same_question_was_answered_and_not_for_ever() {
    let mut play = Play::default();
    play.may(7, "it a");
    assert_eq!(play.asks(7, SEQ, "it b"), Asked::New, "other arguments");
    assert_eq!(play.asks(7, SEQ, "it b"), Asked::New, "it waits still");
    let then = play.answered(7, SEQ).1;
    let timeout = INTERPRETER_TIMEOUT.as_nanos() as u64;
    let same = Arguments { args: list("it b"), whole: true };
    let mut asks = |program, at| play.0.asked(file(SEQ, 7), 7, program, Some(&same), BootNanos(at)).0;
    assert_eq!(asks(IT, then), Asked::Answered, "it asked before it was answered");
    assert_eq!(asks(IT, then + timeout - 1), Asked::Again);
    assert_eq!(asks(IT, then + timeout), Asked::New);
    assert_eq!(asks("/x/other", then + timeout), Asked::New, "another program");
}

#[test]
fn an_answer_is_for_what_was_asked_last() {
    let mut play = Play::default();
    assert_eq!(play.asks(7, SEQ, "it a"), Asked::New);
    play.answered(7, SH);
    assert_eq!(play.asks(7, SEQ, "it a"), Asked::New, "another file was");
}

#[test]
fn what_was_not_used_is_given_back() {
    let mut play = Play::default();
    play.may(7, "it a");
    let other = Arguments { args: list("it b"), whole: true };
    let left = |play: &mut Play| play.0.asked(file(SEQ, 7), 7, IT, Some(&other), BootNanos(99)).1;
    assert_eq!(left(&mut play), [file(SEQ, 7)], "it wants something else");
    assert!(left(&mut play).is_empty(), "and was not let through yet");
    play.answered(7, SEQ);
    assert!(play.0.refused(7, "/x/other").is_empty(), "another thread was");
    assert_eq!(play.0.refused(7, IT), [file(SEQ, 7)]);
    play.may(7, "it a");
    assert_eq!(play.asks(7, SEQ, "it a"), Asked::Again);
    assert_eq!(left(play.answered(7, SEQ)), [file(SEQ, 7)], "once, however often it was asked about");
    play.may(7, "it a").commits(7, SEQ);
    let running = Process { pid: 7, executable: IT.into(), args: list("it a").into(), ..Process::default() };
    assert_eq!(play.0.runs(&running), (false, vec![file(SEQ, 7)]));
}

#[test]
fn only_an_interpreter_has_words_in_front() {
    let mut play = Play::default();
    assert!(play.may(7, "it a").breaks(7, "it -cevil /x/it a"));
    // The file was swapped for another before it went on, or before it was asked about again.
    assert!(play.may(7, "it a").commits(7, SH).is_broken(7, "it a"));
    play.may(7, "it a");
    assert_eq!(play.asks(7, SH, "it a"), Asked::New);
    // The interpreter of an exec that came to nothing does not count.
    play.0.forget(7);
    play.may(7, "it a").commits(7, SEQ).commits(7, SH);
    assert_eq!(play.asks(7, SEQ, "it a"), Asked::Again);
    assert!(play.answered(7, SEQ).breaks(7, "it -cevil /x/it a"));
}

#[test]
fn an_exec_that_failed_says_nothing_of_the_next() {
    let mut play = Play::default();
    play.may(7, "seq 4").0.committed(file(SEQ, 7), 7, "/x/failed");
    assert!(!play.is_broken(7, "seq 7"), "nobody asked about what runs");
}

#[test]
fn what_could_not_be_read_is_not_compared_and_asked_about_each_time() {
    let mut play = Play::default();
    for _ in 0..2 {
        assert_eq!(play.0.asked(file(SEQ, 7), 7, IT, None, BootNanos(1)).0, Asked::New);
        play.answered(7, SEQ);
    }
    assert!(!play.breaks(7, "seq 7"));
}

#[test]
fn too_many_of_one_session_leave_room_for_another() {
    let mut play = Play::default();
    let count = u32::try_from(MAX).unwrap();
    for pid in 1..=count + 1 {
        play.may(pid, "seq 4");
    }
    let other = AnswerKey { session: 5, ..file(SEQ, count + 2) };
    let args = Arguments { args: list("seq 4"), whole: true };
    let _ = play.0.asked(other, count + 2, IT, Some(&args), BootNanos(1));
    play.0.committed(other, count + 2, IT);
    assert!(play.is_broken(count + 2, "seq 7") && play.breaks(count, "seq 7"));
    assert!(!play.breaks(count + 1, "seq 7"), "not compared");
    assert!(play.may(count + 1, "seq 4").breaks(count + 1, "seq 7"), "there is room again");
}

#[test]
fn nothing_is_kept_of_who_ended() {
    let mut play = Play::default();
    play.may(7, "seq 4").commits(7, SEQ).0.forget(7);
    assert!(play.0.execs.is_empty());
    play.may(7, "seq 4").0.forget_session(SessionId(9));
    assert!(play.0.execs.is_empty());
}
