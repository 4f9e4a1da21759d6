//! The fields of a file of cases, in the language's own table form.

use crate::{
    facts::{EnvironHow, InspectHow, Lifecycle, LinkHow, Transport},
    rules::grammar::{Field, NAME, Shape},
    words::words,
};

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: true, shape, about }
}

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: false, shape, about }
}

const RULES: Shape = Shape::Many(&Shape::Form(NAME));

pub const FILE: &[Field] = &[
    required("version", Shape::Number(1, 1), "Version of the format."),
    field("session", Shape::Map(SESSION), "The session of every case that does not say otherwise."),
    required("cases", Shape::List(&Shape::Map(CASE)), "Sessions, and what must be decided."),
];

pub const CASE: &[Field] = &[
    required("name", Shape::Text, "What the case shows."),
    field("session", Shape::Map(SESSION), "Who works where."),
    required("events", Shape::List(&Shape::Map(EVENT)), "What the session does, in its order."),
    field("expect", Shape::Either(&[Shape::Words(outcomes), Shape::Map(EXPECT)]), "The strongest decisions."),
];

pub const SESSION: &[Field] = &[
    field("agent", Shape::Text, "Agent of the catalogue; claude-code."),
    field("home", Shape::Text, "What ~ stands for; /home/ann."),
    field("workspace", Shape::Text, "What is not foreign; /home/ann/work; \"none\" if it is unknown."),
    field("incomplete", Shape::Flag, "Records of the session were lost."),
    field(
        "pod",
        Shape::Either(&[Shape::Words(in_pod), Shape::Map(POD)]),
        "The pod that it began in; none, or unknown: the cluster has not said anything of it.",
    ),
];

pub const POD: &[Field] = &[
    required("namespace", Shape::Text, "Its namespace."),
    field("name", Shape::Text, "Its name; pod."),
    field("labels", Shape::Many(&Shape::Text), "Its labels, each as KEY=VALUE."),
    field("service_account", Shape::Text, "The service account that it runs as; default."),
];

pub const OUTSIDE: &str = "none";
pub const UNKNOWN: &str = "unknown";

fn in_pod() -> Vec<&'static str> {
    vec![OUTSIDE, UNKNOWN]
}

pub const EVENT: &[Field] = &[
    field(
        "at",
        Shape::Form("^([0-9]+(ms|s|m|h))+$"),
        "Since the session began; absent: together with the event before.",
    ),
    field("open", Shape::Text, "A file that is read."),
    field("probe", Shape::Text, "A file that is looked for and not there."),
    field("connect", Shape::Either(&[Shape::Text, Shape::Map(CONNECT)]), "HOST, HOST:PORT, or a mapping."),
    field("exec", COMMAND, "A program that is executed; it then does what follows."),
    field("environ", Shape::Map(ENVIRON), "An environment that is read; `exec: env` is one by itself."),
    field("inspect", Shape::Map(INSPECT), "A process that is reached into."),
    field(
        "delegate",
        Shape::Text,
        "A Unix socket that is connected to, or a file that is written and run later; commands are `exec`.",
    ),
    field("link", Shape::Map(LINK), "A file that gets another name."),
    field("lifecycle", Shape::Words(words::<Lifecycle>), "An end of the session."),
    field("approve", Shape::Form(NAME), "A person approves what the rule holds."),
    field("deny", Shape::Form(NAME), "A person denies what the rule holds."),
    field(
        "silence",
        Shape::Form(NAME),
        "Nobody answers what the rule holds, until its deadline; what follows is that much later.",
    ),
    field("thaw", Shape::Form(NAME), "A person thaws the session that the rule froze, or risk-budget."),
    field("process", COMMAND, "Who does it, or `agent`: the agent itself."),
    field("parent", COMMAND, "Who started what is executed; the agent."),
    field(
        "expect",
        Shape::Either(&[Shape::Words(outcomes), Shape::Map(EXPECT)]),
        "Everything that is decided.",
    ),
];

/// Fields of [`EVENT`] that say what happens.
pub const KINDS: [&str; 13] = [
    "open",
    "probe",
    "connect",
    "exec",
    "environ",
    "inspect",
    "delegate",
    "link",
    "lifecycle",
    "approve",
    "deny",
    "silence",
    "thaw",
];

const COMMAND: Shape = Shape::Either(&[Shape::Text, Shape::List(&Shape::Text), Shape::Map(PROGRAM)]);

pub const PROGRAM: &[Field] = &[
    required("executable", Shape::Text, "The program's path."),
    field("args", Shape::Many(&Shape::Text), "Its arguments, the program's name first."),
];

pub const CONNECT: &[Field] = &[
    field("host", Shape::Text, "The name that the connection itself says."),
    field("named_by", Shape::Words(sources), "How it says it; server-name."),
    field("resolved", Shape::Many(&Shape::Text), "The names that DNS gave for the address."),
    field("address", Shape::Text, "The address; one that nothing is known of."),
    field("port", Shape::Number(1, 65535), "The port; 443."),
    field("transport", Shape::Words(words::<Transport>), "tcp or udp."),
    field("proxy", Shape::Flag, "The address is a proxy's, which is asked for the host."),
];

pub const ENVIRON: &[Field] = &[
    required("own", Shape::Flag, "Its own, or another process's."),
    field("how", Shape::Words(words::<EnvironHow>), "open."),
];

pub const INSPECT: &[Field] = &[
    required("own", Shape::Flag, "The target is of the same session."),
    field("how", Shape::Words(words::<InspectHow>), "ptrace."),
];

pub const LINK: &[Field] = &[
    required("path", Shape::Text, "The name that it has."),
    required("to", Shape::Text, "The name that it gets."),
    field("how", Shape::Words(words::<LinkHow>), "rename."),
];

pub const EXPECT: &[Field] = &[
    field("allow", RULES, "Exceptions that match."),
    field("observe", RULES, "Rules in observe mode that match."),
    field("alert", RULES, "Rules that alert."),
    field("hold", RULES, "Rules that hold."),
    field("deny", RULES, "Rules that deny."),
    field("freeze", RULES, "Rules that freeze, or risk-budget."),
    field("kill", RULES, "Rules that kill."),
];

/// Expectations that name no rule.
pub const SILENT: &str = "silent";
pub const UNSTOPPED: &str = "unstopped";

pub fn outcomes() -> Vec<&'static str> {
    vec![SILENT, UNSTOPPED]
}

/// Ways in which a flow says its own name.
pub const SOURCES: [(&str, crate::facts::NameSource); 3] = [
    ("server-name", crate::facts::NameSource::ServerName),
    ("http", crate::facts::NameSource::Http),
    ("dns", crate::facts::NameSource::Dns),
];

fn sources() -> Vec<&'static str> {
    SOURCES.iter().map(|(word, _)| *word).collect()
}
