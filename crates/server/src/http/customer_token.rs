//! What this server signs: tokens with which customers speak for themselves,
//! and the sessions of visitors whom nobody has signed in.
//!
//! The shop's own server, which knows its customers, asks for a token with a
//! write key and hands it to the customer's browser. The token is the only
//! thing that says who asks; no argument and no text does. It reads
//! `customer.issued.expiry.signature`; a session reads `session.signature`.
//! Each is signed with HMAC-SHA-256 (RFC 2104) under a secret of this shop.

use std::io::{ErrorKind, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use shop::{Id, Timestamp};

/// The header in which a customer's token comes.
pub const HEADER: &str = "x-customer-token";

/// The header in which a program shows a visitor's session; browsers of our
/// own pages show it in a cookie.
pub const SESSION_HEADER: &str = "x-session-token";

/// How long a customer's token can hold at most, in seconds.
pub const LONGEST_SECONDS: i64 = 86_400;

/// By how much the clock of the machine that issued a token may be ahead.
const LEEWAY_SECONDS: i64 = 60;

/// The file of the data folder that holds the secret.
const SECRET_FILE: &str = "secret";

/// The secret that signs, with what it signs.
#[derive(Clone, Debug)]
pub struct Signer {
    secret: SecretString,
}

impl Signer {
    /// Signs under `secret`.
    pub fn new(secret: SecretString) -> Self {
        Self { secret }
    }

    /// Signs under the configured secret, or where that is empty under one
    /// that is drawn once and kept in the data folder. A folder that cannot
    /// keep it gives one that ends with the process.
    pub fn open(folder: &Path, configured: &SecretString) -> Self {
        if !configured.expose_secret().is_empty() {
            return Self::new(configured.clone());
        }
        let kept = kept_secret(&folder.join(SECRET_FILE));
        Self::new(kept.unwrap_or_else(|error| {
            tracing::error!(%error, "the secret of sessions and customers' tokens ends with this process");
            one_time().into()
        }))
    }

    /// A token for this customer that holds from `issued` to `expires`.
    pub fn sign(&self, customer: &Id, issued: Timestamp, expires: Timestamp) -> String {
        let body = format!(
            "{}.{:x}.{:x}",
            hex::encode(customer.as_str()),
            issued.as_seconds(),
            expires.as_seconds()
        );
        let signature = hex::encode(self.code("customer", &body).finalize().into_bytes());
        format!("{body}.{signature}")
    }

    /// The customer that a token names; `None` unless it is ours and whole,
    /// was issued before now, is not over and was not meant for longer than
    /// any token may hold.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Id> {
        let body = self.signed("customer", token)?;
        let mut parts = body.split('.');
        let (customer, issued, expires) = (parts.next()?, parts.next()?, parts.next()?);
        let issued = i64::from_str_radix(issued, 16).ok()?;
        let expires = i64::from_str_radix(expires, 16).ok()?;
        let now = now.as_seconds();
        let holds = issued <= now.saturating_add(LEEWAY_SECONDS)
            && expires > now
            && expires.saturating_sub(issued) <= LONGEST_SECONDS;
        if !holds {
            return None;
        }
        Id::new(&String::from_utf8(hex::decode(customer).ok()?).ok()?).ok()
    }

    /// A new session of somebody who is not signed in, and the secret that
    /// shows it: the id may be seen by others, the token is the visitor's own.
    pub fn new_session(&self) -> (Id, String) {
        let id = match Id::new(&one_time()[..32]) {
            Ok(id) => id,
            Err(error) => unreachable!("hexadecimal digits are an id: {error}"),
        };
        let token = self.session_token(&id);
        (id, token)
    }

    fn session_token(&self, session: &Id) -> String {
        let code = self.code("session", session.as_str()).finalize();
        format!("{session}.{}", hex::encode(code.into_bytes()))
    }

    /// The session that a token shows; `None` unless this server signed it.
    pub fn session(&self, token: &str) -> Option<Id> {
        Id::new(self.signed("session", token)?).ok()
    }

    /// What stands before the signature, where that is right. The comparison
    /// takes the same time wherever the first wrong byte is.
    fn signed<'a>(&self, purpose: &str, token: &'a str) -> Option<&'a str> {
        let (body, signature) = token.rsplit_once('.')?;
        let signature = hex::decode(signature).ok()?;
        self.code(purpose, body).verify_slice(&signature).ok()?;
        Some(body)
    }

    /// The code of a text for one purpose, so that what is signed for one is
    /// worth nothing for another.
    fn code(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let secret = self.secret.expose_secret().as_bytes();
        let mut code = match Hmac::<Sha256>::new_from_slice(secret) {
            Ok(code) => code,
            Err(error) => unreachable!("HMAC takes keys of any length: {error}"),
        };
        code.update(purpose.as_bytes());
        code.update(b"\0");
        code.update(text.as_bytes());
        code
    }
}

/// The secret in this file, which is made where it is not there yet.
fn kept_secret(path: &Path) -> std::io::Result<SecretString> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let secret = one_time();
            file.write_all(secret.as_bytes())?;
            file.sync_all()?;
            Ok(secret.into())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let secret = std::fs::read_to_string(path)?;
            if secret.trim().is_empty() {
                let message = format!("{} is empty: delete it", path.display());
                return Err(std::io::Error::new(ErrorKind::InvalidData, message));
            }
            Ok(secret.trim().into())
        }
        Err(error) => Err(error),
    }
}

/// A one-time token: 256 random bits. What is kept is its digest.
pub fn one_time() -> String {
    let mut bytes = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without randomness nothing here is safe, and no system that runs
        // this program is without.
        unreachable!("the system gives no random bytes: {error}");
    }
    hex::encode(bytes)
}

/// What is kept of a one-time token.
pub fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_token_holds_for_its_customer_and_time_alone() {
        let signer = Signer::new("s".into());
        let (customer, now) = (Id::new("客户 7").unwrap(), at(1_000));
        let token = signer.sign(&customer, now, now.plus_seconds(60));
        assert_eq!(signer.verify(&token, now), Some(customer.clone()));
        assert_eq!(signer.verify(&token, now.plus_seconds(60)), None);
        assert_eq!(Signer::new("t".into()).verify(&token, now), None);
        let forged = token.replacen(&hex::encode("7"), &hex::encode("8"), 1);
        assert_eq!(signer.verify(&forged, now), None);
        for broken in ["", ".", "..", "zz.1.aa", "é.é.é", "61.1.2.3.4"] {
            assert_eq!(signer.verify(broken, now), None, "{broken}");
        }
    }

    #[test]
    fn a_token_of_tomorrow_or_for_a_year_is_refused() {
        let signer = Signer::new("s".into());
        let (customer, now) = (Id::new("c").unwrap(), at(1_000_000));
        let year = 365 * 86_400;
        for (issued, expires, holds) in [
            (0, LONGEST_SECONDS, true),
            (0, LONGEST_SECONDS + 1, false),
            (0, year, false),
            (year, year + 60, false),
            (LEEWAY_SECONDS, LEEWAY_SECONDS + 60, true),
            (-60, -1, false),
        ] {
            let token = signer.sign(
                &customer,
                now.plus_seconds(issued),
                now.plus_seconds(expires),
            );
            assert_eq!(
                signer.verify(&token, now).is_some(),
                holds,
                "{issued} {expires}"
            );
        }
    }

    #[test]
    fn a_session_cannot_be_made_up_and_is_no_customer() {
        let signer = Signer::new("s".into());
        let (session, token) = signer.new_session();
        assert_eq!(signer.session(&token), Some(session.clone()));
        assert_ne!(signer.new_session().0, session);
        for made_up in [session.as_str(), "a.b", "", &format!("{session}.00")] {
            assert_eq!(signer.session(made_up), None, "{made_up}");
        }
        let customer = signer.sign(&session, at(0), at(60));
        assert_eq!(signer.session(&customer), None);
        assert_eq!(signer.verify(&token, at(1)), None);
    }

    #[test]
    fn the_secret_outlives_the_process_and_is_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let empty = SecretString::default();
        let (session, token) = Signer::open(folder.path(), &empty).new_session();
        let again = Signer::open(folder.path(), &empty);
        assert_eq!(again.session(&token), Some(session));
        let configured = Signer::open(folder.path(), &"fixed".into());
        assert_eq!(configured.session(&token), None);
        assert!(!format!("{configured:?}").contains("fixed"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join(SECRET_FILE)).unwrap();
            assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        }
    }
}
