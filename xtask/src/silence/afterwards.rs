//! What comes after the work in an agent's day: a pull request, a message to a chat, a provider's API. Whatever the work
//! read must not stop these, so each session asks them at its end. A server on loopback stands for all of them.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

const HOSTS: [&str; 3] = ["api.github.com", "hooks.slack.com", "api.cloudflare.com"];

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// The server; it ends with this process.
pub struct Afterwards {
    port: u16,
}

impl Afterwards {
    /// # Errors
    /// There is no port on loopback.
    pub fn serve() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port on loopback")?;
        let port = listener.local_addr().context("no port on loopback")?.port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(&stream));
            }
        });
        Ok(Self { port })
    }

    /// The end of a session's script.
    pub fn script(&self) -> String {
        let port = self.port;
        HOSTS
            .map(|host| {
                format!(
                    "curl -sS -o /dev/null --max-time 60 --noproxy '*' --resolve {host}:{port}:127.0.0.1 http://{host}:{port}/\n"
                )
            })
            .concat()
    }
}

/// Who asks too slowly or hangs up gets no answer.
fn answer(mut stream: &TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    if lines.any(|line| line.is_empty()) {
        let _ = stream.write_all(ANSWER);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn every_host_is_asked_and_answers() {
        let script = Afterwards::serve().unwrap().script();
        assert_eq!(script.lines().count(), HOSTS.len());
        crate::process::answer(Command::new("bash").args(["-e", "-c", &script])).unwrap();
    }
}
