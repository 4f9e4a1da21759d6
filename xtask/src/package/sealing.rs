//! Checksums, and their signature.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::dependencies::sha256;
use crate::process;

pub const SUMS: &str = "SHA256SUMS";
/// What a signature is for, so that one of something else does not count.
const NAMESPACE: &str = "package@interlock";

/// Writes `SHA256SUMS`, as sha256sum(1) reads it.
///
/// # Errors
/// A file cannot be read.
pub fn sums(out: &Path) -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(out)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with(SUMS))
        .collect();
    names.sort();
    let lines = names.iter().map(|name| Ok(format!("{}  {name}\n", sha256(&out.join(name))?)));
    fs::write(out.join(SUMS), lines.collect::<Result<String>>()?).context(SUMS)
}

/// Signs the checksums with a private key of OpenSSH's: `SHA256SUMS.sig`.
///
/// # Errors
/// ssh-keygen cannot use the key.
pub fn sign(out: &Path, key: &Path) -> Result<()> {
    let signature = out.join(format!("{SUMS}.sig"));
    let _ = fs::remove_file(&signature); // ssh-keygen asks before it writes over one
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key).arg(out.join(SUMS));
    process::answer(&mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_signature_is_of_these_packages_alone() {
        let place = tempfile::tempdir().unwrap();
        let (out, key) = (place.path().join("out"), place.path().join("key"));
        fs::create_dir(&out).unwrap();
        fs::write(out.join("b.deb"), "two").unwrap();
        fs::write(out.join("a.deb"), "one").unwrap();
        let Ok(made) =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()
        else {
            eprintln!("skipped: there is no ssh-keygen");
            return;
        };
        assert!(made.success());
        sums(&out).unwrap();
        sign(&out, &key).unwrap();
        let sums = fs::read_to_string(out.join(SUMS)).unwrap();
        assert_eq!(sums.lines().map(|line| &line[64..]).collect::<Vec<_>>(), ["  a.deb", "  b.deb"]);
        assert!(
            Command::new("sha256sum")
                .current_dir(&out)
                .args(["--check", "--quiet", SUMS])
                .status()
                .unwrap()
                .success()
        );
        let allowed = place.path().join("allowed");
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        fs::write(&allowed, format!("us {public}")).unwrap();
        let verified = |file: &Path, namespace: &str| {
            let mut command = Command::new("ssh-keygen");
            command.args(["-Y", "verify", "-I", "us", "-n", namespace, "-f"]).arg(&allowed).arg("-s");
            command.arg(out.join("SHA256SUMS.sig")).stdin(fs::File::open(file).unwrap());
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
        };
        assert!(verified(&out.join(SUMS), NAMESPACE));
        assert!(!verified(&out.join(SUMS), "file"));
        assert!(!verified(&out.join("a.deb"), NAMESPACE));
    }
}
