//! Who looks at a page: the language they want, their visit, and in a shop
//! without sign-in the customer whom they play.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::Markup;
use serde::Deserialize;
use shop::Id;

use super::text::{COOKIE as LANGUAGE_COOKIE, Language, Text};
use crate::app::{App, fresh_id};
use crate::http::authorise::cookie;

const SESSION_COOKIE: &str = "session";
const CUSTOMER_COOKIE: &str = "customer";

/// Who looks at a page.
pub struct Visitor {
    /// In which language.
    pub language: Language,
    /// The visit.
    pub session: Id,
    /// The customer whom they play, where the shop needs no keys.
    pub customer: Option<Id>,
    /// The path and query that they asked for, without the language.
    pub place: String,
    cookies: Vec<HeaderValue>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let chosen = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
        let language = Language::of(chosen, &parts.headers);
        let mut cookies = Vec::new();
        if chosen.is_some() {
            cookies.extend(set(LANGUAGE_COOKIE, language.code(), false));
        }
        let session =
            match cookie(&parts.headers, SESSION_COOKIE).and_then(|text| Id::new(&text).ok()) {
                Some(session) => session,
                None => {
                    let session = fresh_id();
                    cookies.extend(set(SESSION_COOKIE, session.as_str(), true));
                    session
                }
            };
        // Playing a customer is for a shop that trusts every local caller.
        let customer = app.gate.is_open().then(|| played(&parts.headers)).flatten();
        Ok(Self {
            language,
            session,
            customer,
            place: place(parts.uri.path(), query),
            cookies,
        })
    }
}

fn played(headers: &HeaderMap) -> Option<Id> {
    let encoded = cookie(headers, CUSTOMER_COOKIE)?;
    Id::new(&decode(&encoded)?).ok()
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

fn set(name: &str, value: &str, hidden_from_scripts: bool) -> Option<HeaderValue> {
    let hidden = if hidden_from_scripts {
        "; HttpOnly"
    } else {
        ""
    };
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax{hidden}"
    ))
    .ok()
}

impl Visitor {
    /// The words of their language.
    pub fn text(&self) -> &'static Text {
        self.language.text()
    }

    /// The page with what their browser should remember.
    pub fn respond(self, page: Markup) -> Response {
        let mut response = ([super::policy()], Html(page.into_string())).into_response();
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
pub async fn choose(State(app): State<Arc<App>>, Form(choice): Form<Choice>) -> Response {
    // Only a path of this server: nobody is sent elsewhere.
    let back = if choice.back.starts_with('/') && !choice.back.starts_with("//") {
        choice.back.as_str()
    } else {
        "/"
    };
    let mut response = Redirect::to(back).into_response();
    if app.gate.is_open()
        && let Some(cookie) = set(CUSTOMER_COOKIE, &encode(choice.customer.trim()), true)
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Percent-encodes all but letters, digits, `-`, `_` and `.`.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn encoding_round_trip(text in ".*") {
            proptest::prop_assert_eq!(decode(&encode(&text)).unwrap(), text);
        }
    }

    #[test]
    fn broken_encodings_are_nothing() {
        for text in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(place("/", "lang=zh&q=a"), "/?q=a&");
    }
}
