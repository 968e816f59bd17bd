//! The language that a caller asks for in `Accept-Language`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use locale::Locale;

/// The language of ours that the caller likes best, if any.
pub struct AcceptedLanguage(Option<&'static Locale>);

impl<S: Send + Sync> FromRequestParts<S> for AcceptedLanguage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(accepted_language(&parts.headers)))
    }
}

impl AcceptedLanguage {
    /// Its tag, for requests that have a field for one.
    pub fn tag(&self) -> Option<String> {
        self.0.map(|locale| locale.tag().to_owned())
    }
}

/// The language of ours that a request's headers like best, if any.
pub fn accepted_language(headers: &HeaderMap) -> Option<&'static Locale> {
    Locale::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}
