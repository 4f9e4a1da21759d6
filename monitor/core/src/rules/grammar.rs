//! The language's fields in one table: the parser knows no others, and `rules/schema.json` is made from it.

use super::{
    builtin::REPLACE,
    model::{Distinct, Moment, Order, Threshold},
};
use crate::{
    facts::{
        Action, DelegateHow, DestinationClass, EnvironHow, FactorKind, Grade, InspectHow, Kind, Lifecycle,
        LinkHow, Mode, ReasonTerm, Role, Severity, Terms,
    },
    words::{Word, words},
    yaml::Named,
};

/// A file has at least one of them.
pub const PARTS: [&str; 5] = ["rules", "override", "lists", "packs", "builtin"];

/// One field of a mapping.
#[derive(Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
    /// One sentence for an editor's tooltip.
    pub about: &'static str,
}

impl Named for Field {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// What a field's value looks like.
#[derive(Clone, Copy)]
pub enum Shape {
    Text,
    /// Text of that form, a regular expression that both Rust and JSON schema read alike.
    Form(&'static str),
    Flag,
    /// From the first to the second, both included.
    Number(u32, u32),
    Duration,
    Words(fn() -> Vec<&'static str>),
    /// One value or a list of at least one; a value may also be a list's name, `$name`.
    Many(&'static Shape),
    Map(&'static [Field]),
    /// A list of at least one.
    List(&'static Shape),
    /// [`MATCH`], which stands in several places.
    Match,
    /// The word `any`, or a mapping.
    Any(&'static [Field]),
    /// Any of these.
    Either(&'static [Shape]),
    /// A mapping of names to lists of values.
    Lists,
    /// A mapping of the catalogues' packs to on or off.
    Packs,
}

/// What [`crate::yaml::is_name`] lets through, as ids of rules, steps and lists are.
pub const NAME: &str = "^[a-z0-9-]{1,64}$";

/// A technique of MITRE ATT&CK.
pub const TECHNIQUE: &str = r"^T[0-9]{4}(\.[0-9]{3})?$";

/// A page to read.
pub const ADDRESS: &str = r"^https?://[^\s]+$";

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: true, shape, about }
}

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, required: false, shape, about }
}

const TEXTS: Shape = Shape::Many(&Shape::Text);
const GRADES: Shape = Shape::Many(&Shape::Words(words::<Grade>));
const CLASSES: Shape = Shape::Many(&Shape::Words(words::<DestinationClass>));
const CLASSES_OF_SECRETS: Field =
    field("class", TEXTS, "Classes of the catalogue: cloud, paas, ssh, dotenv …");
const HABIT: Field =
    field("habit", Shape::Flag, "A library looked into it unasked, whatever its program wants.");
const FOREIGN: Field = field("foreign", Shape::Flag, "Outside the workspace, and not read by an owner tool.");

pub const FILE: &[Field] = &[
    required("version", Shape::Number(1, 1), "Version of the language."),
    field(
        "lists",
        Shape::Lists,
        "Named lists of values, for every file of the set: $name stands for all of them.",
    ),
    field(
        "builtin",
        Shape::Words(|| vec![REPLACE]),
        "Leaves the built-in rules out of the set; without it, the rules of all files extend them.",
    ),
    field("rules", Shape::List(&Shape::Map(RULE)), "Rules."),
    field("override", Shape::List(&Shape::Map(OVERRIDE)), "Changes to rules of any file of the set."),
    field("packs", Shape::Packs, "Providers whose secrets and hosts no rule acts on: { aws: off }."),
];

pub const RULE: &[Field] = &[
    required("id", Shape::Form(NAME), "Its name in alerts, metrics and on the command line."),
    required("summary", Shape::Text, "One sentence for the person who must decide."),
    required("on", Shape::Words(words::<Kind>), "The kind of fact."),
    required("match", Shape::Match, "What must hold; every part that is present."),
    field("except", Shape::List(&Shape::Match), "The rule does not match where all of one of these holds."),
    field("when", Shape::Text, "A CEL guard: a condition over the fact, for what match cannot say."),
    field("after", Shape::Map(AFTER), "What must have happened before."),
    field("threshold", Shape::Map(THRESHOLD), "How often, before the rule matches."),
    required("action", Shape::Words(words::<Action>), "What is done."),
    field(
        "before",
        Shape::Words(words::<Moment>),
        "What a stopped connection waits with: its first data (the default) or its handshake.",
    ),
    field(
        "excuses",
        Shape::Many(&Shape::Form(NAME)),
        "The rules that an exception (action: allow) excuses; absent: all of them.",
    ),
    field("timeout", Shape::Map(TIMEOUT), "What silence means, for a hold."),
    field("approve", Shape::Map(APPROVE), "What an approval needs, for a hold."),
    field("severity", Shape::Words(words::<Severity>), "How loud the alert is."),
    field("risk", Shape::Number(0, 100), "Points added to the session's risk."),
    field("enabled", Shape::Flag, "A disabled rule is checked and then ignored."),
    field("mode", Shape::Words(words::<Mode>), "A rule in observe mode is only recorded."),
    field("tags", Shape::Many(&Shape::Form(TECHNIQUE)), "Techniques of MITRE ATT&CK: T1552.001."),
    field("references", Shape::Many(&Shape::Form(ADDRESS)), "Pages that say more."),
];

pub const OVERRIDE: &[Field] = &[
    required("id", Shape::Form(NAME), "The rule that is changed."),
    field("enabled", Shape::Flag, "Switches the rule off or on."),
    field("mode", Shape::Words(words::<Mode>), "Only records it, or enforces it."),
    field("action", Shape::Words(words::<Action>), "What is done instead."),
    field("severity", Shape::Words(words::<Severity>), "How loud the alert is instead."),
    field("risk", Shape::Number(0, 100), "Points instead."),
    field("timeout", Shape::Map(TIMEOUT), "What silence means instead."),
    field("approve", Shape::Map(APPROVE), "What an approval needs instead."),
    field("threshold", Shape::Map(THRESHOLD), "How often instead."),
    field("except", Shape::List(&Shape::Match), "Exceptions, added to the rule's own."),
];

pub const MATCH: &[Field] = &[
    field("secret", Shape::Any(SECRET), "Which secret (open, probe, link)."),
    field(
        "destination",
        Shape::Either(&[CLASSES, Shape::Any(DESTINATION)]),
        "Which destination (connect): any, classes, or a mapping.",
    ),
    field("process", Shape::Map(PROCESS), "Which process."),
    field("environ", Shape::Any(ENVIRON), "Whose environment (environ)."),
    field("inspect", Shape::Any(INSPECT), "Which process was reached into (inspect)."),
    field("delegate", Shape::Any(DELEGATE), "To whom work was handed (delegate)."),
    field("link", Shape::Any(LINK), "How the secret got another name (link)."),
    field("lifecycle", Shape::Words(words::<Lifecycle>), "Which end of the session (lifecycle)."),
    field("agent", TEXTS, "Agents of the catalogue."),
    field("pod", Shape::Any(POD), "Which pod of a cluster the session began in."),
    field("session", Shape::Map(SESSION), "What is known of the session."),
    field("touched", Shape::Map(TOUCHED), "A secret that the session read before."),
];

pub const SECRET: &[Field] = &[
    CLASSES_OF_SECRETS,
    field("grade", GRADES, "A a live infrastructure credential, B another credential, C indirect."),
    FOREIGN,
    HABIT,
    field("entry", TEXTS, "Entries of the catalogue: railway-cli."),
    field("path", TEXTS, "Globs; * stops at /, ** does not."),
];

pub const DESTINATION: &[Field] = &[
    field("class", CLASSES, "Classes of endpoints."),
    field("host", TEXTS, "api.example.com, *.example.com for every name below it, or an address."),
    field("provider", TEXTS, "Providers of the catalogue."),
    field("port", Shape::Many(&Shape::Number(1, 65535)), "Ports."),
    field("named", Shape::Flag, "false: a plain address, no name is known."),
    field(
        "also",
        Shape::Words(words::<Role>),
        "infra: the host is a model's, and a control plane as well; only a rule that says so may stop it.",
    ),
];

pub const PROCESS: &[Field] = &[
    field("executable", TEXTS, "Globs over the file name, or over the whole path where they have a /."),
    field("argv", TEXTS, "Globs over the arguments joined by spaces."),
    field("owner", Shape::Flag, "It is an owner tool of the secret (open, probe, link)."),
];

pub const ENVIRON: &[Field] = &[
    field("own", Shape::Flag, "Its own environment, or another process's."),
    field("how", Shape::Many(&Shape::Words(words::<EnvironHow>)), "How it was listed."),
];

pub const INSPECT: &[Field] = &[
    field("own", Shape::Flag, "The target is of the same session."),
    field("how", Shape::Many(&Shape::Words(words::<InspectHow>)), "How it was reached into."),
];

pub const DELEGATE: &[Field] = &[
    field("service", TEXTS, "Services of the catalogue: docker, systemd, cron, at, tmux."),
    field(
        "how",
        Shape::Many(&Shape::Words(words::<DelegateHow>)),
        "By a socket, by a command, or by a file that it runs later.",
    ),
];

pub const LINK: &[Field] =
    &[field("how", Shape::Many(&Shape::Words(words::<LinkHow>)), "By a hard link or by a new name.")];

pub const POD: &[Field] = &[
    field("namespace", TEXTS, "Namespaces; * stands for any letters: dev-*."),
    field(
        "labels",
        Shape::Text,
        "A selector of the pod's labels, as kubectl takes it: app=web,tier in (a, b).",
    ),
    field("service_account", TEXTS, "Service accounts that the pod runs as."),
];

pub const SESSION: &[Field] = &[
    field("age", Shape::Map(AGE), "How long ago the session began."),
    field("incomplete", Shape::Flag, "Records of the session were lost."),
];

pub const AGE: &[Field] = &[
    field("over", Shape::Duration, "Older than this."),
    field("under", Shape::Duration, "Younger than this."),
];

pub const TOUCHED: &[Field] = &[
    CLASSES_OF_SECRETS,
    field("grade", GRADES, "A, B or C."),
    FOREIGN,
    HABIT,
    field("within", Shape::Duration, "How long ago at most; absent: at any time in the session."),
];

pub const AFTER: &[Field] = &[
    required("steps", Shape::List(&Shape::Map(STEP)), "What happened before, at most 8 steps."),
    field("order", Shape::Words(words::<Order>), "listed or any; must be said of several steps."),
    required("within", Shape::Duration, "How long before the fact the first of them may lie."),
];

pub const STEP: &[Field] = &[
    required("id", Shape::Form(NAME), "Its name in explanations."),
    required("on", Shape::Words(words::<Kind>), "The kind of fact."),
    required("match", Shape::Match, "What must hold."),
];

pub const THRESHOLD: &[Field] = &[
    required("count", Shape::Number(2, Threshold::MAX as u32), "With this many facts …"),
    field("distinct", Shape::Words(words::<Distinct>), "What must differ; absent: every fact counts."),
    required("within", Shape::Duration, "… in a window that slides."),
];

pub const APPROVE: &[Field] = &[
    field("by", TEXTS, "Groups of the system's user database; whoever approves is in one of them."),
    field("count", Shape::Number(1, Terms::MOST as u32), "So many different persons; one by default."),
    field("factor", Shape::Words(words::<FactorKind>), "What each proves to be that person by."),
    field("reason", Shape::Words(words::<ReasonTerm>), "Whether a reason has to be given."),
];

pub const TIMEOUT: &[Field] = &[
    required("after", Shape::Duration, "How long a person has."),
    required("then", Shape::Words(answers), "What silence means; never yes."),
];

/// The answers to silence.
fn answers() -> Vec<&'static str> {
    [Action::Deny, Action::Freeze, Action::Kill].map(Word::word).to_vec()
}
