//! Files that a service runs or obeys later, by their paths; and by their names, for the kernel.

use monitor_common::hash::{self, PARENT};

use super::{
    by_path::ByPath,
    socket_name::{SocketName, is_plain, kernel_name},
};
use crate::catalog::{path::basename, pattern::expand_braces, reader::Reader};

/// The files of all services.
#[derive(Debug)]
pub(super) struct Files {
    pub paths: ByPath,
    /// Keys of the kernel's name table.
    pub keys: Vec<u64>,
}

impl Files {
    /// `files`: the entry's line, the service's index, the pattern.
    pub fn read(reader: &mut Reader, files: Vec<(u64, u32, String)>) -> Self {
        let (mut texts, mut targets, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (line, service, pattern) in files {
            if !["/", "~/", "**/"].iter().any(|start| pattern.starts_with(start)) {
                reader.problem(line, format!("file `{pattern}`: expected `/…`, `~/…` or `**/NAME`"));
            }
            let Some(expanded) = expand_braces(&pattern) else {
                reader.problem(line, format!("file `{pattern}`: the braces do not match"));
                continue;
            };
            for text in expanded {
                match key(&text, service) {
                    Some(key) if keys.contains(&key) => {}
                    Some(key) => keys.push(key),
                    None => reader.problem(
                        line,
                        format!("file `{text}`: the kernel finds it by its name, or by its directory's where that ends in `/*`; write one of them out"),
                    ),
                }
                texts.push(text);
                targets.push(service);
            }
        }
        Self { paths: ByPath::read(reader, &texts, targets), keys }
    }
}

/// The kernel's key: as a socket's, of the name, with its directory's where that says more; or of the directory alone.
fn key(pattern: &str, service: u32) -> Option<u64> {
    let named = kernel_name(pattern, service).as_ref().map(SocketName::key);
    let directory = || pattern.strip_suffix("/*").map(basename).filter(|name| is_plain(name));
    named.or_else(|| directory().map(|name| hash::name(PARENT, name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    #[test]
    fn files_are_known_by_their_paths() {
        let catalog = Catalog::builtin().unwrap();
        for (path, service) in [
            ("/home/x/.bashrc", Some("shell-start")),
            ("/home/x/.bash_aliases", Some("shell-start")),
            ("/home/x/.local/bin/ls", Some("path-program")),
            ("/root/.zshenv", Some("shell-start")),
            ("/home/x/.config/fish/config.fish", Some("shell-start")),
            ("/home/x/.config/fish/conf.d/own.fish", Some("shell-start")),
            ("/etc/profile.d/x.sh", Some("shell-start")),
            ("/home/x/shop/.git/hooks/pre-commit", Some("git-hook")),
            ("/home/x/.config/systemd/user/x.timer", Some("systemd-unit")),
            ("/home/x/shop/.vscode/tasks.json", Some("editor-task")),
            ("/home/x/.ssh/authorized_keys", Some("login-keys")),
            ("/var/spool/cron/crontabs/x", Some("cron-table")),
            ("/home/x/.config/autostart/x.desktop", Some("desktop-start")),
            ("/home/x/shop/.bashrc", None),
            ("/home/x/shop/.git/hooks/pre-commit.sample", None),
            ("/home/x/shop/src/hooks/use.ts", None),
            ("/home/x/shop/tasks.json", None),
            ("/home/x/notes", None),
        ] {
            assert_eq!(catalog.delegate_file(path, None), service, "{path}");
        }
        let elsewhere = |home| catalog.delegate_file("/srv/people/x/.ssh/authorized_keys", home);
        assert_eq!(elsewhere(Some("/srv/people/x")), Some("login-keys"));
    }
}
