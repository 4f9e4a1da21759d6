use std::time::Duration;

use super::*;

const STARTED: BootNanos = BootNanos(1_000_000_000);

fn seat(number: u32, leader: Option<u32>) -> Seat {
    Seat { number, leader, place: None, begun: None }
}

fn party(first: Option<Controlling>, pids: Vec<u32>) -> Party {
    Party { id: SessionId(7), started: STARTED, first, pids }
}

fn look(seats: &[Seat], party: Party) -> Result<Option<Shared>, TimeIsUp> {
    shared(seats, &[party], Instant::now() + Duration::from_secs(10))
}

#[test]
fn what_the_kernel_does_not_say_counts_as_permitted() {
    let by = |switch: io::Result<&str>| Pushing::by_switch(&switch.map(str::to_owned));
    assert_eq!(by(Ok("0\n")), Pushing::Forbidden);
    for text in ["1\n", "", "00", "no"] {
        assert_eq!(by(Ok(text)), Pushing::Switched, "{text:?}");
    }
    assert_eq!(by(Err(io::ErrorKind::NotFound.into())), Pushing::Always);
    assert_eq!(by(Err(io::ErrorKind::PermissionDenied.into())), Pushing::Switched);
}

#[test]
fn a_terminal_is_known_by_its_posix_session_and_not_by_its_number_alone() {
    let (here, containers) =
        (Controlling { number: 34_816, leader: 10 }, Controlling { number: 34_816, leader: 20 });
    let own = [seat(34_816, Some(10))];
    assert!(look(&own, party(Some(here), vec![])).unwrap().is_some());
    assert_eq!(look(&own, party(Some(containers), vec![])), Ok(None), "pts/0 of a container");
    assert!(look(&[seat(34_816, None)], party(Some(here), vec![])).unwrap().is_some(), "only a descriptor");
    let unsaid = Controlling { leader: 0, ..here };
    assert!(look(&own, party(Some(unsaid), vec![])).unwrap().is_some(), "fails closed");
    assert_eq!(look(&[], party(Some(here), vec![])), Ok(None), "no terminal");
}

#[test]
fn a_window_that_was_started_from_the_terminal_before_the_session_counts_as_another() {
    let first = Some(Controlling { number: 34_816, leader: 10 });
    let from = |begun: u64| [Seat { begun: Some(begun), ..seat(34_816, Some(10)) }];
    assert_eq!(look(&from(ticks(STARTED) - 1), party(first, vec![])), Ok(None));
    let found = look(&from(ticks(STARTED)), party(first, vec![])).unwrap().unwrap();
    assert_eq!((found.terminal.as_str(), found.pid), ("/dev/pts/0", None));
}

#[test]
fn an_open_descriptor_is_found_whoever_has_the_terminal() {
    let master =
        rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&master).and_then(|()| rustix::pty::unlockpt(&master)).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let index: u32 = name.rsplit('/').next().unwrap().parse().unwrap();
    let (number, own) = (packed(136, index), std::process::id());
    assert_eq!(
        look(&[seat(number, Some(u32::MAX))], party(None, vec![own])),
        Ok(None),
        "its other side is none"
    );
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let side = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    let found = look(&[seat(number, Some(u32::MAX))], party(None, vec![own])).unwrap().unwrap();
    assert_eq!(found, Shared { session: SessionId(7), pid: Some(own), terminal: name });
    let elsewhere = Seat { place: Some(u64::MAX), ..seat(number, Some(u32::MAX)) };
    assert_eq!(look(&[elsewhere], party(None, vec![own])), Ok(None), "of another devpts");
    drop(side);
    assert_eq!(look(&[seat(number, Some(u32::MAX))], party(None, vec![own])), Ok(None));
}

#[test]
fn a_look_that_takes_too_long_says_so() {
    let late = Instant::now();
    assert_eq!(shared(&[seat(1, None)], &[party(None, vec![1])], late), Err(TimeIsUp));
}

#[test]
fn numbers_are_packed_as_the_kernel_does() {
    for (major, minor) in [(136, 0), (136, 255), (136, 256), (136, 70_000), (4, 1)] {
        assert_eq!(parts(packed(major, minor)), (major, minor));
    }
    assert_eq!(packed(136, 3), 34_819);
    let names = [packed(136, 300), packed(4, 1), packed(4, 64), packed(204, 64)].map(name);
    assert_eq!(names, ["/dev/pts/300", "/dev/tty1", "/dev/ttyS0", "terminal 204:64"]);
    assert!(is_terminal(packed(136, 0)) && !is_terminal(packed(1, 3)) && !is_terminal(packed(5, 2)));
}
