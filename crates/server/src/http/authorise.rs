//! Who calls and what they may do.
//!
//! A bearer key has a scope. Without any key configured, a server that
//! listens on the loopback address alone lets every local caller do
//! everything, so that the first look needs no set-up; requests that a foreign
//! web page could have sent are refused even then.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use shop::Id;

use super::customer_token::{self, Signer};
use super::error::{ApiError, Code};
use crate::app::{App, now};
use crate::config::{ApiKey, Scope};

/// The cookie in which the console keeps its key.
pub const KEY_COOKIE: &str = "shopkeeper_key";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody showed a key, and none is needed here.
    Local,
    /// Nobody showed a key, and keys are needed.
    Anonymous,
    /// Somebody with a key of this scope.
    Key(Scope),
    /// A customer with a token that the shop's own server asked for.
    Customer(Id),
}

impl Caller {
    /// Whether this caller may do what `scope` allows.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match self {
            Self::Local => Ok(()),
            Self::Anonymous => Err(ApiError::new(Code::MissingKey, "this needs a key")),
            Self::Customer(_) if scope == Scope::Public => Ok(()),
            Self::Customer(_) => Err(ApiError::new(
                Code::ScopeInsufficient,
                format!("this needs the scope {scope:?}; a customer's token has none"),
            )),
            Self::Key(has) if *has >= scope => Ok(()),
            Self::Key(has) => Err(ApiError::new(
                Code::ScopeInsufficient,
                format!("this needs the scope {scope:?} and the key has {has:?}"),
            )),
        }
    }

    /// Whether this caller may speak for `customer`.
    pub fn may_act_for(&self, customer: Option<&Id>) -> Result<(), ApiError> {
        let Some(customer) = customer else {
            return Ok(());
        };
        match self {
            Self::Local | Self::Key(Scope::Write | Scope::Admin) => Ok(()),
            Self::Customer(own) if own == customer => Ok(()),
            Self::Customer(_) | Self::Key(Scope::Public) | Self::Anonymous => Err(ApiError {
                param: Some("customer".to_owned()),
                ..ApiError::new(
                    Code::CustomerNotVerified,
                    format!("this caller has not shown that they are {customer}"),
                )
            }),
        }
    }
}

impl Caller {
    /// For whom this caller speaks: a token says it, others have to name whom
    /// they may speak for.
    pub fn speaks_for(&self, named: Option<&Id>) -> Result<Option<Id>, ApiError> {
        self.may_act_for(named)?;
        Ok(match self {
            Self::Customer(own) => Some(own.clone()),
            Self::Local | Self::Anonymous | Self::Key(_) => named.cloned(),
        })
    }
}

/// How requests are admitted.
#[derive(Debug, Clone)]
pub struct Gate {
    keys: Vec<([u8; 32], Scope)>,
    open: bool,
    public_key: Option<String>,
    signer: Option<Signer>,
}

impl Gate {
    /// The gate of a server with these keys that listens on `host`.
    pub fn new(keys: &[ApiKey], host: &str) -> Self {
        let loopback = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        Self {
            keys: keys
                .iter()
                .map(|key| (digest(&key.key), key.scope))
                .collect(),
            open: keys.is_empty() && loopback,
            public_key: keys
                .iter()
                .find(|key| key.scope == Scope::Public)
                .map(|key| key.key.clone()),
            signer: None,
        }
    }

    /// Reads the tokens of customers too.
    pub fn with_signer(mut self, signer: Signer) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Whether callers need no key.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The key that our own storefront pages may show: it opens nothing that
    /// a visitor may not do.
    pub fn public_key(&self) -> Option<&str> {
        self.public_key.as_deref()
    }

    /// Who sent these headers. A wrong key in the header is an error; a stale
    /// cookie is as good as none, so that its owner can sign in again.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        if let Some(token) = headers.get(customer_token::HEADER) {
            let token = token.to_str().unwrap_or_default();
            let signer = self.signer.as_ref();
            return signer
                .and_then(|signer| signer.verify(token, now()))
                .map(Caller::Customer)
                .ok_or_else(|| {
                    ApiError::new(
                        Code::InvalidKey,
                        "this customer token is not ours, or is over",
                    )
                });
        }
        if self.open {
            return Ok(Caller::Local);
        }
        if let Some(key) = bearer(headers) {
            let scope = self.scope_of(key);
            return scope
                .map(Caller::Key)
                .ok_or_else(|| ApiError::new(Code::InvalidKey, "this key is not known"));
        }
        let scope = cookie(headers, KEY_COOKIE).and_then(|key| self.scope_of(&key));
        Ok(scope.map_or(Caller::Anonymous, Caller::Key))
    }

    /// The scope of `key`. Digests are compared, so that the time taken says
    /// nothing about the key.
    pub fn scope_of(&self, key: &str) -> Option<Scope> {
        let shown = digest(key);
        self.keys
            .iter()
            .filter(|(known, _)| *known == shown)
            .map(|(_, scope)| *scope)
            .max()
    }

    /// Without keys, only pages of this server may write, and only a name of
    /// this machine may be asked for (a foreign name may be rebound to it).
    fn check_origin(&self, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
        if !self.open {
            return Ok(());
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST);
        if let Some(host) = host
            && !is_local_name(host)
        {
            return Err(ApiError::new(
                Code::ForeignOrigin,
                format!("{host} is not a local name"),
            ));
        }
        if method.is_safe() {
            return Ok(());
        }
        match text(header::ORIGIN) {
            Some(origin) if origin.split_once("://").map(|(_, name)| name) != host => Err(
                ApiError::new(Code::ForeignOrigin, format!("a page of {origin} sent this")),
            ),
            _ => Ok(()),
        }
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::trim)
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .filter(|value| !value.is_empty())
}

/// Finds out who calls, before anything else looks at the request.
pub async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let admitted = app
        .gate
        .check_origin(request.method(), request.headers())
        .and_then(|()| app.gate.caller(request.headers()));
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// Lets through only callers of `scope`.
pub async fn require(scope: Scope, request: Request, next: Next) -> Response {
    let caller = request
        .extensions()
        .get::<Caller>()
        .unwrap_or(&Caller::Anonymous);
    match caller.require(scope) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scope: Scope, key: &str) -> ApiKey {
        ApiKey {
            scope,
            key: key.to_owned(),
        }
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn keys_open_their_scope() {
        let keys = [
            key(Scope::Public, "p"),
            key(Scope::Write, "w"),
            key(Scope::Admin, "a"),
        ];
        let gate = Gate::new(&keys, "127.0.0.1");
        for (shown, scope, allowed) in [
            ("p", Scope::Public, true),
            ("p", Scope::Write, false),
            ("w", Scope::Write, true),
            ("w", Scope::Admin, false),
            ("a", Scope::Admin, true),
        ] {
            let headers = headers(&[(header::AUTHORIZATION, &format!("Bearer {shown}"))]);
            let caller = gate.caller(&headers).unwrap();
            assert_eq!(caller.require(scope).is_ok(), allowed, "{shown} {scope:?}");
        }
        let wrong = headers(&[(header::AUTHORIZATION, "Bearer x")]);
        assert_eq!(gate.caller(&wrong).unwrap_err().code, Code::InvalidKey);
        let nobody = gate.caller(&HeaderMap::new()).unwrap();
        assert_eq!(
            nobody.require(Scope::Public).unwrap_err().code,
            Code::MissingKey
        );
        let in_cookie = headers(&[(header::COOKIE, "lang=zh; shopkeeper_key=a")]);
        assert_eq!(gate.caller(&in_cookie).unwrap(), Caller::Key(Scope::Admin));
    }

    #[test]
    fn a_public_key_speaks_for_no_customer() {
        let customer = Id::new("c").unwrap();
        assert!(
            Caller::Key(Scope::Public)
                .may_act_for(Some(&customer))
                .is_err()
        );
        assert!(Caller::Key(Scope::Public).may_act_for(None).is_ok());
        assert!(
            Caller::Key(Scope::Write)
                .may_act_for(Some(&customer))
                .is_ok()
        );
        assert!(Caller::Local.may_act_for(Some(&customer)).is_ok());
    }

    #[test]
    fn open_only_on_loopback_and_never_for_foreign_pages() {
        assert!(Gate::new(&[], "localhost").is_open());
        assert!(Gate::new(&[], "::1").is_open());
        assert!(!Gate::new(&[], "0.0.0.0").is_open());
        let gate = Gate::new(&[], "127.0.0.1");
        for (method, pairs, allowed) in [
            (Method::POST, vec![(header::HOST, "localhost:7878")], true),
            (
                Method::POST,
                vec![
                    (header::HOST, "localhost:7878"),
                    (header::ORIGIN, "http://localhost:7878"),
                ],
                true,
            ),
            (
                Method::POST,
                vec![
                    (header::HOST, "localhost:7878"),
                    (header::ORIGIN, "https://evil.example"),
                ],
                false,
            ),
            (
                Method::POST,
                vec![(header::HOST, "localhost:7878"), (header::ORIGIN, "null")],
                false,
            ),
            (
                Method::GET,
                vec![(header::HOST, "evil.example:7878")],
                false,
            ),
            (Method::GET, vec![(header::HOST, "[::1]:7878")], true),
        ] {
            let headers = headers(&pairs);
            assert_eq!(
                gate.check_origin(&method, &headers).is_ok(),
                allowed,
                "{pairs:?}"
            );
        }
    }
}
