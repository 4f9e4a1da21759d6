//! What a session made itself is not a credential that it found.

use monitor_common::{
    hash::EXACT,
    label::{Label, session_id},
    policy::{GRADE_A, SecretTag, taint_bit},
};

use super::{SENTINEL, Scene, name};
use crate::kernel::{actor::Actor, bench::TAG};

/// `.env` is a secret wherever it stands, and none of it is in a workspace.
fn scene() -> Option<Scene> {
    let mut scene = Scene::set()?;
    scene.name(&[(EXACT, ".env")]);
    Some(scene)
}

fn creates(scene: &mut Scene, path: &str) {
    scene.actor.does(&format!("read({path:?}, os.O_RDWR | os.O_CREAT | os.O_EXCL)"));
}

#[test]
fn making_a_file_is_no_read_and_reading_it_finds_nothing_foreign() {
    let Some(mut scene) = scene() else { return };
    let path = scene.path(".env");
    creates(&mut scene, &path);
    assert_eq!(scene.bench.taint().taints, 0, "there was nothing in it");
    scene.reads(&path);
    assert_eq!(scene.bench.taint().taints, taint_bit(GRADE_A, false));
    let open = scene.open();
    assert_eq!((name(&open).as_str(), open.foreign, open.made), (".env", 0, 1));
}

#[test]
fn what_was_there_is_found_whether_it_is_rewritten_or_not() {
    let Some(mut scene) = scene() else { return };
    let path = scene.file(".env");
    scene.actor.does(&format!("read({path:?}, os.O_RDWR | os.O_CREAT | os.O_TRUNC)"));
    scene.reads(&path);
    assert!(scene.opens().iter().all(|open| open.foreign == 1 && open.made == 0));
}

#[test]
fn it_stays_its_own_under_another_name_and_another_file_there_does_not() {
    let Some(mut scene) = scene() else { return };
    let (work, other) = (scene.path("work.tmp"), scene.file("other/.env"));
    let target = scene.path(".env");
    creates(&mut scene, &work);
    scene.actor.does(&format!("os.rename({work:?}, {target:?})"));
    scene.reads(&target);
    assert_eq!(scene.open().foreign, 0, "as editors and rsync write");
    scene.actor.does(&format!("os.rename({other:?}, {target:?})"));
    scene.reads(&target);
    assert_eq!(scene.opens().last().map(|open| open.foreign), Some(1), "moved here from elsewhere");
}

#[test]
fn a_number_that_another_file_gets_is_not_the_sessions() {
    let Some(mut scene) = scene() else { return };
    let path = scene.path(".env");
    creates(&mut scene, &path);
    let before = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    // Until the file system gives the number again; where it does not, nothing is to be shown.
    let again = (0..200).find(|_| {
        std::fs::write(&path, "another's").unwrap();
        let is_same = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap()) == before;
        if !is_same {
            std::fs::remove_file(&path).unwrap();
        }
        is_same
    });
    if again.is_none() {
        println!("skipped: this file system gives no number twice");
        return;
    }
    scene.reads(&path);
    assert_eq!(scene.opens().last().map(|open| (open.foreign, open.made)), Some((1, 0)));
}

#[test]
fn another_sessions_making_is_foreign() {
    let Some(mut scene) = scene() else { return };
    let path = scene.path(".env");
    let mut other = Actor::start();
    let session = session_id(other.pid, 2_000);
    scene.bench.maps.add_session(interlock_core::facts::SessionId(session), Default::default()).unwrap();
    scene.bench.maps.set_label(other.pid, Label { session, start_ns: 0 }).unwrap();
    other.does(&format!("read({path:?}, os.O_RDWR | os.O_CREAT | os.O_EXCL)"));
    scene.reads(&path);
    assert_eq!(scene.open().foreign, 1);
}

#[test]
fn a_store_at_its_own_place_is_a_login_whoever_wrote_it() {
    let Some(mut scene) = scene() else { return };
    let placed = SecretTag { placed: 1, ..TAG };
    let hash = |name: &str| monitor_common::hash::name(EXACT, name.as_bytes());
    scene.bench.maps.replace_names(&[(hash(".pgpass"), placed), (hash(SENTINEL), TAG)]).unwrap();
    let path = scene.path(".pgpass");
    creates(&mut scene, &path);
    scene.reads(&path);
    assert_eq!(scene.open().foreign, 1);
}
