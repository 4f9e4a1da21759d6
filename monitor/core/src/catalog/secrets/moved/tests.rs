use monitor_common::hash;

use crate::catalog::secrets::{Secrets, moved::Moved};

fn builtin() -> Secrets {
    Secrets::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn moved(secrets: &Secrets, variables: &[(&str, &str)]) -> Moved {
    let lookup = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    };
    secrets.moved(&lookup)
}

#[test]
fn a_session_s_variables_move_its_stores() {
    let secrets = builtin();
    let cases = [
        ("AWS_SHARED_CREDENTIALS_FILE", "/srv/aws/prod", "/srv/aws/prod", "aws"),
        ("AWS_CONFIG_FILE", "/srv/aws/conf", "/srv/aws/conf", "aws-config"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/srv/token-x", "/srv/token-x", "aws"),
        ("KUBECONFIG", "/srv/a.yaml:/srv/b.yaml", "/srv/b.yaml", "kubeconfig"),
        ("DOCKER_CONFIG", "/srv/docker", "/srv/docker/config.json", "registry-credentials"),
        ("DOCKER_CONFIG", "/srv/docker/", "/srv/docker/contexts/meta/x", "docker-contexts"),
        ("CLOUDSDK_CONFIG", "/srv/g", "/srv/g/legacy_credentials/ann/adc.json", "gcloud"),
        ("CLOUDSDK_CONFIG", "/srv/g", "/srv/g/application_default_credentials.json", "gcloud"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/srv/key-1.json", "/srv/key-1.json", "gcloud"),
        ("AZURE_CONFIG_DIR", "/srv/az", "/srv/az/msal_token_cache.json", "azure"),
        ("XDG_CONFIG_HOME", "/srv/xdg", "/srv/xdg/gh/hosts.yml", "forge-cli"),
        ("GH_CONFIG_DIR", "/srv/gh", "/srv/gh/hosts.yml", "forge-cli"),
        ("XDG_DATA_HOME", "/srv/data", "/srv/data/com.vercel.cli/auth.json", "vercel"),
        ("XDG_CACHE_HOME", "/srv/cache", "/srv/cache/huggingface/token", "huggingface"),
        ("XDG_RUNTIME_DIR", "/srv/run", "/srv/run/containers/auth.json", "registry-credentials"),
        ("FLY_CONFIG_DIR", "/srv/fly", "/srv/fly/config.yml", "fly"),
        ("CARGO_HOME", "/srv/cargo", "/srv/cargo/credentials.toml", "cargo"),
        ("GNUPGHOME", "/srv/gpg", "/srv/gpg/private-keys-v1.d/AB.key", "gnupg"),
        ("CODEX_HOME", "/srv/codex", "/srv/codex/auth.json", "codex-credentials"),
        ("CLAUDE_CONFIG_DIR", "/srv/claude", "/srv/claude/.credentials.json", "claude-credentials"),
        ("KRB5CCNAME", "FILE:/srv/cc", "/srv/cc", "kerberos"),
        ("PGPASSFILE", "/srv/./x/../pgpass", "/srv/pgpass", "postgres"),
        ("PGSYSCONFDIR", "/srv/pg", "/srv/pg/pg_service.conf", "postgres"),
        ("SUPABASE_HOME", "/srv/s", "/srv/s/access-token", "supabase"),
        ("TURBO_CONFIG_DIR_PATH", "/srv/t", "/srv/t/turborepo/auth.json", "turborepo"),
        ("VERCEL_CONFIG_DIR_PATH", "/srv/v", "/srv/v/com.vercel.cli/auth.json", "vercel"),
        ("BITWARDENCLI_APPDATA_DIR", "/srv/bw", "/srv/bw/data.json", "password-manager"),
        ("POETRY_CONFIG_DIR", "/srv/p", "/srv/p/auth.toml", "pip"),
        ("HF_TOKEN_PATH", "/srv/hf-token", "/srv/hf-token", "huggingface"),
        ("MODAL_CONFIG_PATH", "/srv/m.toml", "/srv/m.toml", "modal"),
        ("PREFECT_HOME", "/srv/prefect", "/srv/prefect/profiles.toml", "prefect"),
        ("CLEARML_CONFIG_FILE", "/srv/c.conf", "/srv/c.conf", "clearml"),
        ("npm_config_userconfig", "/srv/npmrc-x", "/srv/npmrc-x", "npm-user"),
        ("ANSIBLE_HOME", "/srv/ansible", "/srv/ansible/galaxy_token", "ansible-galaxy"),
        ("METAFLOW_HOME", "/srv/mf", "/srv/mf/config.json", "publishing-minor"),
        ("BENTOML_HOME", "/srv/bento", "/srv/bento/.yatai.yaml", "gpu-clouds-by-python"),
        ("DX_USER_CONF_DIR", "/srv/dx", "/srv/dx/environment.json", "research-platforms"),
        ("HUB_CONFIG", "/srv/hub-x", "/srv/hub-x", "forge-cli"),
        ("COMET_CONFIG", "/srv/comet-x", "/srv/comet-x", "ml-platforms"),
        ("SEMGREP_SETTINGS_FILE", "/srv/semgrep-x", "/srv/semgrep-x", "code-scanners"),
    ];
    for (variable, value, path, expected) in cases {
        let places = moved(&secrets, &[(variable, value)]);
        let found = secrets.judge_moved(path, &places).map(|judged| judged.id);
        assert_eq!(found, Some(expected), "{variable}={value}: {path}");
        assert_eq!(secrets.judge_moved("/srv/elsewhere", &places), None, "{variable}={value}");
        assert_eq!(secrets.judge_moved(path, &Moved::default()), None, "{path} without {variable}");
    }
}

#[test]
fn a_variable_may_name_the_directory_of_a_store() {
    let secrets = builtin();
    for variable in ["MYSQL_HOME", "MARIADB_HOME"] {
        let places = moved(&secrets, &[(variable, "/srv/db")]);
        let found = secrets.judge_moved("/srv/db/my.cnf", &places);
        assert_eq!(found.map(|judged| judged.id), Some("mysql"), "{variable}");
    }
}

#[test]
fn a_value_that_is_no_place_moves_nothing() {
    let secrets = builtin();
    for value in ["", "/", "//", "/..", "relative/dir", "~/x"] {
        let places = moved(&secrets, &[("XDG_CONFIG_HOME", value), ("KUBECONFIG", value)]);
        assert!(places.is_empty(), "{value}: {places:?}");
    }
    let stars = moved(&secrets, &[("KUBECONFIG", "/srv/*")]);
    assert_eq!(secrets.judge_moved("/srv/anything", &stars), None, "a value is no pattern");
    assert_eq!(secrets.judge_moved("/srv/*", &stars).map(|judged| judged.id), Some("kubeconfig"));
}

#[test]
fn the_kernel_is_told_the_moved_names() {
    let secrets = builtin();
    let places = moved(&secrets, &[("KUBECONFIG", "/srv/clusters/prod.yaml")]);
    let exact = |name: &str| hash::name(hash::EXACT, name.as_bytes());
    let keys: Vec<u64> = places.names().iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [hash::pair(exact("clusters"), exact("prod.yaml"))]);
}

#[test]
fn mistakes_in_moves_are_reported() {
    let text = "version: 1\nentries: []\nmoves:\n  - { env: A B, directory: x, source: s }\n  - { env: C, directory: '~/x/', source: '' }\n";
    let lines: Vec<_> = Secrets::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    for expected in [
        "yaml:4:12: moves[0].env: found \"A B\"; expected the name of a variable",
        "yaml:4:28: moves[0].directory: found \"x\"; expected ~/… or /…",
        "yaml:5:42: moves[1].source: there is no source",
        "yaml:5:26: moves[1].directory: found \"~/x/\"; expected",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}
