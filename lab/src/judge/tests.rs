use super::*;
use crate::client;

fn program(exe: &str, argv: &[&str]) -> Option<Program> {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Some(Program { exe: exe.to_owned(), comm: String::new(), argv })
}

fn own(path: &str, program: Option<Program>) -> Place {
    Place { path: path.to_owned(), own: true, opened: true, program }
}

fn host(name: &str, role: Role) -> Host {
    Host { name: name.to_owned(), port: 443, role, ..Host::default() }
}

fn differences(measured: &Measured) -> Vec<String> {
    differences_knowing(measured, None)
}

fn differences_knowing(measured: &Measured, client: Option<&Client>) -> Vec<String> {
    let catalog = Catalog::builtin().unwrap();
    let found = Judge { catalog: &catalog }.differences(measured, client).unwrap();
    found.iter().map(|difference| format!("{} {}", difference.kind, difference.subject)).collect()
}

#[test]
fn what_the_catalogue_says_as_well_is_no_difference() {
    let railway = program("/usr/local/bin/railway", &["railway", "list"]);
    let measured = Measured {
        stores: vec![
            own("~/.railway/config.json", railway),
            Place { path: "~/.xrc".into(), ..Place::default() },
        ],
        hosts: vec![host("backboard.railway.com", Role::Api), host("t.example", Role::Telemetry)],
        ..Measured::default()
    };
    assert_eq!(differences(&measured), Vec::<String>::new());
}

#[test]
fn each_kind_of_difference_is_told() {
    let other = || program("/usr/bin/other", &["other"]);
    let measured = Measured {
        stores: vec![
            own("~/.no-such-tool/login.bin", other()),
            own("~/.railway/config.json", other()),
            own("~/shop/.env", other()),
            Place { own: false, ..own("~/.aws/credentials", other()) },
        ],
        hosts: vec![
            host("api.no-such-provider.example", Role::Api),
            host("backboard.railway.com", Role::Telemetry),
            host("other.example", Role::Other),
            host("sts.eu-central-1.amazonaws.com", Role::Api),
        ],
        moves: vec![Moved {
            variable: "NO_SUCH_VARIABLE".into(),
            place: "~/.railway".into(),
            opened: vec!["config.json".into()],
        }],
        ..Measured::default()
    };
    let expected = [
        "unknown-store ~/.no-such-tool/login.bin",
        "not-owner ~/.railway/config.json",
        "reads-others ~/.aws/credentials",
        "unknown-host api.no-such-provider.example",
        "harmless-host backboard.railway.com",
        "not-followed NO_SUCH_VARIABLE",
    ];
    assert_eq!(differences(&measured), expected);
    let text =
        "- { id: x, from: npm, package: x@1, run: x, known: { ~/.aws/credentials: 'as it should be' } }";
    let client = client::read(text).unwrap().remove(0);
    assert_eq!(differences_knowing(&measured, Some(&client)).len(), expected.len() - 1);
}

#[test]
fn a_variable_that_the_catalogue_follows_is_no_difference() {
    let moved = |variable: &str, place: &str, rest: &str| Moved {
        variable: variable.into(),
        place: place.into(),
        opened: vec![rest.into()],
    };
    let measured = Measured {
        moves: vec![
            moved("XDG_CONFIG_HOME", "~/.config", "gh/hosts.yml"),
            moved("DOCKER_CONFIG", "~/.docker", "config.json"),
            moved("KUBECONFIG", "~/.kube/config", ""),
        ],
        ..Measured::default()
    };
    assert_eq!(differences(&measured), Vec::<String>::new());
}
