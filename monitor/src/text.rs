//! Texts that people write, read from files. One that cannot be read is a problem like any mistake in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use interlock_core::problem::Problem;
use interlock_host::regular;

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// It cannot be read, is no regular file or too large, or is not UTF-8.
pub fn read(path: &Path, max: u64) -> Result<String, Box<Problem>> {
    decode(path, regular::read(path, max))
}

/// Reads a file that root names, which may be a pipe: `--config <(…)`.
///
/// # Errors
/// It cannot be read, or is not UTF-8. With its kind, for who can do without the file.
pub fn read_any(path: &Path) -> Result<String, (io::ErrorKind, Box<Problem>)> {
    let bytes = fs::read(path);
    let kind = bytes.as_ref().err().map_or(io::ErrorKind::InvalidData, io::Error::kind);
    decode(path, bytes).map_err(|problem| (kind, problem))
}

/// What lies in a directory and is not hidden, in the order of the names' bytes.
///
/// # Errors
/// The system's.
pub fn visible(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.file_name().is_none_or(|name| !name.as_encoded_bytes().starts_with(b".")));
    paths.sort();
    Ok(paths)
}

/// Returns the problem of a file or a directory that cannot be read.
#[must_use]
pub fn unreadable(path: &Path, error: &io::Error) -> Problem {
    use io::ErrorKind::{FileTooLarge, InvalidInput, IsADirectory, PermissionDenied};
    let name = path.display().to_string();
    let mut problem = match error.kind() {
        // What this program says of it, not the system.
        InvalidInput | FileTooLarge => Problem::of_file(name, error.to_string()),
        _ => Problem::unreadable(path, error),
    };
    match error.kind() {
        InvalidInput | IsADirectory if path.is_dir() => problem.expected("a file, not a directory"),
        InvalidInput => problem.expected("a file of text"),
        PermissionDenied => problem.hint("ask as root, or as a user who may read it"),
        FileTooLarge => &mut problem,
        _ => problem.hint("check the path and its permissions"),
    };
    problem
}

fn decode(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<String, Box<Problem>> {
    let bytes = bytes.map_err(|error| Box::new(unreadable(path, &error)))?;
    String::from_utf8(bytes)
        .map_err(|error| Box::new(not_text(path, error.as_bytes(), error.utf8_error().valid_up_to())))
}

/// The first byte that is not UTF-8, where it stands.
fn not_text(path: &Path, bytes: &[u8], place: usize) -> Problem {
    let (before, rest) = bytes.split_at(place);
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| place + newline);
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let mut problem = Problem {
        line: before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1,
        column: text(before.get(start..)).chars().count() as u64 + 1,
        source: Some(text(bytes.get(start..end))),
        width: 1,
        ..Problem::of_file(path.display().to_string(), "found bytes that are not UTF-8")
    };
    problem.expected("UTF-8 text").hint("save the file as UTF-8");
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_where_they_stand() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.yaml");
        fs::write(&file, b"version: 1\nn\xc3\xb6: gr\xfc\xdfe\nz: 1\n").unwrap();
        let text = read(&file, 100).unwrap_err().to_string().replace(&file.display().to_string(), "a.yaml");
        insta::assert_snapshot!(text, @"
        a.yaml:2:7: found bytes that are not UTF-8; expected UTF-8 text; save the file as UTF-8
            nö: gr\u{fffd}\u{fffd}e
                  ^
        ");
    }

    #[test]
    fn what_is_no_file_is_said_to_be_none() {
        let place = tempfile::tempdir().unwrap();
        let said = |path: &Path| {
            [read(path, 4).unwrap_err().headline(), read_any(path).unwrap_err().1.headline()]
                .map(|line| line.replace(&place.path().display().to_string(), "PLACE"))
        };
        assert_eq!(
            said(place.path()),
            [
                "PLACE: this is no regular file; expected a file, not a directory",
                "PLACE: cannot be read: Is a directory (os error 21); expected a file, not a directory"
            ]
        );
        let missing = "PLACE/none: cannot be read: No such file or directory (os error 2); check the path and its permissions";
        assert_eq!(said(&place.path().join("none")), [missing, missing]);
        let long = place.path().join("long");
        fs::write(&long, "12345").unwrap();
        assert!(
            read(&long, 4)
                .unwrap_err()
                .headline()
                .ends_with("long: the file has 5 bytes; at most 4 are read")
        );
        assert_eq!(read_any(&long).unwrap(), "12345");
    }
}
