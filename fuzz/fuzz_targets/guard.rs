#![no_main]

use std::time::Duration;

use interlock_core::{facts::{BootNanos, Destination, DestinationClass, Fact, InPod, NameSource, Process, SessionId, Subject, Transport}, rules::{Memory, RuleSet}};

// Any guard is refused with a place in its text, or holds, does not hold or has no result: within bounded time.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let guard = String::from_utf8_lossy(bytes);
    let quoted: String =
        guard.chars().flat_map(|c| if c == '\'' { vec!['\'', '\''] } else { vec![c] }).collect();
    let text = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - {{id: a, summary: s, on: connect, match: {{destination: any}}, action: hold, when: '{quoted}'}}\n"
    );
    match RuleSet::parse(&[("guard.yaml".into(), text)]) {
        Err(problems) => assert!(problems.iter().all(|problem| !problem.message.is_empty())),
        Ok(rules) => {
            let verdict = rules.evaluate(&fact(), &mut Memory::new());
            assert!(verdict.guard_faults.len() <= 1 && verdict.matches.len() <= 1);
        }
    }
});

fn fact() -> Fact {
    let args = ["curl", "-X", "DELETE", "https://api.test/ü"].map(str::to_owned).into();
    let destination = Destination {
        address: [66, 33, 22, 1].into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some("api.test".into()),
        named_by: Some(NameSource::ServerName),
        class: DestinationClass::Infra,
        also: None,
        provider: None,
        anybodys: false,
    };
    Fact {
        at: BootNanos(1_000_000_000),
        session: SessionId(1 << 42),
        agent: "claude-code".into(),
        session_age: Duration::from_secs(60),
        incomplete: false,
        pod: InPod::Outside,
        process: Process { executable: "/usr/bin/curl".into(), args, ..Process::default() },
        subject: Subject::Connect(destination),
    }
}
