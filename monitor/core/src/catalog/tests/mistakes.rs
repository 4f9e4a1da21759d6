//! Mistakes in catalogues: all found at once, each in its place.

use super::{super::*, document};

const AGENTS: &str = r#"version: 1
interpreters: [node]
entries:
  - id: own-agent
    name: Own
    executables: [own, { name: cli, genric: true }]
    argv: ["[a"]
    packages: ["nmp:@own/agent"]
    session_markers: [{ env: OWN, valeu: 1 }]
    source: ours
"#;

const SECRETS: &str = r#"version: 1
entries:
  - id: own-tokens
    class: paass
    grade: AA
    path: ["~/.own/tokens.json"]
    for: [awz]
    source: ours
  - id: own-tokens
    class: paas
    grade: A
    paths: [tokens.json, "~/.own/{a,b"]
    source: ""
"#;

const DESTINATIONS: &str = r#"version: 1
entries:
  - id: own-cloud
    class: infa
    hosts: [api.own.example, api.own.example, API.own.example]
    source: ours
  - { id: own-db, class: database, ports: [5432, 70000], source: ours, sockets: [/run/own.sock], adresses: [192.0.2.1] }
"#;

#[test]
fn every_mistake_of_three_catalogues_is_told_at_its_place() {
    let problems = Catalog::read(&Documents {
        agents: document("agents.yaml", AGENTS),
        secrets: document("secrets.yaml", SECRETS),
        destinations: document("destinations.yaml", DESTINATIONS),
        ..Documents::default()
    });
    insta::assert_snapshot!(problems.unwrap_err(), @r#"
    agents.yaml:6:37: entries[0].executables[1].genric: there is no such field; expected name, generic; did you mean "generic"?
            executables: [own, { name: cli, genric: true }]
                                            ^^^^^^
    agents.yaml:7:12: entries[0].argv[0]: found "[a"; expected a glob; unclosed character class; missing ']'
            argv: ["[a"]
                   ^^^^
    agents.yaml:8:16: entries[0].packages[0]: found "nmp:@own/agent"; expected KIND:NAME, KIND one of npm, pypi, brew, nix, snap; did you mean "npm"?
            packages: ["nmp:@own/agent"]
                       ^^^^^^^^^^^^^^^^
    agents.yaml:9:35: entries[0].session_markers[0].valeu: there is no such field; expected env, value; did you mean "value"?
            session_markers: [{ env: OWN, valeu: 1 }]
                                          ^^^^^
    secrets.yaml:3:5: entries[0]: the entry says nowhere where its store is; expected paths or commands
          - id: own-tokens
            ^
    secrets.yaml:4:12: entries[0].class: found "paass"; expected agent, browser, ci, cloud, container, database, dotenv, gpg, history, iac, key, kubernetes, paas, password-store, registry, shell, ssh, system, vcs; did you mean "paas"?
            class: paass
                   ^^^^^
    secrets.yaml:5:12: entries[0].grade: found "AA"; expected A, B, C
            grade: AA
                   ^^
    secrets.yaml:6:5: entries[0].path: there is no such field; expected id, class, pack, grade, paths, watch, owners, owner_modules, project_owners, implicit, implicit_installed, implicit_grade, for, unnamed, loaded, except, env_override, commands, values, source, unverified; did you mean "paths"?
            path: ["~/.own/tokens.json"]
            ^^^^
    secrets.yaml:9:9: entries[1].id: "own-tokens" is also in line 3; keep it in one entry
          - id: own-tokens
                ^^^^^^^^^^
    secrets.yaml:12:13: entries[1].paths[0]: found "tokens.json"; expected ~/… or /… or **/…
            paths: [tokens.json, "~/.own/{a,b"]
                    ^^^^^^^^^^^
    secrets.yaml:12:26: entries[1].paths[1]: found "~/.own/{a,b"; expected braces that match
            paths: [tokens.json, "~/.own/{a,b"]
                                 ^^^^^^^^^^^^^
    secrets.yaml:13:13: entries[1].source: there is no source; expected text; say where the fact is from
            source: ""
                    ^^
    destinations.yaml:4:12: entries[0].class: found "infa"; expected infra, model, database, metadata, vcs, unknown, delegate; did you mean "infra"?
            class: infa
                   ^^^^
    destinations.yaml:5:30: entries[0].hosts[1]: "api.own.example" is also in line 5; keep it in one entry
            hosts: [api.own.example, api.own.example, API.own.example]
                                     ^^^^^^^^^^^^^^^
    destinations.yaml:5:47: entries[0].hosts[2]: found "API.own.example"; expected a lower-case name, such as api.example.com
            hosts: [api.own.example, api.own.example, API.own.example]
                                                      ^^^^^^^^^^^^^^^
    destinations.yaml:7:50: entries[1].ports[1]: found 70000; expected a number from 1 to 65535
          - { id: own-db, class: database, ports: [5432, 70000], source: ours, sock…
                                                         ^^^^^
    destinations.yaml:7:81: entries[1].sockets: belongs to a service; a service is of class: delegate: leave it out
        …32, 70000], source: ours, sockets: [/run/own.sock], adresses: [192.0.2.1] }
                                            ^
    destinations.yaml:7:98: entries[1].adresses: there is no such field; expected id, class, pack, hosts, also_infra, known, auth, addresses, ports, destructive, sockets, files, commands, values, mounts, source, unverified; did you mean "addresses"?
        …32, 70000], source: ours, sockets: [/run/own.sock], adresses: [192.0.2.1] }
                                                             ^^^^^^^^
    "#);
}

#[test]
fn a_file_that_is_empty_or_no_mapping_is_one_problem() {
    let of = |text: &str| {
        let documents = Documents { secrets: document("secrets.yaml", text), ..Documents::default() };
        Catalog::read(&documents).unwrap_err().to_string()
    };
    let empty = "secrets.yaml: the file is empty; expected version: 1 and entries; without the file the built-in one is used";
    assert_eq!([of(""), of("# nothing\n")], [empty, empty]);
    assert!(of("- a\n").starts_with("secrets.yaml:1:1: found a list; expected a mapping with version, "));
    assert!(of("version: 1\nversion: 1\nentries: [x]\n").contains("2:1: version: the field is there twice"));
    assert!(
        of("version: 1\nversion: 1\nentries: [x]\n").contains("entries[0]: found \"x\"; expected a mapping")
    );
}
