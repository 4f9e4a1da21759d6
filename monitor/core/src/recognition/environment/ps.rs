//! Does a `ps` show environments? Its arguments, parsed as procps does (procps-ng 4.0.2, src/ps/parser.c, and tried on it).
//!
//! procps 4 opens every `/proc/PID/environ` for any listing with the command (`ps`, `ps aux`, `ps -ef`, `ps -o args`: one
//! open a process, traced), and shows them with BSD's option `e` alone. So the arguments decide, not the opens.
//! `PS_PERSONALITY` and `PS_FORMAT` are not looked at: they cannot add what `e` does.

/// Letters of Unix' options that are followed by a value, in the same argument or in the next.
const UNIX_VALUES: &str = "CGUOgknopqstu";
/// Unix' options without one.
const UNIX_FLAGS: &str = "AFHLMNPTVZacdefjlmwy";
/// BSD's options with a value.
const BSD_VALUES: &str = "NOUknopqt";
/// Long options with a value, which stands in the next argument where no `=` joins it.
const LONG_VALUES: [&str; 18] = [
    "cols",
    "columns",
    "width",
    "rows",
    "lines",
    "format",
    "sort",
    "pid",
    "ppid",
    "quick-pid",
    "user",
    "User",
    "group",
    "Group",
    "sid",
    "tty",
    "signames",
    "delimiter",
];

/// How the arguments without a value are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// A dash says which.
    Mixed,
    /// BSD's, dash or none: where they make no sense as Unix' (`ps -aux`).
    Bsd,
}

/// Whether the listing that `args`, without the program's own name, ask for shows environments.
pub fn shows_environments(args: &[String]) -> bool {
    shows(args, Dialect::Mixed).unwrap_or_else(|| shows(args, Dialect::Bsd).unwrap_or_default())
}

/// `None` where the arguments make no sense in the dialect.
fn shows(args: &[String], dialect: Dialect) -> Option<bool> {
    let mut rest = args.iter().map(String::as_str);
    let mut shows = false;
    while let Some(arg) = rest.next() {
        let (letters, values) = match (arg.strip_prefix("--"), arg.strip_prefix('-')) {
            (Some(long), _) => {
                let value = if LONG_VALUES.contains(&long) { rest.next() } else { None };
                let format = if long == "format" { value } else { long.strip_prefix("format=") };
                shows |= format.is_some_and(names_environment);
                continue;
            }
            (None, Some(letters)) if dialect == Dialect::Mixed => (letters, UNIX_VALUES),
            (None, Some(letters)) => (letters, BSD_VALUES),
            // A process' number.
            (None, None) if arg.starts_with(|first: char| first.is_ascii_digit()) => continue,
            (None, None) => (arg, BSD_VALUES),
        };
        let is_unix = arg.starts_with('-') && dialect == Dialect::Mixed;
        for (at, letter) in letters.char_indices() {
            if values.contains(letter) {
                let joined = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                if is_unix && letter == 'u' && is_bsds(joined) {
                    return None;
                }
                let value = if joined.is_empty() { rest.next().unwrap_or_default() } else { joined };
                shows |= matches!(letter, 'o' | 'O') && names_environment(value);
                break;
            }
            match is_unix {
                true if !UNIX_FLAGS.contains(letter) => return None,
                true => {}
                false => shows |= letter == 'e',
            }
        }
    }
    Some(shows)
}

/// `-aux`: there is no user `x`, so procps reads BSD's options instead.
fn is_bsds(user: &str) -> bool {
    user.starts_with('x') && user.chars().all(|letter| "acefghjlmrsuvwxSHLTXZ".contains(letter))
}

fn names_environment(format: &str) -> bool {
    format.split([',', ' ']).any(|field| field.split('=').next() == Some("environ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(line: &str) -> bool {
        let args: Vec<String> = line.split(' ').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
        shows_environments(&args)
    }

    /// Each was run, beside a process with a marker in its environment.
    #[test]
    fn what_procps_shows_no_environment_for() {
        for line in [
            "",
            "aux",
            "-aux",
            "-axo pid,cmd",
            "-e",
            "-ef",
            "-efe",
            "-Ae",
            "-ea",
            "-eww",
            "-eLf",
            "-eo pid,cmd",
            "-o pid,cmd -C postgres",
            "-ouser,pid,cmd -p 7",
            "-C node",
            "-Cnode",
            "-C sleep -fe",
            "-fLp 7 -e",
            "-u ann",
            "-u e -f",
            "-uroot",
            "-t pts/e",
            "-G e",
            "-g e",
            "-s 1",
            "U root",
            "p 7",
            "pe 7",
            "-e --user root",
            "--user e",
            "--ppid e",
            "--sort -pcpu",
            "-e --sort=-rss",
            "x k e",
            "xke",
            "--cols e",
            "axuw --cols 200",
            "t e",
            "-p 1 -o args=",
            "xocmd",
        ] {
            assert!(!shows(line), "ps {line}");
        }
    }

    #[test]
    fn what_procps_shows_environments_for() {
        for line in [
            "e",
            "xe",
            "axe",
            "auxe --sort=-pcpu",
            "axeww",
            "xeww",
            "-auxe",
            "-axe",
            "-eaux",
            "-aeux",
            "-uxe",
            "-xe",
            "-xwwe",
            "-auxwwe",
            "e -C sleep",
            "-C sleep e",
            "eo pid,cmd -p 7",
            "ep 7",
            "eU root",
            "-A e",
            "-N e",
            "-q 7 e",
            "-p 7 --format pid,cmd e",
            "-O pid e x",
            "xO pid e",
            "x o user,pid,args e",
            "xf e",
            "x -f e",
            "x c e",
            "-x -e",
            "-C sleep --sort pid e",
            "7 e",
            "-o environ",
            "--format=pid,environ",
        ] {
            assert!(shows(line), "ps {line}");
        }
    }
}
