use proptest::prelude::*;
use tls_parser::{
    SNIType, TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions,
    parse_tls_plaintext,
};

use super::*;

fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[4 - width..], bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), sized(2, data)].concat()
}

fn names(names: &[&[u8]]) -> Vec<u8> {
    let entries: Vec<u8> = names.iter().flat_map(|name| [vec![0], sized(2, name)].concat()).collect();
    extension(SERVER_NAME, &sized(2, &entries))
}

/// A handshake message.
fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(sized(1, &[9; 32]));
    body.extend(sized(2, &[0x1a, 0x1a, 0x13, 0x01]));
    body.extend(sized(1, &[0]));
    if !extensions.is_empty() {
        body.extend(sized(2, &extensions.concat()));
    }
    [vec![CLIENT_HELLO], sized(3, &body)].concat()
}

fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    [vec![kind, 3, 1], sized(2, fragment)].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|fragment| record(HANDSHAKE, fragment)).collect()
}

fn read(extensions: &[Vec<u8>]) -> Hello {
    server_name(&record(HANDSHAKE, &hello(extensions)))
}

fn named(name: &str) -> ServerName {
    ServerName::Found(name.to_owned())
}

#[test]
fn the_name_is_found_among_others() {
    let grease = extension(0x4a4a, &[]);
    let alpn =
        extension(ALPN, &sized(2, &[sized(1, b"\x0a\x0a"), sized(1, b"h2"), sized(1, b"http/1.1")].concat()));
    let found = read(&[grease.clone(), alpn, names(&[b"API.Example.com"]), grease]);
    assert_eq!(found.server_name, named("api.example.com"));
    assert_eq!(found.alpn, ["h2", "http/1.1"]);
    assert!(!found.encrypted);
}

#[test]
fn an_encrypted_hello_is_seen() {
    let found = read(&[names(&[b"public.example"]), extension(ENCRYPTED_CLIENT_HELLO, &[0; 40])]);
    assert_eq!(found.server_name, named("public.example"));
    assert!(found.encrypted);
}

#[test]
fn every_name_counts_once() {
    let found = read(&[names(&[b"a.org", b"b.org", b"a.org"]), names(&[b"c.org"])]);
    assert_eq!(found.server_name, named("a.org"));
    assert_eq!(found.further, ["b.org", "c.org"]);
    let many: Vec<String> = (0..100).map(|i| format!("n{i}.org")).collect();
    let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
    assert_eq!(read(&[names(&many)]).further.len(), KEPT - 1);
}

#[test]
fn a_hello_without_a_name_is_complete() {
    assert_eq!(read(&[]).server_name, ServerName::None);
    assert_eq!(read(&[extension(10, &[0, 0])]).server_name, ServerName::None);
    assert_eq!(read(&[names(&[])]).server_name, ServerName::None);
    for no_host in [&b""[..], b"10.0.0.1", b"a b", b"x\0.org"] {
        assert_eq!(read(&[names(&[no_host])]).server_name, ServerName::None);
    }
    let version_2 = [0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10];
    assert_eq!(server_name(&version_2).server_name, ServerName::None);
}

#[test]
fn warnings_and_empty_records_before_the_hello_do_not_hide_it() {
    let bytes =
        [record(ALERT, &[1, 0]), record(HANDSHAKE, &[]), record(HANDSHAKE, &hello(&[names(&[b"x.org"])]))];
    assert_eq!(server_name(&bytes.concat()).server_name, named("x.org"));
}

#[test]
fn other_bytes_are_not_tls() {
    let server_hello = record(HANDSHAKE, &[2, 0, 0, 1, 0]);
    let too_large = [HANDSHAKE, 3, 1, 0xff, 0xff, 1];
    let malformed = record(HANDSHAKE, &[CLIENT_HELLO, 0, 0, 2, 3, 3]);
    for other in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0", &server_hello, &too_large, &malformed] {
        assert_eq!(server_name(other).server_name, ServerName::NotTls, "{}", other.escape_ascii());
    }
    let mut lying = hello(&[names(&[b"x.org"])]);
    let list = lying.len() - b"x.org".len() - 3 - 2;
    lying[list + 1] = 0xff;
    assert_eq!(server_name(&record(HANDSHAKE, &lying)).server_name, ServerName::NotTls);
}

/// The first host name, as another parser reads it; `None` where it cannot.
fn oracle(bytes: &[u8]) -> Option<Option<Vec<u8>>> {
    let (_, plaintext) = parse_tls_plaintext(bytes).ok()?;
    let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))] = plaintext.msg.as_slice() else {
        return None;
    };
    let (rest, extensions) = parse_tls_client_hello_extensions(hello.ext.unwrap_or_default()).ok()?;
    let name = extensions.iter().find_map(|extension| match extension {
        TlsExtension::SNI(names) => names.iter().find(|(kind, _)| *kind == SNIType::HostName),
        _ => None,
    });
    rest.is_empty().then(|| name.map(|(_, name)| name.to_vec()))
}

fn extensions() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let other =
        (prop_oneof![Just(0x4a4a_u16), 0x7000..0x7fff_u16], proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, data)| extension(kind, &data));
    let name = "[a-zA-Z0-9-]{1,20}(\\.[a-z]{1,20}){0,3}".prop_map(|name| names(&[name.as_bytes()]));
    proptest::collection::vec(prop_oneof![3 => other, 1 => name], 0..8)
}

proptest! {
    #[test]
    fn agrees_with_another_parser(extensions in extensions(), size in 1usize..400) {
        let message = hello(&extensions);
        let expected = oracle(&record(HANDSHAKE, &message)).expect("a well-formed hello");
        let expected = expected.and_then(|name| host::name(&name)).map_or(ServerName::None, ServerName::Found);
        prop_assert_eq!(&read(&extensions).server_name, &expected);
        prop_assert_eq!(server_name(&records(&message, size)).server_name, expected, "in several records");
    }

    #[test]
    fn a_cut_hello_gives_the_same_name_or_is_incomplete(extensions in extensions(), cut in any::<prop::sample::Index>()) {
        let whole = record(HANDSHAKE, &hello(&extensions));
        let expected = server_name(&whole).server_name;
        let found = server_name(&whole[..cut.index(whole.len())]).server_name;
        prop_assert!(found == ServerName::Incomplete || found == expected, "{found:?} is not {expected:?}");
    }

    #[test]
    fn agrees_about_broken_hellos(
        extensions in extensions(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = record(HANDSHAKE, &hello(&extensions));
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let found = server_name(&bytes);
        if let Some(Some(name)) = oracle(&bytes) && let Some(name) = host::name(&name) {
            prop_assert_eq!(found.server_name, ServerName::Found(name));
        }
    }

    #[test]
    fn any_bytes_give_an_answer(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), tls in any::<bool>()) {
        if tls {
            bytes.splice(0..0, [HANDSHAKE, 3, 1, 2, 0, CLIENT_HELLO, 0, 1, 0xfc]);
        }
        let _ = server_name(&bytes);
    }
}
