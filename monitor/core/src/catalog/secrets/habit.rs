//! Reads by habit: what a program's library looks into unasked, as Python's `requests` does into `~/.netrc` and every
//! cloud's library into its profiles. Such a read says little of what the program wants.

use std::path::Path;

use super::{entry::habits::Habits, owner::names, set::Secrets};
use crate::{
    catalog::{
        interpreter::{Target, target},
        path::{basename, normalise, tilde},
    },
    facts::Grade,
};

/// Who reads: a program, with what is known of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its path, links resolved.
    pub executable: &'a str,
    /// From the program's name on.
    pub args: &'a [String],
    /// The session's home.
    pub home: Option<&'a str>,
    pub workspace: Option<&'a Path>,
}

/// What a read by habit counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habitual<'a> {
    /// Packs and endpoints that the credential is for: there it counts in full.
    pub is_for: &'a [String],
    /// As what it counts where nobody is known.
    pub elsewhere: Grade,
}

/// Words by which code takes in a library: Python's, JavaScript's, Ruby's, Perl's.
const IMPORTS: [&str; 3] = ["import", "require", "use "];

impl Secrets {
    /// What the read of the entry's store at `path` counts for where the program read it by habit; `None` where it is what
    /// the program wants: nobody's library is known for it, its arguments name the store, or it is a one-liner that does.
    #[must_use]
    pub fn habitual(&self, entry: u32, program: Program<'_>, path: &str) -> Option<Habitual<'_>> {
        let entry = self.entry(entry)?;
        let Habits { programs, places, of_installed, elsewhere, is_for, .. } = &entry.habits;
        let name = basename(program.executable);
        let is_interpreter = self.places.interpreters.contains(name);
        // Java has no one-liners: what it runs is always a program.
        let target =
            if is_interpreter { target(name, program.args) } else { Target::File(program.executable) };
        let script = match target {
            Target::File(script) | Target::Prepared(script) => Some(normalise(script)),
            _ => None,
        };
        let is_known = programs.contains(name)
            || script.as_ref().is_some_and(|script| places.is_match(script))
            || (of_installed.contains(name)
                && script.as_ref().is_none_or(|script| self.is_at_home(script, program)));
        let is_wanted =
            match target {
                Target::Module(module) => module == "netrc", // prints the file
                Target::Code(text) if !text.is_empty() => {
                    !takes_in_a_library(text) || self.speaks_of(text, path)
                }
                _ => false,
            } || program.args.iter().skip(1).any(|arg| names(arg, &normalise(path), program.home));
        let elsewhere = elsewhere.map_or(entry.grade, |most| entry.grade.max(most));
        (is_known && !is_wanted).then_some(Habitual { is_for, elsewhere })
    }

    /// Installed, or part of the project. An install script is neither: its package manager runs it by a bare name.
    fn is_at_home(&self, script: &str, program: Program<'_>) -> bool {
        script.contains("/node_modules/")
            || self.places.contain(script, program.home)
            || program.workspace.is_some_and(|workspace| Path::new(script).starts_with(workspace))
    }

    /// Whether code names the store: the file, or the hidden directory that it lies in.
    fn speaks_of(&self, code: &str, path: &str) -> bool {
        const SHARED: [&str; 3] = [".config", ".local", ".cache"];
        let path = normalise(path);
        let below = tilde(&path, None).unwrap_or(path);
        let file = basename(&below);
        let file_says = !self.generic.names.contains(file) && code.contains(file.trim_start_matches('.'));
        let mut directories = below.split('/').filter(|part| part.starts_with('.') && !SHARED.contains(part));
        file_says || directories.any(|directory| code.contains(directory))
    }
}

fn takes_in_a_library(code: &str) -> bool {
    IMPORTS.iter().any(|word| code.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::catalog::{Document, Documents};

    const HOME: &str = "/home/ann";

    fn is_habit(entry: &str, path: &str, line: &str) -> bool {
        let secrets = Secrets::builtin().unwrap();
        let (number, _) = (0_u32..).zip(secrets.ids()).find(|(_, id)| *id == entry).unwrap();
        // A quoted word is one argument.
        let args: Vec<String> = line
            .split('"')
            .enumerate()
            .flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            })
            .collect();
        let name = &args[0];
        let executable = if name.starts_with('/') { name.clone() } else { format!("/usr/bin/{name}") };
        let workspace = Some(Path::new("/home/ann/work"));
        let program = Program { executable: &executable, args: &args, home: Some(HOME), workspace };
        secrets.habitual(number, program, path).is_some()
    }

    #[test]
    fn a_habit_is_told_from_what_is_meant_by_what_the_interpreter_runs() {
        let netrc = |line| is_habit("netrc", "/home/ann/.netrc", line);
        for line in [
            "python3 app.py",
            "python3.12 -mpip install x",
            "python3 -X dev app.py",
            "python3 -c \"import requests\"",
            "python3 -",
            "python3",
        ] {
            assert!(netrc(line), "{line}");
        }
        for line in [
            "python3 -m netrc",
            "python3 -mnetrc",
            "python3 -c x",
            "python3 -c \"import netrc\"",
            "python3 -c \"import os; os.open(os.path.expanduser('~/.netrc'), 0)\"",
            "python3 app.py /home/ann/.netrc",
            "cat x",
            "node app.js",
        ] {
            assert!(!netrc(line), "{line}");
        }
    }

    #[test]
    fn a_file_of_a_general_name_is_named_by_its_directory() {
        let aws = |line| is_habit("aws", "/home/ann/.aws/credentials", line);
        assert!(aws("node -e \"require('@aws-sdk/credential-providers')\""), "no mention of the place");
        assert!(!aws("node -e \"require('fs').readFileSync('/home/ann/.aws/credentials')\""));
        assert!(aws("/tmp/go-build17/b001/s3.test -test.v") && aws("/home/ann/work/target/debug/deps/s3-1f"));
        assert!(!aws("/home/ann/work/bin/s3") && aws("java -cp x Main"));
    }

    #[test]
    fn what_must_be_installed_is_no_habit_elsewhere() {
        let npmrc = |line| is_habit("npm-user", "/home/ann/.npmrc", line);
        for line in [
            "node /home/ann/work/node_modules/.bin/lint",
            "node --max-old-space-size=4096 /usr/bin/gemini",
            "node /home/ann/work/tools/versions.mjs",
            "/home/ann/.bun/bin/bun run /home/ann/work/x.ts",
            "/home/ann/.npm/_npx/1/node_modules/opencode-ai/bin/opencode.exe",
        ] {
            assert!(npmrc(line), "{line}");
        }
        for line in
            ["node postinstall.js", "node /tmp/x.mjs", "/home/ann/.bun/bin/bun /tmp/x.ts", "ruby x.rb"]
        {
            assert!(!npmrc(line), "{line}");
        }
    }

    #[test]
    fn every_habit_of_the_catalogue_is_for_something_that_the_destinations_know() {
        assert!(Catalog::builtin().unwrap().for_nothing().is_empty());
        let text = "version: 1\nentries:\n  - { id: a, class: ssh, grade: A, paths: [~/.x], for: [aws, awz, github], source: s }\n";
        let secrets = Document::Text { file: "secrets.yaml".to_owned(), text: text.to_owned() };
        let documents = Documents { secrets, ..Documents::default() };
        insta::assert_snapshot!(Catalog::read(&documents).unwrap_err(), @r#"
        secrets.yaml:3:62: entries[0].for[1]: destinations.yaml has no pack and no endpoint "awz"; expected a pack or the id of an endpoint; did you mean "aws"?
              - { id: a, class: ssh, grade: A, paths: [~/.x], for: [aws, awz, github], …
                                                                         ^^^
        "#);
    }
}
