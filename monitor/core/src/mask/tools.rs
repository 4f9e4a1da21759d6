//! Programs whose options carry credentials under names that do not say so: `mysql -p…`, `curl -u user:…`.

/// What of an option's value is the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// `user:PASSWORD`
    AfterColon,
    /// `user%PASSWORD`
    AfterPercent,
    /// `name=VALUE`
    AfterEquals,
}

/// How an option's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// `-pVALUE`; alone it asks on the terminal.
    Attached,
    /// `-p VALUE`
    Separate,
    Either,
}

pub struct Tool {
    names: &'static [&'static str],
    pub options: &'static [(&'static str, Written, Part)],
    /// Credentials are a word of their own: `sqlplus user/PASSWORD@database`.
    pub connects: bool,
}

use Part::{AfterColon, AfterEquals, AfterPercent, Whole};
use Written::{Attached, Either, Separate};

const fn tool(names: &'static [&'static str], options: &'static [(&'static str, Written, Part)]) -> Tool {
    Tool { names, options, connects: false }
}

/// From the programs' manuals: curl 8.16, MySQL 8.4 and MariaDB 11.8 clients, redis-cli 8, docker 29, podman 5, OpenSSL 3.5.
const TOOLS: &[Tool] = &[
    tool(
        &["curl"],
        &[
            ("-u", Either, AfterColon),
            ("--user", Separate, AfterColon),
            ("-U", Either, AfterColon),
            ("--proxy-user", Separate, AfterColon),
            ("-b", Either, AfterEquals),
            ("--cookie", Separate, AfterEquals),
            ("--oauth2-bearer", Separate, Whole),
            ("-E", Either, AfterColon),
            ("--cert", Separate, AfterColon),
        ],
    ),
    tool(&["http", "https", "xh", "xhs"], &[("-a", Either, AfterColon), ("--auth", Separate, AfterColon)]),
    tool(
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlshow",
            "mysqlcheck",
            "mysqlbinlog",
            "mysqlslap",
            "mysqlsh",
            "mycli",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-import",
            "mariadb-show",
            "mariadb-check",
            "mydumper",
            "xtrabackup",
        ],
        &[("-p", Attached, Whole)],
    ),
    tool(
        &["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"],
        &[("-p", Either, Whole)],
    ),
    tool(&["redis-cli", "valkey-cli", "keydb-cli"], &[("-a", Separate, Whole)]),
    tool(&["sqlcmd", "bcp"], &[("-P", Either, Whole)]),
    tool(&["cqlsh", "influx"], &[("-p", Either, Whole)]),
    tool(
        &["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd", "ldapwhoami"],
        &[("-w", Either, Whole)],
    ),
    tool(&["sshpass"], &[("-p", Either, Whole)]),
    // Ports too: `-p 80:80` of `docker run` is no password, so only with `login`.
    tool(
        &["smbclient", "rpcclient", "smbget"],
        &[("-U", Either, AfterPercent), ("--user", Separate, AfterPercent)],
    ),
    tool(&["7z", "7za", "7zz"], &[("-p", Attached, Whole)]),
    tool(&["zip", "unzip"], &[("-P", Either, Whole)]),
    tool(
        &["openssl"],
        &[
            ("-pass", Separate, AfterColon),
            ("-passin", Separate, AfterColon),
            ("-passout", Separate, AfterColon),
            ("-k", Separate, Whole),
            ("-K", Separate, Whole),
            ("-password", Separate, AfterColon),
        ],
    ),
    tool(&["kubectl", "oc", "k3s", "microk8s"], &[("--from-literal", Separate, AfterEquals)]),
    tool(&["az"], &[("-p", Separate, Whole)]),
    tool(&["gh"], &[]),
    Tool { names: &["sqlplus", "sql", "rman", "expdp", "impdp"], options: &[], connects: true },
];

/// Programs whose `login -p` carries a password.
pub const LOGINS: &[&str] = &[
    "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "regctl", "oc", "cf",
    "heroku",
];

/// Returns the program that a word names, with or without its directory.
#[must_use]
pub fn named(word: &str) -> Option<&'static Tool> {
    let name = word.rsplit('/').next().unwrap_or(word);
    TOOLS.iter().find(|tool| tool.names.contains(&name))
}
