//! Who looks at a page: the language they want, their visit, and in a shop
//! without sign-in the customer whom they play.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::Form;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use locale::Locale;
use maud::Markup;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use shop::Id;

use crate::app::App;
use crate::config::Scope;
use crate::http::authorise::{Caller, Identity, SESSION_COOKIE};
use crate::http::cookies::{self, lasting};
use crate::http::language::accepted_language;

/// The cookie that remembers the language.
const LANGUAGE_COOKIE: &str = "lang";
const CUSTOMER_COOKIE: &str = "customer";

/// What stands unchanged in a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Who looks at a page.
pub struct Visitor {
    /// In which language.
    pub language: &'static Locale,
    /// The visit: the name of the session whose token is in their cookie.
    pub session: Id,
    /// Whether they may play customers: who runs the shop, and everybody where
    /// it is open.
    pub may_play: bool,
    /// Whether they came into the console by a key or a link.
    pub is_signed_in: bool,
    /// The customer whom they play.
    pub customer: Option<Id>,
    /// The path and query that they asked for, without the language.
    pub place: String,
    /// What is wrong with the models: every page of the console says it.
    pub alarms: Vec<String>,
    cookies: Vec<HeaderValue>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let identity = parts.extensions.get::<Identity>().cloned();
        let identity = identity.unwrap_or_default();
        let is_secure = identity.connection.is_secure;
        let query = parts.uri.query().unwrap_or_default();
        let chosen = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
        let language = language_of(chosen, &parts.headers);
        let mut cookies = Vec::new();
        if chosen.is_some() {
            cookies.extend(cookies::header_value(&lasting(
                LANGUAGE_COOKIE,
                language.tag(),
                is_secure,
            )));
        }
        let session = identity.session.unwrap_or_else(|| {
            let (session, token) = app.gate.signer.new_session();
            let cookie = lasting(SESSION_COOKIE, &token, is_secure);
            cookies.extend(cookies::header_value(&cookie));
            session
        });
        let may_play = may_play(&identity.caller);
        let customer = may_play.then(|| played(&parts.headers)).flatten();
        Ok(Self {
            language,
            session,
            may_play,
            is_signed_in: matches!(identity.caller, Caller::Key(Scope::Admin)),
            customer,
            place: place(parts.uri.path(), query),
            alarms: match parts.uri.path().starts_with("/console") {
                true => app.alarms(),
                false => Vec::new(),
            },
            cookies,
        })
    }
}

/// What the visitor chose, else what their browser prefers, else English.
fn language_of(chosen: Option<&str>, headers: &HeaderMap) -> &'static Locale {
    let remembered = || cookies::read(headers, LANGUAGE_COOKIE).and_then(|tag| Locale::of(&tag));
    chosen
        .and_then(Locale::of)
        .or_else(remembered)
        .or_else(|| accepted_language(headers))
        .unwrap_or_else(Locale::english)
}

fn played(headers: &HeaderMap) -> Option<Id> {
    let encoded = cookies::read(headers, CUSTOMER_COOKIE)?;
    let decoded = percent_decode_str(&encoded).decode_utf8().ok()?;
    Id::new(&decoded).ok()
}

fn may_play(caller: &Caller) -> bool {
    matches!(caller, Caller::Local | Caller::Key(Scope::Admin))
}

/// The path and query without the language, ready for `lang=` to be added.
fn place(path: &str, query: &str) -> String {
    let rest: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("lang="))
        .collect();
    let mut place = format!("{path}?");
    for pair in rest {
        place.push_str(pair);
        place.push('&');
    }
    place
}

impl Visitor {
    /// The texts and formats of their language.
    pub fn text(&self) -> &'static Locale {
        self.language
    }

    /// The page with what their browser should remember.
    pub fn respond(self, page: Markup) -> Response {
        let mut response = Html(page.into_string()).into_response();
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

#[derive(Deserialize)]
pub struct Choice {
    #[serde(default)]
    customer: String,
    #[serde(default)]
    back: String,
}

/// `POST /customer`: plays a customer, or nobody.
pub async fn choose(
    Extension(identity): Extension<Identity>,
    Form(choice): Form<Choice>,
) -> Response {
    let back = own_path(&choice.back).unwrap_or("/");
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response();
    let customer = encode(choice.customer.trim());
    let cookie = lasting(CUSTOMER_COOKIE, &customer, identity.connection.is_secure);
    if may_play(&identity.caller)
        && let Some(cookie) = cookies::header_value(&cookie)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The text, where every browser reads it as a path of this server: nobody is
/// sent elsewhere. Browsers take `\` for `/` and leave out tabs and ends of
/// lines.
fn own_path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('/')?;
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_plain && !rest.starts_with('/')).then_some(text)
}

/// Percent-encodes all but letters, digits, `-`, `_` and `.`.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert_eq!(place("/", "lang=zh&q=a"), "/?q=a&");
        assert_eq!(encode("a b/绿.-_"), "a%20b%2F%E7%BB%BF.-_");
    }

    #[test]
    fn the_language_that_was_chosen_or_preferred() {
        let with = |name: header::HeaderName, value: &str| {
            HeaderMap::from_iter([(name, value.parse().unwrap())])
        };
        let accepted = |value| with(header::ACCEPT_LANGUAGE, value);
        for (chosen, headers, expected) in [
            (Some("zh"), HeaderMap::new(), "zh"),
            (Some("de-AT"), HeaderMap::new(), "de"),
            (Some("xx"), HeaderMap::new(), "en"),
            (None, with(header::COOKIE, "a=b; lang=es"), "es"),
            (None, accepted("de-CH,de;q=0.9,en;q=0.8"), "de"),
            (None, accepted("tlh,zh;q=0.4,en-GB;q=0.8"), "en"),
            (None, accepted(";;;q=x"), "en"),
            (Some("en"), with(header::COOKIE, "lang=zh"), "en"),
        ] {
            let found = language_of(chosen, &headers).tag();
            assert_eq!(found, expected, "{chosen:?} {headers:?}");
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (back, own) in [
            ("/", true),
            ("/products/p1?q=a&", true),
            ("", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("\\/evil.example", false),
            ("/\t/evil.example", false),
            ("/\n/evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(own_path(back).is_some(), own, "{back:?}");
        }
    }
}
