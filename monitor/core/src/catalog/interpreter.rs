//! What an interpreter was told to run: a script, a module, or code that only it has seen.

/// What an interpreter was told to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// With nothing but options before it that cannot load other code.
    File(&'a str),
    /// A script after options that may load other code.
    Prepared(&'a str),
    Module(&'a str),
    /// Code of the command line, or of standard input where it is empty.
    Code(&'a str),
    /// Nothing: it talks to whoever started it, or reads what it is handed.
    Nothing,
}

/// Options of Node.js that load nothing; `wrangler`, `e2b` and `edgio` start themselves with them.
const QUIET: [&str; 5] = [
    "--no-warnings",
    "--no-deprecation",
    "--experimental-vm-modules",
    "--enable-source-maps",
    "--max-http-header-size",
];
/// Flags of Python that only keep code away; `gcloud` starts its own with `-S`.
const ISOLATING: &str = "BEIPSsu";
/// Every flag of Python without a value (CPython:Python/initconfig.c, usage_help).
const PYTHON_FLAGS: &str = "bBdEhiIOPqRsSuvVx?";

/// Options that take the next argument as their value, where they don't hold it themselves.
const VALUES: [(&str, &[&str]); 5] = [
    ("node", &["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"]),
    ("bun", &["-r", "--preload", "--import", "--cwd", "-c", "--config", "--conditions"]),
    ("php", &["-d", "-c", "-z"]),
    ("ruby", &["-I", "-r", "-C"]),
    ("perl", &["-I"]),
];

/// What these runtimes do themselves: install packages, with the person's login at the registry.
const OWN_COMMANDS: [(&str, &[&str]); 2] = [
    (
        "bun",
        &[
            "a", "add", "audit", "ci", "i", "install", "link", "outdated", "patch", "pm", "publish",
            "remove", "rm", "update",
        ],
    ),
    ("deno", &["add", "cache", "i", "install", "outdated", "publish", "remove", "update"]),
];

/// Words of these runtimes before the script.
const RUNS: [(&str, &[&str]); 2] =
    [("bun", &["run", "test", "x"]), ("deno", &["run", "test", "bench", "task", "serve"])];

fn of<'t, T: ?Sized>(table: &'t [(&str, &'t T)], interpreter: &str) -> Option<&'t T> {
    table.iter().find(|(name, _)| interpreter.starts_with(name)).map(|(_, of)| *of)
}

pub fn is_python(interpreter: &str) -> bool {
    interpreter.starts_with("python") || interpreter.starts_with("pypy")
}

/// The module of Python's `-m`: joined to it (`-mpip`), or empty where the next argument names it (`-m`, `-Im`).
pub fn module_option(flag: &str) -> Option<&str> {
    let letters = flag.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
    let (flags, module) = letters.split_once('m')?;
    flags.chars().all(|flag| PYTHON_FLAGS.contains(flag)).then_some(module)
}

/// What `interpreter` (its base name) was told by `args`, its own name first.
pub fn target<'a>(interpreter: &str, args: &'a [String]) -> Target<'a> {
    let first = args.get(1).map(String::as_str).unwrap_or_default();
    if of(&OWN_COMMANDS, interpreter).is_some_and(|words| words.contains(&first)) {
        return Target::Nothing;
    }
    let rest = args.get(1..).unwrap_or_default();
    if is_python(interpreter) {
        return python(rest);
    }
    if of(&RUNS, interpreter).is_some_and(|words| words.contains(&first)) {
        return match general(interpreter, rest.get(1..).unwrap_or_default()) {
            Target::Nothing => Target::File(first),
            target => target,
        };
    }
    general(interpreter, rest)
}

/// Where the script stands among `args`, if the interpreter was told one.
pub fn script_place(interpreter: &str, args: &[String]) -> Option<usize> {
    let (Target::File(script) | Target::Prepared(script)) = target(interpreter, args) else { return None };
    args.iter().position(|arg| std::ptr::eq(arg.as_str(), script))
}

fn python(args: &[String]) -> Target<'_> {
    let mut is_prepared = false;
    let mut rest = args.iter().map(String::as_str);
    while let Some(arg) = rest.next() {
        let Some(flags) = arg.strip_prefix('-') else {
            return if is_prepared { Target::Prepared(arg) } else { Target::File(arg) };
        };
        match flags.find(|flag| !PYTHON_FLAGS.contains(flag)).and_then(|at| flags.split_at_checked(at)) {
            None if flags.is_empty() => return Target::Code(""),
            None => is_prepared |= !flags.chars().all(|flag| ISOLATING.contains(flag)),
            Some((flags, value)) => {
                let joined = value.get(1..).unwrap_or_default();
                is_prepared |= !flags.chars().all(|flag| ISOLATING.contains(flag));
                match value.chars().next() {
                    Some('m') if is_prepared => return Target::Code(""),
                    Some('m') if joined.is_empty() => {
                        return rest.next().map_or(Target::Code(""), Target::Module);
                    }
                    Some('m') => return Target::Module(joined),
                    Some('c') if joined.is_empty() => return Target::Code(rest.next().unwrap_or_default()),
                    Some('c') => return Target::Code(joined),
                    // What is to be warned of may name a class of a module.
                    Some('W' | 'X') => {
                        is_prepared = true;
                        if joined.is_empty() {
                            rest.next();
                        }
                    }
                    _ if arg == "--" => return Target::Code(""),
                    _ => is_prepared = true,
                }
            }
        }
    }
    Target::Nothing
}

fn general<'a>(interpreter: &str, args: &'a [String]) -> Target<'a> {
    let values = of(&VALUES, interpreter).unwrap_or_default();
    let mut is_prepared = false;
    let mut rest = args.iter().map(String::as_str);
    while let Some(arg) = rest.next() {
        if arg == "-" || arg == "--" {
            return Target::Code("");
        }
        let Some(flags) = arg.strip_prefix('-') else {
            return if is_prepared { Target::Prepared(arg) } else { Target::File(arg) };
        };
        let is_node = matches!(interpreter, "node" | "nodejs");
        let (option, _) = arg.split_once('=').unwrap_or((arg, ""));
        if is_node && QUIET.contains(&option) {
            continue;
        }
        if values.contains(&arg) || matches!(flags, "-rcfile" | "-init-file") {
            is_prepared |= values.contains(&arg);
            rest.next();
            continue;
        }
        let holds_its_value = values.iter().any(|option| option.len() == 2 && arg.starts_with(option));
        let code = if interpreter.starts_with("php") { &['r'][..] } else { &['c', 'e', 'p'][..] };
        let is_code = !flags.starts_with('-') && flags.contains(code) && !holds_its_value;
        if is_code || ["-eval", "-print"].iter().any(|option| flags.starts_with(option)) {
            return Target::Code(rest.next().unwrap_or_default());
        }
        is_prepared = true;
    }
    Target::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, &'static str) {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (what, kind) = match target(&args[0], &args) {
            Target::File(path) => (path, "file"),
            Target::Prepared(path) => (path, "prepared"),
            Target::Module(name) => (name, "module"),
            Target::Code(text) => (text, "code"),
            Target::Nothing => ("", "nothing"),
        };
        (what.to_owned(), kind)
    }

    #[test]
    fn pythons_options_are_read_as_python_does() {
        for (line, what, kind) in [
            ("python3 -m pip install x", "pip", "module"),
            ("python3.12 -mpip install x", "pip", "module"),
            ("python -Ssm pip", "pip", "module"),
            ("python -Impip", "pip", "module"),
            ("python -u -m twine", "twine", "module"),
            ("python -X dev -m twine", "", "code"),
            ("python -W error x.py", "x.py", "prepared"),
            ("python -Werror x.py", "x.py", "prepared"),
            ("python -S /x/gcloud.py", "/x/gcloud.py", "file"),
            ("python -c import(x) a", "import(x)", "code"),
            ("python -Scimport(x)", "import(x)", "code"),
            ("python -", "", "code"),
            ("python - a.py", "", "code"),
            ("python", "", "nothing"),
            ("python -i", "", "nothing"),
            ("pypy3 -mpip", "pip", "module"),
        ] {
            assert_eq!(read(line), (what.to_owned(), kind), "{line}");
        }
    }

    #[test]
    fn values_of_options_are_no_scripts() {
        for (line, what, kind) in [
            ("node x.js", "x.js", "file"),
            ("node --no-warnings x.js", "x.js", "file"),
            ("node --enable-source-maps /usr/bin/e2b", "/usr/bin/e2b", "file"),
            ("node --max-http-header-size=65536 x.js", "x.js", "file"),
            ("node -r dotenv/config x.js", "x.js", "prepared"),
            ("node --max-old-space-size=1 /a/bin/gemini", "/a/bin/gemini", "prepared"),
            ("node -e code", "code", "code"),
            ("node -pe code", "code", "code"),
            ("node --eval code", "code", "code"),
            ("php8.2 -d memory_limit=-1 vendor/bin/phpunit", "vendor/bin/phpunit", "prepared"),
            ("php -ddisplay_errors=1 x.php", "x.php", "prepared"),
            ("php -r code", "code", "code"),
            ("ruby -I lib -rset x.rb", "x.rb", "prepared"),
            ("bun run x.ts", "x.ts", "file"),
            ("bun x.ts", "x.ts", "file"),
            ("bun test", "test", "file"),
            ("bun install", "", "nothing"),
            ("deno run -A main.ts", "main.ts", "prepared"),
            ("bash -lc code", "code", "code"),
            ("bash --rcfile /x -i", "", "nothing"),
            ("bash", "", "nothing"),
        ] {
            assert_eq!(read(line), (what.to_owned(), kind), "{line}");
        }
    }
}
