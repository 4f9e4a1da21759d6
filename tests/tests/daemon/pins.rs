//! Where the pins lie: root removes what is old there, and nothing else.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use interlock_tests::{
    daemon::{Daemon, Settings, binary, text},
    is_root,
};
use tempfile::TempDir;

const NOBODY: u32 = 65534;

/// A directory with a file in it that is nobody's pin.
fn precious() -> TempDir {
    let dir = TempDir::with_prefix("interlock-precious-").unwrap();
    fs::write(dir.path().join("file"), "precious").unwrap();
    dir
}

/// A daemon with pins at `place`, or only its `--release`. Neither is to run on.
fn with_pins_at(place: &Path, state: &Path, more: &[&str]) -> Output {
    let config = format!(
        "socket = \"{0}/s\"\nstate = \"{0}/state\"\nrules = \"builtin\"\npins = \"{1}\"\nmetrics = \"none\"\nwatch_below = {2}\n",
        state.display(),
        place.display(),
        std::process::id()
    );
    let file = state.join("config.toml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new("timeout");
    command.arg("20").arg(binary()).arg("--config").arg(file).arg("daemon").args(more);
    command.output().unwrap()
}

/// A directory on bpffs that ends with its test.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // a symbolic link has gone already
    }
}

#[test]
fn what_is_no_version_of_ours_is_left_alone_and_no_link_is_followed() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings { pinned: true, ..Settings::default() });
    let (place, victim) = (daemon.pins().unwrap().to_path_buf(), precious());
    daemon.kill();
    for name in ["old", "v99"] {
        symlink(victim.path(), place.join(name)).unwrap();
    }
    fs::create_dir(place.join("v98")).unwrap();
    daemon.start_again();
    assert!(victim.path().join("file").exists(), "{}", daemon.log());
    for name in ["old", "v99"] {
        let said = |line: &str| line.contains("left alone") && line.contains(name);
        assert!(daemon.log().lines().any(said), "{name}: {}", daemon.log());
    }
    assert!(!place.join("v98").exists(), "another version's is removed");
    let _ends = Place(place);
    drop(daemon); // which releases
    assert!(victim.path().join("file").exists());
}

#[test]
fn a_place_that_others_may_write_to_is_refused() {
    if !is_root() {
        return;
    }
    let (victim, state) = (precious(), TempDir::with_prefix("interlock-test-").unwrap());
    let base = Place(PathBuf::from(format!("/sys/fs/bpf/interlock-test-place-{}", std::process::id())));
    fs::create_dir(&base.0).unwrap();
    let (foreign, open, link) = (base.0.join("foreign"), base.0.join("open"), base.0.join("link"));
    for place in [&foreign, &open] {
        fs::create_dir(place).unwrap();
        symlink(victim.path(), place.join("v1")).unwrap();
    }
    symlink(&open, &link).unwrap();
    chown(&foreign, Some(NOBODY), None).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let cases = [
        (foreign.clone(), "belongs to uid 65534"),
        (foreign.join("below"), "belongs to uid 65534"),
        (open.clone(), "mode 777"),
        (open.join("below"), "mode 777"),
        (link, "is not a directory"),
    ];
    for (place, reason) in cases {
        for more in [&[] as &[&str], &["--release"]] {
            let output = with_pins_at(&place, state.path(), more);
            assert_eq!(output.status.code(), Some(1), "{}: {}", place.display(), text(&output));
            assert!(text(&output).contains(reason), "{reason}: {}", text(&output));
        }
    }
    assert!(victim.path().join("file").exists());
}
