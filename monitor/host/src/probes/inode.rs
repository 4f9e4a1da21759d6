//! Identity of files as the kernel programs see it.

use std::{
    collections::HashMap,
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use monitor_common::policy::InodeKey;
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};

use crate::proc::procfs;

/// Whether the kernel programs tell btrfs's subvolumes apart, see [`know_subvolumes`].
static SUBVOLUMES: AtomicBool = AtomicBool::new(false);

/// Says that the kernel's types of btrfs were known when the programs were loaded: identities name the subvolume from now on.
/// Otherwise both sides leave it out, and files of two subvolumes that have one number count as one: a harmless file as a
/// secret, and another subvolume's directory as the workspace. The whole process has one kernel, hence one answer.
pub(super) fn know_subvolumes(known: bool) {
    SUBVOLUMES.store(known, Ordering::Relaxed);
}

/// Bits of the minor number in `super_block.s_dev` (include/linux/kdev_t.h).
const MINOR_BITS: u32 = 20;

/// Mounts as one process sees them.
#[derive(Clone, Debug, Default)]
pub struct Mounts(Vec<Mount>);

#[derive(Clone, Debug)]
struct Mount {
    id: u64,
    dev: u32,
    root: PathBuf,
    at: PathBuf,
    is_btrfs: bool,
}

/// A file that is known by its inode.
#[derive(Debug)]
pub struct Anchor {
    pub key: InodeKey,
    file: OwnedFd,
}

impl Anchor {
    /// Whether it has no name any more.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        // What the kernel knows: a server that does not answer must not be waited for.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        statx(&self.file, "", flags, StatxFlags::NLINK).is_ok_and(|stat| stat.stx_nlink == 0)
    }
}

impl Mounts {
    /// Reads `/proc/PID/mountinfo` (proc(5)); empty if the process has ended.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let text = fs::read_to_string(procfs::living(pid).join("mountinfo")).unwrap_or_default();
        Self(text.lines().filter_map(parse).collect())
    }

    #[must_use]
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// Which file it is. The device comes from the mount table: on btrfs and overlayfs `stat` tells another number than the
    /// kernel's `s_dev`.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn identify(&self, path: &Path) -> io::Result<InodeKey> {
        self.anchor(path).map(|anchor| anchor.key)
    }

    /// The same, and the file itself: while it is held, no other file can get its number.
    ///
    /// # Errors
    /// As [`Mounts::identify`]; no descriptor is left.
    pub fn anchor(&self, path: &Path) -> io::Result<Anchor> {
        let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let stat = statx(&file, "", AtFlags::EMPTY_PATH, wanted)?;
        let mount = self.0.iter().find(|mount| mount.id == stat.stx_mnt_id);
        let reported = (stat.stx_dev_major << MINOR_BITS) | stat.stx_dev_minor;
        let dev = mount.map_or(reported, |mount| mount.dev);
        // What `stat` tells of a btrfs is its subvolume's device.
        let has_subvolumes = mount.is_some_and(|mount| mount.is_btrfs) && SUBVOLUMES.load(Ordering::Relaxed);
        let space = if has_subvolumes { reported } else { 0 };
        Ok(Anchor { key: InodeKey { ino: stat.stx_ino, dev, space }, file })
    }

    /// Absolute path of a file that stands at `inside` (absolute) in the file system of device `dev`.
    #[must_use]
    pub fn path(&self, dev: u32, inside: &Path) -> Option<PathBuf> {
        self.0
            .iter()
            .filter(|mount| mount.dev == dev)
            .filter_map(|mount| Some((mount, inside.strip_prefix(&mount.root).ok()?)))
            .max_by_key(|(mount, _)| {
                (mount.root.as_os_str().len(), std::cmp::Reverse(mount.at.as_os_str().len()))
            })
            .map(|(mount, rest)| mount.at.join(rest))
    }
}

/// A mount namespace and a root directory in it, as `/proc` names them: who shares both sees files by the same paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View([PathBuf; 2]);

impl View {
    /// `None` if the process has ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let process = procfs::living(pid);
        let link = |name: &str| fs::read_link(process.join(name)).ok();
        Some(Self([link("ns/mnt")?, link("root")?]))
    }

    /// One that no process has.
    #[cfg(test)]
    pub fn made_up() -> Self {
        Self(["mnt:[1]".into(), "/".into()])
    }
}

/// Mount tables by view, kept for a moment: one is read for every secret that is opened. A process sees only what lies below
/// its root, so who has changed its own has a table of its own.
#[derive(Default)]
pub struct MountCache {
    tables: HashMap<View, (Instant, Mounts)>,
}

impl MountCache {
    const FRESH: Duration = Duration::from_secs(1);
    /// Namespaces at once; a host runs about as many agents.
    const MAX: usize = 64;

    /// The mounts that `pid` sees; `None` if it has ended.
    pub fn of(&mut self, pid: u32) -> Option<&Mounts> {
        self.look(pid).map(|(_, mounts)| mounts)
    }

    /// The mounts that `pid` sees and the view they belong to, from one look at it; `None` if it has ended.
    pub fn look(&mut self, pid: u32) -> Option<(View, &Mounts)> {
        let view = View::of(pid)?;
        let known = self.tables.get(&view).is_some_and(|(read, _)| read.elapsed() < Self::FRESH);
        if !known {
            // It may have ended between the two.
            let mounts = Some(Mounts::of(pid)).filter(|mounts| !mounts.0.is_empty())?;
            if self.tables.len() >= Self::MAX {
                self.tables.clear();
            }
            self.tables.insert(view.clone(), (Instant::now(), mounts));
        }
        self.tables.get(&view).map(|(_, mounts)| (view, mounts))
    }
}

/// `36 35 98:0 /root /mnt rw,noatime … - ext4 /dev/root rw`
fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let id = fields.next()?.parse().ok()?;
    let (major, minor) = fields.nth(1)?.split_once(':')?;
    let dev = (major.parse::<u32>().ok()? << MINOR_BITS) | minor.parse::<u32>().ok()?;
    let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
    // Optional fields end with a dash; the type comes after it.
    let is_btrfs = fields.skip_while(|field| *field != "-").nth(1) == Some("btrfs");
    Some(Mount { id, dev, root: root.into(), at: at.into(), is_btrfs })
}

/// Space, tab, newline and backslash are written as octal (fs/proc_namespace.c:mangle).
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn mounts() -> Mounts {
        let lines = [
            "1 0 254:0 / / rw - ext4 /dev/vda rw",
            "2 1 0:40 / /tmp rw - tmpfs tmpfs rw",
            "3 1 254:0 /data/projects /work\\040space rw - ext4 /dev/vda rw",
        ];
        Mounts(lines.iter().filter_map(|line| parse(line)).collect())
    }

    #[test]
    fn a_mount_says_whether_it_is_a_btrfs() {
        let line =
            |rest: &str| parse(&format!("36 35 0:40 /@home /home rw,noatime {rest}")).unwrap().is_btrfs;
        assert!(line("shared:1 master:2 - btrfs /dev/sda2 rw,subvol=/@home"));
        assert!(line("- btrfs /dev/sda2 rw"));
        assert!(!line("shared:1 - ext4 btrfs rw"));
        assert!(!line(""));
    }

    #[test]
    fn paths_go_through_the_closest_mount() {
        let mounts = mounts();
        let root = 254 << MINOR_BITS;
        assert_eq!(mounts.path(root, Path::new("/home/x/.env")), Some("/home/x/.env".into()));
        assert_eq!(mounts.path(root, Path::new("/data/projects/a/.env")), Some("/work space/a/.env".into()));
        assert_eq!(mounts.path(40, Path::new("/x")), Some("/tmp/x".into()));
        assert_eq!(mounts.path(99, Path::new("/x")), None);
    }

    #[test]
    fn the_number_of_a_deleted_file_stays_its_own_while_it_is_anchored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "x").unwrap();
        let anchor = Mounts::own().anchor(&path).unwrap();
        assert!(!anchor.is_deleted());
        fs::remove_file(&path).unwrap();
        assert!(anchor.is_deleted());
        for number in 0..64 {
            let other = directory.path().join(number.to_string());
            fs::write(&other, "x").unwrap();
            assert_ne!(Mounts::own().identify(&other).unwrap(), anchor.key);
        }
    }

    #[test]
    fn a_real_file_has_the_inode_that_stat_tells() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = Mounts::own().identify(file.path()).unwrap();
        assert_eq!(key.ino, file.path().metadata().unwrap().ino());
        assert_ne!(key.dev, 0);
    }
}
