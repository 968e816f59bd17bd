//! Where a request comes from: the address of its sender, the name and scheme
//! under which the sender sees this server, and the page that sent it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_ADDRESS: HeaderName = HeaderName::from_static("x-real-ip");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How a request reached this server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Who is at the other end; `None` where no socket was involved.
    pub address: Option<IpAddr>,
    /// Whether the sender speaks TLS with a proxy that is trusted.
    pub is_secure: bool,
    /// The name and port that the sender asked for.
    pub host: Option<String>,
    /// Whether some proxy passed it on, trusted or not.
    pub is_forwarded: bool,
}

impl Connection {
    /// How a request with these headers came from `peer`. What a proxy says of
    /// the sender counts only where the proxy is one of `trusted`.
    pub fn of(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.map(|address| address.to_canonical());
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let mut connection = Self {
            address: peer,
            is_secure: false,
            host: text(&header::HOST).map(str::to_owned),
            is_forwarded: [
                &FORWARDED_FOR,
                &FORWARDED_PROTO,
                &FORWARDED_HOST,
                &REAL_ADDRESS,
            ]
            .into_iter()
            .chain([&header::FORWARDED, &header::VIA])
            .any(|name| headers.contains_key(name)),
        };
        if !peer.as_ref().is_some_and(is_trusted) {
            return connection;
        }
        // Each proxy adds its peer at the end: the last that is none of ours
        // is the sender, whatever stands before it.
        let mut named = headers
            .get_all(&FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map_while(|text| text.trim().parse::<IpAddr>().ok())
            .collect::<Vec<_>>()
            .into_iter()
            .rev();
        if let Some(sender) = named.find(|address| !is_trusted(address)) {
            connection.address = Some(sender.to_canonical());
        }
        connection.is_secure = text(&FORWARDED_PROTO)
            .and_then(|value| value.split(',').next_back())
            .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
        if let Some(host) = text(&FORWARDED_HOST) {
            connection.host = Some(host.trim().to_owned());
        }
        connection
    }

    /// The origin of the page that sent the request, where that is not a page
    /// of this server; `None` for our own pages and for programs.
    pub fn foreign_origin(&self, headers: &HeaderMap) -> Option<String> {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(&header::ORIGIN);
        // Written by the browser itself; no page can change it.
        match text(&FETCH_SITE) {
            Some("same-origin" | "none") => return None,
            Some(site) => return Some(origin.unwrap_or(site).to_ascii_lowercase()),
            None => {}
        }
        let origin = origin?.to_ascii_lowercase();
        let host = self.host.as_ref().map(|host| host.to_ascii_lowercase());
        let name = origin.split_once("://").map(|(_, name)| name);
        (name.is_none() || name != host.as_deref()).then_some(origin)
    }

    /// Whether it comes from this machine, asks for a name of this machine
    /// (another name may be rebound to it) and passed no proxy.
    pub fn is_local(&self) -> bool {
        self.address.is_none_or(|address| address.is_loopback())
            && self.host.as_deref().is_none_or(is_local_name)
            && !self.is_forwarded
    }
}

fn is_local_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    is_loopback(name)
}

/// Whether a host that is listened on can be reached from this machine alone.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn of(peer: &str, pairs: &[(&'static str, &str)]) -> Connection {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        Connection::of(Some(peer.parse().unwrap()), &headers(pairs), &trusted)
    }

    #[test]
    fn a_proxy_is_believed_where_it_is_trusted() {
        let said = [
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
            ("host", "127.0.0.1:7878"),
        ];
        let trusted = of("10.0.0.1", &said);
        assert_eq!(trusted.address, Some("2.2.2.2".parse().unwrap()));
        assert!(trusted.is_secure);
        assert_eq!(trusted.host.as_deref(), Some("shop.example"));
        let stranger = of("9.9.9.9", &said);
        assert_eq!(stranger.address, Some("9.9.9.9".parse().unwrap()));
        assert!(!stranger.is_secure);
        assert_eq!(stranger.host.as_deref(), Some("127.0.0.1:7878"));
        assert!(stranger.is_forwarded && !stranger.is_local());
    }

    #[test]
    fn what_passed_a_proxy_or_asks_for_another_name_is_not_local() {
        assert!(of("127.0.0.1", &[("host", "localhost:7878")]).is_local());
        assert!(of("::ffff:127.0.0.1", &[("host", "[::1]:7878")]).is_local());
        for (peer, pair) in [
            ("127.0.0.1", ("x-forwarded-for", "1.1.1.1")),
            ("127.0.0.1", ("forwarded", "for=1.1.1.1")),
            ("127.0.0.1", ("host", "evil.example:7878")),
            ("192.168.0.2", ("host", "localhost:7878")),
        ] {
            assert!(!of(peer, &[pair]).is_local(), "{peer} {pair:?}");
        }
    }

    #[test]
    fn pages_of_others_are_told_from_ours() {
        let host = ("host", "shop.example");
        for (pairs, foreign) in [
            (vec![host], None),
            (vec![host, ("origin", "https://shop.example")], None),
            (vec![host, ("origin", "https://SHOP.example")], None),
            (
                vec![host, ("origin", "https://evil.example")],
                Some("https://evil.example"),
            ),
            (vec![host, ("origin", "null")], Some("null")),
            // A sibling is not the same origin; nor is another port.
            (
                vec![
                    host,
                    ("origin", "https://blog.shop.example"),
                    ("sec-fetch-site", "same-site"),
                ],
                Some("https://blog.shop.example"),
            ),
            (
                vec![host, ("origin", "https://shop.example:8443")],
                Some("https://shop.example:8443"),
            ),
            (
                vec![host, ("sec-fetch-site", "cross-site")],
                Some("cross-site"),
            ),
            (vec![host, ("sec-fetch-site", "none")], None),
            (
                vec![
                    ("host", "127.0.0.1:7878"),
                    ("origin", "https://shop.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                None,
            ),
        ] {
            let found = of("9.9.9.9", &pairs).foreign_origin(&headers(&pairs));
            assert_eq!(found.as_deref(), foreign, "{pairs:?}");
        }
    }
}
