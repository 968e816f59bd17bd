//! Who is signed in to the console. The browser keeps a random id, which says
//! nothing by itself; what it stands for is kept here, in memory: a restart
//! signs everybody out.

use std::time::Duration;

use cookie::SameSite;
use moka::sync::Cache;

use super::cookies;
use super::customer_token::{digest, one_time};
use axum::http::{HeaderMap, HeaderValue};

/// The cookie with the id of a console session.
pub const COOKIE: &str = "console";

/// How long one holds after its last use.
const IDLE: Duration = Duration::from_secs(12 * 3_600);

/// How many there can be; beyond that the least used ends.
const MOST: u64 = 1_000;

/// The sessions of the console, by the digest of their id, each with the key
/// that opened it; those that a link opened have none.
#[derive(Debug)]
pub struct ConsoleSessions(Cache<String, Option<String>>);

impl Default for ConsoleSessions {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MOST)
                .time_to_idle(IDLE)
                .build(),
        )
    }
}

impl ConsoleSessions {
    /// Begins a session; what is returned sets its cookie.
    pub fn begin(&self, key_id: Option<&str>, is_secure: bool) -> Option<HeaderValue> {
        let id = one_time();
        self.0.insert(digest(&id), key_id.map(str::to_owned));
        let mut cookie = cookies::cookie(COOKIE, &id, is_secure);
        cookie.set_same_site(SameSite::Strict);
        cookies::header_value(&cookie)
    }

    /// The session that these headers show, with the key that opened it.
    pub fn find(&self, headers: &HeaderMap) -> Option<Option<String>> {
        self.0.get(&digest(&cookies::read(headers, COOKIE)?))
    }

    /// Ends the session that these headers show.
    pub fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookies::read(headers, COOKIE) {
            self.0.invalidate(&digest(&id));
        }
    }
}
