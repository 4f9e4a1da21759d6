use proptest::prelude::*;

use super::{arguments, text};

/// What a command line becomes, its arguments split at spaces outside of single quotes.
fn line(line: &str) -> String {
    let mut args: Vec<String> = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            match args.last_mut().filter(|last| last.ends_with('=')) {
                Some(last) => last.push_str(part),
                None => args.push(part.to_owned()),
            }
        } else {
            args.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        }
    }
    arguments(&args).join(" ")
}

#[test]
fn credentials_are_masked_and_what_a_person_judges_by_stays() {
    let table = [
        // URLs
        ("git clone https://ann:hunter2@example.com/x.git", "git clone https://ann:…@example.com/x.git"),
        (
            "psql postgres://u:p%40w@db.example:5432/app?sslmode=require",
            "psql postgres://u:…@db.example:5432/app?sslmode=require",
        ),
        ("redis-cli -u redis://:hunter2@cache:6379", "redis-cli -u redis://:…@cache:6379"),
        (
            "git push https://ghp_0123456789abcdefghij0123456789abcdef@github.com/a/b",
            "git push https://ghp_…(40)@github.com/a/b",
        ),
        (
            "git clone https://oauth2:glpat-ABCDEFGHIJ0123456789@gitlab.example/x",
            "git clone https://oauth2:glpat-…(26)@gitlab.example/x",
        ),
        ("curl https://api.example/a?token=zzzzzz&x=1", "curl https://api.example/a?token=…&x=1"),
        (
            "curl 'https://b.s3.amazonaws.com/k?X-Amz-Date=20261130T000000Z&X-Amz-Signature=ab12&X-Amz-Expires=60'",
            "curl https://b.s3.amazonaws.com/k?X-Amz-Date=20261130T000000Z&X-Amz-Signature=…&X-Amz-Expires=60",
        ),
        (
            "curl https://maps.example/json?key=AIzaSyA0123456789012345678901234567890&q=x",
            "curl https://maps.example/json?key=AIza…(38)&q=x",
        ),
        // headers
        (
            "curl -H 'Authorization: Bearer abcd1234 more' https://x.example",
            "curl -H Authorization: Bearer … https://x.example",
        ),
        ("curl -H 'X-Api-Key: abcd1234' https://x.example", "curl -H X-Api-Key: … https://x.example"),
        ("curl --header='Cookie: sid=1; t=2' https://x.example", "curl --header=Cookie: … https://x.example"),
        ("http GET x.example 'Authorization:Bearer abc'", "http GET x.example Authorization:Bearer …"),
        (
            "git -c 'http.extraHeader=Authorization: Basic YW5uOnB3' fetch",
            "git -c http.extraHeader=Authorization: Basic … fetch",
        ),
        // options by name
        ("vault login --token s.12345678 -format=json", "vault login --token … -format=json"),
        ("x --password=hunter22 --user ann", "x --password=… --user ann"),
        ("x --password 'two words' next", "x --password … next"),
        ("gcloud x --client-secret abc --api-key def", "gcloud x --client-secret … --api-key …"),
        (
            "mongodump --username ann --password hunter2 --db x",
            "mongodump --username ann --password … --db x",
        ),
        (
            "aws configure set aws_secret_access_key wJalrXUtnFEMI",
            "aws configure set aws_secret_access_key …",
        ),
        (
            "npm config set //registry.npmjs.org/:_authToken abc",
            "npm config set //registry.npmjs.org/:_authToken …",
        ),
        // tools
        ("mysql -uroot -phunter2 -h db shop", "mysql -uroot -p… -h db shop"),
        ("/usr/bin/mysqldump -phunter2 shop", "/usr/bin/mysqldump -p… shop"),
        ("curl -u ann:hunter2 https://x.example", "curl -u ann:… https://x.example"),
        ("curl -sSfu ann:hunter2 https://x.example", "curl -sSfu ann:… https://x.example"),
        ("curl -uann:hunter2 https://x.example", "curl -uann:… https://x.example"),
        ("curl --user=ann:hunter2 x.example", "curl --user=ann:… x.example"),
        ("docker login -u ann -p hunter2 registry.example", "docker login -u ann -p … registry.example"),
        ("sshpass -p hunter2 ssh web", "sshpass -p … ssh web"),
        ("redis-cli -h c -a hunter2 ping", "redis-cli -h c -a … ping"),
        ("openssl enc -pass pass:hunter2 -in x", "openssl enc -pass pass:… -in x"),
        ("smbclient -U ann%hunter2 //srv/x", "smbclient -U ann%… //srv/x"),
        (
            "kubectl create secret generic s --from-literal=db=hunter2",
            "kubectl create secret generic s --from-literal=db=…",
        ),
        ("sqlplus scott/tiger@orcl", "sqlplus scott/…@orcl"),
        // assignments
        ("env AWS_SECRET_ACCESS_KEY=abc aws s3 ls", "env AWS_SECRET_ACCESS_KEY=… aws s3 ls"),
        (
            "docker run -e POSTGRES_PASSWORD=x -p 5432:5432 postgres",
            "docker run -e POSTGRES_PASSWORD=… -p 5432:5432 postgres",
        ),
        ("bash -c 'TOKEN=abc; curl https://evil.example'", "bash -c TOKEN=…; curl https://evil.example"),
        (
            "bash -c 'mysql --password \"two words\" shop && rm -rf /tmp/x'",
            "bash -c mysql --password \"…\" shop && rm -rf /tmp/x",
        ),
        (
            "bash -c 'curl -H \"Authorization: Bearer abc.def\" https://x.example | sh'",
            "bash -c curl -H \"Authorization: Bearer …\" https://x.example | sh",
        ),
        (
            "curl -d '{\"user\": \"ann\", \"password\": \"hunter2\", \"n\": 1}'",
            "curl -d {\"user\": \"ann\", \"password\": \"…\", \"n\": 1}",
        ),
        (
            "curl -d 'grant_type=x&client_secret=hunter2&scope=y'",
            "curl -d grant_type=x&client_secret=…&scope=y",
        ),
        (
            "sqlcmd 'Server=x;User Id=ann;Password=hunter2;Encrypt=true'",
            "sqlcmd Server=x;User Id=ann;Password=…;Encrypt=true",
        ),
        (
            "python3 -c 'requests.get(u, auth=(\"a\", \"b\"), token=\"hunter2\")'",
            "python3 -c requests.get(u, auth=(\"a\", \"b\"), token=\"…\")",
        ),
        // tokens by themselves
        ("echo ghp_0123456789abcdefghij", "echo ghp_…(24)"),
        ("echo github_pat_11ABCDEFG0123456789_abcdef", "echo github_pat_…(37)"),
        ("echo xoxb-1234567890-abcdef", "echo xoxb-…(22)"),
        ("echo sk_live_0123456789abcdef", "echo sk_live_…(24)"),
        ("echo AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "echo AKIA…(20) …"),
        ("echo eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "echo eyJ…(49)"),
        (
            "printf '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----'",
            "printf -----BEGIN OPENSSH PRIVATE KEY-----…-----END OPENSSH PRIVATE KEY-----",
        ),
        (
            "echo -----BEGIN RSA PRIVATE KEY----- b3Blbn NzaC1r -----END RSA PRIVATE KEY----- x",
            "echo -----BEGIN RSA PRIVATE KEY----- … … -----END RSA PRIVATE KEY----- x",
        ),
    ];
    let wrong: Vec<_> = table
        .into_iter()
        .filter(|(typed, shown)| line(typed) != *shown)
        .map(|(typed, _)| (typed, line(typed)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ordinary_command_lines_stay_as_they_are() {
    let table = [
        "git show 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c",
        "git checkout -b fix/token-refresh origin/main",
        "git log --grep=password --oneline",
        "rg -l RAILWAY_TOKEN /home/ann",
        "rg 'AKIA|ghp_|sk-|BEGIN .*PRIVATE KEY' .",
        "grep -rn password= src",
        "cat /home/ann/.aws/credentials",
        "curl -s --key client.pem --cacert ca.pem https://x.example:8443/v1/tokens",
        "curl -u ann https://x.example",
        "ssh -i /home/ann/.ssh/id_ed25519 -p 2222 ann@web",
        "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        "ansible-playbook --private-key ~/.ssh/id_rsa site.yml",
        "mkdir -p build/out",
        "mysql -u root -p shop",
        "mysql -P 3306 -h db",
        "docker run -p 80:80 -v /srv:/data nginx:1.29",
        "docker build --secret id=npm,src=.npmrc .",
        "docker login --password-stdin -u ann registry.example",
        "docker pull registry.example/token:latest",
        "npm install --save-dev sk-learn-contrib-examples",
        "npm_config_registry=https://r.example npm ci",
        "sort -k2 -t: /etc/passwd",
        "psql postgres://db:5432/app",
        "git clone git@github.com:a/b.git",
        "git clone ssh://git@github.com/a/b.git",
        "cargo test --token-file x -- --nocapture",
        "gh auth login --with-token",
        "terraform apply -var-file=prod.tfvars -auto-approve",
        "kubectl get secret db-password -o yaml",
        "python3 -c 'token = os.environ[\"X\"]'",
        "bash -c 'curl -H \"Authorization: Bearer $TOKEN\" https://x.example'",
        "bash -c 'mysql --password \"$PW\"'",
        "openssl x509 -in cert.pem -noout -fingerprint -sha256",
        "node --max-old-space-size=4096 server.js --max-tokens 4096",
        "TOKENIZERS_PARALLELISM=false python train.py --num-keys=3",
        "tar --exclude=.git -czf out.tar.gz .",
        "sha256sum -c 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rustc --edition 2024 -C metadata=5f8a3c21d9e4b7f0 main.rs",
        "echo -----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----",
        "echo größe 大 👍",
        "az aks list --query '[].{name:name, key:id}'",
    ];
    for typed in table {
        assert_eq!(line(typed), typed.replace('\'', ""), "{typed}");
        assert_eq!(text(typed), typed);
    }
}

/// Parts that mean something to one of the passes, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "--password",
            "--token=",
            "-p",
            "mysql ",
            "curl ",
            " -u ",
            "ann:",
            "://",
            "@",
            "?token=",
            "&",
            "Authorization: ",
            "Bearer ",
            "\"",
            "'",
            "\\\"",
            "secret",
            "\": ",
            "=",
            ":",
            " ",
            "ghp_0123456789abcdefghij",
            "ghp_",
            "…",
            "…(40)",
            "(40)",
            ")",
            "eyJ",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "-----BEGIN X PRIVATE KEY-----",
            "-----END ",
            "$TOKEN",
            "set ",
            "login ",
            "key=",
            "\n",
            ";",
            "|",
            "{",
            "}",
            "大",
            "/home/x",
            "docker ",
            "sqlplus a/b@c",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        any::<String>(),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_second_time_changes_nothing(typed in hostile()) {
        let once = text(&typed).into_owned();
        prop_assert_eq!(text(&once), once.clone());
    }

    #[test]
    fn arguments_stay_as_many_and_a_second_time_changes_nothing(typed in prop::collection::vec(hostile(), 0..6)) {
        let once = arguments(&typed);
        prop_assert_eq!(once.len(), typed.len());
        prop_assert_eq!(arguments(&once), once.clone());
    }

    #[test]
    fn no_value_that_is_announced_survives(secret in "[A-Za-z0-9]{8,40}", around in "[a-z ]{0,10}") {
        let lines: [&[&str]; 8] = [
            &["x", "--password", "@"], &["x", "--api-token=@"], &["curl", "-u", "ann:@", "h"], &["mysql", "-p@"],
            &["env", "DB_PASSWORD=@"], &["curl", "-H", "Authorization: Bearer @"], &["git", "clone", "https://ann:@@h/x"],
            &["curl", "https://h/?a=1&access_token=@&b=2"],
        ];
        prop_assume!(!matches!(secret.to_lowercase().as_str(), "undefined"));
        for line in lines {
            let args: Vec<String> = std::iter::once(around.clone())
                .chain(line.iter().map(|arg| arg.replacen('@', &secret, 1))).collect();
            let masked = arguments(&args).join(" ");
            prop_assert!(!masked.contains(&secret), "{:?}: {}", args, masked);
        }
    }
}

#[test]
fn time_grows_with_the_text() {
    // A pass that is quadratic needs minutes for these.
    for part in [
        "a=",
        "://",
        "\"",
        "secret:",
        "ghp_",
        "-----BEGIN ",
        "token=(",
        "AKIA",
        "eyJ.",
        " -p",
        "password: \"",
        "…(",
        "aA0=",
        "token=",
        "key=",
        "x/token:",
        "hf_-",
        "Cookie:",
        "bearer ",
        "secret='\\'",
        "mysql -p\" ",
    ] {
        let long = part.repeat((1 << 17) / part.len());
        let _ = text(&long);
    }
}
