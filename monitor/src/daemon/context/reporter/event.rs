//! Events in the making: flat, ECS's fields under their names there, all others below `interlock.` (`event_fields::ecs`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use interlock_core::{
    event_fields::ecs,
    facts::{
        Action, BootNanos, Container, Destination, EnvironAccess, Pod, Process, SecretAccess, SessionId,
        Severity, Subject,
    },
    holds::Object,
    mask,
    rules::Verdict,
    sessions::Session,
    words::Word as _,
};

/// The machine, as events name it.
pub struct Host {
    pub name: String,
    /// `/proc/sys/kernel/random/boot_id`
    pub boot: String,
}

/// An event in the making.
pub struct Event {
    fields: Map<String, Value>,
}

impl Event {
    /// `action` is the event's name: `secret-read`, `flow-held`, `session-frozen` …
    #[must_use]
    pub fn new(number: u64, action: &str, at: Timestamp) -> Self {
        let class = ecs::class(action);
        let event = Self { fields: Map::new() }
            .with("@timestamp", json!(at))
            .with("ecs.version", ecs::VERSION)
            .with("event.id", format!("e{number}"))
            .with("event.kind", "event")
            .with("event.action", action)
            .with("event.category", class.category)
            .with("event.type", class.types);
        match class.outcome {
            Some(outcome) => event.with("event.outcome", outcome),
            None => event,
        }
    }

    /// The machine that it happened on.
    #[must_use]
    pub fn host(self, host: &Host) -> Self {
        self.with("host.name", host.name.clone())
            .with("host.boot.id", host.boot.clone())
            .with("host.os.type", "linux")
    }

    /// Sets a field; one that ECS does not have is put below `interlock.`: `hold.id` becomes `interlock.hold.id`.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(ecs::name(field).into_owned(), value.into());
        self
    }

    /// Of a session that is known no more, its id is all that can be said; then nobody but root may see the event.
    #[must_use]
    pub fn session(self, id: SessionId, session: Option<&Session>) -> Self {
        let agent = session.map(|session| session.agent.clone()).unwrap_or_default();
        let event = self.with("session.id", id.to_string()).with("session.agent", agent);
        let Some(session) = session else { return event };
        let event = event.with("user.id", session.user.to_string()).container(session.container.as_ref());
        let event = match &session.pod {
            Some(pod) => event.pod(pod),
            None => event,
        };
        match session.suspension() {
            Some(suspension) => event.with("session.suspended", suspension.way.word()),
            None => event,
        }
    }

    /// The container that its session began in, and that one's pod.
    fn container(self, container: Option<&Container>) -> Self {
        let Some(Container { id, runtime, pod }) = container else { return self };
        let event = self.with("container.id", id.clone());
        let event = match runtime {
            Some(runtime) => event.with("container.runtime", runtime.clone()),
            None => event,
        };
        match pod {
            Some(uid) => event
                .with("orchestrator.type", "kubernetes")
                .with("orchestrator.resource.type", "pod")
                .with("orchestrator.resource.id", uid.clone()),
            None => event,
        }
    }

    /// What the cluster says of a pod.
    #[must_use]
    pub fn pod(self, pod: &Pod) -> Self {
        let owner = pod.owner.as_ref();
        let event = self
            .with("orchestrator.type", "kubernetes")
            .with("orchestrator.namespace", pod.namespace.clone())
            .with("orchestrator.resource.type", "pod")
            .with("orchestrator.resource.name", pod.name.clone())
            .with("orchestrator.resource.id", pod.uid.clone());
        [
            ("pod.workload", pod.workload.as_ref().map(ToString::to_string)),
            ("pod.service_account", pod.service_account.clone()),
            ("pod.runtime_class", pod.runtime_class.clone()),
            ("pod.owner", owner.map(|owner| owner.name.clone())),
            ("pod.owner_by", owner.map(|owner| owner.platform.clone())),
            ("pod.owner_trust", owner.map(|owner| owner.trust.word().to_owned())),
        ]
        .into_iter()
        .fold(event, |event, (field, value)| match value {
            Some(value) => event.with(field, value),
            None => event,
        })
    }

    /// How a session was recognised, and where it works.
    #[must_use]
    pub fn origin(self, session: &Session) -> Self {
        let event = self
            .with("session.recognised_by", session.recognised_by.clone())
            .with("session.command", session.command.clone());
        let event = match &session.unattended {
            Some(why) => event.with("session.unattended", why.clone()),
            None => event,
        };
        match &session.workspace {
            Some(workspace) => event.with("session.workspace", workspace.display().to_string()),
            None => event,
        }
    }

    #[must_use]
    pub fn process(self, process: &Process) -> Self {
        // Of one boot, that is: `host.boot.id`. What its start is not known of has no identity.
        let known = process.start != BootNanos::default();
        let event = match known {
            true => self.with("process.entity_id", format!("{}-{:x}", process.pid, process.start.0)),
            false => self,
        };
        let event = event
            .with("process.pid", process.pid)
            .with("process.parent.pid", process.parent)
            .with("process.executable", process.executable.clone())
            .with("process.args", mask::arguments(&process.args));
        if process.args_unknown { event.with("process.args_unknown", true) } else { event }
    }

    #[must_use]
    pub fn subject(self, subject: &Subject) -> Self {
        match subject {
            Subject::Open(secret) | Subject::Probe(secret) => self.secret(secret),
            Subject::Connect(destination) => self.destination(destination),
            Subject::Handshake(destination) => {
                self.destination(destination).with("connect.before", "handshake")
            }
            Subject::Environ(access) => self.environment(access),
            Subject::Inspect(access) => self
                .with("inspect.pid", access.target)
                .with("inspect.own", access.own)
                .with("inspect.how", json!(access.how)),
            Subject::Delegate(delegation) => self
                .with("delegate.service", delegation.service.clone())
                .with("delegate.how", json!(delegation.how))
                .with("delegate.path", delegation.path.clone()),
            Subject::Link(relink) => self.secret(&relink.secret).with("link.how", json!(relink.how)),
            Subject::Exec | Subject::Lifecycle(_) => self,
        }
    }

    #[must_use]
    pub fn secret(mut self, secret: &SecretAccess) -> Self {
        if let Some(habit) = &secret.habit {
            self = self
                .with("secret.habit_for", habit.providers.clone())
                .with("secret.habit_elsewhere", json!(habit.elsewhere));
        }
        if secret.copy {
            self = self.with("secret.copy", true);
        }
        self.with("file.path", secret.path.clone())
            .with("secret.entry", secret.entry.clone())
            .with("secret.class", secret.class.clone())
            .with("secret.grade", json!(secret.grade))
            .with("secret.foreign", secret.foreign)
            .with("secret.owner", secret.owner)
    }

    #[must_use]
    pub fn destination(mut self, destination: &Destination) -> Self {
        if let Some(name) = &destination.name {
            self = self
                .with("destination.domain", name.clone())
                .with("destination.named_by", json!(destination.named_by));
        }
        if let Some(provider) = &destination.provider {
            self = self.with("destination.provider", provider.clone());
        }
        if let Some(also) = destination.also {
            self = self.with("destination.also", json!(also));
        }
        if destination.anybodys {
            self = self.with("destination.anybodys", true);
        }
        self.with("destination.ip", destination.address.to_string())
            .with("destination.port", destination.port)
            .with("destination.class", json!(destination.class))
            .with("network.transport", json!(destination.transport))
    }

    #[must_use]
    pub fn object(self, object: &Object) -> Self {
        match object {
            Object::Connection(destination) => self.destination(destination),
            Object::Secret(path) => self.with("file.path", path.clone()),
            Object::Program(path) => self.with("process.executable", path.clone()),
            Object::Service(service) => self.with("delegate.service", service.clone()),
        }
    }

    fn environment(self, access: &EnvironAccess) -> Self {
        self.with("environment.pid", access.target)
            .with("environment.own", access.own)
            .with("environment.how", json!(access.how))
    }

    /// What the rules said; an event that a rule matched is an alert.
    #[must_use]
    pub fn verdict(mut self, verdict: &Verdict, action: Action) -> Self {
        self = self.with("interlock.action", json!(action));
        if verdict.matches.is_empty() {
            return self;
        }
        let ids: Vec<&str> = verdict.matches.iter().map(|found| found.rule.id.as_str()).collect();
        self = self.with("rule.id", ids);
        if let Some(rule) = &verdict.decisive
            && rule.action != Action::Allow
        {
            self = self.with("rule.name", rule.id.clone()).alert(rule.severity, &rule.summary);
        }
        self
    }

    #[must_use]
    pub fn alert(self, severity: Severity, message: &str) -> Self {
        self.with("event.kind", "alert")
            .with("event.severity", ecs::severity(severity))
            .with("interlock.severity", json!(severity))
            .with("message", message)
    }

    /// Told, and nobody is called for it: the same was an alert before.
    #[must_use]
    pub fn without_alert(mut self) -> Self {
        let of_alert = ["event.severity", "interlock.severity", "message"];
        self.fields.retain(|field, _| !of_alert.contains(&field.as_str()));
        self.with("event.kind", "event")
    }

    #[must_use]
    pub fn finish(self) -> Value {
        Value::Object(self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_alert_an_event_still_says_what_happened() {
        let event = Event::new(7, "secret-read", Timestamp::UNIX_EPOCH).with("file.path", "/x");
        let quiet = event.alert(Severity::Medium, "read").without_alert().finish();
        assert_eq!(
            quiet,
            json!({ "@timestamp": "1970-01-01T00:00:00Z", "ecs.version": ecs::VERSION, "event.id": "e7", "event.kind": "event",
                "event.action": "secret-read", "event.category": ["file"], "event.type": ["access"],
                "event.outcome": "success", "file.path": "/x" })
        );
    }
}
