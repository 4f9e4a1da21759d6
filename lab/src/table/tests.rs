use interlock_core::catalog::Catalog;

use super::*;
use crate::{
    client,
    measure::{Login, Moved},
    trace::Program,
};

#[test]
fn a_client_is_a_row_and_what_was_not_run_has_its_reason() {
    let text = "- { id: railway, from: crates, package: railwayapp@5, run: railway list, stores: [~/.railway/config.json] }\n\
                - { id: gone, from: npm, package: gone@1, run: gone }\n\
                - { id: left, from: npm, package: left@1, run: left, skip: needs a | terminal }\n";
    let clients = client::read(text).unwrap();
    let program = Program {
        exe: "/usr/local/bin/railway".into(),
        comm: "railway".into(),
        argv: vec!["railway".into()],
    };
    let measured = Measured {
        id: "railway".into(),
        version: "5".into(),
        registry: "crates".into(),
        stores: vec![
            Place { path: "~/.railway/x".into(), ..Place::default() },
            Place { path: "~/.railway/config.json".into(), own: true, opened: true, program: Some(program) },
        ],
        moves: vec![Moved { variable: "XDG_CONFIG_HOME".into(), place: "~/.config".into(), opened: vec![] }],
        logins: vec![Login { variable: "RAILWAY_TOKEN".into(), seen: true }],
        hosts: vec![Host {
            name: "backboard.railway.com".into(),
            port: 443,
            role: Role::Api,
            ..Host::default()
        }],
        ..Measured::default()
    };
    let gone = Measured { id: "gone".into(), skipped: Some("no such version".into()), ..Measured::default() };
    let records = Records::from([("railway".to_owned(), measured), ("gone".to_owned(), gone)]);
    let catalog = Catalog::builtin().unwrap();
    let reasons = Reasons::read("reasons: [{ why: no client, stores: [dotenv, netrc] }]").unwrap();
    let text = document(&clients, &records, &reasons, &Judge { catalog: &catalog }).unwrap();
    let row = "| railway | 5 | crates | `railway` | `~/.railway/x`, **`~/.railway/config.json`** | (XDG_CONFIG_HOME) | RAILWAY_TOKEN \
               | **backboard.railway.com** [infra] |  |";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("1 clients were run; the catalogue agrees with 1 of them."), "{text}");
    assert!(
        text.contains("| gone | gone@1 | no such version |\n| left | left@1 | needs a \\| terminal |"),
        "{text}"
    );
}
