//! A DNS server: the drill's knows one name, the provider's; others bring a zone of their own.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE,
    rdata::{A, CNAME, RData},
};

use super::journal::{Journal, Who};

/// The name that the agent asks for.
pub const PROVIDER: &str = "backboard.railway.app";
/// Where it leads, as with a real provider behind an edge network.
const EDGE: &str = "edge.backboard.railway.app";
/// Documentation range (RFC 5737): nobody's real server.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Where the stub listens; the drill's `resolv.conf` names it.
pub const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), 53);
/// Seconds.
const TTL: u32 = 60;
/// A query over TCP that takes longer is given up, so that the one thread goes on with the next.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is no such name.
    Nothing,
    Address(Ipv4Addr),
    /// Another name, and that one's address.
    Alias(String, Ipv4Addr),
}

/// The names that a server knows.
pub trait Zone: Send + Sync + 'static {
    /// `name` is in lower case, without the root's dot; `asked` for an IPv4 address or for something else.
    fn look_up(&self, name: &str, asked: bool) -> Answer;
}

/// The provider's two names; what is answered goes to the journal.
impl Zone for Journal {
    fn look_up(&self, name: &str, asked: bool) -> Answer {
        if ![PROVIDER, EDGE].contains(&name) {
            return Answer::Nothing;
        }
        if asked {
            self.note(Who::Server, format!("the resolver answers: {name} is {ADDRESS}"));
        }
        if name == PROVIDER { Answer::Alias(EDGE.into(), ADDRESS) } else { Answer::Address(ADDRESS) }
    }
}

/// Answers UDP and TCP queries on `address` from two threads that live as long as the process.
///
/// # Errors
/// The address cannot be bound, or a thread cannot be started.
pub fn serve<Z: Zone>(address: SocketAddr, zone: &Arc<Z>) -> io::Result<()> {
    let (udp, tcp) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
    let names = Arc::clone(zone);
    thread::Builder::new().name("dns-udp".into()).spawn(move || datagrams(&udp, &*names))?;
    let names = Arc::clone(zone);
    thread::Builder::new().name("dns-tcp".into()).spawn(move || {
        // A client that goes away in the middle is its own loss.
        tcp.incoming().flatten().for_each(|stream| drop(stream_query(stream, &*names)));
    })?;
    Ok(())
}

fn datagrams(socket: &UdpSocket, zone: &impl Zone) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
        if let Some(reply) = buffer.get(..length).and_then(|query| answer(query, zone)) {
            // Lost datagrams are the client's to repeat.
            let _ = socket.send_to(&reply, peer);
        }
    }
}

fn stream_query(mut stream: TcpStream, zone: &impl Zone) -> io::Result<()> {
    stream.set_read_timeout(Some(QUERY_TIMEOUT))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    let Some(reply) = answer(&query, zone) else { return Ok(()) };
    let size = u16::try_from(reply.len()).map_err(io::Error::other)?;
    stream.write_all(&[&size.to_be_bytes(), reply.as_slice()].concat())
}

/// The reply to one query; `None` for what is not a query.
fn answer(query: &[u8], zone: &impl Zone) -> Option<Vec<u8>> {
    let packet = Packet::parse(query).ok()?;
    let question = packet.questions.first()?.clone();
    let mut reply = Packet::new_reply(packet.id());
    reply.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);

    let name = question.qname.to_string().to_ascii_lowercase();
    let asked = question.qtype == QTYPE::TYPE(TYPE::A);
    let mut add = |name: Name<'static>, data: RData<'static>| {
        reply.answers.push(ResourceRecord::new(name, CLASS::IN, TTL, data));
    };
    match zone.look_up(name.trim_end_matches('.'), asked) {
        Answer::Nothing => *reply.rcode_mut() = RCODE::NameError,
        // No IPv6, no mail, no services: an empty answer.
        _ if !asked => {}
        Answer::Address(address) => {
            add(question.qname.clone().into_owned(), RData::A(A { address: address.into() }));
        }
        Answer::Alias(to, address) => {
            let to = Name::new(&to).ok()?.into_owned();
            add(question.qname.clone().into_owned(), RData::CNAME(CNAME(to.clone())));
            add(to, RData::A(A { address: address.into() }));
        }
    }
    reply.questions.push(question);
    reply.build_bytes_vec_compressed().ok()
}

#[cfg(test)]
mod tests {
    use simple_dns::{QCLASS, Question};

    use super::*;

    fn ask(name: &str, kind: TYPE) -> Vec<u8> {
        let mut query = Packet::new_query(7);
        let name = Name::new(name).unwrap();
        query.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
        query.build_bytes_vec().unwrap()
    }

    #[test]
    fn the_provider_has_an_alias_and_an_address() {
        let bytes = answer(&ask("Backboard.Railway.App", TYPE::A), &Journal::default()).unwrap();
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!(reply.id(), 7);
        assert!(matches!(reply.answers[0].rdata, RData::CNAME(_)));
        assert!(matches!(reply.answers[1].rdata, RData::A(A { address }) if address == u32::from(ADDRESS)));
    }

    #[test]
    fn no_ipv6_is_an_empty_answer_and_other_names_do_not_exist() {
        let bytes = answer(&ask(PROVIDER, TYPE::AAAA), &Journal::default()).unwrap();
        let reply = Packet::parse(&bytes).unwrap();
        assert_eq!((reply.rcode(), reply.answers.len()), (RCODE::NoError, 0));

        let bytes = answer(&ask("example.com", TYPE::A), &Journal::default()).unwrap();
        assert_eq!(Packet::parse(&bytes).unwrap().rcode(), RCODE::NameError);
        assert!(answer(b"not a query", &Journal::default()).is_none());
    }

    #[test]
    fn both_transports_answer() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let journal = Arc::new(Journal::default());
        serve(port, &journal).unwrap();

        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(QUERY_TIMEOUT)).unwrap();
        client.send_to(&ask(PROVIDER, TYPE::A), port).unwrap();
        let mut buffer = [0; 512];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(Packet::parse(&buffer[..length]).unwrap().answers.len(), 2);

        let query = ask(PROVIDER, TYPE::A);
        let mut stream = TcpStream::connect(port).unwrap();
        stream.write_all(&u16::try_from(query.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(&query).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        assert_eq!(Packet::parse(&reply[2..]).unwrap().answers.len(), 2);
        assert_eq!(journal.moments().len(), 2);
    }
}
