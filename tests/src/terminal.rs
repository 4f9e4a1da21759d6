//! A person's terminal: an interactive shell with job control, on a real pseudo terminal.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::wait;

pub struct Terminal {
    keys: File,
    shell: Child,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Bash, interactive, in `directory`. It says `SHELL` where it waits for a command.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a usable terminal");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
        let side =
            || OwnedFd::from(File::options().read(true).write(true).open(&name).expect("its other side"));
        // `setsid --ctty`: the terminal is the shell's, and nobody else's.
        let shell = Command::new("setsid")
            .args(["--ctty", "bash", "--norc", "--noprofile", "-i"])
            .env("HOME", directory)
            .env("PS1", "SHELL ")
            .current_dir(directory)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("a shell");
        let (keys, screen) = (File::from(master), Arc::new(Mutex::new(String::new())));
        let (mut shown, written) = (keys.try_clone().expect("a descriptor"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = shown.read(&mut bytes) {
                written.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        let terminal = Self { keys, shell, screen };
        terminal.shows("SHELL ");
        terminal
    }

    /// Types a line.
    pub fn types(&self, line: &str) {
        (&self.keys).write_all(format!("{line}\n").as_bytes()).expect("the terminal is open");
    }

    /// Types Ctrl-Z.
    pub fn types_ctrl_z(&self) {
        (&self.keys).write_all(&[0x1a]).expect("the terminal is open");
    }

    /// Everything that was shown so far, what was typed as well.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen.lock().expect("nobody panics").clone()
    }

    /// Waits until `text` was shown.
    pub fn shows(&self, text: &str) {
        wait::until(text, || if self.screen().contains(text) { Ok(()) } else { Err(self.screen()) });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill(); // it has ended
        let _ = self.shell.wait();
    }
}
