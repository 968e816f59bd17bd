//! `shopkeeper.toml`: every key is declared once, in [`KEYS`]; the parser, the
//! commented file that `init` writes and `doctor` all derive from it.

use std::path::Path;

use anyhow::{Context, bail};
use ipnet::IpNet;
use secrecy::SecretString;
use shop::Currency;
use train::Size;

/// What the operator set, or the defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the HTTP server listens.
    pub host: String,
    /// On which port.
    pub port: u16,
    /// Effort of training.
    pub size: Size,
    /// Seed of everything that draws numbers.
    pub seed: u64,
    /// Threads that training may use; 0 for all cores.
    pub threads: usize,
    /// Currency of imports that name none.
    pub currency: Currency,
    /// The same, where the file of the shop says it: of imported prices that
    /// name none.
    pub import_currency: Option<Currency>,
    /// For how many days the stages and reasons of decisions are kept.
    pub explanation_days: u32,
    /// Whether callers of this machine need no key. Said at each start
    /// (`--open`), never in the file.
    pub open: bool,
    /// API keys beside those that `shopkeeper keys` makes.
    pub keys: Vec<ApiKey>,
    /// Signs the tokens of customers and the sessions of visitors; empty: one
    /// drawn once and kept in the data folder.
    pub customer_secret: SecretString,
    /// Proxies that are believed what they say of the sender.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute of one key of the shop's servers; 0: any number.
    pub requests_per_minute_key: u32,
    /// Requests a minute of one customer's token; 0: any number.
    pub requests_per_minute_customer: u32,
    /// Requests a minute of one address; 0: any number.
    pub requests_per_minute_address: u32,
    /// Connections at the same time; 0: as the descriptors allow.
    pub connections: usize,
    /// Within which a request's header is complete.
    pub header_timeout_ms: u64,
    /// Within which a request's body is complete, or comes at 64 KiB a second.
    pub body_timeout_ms: u64,
    /// After which a connection without a request ends.
    pub idle_timeout_ms: u64,
    /// A published sentence encoder that support listens to beside the words:
    /// a folder or the name of an imported model; empty: none.
    pub support_encoder: String,
    /// A published model that works the assistant's tools on this machine: the
    /// name of an imported one or a path; empty: none.
    pub support_model: String,
    /// An OpenAI-compatible server whose model works the assistant's tools in
    /// place of `support_model`; empty: none.
    pub backend_url: String,
    /// The model to ask it for.
    pub backend_model: String,
    /// Its key; empty: none.
    pub backend_key: SecretString,
    /// How long one answer of either may take in all.
    pub backend_timeout_ms: u64,
    /// Tokens that it may use in a day.
    pub backend_tokens_per_day: u64,
    /// The Admin API access token of the shop's app at Shopify; empty: none.
    pub shopify_token: SecretString,
    /// Signs what Shopify's webhooks bring; empty: none is taken.
    pub shopify_webhook_secret: SecretString,
    /// A key of the REST API of the shop's WooCommerce; empty: none.
    pub woocommerce_key: String,
    /// Its secret.
    pub woocommerce_secret: SecretString,
    /// Signs what WooCommerce's webhooks bring; empty: none is taken.
    pub woocommerce_webhook_secret: SecretString,
    /// How long a platform or a site may take for one answer.
    pub platform_timeout_ms: u64,
    /// After how long a webhook's delivery that failed is tried again, each time;
    /// the last holds from then on. Not in the file.
    pub webhook_pauses: Vec<std::time::Duration>,
}

/// A bearer key and what it opens.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// `public`, `write` or `admin`.
    pub scope: Scope,
    /// The secret.
    pub key: SecretString,
    /// Origins whose pages may use it.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// What a key opens; each includes the ones before it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The storefront: search, recommendations, chat, own events.
    Public,
    /// Imports, events and offers of anybody.
    Write,
    /// Models, keys and settings.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Public, Self::Write, Self::Admin];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 7878,
            size: Size::Tiny,
            seed: 7,
            threads: 0,
            currency: Currency::USD,
            import_currency: None,
            explanation_days: 30,
            open: false,
            keys: Vec::new(),
            customer_secret: SecretString::default(),
            trusted_proxies: Vec::new(),
            requests_per_minute_key: 30_000,
            requests_per_minute_customer: 600,
            requests_per_minute_address: 1_200,
            connections: 0,
            header_timeout_ms: 10_000,
            body_timeout_ms: 60_000,
            idle_timeout_ms: 75_000,
            support_encoder: String::new(),
            support_model: String::new(),
            backend_url: String::new(),
            backend_model: String::new(),
            backend_key: SecretString::default(),
            backend_timeout_ms: 15_000,
            backend_tokens_per_day: 1_000_000,
            shopify_token: SecretString::default(),
            shopify_webhook_secret: SecretString::default(),
            woocommerce_key: String::new(),
            woocommerce_secret: SecretString::default(),
            woocommerce_webhook_secret: SecretString::default(),
            platform_timeout_ms: 30_000,
            webhook_pauses: [5, 30, 120, 600, 3_600]
                .map(std::time::Duration::from_secs)
                .to_vec(),
        }
    }
}

/// One key of the file.
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// The default, as TOML.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
    set: fn(&mut Config, toml::Value) -> Result<(), String>,
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    Key {
        name: "host",
        default: "\"127.0.0.1\"",
        about: "Address that the server listens on. An address that others reach needs TLS in front.",
        set: |config, value| {
            config.host = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "port",
        default: "7878",
        about: "Port that the server listens on.",
        set: |config, value| {
            config.port = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "size",
        default: "\"tiny\"",
        about: "Effort of training: tiny (a minute), small (many minutes), base (hours).",
        set: |config, value| {
            config.size = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "seed",
        default: "7",
        about: "The same seed on the same data gives the same models.",
        set: |config, value| {
            config.seed = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "explanation_days",
        default: "30",
        about: "For how many days the reasons of decisions are kept; those that an order, a thumb or an action followed stay.",
        set: |config, value| {
            config.explanation_days = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "threads",
        default: "0",
        about: "Threads that training may use; 0 takes every core.",
        set: |config, value| {
            config.threads = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "currency",
        default: "\"USD\"",
        about: "ISO 4217 currency of the shop, and of imported prices that name none once it stands here.",
        set: |config, value| {
            config.currency = read(value)?;
            config.import_currency = Some(config.currency);
            Ok(())
        },
    },
    Key {
        name: "keys",
        default: "[]",
        about: "API keys, as [{ scope = \"public\", key = \"…\", origins = [\"https://shop.example\"] }]; \
                scopes: public, write, admin. Better: `shopkeeper keys create`, which keeps no key \
                as it is.",
        set: |config, value| {
            config.keys = read::<Vec<ApiKey>>(value)?;
            for origin in config.keys.iter_mut().flat_map(|key| &mut key.origins) {
                *origin =
                    crate::keyring::normal_origin(origin).map_err(|error| error.to_string())?;
            }
            Ok(())
        },
    },
    Key {
        name: "customer_secret",
        default: "\"\"",
        about: "Signs the tokens with which customers speak for themselves and the sessions of visitors; \
                empty: one drawn once and kept in the data folder.",
        set: |config, value| {
            config.customer_secret = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "trusted_proxies",
        default: "[]",
        about: "Proxies in front, as [\"127.0.0.1\", \"10.0.0.0/8\"]: what they say in X-Forwarded-For, \
                -Proto and -Host is believed, of nobody else.",
        set: |config, value| {
            let written: Vec<String> = read(value)?;
            config.trusted_proxies = written
                .iter()
                .map(|text| network(text))
                .collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "requests_per_minute_key",
        default: "30000",
        about: "Requests a minute of one write or admin key; 0: any number.",
        set: |config, value| {
            config.requests_per_minute_key = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "requests_per_minute_customer",
        default: "600",
        about: "Requests a minute of one customer's token; 0: any number.",
        set: |config, value| {
            config.requests_per_minute_customer = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "requests_per_minute_address",
        default: "1200",
        about: "Requests a minute of one address, for all others; 0: any number.",
        set: |config, value| {
            config.requests_per_minute_address = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "connections",
        default: "0",
        about: "Connections at the same time; 0: as many as the limit of open files allows.",
        set: |config, value| {
            config.connections = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "header_timeout_ms",
        default: "10000",
        about: "Within which a request's header is complete.",
        set: |config, value| {
            config.header_timeout_ms = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "body_timeout_ms",
        default: "60000",
        about: "Within which a request's body is complete; a long one may go on while it comes at 64 KiB a \
                second.",
        set: |config, value| {
            config.body_timeout_ms = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "idle_timeout_ms",
        default: "75000",
        about: "After which a connection without a request ends.",
        set: |config, value| {
            config.idle_timeout_ms = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "support_encoder",
        default: "\"\"",
        about: "A sentence encoder (a folder of the BERT family, or an imported model's name) that \
                support asks for meaning beside the words; empty: none.",
        set: |config, value| {
            config.support_encoder = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "support_model",
        default: "\"\"",
        about: "A language model that works the assistant's tools on this machine (an imported model's \
                name, a folder or a GGUF file); empty: none. `shopkeeper models pull recommended` \
                brings one with an encoder.",
        set: |config, value| {
            config.support_model = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "backend_url",
        default: "\"\"",
        about: "An OpenAI-compatible server, as https://host/v1, whose model works the assistant's \
                tools in place of support_model; empty: none.",
        set: |config, value| {
            config.backend_url = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "backend_model",
        default: "\"\"",
        about: "The model to ask that server for.",
        set: |config, value| {
            config.backend_model = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "backend_key",
        default: "\"\"",
        about: "Its key, sent as a bearer token; empty: none.",
        set: |config, value| {
            config.backend_key = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "backend_timeout_ms",
        default: "15000",
        about: "How long a language model, there or here, may take for an answer in all before the \
                assistant goes on without it.",
        set: |config, value| {
            config.backend_timeout_ms = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "backend_tokens_per_day",
        default: "1000000",
        about: "Tokens that it may use in a day; then the assistant goes on without it.",
        set: |config, value| {
            config.backend_tokens_per_day = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "shopify_token",
        default: "\"\"",
        about: "The Admin API access token of your app at Shopify, which `import shopify:…` asks with; empty: none.",
        set: |config, value| {
            config.shopify_token = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "shopify_webhook_secret",
        default: "\"\"",
        about: "The secret that signs Shopify's webhooks (the app's client secret, or the one that the admin's \
                notifications show); empty: POST /v1/hooks/shopify takes nothing.",
        set: |config, value| {
            config.shopify_webhook_secret = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "woocommerce_key",
        default: "\"\"",
        about: "The consumer key of WooCommerce's REST API, which `import woocommerce:…` asks with; empty: none.",
        set: |config, value| {
            config.woocommerce_key = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "woocommerce_secret",
        default: "\"\"",
        about: "The consumer secret that belongs to it.",
        set: |config, value| {
            config.woocommerce_secret = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "woocommerce_webhook_secret",
        default: "\"\"",
        about: "The secret that signs WooCommerce's webhooks; empty: POST /v1/hooks/woocommerce takes nothing.",
        set: |config, value| {
            config.woocommerce_webhook_secret = read(value)?;
            Ok(())
        },
    },
    Key {
        name: "platform_timeout_ms",
        default: "30000",
        about: "How long a shop platform or a site may take for one answer before it is asked again.",
        set: |config, value| {
            config.platform_timeout_ms = read(value)?;
            Ok(())
        },
    },
];

/// An address, or a network with the length of its prefix.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is not an address or a network as 10.0.0.0/8"))
}

fn read<T: serde::de::DeserializeOwned>(value: toml::Value) -> Result<T, String> {
    value
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

impl Config {
    /// Reads `path`; an absent file means the defaults.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                Self::parse(&text).with_context(|| format!("{} is not usable", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Reads the text of a configuration file.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse()?;
        let mut config = Self::default();
        for (name, value) in table {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                bail!(
                    "there is no key {name:?}; the keys are {}",
                    known.join(", ")
                );
            };
            (key.set)(&mut config, value)
                .map_err(|reason| anyhow::anyhow!("{name}: {reason}; default {}", key.default))?;
        }
        Ok(config)
    }

    /// The file that `init` writes: every key, commented out, with its default.
    pub fn template() -> String {
        let mut text =
            String::from("# shopkeeper.toml: remove the # before a line to change it.\n");
        for key in KEYS {
            text.push_str(&format!(
                "\n# {}\n# {} = {}\n",
                key.about, key.name, key.default
            ));
        }
        text
    }

    /// Threads to train with: what was set, or the cores there are.
    pub fn training_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_with_its_comments_removed_is_the_default() {
        let text: String = Config::template()
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                KEYS.iter()
                    .any(|key| line.starts_with(&format!("{} = ", key.name)))
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut parsed = Config::parse(&text).unwrap();
        // That it stands there is what imports go by.
        assert_eq!(parsed.import_currency.take(), Some(Currency::USD));
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        for (text, said) in [
            ("colour = 1", "there is no key \"colour\""),
            ("port = 99999", "port"),
            ("size = \"huge\"", "size"),
            ("currency = \"dollars\"", "ISO 4217"),
            ("keys = [{ scope = \"root\", key = \"x\" }]", "keys"),
            (
                "keys = [{ scope = \"public\", key = \"x\", origins = [\"*\"] }]",
                "not an origin",
            ),
            ("trusted_proxies = [\"nginx\"]", "nginx"),
        ] {
            let error = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(error.contains(said), "{text}: {error}");
        }
    }
    #[test]
    fn secrets_are_not_printed() {
        let text = "customer_secret = \"geheim\"\nbackend_key = \"geheim\"\n\
                    shopify_token = \"geheim\"\nshopify_webhook_secret = \"geheim\"\n\
                    woocommerce_secret = \"geheim\"\nwoocommerce_webhook_secret = \"geheim\"\n\
                    keys = [{ scope = \"admin\", key = \"geheim\" }]";
        let config = Config::parse(text).unwrap();
        assert!(!format!("{config:?}").contains("geheim"));
    }
}
