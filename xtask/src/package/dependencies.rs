//! The crates that are linked in: their licences, and the list of them (CycloneDX).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::build::Identity;
use crate::{process, repository::Repository};

/// What the program is built of, sorted by name and version; its own packages too.
pub struct Crates {
    all: Vec<Crate>,
}

struct Crate {
    id: String,
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
    /// From a registry; `None` for the repository's own.
    checksum: Option<String>,
    foreign: bool,
    needs: BTreeSet<String>,
}

/// # Errors
/// cargo does not say, or says what is not understood.
pub fn of(repository: &Repository) -> Result<Crates> {
    let mut command = Command::new("cargo");
    command.current_dir(repository.root()).args(["metadata", "--quiet", "--format-version", "1", "--locked"]);
    command.args(["--filter-platform", "x86_64-unknown-linux-gnu", "--features", "interlock/kubernetes"]);
    let metadata: Value =
        serde_json::from_str(&process::answer(&mut command)?).context("cargo's metadata")?;
    let lock = fs::read_to_string(repository.root().join("Cargo.lock"))?;
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let sums = checksums(&lock);
    let nodes: BTreeMap<&str, BTreeSet<String>> = metadata["resolve"]["nodes"]
        .as_array()
        .context("no nodes in cargo's metadata")?
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, linked(node))))
        .collect();
    let packages = metadata["packages"].as_array().context("no packages in cargo's metadata")?;
    let root =
        packages.iter().find(|package| package["name"] == "interlock").and_then(|found| found["id"].as_str());
    let reached = reached(root.context("cargo knows no package interlock")?, &nodes);
    let mut all: Vec<Crate> = packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| reached.contains(id)))
        .map(|package| Crate::of(package, &nodes, &sums))
        .collect::<Result<_>>()?;
    all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(Crates { all })
}

/// The dependencies that are linked, or build what is: no tests' ones.
fn linked(node: &Value) -> BTreeSet<String> {
    let is_test = |dependency: &Value| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().all(|kind| kind["kind"] == "dev"))
    };
    let all = node["deps"].as_array().into_iter().flatten();
    all.filter(|one| !is_test(one)).filter_map(|one| one["pkg"].as_str()).map(str::to_owned).collect()
}

fn reached(root: &str, nodes: &BTreeMap<&str, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(id) = next.pop() {
        if seen.insert(id.clone()) {
            next.extend(nodes.get(id.as_str()).into_iter().flatten().cloned());
        }
    }
    seen
}

fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    packages
        .filter_map(|package| {
            Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?))
        })
        .collect()
}

impl Crate {
    fn of(
        package: &Value,
        nodes: &BTreeMap<&str, BTreeSet<String>>,
        sums: &BTreeMap<(String, String), String>,
    ) -> Result<Self> {
        let text = |key: &str| {
            package[key].as_str().map(str::to_owned).with_context(|| format!("a package without {key}"))
        };
        let (id, name, version) = (text("id")?, text("name")?, text("version")?);
        let manifest = PathBuf::from(text("manifest_path")?);
        Ok(Self {
            needs: nodes.get(id.as_str()).cloned().unwrap_or_default(),
            checksum: sums.get(&(name.clone(), version.clone())).cloned(),
            licence: package["license"].as_str().unwrap_or("see its files").to_owned(),
            folder: manifest.parent().unwrap_or(&manifest).to_owned(),
            foreign: package["source"].is_string(),
            id,
            name,
            version,
        })
    }

    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    /// Its licences' texts, by file.
    fn texts(&self) -> Vec<(String, String)> {
        let mut texts: Vec<(String, String)> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let upper = name.to_ascii_uppercase();
                let is_one = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
                    .iter()
                    .any(|word| upper.starts_with(word));
                let text = fs::read(entry.path()).ok().filter(|_| is_one)?;
                Some((name, String::from_utf8_lossy(&text).replace("\r\n", "\n")))
            })
            .collect();
        texts.sort();
        texts
    }
}

impl Crates {
    /// Every foreign crate with its licence, then each text once.
    ///
    /// # Errors
    /// There is none, which cannot be.
    pub fn licences(&self) -> Result<String> {
        let mut texts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        let mut list = String::new();
        for one in self.all.iter().filter(|one| one.foreign) {
            list.push_str(&format!("{} {}: {}\n", one.name, one.version, one.licence));
            for (file, text) in one.texts() {
                let key = format!("{:x}", Sha256::digest(text.trim()));
                let of = format!("{} {} ({file})", one.name, one.version);
                texts.entry(key).or_insert_with(|| (text.trim().to_owned(), Vec::new())).1.push(of);
            }
        }
        anyhow::ensure!(!list.is_empty(), "no crate is linked in");
        let mut whole = format!("Interlock is linked with these crates:\n\n{list}");
        let mut ordered: Vec<_> = texts.into_values().collect();
        ordered.sort_by(|one, other| one.1.cmp(&other.1));
        for (text, of) in ordered {
            whole.push_str(&format!("\n{}\n{}\n\n{text}\n", "-".repeat(72), of.join(", ")));
        }
        Ok(whole)
    }

    /// CycloneDX 1.5.
    ///
    /// # Errors
    /// The commit's date is none.
    pub fn sbom(&self, identity: &Identity) -> Result<String> {
        let own =
            self.all.iter().find(|one| one.name == "interlock").context("interlock is not among them")?;
        let component = |one: &Crate| {
            let kind = if one.name == "interlock" { "application" } else { "library" };
            let mut value = json!({
                "type": kind, "bom-ref": one.reference(), "name": one.name, "version": one.version,
                "licenses": [{ "expression": one.licence.replace('/', " OR ") }],
            });
            if one.foreign {
                value["purl"] = one.reference().into();
            }
            if let Some(sum) = &one.checksum {
                value["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
            }
            value
        };
        let by_id: BTreeMap<&str, &Crate> = self.all.iter().map(|one| (one.id.as_str(), one)).collect();
        let depends = |one: &Crate| {
            let on: BTreeSet<String> =
                one.needs.iter().filter_map(|id| Some(by_id.get(id.as_str())?.reference())).collect();
            json!({ "ref": one.reference(), "dependsOn": on })
        };
        let date = identity.date_as("%Y-%m-%dT%H:%M:%SZ")?;
        let others = self.all.iter().filter(|one| one.id != own.id);
        let mut main = component(own);
        main["properties"] = json!([{ "name": "interlock:revision", "value": identity.revision }]);
        let bom = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": { "timestamp": date, "component": main },
            "components": others.map(component).collect::<Vec<_>>(),
            "dependencies": self.all.iter().map(depends).collect::<Vec<_>>(),
        });
        Ok(format!("{}\n", serde_json::to_string_pretty(&bom)?))
    }
}

/// The SHA-256 of a file.
///
/// # Errors
/// It cannot be read.
pub fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(format!("{:x}", Sha256::digest(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Repository {
        Repository::at(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
    }

    #[test]
    fn what_is_linked_is_listed_with_its_licence_and_tests_are_not() {
        let crates = of(&here()).unwrap();
        let has = |name: &str| crates.all.iter().any(|one| one.name == name);
        assert!(has("aya") && has("interlock-core") && !has("proptest") && !has("xtask"));
        let licences = crates.licences().unwrap();
        assert!(licences.contains("\naya 0.") && !licences.contains("\ninterlock-core "), "{licences}");
        assert!(licences.contains("Permission is hereby granted"));
    }

    #[test]
    fn the_list_names_each_crate_once_with_its_digest_and_what_it_needs() {
        let identity = Identity {
            version: "1.2.3".into(),
            number: 1,
            revision: "abc".into(),
            date: 1_700_000_000,
            is_trial: true,
        };
        let bom: Value = serde_json::from_str(&of(&here()).unwrap().sbom(&identity).unwrap()).unwrap();
        let components = bom["components"].as_array().unwrap();
        let references: BTreeSet<&str> =
            components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(references.len(), components.len());
        assert_eq!(bom["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
        let aya = components.iter().find(|one| one["name"] == "aya").unwrap();
        assert_eq!(aya["hashes"][0]["content"].as_str().unwrap().len(), 64);
        for one in bom["dependencies"].as_array().unwrap() {
            for on in one["dependsOn"].as_array().unwrap() {
                assert!(references.contains(on.as_str().unwrap()), "{on}");
            }
        }
    }
}
