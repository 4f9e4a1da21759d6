//! Parts of a monorepo that no version control system keeps: an unpacked archive, an export, a container's copy.

use std::path::{Path, PathBuf};

use super::ground::Ground;

/// Most bytes of a manifest that are read for its words.
const TEXT_MAX: u64 = 1 << 20;

/// Files that stand at the root of several packages, whatever they say.
const ROOTS: [&str; 14] = [
    "pnpm-workspace.yaml",
    "lerna.json",
    "nx.json",
    "turbo.json",
    "rush.json",
    "go.work",
    "MODULE.bazel",
    "WORKSPACE.bazel",
    "settings.gradle",
    "settings.gradle.kts",
    "pants.toml",
    ".buckroot",
    ".moon/workspace.yml",
    "melos.yaml",
];

/// Manifests that do if they hold the words.
const MANIFESTS: [(&str, &str); 5] = [
    ("Cargo.toml", "[workspace"),
    ("package.json", "\"workspaces\""),
    ("pyproject.toml", "[tool.uv.workspace]"),
    ("deno.json", "\"workspace\""),
    ("pom.xml", "<modules>"),
];

/// The widest such directory below the home; none where no home is known, or the directories lie outside of it: there is
/// nothing then that says where a person's projects end.
pub fn widest(ground: &Ground<'_>, upwards: &[PathBuf]) -> Option<PathBuf> {
    let below_home = |path: &Path| ground.homes.iter().any(|home| path.starts_with(home) && path != home);
    let is_root = |directory: &Path| {
        ROOTS.iter().any(|name| ground.is_file(&directory.join(name)))
            || MANIFESTS.iter().any(|(name, words)| {
                let text = ground.files.text(&directory.join(name), TEXT_MAX);
                text.is_some_and(|text| text.contains(words))
            })
    };
    upwards.iter().rev().filter(|path| below_home(path)).find(|path| is_root(path)).cloned()
}
