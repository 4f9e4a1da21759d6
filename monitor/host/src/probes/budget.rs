//! What the running kernel's verifier says of every program: how many instructions it had to walk, how much stack.
//!
//! aya gives the verifier's log only where loading fails. The kernel verifies before it looks for a free descriptor
//! (kernel/bpf/syscall.c, `bpf_prog_load`, v6.1–v7.0), so with none left every program is verified, and none stays.

use std::{collections::BTreeMap, path::Path};

use aya::{Btf, EbpfLoader, VerifierLogLevel, programs::ProgramError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    error::ProbeError,
    hooks::load,
    loader::OBJECT,
    offsets,
    table::{Attachment, FEATURES},
};

/// What one program costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Instructions that the verifier walked, over all paths; it gives up at 1,000,000.
    pub instructions: u64,
    /// Bytes of stack, all frames together; the verifier allows 512.
    pub stack: u64,
}

/// Verifies every program of the table, and the object's others not at all; by name, its cost or the kernel's reason
/// against it.
///
/// No other thread of the process can open a descriptor meanwhile.
///
/// # Errors
/// The object cannot be loaded, or lacks a program that the table names.
pub fn measure() -> Result<BTreeMap<&'static str, Result<Cost, String>>, ProbeError> {
    let offsets = offsets::resolve(Path::new(offsets::VMLINUX))?;
    let btf = Btf::from_sys_fs().map_err(|source| ProbeError::KernelTypes(Box::new(source)))?;
    let mut ebpf = EbpfLoader::new()
        .override_global("OFFSETS", &offsets, true)
        .verifier_log_level(VerifierLogLevel::STATS)
        .load(OBJECT)
        .map_err(|error| ProbeError::Load(Box::new(error)))?;
    let mut costs = BTreeMap::new();
    let _none_left = NoDescriptors::take();
    for Attachment { program: name, hook, .. } in attachments() {
        if matches!(costs.get(name), Some(Ok(_))) {
            continue; // attached in several places; where it is refused for one, another may do
        }
        let program = ebpf.program_mut(name).ok_or(ProbeError::Object { name })?;
        let result = load(program, *hook, &btf).ok_or(ProbeError::Object { name })?;
        costs.insert(*name, cost(result));
    }
    Ok(costs)
}

/// Programs of the object that no hook of the table uses.
///
/// # Errors
/// The object cannot be read.
pub fn unused() -> Result<Vec<String>, ProbeError> {
    let object = aya_obj::Object::parse(OBJECT)
        .map_err(|error| ProbeError::Load(Box::new(aya::EbpfError::ParseError(error))))?;
    let used = |name: &String| attachments().any(|attachment| attachment.program == name);
    Ok(object.programs.into_keys().filter(|name| !used(name)).collect())
}

fn attachments() -> impl Iterator<Item = &'static Attachment> {
    FEATURES.iter().flat_map(|feature| feature.backends).flat_map(|spec| spec.attachments)
}

fn cost(result: Result<(), ProgramError>) -> Result<Cost, String> {
    let (io_error, log) = match result {
        Err(ProgramError::LoadError { io_error, verifier_log }) => (io_error, verifier_log.to_string()),
        Err(error) => return Err(error.to_string()),
        Ok(()) => return Err("loaded, although no descriptor was left: its log is not to be had".into()),
    };
    if io_error.raw_os_error() != Some(rustix::io::Errno::MFILE.raw_os_error()) {
        return Err(format!("{io_error} {}", log.lines().next_back().unwrap_or_default()));
    }
    parse(&log).ok_or_else(|| format!("the verifier's statistics cannot be read: {log:?}"))
}

/// `stack depth 416+32`, in v7 `stack depth 416+32 max 448` and later only `stack depth max 448`, and
/// `processed 9120 insns (limit 1000000) …`; kernel/bpf/verifier.c:print_verification_stats.
fn parse(log: &str) -> Option<Cost> {
    let after = |word: &str| log.lines().find_map(|line| line.strip_prefix(word));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let depth = after("stack depth ")?;
    Some(Cost {
        instructions: number(after("processed ")?.split(' ').next()?)?,
        stack: match depth.split_once("max ") {
            Some((_, deepest_chain)) => number(deepest_chain)?,
            None => depth.split('+').map(number).sum::<Option<u64>>()?,
        },
    })
}

/// The process can open nothing while this lives.
struct NoDescriptors(Rlimit);

impl NoDescriptors {
    fn take() -> Self {
        let before = getrlimit(Resource::Nofile);
        // Lowering the soft limit is always permitted; where it fails the programs load and `cost` says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: before.maximum });
        Self(before)
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        if let Err(error) = setrlimit(Resource::Nofile, self.0) {
            tracing::error!(%error, "the limit on descriptors cannot be put back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifiers_statistics_are_understood() {
        let log = "verification time 2024 usec\nstack depth 416+0+32\nprocessed 9120 insns (limit 1000000) \
                   max_states_per_insn 4 total_states 120 peak_states 120 mark_read 9\n";
        assert_eq!(parse(log), Some(Cost { instructions: 9120, stack: 448 }));
        let log = "verification time 9 usec\nstack depth 8+0 max 16\ninsns processed 729\nprocessed 729 insns (limit 1000000)";
        assert_eq!(parse(log), Some(Cost { instructions: 729, stack: 16 }));
        let log = "verification time 14963 usec\nstack depth max 64\nsubprog 0 (path_chmod) main insns_self 389 \
                   insns_total 1595 stack 56\nsubprog 1 (memset) static insns_self 1206 insns_total 1206 stack 0\n\
                   processed 1595 insns (limit 1000000) max_states_per_insn 4";
        assert_eq!(parse(log), Some(Cost { instructions: 1595, stack: 64 }));
        assert_eq!(parse("processed 9120 insns"), None);
    }
}
