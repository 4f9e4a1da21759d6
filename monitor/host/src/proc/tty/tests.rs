use std::{
    io::Read as _,
    os::fd::AsFd as _,
    process::{Child, Command, Stdio},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Action, OptionalActions, Winsize, tcflow, tcsetattr, tcsetwinsize},
};

use super::*;

const PATIENCE: Duration = Duration::from_millis(50);

/// A terminal, and a process that has it as its controlling one.
struct Desk {
    master: File,
    name: String,
    holder: Child,
}

impl Desk {
    /// `redirected`: its standard descriptors lead elsewhere.
    fn new(redirected: bool) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        let script = if redirected {
            "exec 0</dev/null 1>/dev/null 2>/dev/null; exec sleep 60"
        } else {
            "exec sleep 60"
        };
        let mut command = Command::new("setsid");
        command.args(["--ctty", "sh", "-c", script]);
        let holder = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let desk = Self { master: master.into(), name, holder };
        let until = Instant::now() + Duration::from_secs(20);
        let sleeps = || {
            std::fs::read_to_string(format!("/proc/{}/comm", desk.holder.id())).unwrap_or_default()
                == "sleep\n"
        };
        while !sleeps() && Instant::now() < until {
            std::thread::yield_now();
        }
        desk
    }

    fn terminal(&self) -> Controlling {
        Controlling::of(self.holder.id()).unwrap()
    }

    fn tty(&self) -> Tty {
        Tty::of(self.terminal(), &[self.holder.id()]).unwrap()
    }

    fn shows(&self) -> String {
        let mut bytes = [0; 256];
        let length = (&self.master).read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn side(&self) -> File {
        File::options().read(true).write(true).open(&self.name).unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.holder.kill(); // it has ended
        let _ = self.holder.wait();
    }
}

#[test]
fn who_looks_at_the_terminal_reads_what_was_written_wherever_its_process_writes_to() {
    for redirected in [false, true] {
        let desk = Desk::new(redirected);
        desk.tty().write(b"held\r\n", PATIENCE).unwrap();
        assert_eq!(desk.shows(), "held\r\r\n", "redirected: {redirected}");
    }
}

#[test]
fn a_program_that_reads_keys_is_told_from_one_that_reads_lines() {
    let desk = Desk::new(false);
    let side = desk.side();
    tcsetwinsize(side.as_fd(), Winsize { ws_row: 24, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let look = desk.tty().look().unwrap();
    assert_eq!((look.reading, look.columns, look.titled), (Reading::Lines, 132, true));
    let mut modes = tcgetattr(&side).unwrap();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(&side, OptionalActions::Now, &modes).unwrap();
    let pager = desk.tty().look().unwrap().reading;
    assert_eq!(pager, Reading::Keys, "the leader is of the session: it is no shell that edits a line");
    // The same modes under a shell that leads the terminal and is no member.
    let shells = Tty::of(desk.terminal(), &[]).unwrap();
    assert_eq!(shells.look().unwrap().reading, Reading::Lines);
    modes.local_modes.remove(LocalModes::ISIG);
    tcsetattr(&side, OptionalActions::Now, &modes).unwrap();
    assert_eq!(shells.look().unwrap().reading, Reading::Keys);
}

#[test]
fn a_terminal_that_is_stopped_or_full_refuses_in_time() {
    let desk = Desk::new(false);
    let (tty, side) = (desk.tty(), desk.side());
    tcflow(&side, Action::OOff).unwrap();
    let began = Instant::now();
    assert_eq!(tty.write(b"held\r\n", PATIENCE).unwrap_err().kind(), io::ErrorKind::TimedOut);
    tcflow(&side, Action::OOn).unwrap();
    let full = (0..10_000).find_map(|_| tty.write(&[b'x'; 1024], PATIENCE).err());
    assert_eq!(full.unwrap().kind(), io::ErrorKind::TimedOut, "nobody reads it");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn nothing_is_opened_where_the_terminal_is_gone() {
    let desk = Desk::new(false);
    let (terminal, pid) = (desk.terminal(), desk.holder.id());
    let refused = |tty: io::Result<Tty>| tty.unwrap_err().kind();
    drop(desk);
    assert_eq!(refused(Tty::of(terminal, &[pid])), io::ErrorKind::NotFound, "it has ended");
}

#[test]
fn only_the_device_itself_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let desk = Desk::new(false);
    let number = desk.terminal().number();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for elsewhere in [&*file, &*fifo, Path::new("/dev/null"), Path::new("/dev/ptmx"), directory.path()] {
        let refused = open_device(elsewhere, number).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound, "{}", elsewhere.display());
    }
    assert!(open_device(Path::new(&desk.name), number).is_ok());
}
