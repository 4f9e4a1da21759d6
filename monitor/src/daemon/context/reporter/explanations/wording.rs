//! What an explanation says of the act that was decided about.

use serde_json::Value;

use interlock_core::{
    facts::{Destination, Fact, NameSource, SecretAccess, Subject},
    holds::target,
    rules::Trace,
    words::Word as _,
};

pub fn headline(name: &str, fact: &Fact, trace: &Trace) -> String {
    let object = match &fact.subject {
        Subject::Open(secret) | Subject::Probe(secret) => secret.path.clone(),
        Subject::Connect(destination) | Subject::Handshake(destination) => target(destination),
        Subject::Environ(access) => format!("environment of {}", access.target),
        Subject::Inspect(access) => format!("process {}", access.target),
        Subject::Delegate(delegation) => format!("{} ({})", delegation.service, delegation.path),
        Subject::Link(relink) => relink.secret.path.clone(),
        Subject::Lifecycle(_) => fact.agent.clone(),
        Subject::Exec => fact.process.command_line(),
    };
    match &trace.verdict.decisive {
        Some(rule) => format!("{name} {object}: {}", rule.summary),
        None => format!("{name} {object}: no rule matched"),
    }
}

/// What the breaker says of a session that it stopped: more than one rule's action can be behind it.
pub fn why_stopped(event: &Value) -> Option<String> {
    let stopped = ["session-frozen", "session-killed", "would-freeze"];
    let name = event.get("event.action")?.as_str()?;
    let why = event.get("message").and_then(Value::as_str).filter(|_| stopped.contains(&name))?;
    Some(format!("what stopped the session: {why}"))
}

/// What a decision was about, and how that is known.
pub fn object(subject: &Subject) -> Vec<String> {
    match subject {
        Subject::Open(secret) | Subject::Probe(secret) => secret_lines(secret),
        Subject::Link(relink) => {
            let mut lines = secret_lines(&relink.secret);
            lines.push(format!("it gets another name: {}", relink.how.word()));
            lines
        }
        Subject::Connect(destination) => destination_lines(destination),
        Subject::Handshake(destination) => {
            let mut lines = destination_lines(destination);
            lines.push("nobody was called yet: the program is stopped before the handshake".to_owned());
            lines
        }
        Subject::Environ(access) => {
            let own = if access.own { "its own" } else { "another process" };
            vec![format!("the environment of process {} ({own}), by {}", access.target, access.how.word())]
        }
        Subject::Inspect(access) => {
            let own = if access.own { "of the same session" } else { "outside of the session" };
            vec![format!("process {}, {own}, by {}", access.target, access.how.word())]
        }
        Subject::Delegate(asked) => {
            vec![format!("the service {}, by {} {}", asked.service, asked.how.word(), asked.path)]
        }
        Subject::Exec | Subject::Lifecycle(_) => Vec::new(),
    }
}

fn secret_lines(secret: &SecretAccess) -> Vec<String> {
    let SecretAccess { path, entry, class, grade, foreign, owner, copy, habit } = secret;
    let place = match (foreign, owner) {
        _ if *copy => "a copy: another session wrote this file after it had read the secret",
        (_, true) => "read by one of its owner tools",
        (true, _) => "foreign: outside of the workspace, and the reader is none of its owner tools",
        (false, _) => "of the session's own workspace",
    };
    let mut lines = vec![
        path.clone(),
        format!("{entry} in the catalogue, class {class}, grade {}; {place}", grade.word()),
    ];
    lines.extend(habit.as_ref().map(|habit| {
        let at = habit.providers.join(", ");
        let at = if at.is_empty() { String::new() } else { format!("at {at}, and ") };
        format!("a library looked into it unasked: it counts {at}where nobody is known")
    }));
    lines
}

fn destination_lines(destination: &Destination) -> Vec<String> {
    let Destination { transport, class, provider, name, named_by, .. } = destination;
    let provider = provider.as_ref().map(|id| format!(", provider {id}")).unwrap_or_default();
    let source = match named_by.filter(|_| name.is_some()) {
        Some(NameSource::ServerName) => "the name is the server name (SNI) in this connection's TLS greeting",
        Some(NameSource::Http) => "the name is the host in this connection's own HTTP request",
        Some(NameSource::Dns) => "the name is from a DNS answer that the session received for this address",
        Some(NameSource::Address) | None => "no name is known; the address and the port are all there is",
    };
    vec![
        format!("{} over {}, class {}{provider}", target(destination), transport.word(), class.word()),
        source.to_owned(),
    ]
}
