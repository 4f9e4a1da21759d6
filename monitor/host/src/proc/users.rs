//! Users of a session: its numbers are those of its user namespace, its homes those of its own user database.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::root::SessionRoot;

const PASSWD: &str = "/etc/passwd";
/// Most bytes of a user database that are read.
const PASSWD_MAX: u64 = 1 << 20;

/// The number that `user` (the daemon's) has in the process's user namespace, by `/proc/PID/uid_map`
/// (user_namespaces(7)); `None` where it has none.
#[must_use]
pub fn inside(pid: u32, user: u32) -> Option<u32> {
    mapped(&fs::read_to_string(format!("/proc/{pid}/uid_map")).ok()?, user)
}

/// Lines of `inside outside count`.
fn mapped(map: &str, user: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().map(str::parse::<u32>);
        let (inside, outside, count) = (fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?);
        let offset = user.checked_sub(outside).filter(|offset| *offset < count)?;
        inside.checked_add(offset)
    })
}

/// The home of a user, by its number in the session, in the user database of the session's own root.
#[must_use]
pub fn home(root: &SessionRoot, user: u32) -> Option<PathBuf> {
    let passwd = root.text(Path::new(PASSWD), PASSWD_MAX)?;
    home_in(&passwd, user)
}

fn home_in(passwd: &str, user: u32) -> Option<PathBuf> {
    let user = user.to_string();
    let home = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2) == Some(&user.as_str())).then(|| fields.get(5).copied())?
    })?;
    home.starts_with('/').then(|| home.into())
}

/// The home of a user of this machine, also one that another database than `/etc/passwd` knows. It may ask over the network.
#[must_use]
pub fn home_on_this_machine(user: u32) -> Option<PathBuf> {
    on_this_machine(user).map(|user| user.dir)
}

/// The name of a user of this machine. It may ask over the network.
#[must_use]
pub fn name_on_this_machine(user: u32) -> Option<String> {
    on_this_machine(user).map(|user| user.name)
}

fn on_this_machine(user: u32) -> Option<nix::unistd::User> {
    nix::unistd::User::from_uid(user.into()).ok().flatten()
}

/// Those of the groups `among` that a user of this machine is in, by the system's user database. It may ask over the network. A group
/// that does not exist has nobody in it.
///
/// # Errors
/// The database does not answer, or knows no such user.
pub fn groups_of(user: u32, among: &[String]) -> Result<Vec<String>, String> {
    let failed = |error: nix::Error| format!("the user database does not answer: {error}");
    let known = nix::unistd::User::from_uid(user.into()).map_err(failed)?;
    let known = known.ok_or_else(|| format!("the user database knows no user {user}"))?;
    let name = std::ffi::CString::new(known.name).map_err(|error| error.to_string())?;
    let groups = nix::unistd::getgrouplist(&name, known.gid).map_err(failed)?;
    let mut found = Vec::new();
    for group in among {
        let known = nix::unistd::Group::from_name(group).map_err(failed)?;
        found.extend(known.filter(|known| groups.contains(&known.gid)).map(|_| group.clone()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_a_group_is_what_the_user_database_says() {
        let among = ["root".to_owned(), "nogroup".to_owned(), "no-such-group-here".to_owned()];
        assert_eq!(groups_of(0, &among), Ok(vec!["root".to_owned()]));
        assert!(groups_of(4_000_000_001, &among).is_err_and(|why| why.contains("knows no user")));
    }

    #[test]
    fn a_shifted_number_is_the_one_that_the_namespace_has() {
        let shifted = "         0     100000      65536\n";
        assert_eq!(mapped(shifted, 101_000), Some(1_000));
        assert_eq!(mapped(shifted, 100_000), Some(0));
        assert_eq!(mapped(shifted, 1_000), None);
        assert_eq!(mapped(shifted, 165_536), None);
        let kept = "0 100000 1000\n1000 1000 1\n1001 101001 64535\n";
        assert_eq!(mapped(kept, 1_000), Some(1_000));
        assert_eq!(mapped(kept, 100_999), Some(999));
        assert_eq!(mapped("0 0 4294967295\n", 1_000), Some(1_000));
        assert_eq!(mapped("", 0), None);
    }

    #[test]
    fn a_home_is_the_databases() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\ndev:x:1000:1000:,,,:/home/dev:/bin/bash\nno:x:7:7::none:/bin/false\n";
        assert_eq!(home_in(passwd, 1_000), Some("/home/dev".into()));
        assert_eq!(home_in(passwd, 0), Some("/root".into()));
        assert_eq!(home_in(passwd, 7), None);
        assert_eq!(home_in(passwd, 8), None);
    }

    #[test]
    fn this_process_has_its_own_number() {
        let user = rustix::process::getuid().as_raw();
        assert_eq!(inside(std::process::id(), user), Some(user));
    }
}
