//! A fact, a session's memory and the rules give a verdict.
//!
//! An `allow` rule is an exception: where one matches, nothing else is done, counted or added. Otherwise the strongest
//! action of the enforced rules wins. Model and package hosts are never blocked: whatever a rule says, they get no more
//! than an alert.

use std::{borrow::Cow, cell::OnceCell, fmt, net::IpAddr, sync::Arc};

use super::{
    RuleSet,
    memory::{Memory, Recall, age},
    model::{
        Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, ProcessMatch, Rule,
        SecretMatch, Threshold, Touched,
    },
    pattern::{Glob, normal},
    words::Word,
};
use crate::{
    control::api::Mode,
    facts::{
        Action, Delegation, Destination, DestinationClass, EnvironAccess, Fact, Inspection, SecretAccess,
        Subject,
    },
};

/// A rule that matched, and why.
#[derive(Clone, Debug)]
pub struct Match {
    pub rule: Arc<Rule>,
    /// What is done because of it: the rule's action, or alert for a host that is never blocked.
    pub action: Action,
    /// Conditions with the values that met them: `destination.class = infra`.
    pub conditions: Vec<String>,
    /// The rule is in observe mode: it is recorded and changes nothing.
    pub observed_only: bool,
}

/// What the rules say about a fact.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Strongest action of the enforced matches.
    pub action: Action,
    /// The enforced rule that gave `action`; its timeout, severity and summary apply.
    pub decisive: Option<Arc<Rule>>,
    /// Every match, in the order of the rules.
    pub matches: Vec<Match>,
    /// Risk points that this fact added to the session.
    pub points: u32,
}

impl RuleSet {
    /// Evaluates a fact, after noting in `memory` what it touched.
    pub fn evaluate(&self, fact: &Fact, memory: &mut Memory) -> Verdict {
        memory.note(fact);
        let mut candidates = std::mem::take(&mut memory.candidates);
        self.index.candidates(fact, &mut candidates);
        let rules = || candidates.iter().filter_map(|place| self.rules.get(*place as usize));
        let view = View::new(fact);
        let mut verdict = Verdict { action: Action::Allow, decisive: None, matches: Vec::new(), points: 0 };
        for rule in rules().filter(|rule| rule.action == Action::Allow) {
            verdict.take(&view, rule, memory);
        }
        if verdict.decisive.is_none() {
            for rule in rules().filter(|rule| rule.action != Action::Allow) {
                verdict.take(&view, rule, memory);
            }
        }
        memory.candidates = candidates;
        verdict
    }
}

impl Verdict {
    /// Takes a rule into account, if it matches.
    fn take(&mut self, view: &View<'_>, rule: &Arc<Rule>, memory: &mut Memory) {
        if !view.meets(&rule.conditions, memory, &mut |_| {}) {
            return;
        }
        if let Some(threshold) = &rule.threshold
            && !view.reaches(rule.key, threshold, memory)
        {
            return;
        }
        let mut conditions = Vec::new();
        view.meets(&rule.conditions, memory, &mut |said| conditions.push(said.to_string()));
        if let Some(threshold) = &rule.threshold {
            conditions.push(describe_threshold(threshold));
        }
        if conditions.is_empty() {
            conditions.push(format!("every {}", rule.on.word()));
        }
        let action = rule.action.min(view.ceiling());
        if action < rule.action {
            conditions.push(format!(
                "model and package hosts are never blocked: {} became alert",
                rule.action.word()
            ));
        }
        let observed_only = rule.mode == Mode::Observe;
        if !observed_only {
            self.points += memory.add_risk(rule.key, &view.object(), rule.risk, view.fact.at);
            let weaker = |decisive: &Arc<Rule>| (self.action, decisive.severity) < (action, rule.severity);
            if self.decisive.as_ref().is_none_or(weaker) {
                self.action = action;
                self.decisive = Some(Arc::clone(rule));
            }
        }
        self.matches.push(Match { rule: Arc::clone(rule), action, conditions, observed_only });
    }
}

/// A fact as conditions look at it; what several rules need is computed once.
struct View<'a> {
    fact: &'a Fact,
    host: Option<Cow<'a, str>>,
    argv: OnceCell<String>,
}

impl<'a> View<'a> {
    fn new(fact: &'a Fact) -> Self {
        let host = match &fact.subject {
            Subject::Connect(destination) => destination.name.as_deref().map(normal),
            _ => None,
        };
        Self { fact, host, argv: OnceCell::new() }
    }

    /// The most that may be done about the fact.
    fn ceiling(&self) -> Action {
        match &self.fact.subject {
            Subject::Connect(Destination {
                class: DestinationClass::Model | DestinationClass::Package,
                ..
            }) => Action::Alert,
            _ => Action::Kill,
        }
    }

    /// What the fact is about, for counting.
    fn object(&self) -> Object<'_> {
        match &self.fact.subject {
            Subject::Open(secret) | Subject::Probe(secret) => Object::Text(&secret.path),
            Subject::Connect(destination) => match &self.host {
                Some(host) => Object::Text(host),
                None => Object::Address(destination.address),
            },
            Subject::Exec => Object::Text(&self.fact.process.executable),
            Subject::Environ(access) => Object::Process(access.target),
            Subject::Inspect(access) => Object::Process(access.target),
            Subject::Delegate(delegation) => Object::Text(&delegation.path),
            Subject::Link(relink) => Object::Text(&relink.secret.path),
            Subject::Lifecycle(_) => Object::Text(&self.fact.agent),
        }
    }

    /// Counts the fact for a threshold. What an owner tool does with its own store is never part of a sweep.
    fn reaches(&self, rule: u64, threshold: &Threshold, memory: &mut Memory) -> bool {
        if let Subject::Open(secret) | Subject::Probe(secret) = &self.fact.subject
            && secret.owner
        {
            return false;
        }
        let object = threshold.distinct.map(|_| self.object());
        memory.count(rule, threshold, object, self.fact.at)
    }

    /// Whether all conditions are met; each that is says so.
    fn meets(&self, conditions: &Conditions, memory: &Memory, say: Say<'_>) -> bool {
        let Conditions { secret, destination, process, environ, inspect, delegate, agent, touched } =
            conditions;
        let subject = match &self.fact.subject {
            Subject::Open(access) | Subject::Probe(access) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, access, say))
            }
            Subject::Connect(access) => {
                destination.as_ref().is_none_or(|wanted| self.meets_destination(wanted, access, say))
            }
            Subject::Environ(access) => {
                environ.as_ref().is_none_or(|wanted| meets_environ(wanted, access, say))
            }
            Subject::Inspect(access) => {
                inspect.as_ref().is_none_or(|wanted| meets_inspect(wanted, *access, say))
            }
            Subject::Delegate(delegation) => {
                delegate.as_ref().is_none_or(|wanted| meets_delegate(wanted, delegation, say))
            }
            Subject::Link(relink) => {
                secret.as_ref().is_none_or(|wanted| meets_secret(wanted, &relink.secret, say))
            }
            Subject::Exec | Subject::Lifecycle(_) => true,
        };
        subject
            && any(agent, |id| *id == self.fact.agent, |id| say(format_args!("agent = {id}")))
            && process.as_ref().is_none_or(|wanted| self.meets_process(wanted, say))
            && touched.as_ref().is_none_or(|wanted| self.meets_touched(wanted, memory, say))
    }

    fn meets_destination(&self, wanted: &DestinationMatch, access: &Destination, say: Say<'_>) -> bool {
        let DestinationMatch { class, host, provider, port, named } = wanted;
        let name = self.host.as_deref();
        any(class, |class| *class == access.class, |c| say(format_args!("destination.class = {}", c.word())))
            && any(
                host,
                |pattern| pattern.matches(name, access.address),
                |pattern| match name {
                    Some(name) => say(format_args!("destination.host = {name} ({pattern})")),
                    None => say(format_args!("destination.host = {} ({pattern})", access.address)),
                },
            )
            && any(
                provider,
                |id| access.provider.as_ref() == Some(id),
                |id| say(format_args!("destination.provider = {id}")),
            )
            && any(port, |port| *port == access.port, |port| say(format_args!("destination.port = {port}")))
            && is(*named, name.is_some(), |named| say(format_args!("destination.named = {named}")))
    }

    fn meets_process(&self, wanted: &ProcessMatch, say: Say<'_>) -> bool {
        let process = &self.fact.process;
        let executable = |glob: &Glob| {
            let whole = glob.as_str().contains('/');
            glob.matches(if whole { &process.executable } else { process.name() })
        };
        let argv = || self.argv.get_or_init(|| process.args.join(" "));
        any(&wanted.executable, executable, |glob| {
            say(format_args!("process.executable = {} ({})", process.executable, glob.as_str()));
        }) && any(
            &wanted.argv,
            |glob| glob.matches(argv()),
            |glob| say(format_args!("process.argv matches {}", glob.as_str())),
        )
    }

    /// What is not known counts as touched: a session cannot gain by making the monitor lose its records.
    fn meets_touched(&self, wanted: &Touched, memory: &Memory, say: Say<'_>) -> bool {
        match memory.recall(wanted, self.fact.at) {
            Recall::Found(touch) => {
                say(format_args!("touched {touch} {} ago", Span(age(self.fact.at, touch.at))));
                true
            }
            Recall::Nothing if self.fact.incomplete => {
                say(format_args!("touched: unknown (records were lost)"));
                true
            }
            Recall::Dropped => {
                say(format_args!("touched: unknown (too many secrets were read to remember each)"));
                true
            }
            Recall::Nothing => false,
        }
    }
}

/// Identity of what a fact is about.
#[derive(Hash)]
pub(super) enum Object<'a> {
    Text(&'a str),
    Address(IpAddr),
    Process(u32),
}

/// Where met conditions are said; the first pass over a rule throws them away unformatted.
type Say<'s> = &'s mut dyn FnMut(fmt::Arguments<'_>);

fn meets_secret(wanted: &SecretMatch, access: &SecretAccess, say: Say<'_>) -> bool {
    let SecretMatch { class, grade, foreign, entry, path } = wanted;
    any(class, |class| *class == access.class, |class| say(format_args!("secret.class = {class}")))
        && any(
            grade,
            |grade| *grade == access.grade,
            |grade| say(format_args!("secret.grade = {}", grade.word())),
        )
        && is(*foreign, access.foreign, |foreign| say(format_args!("secret.foreign = {foreign}")))
        && any(entry, |entry| *entry == access.entry, |entry| say(format_args!("secret.entry = {entry}")))
        && any(
            path,
            |glob| glob.matches(&access.path),
            |glob| say(format_args!("secret.path = {} ({})", access.path, glob.as_str())),
        )
}

fn meets_environ(wanted: &EnvironMatch, access: &EnvironAccess, say: Say<'_>) -> bool {
    is(wanted.own, access.own, |own| say(format_args!("environ.own = {own}")))
        && any(&wanted.how, |how| *how == access.how, |how| say(format_args!("environ.how = {}", how.word())))
}

fn meets_inspect(wanted: &InspectMatch, access: Inspection, say: Say<'_>) -> bool {
    is(wanted.own, access.own, |own| say(format_args!("inspect.own = {own}")))
        && any(&wanted.how, |how| *how == access.how, |how| say(format_args!("inspect.how = {}", how.word())))
}

fn meets_delegate(wanted: &DelegateMatch, delegation: &Delegation, say: Say<'_>) -> bool {
    let DelegateMatch { service, how } = wanted;
    any(
        service,
        |service| *service == delegation.service,
        |service| say(format_args!("delegate.service = {service}")),
    ) && any(how, |how| *how == delegation.how, |how| say(format_args!("delegate.how = {}", how.word())))
}

/// An empty list is met and says nothing; else the first that fits is said.
fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool, mut say: impl FnMut(&T)) -> bool {
    match wanted.iter().find(|one| fits(one)) {
        Some(one) => {
            say(one);
            true
        }
        None => wanted.is_empty(),
    }
}

fn is(wanted: Option<bool>, found: bool, mut say: impl FnMut(bool)) -> bool {
    if wanted == Some(found) {
        say(found);
    }
    wanted.is_none_or(|wanted| wanted == found)
}

fn describe_threshold(threshold: &Threshold) -> String {
    let Threshold { count, distinct, within } = threshold;
    match distinct {
        Some(distinct) => format!("{count} distinct {} within {}", distinct.word(), Span(*within)),
        None => format!("{count} times within {}", Span(*within)),
    }
}

/// A duration as a person says it, rounded down.
struct Span(std::time::Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds @ 1..120 => write!(f, "{seconds} s"),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3600),
        }
    }
}
