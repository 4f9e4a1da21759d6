//! Sessions whose files are not the daemon's: containers, other mount namespaces, shifted user numbers, trees of one project.

use std::{fs, path::Path, process::Command};

use interlock_tests::{
    agent::{Home, Running},
    backend::not_here,
    daemon::{Daemon, Settings, binary},
    is_root, wait,
};
use serde_json::Value;

/// Runs a script outside of every session, in a mount namespace of its own; `$RUN COMMAND` begins a session in it.
fn in_a_namespace(home: &Home, daemon: &Daemon, options: &str, script: &str) -> Running {
    let (binary, socket) = (binary(), daemon.socket());
    let run = format!("{} --socket {} run -q --", binary.display(), socket.display());
    let file = home.path().join("inside");
    fs::write(&file, format!("set -e\nRUN='{run}'\nmount --make-rprivate /\n{script}\n")).unwrap();
    home.run_unwatched(&format!("exec unshare -m {options} bash {}", file.display()))
}

/// The first read of a secret whose path contains `part`.
fn read_of(daemon: &Daemon, part: &str, output: impl Fn() -> String) -> Value {
    wait::until(part, || {
        let reads = daemon.events("secret-read");
        let found =
            reads.iter().find(|event| event["file.path"].as_str().is_some_and(|path| path.contains(part)));
        found.cloned().ok_or_else(|| (reads.clone(), output(), daemon.log()))
    })
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_containers_stores_are_found_in_its_own_mounts() {
    // Two sessions: five foreign secrets in one are a sweep, which freezes it.
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let inner = home.path().join("container");
    write(&inner.join("dev/.aws/sso/cache/0a1b.json"), "{}");
    write(&inner.join("dev/.password-store/infra/db.gpg"), "not-real");
    fs::create_dir_all(inner.join("dev/app/.git")).unwrap();
    write(&inner.join("dev/app/.env"), "T=1");
    let script = format!(
        "mount --bind {} /home; mount -t tmpfs none /run; mount -t tmpfs none /root
         at=/run/secrets/kubernetes.io/serviceaccount; mkdir -p $at/..2026_01.1 /run/secrets/eks.amazonaws.com/serviceaccount
         echo x > $at/..2026_01.1/token; ln -s ..2026_01.1 $at/..data; ln -s ..data/token $at/token
         echo x > /run/secrets/eks.amazonaws.com/serviceaccount/token; echo x > /run/secrets/db_password
         export HOME=/home/dev; cd /home/dev/app
         $RUN bash -c 'cat ~/.aws/sso/cache/0a1b.json ~/.password-store/infra/db.gpg .env'
         $RUN bash -c 'cat /var/run/secrets/kubernetes.io/serviceaccount/token /run/secrets/db_password
            cat /var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
        inner.display()
    );
    let mut agent = in_a_namespace(&home, &daemon, "", &script);
    let output = agent.finish();
    for (part, entry) in [
        ("/home/dev/.aws/sso/cache/0a1b.json", "aws"),
        ("/home/dev/.password-store/infra/db.gpg", "password-store"),
        ("/run/secrets/kubernetes.io/serviceaccount/", "pod-secrets"),
        ("/run/secrets/eks.amazonaws.com/serviceaccount/token", "pod-secrets"),
        ("/run/secrets/db_password", "pod-secrets"),
    ] {
        let read = read_of(&daemon, part, || output.clone());
        assert_eq!(
            (&read["interlock.secret.foreign"], read["interlock.secret.entry"].as_str()),
            (&true.into(), Some(entry)),
            "{read}"
        );
    }
    let own = read_of(&daemon, "/home/dev/app/.env", || output.clone());
    assert_eq!(own["interlock.secret.foreign"], false, "{own}");
    let began = daemon.the_event("session-started");
    assert_eq!(began["interlock.session.workspace"], "/home/dev/app", "{began}");
}

/// The home comes from the container's own user database, by the number that the user has in its user namespace.
#[test]
fn a_user_with_a_shifted_number_has_the_home_of_its_own_database() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let etc = home.path().join("etc");
    write(&etc.join("passwd"), "root:x:0:0::/root:/bin/sh\ndev:x:1000:1000::/srv/dev:/bin/sh\n");
    let store = home.path().join("srv/dev/.password-store/infra/db.gpg");
    write(&store, "not-real");
    open_to_all(home.path());
    open_to_all(daemon.dir());
    // The binary as well, which may lie where nobody else can reach it.
    let script = format!(
        "touch {0}/interlock; mount --bind {1} {0}/interlock
         mount --bind {0}/etc/passwd /etc/passwd; mount --bind {0}/srv /srv; cd /srv/dev
         exec setpriv --reuid 101000 --clear-groups env -u HOME unshare --map-user 1000 \
           {0}/interlock --socket {2} run -q -- cat /srv/dev/.password-store/infra/db.gpg",
        home.path().display(),
        binary().display(),
        daemon.socket().display()
    );
    let mut agent = in_a_namespace(&home, &daemon, "", &script);
    let output = agent.finish();
    let read = read_of(&daemon, "/srv/dev/.password-store/infra/db.gpg", || output.clone());
    assert_eq!(read["interlock.secret.entry"], "password-store", "{read}");
}

fn open_to_all(path: &Path) {
    let done = Command::new("chmod").args(["-R", "a+rX"]).arg(path).status().unwrap();
    assert!(done.success());
}

/// Reads a file over and over, for as long as the test lasts.
const AGAIN: &str =
    "while :; do cat $HOME/.password-store/infra/db.gpg 2>/dev/null; read -t 0.1 <> <(:) || :; done";

#[test]
fn a_child_in_another_mount_namespace_has_stores_there() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    fs::create_dir(home.path().join(".password-store")).unwrap();
    let inside = "mount --make-rprivate / && mount -t tmpfs none $HOME/.password-store \
                  && mkdir $HOME/.password-store/infra && echo x > $HOME/.password-store/infra/db.gpg";
    let agent = home.run(&daemon, &format!("unshare -m bash -c '{inside} && {AGAIN}'"));
    read_of(&daemon, ".password-store/infra/db.gpg", || agent.output());
}

/// Agents try their sandbox before they use it, with a program that has ended before anybody could look at its mounts.
#[test]
fn a_sandbox_that_is_only_tried_leaves_nothing_in_doubt() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let tried = "for n in $(seq 20); do unshare -m true; done; unshare -m bash -c 'sleep 0.5'";
    let _ = home.run(&daemon, tried).finish();
    let _ = daemon.the_event("session-ended");
    assert_eq!(daemon.events("session-incomplete"), Vec::<Value>::new());
}

/// The same program at the same path is what the session's root knows; another one mounted over it is not.
#[test]
fn a_file_mounted_over_an_owner_tool_is_no_owner() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    write(&home.path().join(".git-credentials"), "https://x:y@example.com\n");
    let ask = "printf 'protocol=https\\nhost=example.com\\n\\n' | git credential-store get";
    let sandboxed = format!("mount --make-rprivate / && {ask}");
    let mut agent = home.run(&daemon, &format!("unshare -m bash -c \"{sandboxed}\""));
    let output = agent.finish();
    let honest = read_of(&daemon, ".git-credentials", || output.clone());
    assert_eq!(honest["interlock.secret.owner"], true, "{honest}");
    let (daemon, tool) = (Daemon::start(&Settings::default()), "$(git --exec-path)/git-credential-store");
    let covered = format!(
        "mount --make-rprivate / && mount --bind /bin/dd {tool} && mkfifo $HOME/pipe \
         && {tool} if=$HOME/.git-credentials of=$HOME/pipe"
    );
    // It waits for a reader of the pipe: what has ended when its exec is read is not compared.
    let agent = home.run(&daemon, &format!("unshare -m bash -c '{covered}'"));
    let covered = read_of(&daemon, ".git-credentials", || agent.output());
    assert_eq!(
        (&covered["interlock.secret.owner"], &covered["interlock.secret.foreign"]),
        (&false.into(), &true.into()),
        "{covered}"
    );
}

#[test]
fn what_is_mounted_after_the_session_began_is_found() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    fs::create_dir(home.path().join(".password-store")).unwrap();
    let script = format!(
        "cd ~/work; $RUN bash -c 'touch ~/began; {AGAIN}' & until [ -e ~/began ]; do read -t 0.05 <> <(:) || :; done
         mount -t tmpfs none ~/.password-store; mkdir ~/.password-store/infra; echo x > ~/.password-store/infra/db.gpg; wait"
    );
    let agent = in_a_namespace(&home, &daemon, "", &script);
    read_of(&daemon, ".password-store/infra/db.gpg", || agent.output());
}

/// A file system in user space that never answers, mounted where a store would lie.
const SILENT: &str = "import os, ctypes, sys
device = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f'fd={device},rootmode=40000,user_id=0,group_id=0,allow_other'.encode()
if libc.mount(b'silent', sys.argv[1].encode(), b'fuse', 0, options): sys.exit(os.strerror(ctypes.get_errno()))
os.set_inheritable(device, True)
os.execvp('bash', ['bash', '-c', sys.argv[2]])";

#[test]
fn a_file_system_that_never_answers_keeps_nobody_waiting() {
    if !is_root() {
        return;
    }
    if !Path::new("/dev/fuse").exists() {
        eprintln!("skipped: no file system in user space can be made here");
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join("silent.py"), SILENT).unwrap();
    let session = "$RUN bash -c \"cat ~/.railway/config.json; echo began; exec sleep 60\"";
    let script = format!("export RUN; cd ~/work; exec python3 ~/silent.py ~/.aws '{session}'");
    let agent = in_a_namespace(&home, &daemon, "", &script);
    agent.says("began");
    read_of(&daemon, ".railway/config.json", || agent.output());
    assert!(daemon.log().contains("a file system is slow to answer"), "{}", daemon.log());
    // Nobody else waits either.
    let mut other = home.run(&daemon, "cat ~/.railway/config.json; echo done");
    assert!(other.finish().contains("done"));
}

fn git(directory: &Path, line: &str) {
    let options = ["-c", "protocol.file.allow=always", "-c", "user.name=x", "-c", "user.email=x@example.com"];
    let done =
        Command::new("git").args(options).args(line.split(' ')).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn the_trees_of_a_project_are_its_own_and_what_was_moved_there_is_not() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let main = home.path().join("main");
    fs::create_dir(&main).unwrap();
    git(&main, "init -q");
    git(&main, "commit -q --allow-empty -m x");
    fs::remove_dir_all(home.path().join("work")).unwrap();
    git(&main, "worktree add -q ../work");
    write(&main.join(".env"), "T=1");
    write(&home.path().join("other/.env"), "T=1");
    let script = "cat ../main/.env; mv ../other ../main/moved; cat ../main/moved/.env; sleep 60";
    let agent = home.run(&daemon, script);
    let own = read_of(&daemon, "main/.env", || agent.output());
    assert_eq!(own["interlock.secret.foreign"], false, "{own}");
    let moved = read_of(&daemon, "moved/.env", || agent.output());
    let followed = daemon.backend("link").sees_everything();
    if !followed {
        not_here("renames have no hook; what lies in the project's trees counts as the project's own");
    }
    assert_eq!(moved["interlock.secret.foreign"], followed, "{moved}");
}

#[test]
fn a_session_in_a_submodule_has_the_project_for_its_workspace() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let work = home.path().join("work");
    let library = home.path().join("library");
    fs::create_dir(&library).unwrap();
    fs::remove_dir(work.join(".git")).unwrap();
    for repository in [&library, &work] {
        git(repository, "init -q");
        git(repository, "commit -q --allow-empty -m x");
    }
    git(&work, "submodule --quiet add ../library deps/library");
    write(&work.join(".env"), "T=1");
    let run = format!("{} --socket {} run -q --", binary().display(), daemon.socket().display());
    let mut agent = home.run_unwatched(&format!("cd deps/library && {run} bash -c 'cat ../../.env'"));
    let output = agent.finish();
    let read = read_of(&daemon, "work/.env", || output.clone());
    assert_eq!(read["interlock.secret.foreign"], false, "{read}");
    let began = daemon.the_event("session-started");
    assert_eq!(began["interlock.session.workspace"], work.display().to_string(), "{began}");
}
