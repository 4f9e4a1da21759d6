//! The touch: other names for the secret, ways to open it, ways to read what was opened.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{FileExt as _, symlink},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    ptr, thread,
};

use rustix::{
    fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, copy_file_range, memfd_create, openat, openat2},
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, munmap},
    pipe::{SpliceFlags, splice},
};

use super::{
    super::act::{Act, By, Reading, Way},
    lineage, outside,
    plan::Player,
};

/// The variable of a session that was started with the token.
pub const VARIABLE: &str = "KNOWN";
/// No secret of ours is larger.
const LIMIT: usize = 4096;

impl Player {
    /// Returns the secret another name, which the touch uses.
    pub(super) fn alias(&mut self, act: Act) -> io::Result<()> {
        let workspace = self.plan.home.join("shop");
        let alias = workspace.join(format!("alias{}", self.plan.aliases));
        self.plan.aliases += 1;
        let secret = self.plan.secret.clone();
        let folder = match secret.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = secret.file_name().ok_or(io::ErrorKind::NotFound)?;
        self.plan.secret = match act {
            Act::Symlink => symlink(&secret, &alias).map(|()| alias)?,
            Act::HardLink => fs::hard_link(&secret, &alias).map(|()| alias)?,
            Act::Rename => fs::rename(&secret, &alias).map(|()| alias)?,
            Act::RenameFolder => {
                if fs::rename(folder, &alias).is_err() {
                    // It is the workspace, or a mount: into another folder then.
                    fs::create_dir(&alias)?;
                    fs::rename(&secret, alias.join(name))?;
                }
                alias.join(name)
            }
            Act::BindFile => {
                File::create(&alias)?;
                bind(&secret, &alias)?;
                alias
            }
            Act::BindFolder => {
                fs::create_dir(&alias)?;
                bind(folder, &alias)?;
                alias.join(name)
            }
            Act::ChangeFolder => std::env::set_current_dir(folder).map(|()| PathBuf::from(name))?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(())
    }

    /// What the secret says.
    pub(super) fn touch(&self, way: Way, read: Reading, by: By) -> io::Result<String> {
        let (secret, owner) = (self.plan.secret.clone(), self.plan.outside);
        let text = match way {
            Way::Known => return std::env::var(VARIABLE).map_err(io::Error::other),
            Way::Cat => print(&secret)?,
            _ => match by {
                By::Itself => content(&open(&secret, way, owner)?, read)?,
                By::Thread => thread::spawn(move || content(&open(&secret, way, owner)?, read))
                    .join()
                    .map_err(|_| io::Error::other("it panicked"))??,
                By::Child => lineage::by_child(|| content(&open(&secret, way, owner)?, read))?,
                By::ChildPasses => {
                    content(&lineage::descriptor_of_child(|| open(&secret, way, owner), false)?, read)?
                }
                By::ChildIsRobbed => {
                    content(&lineage::descriptor_of_child(|| open(&secret, way, owner), true)?, read)?
                }
            },
        };
        let token = text.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next());
        token.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no token in {text:?}")))
    }
}

/// In namespaces of its own, where it is not in some yet.
fn bind(what: &Path, place: &Path) -> io::Result<()> {
    match rustix::mount::mount_bind(what, place) {
        Err(Errno::PERM) => {
            lineage::namespaces()?;
            Ok(rustix::mount::mount_bind(what, place)?)
        }
        done => Ok(done?),
    }
}

fn print(secret: &Path) -> io::Result<String> {
    let output = Command::new("cat").arg(secret).stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn open(secret: &Path, way: Way, owner: Option<i32>) -> io::Result<OwnedFd> {
    let (folder, name) = (secret.parent(), secret.file_name().ok_or(io::ErrorKind::NotFound)?);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    Ok(match way {
        Way::ReadWrite => openat(CWD, secret, OFlags::RDWR, Mode::empty())?,
        Way::Openat => openat(beside()?, name, OFlags::RDONLY, Mode::empty())?,
        Way::Openat2 => openat2(CWD, secret, OFlags::RDONLY, Mode::empty(), ResolveFlags::NO_MAGICLINKS)?,
        Way::PathDescriptor => {
            let found = openat(CWD, secret, OFlags::PATH, Mode::empty())?;
            let number = std::os::fd::AsRawFd::as_raw_fd(&found);
            openat(CWD, format!("/proc/self/fd/{number}"), OFlags::RDONLY, Mode::empty())?
        }
        Way::ProcRoot if secret.is_absolute() => {
            let path = format!("/proc/self/root{}", secret.display());
            openat(CWD, path, OFlags::RDONLY, Mode::empty())?
        }
        Way::ProcRoot => {
            let path = format!("/proc/self/cwd/{}", secret.display());
            openat(CWD, path, OFlags::RDONLY, Mode::empty())?
        }
        Way::Inherited => outside::inherited(outside::SECRET),
        Way::Sent => outside::sent(outside::SECRET_ON_ITS_WAY)?,
        Way::Robbed => outside::robbed(owner, outside::SECRET)?,
        Way::Open | Way::Cat | Way::Known => openat(CWD, secret, OFlags::RDONLY, Mode::empty())?,
    })
}

fn content(opened: &OwnedFd, read: Reading) -> io::Result<String> {
    let mut bytes = vec![0; LIMIT];
    let length = match read {
        Reading::Read => rustix::io::read(opened, &mut bytes)?,
        Reading::Pread => rustix::io::pread(opened, &mut bytes, 0)?,
        Reading::Mmap => return mapped(opened),
        Reading::Sendfile => {
            let copy = File::from(memfd_create("copy", MemfdFlags::CLOEXEC)?);
            rustix::fs::sendfile(&copy, opened, None, LIMIT)?;
            copy.read_at(&mut bytes, 0)?
        }
        Reading::Splice => {
            let (reader, writer) = rustix::pipe::pipe()?;
            splice(opened, None, &writer, None, LIMIT, SpliceFlags::empty())?;
            rustix::io::read(&reader, &mut bytes)?
        }
        Reading::CopyFileRange => {
            // The workspace, wherever the process went.
            let mut copy = tempfile::tempfile_in(copies()?)?;
            copy_file_range(opened, None, &copy, None, LIMIT)?;
            copy.rewind()?;
            copy.read(&mut bytes)?
        }
    };
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn copies() -> io::Result<PathBuf> {
    let home = std::env::home_dir().ok_or(io::ErrorKind::NotFound)?;
    Ok(home.join("shop"))
}

fn mapped(opened: impl AsFd) -> io::Result<String> {
    let length = usize::try_from(rustix::fs::fstat(&opened)?.st_size).map_err(io::Error::other)?;
    // SAFETY: a private mapping at an address of the kernel's choice; it is copied and unmapped before anybody changes the file.
    unsafe {
        let start = mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::PRIVATE, &opened, 0)?;
        let bytes = std::slice::from_raw_parts(start.cast::<u8>(), length).to_vec();
        munmap(start, length)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}
