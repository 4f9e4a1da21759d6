//! The homes that a path may lie in: where it stands, a copy of one (a snapshot, a backup, another mount), or a guess.

use super::path::tilde;

/// How a path is known to lie in a home, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The session's own home, or somebody's by its place: `/root`, `/home/NAME`, `/var/home/NAME`.
    Place,
    /// A directory that reads like one, in a copy of a file system: `/mnt/backup/home/ann`, `/.snapshots/7/snapshot/root`.
    Copy,
    /// A hidden directory, which would stand in a home: `/srv/old/.aws`.
    Guess,
}

/// A path as it would read in a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHome {
    /// `~/…`
    pub path: String,
    pub by: By,
}

/// Every home that `path`, which is normalised, may lie in, the surest first.
///
/// In a home a directory that only looks like another's (`~/shop/.aws`) is a project's and no home, except below one that
/// is called a backup.
pub fn homes(path: &str, home: Option<&str>) -> Vec<InHome> {
    let mut found = Found(Vec::new());
    found.extend(By::Place, tilde(path, home));
    let lived = before_snapshot(path);
    found.extend(By::Copy, lived.as_deref().and_then(|lived| tilde(lived, home)));
    let lived = lived.as_deref().unwrap_or(path);
    found.extend(By::Copy, copies(lived));
    let is_of_project = !found.0.is_empty();
    found.extend(
        By::Guess,
        hidden(lived).filter(|(before, _)| !is_of_project || is_backup(before)).map(|(_, path)| path),
    );
    found.0
}

struct Found(Vec<InHome>);

impl Found {
    fn extend(&mut self, by: By, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            if !self.0.iter().any(|known| known.path == path) {
                self.0.push(InHome { path, by });
            }
        }
    }
}

/// Where a snapshot's file lay when the snapshot was made; `None` where the path leads through none.
///
/// snapper (`.snapshots/7/snapshot`), ZFS (`.zfs/snapshot/NAME`), NFS filers (`.snapshot/NAME`) and `CephFS` (`.snap/NAME`)
/// show them below the directory that they are of.
pub fn before_snapshot(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut kept: Vec<&str> = Vec::with_capacity(parts.len());
    let mut rest = parts.as_slice();
    loop {
        rest = match rest {
            [".snapshots", _, "snapshot", rest @ ..]
            | [".zfs", "snapshot", _, rest @ ..]
            | [".snapshot" | ".snap", _, rest @ ..] => rest,
            [part, rest @ ..] => {
                kept.push(part);
                rest
            }
            [] => break,
        };
    }
    (kept.len() < parts.len()).then(|| kept.join("/"))
}

/// `path` from what a copy of a file system has as somebody's home.
fn copies(path: &str) -> impl Iterator<Item = String> {
    let mut after = path.match_indices('/').map(|(at, _)| path.split_at(at + 1).1);
    std::iter::from_fn(move || after.next()).filter_map(|rest| {
        let (name, below) = rest.split_once('/')?;
        let in_home = match name {
            "root" => below,
            name if holds_homes(name) => below.split_once('/')?.1,
            _ => return None,
        };
        (!in_home.is_empty()).then(|| format!("~/{in_home}"))
    })
}

/// A directory of homes: also a subvolume (`@home`), its copies (`home.20261128`, `@home-2026`) and another system's.
fn holds_homes(name: &str) -> bool {
    matches!(name, "home" | "homes" | "Users") || name.starts_with("@home") || name.starts_with("home.")
}

/// What stands before each hidden directory, and the path as it would read if that directory stood in a home.
fn hidden(path: &str) -> impl Iterator<Item = (&str, String)> {
    let is_name = |rest: &str| {
        rest.get(2..).is_some_and(|name| name.starts_with(|first: char| first.is_ascii_alphanumeric()))
    };
    path.match_indices("/.")
        .map(|(at, _)| path.split_at(at))
        .filter(move |(_, rest)| is_name(rest))
        .map(|(before, rest)| (before, format!("~{rest}")))
}

/// Whether the directory is, or lies below, one that is called a backup.
fn is_backup(directory: &str) -> bool {
    let name = directory.to_ascii_lowercase();
    ["backup", "snapshot"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{By, before_snapshot, homes};

    const HOME: Option<&str> = Some("/home/ann");

    fn surest(path: &str) -> Option<(String, By)> {
        homes(path, HOME).into_iter().next().map(|found| (found.path, found.by))
    }

    fn reads(path: &str, as_in_home: &str) -> Option<By> {
        homes(path, HOME).into_iter().find(|found| found.path == as_in_home).map(|found| found.by)
    }

    #[test]
    fn a_home_by_its_place_is_the_surest() {
        for path in ["/home/ann/.aws/credentials", "/home/bob/.aws/credentials", "/root/.aws/credentials"] {
            assert_eq!(surest(path), Some(("~/.aws/credentials".to_owned(), By::Place)), "{path}");
        }
        assert_eq!(homes("/home/ann", HOME), []);
        assert_eq!(homes("/etc/shadow", HOME), []);
    }

    #[test]
    fn a_copy_of_a_home_is_found_in_snapshots_backups_and_other_mounts() {
        for path in [
            "/.snapshots/7/snapshot/home/ann/.aws/credentials",
            "/.snapshots/7/snapshot/root/.aws/credentials",
            "/home/.snapshots/7/snapshot/ann/.aws/credentials",
            "/home/ann/.snapshots/7/snapshot/.aws/credentials",
            "/home/.zfs/snapshot/daily-1/bob/.aws/credentials",
            "/home/ann/.zfs/snapshot/daily-1/.aws/credentials",
            "/home/ann/.snapshot/hourly.0/.aws/credentials",
            "/home/ann/.snap/monday/.aws/credentials",
            "/mnt/backup/home/bob/.aws/credentials",
            "/media/ann/disk/home/bob/.aws/credentials",
            "/run/media/ann/disk/home/bob/.aws/credentials",
            "/timeshift/snapshots/2026-11-28_10-00-01/localhost/home/ann/.aws/credentials",
            "/run/timeshift/12/backup/timeshift-btrfs/snapshots/2026-11-28_10-00-01/@home/ann/.aws/credentials",
            "/mnt/pool/btrbk_snapshots/home.20261128T1200/ann/.aws/credentials",
            "/mnt/pool/@/root/.aws/credentials",
            "/mnt/c/Users/ann/.aws/credentials",
            "/var/lib/docker/overlay2/1f/diff/root/.aws/credentials",
            "/home/ann/old-disk/home/bob/.aws/credentials",
        ] {
            assert_eq!(reads(path, "~/.aws/credentials"), Some(By::Copy), "{path}");
        }
    }

    #[test]
    fn a_hidden_directory_is_a_guess_and_in_a_home_a_project_s() {
        for path in [
            "/srv/old/.aws/credentials",
            "/srv/.old/ann/.aws/credentials",
            "/home/ann/Backups/laptop/.aws/credentials",
        ] {
            assert_eq!(reads(path, "~/.aws/credentials"), Some(By::Guess), "{path}");
        }
        for path in ["/home/ann/shop/.aws/credentials", "/home/ann/.cache/x/.aws/credentials"] {
            assert_eq!(reads(path, "~/.aws/credentials"), None, "{path}");
        }
        assert_eq!(reads("x/.aws/credentials", "~/.aws/credentials"), Some(By::Guess), "not wholly resolved");
    }

    #[test]
    fn a_snapshot_is_taken_out_of_the_path() {
        let cases = [
            ("/.snapshots/7/snapshot/etc/shadow", Some("/etc/shadow")),
            ("/tank/.zfs/snapshot/a/.zfs/snapshot/b/x", Some("/tank/x")),
            ("/.snapshots/7/info.xml", None),
            ("/home/ann/.snapshots", None),
            ("/etc/shadow", None),
        ];
        for (path, expected) in cases {
            assert_eq!(before_snapshot(path).as_deref(), expected, "{path}");
        }
    }
}
