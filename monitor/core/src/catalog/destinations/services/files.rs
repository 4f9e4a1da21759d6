//! Files that a service runs or obeys later, by their paths; and by their names, for the kernel.

use monitor_common::hash::{self, PARENT};

use super::{
    by_path::ByPath,
    socket_name::{SocketName, is_plain, kernel_name},
};
use crate::{
    catalog::{
        fields::{Placed, path_pattern},
        path::basename,
    },
    yaml::Report,
};

/// The files of all services.
#[derive(Debug)]
pub(super) struct Files {
    pub paths: ByPath,
    /// Keys of the kernel's name table.
    pub keys: Vec<u64>,
}

impl Files {
    /// `files`: the service's index and the pattern.
    pub fn read(files: Vec<(u32, Placed)>, report: &mut Report<'_>) -> Self {
        let (mut texts, mut targets, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (service, pattern) in files {
            for text in path_pattern(&pattern, &["/", "~/", "**/"], report).unwrap_or_default() {
                match key(&text.value, service) {
                    Some(key) if keys.contains(&key) => {}
                    Some(key) => keys.push(key),
                    None => {
                        let message = format!("{:?} cannot be found by the kernel", text.value);
                        let problem = report.add(text.at, &text.field, message);
                        problem.expected("a file's name that is written out, or its directory's before /*");
                    }
                }
                texts.push(text);
                targets.push(service);
            }
        }
        Self { paths: ByPath::read(&texts, targets, report), keys }
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
