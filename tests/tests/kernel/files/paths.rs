//! Different system calls, different paths, one file.

use std::{fs, os::unix::fs::symlink};

use monitor_common::{event::file::matched, hash::EXACT};

use super::Scene;

/// Opens the secret `token` by `act`, in which `SECRET` stands for its path and `DIR` for its directory's; returns how it
/// was recognised each time.
fn seen(act: &str) -> Option<Vec<u32>> {
    let mut scene = Scene::set()?;
    let act = act.replace("SECRET", &format!("{:?}", scene.path("token"))).replace("DIR", &scene.path(""));
    scene.actor.does(&act);
    Some(scene.opens().iter().map(|open| open.matched).collect())
}

fn is_seen(act: &str) {
    let Some(found) = seen(act) else { return };
    assert_eq!(found, [matched::INODE], "{act}");
}

fn is_not_seen(act: &str) {
    let Some(found) = seen(act) else { return };
    assert!(found.is_empty(), "{act}: {found:?}");
}

#[test]
fn openat() {
    is_seen("read(SECRET)");
}

#[test]
fn openat_relative_to_a_directory() {
    is_seen("read('token', directory=os.open('DIR', os.O_RDONLY))");
}

#[test]
fn openat_for_reading_and_writing() {
    is_seen("read(SECRET, os.O_RDWR)");
}

#[test]
fn openat2() {
    is_seen("openat2(SECRET)");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_old_open() {
    is_seen("os.close(syscall(2, ctypes.c_char_p(SECRET.encode()), 0))");
}

#[test]
fn through_the_root_of_proc() {
    is_seen("read('/proc/self/root' + SECRET)");
}

#[test]
fn with_detours() {
    is_seen("read('DIR/../' + os.path.basename('DIR'.rstrip('/')) + '/./token')");
}

#[test]
fn reopened_through_a_descriptor_that_could_not_read() {
    is_seen("found = os.open(SECRET, os.O_PATH)\nread(f'/proc/self/fd/{found}')");
}

#[test]
fn by_another_thread() {
    is_seen("thread = threading.Thread(target=read, args=(SECRET,))\nthread.start()\nthread.join()");
}

#[test]
fn not_for_writing() {
    is_not_seen("read(SECRET, os.O_WRONLY)\nread(SECRET, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn not_by_creat() {
    is_not_seen("os.close(syscall(85, ctypes.c_char_p(SECRET.encode()), 0o600))");
}

#[test]
fn not_as_a_mere_path() {
    is_not_seen("read(SECRET, os.O_PATH)");
}

#[test]
fn a_hard_link_is_the_same_file_and_a_copy_is_not() {
    let Some(mut scene) = Scene::set() else { return };
    let (link, copy) = (scene.path("notes.txt"), scene.path("copy.txt"));
    fs::hard_link(scene.path("token"), &link).unwrap();
    fs::copy(scene.path("token"), &copy).unwrap();
    scene.reads(&copy);
    scene.reads(&link);
    let open = scene.open();
    assert_eq!((super::name(&open).as_str(), open.matched), ("notes.txt", matched::INODE));
}

#[test]
fn a_renamed_file_is_the_same_file() {
    let Some(mut scene) = Scene::set() else { return };
    let renamed = scene.path("renamed");
    fs::rename(scene.path("token"), &renamed).unwrap();
    scene.reads(&renamed);
    assert_eq!(scene.open().matched, matched::INODE);
}

#[test]
fn a_symbolic_link_shows_its_target_name() {
    let Some(mut scene) = Scene::set() else { return };
    scene.name(&[(EXACT, ".env")]);
    let (target, link) = (scene.file("deep/.env"), scene.path("harmless.txt"));
    symlink(target, &link).unwrap();
    scene.reads(&link);
    let open = scene.open();
    assert_eq!((super::name(&open).as_str(), open.matched), (".env", matched::NAME));
}
