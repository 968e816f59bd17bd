//! The keys of a shop: those that the configuration names, and those that
//! `shopkeeper keys` and `/v1/keys` make. Of the latter the data folder keeps
//! the digests alone, in `keys.json`; a running server sees a change of that
//! file at the next request that matters.

use std::path::Path;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shop::Timestamp;
use subtle::ConstantTimeEq;

use crate::config::{ApiKey, Scope};
use crate::http::customer_token::{digest, one_time};
use crate::shared_file::SharedFile;

/// The file of the data folder.
const FILE: &str = "keys.json";

/// How long a link that opens the console holds, in seconds.
pub const LINK_SECONDS: i64 = 15 * 60;

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// What it is called in lists and logs: the beginning of its digest.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub name: String,
    /// What it opens.
    pub scope: Scope,
    /// The origins (`https://host`) whose pages may use it beside our own;
    /// programs outside browsers may use any key.
    #[serde(default)]
    pub origins: Vec<String>,
    /// When it was made; those of the configuration do not say.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    sha256: String,
}

impl StoredKey {
    fn new(secret: &str, name: &str, scope: Scope, origins: &[String]) -> Self {
        let sha256 = digest(secret);
        Self {
            id: format!("key_{}", &sha256[..12]),
            name: name.to_owned(),
            scope,
            origins: origins.to_vec(),
            created_at: None,
            sha256,
        }
    }

    /// What is shown of it: everything but the digest.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "name": self.name,
            "scope": self.scope,
            "origins": self.origins,
            "created_at": self.created_at,
        })
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Link {
    sha256: String,
    expires_at: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    keys: Vec<StoredKey>,
    #[serde(default)]
    links: Vec<Link>,
}

/// Every key that opens something.
pub struct Keyring {
    configured: Vec<StoredKey>,
    stored: SharedFile<Stored>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

impl Keyring {
    /// The keys of a data folder beside those that are configured. Of a file
    /// that cannot be read no key opens anything.
    pub fn open(folder: &Path, configured: &[ApiKey]) -> Self {
        let configured = configured
            .iter()
            .map(|key| {
                let secret = key.key.expose_secret();
                StoredKey::new(secret, "shopkeeper.toml", key.scope, &key.origins)
            })
            .collect();
        Self {
            configured,
            stored: SharedFile::open(folder.join(FILE)),
        }
    }

    /// Every key, those of the configuration first.
    pub fn list(&self) -> Vec<StoredKey> {
        let stored = self.stored.load();
        self.configured
            .iter()
            .chain(&stored.keys)
            .cloned()
            .collect()
    }

    /// The key with this secret. All digests are compared, each in constant
    /// time, so that the time taken says nothing.
    pub fn find(&self, secret: &str) -> Option<StoredKey> {
        let shown = digest(secret);
        let stored = self.stored.load();
        let mut found: Option<&StoredKey> = None;
        for key in self.configured.iter().chain(&stored.keys) {
            let same: bool = key.sha256.as_bytes().ct_eq(shown.as_bytes()).into();
            if same && found.is_none_or(|found| found.scope < key.scope) {
                found = Some(key);
            }
        }
        found.cloned()
    }

    /// Whether a key of this id is still there.
    pub fn contains(&self, id: &str) -> bool {
        let stored = self.stored.load();
        let mut all = self.configured.iter().chain(&stored.keys);
        all.any(|key| key.id == id)
    }

    /// Whether some key lets pages of this origin in.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let stored = self.stored.load();
        let mut all = self.configured.iter().chain(&stored.keys);
        all.any(|key| key.origins.iter().any(|allowed| allowed == origin))
    }

    /// Makes a key; its secret is in the answer and nowhere else.
    pub fn create(
        &self,
        name: &str,
        scope: Scope,
        origins: &[String],
        now: Timestamp,
    ) -> anyhow::Result<(StoredKey, SecretString)> {
        let origins = origins
            .iter()
            .map(|origin| normal_origin(origin))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let secret = format!("sk_{}_{}", scope.name(), one_time());
        let mut key = StoredKey::new(&secret, name, scope, &origins);
        key.created_at = Some(now);
        self.stored.edit(|stored| stored.keys.push(key.clone()))?;
        Ok((key, secret.into()))
    }

    /// Ends a key; `false` where there is none of this id.
    pub fn revoke(&self, id: &str) -> anyhow::Result<bool> {
        if self.configured.iter().any(|key| key.id == id) {
            bail!("{id} stands in shopkeeper.toml: take it out there");
        }
        self.stored.edit(|stored| {
            let before = stored.keys.len();
            stored.keys.retain(|key| key.id != id);
            stored.keys.len() < before
        })
    }

    /// The first admin key, where there is none yet.
    pub fn ensure_admin(&self, now: Timestamp) -> anyhow::Result<Option<SecretString>> {
        if self.list().iter().any(|key| key.scope == Scope::Admin) {
            return Ok(None);
        }
        let (_, secret) = self.create("first", Scope::Admin, &[], now)?;
        Ok(Some(secret))
    }

    /// The token of a link that opens the console once, within
    /// [`LINK_SECONDS`].
    pub fn create_link(&self, now: Timestamp) -> anyhow::Result<SecretString> {
        let token = one_time();
        let link = Link {
            sha256: digest(&token),
            expires_at: now.plus_seconds(LINK_SECONDS),
        };
        self.stored.edit(|stored| {
            stored.links.retain(|link| link.expires_at > now);
            stored.links.push(link);
        })?;
        Ok(token.into())
    }

    /// Uses a link up; `false` where it was used, is over or never was.
    pub fn use_link(&self, token: &str, now: Timestamp) -> anyhow::Result<bool> {
        let shown = digest(token);
        self.stored.edit(|stored| {
            let before = stored.links.len();
            stored.links.retain(|link| {
                let same: bool = link.sha256.as_bytes().ct_eq(shown.as_bytes()).into();
                !(same && link.expires_at > now)
            });
            stored.links.len() < before
        })
    }
}

/// An origin as browsers write it: scheme and host, the port where it is not
/// the scheme's own.
pub fn normal_origin(origin: &str) -> anyhow::Result<String> {
    let wrong = || format!("{origin:?} is not an origin: write https://host or https://host:port");
    let uri: axum::http::Uri = origin.trim().parse().with_context(wrong)?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        bail!(wrong());
    };
    let own_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => bail!(wrong()),
    };
    if !["", "/"].contains(&uri.path()) || uri.query().is_some() || origin.contains(['@', '*']) {
        bail!(wrong());
    }
    let host = host.to_ascii_lowercase();
    Ok(match uri.port_u16() {
        Some(port) if port != own_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_000)
    }

    #[test]
    fn keys_are_kept_as_digests_and_end_when_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::open(folder.path(), &[]);
        let first = keys.ensure_admin(now()).unwrap().unwrap();
        assert!(keys.ensure_admin(now()).unwrap().is_none());
        let origins = ["https://Shop.Example:443/".to_owned()];
        let (key, secret) = keys.create("web", Scope::Public, &origins, now()).unwrap();
        assert_eq!(key.origins, ["https://shop.example"]);
        let file = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!file.contains(secret.expose_secret()));
        assert!(!format!("{keys:?} {secret:?}").contains(secret.expose_secret()));

        // Another process that has the same folder open.
        let other = Keyring::open(folder.path(), &[]);
        assert_eq!(other.find(secret.expose_secret()), Some(key.clone()));
        assert!(other.allows_origin("https://shop.example"));
        assert!(other.revoke(&key.id).unwrap());
        assert!(!other.revoke(&key.id).unwrap());
        assert_eq!(keys.find(secret.expose_secret()), None);
        assert!(!keys.contains(&key.id));
        assert!(keys.find(first.expose_secret()).is_some());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = std::fs::metadata(folder.path().join(FILE)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_link_opens_once_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::open(folder.path(), &[]);
        let link = keys.create_link(now()).unwrap();
        assert!(!keys.use_link("another", now()).unwrap());
        assert!(keys.use_link(link.expose_secret(), now()).unwrap());
        assert!(!keys.use_link(link.expose_secret(), now()).unwrap());
        let late = keys.create_link(now()).unwrap();
        let then = now().plus_seconds(LINK_SECONDS);
        assert!(!keys.use_link(late.expose_secret(), then).unwrap());
    }

    #[test]
    fn origins() {
        for (written, read) in [
            ("https://shop.example", Some("https://shop.example")),
            ("http://localhost:80", Some("http://localhost")),
            ("https://a.example:8443/", Some("https://a.example:8443")),
            ("*", None),
            ("https://*.example", None),
            ("shop.example", None),
            ("https://shop.example/path", None),
            ("ftp://shop.example", None),
            ("null", None),
        ] {
            assert_eq!(normal_origin(written).ok().as_deref(), read, "{written}");
        }
    }
}
