//! Who reads a site: its sitemaps, its wishes and its pages.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use ureq::http::header::LOCATION;
use ureq::http::{StatusCode, Uri};

use super::pages::MOST_PAGES;
use super::robots::Robots;
use super::sitemap;

/// Sitemaps that are read at most to find them.
const MOST_SITEMAPS: usize = 200;
/// The longest page, and the longest sitemap (as the protocol has it).
const MOST_PAGE_BYTES: u64 = 8 << 20;
const MOST_SITEMAP_BYTES: u64 = 50 << 20;
/// Between two pages.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a page may lead to another.
const MOST_REDIRECTS: usize = 5;

/// Pages to ask for, and what deserves a word.
pub(super) type Found = anyhow::Result<(Vec<String>, Vec<String>)>;

/// Who asks for pages.
pub(super) struct Reader {
    agent: ureq::Agent,
    pub(super) stop: Arc<AtomicBool>,
    robots: HashMap<String, Robots>,
}

/// The origin and the path of an address; nothing where it is none of a page.
pub(super) fn parts(address: &str) -> Option<(String, String)> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| ["http", "https"].contains(scheme))?;
    let host = uri
        .authority()
        .filter(|host| !host.as_str().contains('@'))?;
    let origin = format!("{scheme}://{}", host.as_str().to_ascii_lowercase());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some((origin, path.to_owned()))
}

/// The host of an address with its port.
fn host(address: &str) -> Option<String> {
    let (origin, _) = parts(address)?;
    origin.split_once("://").map(|(_, host)| host.to_owned())
}

impl Reader {
    pub(super) fn new(timeout: Duration, stop: Arc<AtomicBool>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!("shopkeeper/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            stop,
            robots: HashMap::new(),
        }
    }

    pub(super) fn check_stop(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped; the pages that were read are kept");
        }
        Ok(())
    }

    /// The pages that a sitemap names, of its own host alone: whoever writes a
    /// sitemap does not choose what else this machine asks.
    pub(super) fn sitemap(&mut self, address: &str) -> Found {
        let own = host(address)
            .context("a sitemap has an address as https://shop.example/sitemap.xml")?;
        let (mut pages, mut seen) = (Vec::new(), HashSet::new());
        let mut left = VecDeque::from([address.to_owned()]);
        let (mut sitemaps, mut elsewhere, mut warnings) = (0, 0, Vec::new());
        while let Some(next) = left.pop_front() {
            if sitemaps >= MOST_SITEMAPS || pages.len() >= MOST_PAGES {
                break;
            }
            sitemaps += 1;
            let text = match self.fetch(&next, MOST_SITEMAP_BYTES) {
                Ok(text) => text,
                Err(error) if sitemaps == 1 => return Err(error),
                Err(error) => {
                    warnings.push(format!("{error:#}"));
                    continue;
                }
            };
            let read = sitemap::read(&text);
            for named in read.addresses {
                if host(&named).as_deref() != Some(&own) {
                    elsewhere += 1;
                } else if seen.insert(named.clone()) {
                    match read.is_index {
                        true => left.push_back(named),
                        false => pages.push(named),
                    }
                }
            }
        }
        if elsewhere > 0 {
            warnings.push(format!(
                "{elsewhere} addresses of other hosts than {own} are passed over"
            ));
        }
        if pages.len() > MOST_PAGES || !left.is_empty() {
            pages.truncate(MOST_PAGES);
            warnings.push(format!("the first {MOST_PAGES} pages are taken, not more"));
        }
        if pages.is_empty() {
            bail!("{address} names no page of {own}: is it a sitemap?");
        }
        Ok((pages, warnings))
    }

    /// A page, a moment after the one before.
    pub(super) fn page(&mut self, address: &str) -> anyhow::Result<String> {
        let (origin, path) =
            parts(address).with_context(|| format!("{address:?} is no address"))?;
        if !self.robots.contains_key(&origin) {
            let robots = self.robots_of(&origin)?;
            self.robots.insert(origin.clone(), robots);
        }
        if self
            .robots
            .get(&origin)
            .is_some_and(|robots| !robots.allows(&path))
        {
            bail!("{address}: robots.txt asks programs to leave it alone");
        }
        std::thread::sleep(PAUSE);
        self.check_stop()?;
        self.fetch(address, MOST_PAGE_BYTES)
    }

    /// A site without such a file allows everything.
    fn robots_of(&self, origin: &str) -> anyhow::Result<Robots> {
        let address = format!("{origin}/robots.txt");
        let mut response = self
            .agent
            .get(&address)
            .call()
            .with_context(|| address.clone())?;
        if response.status().is_server_error() {
            bail!(
                "{address}: {}: what may be read is not known",
                response.status()
            );
        }
        if !response.status().is_success() {
            return Ok(Robots::default());
        }
        let body = response.body_mut().with_config().limit(512 << 10);
        Ok(Robots::read(&body.read_to_string().unwrap_or_default()))
    }

    /// The text at an address; where it leads elsewhere, on the same host alone.
    fn fetch(&self, address: &str, most: u64) -> anyhow::Result<String> {
        let own = host(address);
        let mut at = address.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let mut response = self.agent.get(&at).call().with_context(|| at.clone())?;
            let status = response.status();
            if let Some(place) = response
                .headers()
                .get(LOCATION)
                .filter(|_| status.is_redirection())
            {
                let place = String::from_utf8_lossy(place.as_bytes()).into_owned();
                let (origin, _) = parts(&at).with_context(|| at.clone())?;
                let next = match place.starts_with('/') && !place.starts_with("//") {
                    true => format!("{origin}{place}"),
                    false => place,
                };
                if host(&next).is_none() || host(&next) != own {
                    bail!("{address} leads to another host, {next}");
                }
                at = next;
                continue;
            }
            if status != StatusCode::OK {
                bail!("{at}: {status}");
            }
            let body = response.body_mut().with_config().limit(most);
            let bytes = body.read_to_vec();
            let bytes =
                bytes.with_context(|| format!("{at} broke off or is longer than {most} bytes"))?;
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        bail!("{address} leads from one address to the next")
    }
}
