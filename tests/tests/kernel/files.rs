//! Opens of secrets: by identity, by name, by whatever path leads there.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use interlock_core::strings;
use interlock_host::probes::Record;
use monitor_common::{
    event::file::{Open, Probe, ProcOpen, matched},
    hash::{self, EXACT, EXTENSION, PARENT, STEM},
    label::{Session, Taint},
    policy::{GRADE_A, GRADE_NONE, Policy, SecretTag, taint_bit},
};
use tempfile::TempDir;

use super::{
    actor::{Actor, Refused},
    bench::{Bench, TAG, identity},
};

mod identity;
mod made;
mod paths;
mod proc;
mod workspace;

/// A file that every test opens last: what is not reported by then will not be.
const SENTINEL: &str = "sentinel.of.the.test";

/// Probes, a labelled actor, and a directory with the secret `token` (by inode) and the sentinel (by name).
struct Scene {
    bench: Bench,
    actor: Actor,
    home: TempDir,
}

impl Scene {
    fn set() -> Option<Self> {
        let (bench, actor) = Bench::with_actor()?;
        let mut scene = Self { bench, actor, home: TempDir::new().unwrap() };
        let token = scene.file("token");
        scene.bench.maps.tag_inode(identity(Path::new(&token)), TAG).unwrap();
        scene.file(SENTINEL);
        scene.name(&[]);
        Some(scene)
    }

    /// Creates a file below the home; returns its path.
    fn file(&self, name: &str) -> String {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "secret").unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Makes these names secrets, and the sentinel.
    fn name(&mut self, names: &[(u8, &str)]) {
        self.bench.name_secrets(&[&[(EXACT, SENTINEL)], names].concat());
    }

    fn reads(&mut self, path: &str) {
        self.actor.does(&format!("answer = read({path:?})"));
    }

    fn fails(&mut self, path: &str) -> Refused {
        self.actor.tries(&format!("answer = read({path:?})")).unwrap_err()
    }

    /// Every open so far, up to that of the sentinel.
    fn opens(&mut self) -> Vec<Open> {
        let sentinel = self.path(SENTINEL);
        self.reads(&sentinel);
        self.bench.expect("open of the sentinel", |record| match record {
            Record::Open(open) if name(open) == SENTINEL => Some(()),
            _ => None,
        });
        self.bench.opens().into_iter().filter(|open| name(open) != SENTINEL).collect()
    }

    /// The one open so far.
    fn open(&mut self) -> Open {
        let opens = self.opens();
        let [open] = opens[..] else { panic!("{} opens", opens.len()) };
        open
    }

    fn probes(&mut self) -> Vec<Probe> {
        let _ = self.opens();
        self.bench.all(|record| match record {
            Record::Probe(probe) => Some(*probe),
            _ => None,
        })
    }

    fn proc_opens(&mut self) -> Vec<ProcOpen> {
        let _ = self.opens();
        self.bench.all(|record| match record {
            Record::ProcOpen(open) => Some(*open),
            _ => None,
        })
    }
}

/// The file's own name.
fn name(open: &Open) -> String {
    strings::text(&open.path.names[0])
}

#[test]
fn an_open_says_which_file_and_taints_the_session() {
    let Some(mut scene) = Scene::set() else { return };
    let token = scene.path("token");
    let gate_mask = taint_bit(GRADE_A, true);
    scene.bench.maps.set_policy(Policy { gate_mask, ..Policy::default() }).unwrap();
    scene.reads(&token);
    let tainted =
        Taint { taints: gate_mask, generation: Taint::CLEAN.generation + 1, touches: 1, ..Taint::CLEAN };
    assert_eq!(scene.bench.taint(), tainted, "before the record is read");
    let open = scene.open();
    assert_eq!(open.file, identity(Path::new(&token)));
    assert_eq!((open.tag, open.matched, open.foreign, open.generation), (TAG, matched::INODE, 1, 2));
    assert_eq!((open.touch, open.made), (1, 0));
    assert_eq!(open.header.tgid, scene.actor.pid);
    let names: Vec<String> =
        open.path.names[..open.path.components as usize].iter().map(|part| strings::text(part)).collect();
    let path: String = names.iter().rev().map(|part| format!("/{part}")).collect();
    assert!(token.ends_with(&path) && open.path.complete == 1, "{path} of {token}");
    scene.reads(&token);
    let again = scene.opens().last().map(|open| open.generation);
    assert_eq!(again, Some(4), "the counter's own value after the sentinel's open, not its operand plus one");
}

#[test]
fn nothing_is_reported_before_the_label_nor_after_the_end() {
    let Some(mut bench) = Bench::load() else { return };
    let mut actor = Actor::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    bench.maps.tag_inode(identity(file.path()), TAG).unwrap();
    let act = format!("answer = read({:?})", file.path().display().to_string());
    bench.maps.add_session(bench.session, Session::default()).unwrap();
    actor.does(&act);
    assert_eq!(bench.taint(), Taint::CLEAN, "an unlabelled process");
    bench.label(actor.pid, Session::default());
    actor.does(&act);
    assert_eq!(bench.taint().taints, taint_bit(GRADE_A, true));
    assert_eq!(bench.opens().len(), 1, "of the labelled process only");
    let session = bench.session;
    bench.maps.add_session(session, Session::default()).unwrap();
    let maps = bench.detach();
    actor.does(&act);
    assert_eq!(maps.taint(session), Some(Taint::CLEAN), "after the programs were detached");
}

#[test]
fn names_match_in_each_of_their_forms() {
    let Some(mut scene) = Scene::set() else { return };
    let names = [(EXACT, ".npmrc"), (PARENT, "private-keys-v1.d"), (EXTENSION, "pem"), (STEM, ".env")];
    let mut hashes: Vec<_> =
        names.iter().map(|(kind, name)| (hash::name(*kind, name.as_bytes()), TAG)).collect();
    let pair = hash::pair(hash::name(EXACT, b".railway"), hash::name(EXACT, b"config.json"));
    hashes.push((pair, SecretTag::of(8, GRADE_A)));
    hashes.push((hash::name(EXACT, b".env.example"), SecretTag::of(9, GRADE_NONE)));
    hashes.push((hash::name(EXACT, SENTINEL.as_bytes()), TAG));
    scene.bench.maps.replace_names(&hashes).unwrap();
    let secrets =
        [".npmrc", "private-keys-v1.d/0A1B", "tls.key.pem", ".env.local", ".env.a.b", ".railway/config.json"];
    let others =
        ["npmrc", "other/config.json", "pem", "a.pem.txt", ".env.example", ".environment", "x.env.local"];
    for name in others.iter().chain(&secrets) {
        let path = scene.file(name);
        scene.reads(&path);
    }
    let opens = scene.opens();
    assert!(opens.iter().all(|open| open.matched == matched::NAME));
    let found: Vec<String> = opens.iter().map(name).collect();
    let expected: Vec<&str> = secrets.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(found, expected);
    assert_eq!(opens.last().map(|open| open.tag.entry), Some(8), "the pair's own entry");
}

#[test]
fn the_longest_name_is_read_to_its_end() {
    let Some(mut scene) = Scene::set() else { return };
    scene.name(&[(EXTENSION, "pem")]);
    let long = format!("{}.pem", "n".repeat(251));
    let path = scene.file(&long);
    scene.reads(&path);
    let open = scene.open();
    assert_eq!(name(&open), long[..63], "the record keeps the beginning");
}

#[test]
fn a_failed_open_of_a_secret_name_is_a_probe() {
    let Some(mut scene) = Scene::set() else { return };
    scene.name(&[(EXACT, ".netrc"), (EXACT, "locked")]);
    let (absent, locked) = (scene.path("nowhere/.netrc"), scene.file("locked"));
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.fails(&absent), Refused(2));
    assert_eq!(scene.fails(&scene.path("nowhere/harmless")), Refused(2));
    assert_eq!(scene.actor.tries(&format!("as_nobody(lambda: read({locked:?}))")), Err(Refused(13)));
    let probes = scene.probes();
    let found: Vec<(i32, String)> =
        probes.iter().map(|probe| (probe.errno, strings::text(&probe.path))).collect();
    assert_eq!(found, [(-2, absent), (-13, locked)]);
    assert!(probes.iter().all(|probe| probe.matched == matched::NAME && probe.tag == TAG));
}

#[test]
fn a_failed_open_of_a_path_too_long_to_judge_counts() {
    let Some(mut scene) = Scene::set() else { return };
    let long = format!("{}/harmless", scene.path(&"directory/".repeat(60)));
    assert_eq!(scene.fails(&long), Refused(2));
    let probes = scene.probes();
    let [probe] = &probes[..] else { panic!("{} probes", probes.len()) };
    assert_eq!((probe.matched, probe.errno), (matched::UNRESOLVED, -2));
    assert!(long.starts_with(&strings::text(&probe.path)));
}

#[test]
fn a_link_to_nothing_is_no_probe_of_its_target() {
    let Some(mut scene) = Scene::set() else { return };
    scene.name(&[(EXACT, ".netrc")]);
    symlink(scene.path("nowhere/.netrc"), scene.path("harmless")).unwrap();
    let harmless = scene.path("harmless");
    assert_eq!(scene.fails(&harmless), Refused(2));
    assert!(
        scene.probes().is_empty(),
        "a limit of this backend: a failed open is judged by the path as given"
    );
}
