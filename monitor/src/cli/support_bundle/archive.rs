//! The archive: tar, compressed by gzip.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use tar::{Builder, Header};

use super::part::Part;

/// Writes the parts that are there into a directory `name` of an archive; `-` is standard output. A file that exists is not written over.
///
/// # Errors
/// The file exists, or it cannot be written.
pub fn write(file: &Path, name: &str, parts: &[Part], now: Timestamp) -> io::Result<()> {
    if file == Path::new("-") {
        return compress(io::stdout().lock(), name, parts, now);
    }
    // For whoever made it alone: it says what the machine's users do.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    compress(file, name, parts, now)
}

fn compress(to: impl Write, name: &str, parts: &[Part], now: Timestamp) -> io::Result<()> {
    let mut builder = Builder::new(GzEncoder::new(to, Compression::default()));
    for part in parts {
        let Ok(bytes) = &part.content else { continue };
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        builder.append_data(&mut header, format!("{name}/{}", part.name), bytes.as_slice())?;
    }
    builder.into_inner()?.finish()?.flush()
}
