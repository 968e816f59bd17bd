//! Cookies, read and written.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

/// The value of a cookie; an empty one counts as absent.
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
        .filter(|value| !value.is_empty())
}

/// A cookie for every path of this server.
pub fn cookie<'a>(name: &'a str, value: &'a str, is_secure: bool) -> Cookie<'a> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(is_secure)
        .same_site(SameSite::Lax)
        .build()
}

/// As [`cookie`], kept for a year.
pub fn lasting<'a>(name: &'a str, value: &'a str, is_secure: bool) -> Cookie<'a> {
    let mut cookie = cookie(name, value, is_secure);
    cookie.set_max_age(Duration::days(365));
    cookie
}

/// The header that sets it; `None` where its value cannot stand in one.
pub fn header_value(cookie: &Cookie<'_>) -> Option<HeaderValue> {
    HeaderValue::from_str(&cookie.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        let set = header_value(&lasting("session", "a.b", true)).unwrap();
        assert_eq!(
            set,
            "session=a.b; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000"
        );
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "lang=zh; session=a.b; x=".parse().unwrap());
        assert_eq!(read(&headers, "session").as_deref(), Some("a.b"));
        assert_eq!(read(&headers, "x"), None);
        assert_eq!(read(&headers, "y"), None);
    }
}
