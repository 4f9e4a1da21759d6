//! Programs that tests call, and the Debian packages they come in.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{apt, debian, process, repository::Repository, tally::Tally};

struct Needed {
    program: &'static str,
    package: &'static str,
    /// Not installed by us; tests that call it are left out without it.
    optional: bool,
}

const NEEDED: &[Needed] = &[
    Needed { program: "c++", package: "g++", optional: false },
    Needed { program: "curl", package: "curl", optional: false },
    Needed { program: "ip", package: "iproute2", optional: false },
    Needed { program: "openssl", package: "openssl", optional: false },
    Needed { program: "python3", package: "python3", optional: false },
    Needed { program: "systemd-analyze", package: "systemd", optional: false },
    Needed { program: "strace", package: "strace", optional: false },
    Needed { program: "valgrind", package: "valgrind", optional: false },
    Needed { program: "go", package: "golang-go", optional: true },
    Needed { program: "node", package: "nodejs", optional: true },
];

/// Servers that tests run themselves: unpacked, as installing them would start them.
const UNPACKED: [&str; 2] = ["prometheus", "prometheus-alertmanager"];

/// Python's, that the tests of the Helm chart call: Helm's own engine, and the published schemas of Kubernetes.
const LIBRARIES: [&str; 2] = ["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0"];

/// Installs what is missing; every optional program that is missing counts as skipped.
///
/// # Errors
/// A package cannot be installed; names all that are missing.
pub fn ensure(repository: &Repository) -> Result<Tally> {
    let missing: Vec<&Needed> =
        NEEDED.iter().filter(|needed| process::find(needed.program).is_none()).collect();
    let (optional, required): (Vec<&Needed>, Vec<&Needed>) =
        missing.into_iter().partition(|needed| needed.optional);
    for needed in &optional {
        eprintln!(
            "SKIPPED: {} is missing, so tests that call it do not run (Debian: {})",
            needed.program, needed.package
        );
    }
    if !required.is_empty() {
        apt::install(&required.iter().map(|needed| needed.package).collect::<Vec<_>>())?;
    }
    let mut skipped = optional.len() as u64;
    let missing = UNPACKED.iter().any(|program| process::find(program).is_none());
    let place = repository.root().join("target/tools/debian");
    if missing && let Err(error) = debian::unpack(&UNPACKED.map(str::to_owned), &place) {
        eprintln!("SKIPPED: the tests with Prometheus do not run: {error:#}");
        skipped += 1;
    }
    if let Err(error) = libraries(&repository.target().join("tools/python-kubernetes")) {
        eprintln!("SKIPPED: the tests of the Helm chart do not run: {error:#}");
        skipped += 1;
    }
    Ok(Tally { skipped, ..Tally::PASSED })
}

/// Into a folder of their own, once for all runs with these versions.
fn libraries(place: &Path) -> Result<()> {
    let (marker, wanted) = (place.join(".installed"), LIBRARIES.join(" "));
    if std::fs::read_to_string(&marker).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
    process::answer(pip.arg(place).args(LIBRARIES))?;
    Ok(std::fs::write(&marker, wanted)?)
}
