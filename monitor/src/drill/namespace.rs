//! A corner of the machine of one's own: a network of one loopback device, and its own view of a few files in `/etc`.
//!
//! Both end with the last process in them; nothing outside is changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use super::resolver::{ADDRESS, RESOLVER};

/// Bundles of trusted authorities that TLS libraries read, by distribution.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// A name cache that would answer from the world outside.
const CACHE: &str = "/run/nscd/socket";

/// Moves the calling thread, and all that it starts from now on, into a network and a mount namespace of their own.
///
/// `files` is where the replaced files are written; `authority` is the only certificate authority that is trusted.
///
/// # Errors
/// Not root, a kernel without namespaces, `ip` fails, a file that cannot be laid over; each says what to do.
pub fn enter(files: &Path, authority: &str) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .context("the drill needs root (CAP_SYS_ADMIN) for a mount and a network namespace of its own")?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .context("the mounts of the drill's namespace cannot be made private")?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["address", "add", &format!("{ADDRESS}/32"), "dev", "lo"])?;

    let resolver = format!("nameserver {}\noptions ndots:1 timeout:2 attempts:2\n", RESOLVER.ip());
    lay(files, "/etc/resolv.conf", &resolver)?;
    lay(files, "/etc/hosts", "127.0.0.1 localhost\n")?;
    lay_where_present(files, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")?;
    for bundle in BUNDLES {
        lay_where_present(files, bundle, authority)?;
    }
    if Path::new(CACHE).exists() {
        bind(Path::new("/dev/null"), Path::new(CACHE))?;
    }
    Ok(())
}

fn lay_where_present(files: &Path, over: &str, content: &str) -> Result<()> {
    if Path::new(over).exists() { lay(files, over, content) } else { Ok(()) }
}

/// Writes `content` to a file in `files` and mounts it over `over`, through symbolic links.
///
/// # Errors
/// `over` is not there, or the file cannot be written or mounted.
pub fn lay(files: &Path, over: &str, content: &str) -> Result<()> {
    let target = fs::canonicalize(over)
        .with_context(|| format!("{over} does not exist, so nothing can be laid over it"))?;
    let source: PathBuf = files.join(over.trim_start_matches('/').replace('/', "-"));
    fs::write(&source, content).with_context(|| format!("{} cannot be written", source.display()))?;
    bind(&source, &target)
}

/// Mounts a file or a directory over another.
///
/// # Errors
/// Both paths and what the kernel says.
pub fn bind(source: &Path, target: &Path) -> Result<()> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("{} cannot be mounted over {}", source.display(), target.display()))
}

/// Runs `ip` with these arguments.
///
/// # Errors
/// It cannot be started or fails, with what it printed.
pub fn ip(arguments: &[&str]) -> Result<()> {
    let line = format!("ip {}", arguments.join(" "));
    match Command::new("ip").args(arguments).output() {
        Err(why) => Err(why).with_context(|| format!("`{line}` cannot be started")),
        Ok(output) if !output.status.success() => {
            bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim())
        }
        Ok(_) => Ok(()),
    }
}
