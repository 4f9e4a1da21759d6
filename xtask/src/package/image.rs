//! The image, as an OCI layout: the program, the libraries that it is linked with, the certificates of authorities, nothing else.
//!
//! Not static: the toolchain has no standard library for musl, and users and groups are looked up by glibc. It runs as root, because
//! what it does takes that.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{
    build::{Identity, tool},
    debian::touch,
    dependencies::sha256,
    tree::put,
};
use crate::{process, vm::libraries};
use sha2::{Digest as _, Sha256};

const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Writes `interlock-VERSION.oci.tar`.
///
/// # Errors
/// A library is missing, or tar fails.
pub fn build(stage: &Path, tree: &Path, identity: &Identity, out: &Path) -> Result<()> {
    let root = stage.join("image");
    let program = tree.join("usr/bin/interlock");
    put(&root, "usr/bin/interlock", &fs::read(&program)?, 0o755)?;
    let libraries = libraries::of(std::slice::from_ref(&program))?;
    anyhow::ensure!(!libraries.is_empty(), "ldd names no library of {}", program.display());
    for library in libraries {
        let at = library.strip_prefix("/").unwrap_or(&library);
        put(&root, &at.display().to_string(), &fs::read(&library)?, 0o755)?;
    }
    let certificates = Path::new("/").join(CERTIFICATES);
    if certificates.is_file() {
        put(&root, CERTIFICATES, &fs::read(certificates)?, 0o644)?;
    }
    for file in ["usr/share/doc/interlock/THIRD-PARTY-LICENSES", "etc/interlock/config.toml"] {
        put(&root, file, &fs::read(tree.join(file))?, 0o644)?;
    }
    put(
        &root,
        "etc/passwd",
        b"root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
        0o644,
    )?;
    put(&root, "etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)?;
    put(&root, "etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n", 0o644)?;
    touch(&root, identity)?;

    let start = json!({ "Entrypoint": ["/usr/bin/interlock"], "Cmd": ["daemon"], "User": "0:0" });
    pack("interlock", start, &root, stage, identity, &archive_of(out, identity))
}

/// `interlock-VERSION.oci.tar` in `out`.
pub fn archive_of(out: &Path, identity: &Identity) -> PathBuf {
    out.join(format!("interlock-{}.oci.tar", identity.version))
}

/// Packs a file system as an image of one layer, named after its version. `start` says what it runs.
///
/// # Errors
/// tar fails.
pub fn pack(
    title: &str,
    mut start: Value,
    root: &Path,
    stage: &Path,
    identity: &Identity,
    to: &Path,
) -> Result<()> {
    let layout = stage.join("layout");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let layer = stage.join("layer.tar");
    archive(root, &layer, identity)?;
    let diff = sha256(&layer)?;
    let level = if identity.is_trial { "--fast" } else { "--best" };
    process::answer(Command::new("gzip").args([level, "--no-name", "--force"]).arg(&layer))?;
    let layer = blob_of(&stage.join("layer.tar.gz"), &blobs)?;
    start["Labels"] = json!({
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": identity.version,
        "org.opencontainers.image.revision": identity.revision,
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
    });
    let date = identity.date_as("%Y-%m-%dT%H:%M:%SZ")?;
    let config = blob(
        &json!({
            "created": date, "architecture": "amd64", "os": "linux", "config": start,
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff}")] },
            "history": [{ "created": date, "created_by": "cargo xtask package" }],
        }),
        &blobs,
    )?;
    let described = |kind: &str, (digest, size): &(String, u64)| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{digest}"), "size": size });
    let manifest = blob(
        &json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", &config), "layers": [described("layer.v1.tar+gzip", &layer)],
        }),
        &blobs,
    )?;
    let mut entry = described("manifest.v1+json", &manifest);
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": identity.version });
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry] });
    put(&layout, "index.json", &serde_json::to_vec(&index)?, 0o644)?;
    put(&layout, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    touch(&layout, identity)?;
    archive(&layout, to, identity)
}

/// A tar archive that says nothing of this machine.
fn archive(root: &Path, to: &Path, identity: &Identity) -> Result<()> {
    let mut command = tool("tar", identity);
    command.args(["--create", "--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner"]);
    command
        .arg(format!("--mtime=@{}", identity.date))
        .arg("--directory")
        .arg(root)
        .arg("--file")
        .arg(to)
        .arg(".");
    process::answer(&mut command).map(drop)
}

fn blob(content: &Value, blobs: &Path) -> Result<(String, u64)> {
    let bytes = serde_json::to_vec(content)?;
    let digest = format!("{:x}", Sha256::digest(&bytes));
    fs::write(blobs.join(&digest), &bytes)?;
    Ok((digest, bytes.len() as u64))
}

fn blob_of(file: &Path, blobs: &Path) -> Result<(String, u64)> {
    let digest = sha256(file)?;
    let size = fs::copy(file, blobs.join(&digest)).with_context(|| format!("{}", file.display()))?;
    Ok((digest, size))
}
