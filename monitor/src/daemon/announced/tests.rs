use monitor_common::policy::SUBJECT_EXECUTE;

use super::{execs::MAX, *};

const SEQ: u64 = 1;
const SH: u64 = 2;
const IT: &str = "/x/it";

fn file(ino: u64) -> AnswerKey {
    AnswerKey::of_object(9, ino, 8, SUBJECT_EXECUTE)
}

fn list(args: &str) -> Vec<String> {
    args.split(' ').map(str::to_owned).collect()
}

/// What happens to execs, in the order it does.
#[derive(Default)]
struct Play(Announced);

impl Play {
    fn asks(&mut self, pid: u32, ino: u64, args: &str) -> &mut Self {
        self.0.asked(file(ino), pid, IT, Some(&Arguments { args: list(args), whole: true }));
        self
    }

    fn asks_unreadably(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.0.asked(file(ino), pid, IT, None);
        self
    }

    fn answered(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.0.let_through(file(ino), pid);
        self
    }

    /// It asks, and is let through.
    fn may(&mut self, pid: u32, ino: u64, args: &str) -> &mut Self {
        self.asks(pid, ino, args).answered(pid, ino)
    }

    fn commits(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.0.committed(file(ino), pid, IT, false);
        self
    }

    fn is_broken(&mut self, pid: u32, args: &str) -> bool {
        let process = Process { pid, executable: IT.into(), args: list(args).into(), ..Process::default() };
        self.0.is_broken(SessionId(9), &process)
    }

    /// Uses an answer, and runs.
    fn breaks(&mut self, pid: u32, args: &str) -> bool {
        self.commits(pid, SEQ).is_broken(pid, args)
    }
}

#[test]
fn what_a_process_was_asked_about_is_what_it_may_run() {
    let mut play = Play::default();
    assert!(!play.may(7, SEQ, "seq 4").breaks(7, "seq 4"));
    assert!(play.may(7, SEQ, "seq 4").breaks(7, "seq 7"));
    assert!(!play.may(7, SEQ, "seq 4").may(7, SEQ, "seq 7").breaks(7, "seq 7"), "it asked again");
    assert!(!play.is_broken(7, "seq 9"), "nobody asked");
}

#[test]
fn each_process_runs_its_own() {
    let mut play = Play::default();
    for pid in 1..=64 {
        play.may(pid, SEQ, &format!("seq {pid}"));
    }
    for pid in (1..=64).rev() {
        play.commits(pid, SEQ);
    }
    for pid in 1..=64 {
        assert!(!play.is_broken(pid, &format!("seq {pid}")));
    }
    assert!(play.may(1, SEQ, "seq 1").may(2, SEQ, "seq 2").breaks(1, "seq 2"));
}

#[test]
fn who_uses_anothers_answer_may_run_what_that_one_may_and_once() {
    let mut play = Play::default();
    assert!(play.may(7, SEQ, "seq 4").breaks(8, "seq 7"));
    assert!(!play.may(7, SEQ, "seq 4").breaks(8, "seq 4"));
    assert!(play.may(6, SEQ, "true").breaks(8, "seq 4"), "it has run");
    assert!(!play.may(7, SEQ, "seq 4").breaks(7, "seq 4"), "whose answer was used asks again");
}

#[test]
fn what_was_judged_by_another_path_of_the_file_is_another_program() {
    let mut play = Play::default();
    let innocent = Arguments { args: list("seq 7"), whole: true };
    play.0.asked(file(SEQ), 7, "/x/innocent", Some(&innocent));
    assert!(play.answered(7, SEQ).breaks(8, "seq 7"));
    assert!(play.breaks(7, "seq 7"));
}

#[test]
fn who_lost_an_answer_asks_again_before_the_other_runs() {
    let mut play = Play::default();
    play.may(7, SEQ, "seq 4").commits(8, SEQ).may(7, SEQ, "seq 4");
    assert!(!play.is_broken(8, "seq 4"));
    assert!(!play.breaks(7, "seq 4"));
}

#[test]
fn what_still_waits_runs_by_nobodys_answer() {
    let mut play = Play::default();
    assert!(play.asks(8, SEQ, "seq 7").may(7, SEQ, "seq 4").breaks(8, "seq 7"));
    assert!(play.asks(6, SEQ, "seq 7").may(7, SH, "seq 7").breaks(8, "seq 7"), "of another file");
    play.0.refused(file(SEQ), 6);
    assert!(play.answered(6, SEQ).asks(6, SEQ, "seq 7").breaks(5, "seq 7"));
}

#[test]
fn an_answer_that_nobody_used_outlives_its_process() {
    let mut play = Play::default();
    play.may(7, SEQ, "seq 4").0.forget(7);
    assert!(!play.breaks(8, "seq 4"));
    play.may(7, SEQ, "seq 4").0.forget(7);
    assert!(play.breaks(8, "seq 7"));
    assert!(play.breaks(8, "seq 7"), "nobody living was let through");
    play.asks(7, SEQ, "seq 4").0.forget(7);
    assert!(play.breaks(8, "seq 4"), "it was not answered");
}

#[test]
fn a_script_is_asked_about_once_more_for_its_interpreter() {
    let mut play = Play::default();
    let asked = |play: &mut Play| {
        play.may(7, SEQ, "it a").commits(7, SEQ).may(7, SH, "it a").may(7, SEQ, "it a");
    };
    asked(&mut play);
    assert!(!play.commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it a"));
    asked(&mut play);
    assert!(play.commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it b"));
    // Its interpreter, or itself, goes on by another's answer.
    play.may(8, SH, "sh -c true").may(7, SEQ, "it a").commits(7, SEQ).commits(7, SH);
    assert!(!play.is_broken(7, "/bin/sh /x/it a"));
    play.may(8, SEQ, "it b").may(7, SH, "it a").commits(7, SEQ).commits(7, SH);
    assert!(!play.is_broken(7, "/bin/sh /x/it a"));
}

#[test]
fn only_what_another_file_runs_for_has_words_in_front() {
    let mut play = Play::default();
    assert!(play.may(7, SEQ, "it a").breaks(7, "it -cevil /x/it a"));
    // The interpreter of an exec that came to nothing does not count.
    play.may(7, SEQ, "it a").commits(7, SEQ).commits(7, SH).may(7, SEQ, "it a");
    assert!(play.breaks(7, "it -cevil /x/it a"));
}

#[test]
fn an_exec_that_failed_says_nothing_of_the_next() {
    let mut play = Play::default();
    play.may(7, SEQ, "seq 4").0.committed(file(SEQ), 7, "/x/failed", false);
    assert!(!play.is_broken(7, "seq 7"), "nobody asked about what runs");
    play.may(7, SEQ, "seq 7").0.committed(file(SEQ), 7, "/x/failed", false);
    assert!(play.may(7, SEQ, "seq 4").breaks(7, "seq 7"));
}

#[test]
fn what_could_not_be_read_is_not_compared() {
    let mut play = Play::default();
    assert!(!play.asks_unreadably(7, SEQ).answered(7, SEQ).breaks(7, "seq 7"));
    assert!(!play.answered(7, SEQ).breaks(7, "seq 7"), "an earlier daemon asked");
    play.0.committed(file(SEQ), 7, IT, true);
    assert!(!play.is_broken(7, "seq 7"), "an earlier daemon answered");
    play.may(7, SEQ, "seq 4").0.committed(file(SEQ), 7, IT, true);
    assert!(play.is_broken(7, "seq 7"), "this one did");
}

#[test]
fn the_oldest_makes_room_in_its_own_session_only() {
    let mut play = Play::default();
    let (other, count) = (AnswerKey { session: 5, ..file(SEQ) }, MAX as u32);
    play.0.asked(other, 1, IT, Some(&Arguments { args: list("seq 4"), whole: true }));
    for pid in 1..=count + 1 {
        play.asks(pid, SEQ, "seq 4");
    }
    play.0.let_through(other, 1);
    play.0.committed(other, 1, IT, false);
    let running = Process { pid: 1, executable: IT.into(), args: list("seq 7").into(), ..Process::default() };
    assert!(play.0.is_broken(SessionId(5), &running));
    assert!(!play.answered(1, SEQ).breaks(1, "seq 7"), "not compared any more");
    assert!(play.answered(count + 1, SEQ).breaks(count + 1, "seq 7"));
    for pid in 1..=count + 1 {
        play.may(pid, SEQ, "seq 4").commits(pid, SEQ);
    }
    assert!(!play.is_broken(1, "seq 7") && play.is_broken(2, "seq 7"), "nor of what has gone on");
}

#[test]
fn nothing_is_kept_of_who_ended() {
    let mut play = Play::default();
    play.asks(7, SEQ, "seq 4").0.forget(7);
    play.commits(7, SEQ).0.forget(7);
    assert!(play.0.0.is_empty());
    play.may(7, SEQ, "seq 4").0.forget_session(SessionId(9));
    assert!(play.0.0.is_empty());
}
