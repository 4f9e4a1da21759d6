//! The guest's file system: tests, daemon, the programs they call with their libraries, kernel modules; one archive.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    binaries::Binary,
    kernel::Kernel,
    libraries, modules,
    programs::{self, Python},
};
use crate::{process, repository::Repository};

const INIT: &str = include_str!("init.sh");
const FOLDERS: &[&str] = &[
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "proc",
    "sys",
    "dev",
    "tmp",
    "run",
    "etc",
    "root",
    "var/tmp",
    "tests/deps",
];
/// As systems have them today.
const LINKS: &[(&str, &str)] = &[
    ("usr/bin", "bin"),
    ("usr/sbin", "sbin"),
    ("usr/lib", "lib"),
    ("usr/lib64", "lib64"),
    ("/run", "var/run"),
];
const ETC: &[(&str, &str)] = &[
    ("passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
    ("group", "root:x:0:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];
/// Of the repository, at the same path there.
const OF_THE_REPOSITORY: &[&str] = &["rules", "tests"];

/// What one guest runs.
pub struct Content<'a> {
    pub interlock: &'a Path,
    pub binaries: &'a [Binary],
    /// Binary and name of every test, in the order in which they run.
    pub plan: &'a [(String, String)],
    pub kernel: &'a Kernel,
}

/// Lays the file system out below `place` and packs it; returns the archive.
///
/// # Errors
/// A program that every guest needs is missing, or a file cannot be copied.
pub fn build(repository: &Repository, place: &Path, content: &Content<'_>) -> Result<PathBuf> {
    let tree = Tree { root: place.join("root") };
    let _ = fs::remove_dir_all(&tree.root); // of an earlier run
    for folder in FOLDERS {
        fs::create_dir_all(tree.root.join(folder)).with_context(|| format!("{folder} cannot be made"))?;
    }
    for (target, link) in LINKS {
        symlink(target, tree.root.join(link)).with_context(|| format!("link of {link}"))?;
    }
    for (name, text) in ETC {
        fs::write(tree.root.join("etc").join(name), text).with_context(|| format!("/etc/{name}"))?;
    }
    tree.add_programs()?;
    tree.add_tests(content)?;
    let folders = OF_THE_REPOSITORY.iter().map(|name| repository.root().join(name));
    tree.add_folders(&folders.collect::<Vec<_>>(), &[])?;
    fs::write(
        tree.root.join("tests/folder"),
        repository.root().join("tests").as_os_str().as_encoded_bytes(),
    )?;
    fs::write(tree.root.join("tests/modules"), modules::add(content.kernel, &tree.root)?.join("\n"))?;
    fs::write(tree.root.join("init"), INIT)?;
    fs::set_permissions(tree.root.join("init"), fs::Permissions::from_mode(0o755))?;
    tree.pack(place)
}

struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Programs, their libraries, and a busybox applet for every other name.
    fn add_programs(&self) -> Result<()> {
        let python = Python::find()?;
        let mut files = programs::found();
        for program in &files {
            let name = program.file_name().context("a program has a name")?;
            copy(program, &self.root.join("usr/bin").join(name))?;
        }
        copy(&python.program, &self.at(&python.program))?;
        self.add_folders(&[&python.library], programs::LEFT_OUT)?;
        symlink(&python.program, self.root.join("usr/bin/python3")).context("link of python3")?;
        symlink("bash", self.root.join("usr/bin/sh")).context("link of sh")?;
        let modules = fs::read_dir(python.library.join("lib-dynload")).context("python's own libraries")?;
        files.extend(modules.flatten().map(|entry| entry.path()));
        files.push(python.program);
        self.add_libraries(&files)?;
        self.add_busybox()
    }

    fn add_busybox(&self) -> Result<()> {
        let busybox = process::find("busybox").context("busybox is not installed")?;
        copy(&busybox, &self.root.join("usr/bin/busybox"))?;
        for applet in process::answer(Command::new(&busybox).arg("--list"))?.lines() {
            let link = self.root.join("usr/bin").join(applet);
            if link.symlink_metadata().is_err() {
                symlink("busybox", link).with_context(|| format!("link of {applet}"))?;
            }
        }
        // Where the kernel looks for it.
        symlink("../bin/busybox", self.root.join("usr/sbin/modprobe")).context("link of modprobe")
    }

    fn add_tests(&self, content: &Content<'_>) -> Result<()> {
        let mut files = vec![content.interlock.to_owned()];
        strip(content.interlock, &self.root.join("tests/interlock"))?;
        for binary in content.binaries {
            strip(&binary.path, &self.root.join("tests/deps").join(&binary.name))?;
            files.push(binary.path.clone());
        }
        let plan: String = content.plan.iter().map(|(binary, name)| format!("{binary} {name}\n")).collect();
        fs::write(self.root.join("tests/plan"), plan)?;
        self.add_libraries(&files)
    }

    fn add_libraries(&self, files: &[PathBuf]) -> Result<()> {
        for library in libraries::of(files)? {
            let to = self.at(&library);
            if !to.exists() {
                copy(&library, &to)?;
            }
        }
        Ok(())
    }

    /// Copies folders to the same paths, with the times of their files: Python trusts what it compiled by them.
    fn add_folders(&self, folders: &[impl AsRef<Path>], left_out: &[&str]) -> Result<()> {
        let mut pack = Command::new("tar");
        pack.args(["--create", "--directory", "/", "--file"]).arg(self.root.join("../folders.tar"));
        pack.args(left_out.iter().map(|pattern| format!("--exclude={pattern}")));
        pack.args(folders.iter().map(|folder| folder.as_ref().strip_prefix("/").unwrap_or(folder.as_ref())));
        process::answer(&mut pack)?;
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--directory"]).arg(&self.root).arg("--file");
        process::answer(unpack.arg(self.root.join("../folders.tar"))).map(drop)
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// One archive, without compression: unpacking it under emulation takes longer than reading it.
    fn pack(&self, place: &Path) -> Result<PathBuf> {
        let archive = place.join("initramfs.cpio");
        let script = format!("find . | busybox cpio -o -H newc -R 0:0 > {}", archive.display());
        process::answer(Command::new("sh").current_dir(&self.root).args(["-c", &script]))?;
        Ok(archive)
    }
}

/// Debug information is most of a test binary, and guests have little memory.
fn strip(from: &Path, to: &Path) -> Result<()> {
    process::answer(Command::new("strip").arg("-o").arg(to).arg(from)).map(drop)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
