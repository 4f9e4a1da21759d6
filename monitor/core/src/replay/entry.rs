//! One event of a record, as far as it can be judged again.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    breaker::risk,
    facts::{
        Action, BootNanos, Delegation, Destination, EnvironAccess, Habit, Inspection, LinkHow, Process,
        Relink, SecretAccess, Subject,
    },
    rule_test::{Answer, Decisions},
    words::Word as _,
};

/// What was published about one fact of a session.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Of the file, from 1.
    pub line: u64,
    pub id: String,
    pub time: Timestamp,
    /// The wall clock's, ns: the same order and the same distances as the boot clock's.
    pub at: BootNanos,
    pub session: String,
    pub agent: String,
    pub fact: RecordedFact,
}

#[derive(Clone, Debug)]
pub enum RecordedFact {
    Done {
        subject: Subject,
        process: Box<Process>,
        recorded: Recorded,
        /// Records of the session had been lost.
        incomplete: bool,
    },
    /// A person approved a hold.
    Approved { hold: String },
}

/// What the daemon decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub rules: Vec<String>,
    /// What the rules said; `None` where something else than the rules decided: a grant, or a breaker in probation.
    pub action: Option<Action>,
    pub hold: Option<String>,
    /// The mode was observe: what was decided was told, and not done.
    pub observed: bool,
}

/// The fields of one event.
struct Fields<'e>(&'e Map<String, Value>);

/// Reads an event; `None` where it is about nothing that rules judge.
///
/// # Errors
/// Which field is missing, or makes no sense.
pub fn entry(line: u64, event: &Map<String, Value>) -> Result<Option<Entry>, String> {
    let fields = Fields(event);
    if fields.text("interlock.session.id").is_none() {
        return Ok(None);
    }
    let Some(fact) = fields.fact()? else { return Ok(None) };
    let time: Timestamp = fields.need("@timestamp")?;
    let at = u64::try_from(time.as_nanosecond()).map_err(|_| "@timestamp: before 1970".to_owned())?;
    Ok(Some(Entry {
        line,
        id: fields.need("event.id")?,
        time,
        at: BootNanos(at),
        session: fields.need("interlock.session.id")?,
        agent: fields.text("interlock.session.agent").unwrap_or_default().to_owned(),
        fact,
    }))
}

impl Fields<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    fn may<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, String> {
        let value = self.0.get(field).filter(|value| !value.is_null()).cloned();
        value.map(serde_json::from_value).transpose().map_err(|error| format!("{field}: {error}"))
    }

    fn need<T: DeserializeOwned>(&self, field: &str) -> Result<T, String> {
        self.may(field)?.ok_or_else(|| format!("{field}: the field is missing"))
    }

    fn fact(&self) -> Result<Option<RecordedFact>, String> {
        // Only what was judged says in which mode.
        if self.has("interlock.mode") {
            let Some(subject) = self.subject()? else { return Ok(None) };
            return Ok(Some(RecordedFact::Done {
                subject,
                process: Box::new(self.process()?),
                recorded: self.recorded()?,
                incomplete: self.may("interlock.session.incomplete")?.unwrap_or_default(),
            }));
        }
        let approved = self.text("event.action") == Some("flow-released");
        let hold = self.text("interlock.hold.id").filter(|_| approved);
        Ok(hold.map(|hold| RecordedFact::Approved { hold: hold.to_owned() }))
    }

    fn subject(&self) -> Result<Option<Subject>, String> {
        let subject = if self.has("interlock.link.how") {
            let how: LinkHow = self.word("interlock.link.how")?;
            Subject::Link(Relink { secret: self.secret()?, how })
        } else if self.has("interlock.secret.entry") && self.text("event.action") == Some("secret-probe") {
            Subject::Probe(self.secret()?)
        } else if self.has("interlock.secret.entry") {
            Subject::Open(self.secret()?)
        } else if self.has("interlock.connect.before") {
            Subject::Handshake(self.destination()?)
        } else if self.has("destination.ip") {
            Subject::Connect(self.destination()?)
        } else if self.has("interlock.environment.how") {
            Subject::Environ(EnvironAccess {
                target: self.need("interlock.environment.pid")?,
                own: self.need("interlock.environment.own")?,
                how: self.need("interlock.environment.how")?,
            })
        } else if self.has("interlock.inspect.how") {
            Subject::Inspect(Inspection {
                target: self.need("interlock.inspect.pid")?,
                own: self.need("interlock.inspect.own")?,
                how: self.need("interlock.inspect.how")?,
            })
        } else if self.has("interlock.delegate.how") {
            Subject::Delegate(Delegation {
                service: self.need("interlock.delegate.service")?,
                how: self.need("interlock.delegate.how")?,
                path: self.need("interlock.delegate.path")?,
            })
        } else if self.text("event.action") == Some("session-started") {
            Subject::Lifecycle(crate::facts::Lifecycle::Started)
        } else if self.text("event.action") == Some("session-ended") {
            Subject::Lifecycle(crate::facts::Lifecycle::Ended)
        } else if self.has("process.executable") {
            Subject::Exec
        } else {
            return Ok(None);
        };
        Ok(Some(subject))
    }

    fn secret(&self) -> Result<SecretAccess, String> {
        Ok(SecretAccess {
            path: self.need("file.path")?,
            entry: self.need("interlock.secret.entry")?,
            class: self.need("interlock.secret.class")?,
            grade: self.need("interlock.secret.grade")?,
            foreign: self.need("interlock.secret.foreign")?,
            owner: self.need("interlock.secret.owner")?,
            copy: self.may("interlock.secret.copy")?.unwrap_or_default(),
            habit: self.habit()?,
        })
    }

    fn habit(&self) -> Result<Option<Habit>, String> {
        let providers: Option<Vec<String>> = self.may("interlock.secret.habit_for")?;
        let of =
            |providers| Ok(Habit { providers, elsewhere: self.need("interlock.secret.habit_elsewhere")? });
        providers.map(of).transpose()
    }

    fn destination(&self) -> Result<Destination, String> {
        let address: IpAddr = self.need("destination.ip")?;
        Ok(Destination {
            address,
            port: self.need("destination.port")?,
            transport: self.need("network.transport")?,
            name: self.may("destination.domain")?,
            named_by: self.may("interlock.destination.named_by")?,
            class: self.need("interlock.destination.class")?,
            also: self.may("interlock.destination.also")?,
            provider: self.may("interlock.destination.provider")?,
            anybodys: self.may("interlock.destination.anybodys")?.unwrap_or_default(),
        })
    }

    fn process(&self) -> Result<Process, String> {
        Ok(Process {
            pid: self.need("process.pid")?,
            parent: self.may("process.parent.pid")?.unwrap_or_default(),
            start: BootNanos::default(),
            executable: self.may("process.executable")?.unwrap_or_default(),
            args: self.may("process.args")?.unwrap_or_default(),
            args_unknown: self.may("interlock.process.args_unknown")?.unwrap_or_default(),
        })
    }

    fn recorded(&self) -> Result<Recorded, String> {
        let rules: Vec<String> = self.may("rule.id")?.unwrap_or_default();
        let degraded: Option<Action> = self.may("interlock.degraded")?;
        let action = degraded.or(self.may("interlock.action")?);
        let name = self.text("event.action").unwrap_or_default();
        let by_rules = name != "flow-released" && !(name == "flow-denied" && action == Some(Action::Freeze));
        let observed = self.text("interlock.mode") == Some("observe");
        Ok(Recorded {
            rules,
            action: action.filter(|_| by_rules),
            hold: self.may("interlock.hold.id")?,
            observed,
        })
    }

    fn word(&self, field: &str) -> Result<LinkHow, String> {
        let text: String = self.need(field)?;
        LinkHow::from_word(&text).ok_or_else(|| format!("{field}: found {text:?}; expected link or rename"))
    }
}

impl Entry {
    /// Whether the daemon decided the same at the time, as far as the event says.
    #[must_use]
    pub fn is_decided_as(&self, decisions: &Decisions) -> bool {
        let RecordedFact::Done { recorded, .. } = &self.fact else { return true };
        // A spent budget is reported by an event of its own.
        let by_rules = || decisions.iter().filter(|decision| decision.rule != risk::RULE);
        let mut rules: Vec<&str> = by_rules().map(|decision| decision.rule.as_str()).collect();
        let mut before: Vec<&str> = recorded.rules.iter().map(String::as_str).collect();
        rules.sort_unstable();
        before.sort_unstable();
        let strongest =
            by_rules().map(|decision| decision.answer).filter(|answer| *answer != Answer::Observe).max();
        let same = |action: Action| strongest.unwrap_or(Answer::Allow) == Answer::from(action);
        rules == before && recorded.action.is_none_or(same)
    }

    /// What was recorded: `hold infra-after-foreign-secret`.
    #[must_use]
    pub fn describe_decision(&self) -> String {
        let RecordedFact::Done { recorded, .. } = &self.fact else { return String::new() };
        if recorded.rules.is_empty() {
            return "silence".to_owned();
        }
        let action = recorded.action.map_or("something else", Action::word);
        format!("{action} by {}", recorded.rules.join(", "))
    }

    /// What happened: `connect backboard.railway.app:443`.
    #[must_use]
    pub fn describe(&self) -> String {
        let RecordedFact::Done { subject, process, .. } = &self.fact else { return "approval".to_owned() };
        let object = match subject {
            Subject::Open(secret) | Subject::Probe(secret) => secret.path.clone(),
            Subject::Link(relink) => relink.secret.path.clone(),
            Subject::Connect(destination) | Subject::Handshake(destination) => {
                crate::holds::target(destination)
            }
            Subject::Environ(access) => format!("of {}", access.target),
            Subject::Inspect(access) => format!("of {}", access.target),
            Subject::Delegate(delegation) => format!("{} {}", delegation.service, delegation.path),
            Subject::Exec => process.command_line(),
            Subject::Lifecycle(end) => end.word().to_owned(),
        };
        format!("{} {object}", subject.kind().word())
    }
}
