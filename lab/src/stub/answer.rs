//! What is understood of a request, and how it is refused.

/// The parts of a head that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET /v1/projects`, without the query; empty for what is not HTTP.
    pub line: String,
    pub host: Option<String>,
}

impl Head {
    pub fn read(bytes: &[u8]) -> Self {
        let text = head(bytes).map(String::from_utf8_lossy).unwrap_or_default();
        let mut lines = text.lines();
        let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version] = first[..] else { return Self::default() };
        if !version.starts_with("HTTP/") {
            return Self::default();
        }
        let path = target.split('?').next().unwrap_or(target);
        let host = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map(|(_, value)| value.trim().split(':').next().unwrap_or_default().to_ascii_lowercase());
        Self { line: format!("{method} {path}"), host }
    }

    pub fn is_http(&self) -> bool {
        !self.line.is_empty()
    }

    /// 401, in the shapes that clients look for.
    pub fn refusal(&self) -> Vec<u8> {
        if self.line.starts_with("CONNECT ") {
            return b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        let body = r#"{"error":"unauthorized","message":"Unauthorized","reason":"Unauthorized","errors":[{"message":"Unauthorized","code":401}]}"#;
        self.answer("401 Unauthorized", body)
    }

    /// A whole answer with a body of JSON. A refusal names a scheme: some clients show their login only when they are asked.
    pub fn answer(&self, status: &str, body: &str) -> Vec<u8> {
        self.typed(status, "application/json", body)
    }

    /// A whole answer of this type.
    pub fn typed(&self, status: &str, content_type: &str, body: &str) -> Vec<u8> {
        let body = if self.line.starts_with("HEAD ") { "" } else { body };
        let length = body.len();
        let asks = if status.starts_with("401") { "WWW-Authenticate: Basic realm=\"lab\"\r\n" } else { "" };
        format!(
            "HTTP/1.1 {status}\r\n{asks}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

fn head(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    bytes.get(..end)
}

/// Whether the head and the body that it announces have come.
pub fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = head(bytes) else { return false };
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let body = bytes.get(head.len() + 4..).unwrap_or_default();
    let value = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    if value("transfer-encoding:").is_some_and(|value| value.contains("chunked")) {
        return body.ends_with(b"0\r\n\r\n");
    }
    value("content-length:")
        .and_then(|value| value.parse().ok())
        .is_none_or(|length: usize| body.len() >= length)
}

/// The body of a whole request, put together where it came in chunks.
pub fn body(bytes: &[u8]) -> Vec<u8> {
    let Some(head) = head(bytes) else { return Vec::new() };
    let body = bytes.get(head.len() + 4..).unwrap_or_default();
    let is_chunked = String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value.contains("chunked"));
    if is_chunked { joined(body) } else { body.to_vec() }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let (size, rest) = chunks.split_at(end);
        let size = String::from_utf8_lossy(size);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(2..size.saturating_add(2)).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        whole.extend_from_slice(chunk);
        chunks = rest.get(size.saturating_add(4)..).unwrap_or_default();
    }
    whole
}
