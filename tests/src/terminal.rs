//! A person's terminal: an interactive shell with job control, on a real pseudo terminal.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::wait;

pub struct Terminal {
    keys: File,
    shell: Child,
    shown: Arc<Mutex<Vec<u8>>>,
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
        let (keys, shown) = (File::from(master), Arc::new(Mutex::new(Vec::new())));
        let (mut output, written) = (keys.try_clone().expect("a descriptor"), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                written.lock().expect("nobody panics").extend_from_slice(&bytes[..length]);
            }
        });
        let terminal = Self { keys, shell, shown };
        terminal.shows("SHELL ");
        terminal
    }

    /// Types a line.
    pub fn types(&self, line: &str) {
        self.presses(&format!("{line}\n"));
    }

    /// Types keys, and no line.
    pub fn presses(&self, keys: &str) {
        (&self.keys).write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Gives it a size; what runs there is told.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keys, size).expect("a terminal");
    }

    /// What a terminal of that size shows of everything that was written to it.
    #[must_use]
    pub fn looks(&self, columns: u16, rows: u16) -> vt100::Parser {
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.shown.lock().expect("nobody panics"));
        parser
    }

    /// Waits until `text` stands on a screen of that size.
    pub fn displays(&self, text: &str, (columns, rows): (u16, u16)) {
        wait::until(text, || {
            let screen = self.looks(columns, rows).screen().contents();
            if screen.contains(text) { Ok(()) } else { Err(screen) }
        });
    }

    /// Types Ctrl-Z.
    pub fn types_ctrl_z(&self) {
        (&self.keys).write_all(&[0x1a]).expect("the terminal is open");
    }

    /// Everything that was shown so far, what was typed as well.
    #[must_use]
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("nobody panics")).into_owned()
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
