//! What a target of each kind needs, and what the targets are to each other.

use toml::de::DeTable;

use super::{
    address::Address,
    draft::Draft,
    target::{Given, Kind, Target},
};
use crate::config::reader::{Reader, Value};
use interlock_core::words::Word as _;

/// Where a service is that everybody reaches at the same place.
pub fn default_url(kind: Kind) -> Option<Given> {
    match kind {
        Kind::Slack => Some(Given::Text("https://slack.com/api".into())),
        Kind::Telegram => Some(Given::Text("https://api.telegram.org".into())),
        Kind::Webhook | Kind::Ntfy | Kind::Matrix => None,
    }
}

/// The key that names a kind's place.
fn place(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Webhook => None,
        Kind::Ntfy => Some("topic"),
        Kind::Slack => Some("channel"),
        Kind::Matrix => Some("room"),
        Kind::Telegram => Some("chat"),
    }
}

/// Whether a table has what its kind needs. A key with a mistake was told already, and counts as there.
pub fn check(item: &Value<'_>, table: &DeTable<'_>, draft: &Draft, at: &str, reader: &mut Reader<'_>) {
    let has = |key: &str| table.get(key).is_some();
    let mut lacks = |message: &str, expected: &str| reader.refuse(item, at, message.to_owned(), expected);
    if !has("name") {
        lacks("no name", "name = \"…\"");
    }
    if has("escalate_after") != has("to") {
        lacks("escalate_after and to say nothing without each other", "both, or neither");
    }
    if !has("kind") {
        lacks("no kind", "kind = \"webhook\", \"ntfy\", \"slack\", \"matrix\" or \"telegram\"");
    }
    let Some(kind) = draft.kind else { return };
    let word = kind.word();
    // A URL of Slack's that needs no token is one itself.
    let by_url_alone = kind == Kind::Slack && !has("channel");
    if by_url_alone && !has("url_file") {
        lacks(
            "a target of Slack's needs a channel and a token, or the URL of an incoming webhook",
            "channel and token_file, or url_file: the URL is a credential",
        );
    } else if !has("url") && !has("url_file") && default_url(kind).is_none() {
        lacks(
            &format!("a target of kind {word} needs a URL"),
            "url, or url_file where the URL is a credential",
        );
    }
    let by_token = matches!(kind, Kind::Matrix | Kind::Telegram) || (kind == Kind::Slack && !by_url_alone);
    if by_token && !has("token_file") {
        lacks(&format!("a target of kind {word} needs a token"), "token_file, readable by root alone");
    }
    let needed = place(kind);
    if let Some(key) = needed.filter(|key| !by_url_alone && !has(key) && !has(&format!("{key}_file"))) {
        lacks(&format!("a target of kind {word} needs a {key}"), &format!("{key} = \"…\""));
    }
    for other in ["topic", "topic_file", "channel", "room", "chat"].into_iter().filter(|key| has(key)) {
        if needed != Some(other.trim_end_matches("_file")) {
            lacks(&format!("a target of kind {word} has no {other}"), needed.unwrap_or("no such key"));
        }
    }
    for (one, other) in [("url", "url_file"), ("topic", "topic_file")] {
        if has(one) && has(other) {
            lacks(&format!("{one} and {other} say the same"), "one of them");
        }
    }
    if has("secret_file") && kind != Kind::Webhook {
        lacks(&format!("a target of kind {word} signs nothing"), "no secret_file");
    }
    if let (Some(Given::Text(url)), Some(place)) = (&draft.url, table.get("url"))
        && let Err(error) = Address::parse(url, draft.insecure)
    {
        reader.refuse(place, &format!("{at}.url"), format!("found {error}"), error.expected());
    }
}

/// Whether each name stands once, and each `to` names another target without coming back. The first `earlier` targets are those of
/// earlier files, which were looked at there.
pub fn check_names(list: &[Value<'_>], targets: &[Target], earlier: usize, reader: &mut Reader<'_>) {
    let (before, own) = targets.split_at(earlier.min(targets.len()));
    let mut seen: Vec<&str> = Vec::new();
    for target in own {
        if seen.contains(&target.name.as_str()) {
            continue;
        }
        seen.push(&target.name);
        let mut named = list.iter().enumerate().filter(|(_, item)| name(item) == Some(&target.name));
        let Some((first, item)) = named.next() else { continue };
        if before.iter().any(|other| other.name == target.name) {
            let message = format!("the name {:?} is that of an earlier file's target too", target.name);
            reader.refuse(value(item, "name"), &format!("notify[{first}].name"), message, "another name");
        }
        if let Some((second, again)) = named.next() {
            let message = format!("the name {:?} is that of notify[{first}] too", target.name);
            reader.refuse(value(again, "name"), &format!("notify[{second}].name"), message, "another name");
        }
        let Some(to) = &target.to else { continue };
        let at = format!("notify[{first}].to");
        if !targets.iter().any(|other| other.name == *to) {
            reader.refuse(
                value(item, "to"),
                &at,
                format!("no target is named {to:?}"),
                "the name of another target, in this file or an earlier one",
            );
        } else if comes_back(targets, target) {
            reader.refuse(
                value(item, "to"),
                &at,
                "the chain of targets comes back to this one".to_owned(),
                "an end",
            );
        }
    }
}

/// The name that a table gives itself.
fn name<'v>(item: &'v Value<'_>) -> Option<&'v str> {
    value(item, "name").get_ref().as_str()
}

/// What a table says of a key; the table itself where it says nothing.
fn value<'v, 'a>(item: &'v Value<'a>, key: &str) -> &'v Value<'a> {
    item.get_ref().as_table().and_then(|table| table.get(key)).unwrap_or(item)
}

fn comes_back(targets: &[Target], from: &Target) -> bool {
    let next = |target: &Target| targets.iter().find(|other| Some(&other.name) == target.to.as_ref());
    let mut at = next(from);
    for _ in targets {
        match at {
            Some(target) if target.name == from.name => return true,
            Some(target) => at = next(target),
            None => return false,
        }
    }
    false
}
