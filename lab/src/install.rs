//! Gets clients from their registries, by those registries' ordinary tools, into a folder of the laboratory's.

mod debian;
pub(crate) mod tool;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

pub use self::tool::reason;
use crate::client::{Client, Registry};

/// How deep a list of authorities lies below `lib`: `python3.11/site-packages/botocore/vendored/x/cacert.pem`.
const DEPTH: usize = 8;

/// A client that can be run.
#[derive(Clone, Debug, Default)]
pub struct Installed {
    /// Folders of `PATH`, before the system's.
    pub path: Vec<PathBuf>,
    /// What has to stay visible where homes are hidden.
    pub keep: Vec<PathBuf>,
    /// Where its Python packages are.
    pub libraries: Vec<PathBuf>,
    /// A tree like `/`, whose `usr` lies over the system's.
    pub overlay: Option<PathBuf>,
    /// `(where it is, where a person's is)`; the first that fits counts.
    pub places: Vec<(PathBuf, String)>,
}

impl Installed {
    /// Lists of trusted authorities that were installed with it.
    #[must_use]
    pub fn bundles(&self) -> Vec<PathBuf> {
        fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
            // What cannot be read has no list for the client either.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() && !path.is_symlink() && depth > 0 {
                    search(&path, depth - 1, found);
                } else if ["cacert.pem", "cacerts.txt"].iter().any(|name| path.ends_with(name)) {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        for folder in &self.libraries {
            search(folder, DEPTH, &mut found);
        }
        found
    }

    /// A path as it would be on a person's machine.
    #[must_use]
    pub fn usual(&self, path: &str) -> String {
        let inside = |(place, usual): &(PathBuf, String)| {
            let rest = Path::new(path).strip_prefix(place).ok()?;
            Some(Path::new(usual).join(rest).to_string_lossy().trim_end_matches('/').to_owned())
        };
        self.places.iter().find_map(inside).unwrap_or_else(|| path.to_owned())
    }
}

/// Where everything is kept between runs.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// # Errors
    /// `root` cannot be made.
    pub fn new(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("{} cannot be made", root.display()))?;
        let root = root.canonicalize().with_context(|| format!("{} is not there", root.display()))?;
        Ok(Self { root })
    }

    /// A place for one run's files.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Where an agent of the other laboratory is kept.
    pub(crate) fn agent(&self, registry: &str, package: &str) -> PathBuf {
        let registry = registry.to_ascii_lowercase();
        self.root.join("agents").join(registry).join(package.replace(['/', ':'], "+"))
    }

    /// Installs the client, unless it is there.
    ///
    /// # Errors
    /// It cannot be had, with what the registry's tool said; it is not tried again before its `.failed` is removed.
    pub fn install(&self, client: &Client) -> Result<Installed> {
        let folder = self.folder(client);
        // A version has dots of its own.
        let failed = PathBuf::from(format!("{}.failed", folder.display()));
        if client.from != Registry::File && !folder.join(".done").exists() {
            if let Ok(why) = fs::read_to_string(&failed) {
                bail!("{}", why.trim());
            }
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            if let Err(why) = self.get(client, &folder) {
                let why = format!("{why:#}");
                fs::write(&failed, &why).context("no marker")?;
                fs::remove_dir_all(&folder).context("what failed cannot be removed")?;
                bail!("{why}");
            }
            fs::write(folder.join(".done"), "").context("no marker")?;
        }
        self.found(client, folder)
    }

    fn folder(&self, client: &Client) -> PathBuf {
        let registry = client.from.name().to_ascii_lowercase();
        self.root.join("installed").join(registry).join(client.package.replace(['/', ':'], "+"))
    }

    fn get(&self, client: &Client, folder: &Path) -> Result<()> {
        let (name, version) = (client.name(), client.version());
        match client.from {
            Registry::Npm => self.npm(client, folder),
            Registry::Pypi => {
                let uv = self.uv()?;
                tool::run(
                    Command::new(&uv)
                        .args(["venv", "--quiet", "--clear", "--python"])
                        .arg(tool::python()?)
                        .arg(folder),
                )?;
                let mut install = Command::new(&uv);
                install.args(["pip", "install", "--quiet", "--python"]).arg(folder.join("bin/python"));
                tool::run(install.arg(format!("{name}=={version}")).args(&client.with))?;
                executable(&folder.join("lib"))
            }
            Registry::Crates => tool::run(
                Command::new("cargo")
                    .args(["install", "--quiet", "--locked", "--root"])
                    .arg(folder)
                    .arg(&client.package),
            ),
            Registry::Go => tool::run(
                Command::new("go")
                    .args(["install", "-p", "1"])
                    .arg(&client.package)
                    .env("GOBIN", folder.join("bin")),
            ),
            Registry::Debian => debian::unpack(name, version, folder),
            Registry::File => Ok(()),
        }
    }

    /// Without its installers where they fail: what they fetch or build is often not what the client needs to run.
    fn npm(&self, client: &Client, folder: &Path) -> Result<()> {
        // Newer releases of npm ask about each; a client that is run is trusted with more than that.
        let with_scripts = ["--ignore-scripts=false", "--dangerously-allow-all-scripts"];
        let install = |scripts: &[&str]| {
            let mut npm = self.node()?;
            npm.args(["install", "--global", "--no-audit", "--no-fund", "--no-update-notifier"]);
            npm.arg("--loglevel=error").args(scripts).arg("--prefix").arg(folder);
            tool::run(npm.arg(&client.package).args(&client.with))
        };
        install(&with_scripts).or_else(|why| install(&["--ignore-scripts"]).map_err(|_| why))
    }

    fn found(&self, client: &Client, folder: PathBuf) -> Result<Installed> {
        let mut installed = Installed { keep: vec![folder.clone()], ..Installed::default() };
        let usual = |place: PathBuf, usual: &str| (place, usual.to_owned());
        match client.from {
            Registry::Npm => {
                let node = self.tools().join("node/node_modules/node");
                installed.path = vec![folder.join("bin"), node.join("bin")];
                installed.places = vec![usual(folder, "/usr"), usual(node, "/usr")];
                installed.keep.push(self.tools());
            }
            Registry::Pypi => {
                let python =
                    folder.join("bin/python").canonicalize().context("the environment has no Python")?;
                let base = python.ancestors().nth(2).context("Python is nowhere")?.to_owned();
                installed.path = vec![folder.join("bin")];
                installed.libraries = vec![folder.join("lib")];
                installed.places = vec![usual(folder, "/usr"), usual(base.clone(), "/usr")];
                installed.keep.push(base);
            }
            Registry::Crates | Registry::Go => {
                installed.path = vec![folder.join("bin")];
                installed.places = vec![usual(folder, "/usr/local")];
            }
            Registry::Debian => {
                installed.places = vec![usual(folder.clone(), "/")];
                installed.overlay = Some(folder);
            }
            Registry::File => {
                let script = Path::new(&client.package);
                let place = script.parent().context("the script is nowhere")?;
                installed.keep = vec![place.to_owned()];
                installed.path = vec![place.to_owned()];
                installed.places = vec![usual(place.to_owned(), "/usr/local/bin")];
            }
        }
        Ok(installed)
    }

    fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// The Node.js that npm clients run under.
    pub(crate) fn node_program(&self) -> PathBuf {
        self.tools().join("node/node_modules/node/bin/node")
    }

    /// npm under a Node.js that is new enough for all clients.
    pub(crate) fn node(&self) -> Result<Command> {
        let bin = self.tools().join("node/node_modules/node/bin");
        if !bin.join("node").exists() {
            let mut npm = Command::new("npm");
            npm.args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts=false",
                "--dangerously-allow-all-scripts",
            ]);
            tool::run(npm.arg("--prefix").arg(self.tools().join("node")).arg(tool::NODE))?;
        }
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut npm = Command::new("npm");
        npm.env("PATH", path);
        Ok(npm)
    }

    pub(crate) fn uv(&self) -> Result<PathBuf> {
        let folder = self.tools().join("uv");
        let uv = folder.join("bin/uv");
        if !uv.exists() {
            tool::run(Command::new(tool::python()?).args(["-m", "venv"]).arg(&folder))?;
            tool::run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", tool::UV]))?;
        }
        Ok(uv)
    }
}

/// Programs that a wheel carries (`doppler_cli/bin/doppler`) may be run: some launchers see to that at their first run, which
/// only who installed them can.
fn executable(libraries: &Path) -> Result<()> {
    for entry in fs::read_dir(libraries).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            executable(&path)?;
        } else if libraries.ends_with("bin") && path.extension().is_none() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("{} cannot be made executable", path.display()))?;
        }
    }
    Ok(())
}

/// Variables that make tools trust the stub's authority, and tell them that nobody is there.
#[must_use]
pub fn environment(installed: &Installed, authority: &Path) -> BTreeMap<String, String> {
    const TRUST: [&str; 10] = [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "HTTPLIB2_CA_CERTS",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "DENO_CERT",
        "CARGO_HTTP_CAINFO",
        "AWS_CA_BUNDLE",
    ];
    let authority = authority.to_string_lossy().into_owned();
    let mut env: BTreeMap<String, String> =
        TRUST.iter().map(|name| ((*name).to_owned(), authority.clone())).collect();
    let folders = installed.path.iter().map(|path| path.to_string_lossy().into_owned());
    let path: Vec<String> =
        folders.chain(["/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()]).collect();
    for (name, value) in [
        ("PATH", path.join(":").as_str()),
        ("HOME", crate::sandbox::HOME),
        ("USER", "lab"),
        ("LOGNAME", "lab"),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    env
}
