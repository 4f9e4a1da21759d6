//! Tools that load a project's settings for what they start: direnv, dotenv runners, process managers, compose.
//!
//! They look for a `.env` upwards from where they are, whoever calls them. That is how a person set the machine up, and no
//! search of the agent's; what prints the settings is another matter.

use super::set::Secrets;
use crate::{
    catalog::{command::Invocation, path::basename},
    facts::Process,
};

impl Secrets {
    /// Whether the entry's files are what loaders load, and the program is one that loads `path` for what it starts.
    ///
    /// `ancestors` are who started it, the nearest first, as far as they are known.
    #[must_use]
    pub fn loads(
        &self,
        entry: u32,
        path: &str,
        (executable, args): (&str, &[String]),
        ancestors: &[&Process],
        home: Option<&str>,
    ) -> bool {
        self.entry(entry).is_some_and(|entry| entry.loaded)
            && self.loaders.iter().any(|loader| {
                let is = |executable: &str, args: &[String]| {
                    self.runs(&loader.programs, executable, args, home, None)
                };
                let prints = loader.prints.contain(Invocation::new(executable, args, self.wrappers()));
                if is(executable, args) && !prints {
                    return true;
                }
                // Within the loader's own shell, or the shell itself. It forks for each `$(…)`.
                let Some(shell) = &loader.shell else { return false };
                let mut outside =
                    ancestors.iter().skip_while(|process| shell.is(&process.executable, &process.args));
                let within = outside.next().is_some_and(|process| is(&process.executable, &process.args));
                let reads =
                    shell.is(executable, args) && shell.reads.iter().any(|name| name == basename(path));
                let helps = is(executable, args)
                    && ancestors.first().is_some_and(|process| shell.is(&process.executable, &process.args));
                within && (reads || helps)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "/home/ann";

    fn process(executable: &str, args: &[&str]) -> Process {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Process { executable: executable.into(), args: args.into(), ..Process::default() }
    }

    /// Whether the first of them loads the file; the others started it, the nearest first.
    fn loads(entry: &str, path: &str, processes: &[&Process]) -> bool {
        let secrets = Secrets::builtin().unwrap();
        let entry = secrets.ids().position(|id| id == entry).unwrap();
        let (first, ancestors) = processes.split_first().unwrap();
        secrets.loads(
            u32::try_from(entry).unwrap(),
            path,
            (&first.executable, &first.args),
            ancestors,
            Some(HOME),
        )
    }

    #[test]
    fn direnvs_shell_reads_its_file_and_calls_it_again() {
        let command =
            "eval \"$(\"/usr/bin/direnv\" stdlib)\" && __main__ source_env \"/home/ann/code/.envrc\"";
        let agent = process("/usr/bin/claude", &["claude"]);
        let hook = process("/usr/bin/direnv", &["direnv", "export", "zsh"]);
        let shell = process("/usr/bin/bash", &["bash", "-c", command]);
        let helper = process("/usr/bin/direnv", &["direnv", "dotenv", "bash", "/home/ann/code/.env"]);
        let (rc, env) = ("/home/ann/code/.envrc", "/home/ann/code/.env");
        assert!(loads("dotenv", rc, &[&hook, &agent]));
        assert!(loads("dotenv", rc, &[&shell, &hook, &agent]));
        assert!(loads("dotenv", env, &[&helper, &shell, &shell, &hook, &agent]), "from a subshell");
        // A shell that only talks like it, what direnv's shell reads by itself, what the agent has printed.
        assert!(!loads("dotenv", rc, &[&shell, &agent]));
        assert!(!loads("dotenv", rc, &[&shell]));
        assert!(!loads("dotenv", env, &[&shell, &hook, &agent]));
        assert!(!loads("dotenv", env, &[&helper, &agent]));
        assert!(!loads("dotenv", env, &[&helper, &hook, &agent]));
        let cat = process("/usr/bin/cat", &["cat", ".envrc"]);
        assert!(!loads("dotenv", rc, &[&cat, &shell, &hook, &agent]));
    }

    #[test]
    fn only_settings_are_loaded() {
        let just = process("/usr/bin/just", &["just"]);
        assert!(loads("dotenv", "/home/ann/code/.env", &[&just]));
        assert!(!loads("secrets-file", "/home/ann/code/.secrets", &[&just]));
        assert!(!loads("aws", "/home/ann/.aws/credentials", &[&just]));
    }

    #[test]
    fn mistakes_are_reported() {
        let text = "version: 1\nentries: []\nloaders:\n  - { id: a, programs: [], source: s }\n  - { id: a, programs: [x], source: '' }\n  - { id: b, programs: [x], source: s, prints: ['/x'], odd: 1 }\n";
        let lines: Vec<_> = Secrets::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
        for expected in [
            "yaml:4:24: loaders[0].programs: there are none; list at least one program",
            "yaml:5:11: loaders[1].id: \"a\" is also in line 4",
            "yaml:5:37: loaders[1].source: there is no source",
            "loaders[2].prints[0]: found \"/x\"",
            "loaders[2].odd: there is no such field",
        ] {
            assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
        }
    }
}
