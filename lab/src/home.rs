//! What lies in everybody's home: logins of other tools, which a client may look into.

use crate::{client::Seed, token};

/// The tag of these logins.
pub const TAG: &str = "99";

/// `(path, content)`; each is a secret to the catalogue.
const EVERYBODYS: &[(&str, &str)] = &[
    ("~/.npmrc", "//packages.lab.example/:_authToken=@token@\n"),
    ("~/.netrc", "machine lab.example login lab password @token@\n"),
    (
        "~/.pypirc",
        "[distutils]\nindex-servers = lab\n[lab]\nrepository = https://lab.example\nusername = lab\npassword = @token@\n",
    ),
    ("~/.aws/credentials", "[default]\naws_access_key_id = AKIA@TOKEN@\naws_secret_access_key = @token@\n"),
    ("~/.aws/config", "[default]\nregion = eu-central-1\n"),
    ("~/.git-credentials", "https://lab:@token@@lab.example\n"),
    (
        "~/.docker/config.json",
        r#"{ "auths": { "lab.example": { "auth": "bGFiOkA=", "identitytoken": "@token@" } } }"#,
    ),
    (
        "~/.kube/config",
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
         clusters: [{ name: lab, cluster: { server: \"https://kube.lab.example\" } }]\n\
         users: [{ name: lab, user: { token: \"@token@\" } }]\n\
         contexts: [{ name: lab, context: { cluster: lab, user: lab } }]\n",
    ),
    (
        "~/.ssh/id_ed25519",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n@token@\n-----END OPENSSH PRIVATE KEY-----\n",
    ),
    (
        "~/.config/gh/hosts.yml",
        "github.com:\n    user: lab\n    oauth_token: gho_@token@\n    git_protocol: https\n",
    ),
    (
        "~/.config/gcloud/application_default_credentials.json",
        r#"{ "type": "authorized_user", "client_id": "lab", "client_secret": "@token@", "refresh_token": "@token@" }"#,
    ),
    ("~/.pgpass", "*:*:*:*:@token@\n"),
    ("~/.my.cnf", "[client]\npassword=@token@\n"),
    (
        "~/.config/.wrangler/config/default.toml",
        "oauth_token = \"@token@\"\nexpiration_time = \"2099-01-01T00:00:00Z\"\nrefresh_token = \"@token@\"\n",
    ),
    ("~/.local/share/com.vercel.cli/auth.json", r#"{ "token": "@token@" }"#),
    (
        "~/.mc/config.json",
        r#"{ "version": "10", "aliases": { "lab": { "url": "https://s3.lab.example", "accessKey": "@token@", "secretKey": "@token@", "api": "S3v4", "path": "auto" } } }"#,
    ),
    ("~/.databrickscfg", "[DEFAULT]\nhost = https://adb-1.1.azuredatabricks.net\ntoken = @token@\n"),
    ("~/.kaggle/kaggle.json", r#"{ "username": "lab", "key": "@token@" }"#),
    ("~/.cache/huggingface/token", "hf_@token@"),
    (
        "~/.terraform.d/credentials.tfrc.json",
        r#"{ "credentials": { "app.terraform.io": { "token": "@token@" } } }"#,
    ),
    ("~/.railway/config.json", r#"{ "user": { "token": "@token@" }, "projects": {} }"#),
];

/// All of them but those that are the client's own.
#[must_use]
pub fn everybodys(own: &[String]) -> Vec<Seed> {
    let others = EVERYBODYS.iter().filter(|(path, _)| !own.iter().any(|own| own == path));
    others.map(|(path, text)| ((*path).to_owned(), token::fill(text, TAG))).collect()
}

#[cfg(test)]
mod tests {
    use interlock_core::catalog::Catalog;

    use super::*;

    #[test]
    fn each_is_a_secret_to_the_catalogue_and_has_a_token() {
        let catalog = Catalog::builtin().unwrap();
        for (path, content) in everybodys(&[]) {
            let place = path.replacen('~', crate::sandbox::HOME, 1);
            assert!(catalog.secrets.judge(&place, Some(crate::sandbox::HOME), 0).is_some(), "{path}");
            assert!(
                path == "~/.aws/config" || token::found(content.as_bytes()).contains(&TAG.to_owned()),
                "{path}"
            );
        }
        assert!(everybodys(&["~/.npmrc".to_owned()]).iter().all(|(path, _)| path != "~/.npmrc"));
    }
}
