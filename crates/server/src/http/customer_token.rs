//! Who is signed in: the shop's own server, which knows its customers, asks
//! for a token with a write key and hands it to the customer's browser. The
//! token is the only thing that says who asks; no argument and no text does.
//!
//! `customer.expiry.signature`, each in hexadecimal, signed with HMAC-SHA-256
//! (RFC 2104) under a secret of this server.

use sha2::{Digest, Sha256};
use shop::{Id, Timestamp};

/// The header in which a token comes.
pub const HEADER: &str = "x-customer-token";

const BLOCK: usize = 64;

/// The secret that signs tokens.
#[derive(Clone)]
pub struct Signer {
    secret: Vec<u8>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs under `secret`; an empty one stands for one drawn now, so that
    /// tokens end with the process.
    pub fn new(secret: &str) -> Self {
        let secret = match secret {
            "" => {
                let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
                [one.into_bytes(), other.into_bytes()].concat()
            }
            secret => secret.as_bytes().to_vec(),
        };
        Self { secret }
    }

    /// A token for this customer that ends at `expires`.
    pub fn sign(&self, customer: &Id, expires: Timestamp) -> String {
        let body = format!(
            "{}.{:x}",
            hex(customer.as_str().as_bytes()),
            expires.as_seconds()
        );
        let signature = hex(&self.code(body.as_bytes()));
        format!("{body}.{signature}")
    }

    /// The customer that a token names; `None` unless it is ours, whole and
    /// not over.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Id> {
        let (body, signature) = token.rsplit_once('.')?;
        let expected = self.code(body.as_bytes());
        // Digests are compared, so that the time taken says nothing.
        if Sha256::digest(signature.as_bytes()) != Sha256::digest(hex(&expected).as_bytes()) {
            return None;
        }
        let (customer, expires) = body.split_once('.')?;
        if i64::from_str_radix(expires, 16).ok()? <= now.as_seconds() {
            return None;
        }
        Id::new(&String::from_utf8(unhex(customer)?).ok()?).ok()
    }

    /// HMAC-SHA-256.
    fn code(&self, message: &[u8]) -> [u8; 32] {
        let mut key = [0_u8; BLOCK];
        if self.secret.len() > BLOCK {
            key[..32].copy_from_slice(&Sha256::digest(&self.secret));
        } else {
            key[..self.secret.len()].copy_from_slice(&self.secret);
        }
        let inner = Sha256::new()
            .chain_update(key.map(|byte| byte ^ 0x36))
            .chain_update(message)
            .finalize();
        Sha256::new()
            .chain_update(key.map(|byte| byte ^ 0x5c))
            .chain_update(inner)
            .finalize()
            .into()
    }
}

/// A one-time token: 256 random bits. What is kept is its digest.
pub fn one_time() -> String {
    let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    hex(&[one.into_bytes(), other.into_bytes()].concat())
}

/// What is kept of a one-time token.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_case_2() {
        let code = Signer::new("Jefe").code(b"what do ya want for nothing?");
        assert_eq!(
            hex(&code),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_token_holds_for_its_customer_and_time_alone() {
        let signer = Signer::new("s");
        let (customer, now) = (Id::new("客户 7").unwrap(), Timestamp::from_seconds(1_000));
        let token = signer.sign(&customer, now.plus_seconds(60));
        assert_eq!(signer.verify(&token, now), Some(customer.clone()));
        assert_eq!(signer.verify(&token, now.plus_seconds(60)), None);
        assert_eq!(Signer::new("t").verify(&token, now), None);
        let forged = token.replacen(&hex("7".as_bytes()), &hex("8".as_bytes()), 1);
        assert_eq!(signer.verify(&forged, now), None);
        for broken in ["", ".", "..", "zz.1.aa", "é.é.é"] {
            assert_eq!(signer.verify(broken, now), None, "{broken}");
        }
    }
}
