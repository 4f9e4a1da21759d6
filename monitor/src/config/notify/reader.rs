//! From `[[notify]]` to [`Target`]s: each key is read on its own, and every mistake of every table is told.

use toml::de::{DeTable, DeValue};

use super::{
    draft::Draft,
    quiet::Quiet,
    required,
    target::{Class, Given, Kind, Target},
};
use crate::config::{
    longest::SPAN,
    reader::{Reader, Value},
};
use interlock_core::{facts::Severity, words::Word as _};

const KEYS: [&str; 21] = [
    "ca_file",
    "channel",
    "chat",
    "escalate_after",
    "events",
    "insecure",
    "kind",
    "name",
    "quiet",
    "quiet_except",
    "room",
    "rules",
    "secret_file",
    "severity",
    "to",
    "token_file",
    "topic",
    "topic_file",
    "url",
    "url_file",
    "users",
];

/// More targets than anybody answers to.
const TARGETS: usize = 32;
const PATH: &str = "an absolute path, as a string";

/// Reads the value of `notify`, and adds its targets to those of earlier files. What has a mistake is left out, and was noted.
pub fn targets(value: &Value<'_>, reader: &mut Reader<'_>, all: &mut Vec<Target>) {
    let Some(list) = value.get_ref().as_array() else {
        reader.refuse_found::<()>(value, "notify", "tables, each begun by [[notify]]");
        return;
    };
    let count = all.len() + list.len();
    if count > TARGETS {
        reader.refuse(value, "notify", format!("found {count} targets"), "at most 32");
    }
    let read = |(place, item): (usize, &Value<'_>)| {
        let at = format!("notify[{place}]");
        match item.get_ref() {
            DeValue::Table(table) => target(item, table, &at, reader),
            _ => reader.refuse_found(item, &at, "a table of the keys name, kind, url …"),
        }
    };
    let earlier = all.len();
    all.extend(list.iter().enumerate().filter_map(read));
    required::check_names(list, all, earlier, reader);
}

fn target(item: &Value<'_>, table: &DeTable<'_>, at: &str, reader: &mut Reader<'_>) -> Option<Target> {
    let before = reader.count();
    let mut draft = Draft::default();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if KEYS.contains(&name) {
            set(&mut draft, name, value, &format!("{at}.{name}"), reader);
        } else {
            reader.refuse_key(key.span(), &format!("{at}.{name}"), name, &KEYS);
        }
    }
    required::check(item, table, &draft, at, reader);
    if reader.count() > before {
        return None;
    }
    let kind = draft.kind?;
    Some(Target {
        name: draft.name?,
        kind,
        url: draft.url.or_else(|| required::default_url(kind))?,
        place: draft.place,
        token: draft.token,
        secret: draft.secret,
        events: draft.events.unwrap_or_else(|| Class::DEFAULT.to_vec()),
        severity: draft.severity.unwrap_or(Severity::Low),
        users: draft.users,
        rules: draft.rules,
        quiet: draft.quiet,
        // Whoever is woken decides worse, and silence is safe: it freezes. A critical hold is an incident.
        quiet_except: draft.quiet_except.unwrap_or(Some(Severity::Critical)),
        escalate_after: draft.escalate_after,
        to: draft.to,
        insecure: draft.insecure,
        ca_file: draft.ca_file,
    })
}

fn set(draft: &mut Draft, key: &str, value: &Value<'_>, at: &str, reader: &mut Reader<'_>) {
    match key {
        "name" => draft.name = name(value, at, reader),
        "kind" => draft.kind = reader.one_of(value, at, Kind::WORDS),
        "url" => draft.url = text(value, at, "a URL, as a string", reader).map(Given::Text),
        "url_file" => draft.url = reader.absolute(value, at, PATH).map(Given::File),
        "topic" | "channel" | "room" | "chat" => {
            draft.place = text(value, at, "a name, as a string", reader).map(Given::Text);
        }
        "topic_file" => draft.place = reader.absolute(value, at, PATH).map(Given::File),
        "token_file" => draft.token = reader.absolute(value, at, PATH),
        "secret_file" => draft.secret = reader.absolute(value, at, PATH),
        "ca_file" => draft.ca_file = reader.absolute(value, at, PATH),
        "events" => draft.events = classes(value, at, reader),
        "severity" => draft.severity = reader.one_of(value, at, Severity::WORDS),
        "users" => draft.users = reader.users(value, at).unwrap_or_default(),
        "rules" => draft.rules = texts(value, at, reader),
        "quiet" => {
            draft.quiet = value
                .get_ref()
                .as_str()
                .and_then(Quiet::parse)
                .or_else(|| reader.refuse_found(value, at, "a span of the day, such as \"22:00-07:00\""));
        }
        "quiet_except" => draft.quiet_except = reader.one_of(value, at, &QUIET_EXCEPT),
        "escalate_after" => draft.escalate_after = reader.span(value, at, SPAN),
        "to" => draft.to = name(value, at, reader),
        "insecure" => draft.insecure = boolean(value, at, reader).unwrap_or_default(),
        _ => {}
    }
}

const QUIET_EXCEPT: [(&str, Option<Severity>); 5] = [
    ("low", Some(Severity::Low)),
    ("medium", Some(Severity::Medium)),
    ("high", Some(Severity::High)),
    ("critical", Some(Severity::Critical)),
    ("none", None),
];

/// It stands in names of files and of metrics.
fn name(value: &Value<'_>, at: &str, reader: &mut Reader<'_>) -> Option<String> {
    let fits = |text: &&str| {
        (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let name = value.get_ref().as_str().filter(fits).map(str::to_owned);
    name.or_else(|| reader.refuse_found(value, at, "1 to 32 lower-case letters, digits and dashes"))
}

fn text(value: &Value<'_>, at: &str, expected: &str, reader: &mut Reader<'_>) -> Option<String> {
    let fits = |text: &&str| !text.is_empty() && !text.contains(char::is_control);
    let text = value.get_ref().as_str().filter(fits).map(str::to_owned);
    text.or_else(|| reader.refuse_found(value, at, expected))
}

fn texts(value: &Value<'_>, at: &str, reader: &mut Reader<'_>) -> Vec<String> {
    let Some(list) = value.get_ref().as_array() else {
        reader.refuse_found::<()>(value, at, "a list of ids of rules");
        return Vec::new();
    };
    let read = |(place, item)| text(item, &format!("{at}[{place}]"), "the id of a rule", reader);
    list.iter().enumerate().filter_map(read).collect()
}

fn classes(value: &Value<'_>, at: &str, reader: &mut Reader<'_>) -> Option<Vec<Class>> {
    let Some(list) = value.get_ref().as_array() else {
        return reader.refuse_found(value, at, "a list, such as [\"hold\", \"decided\", \"freeze\"]");
    };
    let read = |(place, item)| reader.one_of(item, &format!("{at}[{place}]"), Class::WORDS);
    Some(list.iter().enumerate().filter_map(read).collect())
}

fn boolean(value: &Value<'_>, at: &str, reader: &mut Reader<'_>) -> Option<bool> {
    value.get_ref().as_bool().or_else(|| reader.refuse_found(value, at, "true or false"))
}
