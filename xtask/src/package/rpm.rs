//! The RPM, by rpmbuild, with a second one for the debug information.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{
    build::{Identity, Program, tool},
    debian::{DESCRIPTION, MAINTAINER, SUMMARY, copy, touch},
    tree::{self, CONFFILES},
};
use crate::process;

/// As systemd's own macros expand them, which a machine without systemd's packages does not have.
const SCRIPTS: &str = "\
%post
systemd-sysusers interlock.conf >/dev/null 2>&1 || :
systemd-tmpfiles --create interlock.conf >/dev/null 2>&1 || :
if [ $1 -eq 1 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload preset interlock.service >/dev/null 2>&1 || :
fi

%preun
if [ $1 -eq 0 ]; then
    was_active=
    if [ -d /run/systemd/system ]; then
        if systemctl is-active --quiet interlock.service; then was_active=yes; fi
        systemctl stop interlock.service >/dev/null 2>&1 || :
    fi
    # Refuses while a tree is frozen that nobody could thaw afterwards; the removal ends then, with the daemon running again.
    if ! interlock daemon --release; then
        if [ -n \"$was_active\" ]; then systemctl start interlock.service || :; fi
        exit 1
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --no-reload disable interlock.service >/dev/null 2>&1 || :
    fi
fi

%postun
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
    # What is pinned stays in force in between, and what waits goes on waiting. A daemon that runs is not given up for one that would
    # not start.
    if [ $1 -ge 1 ]; then
        if interlock --quiet config check; then
            systemctl try-restart interlock.service >/dev/null 2>&1 || :
        else
            echo 'interlock: this version does not start with the configuration and rules above; mend them, then: systemctl restart interlock' >&2
        fi
    fi
fi
";

/// # Errors
/// rpmbuild refuses what it is given.
pub fn build(stage: &Path, tree: &Path, program: &Program, identity: &Identity, out: &Path) -> Result<()> {
    let (top, root) = (stage.join("rpm"), stage.join("rpm-tree"));
    copy(tree, &root)?;
    // Where RPM's distributions have them.
    rename(&root, "usr/share/zsh/vendor-completions", "usr/share/zsh/site-functions")?;
    let licences = "interlock/THIRD-PARTY-LICENSES";
    rename(&root, &format!("usr/share/doc/{licences}"), &format!("usr/share/licenses/{licences}"))?;
    fs::create_dir_all(root.join("var/lib/interlock"))?;
    tree::put(&root, &program.debug_place(), &fs::read(&program.debug)?, 0o644)?;
    touch(&root, identity)?;
    fs::create_dir_all(&top)?;
    let spec = top.join("interlock.spec");
    fs::write(&spec, text(&root, program, identity)?)?;
    let mut command = tool("rpmbuild", identity);
    command.args(["-bb", "--target", "x86_64"]);
    for (name, value) in [
        ("_topdir", top.display().to_string()),
        ("_rpmdir", top.join("made").display().to_string()),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        ("_buildhost", "localhost".to_owned()),
        ("_build_id_links", "none".to_owned()),
        ("debug_package", "%{nil}".to_owned()),
        ("__os_install_post", "%{nil}".to_owned()),
        ("_binary_payload", if identity.is_trial { "w1.gzdio" } else { "w6.xzdio" }.to_owned()),
    ] {
        command.args(["--define", &format!("{name} {value}")]);
    }
    process::answer(command.arg(&spec))?;
    for file in fs::read_dir(top.join("made/x86_64"))?.flatten() {
        fs::copy(file.path(), out.join(file.file_name()))?;
    }
    Ok(())
}

fn rename(root: &Path, from: &str, to: &str) -> Result<()> {
    fs::create_dir_all(root.join(to).parent().unwrap_or(root))?;
    fs::rename(root.join(from), root.join(to)).with_context(|| format!("{from} of the tree"))
}

fn text(root: &Path, program: &Program, identity: &Identity) -> Result<String> {
    let all =
        process::answer(Command::new("find").current_dir(root).args(["-type", "f", "-printf", "/%P\\n"]))?;
    let mut files: Vec<String> =
        all.lines().filter(|file| !file.starts_with("/usr/lib/debug/")).map(entry).collect();
    files.sort();
    let date = identity.date_as("%a %b %d %Y")?;
    Ok(format!(
        "Name: interlock\nVersion: {version}\nRelease: {number}\nSummary: {SUMMARY}\nLicense: MIT OR Apache-2.0\n\
         URL: https://github.com/interlock/interlock\nVendor: Interlock\nPackager: {MAINTAINER}\n\
         Group: System Environment/Daemons\nRequires: logrotate\nRequires(post): systemd\nRequires(preun): systemd\n\n\
         %description\n{description}\n\n\
         %package debuginfo\nSummary: Debug information for interlock\nGroup: Development/Debug\nRequires: interlock = %{{version}}-%{{release}}\n\n\
         %description debuginfo\nDebug information for the program of the package interlock.\n\n\
         %install\nmkdir -p %{{buildroot}}\ncp -a {root}/. %{{buildroot}}/\n\n{SCRIPTS}\n\
         %files\n%dir /etc/interlock\n%dir /etc/interlock/config.d\n%dir /usr/share/interlock\n%dir %attr(0700,root,root) /var/lib/interlock\n{files}\n\n\
         %files debuginfo\n/{debug}\n\n\
         %changelog\n* {date} {MAINTAINER} - {version}-{number}\n- Revision {revision}\n",
        version = identity.version.replace('-', "~"),
        number = identity.number,
        revision = identity.revision,
        description = DESCRIPTION.join("\n"),
        root = root.display(),
        files = files.join("\n"),
        debug = program.debug_place(),
    ))
}

fn entry(file: &str) -> String {
    let words = match file {
        _ if CONFFILES.contains(&file) => "%config(noreplace) ",
        _ if file.starts_with("/usr/share/doc/") => "%doc ",
        _ if file.starts_with("/usr/share/licenses/") => "%license ",
        _ => "",
    };
    format!("{words}{file}")
}
