//! How many requests each caller may send: a shop's own servers by their key,
//! customers by their token, everybody else by their address. A limit fills
//! up again evenly (the generic cell rate algorithm), so that nobody waits for
//! the end of a minute.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::error::{ApiError, Code};
use crate::config::Config;

type Limiter =
    RateLimiter<String, DashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// After so many requests, callers who have not come for long are forgotten.
const FORGET_EVERY: usize = 10_000;

/// Attempts to sign in to the console that one address has at first, and how
/// often it gets one more.
const SIGN_INS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const SIGN_IN_EVERY: Duration = Duration::from_secs(10);

/// Whom requests are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// A key of the shop's own servers, by its id.
    Key(String),
    /// A customer with a token.
    Customer(String),
    /// Anybody else.
    Address(Option<IpAddr>),
}

/// The limits of all callers.
pub struct RateLimits {
    key: Option<Limiter>,
    customer: Option<Limiter>,
    address: Option<Limiter>,
    sign_in: Limiter,
    checks: AtomicUsize,
}

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    limit: u32,
    remaining: u32,
    reset_seconds: u64,
}

impl RateLimits {
    /// The limits that are configured; 0 a minute stands for none.
    pub fn new(config: &Config) -> Self {
        let per_minute = |most| NonZeroU32::new(most).map(|most| limiter(Quota::per_minute(most)));
        let sign_in = Quota::with_period(SIGN_IN_EVERY).map(|quota| quota.allow_burst(SIGN_INS));
        Self {
            key: per_minute(config.requests_per_minute_key),
            customer: per_minute(config.requests_per_minute_customer),
            address: per_minute(config.requests_per_minute_address),
            sign_in: limiter(sign_in.unwrap_or(Quota::per_minute(SIGN_INS))),
            checks: AtomicUsize::new(0),
        }
    }

    /// Counts a request; `None` where this caller has no limit.
    pub fn count(&self, caller: &Counted) -> Result<Option<Allowance>, Refused> {
        let (limiter, who) = match caller {
            Counted::Key(id) => (&self.key, id.clone()),
            Counted::Customer(id) => (&self.customer, id.clone()),
            Counted::Address(address) => (&self.address, network(*address)),
        };
        let Some(limiter) = limiter else {
            return Ok(None);
        };
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            for limiter in [&self.key, &self.customer, &self.address]
                .into_iter()
                .flatten()
            {
                forget(limiter);
            }
            forget(&self.sign_in);
        }
        check(limiter, &who, "requests").map(Some)
    }

    /// Counts an attempt to sign in.
    pub fn count_sign_in(&self, address: Option<IpAddr>) -> Result<Allowance, Refused> {
        check(&self.sign_in, &network(address), "attempts to sign in")
    }
}

fn limiter(quota: Quota) -> Limiter {
    RateLimiter::dashmap(quota).with_middleware()
}

fn forget(limiter: &Limiter) {
    limiter.retain_recent();
    limiter.shrink_to_fit();
}

fn check(limiter: &Limiter, who: &String, what: &'static str) -> Result<Allowance, Refused> {
    match limiter.check_key(who) {
        Ok(state) => {
            let limit = state.quota().burst_size().get();
            let remaining = state.remaining_burst_capacity();
            let used = u64::from(limit.saturating_sub(remaining));
            let each = state.quota().replenish_interval().as_nanos();
            let reset_seconds = u128::from(used) * each / 1_000_000_000;
            Ok(Allowance {
                limit,
                remaining,
                reset_seconds: u64::try_from(reset_seconds).unwrap_or(u64::MAX),
            })
        }
        Err(until) => Err(Refused {
            what,
            limit: until.quota().burst_size().get(),
            wait: until.wait_time_from(DefaultClock::default().now()),
        }),
    }
}

/// The network that is counted as one: an address, or of version 6, where
/// everybody has very many, the first 64 bits.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).to_string()
        }
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

impl Allowance {
    /// Says how much is left, as the draft of the IETF on rate limits does.
    pub fn write(self, headers: &mut HeaderMap) {
        for (name, value) in [
            ("ratelimit-limit", u64::from(self.limit)),
            ("ratelimit-remaining", u64::from(self.remaining)),
            ("ratelimit-reset", self.reset_seconds),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

/// Too many came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    what: &'static str,
    limit: u32,
    wait: Duration,
}

impl Refused {
    /// Whole seconds until the next is let through.
    pub fn retry_after_seconds(self) -> u64 {
        self.wait.as_secs() + 1
    }

    /// What the caller is told.
    pub fn error(self) -> ApiError {
        let message = format!(
            "more {} than {} at once; the next in {} s",
            self.what,
            self.limit,
            self.retry_after_seconds()
        );
        ApiError::new(Code::RateLimited, message)
    }

    /// Says how long to wait.
    pub fn write(self, headers: &mut HeaderMap) {
        let wait = self.retry_after_seconds();
        headers.insert(axum::http::header::RETRY_AFTER, HeaderValue::from(wait));
        let none_left = Allowance {
            limit: self.limit,
            remaining: 0,
            reset_seconds: wait,
        };
        none_left.write(headers);
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.error().into_response();
        self.write(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> RateLimits {
        RateLimits::new(&Config {
            requests_per_minute_address: 2,
            requests_per_minute_customer: 0,
            ..Config::default()
        })
    }

    #[test]
    fn each_address_has_a_limit_of_its_own() {
        let limits = limits();
        let from = |address: &str| Counted::Address(Some(address.parse().unwrap()));
        let first = limits.count(&from("1.1.1.1")).unwrap().unwrap();
        assert_eq!((first.limit, first.remaining), (2, 1));
        assert!(limits.count(&from("1.1.1.1")).is_ok());
        let refused = limits.count(&from("1.1.1.1")).unwrap_err();
        assert!((1..=31).contains(&refused.retry_after_seconds()));
        assert!(limits.count(&from("2.2.2.2")).is_ok());
    }

    #[test]
    fn a_network_of_version_6_is_one_caller() {
        let limits = limits();
        let from = |host: &str| {
            let address = format!("2001:db8:1:1::{host}");
            limits.count(&Counted::Address(Some(address.parse().unwrap())))
        };
        assert!(from("1").is_ok() && from("2").is_ok());
        assert!(from("3").is_err());
    }

    #[test]
    fn nought_is_no_limit() {
        let customer = Counted::Customer("c".to_owned());
        for _ in 0..100 {
            assert_eq!(limits().count(&customer), Ok(None));
        }
    }

    #[test]
    fn guesses_of_a_key_are_slowed() {
        let limits = limits();
        let guessed = (0..100).filter(|_| limits.count_sign_in(None).is_ok());
        assert_eq!(guessed.count(), SIGN_INS.get() as usize);
    }
}
