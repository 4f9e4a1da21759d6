//! From TOML to [`Config`]: each key is read on its own, so that one mistake does not hide the next.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use tracing_subscriber::EnvFilter;

use super::{
    approvers::{self, Approvers},
    problem::{Problem, Problems},
    shared_terminal::SharedTerminal,
    unattended::Unattended,
    values::Config,
};
use interlock_core::facts::Mode;

const KEYS: [&str; 17] = [
    "approvers",
    "catalog",
    "cgroup",
    "log",
    "metrics",
    "mode",
    "package_managers",
    "pins",
    "resolvers",
    "risk_budget",
    "rules",
    "sessions_per_user",
    "shared_terminal",
    "socket",
    "state",
    "unattended",
    "watch_below",
];

const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
const SHARED_TERMINAL: [(&str, SharedTerminal); 3] = [
    ("detect", SharedTerminal::Detect),
    ("refuse", SharedTerminal::Refuse),
    ("allow", SharedTerminal::Allow),
];
/// Whether they are asked.
const PACKAGE_MANAGERS: [(&str, bool); 2] = [("ask", true), ("never", false)];
const UNATTENDED: [(&str, Unattended); 3] =
    [("detect", Unattended::Detect), ("always", Unattended::Always), ("never", Unattended::Never)];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// With the default for each key that is absent or has a problem.
    pub config: Config,
    pub problems: Problems,
    /// Line of each key, from 1.
    pub lines: BTreeMap<String, usize>,
}

pub(super) fn parse(text: &str, file: &Path) -> Document {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut config = Config { file: Some(file.into()), ..Config::default() };
    let (mut problems, mut lines) = (Problems::default(), BTreeMap::new());
    for error in errors {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        let message = format!("not TOML: {}", error.message());
        problems.push(Problem { file: file.into(), line, key: None, message });
    }
    for (key, value) in table.get_ref() {
        let line = line_of(text, key.span().start);
        lines.insert(key.get_ref().to_string(), line);
        if let Err(message) = set(&mut config, key.get_ref(), value.get_ref()) {
            problems.push(Problem { file: file.into(), line, key: Some(key.get_ref().to_string()), message });
        }
    }
    Document { config, problems, lines }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn set(config: &mut Config, key: &str, value: &DeValue<'_>) -> Result<(), String> {
    match key {
        "socket" => config.socket = absolute(value)?,
        "state" => config.state = absolute(value)?,
        "rules" if value.as_str() == Some("builtin") => config.builtin_rules = true,
        "rules" => config.rules = Some(absolute(value)?),
        "catalog" => config.catalog = Some(absolute(value)?),
        "cgroup" => config.cgroup = Some(absolute(value)?),
        "pins" => config.pins = unless_none(value, absolute)?,
        "metrics" => config.metrics = unless_none(value, address)?,
        "mode" => config.mode = one_of(value, &MODES)?,
        "approvers" => config.approvers = approvers_of(value)?,
        "shared_terminal" => config.shared_terminal = one_of(value, &SHARED_TERMINAL)?,
        "package_managers" => config.asks_package_managers = one_of(value, &PACKAGE_MANAGERS)?,
        "risk_budget" => config.risk_budget = budget(value)?,
        "sessions_per_user" => config.sessions_per_user = sessions(value)?,
        "unattended" => config.unattended = one_of(value, &UNATTENDED)?,
        "watch_below" => config.watch_below = Some(process(value)?),
        "resolvers" => config.resolvers = addresses(value)?,
        "log" => config.log = filter(value)?,
        unknown => return Err(unknown_key(unknown)),
    }
    Ok(())
}

fn process(value: &DeValue<'_>) -> Result<u32, String> {
    let number = value.as_integer().and_then(|number| number.as_str().parse().ok()).filter(|pid| *pid > 0);
    number.ok_or_else(|| format!("is {}; expected a process id", found(value)))
}

fn sessions(value: &DeValue<'_>) -> Result<usize, String> {
    let number = value.as_integer().and_then(|number| number.as_str().parse().ok()).filter(|most| *most > 0);
    number.ok_or_else(|| format!("is {}; expected a number of sessions, 1 or more", found(value)))
}

fn addresses(value: &DeValue<'_>) -> Result<Vec<IpAddr>, String> {
    let expected = "a list of addresses, such as [\"192.0.2.53\", \"2001:db8::53\"]";
    let list = value.as_array().ok_or_else(|| format!("is {}; expected {expected}", found(value)))?;
    let address = |item: &Spanned<DeValue<'_>>| {
        let text = string(item.get_ref(), "an address")?;
        text.parse().map_err(|_| format!("has `{text}`, which is no address; expected {expected}"))
    };
    list.iter().map(address).collect()
}

fn unknown_key(key: &str) -> String {
    let nearest = KEYS.iter().max_by(|a, b| strsim::jaro(key, a).total_cmp(&strsim::jaro(key, b)));
    match nearest {
        Some(nearest) if strsim::jaro(key, nearest) > 0.7 => format!("unknown key; did you mean {nearest}?"),
        _ => format!("unknown key; the keys are {}", KEYS.join(", ")),
    }
}

/// `an integer`, for "is …; expected …".
fn found(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn string<'v>(value: &'v DeValue<'_>, expected: &str) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("is {}; expected {expected}", found(value)))
}

fn absolute(value: &DeValue<'_>) -> Result<PathBuf, String> {
    let expected = "an absolute path, as a string";
    let text = string(value, expected)?;
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err(format!("is {text:?}; expected {expected}")) }
}

fn unless_none<T>(
    value: &DeValue<'_>,
    read: fn(&DeValue<'_>) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value.as_str() == Some("none") {
        return Ok(None);
    }
    read(value).map(Some).map_err(|problem| problem + " or \"none\"")
}

fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let expected = "an address and a port, as \"127.0.0.1:9464\"";
    let text = string(value, expected)?;
    text.parse().map_err(|_| format!("is {text:?}; expected {expected}"))
}

/// One of these words.
fn one_of<T: Copy>(value: &DeValue<'_>, choices: &[(&str, T)]) -> Result<T, String> {
    let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
    let expected = match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    let text = string(value, &expected)?;
    let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, chosen)| *chosen);
    chosen.ok_or_else(|| format!("is {text:?}; expected {expected}"))
}

fn budget(value: &DeValue<'_>) -> Result<u32, String> {
    let expected = "a whole number of points, 1 or more";
    let number = value.as_integer().ok_or_else(|| format!("is {}; expected {expected}", found(value)))?;
    match u32::from_str_radix(number.as_str(), number.radix()) {
        Ok(points @ 1..) => Ok(points),
        _ => Err(format!("is {number}; expected {expected}")),
    }
}

fn filter(value: &DeValue<'_>) -> Result<String, String> {
    let expected = "a log filter, as \"info\" or \"info,interlock::rules=debug\"";
    let text = string(value, expected)?;
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("is {text:?}: {error}; expected {expected}")),
    }
}

fn approvers_of(value: &DeValue<'_>) -> Result<Approvers, String> {
    let expected = "\"owner\", \"root\" or a list of user names and uids";
    match (value.as_str(), value.as_array()) {
        (Some("owner"), _) => Ok(Approvers::Owner),
        (Some("root"), _) => Ok(Approvers::Root),
        (Some(other), _) => Err(format!("is {other:?}; expected {expected}")),
        (None, Some(users)) => users.iter().map(user).collect::<Result<_, _>>().map(Approvers::Users),
        (None, None) => Err(format!("is {}; expected {expected}", found(value))),
    }
}

fn user(value: &Spanned<DeValue<'_>>) -> Result<u32, String> {
    let value = value.get_ref();
    match (value.as_str(), value.as_integer()) {
        (Some(name), _) => approvers::uid(name),
        (None, Some(number)) => u32::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| format!("{number} is not a uid; expected user names or uids")),
        (None, None) => Err(format!("the list contains {}; expected user names or uids", found(value))),
    }
}
