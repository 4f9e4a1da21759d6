//! What a process runs, read from how it was started and from what can be seen of it, and how that shows an agent.

use super::image::Image;
use crate::catalog::{agents::Agent, basename, interpreted, names, packages};

/// What runs other programs' scripts besides the catalogue's interpreters: only of one that runs already is its script
/// asked for.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ksh", "ash", "fish"];

pub(super) struct Started<'a> {
    /// The program itself, as executed and where its links lead; an interpreter only as executed.
    files: Vec<&'a str>,
    /// The script that an interpreter runs, or `-m MODULE`.
    script: Option<String>,
    /// The script that a shell runs: a program by its name, whose place says little.
    shell_script: Option<&'a str>,
    /// Modules that the script takes its work from.
    modules: &'a [String],
    /// Packages that the files or the script lie in, as `KIND:NAME`.
    packages: Vec<String>,
    /// Packages that the interpreter lies in: an environment of uv or pipx belongs to one tool.
    environment: Vec<String>,
    /// What an interpreter's process calls itself where its arguments were.
    title: Option<&'a str>,
    holds: &'a [String],
}

/// How a program shows that it is an agent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// For people: `executable claude`, `argv …/cli.js`, `package npm:droid`.
    pub by: String,
    /// The program lies where the agent's own installer puts it.
    pub placed: bool,
}

impl<'a> Started<'a> {
    pub fn read(image: &Image<'a>, interprets: impl Fn(&str) -> bool) -> Self {
        let Image { executable, args, seen, .. } = *image;
        let is_interpreter = |path: &str| interprets(basename(path));
        let by_name = interpreted(executable, args).filter(|found| is_interpreter(found.interpreter));
        let runs_script = is_interpreter(executable);
        let script = match &by_name {
            Some(_) => Some(executable.to_owned()),
            None if runs_script => script_of(args),
            None => None,
        };
        let is_shell = SHELLS.contains(&basename(executable));
        let shell_script = is_shell.then(|| shell_script_of(args)).flatten();
        let mut files = vec![executable];
        files.extend(shell_script);
        files.extend(seen.file.filter(|file| *file != executable && !is_interpreter(file)));
        let first = args.first().map(String::as_str);
        let interpreters = [runs_script.then_some(executable), first, by_name.map(|found| found.interpreter)];
        let interpreters = interpreters.into_iter().flatten().filter(|path| is_interpreter(path));
        let programs = files.iter().copied().filter(|file| !is_interpreter(file));
        let title = first.filter(|first| {
            runs_script && !is_interpreter(first) && args.iter().skip(1).all(String::is_empty)
        });
        Self {
            packages: kinds(programs.chain(script.as_deref())),
            environment: kinds(interpreters),
            files,
            script,
            shell_script,
            modules: seen.modules,
            title,
            holds: seen.holds,
        }
    }

    pub fn into_script(self) -> Option<String> {
        self.script.or_else(|| self.shell_script.map(str::to_owned))
    }

    pub fn is_script(&self) -> bool {
        self.script.is_some()
    }

    /// Whether the process goes by one of the agent's names, or by its file's own.
    pub fn is_called_like(&self, agent: &Agent, image: &Image<'_>) -> bool {
        let Some(called) = image.args.first().map(|first| basename(first)) else { return true };
        let is_own = self.files.iter().any(|file| basename(file) == called);
        let is_executed_script = interpreted(image.executable, image.args).is_some();
        is_own || is_executed_script || agent.has_program(called) || called == "exe" // of /proc/self
    }

    /// Whether a closer look may show an agent.
    pub fn hints(&self, is_program: impl Fn(&str) -> bool) -> bool {
        let mut paths = self.files.iter().copied().chain(self.script.as_deref()).chain(self.title);
        paths.any(|path| is_program(basename(path)))
    }

    /// How the program itself shows that it is the agent.
    pub fn shows(&self, agent: &Agent) -> Option<Shown> {
        let by = self.by_file(agent).or_else(|| self.by_script(agent)).or_else(|| self.by_title(agent))?;
        let placed = self.script.is_none() && self.files.iter().any(|file| agent.paths.is_match(file));
        Some(Shown { by, placed })
    }

    fn by_file(&self, agent: &Agent) -> Option<String> {
        for file in &self.files {
            let base = basename(file);
            if names(base).any(|name| agent.executables.contains(name)) {
                return Some(format!("executable {base}"));
            }
            if agent.paths.is_match(file) {
                return Some(format!("executable {file}"));
            }
        }
        let is_program = self.files.iter().any(|file| agent.has_program(basename(file)));
        self.package(agent, &self.packages).filter(|_| is_program)
    }

    fn by_script(&self, agent: &Agent) -> Option<String> {
        let script = self.script.as_deref()?;
        let base = basename(script);
        if agent.argv.is_match(script) || names(base).any(|name| agent.scripts.contains(name)) {
            return Some(format!("argv {script}"));
        }
        let is_program = agent.has_program(base);
        let module = self.modules.iter().find(|module| is_program && agent.argv.is_match(module.as_str()));
        self.package(agent, &self.packages)
            .or_else(|| Some(format!("argv {script}, which is {}", module?)))
            .or_else(|| self.package(agent, &self.environment).filter(|_| is_program))
    }

    fn package(&self, agent: &Agent, packages: &[String]) -> Option<String> {
        let package = packages.iter().find(|package| agent.packages.contains(*package))?;
        Some(format!("package {package}"))
    }

    /// A title is what a program says of itself, so a common one needs something of the agent's that the process holds.
    fn by_title(&self, agent: &Agent) -> Option<String> {
        let title = self.title?;
        if agent.executables.contains(title) || agent.titles.contains(title) {
            return Some(format!("title {title}"));
        }
        let of_agent = |path: &&String| {
            let packages = kinds(std::iter::once(path.as_str()));
            agent.paths.is_match(path.as_str())
                || agent.argv.is_match(path.as_str())
                || packages.iter().any(|package| agent.packages.contains(package))
        };
        let held = self.holds.iter().find(of_agent).filter(|_| agent.has_program(title))?;
        Some(format!("title {title}, which holds {held}"))
    }
}

fn kinds<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<String> {
    paths.flat_map(packages).map(|package| format!("{}:{}", package.kind, package.name)).collect()
}

/// The script that an interpreter was told to run, or `-m MODULE`.
fn script_of(args: &[String]) -> Option<String> {
    let mut args = args.iter().skip(1).map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "-m" => return args.next().map(|module| format!("-m {module}")),
            "-c" | "-e" | "-p" | "--eval" | "--print" => return None,
            "-r" | "--require" | "--import" | "--loader" | "-cp" | "-W" | "-X" => drop(args.next()),
            "run" | "x" | "-jar" => {}
            flag if flag.starts_with('-') => {}
            "" => return None,
            script => return Some(script.to_owned()),
        }
    }
    None
}

/// The script of a shell that runs already; at its exec the shell was executed by the script's name.
fn shell_script_of(args: &[String]) -> Option<&str> {
    args.get(1).map(String::as_str).filter(|script| script.contains('/') && !script.starts_with('-'))
}
