use super::*;

#[test]
fn a_request_is_written_down_with_the_login_in_it() {
    let memory = Arc::new(Memory::default());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    serve(Ipv4Addr::LOCALHOST, &[port], Authority::new("lab").unwrap(), &memory).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head =
        format!("POST /v1/x?a=b HTTP/1.1\r\nHost: api.lab.example:8\r\nX-Key: {}\r\n", token::token("02"));
    write!(stream, "{head}Content-Length: 2\r\n\r\nhi").unwrap();
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"HTTP/1.1 401");
    let expected = Request {
        host: "api.lab.example".into(),
        port,
        line: "POST /v1/x".into(),
        tokens: vec!["02".into()],
    };
    assert_eq!(memory.requests(), [expected]);
}

#[test]
fn a_request_that_is_listed_is_answered() {
    let memory = Arc::new(Memory::new(BTreeMap::from([("GET /api".to_owned(), "{}".to_owned())]), None));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    serve(Ipv4Addr::LOCALHOST, &[port], Authority::new("lab").unwrap(), &memory).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for (path, status) in [("/api?x=1", "200"), ("/other", "401")] {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut reply = [0; 512];
        let length = stream.read(&mut reply).unwrap();
        assert_eq!(std::str::from_utf8(&reply[9..length.min(12)]).unwrap(), status, "{path}");
    }
}

#[test]
fn every_name_has_an_address_of_its_own() {
    let memory = Memory::default();
    let first = memory.look_up("a.example", true);
    assert_eq!(memory.look_up("a.example", true), first);
    assert_ne!(memory.look_up("b.example", true), first);
    // Only what was asked for an address is a host.
    let _ = memory.look_up("_srv.example", false);
    assert_eq!(memory.names().len(), 2);
}

#[test]
fn a_body_is_waited_for() {
    assert!(answer::is_whole(b"GET / HTTP/1.1\r\n\r\n"));
    assert!(!answer::is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"));
    assert!(!answer::is_whole(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"));
    assert!(answer::is_whole(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
}

#[test]
fn a_body_in_chunks_is_put_together() {
    let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = |chunks: &[u8]| answer::body(&[head, chunks].concat());
    assert_eq!(body(b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n"), b"abcde");
    assert_eq!(body(b"ffffffffffffffff\r\nab"), b"");
    assert_eq!(answer::body(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"), b"hi");
}
