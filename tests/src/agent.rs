//! An agent's surroundings: a home with a credential that is not the workspace's own, and a workspace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    daemon::{Daemon, binary},
    server::Server,
    wait,
};

pub struct Home {
    dir: TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    #[must_use]
    pub fn new() -> Self {
        let dir = TempDir::with_prefix("interlock-home-").expect("a temporary directory");
        for folder in [".railway", ".local/bin", "work/.git", "other/.git"] {
            fs::create_dir_all(dir.path().join(folder)).expect("a fresh directory");
        }
        for (file, content) in
            [(".railway/config.json", "{\"token\":\"not-real\"}"), ("work/readme", "hello\n")]
        {
            fs::write(dir.path().join(file), content).expect("a fresh file");
        }
        Self { dir }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a bash script as a session of `daemon`, in the workspace.
    #[must_use]
    pub fn run(&self, daemon: &Daemon, script: &str) -> Running {
        self.run_in(&[], daemon, script)
    }

    /// Runs a bash script as a session of `daemon`, with these variables.
    #[must_use]
    pub fn run_in(&self, env: &[(&str, &Path)], daemon: &Daemon, script: &str) -> Running {
        let mut command = Command::new(binary());
        command.arg("--socket").arg(daemon.socket()).args(["run", "--", "bash", "-c", script]);
        command.envs(env.iter().copied());
        self.spawn(command)
    }

    /// Runs a bash script as a session of `daemon`, in the workspace and in the network namespace of `pid`.
    #[must_use]
    pub fn run_in_network(&self, pid: &str, daemon: &Daemon, script: &str) -> Running {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{pid}/ns/net")).arg(binary()).arg("--socket").arg(daemon.socket());
        command.args(["run", "--", "bash", "-c", script]);
        self.spawn(command)
    }

    /// Runs a bash script outside of every session.
    #[must_use]
    pub fn run_unwatched(&self, script: &str) -> Running {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Running {
        use std::os::unix::process::CommandExt as _;
        let out = self.dir.path().join(format!("out-{}", fastrand()));
        let file = fs::File::create(&out).expect("a fresh file");
        let errors = file.try_clone().expect("a descriptor");
        let child = command
            .env("HOME", self.dir.path())
            .current_dir(self.dir.path().join("work"))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("the command starts");
        Running { child, out }
    }
}

/// A number that no other call of this process gives.
fn fastrand() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A started script, in a process group of its own, which ends with it.
pub struct Running {
    child: Child,
    out: PathBuf,
}

impl Running {
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// Waits for its end; returns its output.
    #[must_use]
    pub fn finish(&mut self) -> String {
        wait::until("the script ends", || match self.child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err((format!("{other:?}"), self.output())),
        });
        self.output()
    }

    /// Waits until its output contains `text`.
    pub fn says(&self, text: &str) {
        wait::until(text, || if self.output().contains(text) { Ok(()) } else { Err(self.output()) });
    }

    /// Its process group, which whatever it starts belongs to.
    #[must_use]
    pub fn group(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL); // it has ended
        }
        let _ = self.child.wait();
    }
}

/// Reads the credential that is not the workspace's own.
pub const READ_SECRET: &str = "cat ~/.railway/config.json > /dev/null";

/// A request to an infrastructure host, told by its name, that really goes to `server`.
#[must_use]
pub fn curl(server: &Server, more: &str) -> String {
    let (port, address) = (server.port(), server.address.ip());
    let address = if server.address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    format!(
        "curl -sS --noproxy '*' --resolve backboard.railway.app:{port}:{address} {more} http://backboard.railway.app:{port}/"
    )
}
