//! Offsets of the kernel's structures, from its own type information.

use std::{fs, path::Path};

use monitor_common::offsets::{ABSENT, FIELDS, OPTIONAL, Offsets};
use zerocopy::FromBytes as _;

use super::{btf::Btf, error::ProbeError};

pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Modules whose structures are read where they are loaded by the time of the start; their BTF lies beside the kernel's.
const MODULES: [&str; 2] = ["btrfs", "overlay"];

/// Resolves every field the kernel programs read.
///
/// # Errors
/// The type information cannot be read, or lacks fields; all missing ones are named.
pub fn resolve(path: &Path) -> Result<Offsets, ProbeError> {
    let bad = |path: &Path| {
        let path = path.to_path_buf();
        move |reason| ProbeError::BadBtf { path, reason }
    };
    let blob = fs::read(path).map_err(|source| ProbeError::NoBtf { path: path.into(), source })?;
    let modules = MODULES.map(|module| path.with_file_name(module));
    let modules: Vec<_> = modules.iter().filter_map(|path| Some((path, fs::read(path).ok()?))).collect();
    let mut btf = Btf::parse(&blob).map_err(bad(path))?;
    for (path, module) in &modules {
        btf.extend(module).map_err(bad(path))?;
    }
    let absent = |structure: &str| OPTIONAL.contains(&structure).then_some(ABSENT);
    let found: Vec<Option<u32>> = FIELDS
        .iter()
        .map(|(structure, member)| btf.offset(structure, member).or_else(|| absent(structure)))
        .collect();
    let missing: Vec<String> = FIELDS
        .iter()
        .zip(&found)
        .filter(|(_, offset)| offset.is_none())
        .map(|((structure, member), _)| format!("{structure}.{member}"))
        .collect();
    let bytes: Vec<u8> = found.into_iter().flatten().flat_map(u32::to_ne_bytes).collect();
    match Offsets::read_from_bytes(&bytes) {
        Ok(offsets) if missing.is_empty() => Ok(offsets),
        _ => Err(ProbeError::MissingFields { fields: missing }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_field() {
        let offsets = resolve(Path::new(VMLINUX)).unwrap();
        assert_ne!(offsets.task_tgid, offsets.task_pid);
        assert!(offsets.mm_arg_end > offsets.mm_arg_start);
        assert_eq!(offsets.qstr_name, 8, "hash and length come before the name");
    }

    #[test]
    fn a_missing_file_says_what_it_is_for() {
        let error = resolve(Path::new("/nowhere/vmlinux")).unwrap_err();
        assert!(error.to_string().contains("CONFIG_DEBUG_INFO_BTF"), "{error}");
    }
}
