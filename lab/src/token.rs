//! Logins that are fake and can be found again: in a header, in a body, behind base64.

use base64::{Engine, engine::DecodePaddingMode, engine::general_purpose::GeneralPurposeConfig};

/// Every fake login has one of them; two digits that say which login it is come after it. The second is hexadecimal.
const MARKS: [&str; 2] = [MARK, "1abfa4e"];
const MARK: &str = "labfake";
/// The tag of what the stores contain; variables have 01, 02 …
pub const STORE: &str = "00";

/// The token with this tag: 40 letters and digits.
#[must_use]
pub fn token(tag: &str) -> String {
    format!("{MARK}{tag}0123456789abcdefghijklmnopqrstu")
}

/// What [`fill`] replaces.
const HOLES: [&str; 4] = ["@token@", "@TOKEN@", "@jwt@", "@hex@"];

/// Whether `text` asks for a fake login.
#[must_use]
pub fn asked(text: &str) -> bool {
    HOLES.iter().any(|hole| text.contains(hole))
}

/// Writes the fake login where `text` asks for it: `@token@`, `@TOKEN@` (20 in upper case), `@hex@` (40), `@jwt@`.
#[must_use]
pub fn fill(text: &str, tag: &str) -> String {
    if !asked(text) {
        return text.to_owned();
    }
    let token = token(tag);
    // {"alg":"none"} and {"sub":"lab","exp":9999999999}
    let jwt = format!("eyJhbGciOiJub25lIn0.eyJzdWIiOiJsYWIiLCJleHAiOjk5OTk5OTk5OTl9.{token}");
    let hex = format!("1abfa4e{tag}0123456789abcdef0123456789abcde");
    text.replace("@hex@", &hex)
        .replace("@token@", &token)
        .replace("@TOKEN@", &token[..20].to_ascii_uppercase())
        .replace("@jwt@", &jwt)
}

/// What a login looks like in a file of that name: under all the usual keys, or alone.
#[must_use]
pub fn usual(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => include_str!("../usual/login.json"),
        Some("yaml" | "yml") => include_str!("../usual/login.yaml"),
        Some("toml") => include_str!("../usual/login.toml"),
        Some("ini" | "cfg" | "conf" | "config" | "rc") => include_str!("../usual/login.ini"),
        _ => "@token@\n",
    }
}

/// The tags of all fake logins in these bytes, each once.
#[must_use]
pub fn found(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut tags = plain(&text);
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=-_".contains(c))) {
        if word.len() >= 12 && word.len() < 4096 {
            tags.extend(decoded(word).iter().flat_map(|text| plain(text)));
        }
    }
    tags.sort();
    tags.dedup();
    tags
}

fn plain(text: &str) -> Vec<String> {
    let text = text.to_ascii_lowercase();
    let after = MARKS.iter().flat_map(|mark| text.split(mark).skip(1));
    after
        .filter_map(|rest| rest.get(..2))
        .filter(|tag| tag.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

fn decoded(word: &str) -> Option<String> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet =
        if word.contains(['-', '_']) { base64::alphabet::URL_SAFE } else { base64::alphabet::STANDARD };
    let engine = base64::engine::GeneralPurpose::new(&alphabet, lenient);
    engine.decode(word.trim_end_matches('=')).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let plain = format!("GET / HTTP/1.1\r\nauthorization: Bearer {}\r\n", token("03"));
        assert_eq!(found(plain.as_bytes()), ["03"]);
        // user:labfake00…, as HTTP's basic authentication has it
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("user:{}", token("00")));
        assert_eq!(found(format!("Authorization: Basic {basic}").as_bytes()), ["00"]);
        assert_eq!(found(fill("Credential=AKIA@TOKEN@/x", "11").as_bytes()), ["11"]);
        assert_eq!(found(fill("sbp_@hex@", "05").as_bytes()), ["05"]);
        assert_eq!(fill("@hex@", "05").len(), 40);
        assert_eq!(fill("lab@lab.example", "05"), "lab@lab.example");
        assert_eq!(found(b"Authorization: Bearer labfakeother"), Vec::<String>::new());
    }

    #[test]
    fn the_usual_content_has_a_token() {
        for path in ["a.json", "a.yaml", "a.toml", "a.ini", "credentials", ".xrc"] {
            assert_eq!(found(fill(usual(path), "04").as_bytes()), ["04"], "{path}");
        }
    }
}
