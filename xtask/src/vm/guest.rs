//! One guest: the emulator, and what the guest says on its serial line.

use std::{path::Path, process::Command, thread};

use anyhow::Result;

use crate::{
    process::{self, Echo},
    tally::Tally,
};

/// Lines of the log that are shown where a guest did not get to its end.
const TAIL: usize = 60;
/// Machines at once, at most: each has its memory.
const MACHINES: usize = 4;

/// What makes an emulated kernel quicker without making it another one: no guards against flaws that an emulated
/// processor does not have, no fifth level of page tables, and grace periods that end at once (attaching and detaching
/// programs waits for many).
const QUICKER: &str = "mitigations=off no5lvl no_timer_check rcupdate.rcu_expedited=1 rcupdate.rcu_tasks_lazy_ms=0 \
                       rcupdate.rcu_task_enqueue_lim=1";

/// Programs that a guest runs instead of tests; see `init.sh`.
pub const BENCH: &str = "BENCH";
pub const ADVERSARY: &str = "ADVERSARY";

/// What the emulator is given.
pub struct Machine<'a> {
    pub image: &'a Path,
    pub initramfs: &'a Path,
    /// The end of the kernel's command line.
    pub append: &'a str,
    /// Seconds after which it is ended.
    pub deadline: u64,
}

impl Machine<'_> {
    /// KVM is not asked for: where it exists without nested paging it hangs, and software emulation is the same everywhere.
    ///
    /// One processor a machine: with two, every program that comes or goes makes both wait for each other, and the whole
    /// takes longer.
    fn emulator(&self, program: &str, more: &str) -> Command {
        let mut command = Command::new(program);
        if program == "timeout" {
            command.arg(self.deadline.to_string()).arg("qemu-system-x86_64");
        }
        command.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "3G", "-smp", "1"]);
        command.args(["-nographic", "-no-reboot", "-nic", "none", "-kernel"]).arg(self.image);
        command.arg("-initrd").arg(self.initramfs).arg("-append");
        command.arg(format!("console=ttyS0 quiet panic=-1 oops=panic {QUICKER} {} {more}", self.append));
        command
    }

    /// Returns the guest to a person.
    ///
    /// # Errors
    /// The emulator cannot be started.
    pub fn converse(&self) -> Result<()> {
        process::succeed(&mut self.emulator("qemu-system-x86_64", "SHELL_ONLY=1"))
    }

    /// Runs the tests, on as many machines at once as this one has processors; shows results as they come, and what failed
    /// with its log.
    ///
    /// # Errors
    /// The emulator cannot be started.
    pub fn run(&self, planned: &[(String, String)]) -> Result<Tally> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let shards = processors.min(planned.len()).clamp(1, MACHINES);
        let part = move |shard: usize| {
            let names: Vec<&str> =
                planned.iter().skip(shard).step_by(shards).map(|(_, name)| &**name).collect();
            self.run_shard(&names, &format!("SHARD={shard} SHARDS={shards}"))
        };
        Tally::side_by_side(shards, (0..shards).map(|shard| move || part(shard)))
    }

    /// Runs one program of the guest's and prints what it says; returns whether it ended well.
    ///
    /// # Errors
    /// The emulator cannot be started.
    pub fn perform(&self, what: &str, words: &[String]) -> Result<bool> {
        let parameter = format!("{what}={}", words.join(","));
        let ended = process::capture(&mut self.emulator("timeout", &parameter), Echo::Only(is_progress))?;
        let log = ended.output.replace('\r', "");
        let begins = format!("{what} BEGINS\n");
        let said = log.split_once(&begins).map_or(tail(&log), |(_, said)| said.to_owned());
        println!("{}", said.trim_end());
        Ok(log.lines().any(|line| line == format!("{what} ENDS 0")))
    }

    fn run_shard(&self, names: &[&str], shard: &str) -> Result<Tally> {
        let ended = process::capture(&mut self.emulator("timeout", shard), Echo::Only(is_result))?;
        let log = ended.output.replace('\r', "");
        let verdict = Verdict::of(&log, names);
        for report in reports(&log) {
            eprintln!("{report}");
        }
        if !verdict.ended {
            let how = if ended.status.code() == Some(124) {
                format!("did not end within {} s", self.deadline)
            } else {
                format!("died ({})", ended.status)
            };
            eprintln!("the guest {how}; without a result: {}", verdict.missing.join(", "));
            eprintln!("the end of its log:\n{}", tail(&log));
        }
        Ok(verdict.tally)
    }
}

fn is_result(line: &str) -> bool {
    let line = line.trim_end();
    line.starts_with("test ")
        || line.starts_with("KERNEL ")
        || line.trim_start().starts_with("not on this backend")
        || line.contains(" = { instructions = ")
        || line.starts_with("[\"")
}

fn is_progress(line: &str) -> bool {
    line.starts_with("KERNEL ")
        || line.starts_with("measuring: ")
        || line.starts_with("self-check: ")
        || line.starts_with("FIND: ")
        || line.contains(" programs in ")
}

/// What a guest's log says about its tests.
struct Verdict {
    tally: Tally,
    /// Planned tests that have no result.
    missing: Vec<String>,
    /// It got to its end, and its kernel had nothing to complain about.
    ended: bool,
}

impl Verdict {
    fn of(log: &str, planned: &[&str]) -> Self {
        let results = log.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
        let results: Vec<(&str, &str)> = results.collect();
        let mut tally = Tally::default();
        for (_, result) in &results {
            match result.split([' ', ',']).next() {
                Some("ok") => tally.passed += 1,
                Some("ignored") => tally.skipped += 1,
                _ => tally.failed += 1,
            }
        }
        let is_missing = |name: &&&str| !results.iter().any(|(found, _)| found == *name);
        let missing: Vec<String> = planned.iter().filter(is_missing).map(|&name| name.to_owned()).collect();
        let complaints = log.lines().filter(|line| line.starts_with("KERNEL COMPLAINS: ")).count() as u64;
        let ended = log.lines().any(|line| line == "GUEST ENDS");
        // One that ran nothing proved nothing.
        tally.failed += missing.len() as u64
            + complaints
            + u64::from((!ended && missing.is_empty()) || planned.is_empty());
        Self { tally, missing, ended }
    }
}

/// The logs of tests that failed, as `init.sh` frames them.
fn reports(log: &str) -> Vec<String> {
    let mut reports = Vec::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("---- ") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "----").collect();
            reports.push(format!("{line}\n{}", body.join("\n")));
        }
    }
    reports
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "KERNEL 6.12\ntest a::one ... ok (3 s)\ntest a::two ... FAILED\n---- a::two, exit code 101\n    test a::two ... FAILED\n\
                       ----\ntest a::three ... ignored, no node\n";

    #[test]
    fn results_are_counted_and_a_test_without_one_has_failed() {
        let verdict =
            Verdict::of(&format!("{LOG}GUEST ENDS\n"), &["a::one", "a::two", "a::three", "a::four"]);
        assert_eq!(verdict.tally, Tally { passed: 1, failed: 2, skipped: 1 });
        assert_eq!(verdict.missing, ["a::four"]);
        assert!(verdict.ended);
    }

    #[test]
    fn a_guest_that_dies_a_kernel_that_complains_and_an_empty_plan_are_failures() {
        assert_eq!(Verdict::of("test a ... ok (1 s)\n", &["a"]).tally.failed, 1);
        assert_eq!(Verdict::of("KERNEL COMPLAINS: BUG: x\nGUEST ENDS\n", &[]).tally.failed, 2);
        assert_eq!(Verdict::of("test a ... ok (1 s)\nGUEST ENDS\n", &["a"]).tally.failed, 0);
    }

    #[test]
    fn the_log_of_a_failed_test_is_found() {
        assert_eq!(reports(LOG), ["---- a::two, exit code 101\n    test a::two ... FAILED"]);
    }
}
