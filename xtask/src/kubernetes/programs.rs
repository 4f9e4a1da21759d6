//! The programs of a node: Kubernetes, etcd and Helm from their Go modules by version, containerd, runc, the network plugins and
//! busybox from Debian's packages. Nothing is installed; what is built stays below `target/tools/kubernetes`.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{debian, process, repository::Repository};

const KUBERNETES: &str = "v1.37.2";
/// Of the modules that k8s.io/kubernetes has in its own tree, and which are published beside it.
const STAGING: &str = "v0.37.2";

const SHARED: [&str; 8] = [
    "api",
    "apiextensions-apiserver",
    "apimachinery",
    "apiserver",
    "cli-runtime",
    "client-go",
    "component-base",
    "kubectl",
];

/// Programs that one build makes.
struct Module {
    name: &'static str,
    version: &'static str,
    /// Packages below the module's name.
    programs: &'static [(&'static str, &'static str)],
}

const MODULES: &[Module] = &[
    Module { name: "go.etcd.io/etcd/server/v3", version: "v3.7.3", programs: &[("etcd", "")] },
    Module {
        name: "k8s.io/kubernetes",
        version: KUBERNETES,
        programs: &[
            ("kube-apiserver", "/cmd/kube-apiserver"),
            ("kubectl", "/cmd/kubectl"),
            ("kube-controller-manager", "/cmd/kube-controller-manager"),
            ("kube-scheduler", "/cmd/kube-scheduler"),
            ("kubelet", "/cmd/kubelet"),
        ],
    },
    Module { name: "helm.sh/helm/v4", version: "v4.3.1", programs: &[("helm", "/cmd/helm")] },
];

/// Without these objects are stored and judged, and nothing comes of them.
const OF_A_NODE: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kubelet"];

const PACKAGES: [&str; 5] =
    ["containerd", "runc", "libseccomp2", "containernetworking-plugins", "busybox-static"];

/// Where the programs are.
pub struct Programs {
    built: PathBuf,
    unpacked: PathBuf,
}

impl Programs {
    /// Builds and unpacks what is not there yet: many minutes the first time. Without `node` what stores and judges objects alone.
    ///
    /// # Errors
    /// No Go, a module that cannot be had or does not build, a package that cannot be had.
    pub fn ensure(repository: &Repository, node: bool) -> Result<Self> {
        let place = repository.target().join("tools/kubernetes");
        let programs = Self { built: place.join("bin"), unpacked: place.join("debian") };
        if node {
            debian::unpack(&PACKAGES.map(str::to_owned), &programs.unpacked)?;
        }
        for module in MODULES {
            programs.build(module, &place, node)?;
        }
        Ok(programs)
    }

    /// Whether everything that stores and judges objects was built already.
    pub fn are_there(repository: &Repository) -> bool {
        let built = repository.target().join("tools/kubernetes/bin");
        ["etcd", "kube-apiserver", "kubectl", "helm"].iter().all(|program| built.join(program).is_file())
    }

    pub fn built(&self, program: &str) -> PathBuf {
        self.built.join(program)
    }

    pub fn unpacked(&self, file: &str) -> PathBuf {
        self.unpacked.join(file)
    }

    /// `PATH` with all of them before the machine's own.
    pub fn path(&self) -> String {
        let own = [self.built.clone(), self.unpacked("usr/bin"), self.unpacked("usr/sbin")];
        let own = own.map(|folder| folder.display().to_string()).join(":");
        format!("{own}:{}", env::var("PATH").unwrap_or_default())
    }

    fn build(&self, module: &Module, place: &Path, node: bool) -> Result<()> {
        let wanted = module.programs.iter().filter(|(program, _)| node || !OF_A_NODE.contains(program));
        let missing: Vec<_> = wanted.filter(|(program, _)| !self.built(program).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let sources = place.join("src").join(module.programs[0].0);
        fs::create_dir_all(&sources).with_context(|| format!("{} cannot be made", sources.display()))?;
        fs::write(sources.join("go.mod"), manifest(module, &sources)?)?;
        for (program, package) in missing {
            let package = format!("{}{package}", module.name);
            eprintln!("building {package} {}", module.version);
            let mut build = go(&sources);
            build.args(["build", "-p", "2", "-ldflags", &linked(module), "-o"]).arg(self.built(program));
            process::answer(build.arg(&package)).with_context(|| format!("{package} {}", module.version))?;
        }
        Ok(())
    }
}

/// A module of our own that asks for theirs, as `go install` refuses one that replaces others.
fn manifest(module: &Module, sources: &Path) -> Result<String> {
    let mut text =
        format!("module interlock.test/tools\n\ngo 1.26.0\n\nrequire {} {}\n", module.name, module.version);
    if module.name == "helm.sh/helm/v4" {
        // The very modules that Kubernetes was built of: most of it is compiled already.
        for shared in SHARED {
            writeln!(text, "require k8s.io/{shared} {STAGING}")?;
        }
    }
    if module.name == "k8s.io/kubernetes" {
        let download = ["mod", "download", "-json", &format!("{}@{}", module.name, module.version)];
        let answer = process::answer(go(sources).args(download)).context("the Go module of Kubernetes")?;
        let answer: serde_json::Value = serde_json::from_str(&answer).context("what go mod download says")?;
        let theirs = answer["GoMod"].as_str().context("go mod download names no go.mod")?;
        text.push('\n');
        for line in fs::read_to_string(theirs)?.lines() {
            if let Some((staged, _)) = line.trim().split_once(" => ./staging/") {
                writeln!(text, "replace {staged} => {staged} {STAGING}")?;
            }
        }
    }
    Ok(text)
}

/// The version is set by the linker: without it kubectl and the API server say v0.0.0-master.
fn linked(module: &Module) -> String {
    let mut flags = "-s -w".to_owned();
    if module.name == "k8s.io/kubernetes" {
        let minor = KUBERNETES.split('.').nth(1).unwrap_or_default();
        for (name, value) in [("gitVersion", KUBERNETES), ("gitMajor", "1"), ("gitMinor", minor)] {
            let _ = write!(flags, " -X k8s.io/component-base/version.{name}={value}"); // a String takes all
        }
    }
    flags
}

fn go(sources: &Path) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "15", "go"]).current_dir(sources);
    command.env("GOFLAGS", "-mod=mod -trimpath -buildvcs=false").env("GOWORK", "off");
    command
}
