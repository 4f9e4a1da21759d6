use std::fs;

use super::*;

fn hosts(home: &Path, tool: &str) -> Vec<String> {
    configured(home, &|_| None).into_iter().filter(|(_, by)| by == tool).map(|(host, _)| host).collect()
}

fn write(home: &Path, path: &str, text: &str) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_company_mirror_is_learned_from_npmrc_without_its_password() {
    let home = tempfile::tempdir().unwrap();
    let text = "# registry=https://commented.example.com/\nregistry=https://ann:s3cret@npm.corp.example:8443/repo/\n\
                @corp:registry = \"https://Scoped.Corp.Example/\"\n//npm.corp.example/:_authToken=abc\nproxy=http://proxy.example:3128\n";
    write(home.path(), ".npmrc", text);
    assert_eq!(hosts(home.path(), "npm"), ["npm.corp.example", "scoped.corp.example"]);
}

#[test]
fn a_list_of_indexes_may_go_on_in_indented_lines() {
    let home = tempfile::tempdir().unwrap();
    let text = "[global]\nextra-index-url =\n    https://one.example/simple\n    https://two.example/simple\ncert = https://no.example\n";
    write(home.path(), ".config/pip/pip.conf", text);
    let learned = hosts(home.path(), "pip");
    assert!(
        learned.contains(&"one.example".to_owned()) && learned.contains(&"two.example".to_owned()),
        "{learned:?}"
    );
    assert!(!learned.contains(&"no.example".to_owned()), "{learned:?}");
}

#[test]
fn cargo_shows_its_default_index_by_a_directory_and_the_download_host_in_it() {
    let home = tempfile::tempdir().unwrap();
    let index = ".cargo/registry/index/index.registry.example-1949cf8c6b5b557f/config.json";
    write(home.path(), index, "{\n \"dl\": \"https://files.registry.example/crates\"\n}");
    write(
        home.path(),
        ".cargo/config.toml",
        "[registries.corp]\nindex = \"sparse+https://crates.corp.example/i/\"\n",
    );
    let expected = ["crates.corp.example", "files.registry.example", "index.registry.example"];
    assert_eq!(hosts(home.path(), "cargo"), expected);
}

const SETTINGS: &str = "<settings><!-- sample:\n  <url>https://sample.example/x</url>\n--><mirror>\n  \
                        <url>https://maven.corp.example/public</url>\n</mirror></settings>";

#[test]
fn go_and_maven_name_several() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), ".m2/settings.xml", SETTINGS);
    let maven = hosts(home.path(), "maven");
    assert!(maven.contains(&"maven.corp.example".to_owned()), "{maven:?}");
    assert!(!maven.contains(&"sample.example".to_owned()), "a comment teaches nothing: {maven:?}");
    let lookup =
        |name: &str| (name == "GOPROXY").then(|| "https://a.example,https://b.example|direct".to_owned());
    let learned = configured(home.path(), &lookup);
    for host in ["a.example", "b.example"] {
        assert!(learned.contains(&(host.to_owned(), "go".to_owned())), "{learned:?}");
    }
}

#[test]
fn an_address_is_no_registry_host() {
    assert_eq!(urls("registry=http://169.254.169.254/"), Vec::<String>::new());
    assert_eq!(urls("index-url = ftp://files.example/"), Vec::<String>::new());
}
