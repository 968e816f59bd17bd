//! Secrets and signatures as Standard Webhooks has them: `v1,` and the base64
//! of an HMAC-SHA-256 over the id, the time and the body, with dots between.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How secrets begin.
const PREFIX: &str = "whsec_";

/// A secret of 256 random bits.
pub(super) fn fresh_secret() -> String {
    let mut bytes = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // As for one-time tokens: no system that runs this program is without.
        unreachable!("the system gives no random bytes: {error}");
    }
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// What `webhook-signature` says of a delivery that is sent at `seconds`.
///
/// # Errors
/// The secret was changed into something that is none.
pub(super) fn signature(
    secret: &str,
    id: &str,
    seconds: i64,
    body: &str,
) -> Result<String, String> {
    let wrong =
        || "its secret in webhooks.json is no base64: delete it and make it anew".to_owned();
    let text = secret.strip_prefix(PREFIX).unwrap_or(secret);
    let key = STANDARD.decode(text).map_err(|_| wrong())?;
    let mut code = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong())?;
    code.update(format!("{id}.{seconds}.{body}").as_bytes());
    Ok(format!(
        "v1,{}",
        STANDARD.encode(code.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_standard_webhooks_has_its_signature() {
        // Of the libraries that standardwebhooks.com publishes.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert!(signature("whsec_?", "a", 1, "").is_err());
    }

    #[test]
    fn secrets_differ_and_are_long() {
        let (one, other) = (fresh_secret(), fresh_secret());
        assert_ne!(one, other);
        assert_eq!(one.len(), PREFIX.len() + 44);
    }
}
