use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use super::*;
use crate::config::Config;
use interlock_core::facts::Severity;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn credential(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Config, String> {
        let path = self.0.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let name = path.display().to_string();
        Config::load(Some(&path)).map_err(|problems| problems.to_string().replace(&name, "config.toml"))
    }
}

#[test]
fn a_target_says_whom_to_tell_what_and_where() {
    let files = Files::new();
    let token = files.credential("token", "fake-token-0000\n");
    let text = format!(
        "[[notify]]\nname = \"phone\"\nkind = \"ntfy\"\nurl = \"https://ntfy.example\"\ntopic = \"il\"\n\
         token_file = \"{0}\"\nescalate_after = \"3m\"\nto = \"team\"\nquiet = \"22:00-07:00\"\n\
         [[notify]]\nname = \"team\"\nkind = \"slack\"\nchannel = \"#ops\"\ntoken_file = \"{0}\"\nevents = []\n\
         severity = \"high\"\nquiet_except = \"none\"\nrules = [\"secret-sweep\"]\nusers = [\"root\"]\n",
        token.display()
    );
    let targets = files.load(&text).unwrap().notify;
    let [phone, team] = &targets[..] else { panic!("{targets:#?}") };
    assert_eq!((phone.kind, phone.escalate_after), (Kind::Ntfy, Some(Duration::from_secs(180))));
    assert_eq!((&phone.events[..], phone.severity), (&Class::DEFAULT[..], Severity::Low));
    assert_eq!((phone.quiet_except, team.quiet_except), (Some(Severity::Critical), None));
    assert_eq!(team.url, Given::Text("https://slack.com/api".into()));
    assert_eq!((&team.events[..], &team.users[..], team.severity), (&[][..], &[0][..], Severity::High));
}

#[test]
fn every_mistake_of_every_table_is_told_at_its_place() {
    let files = Files::new();
    let text = "risk_budget = 0\n\
        [[notify]]\nname = \"Phone\"\nkind = \"ntfi\"\nurll = \"x\"\n\
        [[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://hooks.example/\"\nevents = [\"hold\", \"holds\"]\nquiet = \"22-7\"\nto = \"a\"\n\
        [[notify]]\nname = \"b\"\nkind = \"telegram\"\nescalate_after = \"3 parsecs\"\nto = \"b\"\n";
    insta::assert_snapshot!(files.load(text).unwrap_err(), @r#"
    config.toml:1:15: risk_budget: found 0; expected a whole number of points, 1 or more
        risk_budget = 0
                      ^
    config.toml:3:8: notify[0].name: found "Phone"; expected 1 to 32 lower-case letters, digits and dashes
        name = "Phone"
               ^^^^^^^
    config.toml:4:8: notify[0].kind: found "ntfi"; expected "webhook", "ntfy", "slack", "matrix" or "telegram"; did you mean "ntfy"?
        kind = "ntfi"
               ^^^^^^
    config.toml:5:1: notify[0].urll: unknown key; did you mean "url"?
    config.toml:6:1: notify[1]: escalate_after and to say nothing without each other; expected both, or neither
        [[notify]]
        ^^^^^^^^^^
    config.toml:9:7: notify[1].url: found HTTP without TLS to another machine; expected https://HOST/…; without TLS whoever is on the way reads and changes the messages, so that has to be meant: insecure = true
    config.toml:10:19: notify[1].events[1]: found "holds"; expected "hold", "decided", "freeze", "thaw", "kill", "alert", "would", "break-glass" or "health"; did you mean "hold"?
        events = ["hold", "holds"]
                          ^^^^^^^
    config.toml:11:9: notify[1].quiet: found "22-7"; expected a span of the day, such as "22:00-07:00"
        quiet = "22-7"
                ^^^^^^
    config.toml:13:1: notify[2]: a target of kind telegram needs a token; expected token_file, readable by root alone
        [[notify]]
        ^^^^^^^^^^
    config.toml:13:1: notify[2]: a target of kind telegram needs a chat; expected chat = "…"
        [[notify]]
        ^^^^^^^^^^
    config.toml:16:18: notify[2].escalate_after: found "3 parsecs"; expected a time such as 90s, 15m or 1h, at most 24h, as a string
        escalate_after = "3 parsecs"
                         ^^^^^^^^^^^
    "#);
}

#[test]
fn a_chain_of_targets_has_an_end_and_each_name_stands_once() {
    let files = Files::new();
    let target = |name: &str, more: &str| {
        format!("[[notify]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"https://hooks.example/\"\n{more}")
    };
    let text = target("a", "escalate_after = \"3m\"\nto = \"b\"\n")
        + &target("b", "escalate_after = \"3m\"\nto = \"a\"\n")
        + &target("c", "escalate_after = \"3m\"\nto = \"nobody\"\n")
        + &target("c", "");
    insta::assert_snapshot!(files.load(&text).unwrap_err(), @r#"
    config.toml:6:6: notify[0].to: the chain of targets comes back to this one; expected an end
        to = "b"
             ^^^
    config.toml:12:6: notify[1].to: the chain of targets comes back to this one; expected an end
        to = "a"
             ^^^
    config.toml:18:6: notify[2].to: no target is named "nobody"; expected the name of another target, in this file or an earlier one
        to = "nobody"
             ^^^^^^^^
    config.toml:20:8: notify[3].name: the name "c" is that of notify[2] too; expected another name
        name = "c"
               ^^^
    "#);
}

#[test]
fn a_credential_that_others_may_read_is_a_mistake_of_the_configuration() {
    let files = Files::new();
    let token = files.credential("token", "fake-token-0000\n");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let url = files.credential("url", "http://hooks.example/services/FAKE\n");
    let text = format!(
        "[[notify]]\nname = \"a\"\nkind = \"slack\"\nurl_file = \"{}\"\n\
         [[notify]]\nname = \"b\"\nkind = \"telegram\"\nchat = \"-1\"\ntoken_file = \"{}\"\n",
        url.display(),
        token.display()
    );
    let told = files.load(&text).unwrap_err();
    assert!(told.contains("notify[0].url_file: a: ") && told.contains("HTTP without TLS"), "{told}");
    assert!(told.contains("notify[1].token_file: b: ") && told.contains("chmod 600"), "{told}");
    assert!(!told.contains("fake-token") && !told.contains("FAKE"), "{told}");
    // Who only asks the daemon looks at none of them.
    let path = files.0.path().join("config.toml");
    assert!(Config::socket(Some(&path)).is_ok());
}
