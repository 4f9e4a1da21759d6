//! Kernel modules that tests need and Debian does not build in.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::kernel::Kernel;
use crate::process;

/// What a kernel lacks of these, its tests do without, and say so.
const WANTED: &[&str] = &["tls", "sctp", "dccp", "dccp_ipv4", "veth", "dummy", "unix_diag", "tcp_diag"];

/// Copies the wanted modules with what they stand on into the file system at `root`; returns the names of those that this
/// kernel has.
///
/// # Errors
/// A file cannot be copied.
pub fn add(kernel: &Kernel, root: &Path) -> Result<Vec<&'static str>> {
    let (modules, folder) = (kernel.modules(), root.join("lib/modules").join(&kernel.release));
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    depmod(kernel, kernel.root())?;
    let known = fs::read_to_string(modules.join("modules.dep")).context("modules.dep")?;
    let mut found = Vec::new();
    for name in WANTED {
        let Some(files) = known.lines().find_map(|line| files_of(line, name)) else { continue };
        for file in files {
            let to = folder.join(file);
            fs::create_dir_all(to.parent().unwrap_or(&folder))?;
            fs::copy(modules.join(file), &to).with_context(|| format!("{file} of the kernel"))?;
        }
        found.push(*name);
    }
    depmod(kernel, root)?;
    Ok(found)
}

/// Files of these modules and of what they stand on, in the order in which they are loaded; those that are built in have none.
///
/// # Errors
/// The kernel's list cannot be made.
pub fn with_needs(kernel: &Kernel, names: &[&str]) -> Result<Vec<String>> {
    depmod(kernel, kernel.root())?;
    let known = fs::read_to_string(kernel.modules().join("modules.dep")).context("modules.dep")?;
    let mut files: Vec<String> = Vec::new();
    for name in names {
        let Some(found) = known.lines().find_map(|line| files_of(line, name)) else { continue };
        for file in found.into_iter().rev() {
            if !files.iter().any(|known| known == file) {
                files.push(file.to_owned());
            }
        }
    }
    Ok(files)
}

/// Writes `modules.dep` and `modules.alias`, which Debian leaves to the installation.
fn depmod(kernel: &Kernel, root: &Path) -> Result<()> {
    let mut command = Command::new("busybox");
    process::answer(command.args(["depmod", "-b"]).arg(root).arg(&kernel.release)).map(drop)
}

/// The module and what it needs, where the line of `modules.dep` is about `name`.
fn files_of<'a>(line: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let (file, needs) = line.split_once(':')?;
    let stem = file.rsplit('/').next()?.strip_suffix(".ko")?;
    (stem == name).then(|| std::iter::once(file).chain(needs.split_whitespace()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_comes_with_what_it_needs() {
        let line = "kernel/net/sctp/sctp.ko: kernel/lib/libcrc32c.ko kernel/net/udp_tunnel.ko";
        let files = ["kernel/net/sctp/sctp.ko", "kernel/lib/libcrc32c.ko", "kernel/net/udp_tunnel.ko"];
        assert_eq!(files_of(line, "sctp").as_deref(), Some(&files[..]));
        assert_eq!(files_of(line, "ctp"), None);
    }
}
