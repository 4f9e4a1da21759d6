//! What a program is, whatever it is called: one reading for recognition (agents) and ownership (secrets).
//!
//! Everything here reads names and paths alone. It makes nobody an owner: an owner tool counts only where it is installed,
//! and whether a path is such a place is asked of the path as it is ([`super::secrets`]).

use super::path::basename;

/// Endings that wrappers give to the program that they wrap (Debian's and Guix's diversions, `pkg`, Nuitka, npm's copies).
const WRAPPED: [&str; 6] = [".real", ".orig", ".distrib", ".exe", ".bin", "-real"];

/// Endings of scripts that are released in one file.
const ENDINGS: [&str; 6] = ["js", "cjs", "mjs", "py", "pyz", "phar"];

/// Words of a platform in a release's file name: `codex-x86_64-unknown-linux-musl`, `terraform_1.9.0_linux_amd64`.
const PLATFORM: [&str; 16] = [
    "linux",
    "linux64",
    "unknown",
    "pc",
    "gnu",
    "gnueabihf",
    "musl",
    "musleabihf",
    "glibc",
    "x86",
    "x64",
    "amd64",
    "arm64",
    "aarch64",
    "armv7",
    "baseline",
];

/// Words that follow a version's number.
const PRERELEASE: [&str; 8] = ["alpha", "beta", "rc", "dev", "nightly", "canary", "latest", "stable"];

/// A name whose version is written without a separator keeps at least so many letters: `php8.2`, not `k9s`, `q2`.
const SHORTEST: usize = 3;

/// The names that a base name stands for, the base name itself first: `.claude-wrapped` is `claude`, `php8.2` is `php`,
/// `terraform_1.9.0_linux_amd64` is `terraform`.
pub fn names(base: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(base), |name| peeled(name))
}

/// The same of a script's file, whose version may stand before its ending: `yarn-4.6.0.cjs` is `yarn`. An ending alone stays:
/// anybody may have a `git.py`.
pub fn script_names(base: &str) -> impl Iterator<Item = &str> {
    let stem = base.rsplit_once('.').filter(|(_, ending)| ENDINGS.contains(ending)).map(|(stem, _)| stem);
    let versioned = stem.filter(|stem| unversioned(stem).is_some());
    names(base).chain(versioned.into_iter().flat_map(names))
}

/// The name with its outermost addition taken off.
fn peeled(name: &str) -> Option<&str> {
    let hidden = name.strip_prefix('.').filter(|rest| !rest.is_empty());
    // Nix: `.NAME-wrapped`, and one more underscore for each further wrapper.
    if let Some(inner) = hidden.and_then(|rest| rest.trim_end_matches('_').strip_suffix("-wrapped")) {
        return Some(inner).filter(|inner| !inner.is_empty());
    }
    let wrapped = WRAPPED.iter().find_map(|ending| name.strip_suffix(ending));
    wrapped
        .or(hidden)
        .or_else(|| unversioned(name))
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.'))
}

fn unversioned(name: &str) -> Option<&str> {
    if let Some((rest, word)) = name.rsplit_once(['-', '_', '@', '+'])
        && (is_version(word) || PLATFORM.contains(&word))
    {
        return Some(rest).filter(|rest| !rest.is_empty());
    }
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let ends_in_digit = name.ends_with(|c: char| c.is_ascii_digit());
    let is_name = rest.len() >= SHORTEST && rest.ends_with(|c: char| c.is_ascii_alphabetic());
    (ends_in_digit && is_name).then_some(rest)
}

/// `22`, `v2.1.332`, `1.9.0`, `rc1`.
fn is_version(word: &str) -> bool {
    let number = word.strip_prefix('v').unwrap_or(word);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let before = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    is_number || PRERELEASE.contains(&before)
}

/// Who installed a program: the kind of installer and the package's name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Package<'a> {
    pub kind: &'a str,
    /// With its scope: `@openai/codex`.
    pub name: &'a str,
}

/// Kinds of installers that leave the package's name in the path.
pub const PACKAGE_KINDS: [&str; 5] = ["npm", "pypi", "brew", "nix", "snap"];

impl<'a> Package<'a> {
    /// Reads `npm:@openai/codex`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        (PACKAGE_KINDS.contains(&kind) && !name.is_empty()).then_some(Self { kind, name })
    }

    /// Names of the tool that such a package usually is: its own, and its scope's where it is called `cli`.
    pub fn tools(self) -> impl Iterator<Item = &'a str> {
        let (scope, name) = self.name.strip_prefix('@').and_then(|name| name.split_once('/')).unzip();
        let name = name.unwrap_or(self.name);
        std::iter::once(name).chain(scope.filter(|_| name == "cli"))
    }
}

/// The packages that a path lies in, outermost first: in npm's trees (global ones, npx's, pnpm's and bunx' caches, Volta's
/// images), in the environments of uv and pipx, in Homebrew's cellar, in Nix' store, in a snap.
pub fn packages(path: &str) -> impl Iterator<Item = Package<'_>> {
    path.match_indices('/').filter_map(move |(at, _)| {
        let (before, rest) = (path.get(..at)?, path.get(at + 1..)?);
        package(before, rest)
    })
}

/// The package that begins with `rest`, by the directories before it. The last component is a file, and no package.
fn package<'a>(before: &str, rest: &'a str) -> Option<Package<'a>> {
    let part = |text: &'a str| text.split_once('/').map(|(part, _)| part);
    let ends =
        |end: &str| before.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let first = part(rest)?;
    if basename(before) == "node_modules" && !first.starts_with('.') {
        let name = if first.starts_with('@') {
            rest.get(..first.len() + 1 + part(rest.get(first.len() + 1..)?)?.len())?
        } else {
            first
        };
        return Some(Package { kind: "npm", name });
    }
    if ends("uv/tools") || ends("pipx/venvs") {
        return Some(Package { kind: "pypi", name: first });
    }
    if ends("Cellar") || ends(".linuxbrew/opt") {
        return Some(Package { kind: "brew", name: first });
    }
    if before == "/nix/store" {
        let name = first.split_once('-')?.1;
        return Some(Package { kind: "nix", name: unversioned(name).unwrap_or(name) });
    }
    (before == "/snap" || before == "/var/lib/snapd/snap").then_some(Package { kind: "snap", name: first })
}

/// Whether the path is one of the tool's programs by the package that it lies in: a tool's helper scripts have names of
/// their own (`wrangler/wrangler-dist/cli.js`).
pub fn is_of_tool(path: &str, is_tool: impl Fn(&str) -> bool) -> bool {
    packages(path).filter(|package| package.kind == "npm").flat_map(Package::tools).any(is_tool)
}

/// The script that is executed by name: its interpreter, from its first line, and the interpreter's one option stand before
/// it in the arguments (fs/binfmt_script.c:load_script, v6.1–v7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpreted<'a> {
    /// As the first line names it; what `env` is told to look for where that is `env`.
    pub interpreter: &'a str,
    /// Place of the script among the arguments.
    pub place: usize,
}

/// How a program that is executed by name is run by another; `None` where it runs itself.
pub fn interpreted<'a>(executable: &str, args: &'a [String]) -> Option<Interpreted<'a>> {
    let first = args.first().filter(|first| basename(first) != basename(executable))?;
    let place = args.iter().take(3).rposition(|arg| arg == executable).filter(|place| *place > 0)?;
    let option = args.get(1..place)?.first();
    let interpreter = match (basename(first), option) {
        ("env", Some(option)) => {
            let is_program = |word: &&str| !word.starts_with('-') && !word.contains('=');
            option.split_ascii_whitespace().find(is_program)?
        }
        _ => first,
    };
    Some(Interpreted { interpreter, place })
}

/// The modules that a console script takes its work from, as `-m NAME`: what `pip`, `uv` and `pipx` write says
/// `from NAME import …`.
pub fn imported(script: &str) -> Vec<String> {
    let module = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (first, name) = (words.next()?, words.next()?);
        matches!(first, "from" | "import").then(|| format!("-m {}", name.trim_end_matches([',', ';'])))
    };
    script.lines().map(str::trim).filter_map(module).collect()
}

#[cfg(test)]
mod tests;
