//! Who calls and what they may do.
//!
//! A bearer key has a scope; a customer's token speaks for one customer; a
//! console session stands for the key that opened it; and a visitor of our own
//! pages has a session that this server signed. Without any of these nothing
//! is allowed, unless the server was started open (`--open`): then every
//! program of this machine may do everything, and requests that a foreign web
//! page or a proxy could have sent are refused even so.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shop::Id;

use super::console_session::ConsoleSessions;
use super::cookies;
use super::customer_token::{self, Signer};
use super::error::{ApiError, Code};
use super::hooks;
use super::origin::{self, Connection};
use super::rate_limit::{Counted, RateLimits};
use crate::app::{App, now};
use crate::config::{Config, Scope};
use crate::keyring::{Keyring, StoredKey};

/// The cookie with the signed session of a visitor.
pub const SESSION_COOKIE: &str = "session";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody showed a key, and none is needed here.
    Local,
    /// Nobody showed a key, and keys are needed.
    Anonymous,
    /// A visitor of our own pages, whom nobody has signed in.
    Visitor,
    /// Somebody with a key of this scope.
    Key(Scope),
    /// A customer with a token that the shop's own server asked for.
    Customer(Id),
}

impl Caller {
    /// Whether this caller may do what `scope` allows.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        let lacks = |who: String| {
            let message = format!("this needs the scope {}; {who}", scope.name());
            Err(ApiError::new(Code::ScopeInsufficient, message))
        };
        match self {
            Self::Local => Ok(()),
            Self::Anonymous => Err(ApiError::new(Code::MissingKey, "this needs a key")),
            Self::Visitor if scope > Scope::Public => {
                Err(ApiError::new(Code::MissingKey, "this needs a key"))
            }
            Self::Customer(_) if scope > Scope::Public => {
                lacks("a customer's token has none".to_owned())
            }
            Self::Key(has) if *has < scope => lacks(format!("the key has {}", has.name())),
            Self::Visitor | Self::Customer(_) | Self::Key(_) => Ok(()),
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
            Self::Customer(_) | Self::Key(Scope::Public) | Self::Visitor | Self::Anonymous => {
                Err(ApiError {
                    param: Some("customer".to_owned()),
                    ..ApiError::new(
                        Code::CustomerNotVerified,
                        format!("this caller has not shown that they are {customer}"),
                    )
                })
            }
        }
    }

    /// For whom this caller speaks: a token says it, others have to name whom
    /// they may speak for.
    pub fn speaks_for(&self, named: Option<&Id>) -> Result<Option<Id>, ApiError> {
        self.may_act_for(named)?;
        Ok(match self {
            Self::Customer(own) => Some(own.clone()),
            Self::Local | Self::Anonymous | Self::Visitor | Self::Key(_) => named.cloned(),
        })
    }
}

/// Who sent a request, as far as they have shown it. Every request carries
/// this as an extension, and its caller as another.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What they may do.
    pub caller: Caller,
    /// The visit, where they showed its token (in the cookie of our pages or
    /// in the header `X-Session-Token`). Only its visitor has the token, so
    /// what belongs to a guest can belong to this; a session that is merely
    /// named in a body proves nothing.
    pub session: Option<Id>,
    /// How they reached this server.
    pub connection: Connection,
    key_id: Option<String>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            caller: Caller::Anonymous,
            session: None,
            connection: Connection::default(),
            key_id: None,
        }
    }
}

/// How many visitors an address may stand for: an office and a mobile network
/// share one.
const VISITORS_OF_AN_ADDRESS: u32 = 10;

impl Identity {
    /// For whom requests are counted.
    fn counted(&self) -> Counted {
        match (&self.caller, &self.key_id) {
            (Caller::Key(Scope::Write | Scope::Admin), Some(id)) => Counted::Key(id.clone()),
            (Caller::Customer(id), _) => Counted::Customer(id.to_string()),
            _ => Counted::Address(self.connection.address),
        }
    }

    /// For whom a message to the assistant counts, each with the number of
    /// persons that may share the counter. A new session does not begin anew:
    /// who has shown none counts by address, and so do, more widely, all
    /// sessions of one address.
    pub fn message_counters(
        &self,
        customer: Option<&Id>,
        named_session: Option<&Id>,
    ) -> Vec<(String, u32)> {
        if let Some(customer) = customer {
            return vec![(format!("customer {customer}"), 1)];
        }
        let address = match self.connection.address {
            Some(address) => format!("address {address}"),
            None => "address unknown".to_owned(),
        };
        match (&self.caller, &self.session) {
            // The shop's own server and a local trial say whom they speak for.
            (Caller::Key(Scope::Write | Scope::Admin) | Caller::Local, None) => named_session
                .map(|session| vec![(format!("session {session}"), 1)])
                .unwrap_or_default(),
            (_, Some(session)) => vec![
                (format!("session {session}"), 1),
                (address, VISITORS_OF_AN_ADDRESS),
            ],
            (_, None) => vec![(address, 1)],
        }
    }
}

/// How requests are admitted.
pub struct Gate {
    /// Every key.
    pub keys: Arc<Keyring>,
    /// Who is signed in to the console.
    pub consoles: ConsoleSessions,
    /// How much each caller may ask for.
    pub limits: RateLimits,
    /// Signs the tokens of customers and the sessions of visitors.
    pub signer: Signer,
    open: bool,
    trusted_proxies: Vec<ipnet::IpNet>,
}

impl Gate {
    /// The gate of a server with these keys.
    pub fn new(config: &Config, keys: Arc<Keyring>, signer: Signer) -> Self {
        Self {
            keys,
            consoles: ConsoleSessions::default(),
            limits: RateLimits::new(config),
            signer,
            open: config.open && origin::is_loopback(&config.host),
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// Whether callers of this machine need no key.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How a request with these headers reached this server.
    fn connection(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Connection {
        let peer = peer.map(|peer| peer.ip());
        Connection::of(peer, headers, &self.trusted_proxies)
    }

    /// Who sent these headers. A wrong key in a header is an error; a stale
    /// cookie is as good as none, so that its owner can sign in again.
    fn identify(
        &self,
        method: &Method,
        headers: &HeaderMap,
        connection: Connection,
    ) -> Result<Identity, ApiError> {
        let key = match bearer(headers) {
            Some(shown) if !self.open => {
                let known = self.keys.find(shown);
                Some(
                    known
                        .ok_or_else(|| ApiError::new(Code::InvalidKey, "this key is not known"))?,
                )
            }
            _ => None,
        };
        self.check_page(method, headers, &connection, key.as_ref())?;
        let session = headers
            .get(customer_token::SESSION_HEADER)
            .and_then(|token| token.to_str().ok().map(str::to_owned))
            .or_else(|| cookies::read(headers, SESSION_COOKIE))
            .and_then(|token| self.signer.session(&token));
        let (caller, key_id) = self.caller(headers, key, session.is_some())?;
        Ok(Identity {
            caller,
            session,
            connection,
            key_id,
        })
    }

    /// The caller with the id of the key that they use.
    fn caller(
        &self,
        headers: &HeaderMap,
        key: Option<StoredKey>,
        has_session: bool,
    ) -> Result<(Caller, Option<String>), ApiError> {
        if let Some(token) = headers.get(customer_token::HEADER) {
            let token = token.to_str().unwrap_or_default();
            let customer = self.signer.verify(token, now()).ok_or_else(|| {
                ApiError::new(
                    Code::InvalidKey,
                    "this customer token is not ours, or is over",
                )
            })?;
            return Ok((Caller::Customer(customer), None));
        }
        if self.open {
            return Ok((Caller::Local, None));
        }
        if let Some(key) = key {
            return Ok((Caller::Key(key.scope), Some(key.id)));
        }
        if let Some(opened_by) = self.consoles.find(headers) {
            // A session ends with the key that opened it.
            let holds = opened_by.as_ref().is_none_or(|id| self.keys.contains(id));
            if holds {
                let id = opened_by.unwrap_or_else(|| "console".to_owned());
                return Ok((Caller::Key(Scope::Admin), Some(id)));
            }
        }
        Ok(match has_session {
            true => (Caller::Visitor, None),
            false => (Caller::Anonymous, None),
        })
    }

    /// Pages of others may use keys that name their origin, and nothing that
    /// browsers send along by themselves: no cookie and, on an open server,
    /// not the place that they run at.
    fn check_page(
        &self,
        method: &Method,
        headers: &HeaderMap,
        connection: &Connection,
        key: Option<&StoredKey>,
    ) -> Result<(), ApiError> {
        let refuse = |message: String| Err(ApiError::new(Code::ForeignOrigin, message));
        if self.open && !connection.is_local() {
            let host = connection.host.as_deref().unwrap_or_default();
            return refuse(format!(
                "this server is open to its own machine alone; this came through a proxy, from \
                 elsewhere or for the name {host:?}"
            ));
        }
        let Some(page) = connection.foreign_origin(headers) else {
            return Ok(());
        };
        match key {
            Some(key) if key.origins.contains(&page) => Ok(()),
            Some(_) => refuse(format!("this key is not for pages of {page}")),
            None if method.is_safe() || *method == Method::OPTIONS => Ok(()),
            None => refuse(format!("a page of {page} sent this")),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// What everybody may ask as often as they like: probes, and the files that
/// pages are made of.
fn is_uncounted(path: &str) -> bool {
    ["/healthz", "/readyz", "/metrics", "/favicon.ico"].contains(&path)
        || path.starts_with("/assets/")
        // A webhook counts where its signature is wrong: platforms send from few addresses.
        || path.starts_with(hooks::PATH)
}

/// Finds out who calls and counts it, before anything else looks at the
/// request.
pub async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| *peer);
    let connection = app.gate.connection(peer, request.headers());
    let address = connection.address;
    let identified = app
        .gate
        .identify(request.method(), request.headers(), connection);
    let counted = match &identified {
        Ok(identity) => identity.counted(),
        Err(_) => Counted::Address(address),
    };
    let allowance = if is_uncounted(request.uri().path()) || app.gate.is_open() {
        None
    } else {
        match app.gate.limits.count(&counted) {
            Ok(allowance) => allowance,
            Err(refused) => return refused.into_response(),
        }
    };
    let mut response = match identified {
        Ok(identity) => {
            request.extensions_mut().insert(identity.caller.clone());
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    if let Some(allowance) = allowance {
        allowance.write(response.headers_mut());
    }
    response
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
    use crate::config::ApiKey;

    fn key(scope: Scope, key: &str, origins: &[&str]) -> ApiKey {
        ApiKey {
            scope,
            key: key.into(),
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        }
    }

    fn gate(config: Config) -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::open(folder.path(), &config.keys);
        Gate::new(&config, Arc::new(keys), Signer::new("s".into()))
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name: header::HeaderName = name.parse().unwrap();
                (name, value.parse().unwrap())
            })
            .collect()
    }

    fn identify(gate: &Gate, method: Method, pairs: &[(&str, &str)]) -> Result<Identity, ApiError> {
        let headers = headers(pairs);
        let connection = gate.connection(Some(([127, 0, 0, 1], 1).into()), &headers);
        gate.identify(&method, &headers, connection)
    }

    #[test]
    fn keys_open_their_scope() {
        let gate = gate(Config {
            keys: vec![
                key(Scope::Public, "p", &[]),
                key(Scope::Write, "w", &[]),
                key(Scope::Admin, "a", &[]),
            ],
            ..Config::default()
        });
        for (shown, scope, allowed) in [
            ("p", Scope::Public, true),
            ("p", Scope::Write, false),
            ("w", Scope::Write, true),
            ("w", Scope::Admin, false),
            ("a", Scope::Admin, true),
        ] {
            let bearer = format!("Bearer {shown}");
            let identity = identify(&gate, Method::GET, &[("authorization", &bearer)]).unwrap();
            assert_eq!(
                identity.caller.require(scope).is_ok(),
                allowed,
                "{shown} {scope:?}"
            );
        }
        let wrong = identify(&gate, Method::GET, &[("authorization", "Bearer x")]);
        assert_eq!(wrong.unwrap_err().code, Code::InvalidKey);
        let nobody = identify(&gate, Method::GET, &[]).unwrap();
        let refused = nobody.caller.require(Scope::Public).unwrap_err();
        assert_eq!(refused.code, Code::MissingKey);
        // The key itself opens nothing as a cookie.
        let cookie = identify(&gate, Method::GET, &[("cookie", "console=a; session=a")]).unwrap();
        assert_eq!(cookie.caller, Caller::Anonymous);
    }

    #[test]
    fn a_visitor_is_whom_this_server_signed() {
        let gate = gate(Config::default());
        let (session, token) = gate.signer.new_session();
        let cookie = format!("session={token}");
        for shown in [("cookie", cookie.as_str()), ("x-session-token", &token)] {
            let identity = identify(&gate, Method::POST, &[shown]).unwrap();
            assert_eq!(identity.session.as_ref(), Some(&session));
            assert_eq!(identity.caller, Caller::Visitor);
            assert!(identity.caller.require(Scope::Public).is_ok());
            let refused = identity.caller.require(Scope::Write).unwrap_err();
            assert_eq!(refused.code, Code::MissingKey);
        }
        let named = format!("session={session}");
        let identity = identify(&gate, Method::POST, &[("cookie", &named)]).unwrap();
        assert_eq!(
            (identity.session, identity.caller),
            (None, Caller::Anonymous)
        );
    }

    #[test]
    fn a_public_key_speaks_for_no_customer() {
        let customer = Id::new("c").unwrap();
        for caller in [Caller::Key(Scope::Public), Caller::Visitor] {
            assert!(caller.may_act_for(Some(&customer)).is_err());
            assert!(caller.may_act_for(None).is_ok());
        }
        for caller in [Caller::Key(Scope::Write), Caller::Local] {
            assert!(caller.may_act_for(Some(&customer)).is_ok());
        }
    }

    #[test]
    fn no_key_is_no_admin_unless_the_server_is_open() {
        let closed = gate(Config::default());
        let nobody = identify(&closed, Method::GET, &[]).unwrap();
        assert_eq!(nobody.caller, Caller::Anonymous);
        let open = |host: &str| Config {
            open: true,
            host: host.to_owned(),
            ..Config::default()
        };
        for (host, is_open) in [("localhost", true), ("::1", true), ("0.0.0.0", false)] {
            assert_eq!(gate(open(host)).is_open(), is_open, "{host}");
        }
        let gate = gate(open("127.0.0.1"));
        let host = ("host", "localhost:7878");
        for (method, pairs, allowed) in [
            (Method::POST, vec![host], true),
            (
                Method::POST,
                vec![host, ("origin", "http://localhost:7878")],
                true,
            ),
            (
                Method::POST,
                vec![host, ("origin", "https://evil.example")],
                false,
            ),
            (Method::POST, vec![host, ("origin", "null")], false),
            (Method::GET, vec![("host", "evil.example:7878")], false),
            (Method::GET, vec![("host", "[::1]:7878")], true),
            // Behind a proxy everybody looks local.
            (
                Method::GET,
                vec![host, ("x-forwarded-for", "1.2.3.4")],
                false,
            ),
        ] {
            let caller = identify(&gate, method, &pairs).map(|identity| identity.caller);
            assert_eq!(caller == Ok(Caller::Local), allowed, "{pairs:?}");
        }
    }

    #[test]
    fn a_page_of_others_needs_a_key_for_its_origin() {
        let gate = gate(Config {
            keys: vec![
                key(Scope::Public, "web", &["https://shop.example"]),
                key(Scope::Write, "server", &[]),
            ],
            ..Config::default()
        });
        let console = gate.consoles.begin(None, false).unwrap();
        let console = console
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let host = ("host", "api.example");
        let (web, server) = ("Bearer web", "Bearer server");
        let at = |origin: &'static str| ("origin", origin);
        for (method, pairs, allowed) in [
            (
                Method::POST,
                vec![host, ("authorization", web), at("https://shop.example")],
                true,
            ),
            (
                Method::POST,
                vec![host, ("authorization", web), at("https://evil.example")],
                false,
            ),
            (
                Method::GET,
                vec![host, ("authorization", web), at("https://evil.example")],
                false,
            ),
            (
                Method::POST,
                vec![host, ("authorization", server), at("https://shop.example")],
                false,
            ),
            (Method::POST, vec![host, ("authorization", server)], true),
            (
                Method::POST,
                vec![host, ("cookie", &console), at("https://api.example")],
                true,
            ),
            (
                Method::POST,
                vec![host, ("cookie", &console), at("https://blog.api.example")],
                false,
            ),
            (
                Method::DELETE,
                vec![host, ("cookie", &console), ("sec-fetch-site", "same-site")],
                false,
            ),
        ] {
            let identity = identify(&gate, method, &pairs);
            assert_eq!(identity.is_ok(), allowed, "{pairs:?} {identity:?}");
        }
    }

    #[test]
    fn a_console_session_ends_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keyring::open(folder.path(), &[]));
        let gate = Gate::new(&Config::default(), keys.clone(), Signer::new("s".into()));
        let (key, _) = keys.create("x", Scope::Admin, &[], now()).unwrap();
        let cookie = gate.consoles.begin(Some(&key.id), true).unwrap();
        let cookie = cookie.to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let shown = [("cookie", cookie.split(';').next().unwrap())];
        let caller = || identify(&gate, Method::GET, &shown).unwrap().caller;
        assert_eq!(caller(), Caller::Key(Scope::Admin));
        keys.revoke(&key.id).unwrap();
        assert_eq!(caller(), Caller::Anonymous);
    }

    #[test]
    fn a_new_session_does_not_begin_a_new_count() {
        let mut identity = Identity {
            caller: Caller::Key(Scope::Public),
            ..Identity::default()
        };
        identity.connection.address = Some([1, 2, 3, 4].into());
        let named = Id::new("made-up").unwrap();
        let by_address = vec![("address 1.2.3.4".to_owned(), 1)];
        assert_eq!(identity.message_counters(None, Some(&named)), by_address);
        assert_eq!(identity.message_counters(None, None), by_address);
        identity.session = Some(Id::new("signed").unwrap());
        assert_eq!(
            identity.message_counters(None, Some(&named)),
            [
                ("session signed".to_owned(), 1),
                ("address 1.2.3.4".to_owned(), 10)
            ]
        );
        let customer = Id::new("c").unwrap();
        assert_eq!(
            identity.message_counters(Some(&customer), None),
            [("customer c".to_owned(), 1)]
        );
    }
}
