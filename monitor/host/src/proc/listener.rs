//! Who listens at a Unix socket: what a session asks of a service that it runs itself stays in the session.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::{
    descriptors::{self, Bounds},
    procfs,
};

/// `__SO_ACCEPTCON` (include/linux/net.h, v6.1–v7.2).
const ACCEPTS: u32 = 1 << 16;
/// Bytes of the list of sockets that are read; a longer one is not whole, and says nothing.
const LIST: u64 = 16 * 1024 * 1024;
/// Descriptors of one process that are looked at.
const DESCRIPTORS: usize = 4096;

/// Inodes of the sockets that listen at the path, of this process's own network namespace. Several are bound to one
/// path where one replaced the other, or in different mounts. `None` where the list is too long to be looked through.
#[must_use]
pub fn listening_at(path: &str) -> Option<Vec<u64>> {
    let mut text = Vec::new();
    let read = File::open("/proc/net/unix").and_then(|file| file.take(LIST).read_to_end(&mut text));
    match read {
        Ok(length) if (length as u64) < LIST => Some(found(&String::from_utf8_lossy(&text), path)),
        _ => None,
    }
}

/// `Num RefCount Protocol Flags Type St Inode Path` (net/unix/af_unix.c:unix_seq_show, v6.1–v7.2).
fn found(list: &str, path: &str) -> Vec<u64> {
    let listens = |line: &str| {
        let (before, at) = line.split_once(" /").map(|(before, rest)| (before, format!("/{rest}")))?;
        let words: Vec<&str> = before.split_ascii_whitespace().collect();
        let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
        (at == path && flags & ACCEPTS != 0).then(|| words.get(6)?.parse().ok())?
    };
    list.lines().filter_map(listens).collect()
}

/// Whether a process holds the socket. What cannot be looked at, or not in the bounds, is not said to.
#[must_use]
pub fn holds(pid: u32, inode: u64, bounds: &mut Bounds) -> bool {
    descriptors::sockets(pid, bounds).take(DESCRIPTORS).any(|(_, number)| number == inode)
}

/// Whether a process is in this process's network namespace, so that [`listening_at`] tells of its sockets.
#[must_use]
pub fn shares_network(pid: u32) -> bool {
    matches!((namespace(&pid.to_string()), namespace("self")), (Some(its), Some(own)) if its == own)
}

/// Whether a process lives in another network namespace.
#[must_use]
pub fn is_elsewhere(pid: u32) -> bool {
    namespace(&pid.to_string()).is_some() && !shares_network(pid)
}

fn namespace(pid: &str) -> Option<(u64, u64)> {
    let directory = pid.parse().map_or_else(|_| Path::new("/proc").join(pid), procfs::living);
    fs::metadata(directory.join("ns/net")).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::net::{UnixListener, UnixStream},
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_listener_is_found_with_its_holder_and_a_connected_socket_is_none() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a socket");
        let listener = UnixListener::bind(&path).unwrap();
        let _connected = UnixStream::connect(&path).unwrap();
        let inodes = listening_at(path.to_str().unwrap()).unwrap();
        assert_eq!(inodes.len(), 1, "{inodes:?}");
        let own = std::process::id();
        let holds = |pid, inode| holds(pid, inode, &mut Bounds::new(100_000, Duration::from_secs(60)));
        assert!(holds(own, inodes[0]) && !holds(own, 1) && !holds(u32::MAX, inodes[0]));
        assert!(!super::holds(own, inodes[0], &mut Bounds::new(1, Duration::from_secs(60))), "not looked at");
        assert!(shares_network(own) && !shares_network(u32::MAX));
        assert!(!is_elsewhere(own) && !is_elsewhere(u32::MAX), "who has ended is nowhere");
        drop(listener);
        assert!(listening_at(path.to_str().unwrap()).unwrap().is_empty(), "nobody listens at what is left");
    }

    #[test]
    fn two_listeners_at_one_path_are_both_told() {
        let list = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                    0000: 00000002 00000000 00010000 0001 01 11 /run/x\n\
                    0000: 00000002 00000000 00010000 0001 01 12 /run/x\n\
                    0000: 00000003 00000000 00000000 0001 03 13 /run/x\n\
                    0000: 00000002 00000000 00010000 0001 01 14\n";
        assert_eq!(found(list, "/run/x"), [11, 12]);
        assert!(found(list, "/run/y").is_empty());
    }
}
