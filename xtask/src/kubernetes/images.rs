//! The images of the test, made here: there is no registry. The daemon's own is the one that is packaged.

use std::{fs, path::Path};

use anyhow::Result;
use serde_json::json;

use super::{node::Node, programs::Programs};
use crate::{
    package::{self, build::Identity, image, tree::put},
    repository::Repository,
};

pub const INTERLOCK: &str = "interlock.test/interlock";
pub const WORKSPACE: &str = "interlock.test/workspace:0.1.0";

const PROGRAMS: [&str; 9] = ["sh", "cat", "sleep", "wget", "nc", "id", "ls", "mkdir", "ps"];
/// What makes the script an agent is its program's path, as on a host.
const AGENT: &str = include_str!("agent.sh");

/// Makes all of them known to the node.
///
/// # Errors
/// One cannot be made, or containerd refuses it.
pub fn import(
    repository: &Repository,
    program: &Path,
    programs: &Programs,
    node: &Node,
    place: &Path,
) -> Result<()> {
    let _ = fs::remove_dir_all(place); // of an earlier run
    let (archive, identity) = package::trial_image(repository, program, &place.join("interlock"))?;
    node.import(&archive, INTERLOCK)?;
    let identity = Identity { version: "0.1.0".to_owned(), ..identity };
    for (name, start) in [
        ("pause", json!({ "Entrypoint": ["/bin/sleep", "1000000"], "User": "65534:65534" })),
        (
            "workspace",
            json!({ "Entrypoint": ["/bin/sleep", "1000000"], "Env": ["PATH=/usr/local/bin:/bin"] }),
        ),
    ] {
        let stage = place.join(name);
        let root = stage.join("root");
        put(&root, "bin/busybox", &fs::read(programs.unpacked("bin/busybox"))?, 0o755)?;
        for program in PROGRAMS {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(program))?;
        }
        put(&root, "usr/local/bin/claude", AGENT.as_bytes(), 0o755)?;
        put(
            &root,
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n",
            0o644,
        )?;
        fs::create_dir_all(root.join("tmp"))?;
        let archive = stage.join("image.tar");
        image::pack(name, start, &root, &stage, &identity, &archive)?;
        node.import(&archive, &format!("interlock.test/{name}"))?;
    }
    Ok(())
}
