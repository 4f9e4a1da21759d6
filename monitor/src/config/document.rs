//! From TOML to [`Config`]: each key is read on its own, so that one mistake does not hide the next.

use std::{collections::BTreeMap, path::Path};

use toml::de::DeTable;

use super::{
    desktop::Desktop,
    factor_policy::FactorPolicy,
    longest, notify,
    on_full::OnFull,
    reader::{Reader, Value},
    shared_terminal::SharedTerminal,
    terminal::Terminal,
    unattended::Unattended,
    values::Config,
};
use interlock_core::{
    facts::Mode,
    problem::{Problem, Problems},
};

const KEYS: [&str; 26] = [
    "approvers",
    "break_glass_most",
    "catalog",
    "cgroup",
    "desktop",
    "factor",
    "kubernetes",
    "log",
    "metrics",
    "mode",
    "notify",
    "on_full",
    "package_managers",
    "pause",
    "pins",
    "resolvers",
    "risk_budget",
    "roles",
    "rules",
    "sessions_per_user",
    "shared_terminal",
    "socket",
    "state",
    "terminal",
    "unattended",
    "watch_below",
];

const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
const FACTOR: [(&str, FactorPolicy); 2] =
    [("if-enrolled", FactorPolicy::IfEnrolled), ("by-rule", FactorPolicy::ByRule)];
const ON_FULL: [(&str, OnFull); 2] = [("hold", OnFull::Hold), ("degrade", OnFull::Degrade)];
const SHARED_TERMINAL: [(&str, SharedTerminal); 3] = [
    ("detect", SharedTerminal::Detect),
    ("refuse", SharedTerminal::Refuse),
    ("allow", SharedTerminal::Allow),
];
const DESKTOP: [(&str, Desktop); 2] = [("show", Desktop::Show), ("decide", Desktop::Decide)];
const TERMINAL: [(&str, Terminal); 4] =
    [("line", Terminal::Line), ("title", Terminal::Title), ("bell", Terminal::Bell), ("off", Terminal::Off)];
/// Whether they are asked.
const PACKAGE_MANAGERS: [(&str, bool); 2] = [("ask", true), ("never", false)];
const UNATTENDED: [(&str, Unattended); 3] =
    [("detect", Unattended::Detect), ("always", Unattended::Always), ("never", Unattended::Never)];

/// What the files say, each over those before it.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// With the default for each key that is absent or has a problem.
    pub config: Config,
    pub problems: Problems,
    /// The place of each key's value, where it was said last, ready to be reported; `notify` by target, as `notify[0]`.
    pub places: BTreeMap<String, Problem>,
}

impl Document {
    /// Reads one more file: a key replaces what an earlier file says of it, a role of `roles` by itself, and the tables of `notify`
    /// are added.
    pub(super) fn add(&mut self, text: &str, file: &Path) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let name = file.display().to_string();
        let mut reader = Reader::new(&name, text);
        for error in errors {
            reader.refuse_bytes(
                error.span().unwrap_or_default(),
                "",
                format!("not TOML: {}", error.message()),
            );
        }
        self.config.files.push(file.into());
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            if !KEYS.contains(&name) {
                reader.refuse_key(key.span(), name, name, &KEYS);
                continue;
            }
            let before = self.config.notify.len();
            set(&mut self.config, name, value, &mut reader);
            if name == "notify" {
                // By its number among all, and named by the one in its file.
                for target in before..self.config.notify.len() {
                    let place = reader.place(value, &format!("notify[{}]", target - before));
                    self.places.insert(format!("notify[{target}]"), place);
                }
            } else {
                self.places.insert(name.to_owned(), reader.place(value, name));
            }
        }
        // In the order of the files: each one's own are sorted.
        self.problems.0.extend(reader.finish().0);
    }
}

fn set(config: &mut Config, key: &str, value: &Value<'_>, reader: &mut Reader<'_>) {
    match key {
        "socket" => put(&mut config.socket, reader.absolute(value, key, PATH)),
        "state" => put(&mut config.state, reader.absolute(value, key, PATH)),
        "rules" => {
            config.builtin_rules = text(value) == Some("builtin");
            config.rules = match config.builtin_rules {
                true => None,
                false => reader.absolute(value, key, "an absolute path, or \"builtin\""),
            };
        }
        "catalog" => put_some(&mut config.catalog, reader.absolute(value, key, PATH)),
        "cgroup" => put_some(&mut config.cgroup, reader.absolute(value, key, PATH)),
        "pins" if text(value) == Some("none") => config.pins = None,
        "pins" => put_some(&mut config.pins, reader.absolute(value, key, "an absolute path, or \"none\"")),
        "metrics" if text(value) == Some("none") => config.metrics = None,
        "metrics" => put_some(&mut config.metrics, reader.socket_address(value, key)),
        "mode" => put(&mut config.mode, reader.one_of(value, key, &MODES)),
        "approvers" => put(&mut config.approvers, reader.approvers(value, key)),
        "roles" => reader.roles(value, key, &mut config.roles),
        "shared_terminal" => put(&mut config.shared_terminal, reader.one_of(value, key, &SHARED_TERMINAL)),
        "desktop" => put(&mut config.desktop, reader.one_of(value, key, &DESKTOP)),
        "terminal" => put(&mut config.terminal, reader.one_of(value, key, &TERMINAL)),
        "package_managers" => {
            put(&mut config.asks_package_managers, reader.one_of(value, key, &PACKAGE_MANAGERS));
        }
        "risk_budget" => {
            put(&mut config.risk_budget, reader.number(value, key, "a whole number of points, 1 or more"));
        }
        "sessions_per_user" => {
            let most = reader.number(value, key, "a number of sessions, 1 or more");
            put(&mut config.sessions_per_user, most.and_then(|most| usize::try_from(most).ok()));
        }
        "kubernetes" => reader.kubernetes(value, key, &mut config.kubernetes),
        "notify" => notify::targets(value, reader, &mut config.notify),
        "break_glass_most" => put(&mut config.break_glass_most, reader.span(value, key, longest::SPAN)),
        "pause" if text(value) == Some("off") => config.pause = None,
        "pause" => put_some(&mut config.pause, reader.span(value, key, SPAN_OR_OFF)),
        "factor" => put(&mut config.factor, reader.one_of(value, key, &FACTOR)),
        "on_full" => put(&mut config.on_full, reader.one_of(value, key, &ON_FULL)),
        "unattended" => put(&mut config.unattended, reader.one_of(value, key, &UNATTENDED)),
        "watch_below" => put_some(&mut config.watch_below, reader.number(value, key, "a process id")),
        "resolvers" => put(&mut config.resolvers, reader.addresses(value, key)),
        "log" => put(&mut config.log, reader.log_filter(value, key)),
        _ => {}
    }
}

const SPAN_OR_OFF: &str = "a time such as 90s, 15m or 1h, at most 24h, as a string, or \"off\"";
const PATH: &str = "an absolute path, as a string";

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.get_ref().as_str()
}

/// What could not be read keeps its default, and was noted.
fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn put_some<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}
