use super::*;

const SEQ: u64 = 1;
const SH: u64 = 2;
const IT: &str = "/x/it";

fn file(ino: u64, pid: u32) -> AnswerKey {
    AnswerKey::of_exec(9, ino, 8, pid)
}

fn list(args: &str) -> Vec<String> {
    args.split(' ').map(str::to_owned).collect()
}

/// What happens to execs, in the order it does.
#[derive(Default)]
struct Play(Announced);

impl Play {
    fn asks(&mut self, pid: u32, ino: u64, args: &str) -> bool {
        self.0.asked(
            file(ino, pid),
            pid,
            IT,
            Some(&Arguments { args: list(args), whole: true }),
            BootNanos(0),
        )
    }

    /// It asks, and is let through.
    fn may(&mut self, pid: u32, args: &str) -> &mut Self {
        assert!(!self.asks(pid, SEQ, args));
        self.0.let_through(pid, BootNanos(0));
        self
    }

    fn commits(&mut self, pid: u32, ino: u64) -> &mut Self {
        self.0.committed(file(ino, pid), pid, IT);
        self
    }

    fn is_broken(&mut self, pid: u32, args: &str) -> bool {
        let process = Process { pid, executable: IT.into(), args: list(args).into(), ..Process::default() };
        self.0.is_broken(&process)
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
    assert!(!play.0.asked(file(SEQ, 7), 7, "/x/innocent", Some(&innocent), BootNanos(0)));
    play.0.let_through(7, BootNanos(0));
    assert!(play.breaks(7, "seq 7"));
}

#[test]
fn a_script_is_one_question() {
    let mut play = Play::default();
    play.may(7, "it a").commits(7, SEQ);
    assert!(play.asks(7, SH, "it a") && play.asks(7, SEQ, "it a"));
    assert!(!play.commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it a"));
    play.may(7, "it a").commits(7, SEQ);
    assert!(play.asks(7, SH, "it a"));
    assert!(play.commits(7, SEQ).commits(7, SH).is_broken(7, "/bin/sh /x/it b"));
}

#[test]
fn only_the_same_question_was_answered_and_not_for_ever() {
    let mut play = Play::default();
    play.may(7, "it a");
    assert!(!play.asks(7, SH, "it b"), "other arguments");
    assert!(!play.asks(7, SH, "it b"), "it waits still");
    play.0.let_through(7, BootNanos(0));
    let late = BootNanos(PATIENCE.as_nanos() as u64);
    let same = Arguments { args: list("it b"), whole: true };
    assert!(play.0.asked(file(SH, 7), 7, IT, Some(&same), BootNanos(late.0 - 1)));
    assert!(!play.0.asked(file(SH, 7), 7, IT, Some(&same), late));
    play.0.let_through(7, late);
    assert!(!play.0.asked(file(SH, 7), 7, "/x/other", Some(&same), late), "another program");
    assert!(!play.0.asked(file(SH, 8), 8, IT, Some(&same), late), "another process");
}

#[test]
fn only_what_another_file_runs_for_has_words_in_front() {
    let mut play = Play::default();
    assert!(play.may(7, "it a").breaks(7, "it -cevil /x/it a"));
    // The interpreter of an exec that was refused does not count.
    play.may(7, "it a").commits(7, SEQ).commits(7, SH).0.forget(7);
    assert!(play.may(7, "it a").breaks(7, "it -cevil /x/it a"));
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
        assert!(!play.0.asked(file(SEQ, 7), 7, IT, None, BootNanos(0)));
        play.0.let_through(7, BootNanos(0));
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
    assert!(!play.0.asked(other, count + 2, IT, Some(&args), BootNanos(0)));
    assert!(play.breaks(count + 2, "seq 7") && play.breaks(count, "seq 7"));
    assert!(!play.breaks(count + 1, "seq 7"), "not compared");
    assert!(play.may(count + 1, "seq 4").breaks(count + 1, "seq 7"), "there is room again");
}

#[test]
fn nothing_is_kept_of_who_ended() {
    let mut play = Play::default();
    play.may(7, "seq 4").commits(7, SEQ).0.forget(7);
    assert!(play.0.execs.is_empty() && play.0.counts.is_empty());
}
