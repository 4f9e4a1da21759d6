//! Whether a file is only its owner's to change, as sshd asks of keys: what is read as root's will must not be others'.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Something that others than root may change, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distrust {
    pub path: PathBuf,
    pub reason: String,
}

/// Looks at `place` and at every directory above it: who may write to one of them may put something else into its place. What is in a
/// directory with the sticky bit is renamed by its owner alone. `owner` is trusted besides root, and a right to write of the group `group`.
///
/// # Errors
/// One of them cannot be looked at.
pub fn distrust(place: &Path, owner: u32, group: Option<u32>) -> io::Result<Option<Distrust>> {
    for path in place.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        let found = fs::symlink_metadata(path)?;
        let mode = found.mode() & 0o7777;
        // Links have mode 777 and nobody writes to them.
        let others = if found.is_symlink() {
            0
        } else if group == Some(found.gid()) {
            mode & 0o002
        } else {
            mode & 0o022
        };
        let sticky = found.is_dir() && mode & 0o1000 != 0;
        let reason = if found.uid() != 0 && found.uid() != owner {
            format!("belongs to uid {}", found.uid())
        } else if others != 0 && (path == place || !sticky) {
            format!("may be written to by others (mode {mode:o})")
        } else {
            continue;
        };
        return Ok(Some(Distrust { path: path.into(), reason }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_may_write_to_is_not_trusted_nor_what_lies_below_it() {
        let dir = tempfile::tempdir().unwrap();
        let me = nix::unistd::geteuid().as_raw();
        let (below, file) = (dir.path().join("below"), dir.path().join("below/file"));
        fs::create_dir(&below).unwrap();
        fs::write(&file, "").unwrap();
        mode(&below, 0o755);
        mode(&file, 0o644);
        assert_eq!(distrust(&file, me, None).unwrap(), None);
        mode(&file, 0o666);
        assert_eq!(distrust(&file, me, None).unwrap().unwrap().path, file);
        mode(&file, 0o644);
        mode(&below, 0o777);
        assert_eq!(distrust(&file, me, None).unwrap().unwrap().path, below);
        mode(&below, 0o1777); // as /tmp
        assert_eq!(distrust(&file, me, None).unwrap(), None);
        assert!(distrust(&below, me, None).unwrap().unwrap().reason.contains("1777"));
        mode(&below, 0o775);
        assert_eq!(distrust(&file, me, None).unwrap().unwrap().path, below);
        let group = fs::metadata(&below).unwrap().gid();
        assert_eq!(distrust(&file, me, Some(group)).unwrap(), None, "its group is trusted");
        assert!(distrust(&dir.path().join("none"), me, None).is_err());
    }
}
