//! Where deliveries may go: to the open internet over TLS and, where this
//! server listens to its own machine alone, to programs of that machine. Whose
//! key makes a webhook shall not reach through it what only this machine can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::http::origin::is_loopback;

/// What is no address of the open internet: IANA's special-purpose registry.
const CLOSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same within `2000::/3`; outside of it nothing is open.
const CLOSED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            let holds =
                |(net, length): &(Ipv4Addr, u32)| (bits ^ net.to_bits()) >> (32 - length) == 0;
            !CLOSED_V4.iter().any(holds)
        }
        IpAddr::V6(address) => {
            if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
                // Networks of IPv6 alone reach IPv4 by such addresses.
                let bits = u32::from(high) << 16 | u32::from(low);
                return is_public(Ipv4Addr::from_bits(bits).into());
            }
            let bits = address.to_bits();
            let holds =
                |(net, length): &(Ipv6Addr, u32)| (bits ^ net.to_bits()) >> (128 - length) == 0;
            bits >> 125 == 1 && !CLOSED_V6.iter().any(holds)
        }
    }
}

/// Whether a delivery may go to an address. `local`: this server listens to its
/// own machine alone.
fn check_address(address: IpAddr, scheme: &str, local: bool) -> Result<(), String> {
    let address = address.to_canonical();
    match address.is_loopback() {
        true if local => Ok(()),
        false if scheme == "http" => Err(format!(
            "{address} is another machine: http goes to this machine alone, use https"
        )),
        false if is_public(address) => Ok(()),
        _ => Err(format!(
            "{address} is not an address of the open internet: webhooks do not go there"
        )),
    }
}

/// Whether a URL may be that of a webhook. What its name resolves to is looked
/// at when a delivery goes out.
pub(super) fn check_url(url: &str, local: bool) -> Result<(), String> {
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("{url:?} is no URL ({error}): write https://host/path"))?;
    let scheme = uri.scheme_str().unwrap_or_default();
    let (Some(host), "http" | "https") = (uri.host().filter(|host| !host.is_empty()), scheme)
    else {
        return Err(format!(
            "{url:?} is no web address: write https://host/path"
        ));
    };
    if uri
        .authority()
        .is_some_and(|one| one.as_str().contains('@'))
    {
        return Err("it holds a name or a password: what is signed needs none".to_owned());
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return check_address(address, scheme, local);
    }
    match (scheme, is_loopback(host)) {
        (_, true) if !local => Err(format!(
            "{host} is this machine: webhooks go there only while `host` is 127.0.0.1"
        )),
        ("http", false) => Err(format!(
            "{host} is another machine: http goes to this machine alone, use https"
        )),
        _ => Ok(()),
    }
}

/// Looks names up, and refuses those that lead where deliveries may not go: what
/// is connected to is what was looked at.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) local: bool,
    pub(super) inner: DefaultResolver,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        for address in &*found {
            check_address(address.ip(), scheme, self.local)
                .map_err(|reason| ureq::Error::Io(std::io::Error::other(reason)))?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_webhooks_may_go() {
        // The URL, whether it may be one, and whether it may where the server
        // listens to its own machine alone.
        for (url, open, local) in [
            ("https://shop.example/hook?x=1", true, true),
            ("https://shop.example:8443/", true, true),
            ("https://93.184.215.14/", true, true),
            ("https://[2606:4700::1111]/", true, true),
            ("https://[64:ff9b::5db8:d70e]/", true, true),
            ("http://shop.example/", false, false),
            ("http://93.184.215.14/", false, false),
            ("http://127.0.0.1:9/", false, true),
            ("http://localhost:9/", false, true),
            ("http://[::1]:9/", false, true),
            ("https://127.8.8.8/", false, true),
            ("https://[::ffff:127.0.0.1]/", false, true),
            ("https://10.1.2.3/", false, false),
            ("http://10.1.2.3/", false, false),
            ("https://100.127.0.1/", false, false),
            ("https://172.31.255.1/", false, false),
            ("https://192.168.0.1/", false, false),
            ("https://169.254.169.254/latest/", false, false),
            ("https://0.0.0.0/", false, false),
            ("https://239.1.1.1/", false, false),
            ("https://[::]/", false, false),
            ("https://[::ffff:10.0.0.1]/", false, false),
            ("https://[64:ff9b::a00:1]/", false, false),
            ("https://[2002:a00:1::]/", false, false),
            ("https://[fe80::1]/", false, false),
            ("https://[fd00::1]/", false, false),
            ("https://user:pass@shop.example/", false, false),
            ("ftp://shop.example/", false, false),
            ("shop.example", false, false),
            ("/hook", false, false),
            ("", false, false),
        ] {
            assert_eq!(check_url(url, false).is_ok(), open, "{url}");
            assert_eq!(check_url(url, true).is_ok(), local, "{url}");
        }
    }

    #[test]
    fn what_is_next_to_a_closed_net_is_open() {
        for address in ["11.0.0.0", "172.32.0.0", "100.128.0.0", "2003::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
