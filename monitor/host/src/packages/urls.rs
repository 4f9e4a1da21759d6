//! Hosts in texts.

/// Hosts of all `http` and `https` URLs in `text`, lower case, without user, password and port.
pub fn urls(text: &str) -> Vec<String> {
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | ',' | '|' | '?' | '#' | ')')
    };
    let authorities = text.split("://").zip(text.split("://").skip(1));
    authorities
        .filter(|(before, _)| before.ends_with("http") || before.ends_with("https"))
        .filter_map(|(_, after)| after.split(ends).next())
        .map(|authority| authority.rsplit('@').next().unwrap_or(authority))
        .map(|host| host.split(':').next().unwrap_or(host).to_ascii_lowercase())
        .filter(|host| is_host(host))
        .collect()
}

/// Whether it is a name of a host with a domain.
pub fn is_host(text: &str) -> bool {
    text.contains('.')
        && text.len() <= 253
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        && text.parse::<std::net::IpAddr>().is_err()
}
