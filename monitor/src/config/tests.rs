use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use interlock_core::{
    facts::{DestinationClass, Mode, Severity},
    pods::{Namespaces, Selection},
};

use super::{
    document::Document,
    roles::{Approver, Limit, Member, Roles},
    *,
};

fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn problems(text: &str) -> String {
    let file = written(text);
    let problems = Config::load(Some(file.path())).unwrap_err();
    problems.to_string().replace(&file.path().display().to_string(), "config.toml")
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let text = "risk_budgt = 5\nmode = \"enforced\"\nsocket = 7\n\n# a comment\nmetrics = \"localhost\"\nstate = \"var/lib\"\n";
    insta::assert_snapshot!(problems(text), @r#"
    config.toml:1:1: risk_budgt: unknown key; did you mean "risk_budget"?
        risk_budgt = 5
        ^^^^^^^^^^
    config.toml:2:8: mode: found "enforced"; expected "enforce" or "observe"; did you mean "enforce"?
        mode = "enforced"
               ^^^^^^^^^^
    config.toml:3:10: socket: found 7; expected an absolute path, as a string
        socket = 7
                 ^
    config.toml:6:11: metrics: found "localhost"; expected an address and a port, as "127.0.0.1:9464", or "none"
        metrics = "localhost"
                  ^^^^^^^^^^^
    config.toml:7:9: state: found "var/lib"; expected an absolute path, as a string
        state = "var/lib"
                ^^^^^^^^^
    "#);
}

#[test]
fn a_syntax_mistake_does_not_hide_a_wrong_value() {
    let text = "mode = \"enforce\nrisk_budget = 0\n";
    let report = problems(text);
    assert!(report.contains("config.toml:1:16: not TOML:"), "{report}");
    assert!(report.contains("config.toml:2:15: risk_budget: found 0; expected a whole number"), "{report}");
}

#[test]
fn each_item_of_a_list_is_told_at_its_place() {
    let text = "approvers = [\n  \"root\", # fine\n  \"no-such-user-here\",\n  -1, true,\n]\nresolvers = [\"192.0.2.53\", \"dns.example\"]\n";
    insta::assert_snapshot!(problems(text), @r#"
    config.toml:3:3: approvers[1]: no user is named "no-such-user-here"; expected a user name or a uid
          "no-such-user-here",
          ^^^^^^^^^^^^^^^^^^^
    config.toml:4:3: approvers[2]: found -1; expected a user name or a uid
          -1, true,
          ^^
    config.toml:4:7: approvers[3]: found true; expected a user name or a uid
          -1, true,
              ^^^^
    config.toml:6:28: resolvers[1]: found "dns.example"; expected an address, such as "192.0.2.53"
        resolvers = ["192.0.2.53", "dns.example"]
                                   ^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_configured_directory_has_to_be_readable() {
    let report = problems("rules = \"/no/such/rules\"\ncatalog = \"/no/such/catalog\"\n");
    assert!(report.contains("config.toml:1:9: rules: /no/such/rules cannot be read"), "{report}");
    assert!(report.contains("config.toml:2:11: catalog: /no/such/catalog cannot be read"), "{report}");
}

/// A configuration and its further files, by name.
fn with_further(text: &str, further: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::create_dir(dir.path().join("config.d")).unwrap();
    for (name, text) in further {
        std::fs::write(dir.path().join("config.d").join(name), text).unwrap();
    }
    (dir, file)
}

#[test]
fn further_files_are_read_in_the_order_of_their_names_each_over_those_before_it() {
    let target = |name: &str, more: &str| {
        format!(
            "[[notify]]\nname = \"{name}\"\nkind = \"ntfy\"\nurl = \"https://ntfy.example\"\ntopic = \"t\"\n{more}"
        )
    };
    let first = format!(
        "mode = \"observe\"\nrisk_budget = 5\nrules = \"builtin\"\n[roles]\nviewer = [1]\nadmin = [2]\n{}",
        target("phone", "")
    );
    let (dir, file) = with_further(
        &first,
        &[
            (
                "20-b.toml",
                &format!("risk_budget = 7\n{}", target("team", "to = \"phone\"\nescalate_after = \"3m\"\n")),
            ),
            ("10-a.toml", "risk_budget = 6\nmode = \"enforce\"\n[roles]\nviewer = [3]\n"),
            ("10-a.toml~", "mode = "),
            (".hidden.toml", "mode = "),
            ("30-c.toml.dpkg-new", "mode = "),
        ],
    );
    let further = dir.path().join("config.d");
    let config = Config::load(Some(&file)).unwrap();
    assert_eq!(config.files, [file, further.join("10-a.toml"), further.join("20-b.toml")]);
    assert_eq!((config.mode, config.risk_budget, config.builtin_rules), (Mode::Enforce, 7, true));
    assert_eq!((config.roles.viewer, config.roles.admin), (vec![Member::User(3)], vec![Member::User(2)]));
    assert_eq!(
        config.notify.iter().map(|target| target.name.as_str()).collect::<Vec<_>>(),
        ["phone", "team"]
    );
    assert_eq!(config.drop_ins, Some(further));
}

#[test]
fn each_mistake_of_a_further_file_is_told_with_its_file() {
    let (dir, file) = with_further(
        "mdoe = \"observe\"\n[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://a.example\"\n",
        &[
            ("10-a.toml", "\nrisk_budget = 0\nrules = \"/no/such/rules\"\n"),
            (
                "20-b.toml",
                "[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://b.example\"\nsecret_file = \"/no/such\"\n",
            ),
        ],
    );
    std::fs::create_dir(dir.path().join("config.d/30-c.toml")).unwrap();
    let text = Config::load(Some(&file)).unwrap_err().to_string();
    let text = text.replace(&dir.path().display().to_string(), "PLACE");
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("PLACE")).collect();
    insta::assert_snapshot!(heads.join("\n"), @r#"
    PLACE/config.d/30-c.toml: cannot be read: Is a directory (os error 21); expected a file, not a directory
    PLACE/config.toml:1:1: mdoe: unknown key; did you mean "mode"?
    PLACE/config.d/10-a.toml:2:15: risk_budget: found 0; expected a whole number of points, 1 or more
    PLACE/config.d/10-a.toml:3:9: rules: /no/such/rules cannot be read: No such file or directory (os error 2); expected a readable directory
    PLACE/config.d/20-b.toml:1:1: notify[0].secret_file: a: /no/such cannot be read: No such file or directory (os error 2)
    PLACE/config.d/20-b.toml:2:8: notify[0].name: the name "a" is that of an earlier file's target too; expected another name
    "#);
}

#[test]
fn a_file_that_is_no_toml_by_its_name_has_no_further_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    std::fs::write(&file, "mode = \"observe\"\n").unwrap();
    std::fs::create_dir(dir.path().join("config.d")).unwrap();
    std::fs::write(dir.path().join("config.d/10-a.toml"), "mode = \"enforce\"\n").unwrap();
    assert_eq!(Config::load(Some(&file)).unwrap().mode, Mode::Observe);
}

#[test]
fn a_client_needs_no_directory() {
    let file = written("socket = \"/run/other.sock\"\nrules = \"/no/such/rules\"\n");
    assert_eq!(Config::socket(Some(file.path())).unwrap(), PathBuf::from("/run/other.sock"));
}

#[test]
fn every_key_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let file = written(&format!(
        "socket = \"/s\"\nstate = \"/v\"\nrules = \"{path}\"\ncatalog = \"{path}\"\npins = \"none\"\n\
         metrics = \"none\"\nmode = \"observe\"\napprovers = [\"root\", 1000]\nrisk_budget = 7\ncgroup = \"{path}\"\n\
         log = \"debug\"\nwatch_below = 1\nsessions_per_user = 3\nunattended = \"never\"\nshared_terminal = \"allow\"\n\
         resolvers = [\"192.0.2.53\", \"2001:db8::53\"]\npackage_managers = \"never\"\non_full = \"degrade\"\n\
         terminal = \"bell\"\ndesktop = \"decide\"\n\
         factor = \"by-rule\"\nbreak_glass_most = \"2h\"\npause = \"15m\"\n\
         [roles]\nviewer = [\"group:dev\"]\nadmin = [\"root\"]\n\
         approver = [{{ who = 7, up_to = \"high\", providers = [\"railway\"], classes = [\"infra\"] }}]\n\
         [kubernetes]\nenabled = false\nnode = \"worker-1\"\nkubeconfig = \"/k\"\nnamespaces = [\"dev-*\"]\nlabels = \"app=web\"\n\
         approvers = [\"user:ann\", \"group:sre\"]\nadmins = \"rbac\"\ngroups = {{ ops = [\"corp:ops\"] }}\n"
    ));
    let expected = Config {
        files: vec![file.path().into()],
        drop_ins: None,
        socket: "/s".into(),
        state: "/v".into(),
        rules: Some(directory.path().into()),
        builtin_rules: false,
        catalog: Some(directory.path().into()),
        pins: None,
        metrics: None,
        mode: Mode::Observe,
        on_full: OnFull::Degrade,
        factor: FactorPolicy::ByRule,
        break_glass_most: std::time::Duration::from_secs(7200),
        pause: Some(std::time::Duration::from_secs(900)),
        approvers: Approvers::Users(vec![0, 1000]),
        risk_budget: 7,
        sessions_per_user: 3,
        unattended: Unattended::Never,
        shared_terminal: SharedTerminal::Allow,
        terminal: Terminal::Bell,
        desktop: Desktop::Decide,
        asks_package_managers: false,
        cgroup: Some(directory.path().into()),
        log: "debug".into(),
        watch_below: Some(1),
        resolvers: ["192.0.2.53", "2001:db8::53"].map(|address| address.parse().unwrap()).into(),
        roles: Roles {
            viewer: vec![Member::Group("dev".into())],
            approver: vec![Approver {
                who: Member::User(7),
                limit: Limit {
                    up_to: Some(Severity::High),
                    providers: vec!["railway".into()],
                    classes: vec![DestinationClass::Infra],
                },
            }],
            admin: vec![Member::User(0)],
        },
        kubernetes: Kubernetes {
            enabled: false,
            node: Some("worker-1".into()),
            kubeconfig: Some("/k".into()),
            selection: Selection {
                namespaces: Namespaces::new(vec!["dev-*".into()]),
                labels: "app=web".parse().unwrap(),
            },
            roles: ClusterRoles {
                approvers: ClusterMembers::Named(vec![
                    ClusterMember::User("ann".into()),
                    ClusterMember::Group("sre".into()),
                ]),
                admins: ClusterMembers::Rbac,
                groups: [("ops".to_owned(), vec!["corp:ops".to_owned()])].into(),
            },
        },
        notify: Vec::new(),
    };
    assert_eq!(Config::load(Some(file.path())), Ok(expected));
}

#[test]
fn each_mistake_of_the_roles_is_told_at_its_place() {
    let text = "[roles]\nviewer = [\"group:\", 7]\nadmins = []\napprover = [{ up_to = \"hgih\", by = 1 }, { who = 7, classes = [\"x\"] }]\n";
    insta::assert_snapshot!(problems(text), @r#"
    config.toml:2:11: roles.viewer[0]: found "group:"; expected a user name, a uid, or "group:NAME"
        viewer = ["group:", 7]
                  ^^^^^^^^
    config.toml:3:1: roles.admins: there is no such role; expected viewer, approver, admin; did you mean "admin"?
        admins = []
        ^^^^^^
    config.toml:4:13: roles.approver[0].who: the field is missing; expected a user name, a uid, or "group:NAME"
        approver = [{ up_to = "hgih", by = 1 }, { who = 7, classes = ["x"] }]
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^
    config.toml:4:23: roles.approver[0].up_to: found "hgih"; expected low, medium, high, critical
        approver = [{ up_to = "hgih", by = 1 }, { who = 7, classes = ["x"] }]
                              ^^^^^^
    config.toml:4:31: roles.approver[0].by: there is no such field; expected who, up_to, providers, classes
        approver = [{ up_to = "hgih", by = 1 }, { who = 7, classes = ["x"] }]
                                      ^^
    config.toml:4:63: roles.approver[1].classes[0]: found "x"; expected infra, model, package, database, metadata, vcs, local, plain, unknown
        approver = [{ up_to = "hgih", by = 1 }, { who = 7, classes = ["x"] }]
                                                                      ^^^
    "#);
}

#[test]
fn each_mistake_of_the_cluster_is_told_at_its_place() {
    let text = "[kubernetes]\nenabled = 1\nnode = \"A,b\"\nnamespaces = [\"dev\", \"Dev\"]\nlabels = \"a in (b\"\nnamespace = 1\n";
    insta::assert_snapshot!(problems(text), @r#"
    config.toml:2:11: kubernetes.enabled: found 1; expected true or false
        enabled = 1
                  ^
    config.toml:3:8: kubernetes.node: found "A,b"; expected the name of a node, as "worker-1"
        node = "A,b"
               ^^^^^
    config.toml:4:22: kubernetes.namespaces[1]: found "Dev"; expected a namespace, or a pattern of some, as "dev-*"
        namespaces = ["dev", "Dev"]
                             ^^^^^
    config.toml:5:10: kubernetes.labels: "a in (b" lacks its closing bracket; expected a label selector, as "app=web,tier in (a, b),!legacy"
        labels = "a in (b"
                 ^^^^^^^^^
    config.toml:6:1: kubernetes.namespace: unknown key; did you mean "namespaces"?
        namespace = 1
        ^^^^^^^^^
    "#);
}

#[test]
fn a_cluster_needs_the_name_of_the_node_and_a_program_that_knows_clusters() {
    let report = problems("log = \"info\"\n[kubernetes]\nenabled = true\n");
    let expected = if cfg!(feature = "kubernetes") { "NODE_NAME" } else { "was built without Kubernetes" };
    assert!(report.starts_with("config.toml:2:1: kubernetes: ") && report.contains(expected), "{report}");
}

#[test]
fn a_process_that_is_over_cannot_be_watched_below() {
    let file = written("mode = \"observe\"\nwatch_below = 4194305\n"); // beyond any pid_max
    let text = Config::load(Some(file.path())).unwrap_err().to_string();
    assert!(text.contains(":2:") && text.contains("there is no process 4194305"), "{text}");
}

#[test]
fn a_named_file_that_is_missing_is_a_problem() {
    let problems = Config::load(Some(Path::new("/no/such/config.toml"))).unwrap_err();
    assert!(problems.to_string().starts_with("/no/such/config.toml: cannot be read"), "{problems}");
}

#[test]
fn the_sample_states_every_key_with_its_default() {
    let sample = include_str!("../../../packaging/config.toml");
    let (sample, targets) = sample.split_once("#[[notify]]").unwrap();
    let keys = ["catalog", "cgroup", "rules", "watch_below"];
    let (optional, set): (Vec<&str>, Vec<&str>) = sample
        .lines()
        .filter_map(|line| {
            line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#']) && rest.contains('='))
        })
        .partition(|line| keys.iter().any(|key| line.starts_with(key)));
    assert_eq!((optional.len(), set.len()), (4, 21));
    let path = Path::new("sample");
    let parse = |text: &str| {
        let mut document = Document::default();
        document.add(text, path);
        document
    };
    let Document { config, problems, .. } = parse(&set.join("\n"));
    assert_eq!(problems.or(config), Ok(Config { files: vec![path.into()], ..Config::default() }));
    assert_eq!(parse(&optional.join("\n")).problems.len(), 0);
    let targets = format!("[[notify]]{}", targets.replace("\n#", "\n"));
    let Document { config, problems, .. } = parse(&targets);
    assert_eq!((config.notify.len(), problems.0), (2, vec![]));
    let phone = &config.notify[0];
    assert_eq!((&phone.events[..], phone.quiet_except), (&Class::DEFAULT[..], Some(Severity::Critical)));
}
