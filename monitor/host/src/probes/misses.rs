//! Runs that the kernel left out because the program was running on that CPU already: nobody saw what happened then.
//!
//! aya's program information lacks the number (`bpf_prog_info.recursion_misses`, Linux 5.12); the descriptor's
//! `/proc/self/fdinfo` has it too (kernel/bpf/syscall.c, `bpf_prog_show_fdinfo`).

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::Ebpf;

/// How often programs were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// By program, zeros included.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Programs of which the kernel does not say it.
    pub unknown: Vec<&'static str>,
}

impl Misses {
    pub(super) fn read<'p>(ebpf: &Ebpf, programs: impl IntoIterator<Item = &'p &'static str>) -> Self {
        let mut misses = Self::default();
        for name in programs {
            match count(ebpf, name) {
                Some(count) => drop(misses.left_out.insert(name, count)),
                None => misses.unknown.push(name),
            }
        }
        misses
    }

    /// Those that were left out at least once.
    pub fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.left_out.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (*name, *count))
    }
}

fn count(ebpf: &Ebpf, program: &str) -> Option<u64> {
    let fd = ebpf.program(program)?.fd().ok()?;
    parse(&fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).ok()?)
}

fn parse(fdinfo: &str) -> Option<u64> {
    fdinfo.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_what_the_kernel_prints() {
        let text = "pos:\t0\nflags:\t02000002\nprog_type:\t26\nrun_time_ns:\t0\nrun_cnt:\t0\nrecursion_misses:\t17\n\
                    verified_insns:\t729\n";
        assert_eq!(parse(text), Some(17));
        assert_eq!(parse("pos:\t0\nrun_cnt:\t3\n"), None, "before Linux 5.12");
    }

    #[test]
    fn zeros_are_no_loss() {
        let misses = Misses { left_out: [("openat", 0), ("exec", 2)].into(), unknown: Vec::new() };
        assert_eq!(misses.lost().collect::<Vec<_>>(), [("exec", 2)]);
    }
}
