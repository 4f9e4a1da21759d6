use std::{
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use rustix::fs::{FileType as Kind, Mode as Bits, mkfifoat};

use super::*;

fn own() -> SessionRoot {
    SessionRoot::of(std::process::id()).unwrap()
}

#[test]
fn links_lead_to_what_they_name() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().canonicalize().unwrap();
    fs::create_dir_all(at.join("..data-1")).unwrap();
    fs::write(at.join("..data-1/token"), "x").unwrap();
    symlink("..data-1", at.join("..data")).unwrap();
    symlink("..data/token", at.join("token")).unwrap();
    symlink(at.join("token"), at.join("absolute")).unwrap();
    for name in ["token", "absolute", "..data/../token"] {
        let found = own().find(&at.join(name)).unwrap();
        assert_eq!((found.kind, found.path), (Kind::RegularFile, at.join("..data-1/token")), "{name}");
    }
    assert_eq!(own().kind(&at.join("token")), Some(Kind::Symlink));
    assert_eq!(own().kind(&at.join("nothing")), None);
}

#[test]
fn what_is_no_regular_file_is_not_read_and_circles_end() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().canonicalize().unwrap();
    mkfifoat(rustix::fs::CWD, at.join("pipe"), Bits::RUSR).unwrap();
    symlink("one", at.join("two")).unwrap();
    symlink("two", at.join("one")).unwrap();
    fs::write(at.join("long"), "0123456789").unwrap();
    let root = own();
    assert_eq!(root.kind(&at.join("pipe")), Some(Kind::Fifo));
    for name in ["pipe", "one", ".", "long", "nothing"] {
        assert_eq!(root.text(&at.join(name), 9), None, "{name}");
    }
    assert_eq!(root.text(&at.join("long"), 10).as_deref(), Some("0123456789"));
    assert_eq!(root.text(Path::new("relative"), 10), None);
    assert_eq!(root.entries(&at, 2).len(), 2);
    assert_eq!(root.entries(&at.join("pipe"), 2), Vec::<PathBuf>::new());
}

/// A process that waits in a namespace of its own, once it has said so.
fn inside(script: &str) -> Option<Child> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: mount namespaces need root");
        return None;
    }
    let mut child = Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("{script} && echo ready && exec sleep 60")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = io::BufReader::new(child.stdout.take().unwrap());
    io::BufRead::read_line(&mut lines, &mut said).unwrap();
    assert_eq!(said, "ready\n");
    Some(child)
}

#[test]
fn a_mount_namespaces_files_are_its_own() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().canonicalize().unwrap();
    fs::create_dir_all(at.join("real/secrets")).unwrap();
    fs::write(at.join("real/secrets/token"), "theirs").unwrap();
    fs::create_dir(at.join("run")).unwrap();
    symlink(at.join("run"), at.join("var-run")).unwrap();
    let script = format!("mount --make-rprivate / && mount --bind {0}/real {0}/run", at.display());
    let Some(mut child) = inside(&script) else { return };
    let token = at.join("var-run/secrets/token");
    let theirs = SessionRoot::of(child.id()).unwrap();
    let found = theirs.find(&token).unwrap();
    assert_eq!(found.path, at.join("run/secrets/token"));
    assert_eq!(theirs.text(&token, 10).as_deref(), Some("theirs"));
    let key = theirs.anchor(&found).unwrap().key;
    assert_eq!(key, Mounts::own().identify(&at.join("real/secrets/token")).unwrap());
    assert!(own().find(&token).is_err(), "it is not in our own mounts");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_absolute_link_stays_below_a_changed_root() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().canonicalize().unwrap();
    for directory in ["bin", "lib", "lib64", "usr", "etc", "srv"] {
        fs::create_dir(at.join(directory)).unwrap();
    }
    fs::write(at.join("etc/passwd"), "dev:x:7:7::/srv/dev:/bin/sh\n").unwrap();
    symlink("/etc/passwd", at.join("srv/link")).unwrap();
    let binds =
        ["bin", "lib", "lib64", "usr"].map(|name| format!("mount --bind /{name} {}/{name}", at.display()));
    let script = format!(
        "mount --make-rprivate / && {} && cd {1}/srv && exec chroot {1} sh -c 'cd /srv && echo ready && exec sleep 60'",
        binds.join(" && "),
        at.display()
    );
    let Some(mut child) = inside(&script) else { return };
    let theirs = SessionRoot::of(child.id()).unwrap();
    assert_eq!(theirs.find(Path::new("/srv/link")).unwrap().path, Path::new("/etc/passwd"));
    assert_eq!(super::super::users::home(&theirs, 7), Some("/srv/dev".into()));
    assert_eq!(theirs.find(Path::new("/../../etc")).unwrap().path, Path::new("/etc"));
    assert_eq!(procfs::as_seen_by(child.id(), "cwd"), Some("/srv".into()));
    child.kill().unwrap();
    child.wait().unwrap();
}
