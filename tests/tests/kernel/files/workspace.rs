//! Inside the workspace or foreign to it.

use monitor_common::{
    event::file::{COMPONENTS, WALK},
    hash::EXACT,
    label::Session,
};
use tempfile::TempDir;

use super::Scene;
use crate::kernel::bench::identity;

/// A scene whose session works in `home/work`; `.env` is a secret wherever it stands.
fn scene() -> Option<Scene> {
    let mut scene = Scene::set()?;
    scene.file("work/README");
    let root = identity(&scene.home.path().join("work"));
    scene.bench.label(scene.actor.pid, Session::default());
    scene.bench.maps.settle_workspace(scene.bench.session, root).unwrap();
    scene.name(&[(EXACT, ".env")]);
    Some(scene)
}

fn is_foreign(name: &str) -> Option<bool> {
    let mut scene = scene()?;
    let path = scene.file(name);
    scene.reads(&path);
    Some(scene.open().foreign == 1)
}

#[test]
fn files_below_the_workspace_are_its_own() {
    let Some(foreign) = is_foreign("work/.env") else { return };
    assert!(!foreign);
    let deep = format!("work/{}.env", "d/".repeat(20));
    assert_eq!(is_foreign(&deep), Some(false), "twenty directories down");
    assert_eq!(is_foreign("work/../work/.env"), Some(false), "by a detour");
}

#[test]
fn files_beside_the_workspace_are_foreign() {
    let Some(foreign) = is_foreign(".env") else { return };
    assert!(foreign);
    assert_eq!(is_foreign("work-of-another/.env"), Some(true));
    assert_eq!(is_foreign("work/../.env"), Some(true), "by a detour");
}

#[test]
fn deeper_than_the_kernel_looks_counts_as_foreign_and_incomplete() {
    let Some(mut scene) = scene() else { return };
    let path = scene.file(&format!("work/{}.env", "d/".repeat(WALK)));
    scene.reads(&path);
    let open = scene.open();
    assert_eq!((open.foreign, open.path.complete, open.path.components as usize), (1, 0, COMPONENTS));
}

#[test]
fn another_file_system_is_foreign() {
    let Some(mut scene) = scene() else { return };
    let other = TempDir::new_in("/dev/shm").unwrap();
    let path = other.path().join(".env");
    std::fs::write(&path, "secret").unwrap();
    scene.reads(&path.display().to_string());
    let open = scene.open();
    assert_eq!(open.foreign, 1);
    assert_eq!(open.file, identity(&path));
    assert_ne!(open.file.dev, identity(scene.home.path()).dev, "/dev/shm is another file system");
}
