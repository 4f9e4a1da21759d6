//! Package registries, learned from the machine.
//!
//! A company's mirror is as ordinary as the public registry, so none is listed: the hosts are read from the package
//! managers' own configuration ([`configured`]), and their compiled-in defaults are asked of the tools ([`defaults`]).
//! Both belong outside the hot path, at start and at reload; nobody waits for the tools.

mod ask;
mod urls;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use globset::Glob;

pub use ask::{Answers, Failure, defaults};
use urls::{is_host, urls};

use crate::regular;

/// Most bytes read of one file, and most files of one directory.
const BYTES_MAX: u64 = 256 * 1024;
const FILES_MAX: usize = 256;
/// Most hosts learned altogether.
const HOSTS_MAX: usize = 1024;

/// One tool's configuration: files (the last part may be a glob) and the words that a line must hold one of.
struct Source {
    tool: &'static str,
    files: &'static [&'static str],
    words: &'static [&'static str],
    variables: &'static [&'static str],
}

const SOURCES: [Source; 11] = [
    Source {
        tool: "npm",
        files: &[
            "~/.npmrc",
            "/etc/npmrc",
            "/usr/etc/npmrc",
            "/usr/local/etc/npmrc",
            "~/.config/pnpm/rc",
            "~/.bunfig.toml",
        ],
        words: &["registry"],
        variables: &["NPM_CONFIG_REGISTRY", "npm_config_registry"],
    },
    Source {
        tool: "yarn",
        files: &["~/.yarnrc", "~/.yarnrc.yml"],
        words: &["registry", "npmRegistryServer"],
        variables: &["YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"],
    },
    Source {
        tool: "pip",
        files: &["~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf", "/etc/xdg/pip/pip.conf"],
        words: &["index-url", "index_url"],
        variables: &["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"],
    },
    Source {
        tool: "uv",
        files: &["~/.config/uv/uv.toml", "/etc/uv/uv.toml"],
        words: &["url", "index"],
        variables: &["UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL"],
    },
    Source {
        tool: "cargo",
        files: &["~/.cargo/config.toml", "~/.cargo/config", "~/.cargo/registry/index/*/config.json"],
        words: &["registry", "index", "\"dl\"", "\"api\""],
        variables: &["CARGO_REGISTRIES_CRATES_IO_INDEX"],
    },
    Source {
        tool: "apt",
        files: &[
            "/etc/apt/sources.list",
            "/etc/apt/sources.list.d/*.list",
            "/etc/apt/sources.list.d/*.sources",
        ],
        words: &["deb", "URIs:"],
        variables: &[],
    },
    Source {
        tool: "dnf",
        files: &["/etc/yum.repos.d/*.repo"],
        words: &["baseurl", "mirrorlist", "metalink"],
        variables: &[],
    },
    Source {
        tool: "go",
        // go.env holds the defaults that the distribution of Go came with.
        files: &["~/.config/go/env", "/usr/local/go/go.env", "/usr/lib/go/go.env", "/usr/lib/go-*/go.env"],
        words: &["GOPROXY"],
        variables: &["GOPROXY"],
    },
    Source {
        tool: "maven",
        files: &["~/.m2/settings.xml", "/etc/maven/settings.xml"],
        words: &["<url>"],
        variables: &[],
    },
    Source { tool: "gem", files: &["~/.gemrc", "/etc/gemrc"], words: &["source", "- http"], variables: &[] },
    Source { tool: "poetry", files: &["~/.config/pypoetry/config.toml"], words: &["url"], variables: &[] },
];

/// Registry hosts that the configuration of the system and of `home` names, each with its tool.
///
/// `lookup` gives a variable of the home's owner. A project's own configuration is not read: it is the agent's to write.
#[must_use]
pub fn configured(home: &Path, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut learned = BTreeSet::new();
    for source in &SOURCES {
        let mut hosts = BTreeSet::new();
        for path in source.files.iter().flat_map(|file| expand(file, home)) {
            hosts.extend(read(&path).iter().flat_map(|text| hosts_in(text, source.words)));
        }
        hosts.extend(source.variables.iter().filter_map(|name| lookup(name)).flat_map(|value| urls(&value)));
        learned.extend(hosts.into_iter().map(|host| (host, source.tool.to_owned())));
    }
    learned.extend(cargo_indexes(home).into_iter().map(|host| (host, "cargo".to_owned())));
    if learned.len() > HOSTS_MAX {
        tracing::warn!(found = learned.len(), kept = HOSTS_MAX, "more package registries than are kept");
    }
    learned.into_iter().take(HOSTS_MAX).collect()
}

/// Cargo names the directory of an index by its host, `index.example.com-0123456789abcdef`: so it shows the default one.
fn cargo_indexes(home: &Path) -> Vec<String> {
    let host = |path: &PathBuf| {
        let (host, hash) = path.file_name()?.to_str()?.rsplit_once('-')?;
        let named = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        named.then(|| host.to_ascii_lowercase()).filter(|host| is_host(host))
    };
    expand("~/.cargo/registry/index/*", home).iter().filter_map(host).collect()
}

/// Files that a path with at most one glob part names.
fn expand(path: &str, home: &Path) -> Vec<PathBuf> {
    let path = path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |rest| home.join(rest));
    let mut found = vec![PathBuf::new()];
    for part in &path {
        let Some(glob) = part.to_str().filter(|part| part.contains('*')) else {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        let Ok(glob) = Glob::new(glob).map(|glob| glob.compile_matcher()) else { return Vec::new() };
        found = found
            .iter()
            .filter_map(|directory| directory.read_dir().ok())
            .flat_map(|entries| entries.filter_map(Result::ok).take(FILES_MAX))
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|name| glob.is_match(name)))
            .collect();
    }
    found
}

fn read(path: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&regular::head(path, BYTES_MAX).ok()?).into_owned())
}

/// Hosts of the URLs in lines that hold one of `words`, and in the indented lines that continue them. Comments are left
/// out: the samples in them are nobody's registry.
fn hosts_in(text: &str, words: &[&str]) -> Vec<String> {
    let text = without_xml_comments(text);
    let mut hosts = Vec::new();
    let mut concerned = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with(['#', ';']) || trimmed.starts_with("//") {
            continue;
        }
        let continues = concerned && line.len() > trimmed.len() && trimmed.starts_with("http");
        concerned = continues || words.iter().any(|word| line.contains(word));
        if concerned {
            hosts.extend(urls(line));
        }
    }
    hosts
}

fn without_xml_comments(text: &str) -> String {
    let mut parts = text.split("<!--");
    let head = parts.next().unwrap_or_default();
    let tails = parts.filter_map(|part| part.split_once("-->")).map(|(_, tail)| tail);
    std::iter::once(head).chain(tails).collect()
}

#[cfg(test)]
mod tests;
