//! Regular files, read whole: nothing else that somebody may put in their place, no more than a bound, and nobody is waited for.

use std::{
    fs::File,
    io::{self, Read as _},
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    path::Path,
};

use rustix::fs::{Mode, OFlags, open};

/// The bytes of a regular file of at most `max`, by every link.
///
/// # Errors
/// It cannot be opened, is no regular file, or is larger.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let (file, size) = opened(path)?;
    let too_large = |size: String| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("the file has {size} bytes; at most {max} are read"),
        )
    };
    if size > max {
        return Err(too_large(size.to_string()));
    }
    let mut bytes = Vec::new();
    // It may grow, and some file systems tell no size.
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max { Err(too_large(format!("more than {max}"))) } else { Ok(bytes) }
}

/// The first bytes of a regular file, at most `max`.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn head(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    opened(path)?.0.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A regular file, opened for reading.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open_for_reading(path: &Path) -> io::Result<File> {
    opened(path).map(|(file, _)| file)
}

/// A pipe keeps whoever opens it waiting, a device does what it likes; so the file is looked at before it is opened, and what is
/// opened is what was looked at, whatever stands at the path by then.
fn opened(path: &Path) -> io::Result<(File, u64)> {
    let looked_at = File::from(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?);
    let meta = looked_at.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file"));
    }
    let link = format!("/proc/self/fd/{}", looked_at.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok((File::from(open(link, flags, Mode::empty())?), meta.size()))
}

/// The same as text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub fn text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read(path, max)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_regular_files_that_are_not_too_large_are_read() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "1234").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("pipe", at("link-to-pipe")).unwrap();
        assert_eq!(text(&at("link"), 4).unwrap(), "1234");
        assert_eq!(head(&at("file"), 3).unwrap(), b"123");
        assert!(head(&at("pipe"), 3).is_err());
        assert_eq!(read(&at("file"), 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for other in ["pipe", "link-to-pipe", "."] {
            let refused = read(&at(other), 4).unwrap_err();
            assert!(refused.to_string().contains("no regular file"), "{other}: {refused}");
        }
        assert!(read(Path::new("/dev/zero"), 4).is_err());
        assert_eq!(read(&at("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        // It tells that it is empty, and is not.
        assert_eq!(read(Path::new("/proc/self/status"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(at("latin"), b"\xff").unwrap();
        assert_eq!(text(&at("latin"), 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
