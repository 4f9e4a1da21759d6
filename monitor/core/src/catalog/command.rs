//! Commands: patterns such as `docker run|exec`, and the invocations they are compared with.
//!
//! An agent can always find another way to say the same, so a match is evidence, and the lack of one proves nothing.

use std::collections::HashSet;

use super::{
    interpreter::{is_python, module_option},
    path::basename,
    pattern::wildcard,
    program::{interpreted, script_names},
};

/// Base names of programs, plain or with a `*` at the end.
#[derive(Debug, Default)]
pub struct Programs {
    plain: HashSet<String>,
    prefixes: Vec<String>,
}

impl Programs {
    pub fn new(names: Vec<String>) -> Self {
        let (prefixes, plain): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with('*'));
        let prefixes = prefixes.iter().map(|name| name.trim_end_matches('*').to_owned()).collect();
        Self { plain: plain.into_iter().collect(), prefixes }
    }

    /// Whether the program is one of them, wrapped, versioned or as it is.
    pub fn contains(&self, base: &str) -> bool {
        self.known(base).is_some()
    }

    /// Whether exactly this name is listed.
    pub fn lists(&self, name: &str) -> bool {
        self.plain.contains(name)
    }

    /// The name by which the program is one of them: `php` for `php8.2`.
    pub fn known<'a>(&self, base: &'a str) -> Option<&'a str> {
        script_names(base).find(|name| {
            self.plain.contains(*name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
        })
    }
}

/// What was run: the program's base name (a script's own where an interpreter runs it) and its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// The names that the program stands for, its own first. Read once: hundreds of patterns are compared with them.
    names: [&'a str; NAMES_MAX],
    args: &'a [String],
}

/// More than one name is rare, more than two a wrapper's wrapper.
const NAMES_MAX: usize = 6;

impl<'a> Invocation<'a> {
    /// `args` begin with the program's name, as the kernel reports them.
    ///
    /// `interpreters`, and programs such as `busybox`, stand for what their first argument names, options left out; `-m
    /// NAME` counts as the module's name.
    pub fn new(executable: &'a str, args: &'a [String], interpreters: &Programs) -> Self {
        let program = basename(executable);
        let direct = Self::of(program, args.get(own_name(executable, args) + 1..).unwrap_or_default());
        if !interpreters.contains(program) {
            return direct;
        }
        for (at, arg) in direct.args.iter().enumerate() {
            let rest = direct.args.get(at + 1..).unwrap_or_default();
            match arg.as_str() {
                "-c" | "-e" | "-p" | "--eval" | "--print" | "-" | "--" => break,
                flag if is_python(program) && module_option(flag).is_some() => {
                    return match module_option(flag) {
                        Some("") | None => {
                            rest.split_first().map_or(direct, |(module, rest)| Self::of(module, rest))
                        }
                        Some(joined) => Self::of(joined, rest),
                    };
                }
                flag if is_option(flag) => {}
                script => return Self::of(basename(script), rest),
            }
        }
        direct
    }

    fn of(program: &'a str, args: &'a [String]) -> Self {
        let mut names = [""; NAMES_MAX];
        names.iter_mut().zip(script_names(program)).for_each(|(place, name)| *place = name);
        Self { names, args }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.names.into_iter().take_while(|name| !name.is_empty())
    }

    /// The arguments that follow the program's name.
    pub fn args(&self) -> &'a [String] {
        self.args
    }
}

/// Where the program's own name stands.
fn own_name(executable: &str, args: &[String]) -> usize {
    interpreted(executable, args).map_or(0, |script| script.place)
}

/// Options that take the next argument as their value, so that it is not taken for a command: `-H`, `--context`.
pub type ValueOptions = HashSet<String>;

/// A pattern of a command, as `docs/catalogues.md` describes it: `docker run|exec`, `crontab !-l`, `grep -r|-R`.
#[derive(Debug)]
pub struct CommandPattern {
    programs: Vec<String>,
    /// One set of words for each place after the program, options left out.
    words: Vec<Words>,
    /// Each must be given, in any of its spellings.
    options: Vec<Vec<String>>,
    /// None may be given.
    refused: Vec<String>,
}

#[derive(Debug)]
struct Words {
    any_of: Vec<String>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `run|exec`: one of the words.
    Holds,
    /// `!ls`: another word, or none.
    Lacks,
    /// `^ls`: another word.
    HoldsAnother,
}

impl Words {
    fn allow(&self, word: Option<&str>) -> bool {
        let listed = word.is_some_and(|word| self.any_of.iter().any(|any| wildcard(any, word)));
        match self.place {
            Place::Holds => listed,
            Place::Lacks => !listed,
            Place::HoldsAnother => word.is_some() && !listed,
        }
    }
}

impl CommandPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Returns what was expected, for a pattern that could never match or always would.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.split_whitespace();
        let programs = alternatives(parts.next().ok_or("a program's name")?);
        if programs
            .iter()
            .any(|program| program.is_empty() || program.starts_with('*') || program.contains(['/', '!']))
        {
            return Err("base names of programs, `|` between them");
        }
        let mut pattern = Self { programs, words: Vec::new(), options: Vec::new(), refused: Vec::new() };
        for part in parts {
            let (place, part) = match part.split_at_checked(1) {
                Some(("!", rest)) => (Place::Lacks, rest),
                Some(("^", rest)) => (Place::HoldsAnother, rest),
                _ => (Place::Holds, part),
            };
            let any_of = alternatives(part);
            let options = any_of.iter().filter(|word| is_option(word)).count();
            if any_of.iter().any(String::is_empty) {
                return Err("a word before and after each `|`");
            }
            match (options, place) {
                (0, _) => pattern.words.push(Words { any_of, place }),
                (count, _) if count < any_of.len() => {
                    return Err("options or words, not both in one part");
                }
                (_, Place::Lacks) => pattern.refused.extend(any_of),
                (_, Place::Holds) => pattern.options.push(any_of),
                (_, Place::HoldsAnother) => return Err("`!` before an option, not `^`"),
            }
        }
        Ok(pattern)
    }

    /// Whether the invocation is one of those that the pattern means.
    pub fn matches(&self, invocation: Invocation<'_>, values: &ValueOptions) -> bool {
        self.is_of_program(invocation) && self.allows(&Given::read(invocation.args, values))
    }

    /// What follows the pattern's last word, where the invocation is one of those that the pattern means.
    pub fn rest<'a>(&self, invocation: Invocation<'a>, values: &ValueOptions) -> Option<&'a [String]> {
        if !self.is_of_program(invocation) {
            return None;
        }
        let given = Given::read(invocation.args, values);
        let last = self.words.len().checked_sub(1).and_then(|place| given.words.get(place));
        let rest = invocation.args.get(last.map_or(0, |(at, _)| at + 1)..)?;
        self.allows(&given).then_some(rest)
    }

    fn is_of_program(&self, invocation: Invocation<'_>) -> bool {
        let mut names = invocation.names();
        names.any(|name| self.programs.iter().any(|program| wildcard(program, name)))
    }

    fn allows(&self, given: &Given<'_>) -> bool {
        let words = self.words.iter().enumerate().all(|(place, words)| words.allow(given.word(place)));
        words
            && self.options.iter().all(|any_of| any_of.iter().any(|option| given.has(option)))
            && !self.refused.iter().any(|option| given.has(option))
    }
}

/// The arguments of an invocation, told apart.
struct Given<'a> {
    /// With their places among the arguments.
    words: Vec<(usize, &'a str)>,
    options: Vec<&'a str>,
    values: &'a ValueOptions,
}

impl<'a> Given<'a> {
    fn read(args: &'a [String], values: &'a ValueOptions) -> Self {
        let mut given = Self { words: Vec::new(), options: Vec::new(), values };
        let mut rest = args.iter().map(String::as_str).enumerate();
        while let Some((at, arg)) = rest.next() {
            if arg == "--" {
                given.words.extend(rest.by_ref());
            } else if is_option(arg) {
                given.options.push(arg);
                if values.contains(arg) {
                    rest.next();
                }
            } else {
                given.words.push((at, arg));
            }
        }
        given
    }

    fn word(&self, place: usize) -> Option<&'a str> {
        self.words.get(place).map(|(_, word)| *word)
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|given| {
            if option.contains('*') {
                return wildcard(option, given);
            }
            let joined =
                given.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
            joined || self.clusters(given, option)
        })
    }

    /// `-r` is in `-rn`, but not in `-fr` where `-f` takes a value.
    fn clusters(&self, given: &str, option: &str) -> bool {
        let (Some(letters), Some(wanted)) = (given.strip_prefix('-'), option.strip_prefix('-')) else {
            return false;
        };
        if letters.starts_with('-') || wanted.chars().count() != 1 {
            return false;
        }
        for letter in letters.chars() {
            if wanted.starts_with(letter) {
                return true;
            }
            if !letter.is_ascii_alphabetic() || self.values.contains(&format!("-{letter}")) {
                return false;
            }
        }
        false
    }
}

fn alternatives(part: &str) -> Vec<String> {
    part.split('|').map(str::to_owned).collect()
}

/// A lone dash is a file: standard input.
pub fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, line: &str) -> bool {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let interpreters = Programs::new(vec!["python3*".into(), "node".into(), "busybox".into()]);
        let values = ["-H", "--context", "-f", "-u"].map(str::to_owned).into();
        let invocation = Invocation::new(&args[0], &args, &interpreters);
        CommandPattern::parse(pattern).unwrap().matches(invocation, &values)
    }

    #[test]
    fn words_count_by_their_place_and_options_by_their_presence() {
        let cases = [
            ("docker run|exec", "/usr/bin/docker run x", true),
            ("docker run|exec", "docker -H tcp://x --context y exec z", true),
            ("docker run|exec", "docker --log-level=debug run z", true),
            ("docker run|exec", "docker logs run", false),
            ("docker run|exec", "docker", false),
            ("docker run|exec", "podman run", false),
            ("gh auth token", "gh auth token --hostname x", true),
            ("gh auth token", "gh auth status", false),
            ("kubectl config view --raw", "kubectl config view -o yaml --raw", true),
            ("kubectl config view --raw", "kubectl config view --raw=true", true),
            ("kubectl config view --raw", "kubectl config view --rawish", false),
            ("kubectl config view --raw", "kubectl config view", false),
            ("grep -r|-R|--recursive", "grep -Rn secret .", true),
            ("grep -r|-R|--recursive", "grep -nHr secret .", false),
            ("grep -r|-R|--recursive", "grep -f r x", false),
            ("crontab !-l", "crontab -", true),
            ("crontab !-l", "crontab", true),
            ("crontab !-l", "crontab -l", false),
            ("crontab !-l", "crontab -u l file", true),
            ("crontab !-l", "crontab -il", false),
            ("at !-l", "at -flc now", true),
            ("tmux !*", "tmux", true),
            ("tmux !*", "tmux ls", false),
            ("tmux !ls|list-*", "tmux list-keys", false),
            ("tmux !ls|list-*", "tmux new", true),
            ("pass ^ls", "pass work/aws", true),
            ("pass ^ls", "pass ls", false),
            ("pass ^ls", "pass", false),
            ("helper-* get", "helper-desktop get", true),
            ("ssh localhost|*@localhost|127.*", "ssh ann@localhost", true),
            ("ssh localhost|*@localhost|127.*", "ssh 127.0.0.1 id", true),
            ("ssh localhost|*@localhost|127.*", "ssh example.com localhost", false),
            ("x run", "x -- run", true),
            ("x --from=*netrc", "x --from=/home/ann/.netrc y", true),
            ("x --from=*netrc", "x --from=/home/ann/.netrc.pub y", false),
            ("x --from=*netrc", "x --into=/home/ann/.netrc", false),
        ];
        for (pattern, line, expected) in cases {
            assert_eq!(matches(pattern, line), expected, "`{pattern}` and `{line}`");
        }
    }

    #[test]
    fn a_script_counts_by_its_own_name() {
        assert!(matches(
            "aws configure export-credentials",
            "/usr/bin/python3.12 /usr/bin/aws configure export-credentials"
        ));
        assert!(matches("azure.cli account", "python3 -Im azure.cli account"));
        assert!(matches("azure.cli account", "python3.12 -Imazure.cli account"));
        assert!(!matches("azure.cli account", "bash -m azure.cli account"));
        assert!(matches("aws s3", "python3 -u /usr/bin/aws s3 ls"));
        assert!(matches("crontab !-l", "busybox crontab -"));
        assert!(!matches("aws configure", "python3 -c /usr/bin/aws configure"));
        assert!(!matches("aws configure", "cat aws configure"));
        assert!(matches("aws s3", "/opt/.aws-wrapped s3 ls") && matches("yarn npm", "yarn-4.6.0.cjs npm"));
        assert!(matches("terraform show", "terraform_1.9 show") && matches("aws s3", "node-22 /opt/aws s3"));
    }

    #[test]
    fn an_executed_script_is_told_from_its_interpreter() {
        let programs = Programs::new(Vec::new());
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["/bin/sh /opt/compose up -d", "/bin/sh -e /opt/compose up -d", "compose up -d"] {
            let args = words(line);
            let run = Invocation::new("/opt/compose", &args, &programs);
            assert_eq!((run.names[0], run.args), ("compose", &words("up -d")[..]), "{line}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_meant_is_refused() {
        for bad in ["", "/usr/bin/docker run", "docker run|", "docker -r|run", "* run", "!docker", "x ^-l"] {
            assert!(CommandPattern::parse(bad).is_err(), "{bad:?}");
        }
    }
}
