use monitor_common::policy::{ADDRESS_DATABASE, ADDRESS_METADATA, AddressKey};

use super::*;
use crate::facts::DestinationClass::{self, Database, Infra, Local, Metadata, Model, Package, Unknown, Vcs};
use crate::problem::Problem;

fn builtin() -> Destinations {
    Destinations::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn class(name: &str) -> Option<DestinationClass> {
    builtin().classify(name).map(|(class, _)| class)
}

#[test]
fn the_incident_went_to_infrastructure() {
    let catalogue = builtin();
    for name in ["backboard.railway.app", "Backboard.Railway.App."] {
        assert_eq!(catalogue.classify(name), Some((Infra, "railway")));
    }
    assert_eq!(catalogue.classify("railway.app"), Some((Unknown, "railway")));
}

#[test]
fn one_domain_holds_models_control_planes_databases_and_customers() {
    let cases = [
        ("bedrock-runtime.eu-west-1.amazonaws.com", Model),
        ("q.us-east-1.amazonaws.com", Model),
        ("cursor-user-debugging-data.s3.us-east-1.amazonaws.com", Model),
        ("ec2.us-east-1.amazonaws.com", Infra),
        ("bucket.s3.us-east-1.amazonaws.com", Infra),
        ("a.bucket.with.dots.s3.us-east-1.amazonaws.com", Infra),
        ("iam.amazonaws.com", Infra),
        ("sts.us-east-1.amazonaws.com", Unknown),
        ("shop-1.eu-west-1.elb.amazonaws.com", Unknown),
        ("prod.abc.eu-west-1.rds.amazonaws.com", Database),
        ("generativelanguage.googleapis.com", Model),
        ("us-central1-aiplatform.googleapis.com", Model),
        ("sqladmin.googleapis.com", Infra),
        ("storage.googleapis.com", Infra),
        ("corp.openai.azure.com", Model),
        ("cursor.blob.core.windows.net", Model),
        ("corp.blob.core.windows.net", Infra),
        ("management.azure.com", Infra),
        ("gateway.ai.cloudflare.com", Model),
        ("api.cloudflare.com", Infra),
        ("abcdefgh.supabase.co", Infra),
        ("db.abcdefgh.supabase.co", Database),
        ("aws-0-eu.pooler.supabase.com", Database),
        ("api.github.com", Infra),
        ("github.com", Vcs),
        ("api.githubcopilot.com", Model),
        ("o1.ingest.us.sentry.io", Model),
        ("api.us5.datadoghq.com", Infra),
        ("http-intake.logs.us5.datadoghq.com", Model),
        ("mcp.vercel.com", Infra),
        ("metadata.google.internal", Metadata),
    ];
    let catalogue = builtin();
    for (name, expected) in cases {
        assert_eq!(catalogue.classify(name).map(|(class, _)| class), Some(expected), "{name}");
    }
}

#[test]
fn a_suffix_needs_whole_labels_and_something_before_it() {
    for name in [
        "fonts.googleapis.com",
        "evilamazonaws.com",
        "amazonaws.com",
        "supabase.co",
        "",
        "localhost",
        "example.com",
    ] {
        assert_eq!(class(name), None, "{name:?}");
    }
    assert_eq!(class("backboard.railway.app.evil.example"), None);
}

#[test]
fn a_model_never_counts_as_infrastructure() {
    let text = include_str!("../../../../../rules/catalog/destinations.yaml");
    let document: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let catalogue = builtin();
    let mut checked = 0;
    for entry in document["entries"].as_array().unwrap().iter().filter(|entry| entry["class"] == "model") {
        for host in entry["hosts"].as_array().unwrap() {
            let name = host.as_str().unwrap().replace('*', "x1");
            assert_eq!(catalogue.classify(&name).map(|(class, _)| class), Some(Model), "{name}");
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn addresses_and_ports_speak_for_themselves() {
    let catalogue = builtin();
    let cases = [
        ("169.254.169.254", 80, Metadata),
        ("::ffff:169.254.169.254", 80, Metadata),
        ("fd00:ec2::254", 80, Metadata),
        ("100.100.100.200", 80, Metadata),
        ("203.0.113.9", 5432, Database),
        ("10.0.0.7", 5432, Database),
        ("127.0.0.1", 5432, Local),
        ("::1", 6379, Local),
        ("0.0.0.0", 5432, Local),
        ("10.0.0.7", 6443, Infra),
        ("127.0.0.1", 6443, Local),
        ("192.168.1.1", 443, Local),
        ("100.64.3.4", 443, Local),
        ("fe80::1", 443, Local),
        ("fd12::1", 443, Local),
        ("203.0.113.9", 443, Unknown),
        ("2001:db8::1", 443, Unknown),
        ("168.63.129.16", 53, Unknown),
        ("169.254.169.254", 53, Local),
        ("10.0.0.7", 22, Local),
        ("203.0.113.9", 22, Unknown),
    ];
    for (address, port, expected) in cases {
        assert_eq!(
            catalogue.classify_address(address.parse().unwrap(), port).0,
            expected,
            "{address}:{port}"
        );
    }
}

#[test]
fn the_kernel_gets_metadata_addresses_and_database_ports() {
    let keys = builtin().kernel_addresses();
    let mut imds = [0; 16];
    imds[10..].copy_from_slice(&[0xff, 0xff, 169, 254, 169, 254]);
    assert!(keys.contains(&(AddressKey { address: imds, port: 0 }, ADDRESS_METADATA)));
    assert!(keys.contains(&(AddressKey { address: [0; 16], port: 5432 }, ADDRESS_DATABASE)));
    assert!(!keys.iter().any(|(key, _)| key.port == 6443));
}

#[test]
fn a_learned_registry_is_a_package_host_unless_it_is_listed() {
    let learned = [
        ("npm.corp.example", "npm"),
        ("backboard.railway.app", "npm"),
        ("ec2.eu-west-1.amazonaws.com", "pip"),
        ("corp-1.d.codeartifact.eu-west-1.amazonaws.com", "pip"),
    ];
    let mut catalogue = builtin();
    catalogue.learn(learned.map(|(host, tool)| (host.to_owned(), tool.to_owned())));
    assert_eq!(catalogue.registries().count(), 2);
    assert_eq!(catalogue.classify("NPM.corp.example"), Some((Package, "npm")));
    assert_eq!(catalogue.classify("backboard.railway.app"), Some((Infra, "railway")));
    assert_eq!(catalogue.classify("ec2.eu-west-1.amazonaws.com"), Some((Infra, "aws")));
    assert_eq!(catalogue.classify("corp-1.d.codeartifact.eu-west-1.amazonaws.com"), Some((Package, "pip")));
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = "version: 2\nentries:\n  - id: Bad\n    class: infra\n    hosts: [a.example, a.example, 'UP.example']\n    source: ''\n  \
                - id: b\n    class: nonsense\n    source: x\n  - id: c\n    class: infra\n    source: x\n";
    let problems = Destinations::parse(text).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    for expected in [
        "yaml:1:10: version: found 2; expected 1",
        "yaml:3:9: entries[0].id: found \"Bad\"; expected lower-case letters",
        "yaml:6:13: entries[0].source: there is no source; expected text; say where",
        "yaml:5:24: entries[0].hosts[1]: \"a.example\" is also in line 5; keep it in one entry",
        "entries[0].hosts[2]: found \"UP.example\"; expected a lower-case name",
        "yaml:8:12: entries[1].class: found \"nonsense\"; expected infra, model",
        "yaml:7:5: entries[1]: an endpoint without a host",
        "yaml:10:5: entries[2]: an endpoint without a host",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}

#[test]
fn patterns_of_two_classes_for_one_name_are_refused() {
    let text = "version: 1\nentries:\n  - { id: a, class: infra, source: s, hosts: ['db.*.example.com'] }\n  \
                - { id: b, class: database, source: s, hosts: ['*.eu.example.com', 'd*.*.example.com'] }\n  \
                - { id: c, class: model, source: s, hosts: ['m.*.example.com', 'db.m*.example.com'] }\n";
    let lines: Vec<_> = Destinations::parse(text).unwrap_err().iter().map(Problem::headline).collect();
    let expected = "destinations.yaml:3:47: entries[0].hosts[0]: \"db.*.example.com\" is also covered by \
                    \"d*.*.example.com\" in line 4, which has another class; narrow one of them";
    assert_eq!(lines, [expected]);
}
