//! Which file it is, where one file system numbers its files more than once.

use std::{path::Path, process::Command};

use interlock_tests::wait;
use monitor_common::{event::file::matched, label::Session};

use super::Scene;
use crate::kernel::bench::{TAG, identity};

/// A btrfs on a loop device, mounted until it is dropped; `None`, with the reason printed, where that cannot be had.
struct Btrfs {
    at: tempfile::TempDir,
}

impl Btrfs {
    fn mount() -> Option<Self> {
        let at = tempfile::TempDir::new().unwrap();
        let (image, top) = (at.path().join("image"), at.path().join("top"));
        std::fs::create_dir(&top).unwrap();
        std::fs::File::create(&image).and_then(|file| file.set_len(128 << 20)).unwrap();
        let made = runs("mkfs.btrfs", &["--quiet".as_ref(), image.as_ref()]);
        if !made || !runs("mount", &["-o".as_ref(), "loop".as_ref(), image.as_ref(), top.as_ref()]) {
            println!("skipped: this machine makes no btrfs");
            return None;
        }
        Some(Self { at })
    }

    fn path(&self, name: &str) -> String {
        self.at.path().join("top").join(name).display().to_string()
    }

    fn subvolume(&self, name: &str) -> String {
        let path = self.path(name);
        assert!(runs("btrfs", &["subvolume".as_ref(), "create".as_ref(), path.as_ref()]));
        path
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let top = self.at.path().join("top");
        wait::until(
            "the btrfs is unmounted",
            || if runs("umount", &[top.as_ref()]) { Ok(()) } else { Err(()) },
        );
    }
}

fn runs(program: &str, args: &[&std::ffi::OsStr]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// A file of `directory` that has the number `wanted`, as subvolumes number alike.
fn file_of_number(directory: &str, wanted: u64) -> String {
    let made = (0..400).map(|index| {
        let path = format!("{directory}/f{index}");
        std::fs::write(&path, "harmless").unwrap();
        path
    });
    made.into_iter().find(|path| identity(Path::new(path)).ino == wanted).expect("both count from 256 on")
}

#[test]
fn a_file_of_another_subvolume_with_the_same_number_is_another_file() {
    let Some(mut scene) = Scene::set() else { return };
    let Some(btrfs) = Btrfs::mount() else { return };
    let (home, code) = (btrfs.subvolume("home"), btrfs.subvolume("code"));
    let secret = format!("{home}/credential");
    std::fs::write(&secret, "secret").unwrap();
    let key = identity(Path::new(&secret));
    scene.bench.maps.tag_inode(key, TAG).unwrap();
    let harmless = file_of_number(&code, key.ino);
    assert_ne!(identity(Path::new(&harmless)), key);
    scene.reads(&harmless);
    assert!(scene.opens().is_empty());
    let link = format!("{home}/link");
    std::fs::hard_link(&secret, &link).unwrap();
    scene.reads(&link);
    let open = scene.open();
    assert_eq!((open.file, open.matched), (key, matched::INODE), "a hard link of it is the same file");
}

#[test]
fn a_directory_of_another_subvolume_with_the_same_number_is_not_the_workspace() {
    let Some(mut scene) = Scene::set() else { return };
    let Some(btrfs) = Btrfs::mount() else { return };
    let (home, code) = (btrfs.subvolume("home"), btrfs.subvolume("code"));
    for place in [&home, &code] {
        std::fs::create_dir(format!("{place}/dir")).unwrap();
        std::fs::write(format!("{place}/dir/.env"), "secret").unwrap();
    }
    let (theirs, own) = (format!("{home}/dir"), format!("{code}/dir"));
    assert_eq!(identity(Path::new(&theirs)).ino, identity(Path::new(&own)).ino);
    scene.bench.label(scene.actor.pid, Session::default());
    scene.bench.maps.settle_workspace(scene.bench.session, identity(Path::new(&own))).unwrap();
    scene.name(&[(monitor_common::hash::EXACT, ".env")]);
    for place in [&theirs, &own] {
        scene.reads(&format!("{place}/.env"));
    }
    assert_eq!(scene.opens().iter().map(|open| open.foreign).collect::<Vec<_>>(), [1, 0]);
    // A snapshot is a subvolume of its own: a copy of the workspace that the session has not made.
    let snapshot = btrfs.path("snapshot");
    assert!(runs("btrfs", &["subvolume".as_ref(), "snapshot".as_ref(), code.as_ref(), snapshot.as_ref()]));
    scene.reads(&format!("{snapshot}/dir/.env"));
    assert_eq!(scene.opens().last().map(|open| open.foreign), Some(1));
}
