//! HTTP, outwards alone: TLS by the system's authorities or by a file's, no redirects, no proxy from the environment, and an end to
//! everything that a server may make wait or send.

use std::{io::Read as _, path::Path, sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use rustls::crypto::ring;
use ureq::{
    Agent, Error,
    http::{HeaderMap, Response},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{
    form::Request,
    outcome::{Outcome, Reply},
};
use interlock_host::regular;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
/// Largest file of authorities, bytes: a system has some 150 of 2 KiB.
const AUTHORITIES: u64 = 4 << 20;
/// Of an answer no more is read, bytes.
const ANSWER: u64 = 64 * 1024;
const AGENT: &str = concat!("interlock/", env!("CARGO_PKG_VERSION"));

/// What speaks to one target.
pub struct Client(Agent);

impl Client {
    /// Reads the authorities: those of `ca_file`, or else the system's.
    ///
    /// # Errors
    /// There are none, in words.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(authorities(ca_file)?)))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(AGENT)
            .max_idle_connections_per_host(1)
            .tls_config(tls)
            .build();
        Ok(Self(config.new_agent()))
    }

    /// Sends a request, and reads what is answered.
    ///
    /// # Errors
    /// Nothing was answered: to be tried again.
    pub fn send(&self, request: &Request) -> Result<Reply, Outcome> {
        let Request { put, url, headers, body } = request;
        let started = if *put { self.0.put(url) } else { self.0.post(url) };
        let request = headers.iter().fold(started, |request, (name, value)| request.header(*name, value));
        let mut response = request.send(&body[..]).map_err(|error| Outcome::later(said(&error)))?;
        let mut body = Vec::new();
        // What is cut off or too long is read as far as it goes: the status has been given.
        let _ = response.body_mut().as_reader().take(ANSWER).read_to_end(&mut body);
        Ok(Reply { status: response.status().as_u16(), retry_after: retry_after(&response), body })
    }
}

fn authorities(ca_file: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs();
        let certificates: Vec<_> =
            found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        return if certificates.is_empty() {
            Err("the system has no certificates of authorities (ca-certificates); install them, or name some by ca_file".into())
        } else {
            Ok(certificates)
        };
    };
    let pem = regular::read(path, AUTHORITIES)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{} has no certificate in PEM", path.display()));
    }
    Ok(certificates)
}

/// `Retry-After`, in seconds or as a date.
fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let headers: &HeaderMap = response.headers();
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default())
}

/// In words, without the URL, which may be a secret.
fn said(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::Timeout(which) => format!("it took too long ({which})"),
        Error::HostNotFound => "its host is not known (DNS)".to_owned(),
        Error::Rustls(error) => format!("TLS: {error}"),
        Error::Tls(error) => format!("TLS: {error}"),
        Error::Protocol(_) => "it answered with what is no HTTP".to_owned(),
        Error::ConnectionFailed => "no connection".to_owned(),
        Error::LargeResponseHeader(..) => "it answered with endless headers".to_owned(),
        _ => "the request could not be made".to_owned(),
    }
}
