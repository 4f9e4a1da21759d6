//! Tokens that are known by how they begin. A prefix is public, and says whose token it is.

use super::{MASK, edits::Edits};

/// A kind of token: how it begins, and what follows at least, as these many of its characters.
struct Kind {
    prefix: &'static str,
    least: usize,
    /// Further characters than letters, digits, `_` and `-`.
    also: &'static str,
}

const fn kind(prefix: &'static str, least: usize) -> Kind {
    Kind { prefix, least, also: "" }
}

const fn dotted(prefix: &'static str, least: usize) -> Kind {
    Kind { prefix, least, also: "." }
}

/// Longer prefixes first where one begins another. From the issuers' documentation, and gitleaks' and trufflehog's rules.
const KINDS: &[Kind] = &[
    // code and packages
    kind("github_pat_", 16),
    kind("ghp_", 16),
    kind("gho_", 16),
    kind("ghu_", 16),
    kind("ghs_", 16),
    kind("ghr_", 16),
    dotted("glpat-", 12),
    kind("gldt-", 12),
    kind("glrt-", 12),
    kind("glcbt-", 12),
    kind("glptt-", 12),
    kind("gloas-", 12),
    kind("npm_", 20),
    kind("pypi-", 32),
    kind("rubygems_", 20),
    kind("dckr_pat_", 16),
    kind("CCIPAT_", 16),
    kind("bkua_", 20),
    kind("ATATT3", 20),
    kind("ATCTT3", 20),
    kind("figd_", 16),
    kind("lin_api_", 16),
    kind("ntn_", 20),
    kind("PMAK-", 20),
    // clouds and platforms
    kind("AKIA", 16),
    kind("ASIA", 16),
    kind("ABSK", 40),
    kind("ABIA", 16),
    kind("ACCA", 16),
    kind("LTAI", 16),
    kind("AKID", 32),
    kind("AIza", 30),
    dotted("ya29.", 16),
    kind("GOCSPX-", 16),
    kind("dop_v1_", 16),
    kind("doo_v1_", 16),
    kind("dor_v1_", 16),
    kind("fm1r_", 16),
    kind("fm1a_", 16),
    kind("fm2_", 16),
    kind("fo1_", 16),
    kind("sbp_", 16),
    kind("napi_", 20),
    kind("pscale_tkn_", 16),
    kind("pscale_pw_", 16),
    kind("pscale_oauth_", 16),
    kind("rnd_", 20),
    kind("nfp_", 20),
    kind("HRKU-", 20),
    kind("vcp_", 20),
    kind("vck_", 20),
    kind("dapi", 32),
    kind("pul-", 32),
    kind("tskey-", 16),
    kind("sntrys_", 16),
    kind("sntryu_", 16),
    kind("NRAK-", 20),
    kind("glsa_", 20),
    kind("glc_", 20),
    dotted("dt0c01.", 20),
    // vaults
    dotted("hvs.", 16),
    dotted("hvb.", 16),
    dotted("hvr.", 16),
    dotted("dp.pt.", 16),
    dotted("dp.st.", 16),
    dotted("dp.ct.", 16),
    dotted("dp.sa.", 16),
    kind("ops_", 40),
    kind("AGE-SECRET-KEY-1", 16),
    // money, mail, chat
    kind("sk_live_", 8),
    kind("sk_test_", 8),
    kind("rk_live_", 8),
    kind("rk_test_", 8),
    kind("whsec_", 16),
    kind("xoxb-", 8),
    kind("xoxp-", 8),
    kind("xoxa-", 8),
    kind("xoxr-", 8),
    kind("xoxs-", 8),
    kind("xoxe-", 8),
    dotted("xoxe.", 8),
    kind("xapp-", 8),
    dotted("SG.", 20),
    kind("sq0atp-", 16),
    kind("sq0csp-", 16),
    kind("shpat_", 16),
    kind("shpss_", 16),
    kind("shpca_", 16),
    kind("shppa_", 16),
    // models
    kind("sk-ant-", 8),
    kind("sk-proj-", 8),
    kind("sk-or-", 16),
    kind("sk-", 20),
    kind("gsk_", 20),
    kind("xai-", 20),
    kind("pplx-", 20),
    kind("hf_", 20),
    kind("r8_", 20),
    // JSON web tokens
    dotted("eyJ", 16),
];

/// Every token that is known by its prefix, and the secret of an AWS key that stands beside it.
pub fn known(text: &str) -> Edits {
    let mut edits = Edits::default();
    let beside_aws = ["AKIA", "ASIA"].iter().any(|prefix| text.contains(prefix));
    let mut before = ' ';
    let mut done = 0;
    for (at, character) in text.char_indices() {
        let begins = at >= done && character.is_ascii_alphanumeric() && !before.is_alphanumeric();
        before = character;
        if !begins {
            continue;
        }
        let Some(rest) = text.get(at..) else { continue };
        if let Some((kind, length)) = begin(rest) {
            done = at + length;
            edits.replace(at..done, form(kind, length));
        } else if beside_aws && let Some(length) = aws_secret(rest) {
            done = at + length;
            edits.replace(at..done, MASK.to_string());
        }
    }
    edits
}

/// What stands for a value that is one known token and nothing else.
#[must_use]
pub fn masked(value: &str) -> Option<String> {
    let (kind, length) = begin(value)?;
    (length == value.len()).then(|| form(kind, length))
}

/// Whether it is what tokens begin with.
#[must_use]
pub fn is_prefix(prefix: &str) -> bool {
    KINDS.iter().any(|kind| kind.prefix == prefix)
}

/// `ghp_…(40)`: the length is that of every token of its kind, and shows whether it is a whole one.
fn form(kind: &Kind, length: usize) -> String {
    format!("{}{MASK}({length})", kind.prefix)
}

/// Characters in which a token has a digit or a capital letter.
const LONGEST_WORD: usize = 128;

/// The shortest token: `xoxb-` and eight characters. Nearly every word is shorter, and is not compared with every prefix.
const SHORTEST: usize = 13;

/// The token at the begin of `text`, and its length.
fn begin(text: &str) -> Option<(&'static Kind, usize)> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if text.bytes().take(SHORTEST).take_while(fits).count() < SHORTEST {
        return None;
    }
    KINDS.iter().find_map(|kind| {
        let body = text.strip_prefix(kind.prefix)?;
        let fits = |byte: &u8| {
            byte.is_ascii_alphanumeric() || b"_-".contains(byte) || kind.also.as_bytes().contains(byte)
        };
        let near = body.bytes().take(LONGEST_WORD).take_while(fits);
        // Words have neither: `sk-learn-contrib-examples`, `npm_config_registry`.
        let is_drawn = near.clone().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        (is_drawn && near.count() >= kind.least)
            .then(|| (kind, kind.prefix.len() + body.bytes().take_while(fits).count()))
    })
}

/// 40 characters of Base64 with letters of both cases and digits: no hash in hexadecimal.
fn aws_secret(text: &str) -> Option<usize> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"/+".contains(byte);
    let length = text.bytes().take(41).take_while(is_base64).count();
    let secret = text.get(..length).filter(|_| length == 40)?;
    let any = |fits: fn(&u8) -> bool| secret.as_bytes().iter().any(fits);
    (any(u8::is_ascii_digit) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_shorter_than_the_shortest() {
        assert_eq!(KINDS.iter().map(|kind| kind.prefix.len() + kind.least).min(), Some(SHORTEST));
    }

    #[test]
    fn a_prefix_stands_before_what_it_begins() {
        for (place, kind) in KINDS.iter().enumerate() {
            let hides = |later: &&Kind| {
                later.prefix.len() > kind.prefix.len() && later.prefix.starts_with(kind.prefix)
            };
            let hidden = KINDS.iter().skip(place + 1).find(hides).map(|later| later.prefix);
            assert_eq!(hidden, None, "{}", kind.prefix);
        }
    }
}
