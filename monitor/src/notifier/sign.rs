//! Signatures of webhooks, as Standard Webhooks defines them: HMAC-SHA256 over id, time and body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::config::Credential;

/// Returns the three headers that a receiver checks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
#[must_use]
pub fn headers(secret: &Credential, id: &str, at: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
    let seconds = at.as_second().to_string();
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
    // A key of any length is one: there is nothing that can fail.
    let signature = Hmac::<Sha256>::new_from_slice(&key(secret)).map(|mut mac| {
        mac.update(&signed);
        STANDARD.encode(mac.finalize().into_bytes())
    });
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", format!("v1,{}", signature.unwrap_or_default())),
    ]
}

/// `whsec_` and base64, as the specification writes secrets; anything else is the key itself.
fn key(secret: &Credential) -> Vec<u8> {
    let text = secret.expose();
    let decoded = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = Credential::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let [_, _, (_, signature)] =
            headers(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
