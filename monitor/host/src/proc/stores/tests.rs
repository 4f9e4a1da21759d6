use std::{collections::HashSet, fs, os::unix::fs::symlink};

use super::*;
use interlock_core::catalog::secrets::{Moved, Secrets};

fn builtin() -> Secrets {
    Secrets::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn write(home: &Path, path: &str) -> PathBuf {
    let path = home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x").unwrap();
    path.canonicalize().unwrap()
}

fn own() -> SessionRoot {
    SessionRoot::of(std::process::id()).unwrap()
}

/// Real paths with the entries that they are tagged with, as far as they lie in the home.
fn found(home: &Path, moved: impl Fn(&Secrets) -> Moved) -> HashSet<(PathBuf, String)> {
    let (secrets, homes) = (builtin(), [home.to_path_buf()]);
    let stores = stores(&own(), &homes, &secrets.places(&moved(&secrets)));
    let tagged = stores.into_iter().filter_map(|store| {
        let entry = secrets.found_at(&store.place, store.found.to_str()?, &homes)?;
        Some((store.path, secrets.tagged(entry)?.id.to_owned()))
    });
    tagged.filter(|(path, _)| path.starts_with(home)).collect()
}

fn set<const N: usize>(expected: [(PathBuf, &str); N]) -> HashSet<(PathBuf, String)> {
    expected.into_iter().map(|(path, id)| (path, id.to_owned())).collect()
}

#[test]
fn what_lies_on_the_disk_is_found_with_its_entry() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().canonicalize().unwrap();
    let railway = write(&home, ".railway/config.json");
    let key = write(&home, ".ssh/deploy");
    let nested = write(&home, ".password-store/work/prod/aws.gpg");
    let firefox = write(&home, ".mozilla/firefox/ab.default/logins.json");
    let real = write(&home, "dotfiles/netrc");
    symlink(&real, home.join(".netrc")).unwrap();
    symlink(".", home.join(".password-store/work/circle")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, home.join(".pgpass"), rustix::fs::Mode::RUSR).unwrap();
    for other in [".ssh/config", ".ssh/deploy.pub", ".ssh/known_hosts", ".bashrc", "shop/.env"] {
        write(&home, other);
    }
    let expected = [
        (railway, "railway-cli"),
        (key, "ssh-key"),
        (nested, "password-store"),
        (firefox, "firefox"),
        (real, "netrc"),
    ];
    assert_eq!(found(&home, |_| Moved::default()), set(expected));
}

#[test]
fn variables_move_stores() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().canonicalize().unwrap();
    let (one, two) = (write(&home, "k/one"), write(&home, "k/two"));
    let gh = write(&home, "xdg/gh/hosts.yml");
    let adc = write(&home, "gcp/credentials.db");
    // A variable that may name a file or a directory of files.
    let aws = write(&home, "aws/credentials");
    symlink(home.join("aws"), home.join("link")).unwrap();
    let lookup = |name: &str| match name {
        "KUBECONFIG" => Some(format!("{}:{}", one.display(), two.display())),
        "XDG_CONFIG_HOME" => Some(home.join("xdg").display().to_string()),
        "CLOUDSDK_CONFIG" => Some(home.join("gcp").display().to_string()),
        "AWS_SHARED_CREDENTIALS_FILE" => Some(home.join("link").display().to_string()),
        _ => None,
    };
    let expected = [
        (one.clone(), "kubeconfig"),
        (two.clone(), "kubeconfig"),
        (gh, "forge-cli"),
        (adc, "gcloud"),
        (aws, "aws"),
    ];
    assert_eq!(found(&home, |secrets| secrets.moved(&lookup)), set(expected));
}

#[test]
fn a_store_of_many_files_is_bounded() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().canonicalize().unwrap();
    for number in 0..FILES_MAX + 10 {
        write(&home, &format!(".password-store/{number}.gpg"));
    }
    let places = builtin().places(&Moved::default());
    assert_eq!(stores(&own(), &[home], &places).len(), FILES_MAX);
}
