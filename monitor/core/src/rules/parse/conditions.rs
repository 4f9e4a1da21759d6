//! Reads `match:`.

use crate::{
    pods::{SELECTOR, Selector},
    rules::{
        conditions::{
            Age, Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, LinkMatch,
            PodMatch, ProcessMatch, SecretMatch, SessionMatch, Touched,
        },
        duration::duration,
        grammar,
        pattern::{Glob, HostPattern},
    },
    yaml::{Node, Noun, Report, Section, Value, flag, names, number, one_or_more, text, word},
};

pub fn conditions(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Conditions> {
    let section = Section::open(node, path, grammar::MATCH, report)?;
    Some(Conditions {
        secret: section.read("secret", report, secret),
        destination: section.read("destination", report, destination),
        process: section.read("process", report, process),
        environ: section.read("environ", report, environ),
        inspect: section.read("inspect", report, inspect),
        delegate: section.read("delegate", report, delegate),
        link: section.read("link", report, link),
        lifecycle: section.read("lifecycle", report, word),
        agent: section.list("agent", report, agent),
        pod: section.read("pod", report, pod),
        session: section.read("session", report, session),
        touched: section.read("touched", report, touched),
    })
}

/// A mapping without any field says nothing; `any` says it on purpose.
fn not_empty(node: &Node, path: &str, report: &mut Report<'_>) {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        report.add(node.referenced, path, "found an empty mapping").expected("at least one field");
    }
}

fn is_any(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text == "any")
}

fn secret(node: &Node, path: &str, report: &mut Report<'_>) -> Option<SecretMatch> {
    if is_any(node) {
        return Some(SecretMatch::default());
    }
    not_empty(node, path, report);
    if let Value::Text(_) = node.value {
        let problem = report.add(node.referenced, path, format!("found {}", node.value));
        problem.expected(format!("any, or a mapping with {}", names(grammar::SECRET)));
        return None;
    }
    let section = Section::open(node, path, grammar::SECRET, report)?;
    Some(SecretMatch {
        class: section.list("class", report, secret_class),
        grade: section.list("grade", report, word),
        foreign: section.read("foreign", report, flag),
        habit: section.read("habit", report, flag),
        entry: section.list("entry", report, entry),
        path: section.list("path", report, |node, path, report| glob(node, path, report, Glob::path)),
    })
}

fn destination(node: &Node, path: &str, report: &mut Report<'_>) -> Option<DestinationMatch> {
    if is_any(node) {
        return Some(DestinationMatch::default());
    }
    not_empty(node, path, report);
    if !matches!(node.value, Value::Map(_)) {
        let class = one_or_more(node, path, report, word);
        return Some(DestinationMatch { class, ..DestinationMatch::default() });
    }
    let section = Section::open(node, path, grammar::DESTINATION, report)?;
    Some(DestinationMatch {
        class: section.list("class", report, word),
        host: section.list("host", report, host),
        provider: section.list("provider", report, provider),
        port: section.list("port", report, port),
        named: section.read("named", report, flag),
        also: section.read("also", report, word),
    })
}

fn process(node: &Node, path: &str, report: &mut Report<'_>) -> Option<ProcessMatch> {
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::PROCESS, report)?;
    Some(ProcessMatch {
        executable: section
            .list("executable", report, |node, path, report| glob(node, path, report, Glob::path)),
        argv: section.list("argv", report, |node, path, report| glob(node, path, report, Glob::text)),
        owner: section.read("owner", report, flag),
    })
}

fn environ(node: &Node, path: &str, report: &mut Report<'_>) -> Option<EnvironMatch> {
    if is_any(node) {
        return Some(EnvironMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::ENVIRON, report)?;
    Some(EnvironMatch { own: section.read("own", report, flag), how: section.list("how", report, word) })
}

fn inspect(node: &Node, path: &str, report: &mut Report<'_>) -> Option<InspectMatch> {
    if is_any(node) {
        return Some(InspectMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::INSPECT, report)?;
    Some(InspectMatch { own: section.read("own", report, flag), how: section.list("how", report, word) })
}

fn delegate(node: &Node, path: &str, report: &mut Report<'_>) -> Option<DelegateMatch> {
    if is_any(node) {
        return Some(DelegateMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::DELEGATE, report)?;
    Some(DelegateMatch {
        service: section.list("service", report, service),
        how: section.list("how", report, word),
    })
}

fn link(node: &Node, path: &str, report: &mut Report<'_>) -> Option<LinkMatch> {
    if is_any(node) {
        return Some(LinkMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::LINK, report)?;
    Some(LinkMatch { how: section.list("how", report, word) })
}

fn pod(node: &Node, path: &str, report: &mut Report<'_>) -> Option<PodMatch> {
    if is_any(node) {
        return Some(PodMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::POD, report)?;
    Some(PodMatch {
        namespace: section
            .list("namespace", report, |node, path, report| glob(node, path, report, Glob::text)),
        labels: section.read("labels", report, selector),
        service_account: section.list("service_account", report, text),
    })
}

fn selector(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Selector> {
    let selector = text(node, path, report)?.parse();
    let refuse = |why: String| {
        report.add(node.referenced, path, why).expected(SELECTOR);
    };
    selector.map_err(refuse).ok()
}

fn session(node: &Node, path: &str, report: &mut Report<'_>) -> Option<SessionMatch> {
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::SESSION, report)?;
    Some(SessionMatch {
        age: section.read("age", report, age).unwrap_or_default(),
        incomplete: section.read("incomplete", report, flag),
    })
}

fn age(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Age> {
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::AGE, report)?;
    let age =
        Age { over: section.read("over", report, duration), under: section.read("under", report, duration) };
    if let (Some(over), Some(under)) = (age.over, age.under)
        && over >= under
    {
        section.refuse("under", report, "nothing is older than over and younger than under", "swap the two");
    }
    Some(age)
}

fn touched(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Touched> {
    not_empty(node, path, report);
    let section = Section::open(node, path, grammar::TOUCHED, report)?;
    Some(Touched {
        class: section.list("class", report, secret_class),
        grade: section.list("grade", report, word),
        foreign: section.read("foreign", report, flag),
        habit: section.read("habit", report, flag),
        within: section.read("within", report, duration),
    })
}

fn cited(node: &Node, path: &str, report: &mut Report<'_>, noun: Noun) -> Option<String> {
    let name = text(node, path, report)?;
    report.cite(node.referenced, path, noun, &name);
    Some(name)
}

fn secret_class(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    cited(node, path, report, Noun::SecretClass)
}

fn entry(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    cited(node, path, report, Noun::SecretEntry)
}

fn provider(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    cited(node, path, report, Noun::Provider)
}

fn service(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    cited(node, path, report, Noun::Service)
}

fn agent(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    cited(node, path, report, Noun::Agent)
}

fn port(node: &Node, path: &str, report: &mut Report<'_>) -> Option<u16> {
    number::<1, 65535>(node, path, report).and_then(|port| u16::try_from(port).ok())
}

fn host(node: &Node, path: &str, report: &mut Report<'_>) -> Option<HostPattern> {
    let host = text(node, path, report)?;
    let pattern = HostPattern::parse(&host);
    let refuse = |reason: &str| {
        let problem = report.add(node.referenced, path, format!("found {host:?}: {reason}"));
        problem.expected("a host such as api.example.com, or *.example.com for every name below it");
    };
    let pattern = pattern.map_err(refuse).ok()?;
    report.cite(node.referenced, path, Noun::Host, &host);
    Some(pattern)
}

fn glob(
    node: &Node,
    path: &str,
    report: &mut Report<'_>,
    build: fn(&str) -> Result<Glob, String>,
) -> Option<Glob> {
    let pattern = text(node, path, report)?;
    let refuse = |reason: String| {
        let problem = report.add(node.referenced, path, format!("found {pattern:?}: {reason}"));
        problem.expected("a glob such as curl, /usr/bin/* or *delete*");
    };
    build(&pattern).map_err(refuse).ok()
}
