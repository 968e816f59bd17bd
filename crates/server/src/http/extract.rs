//! Bodies and query strings, read so that each mistake has its own answer.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use shop::Id;

use super::error::{ApiError, Code};

/// The most that a JSON body may hold; imports have their own, wider limit.
pub const MAXIMUM_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A JSON body of a known shape.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        check_media_type(&request)?;
        let bytes = read_body(request.into_body(), MAXIMUM_BODY_BYTES).await?;
        parse_json(&bytes).map(Self)
    }
}

/// Whatever a client calls its body, it is read as JSON (a plain `curl -d`
/// calls it a form); several parts cannot be.
fn check_media_type(request: &Request) -> Result<(), ApiError> {
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if media_type.starts_with("multipart/") {
        return Err(ApiError::new(
            Code::UnsupportedMediaType,
            format!("a body of {media_type} is not read here"),
        ));
    }
    Ok(())
}

/// The whole body, unless it is longer than `limit` bytes.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(ApiError::new(
            Code::BodyTooLarge,
            format!("the body is longer than {limit} bytes"),
        )),
        Err(error) => Err(ApiError::new(
            Code::MalformedJson,
            format!("the body broke off: {error}"),
        )),
    }
}

/// Reads JSON; what is wrong is named with the field where there is one.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // An empty body is an empty object: all fields may be optional.
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| {
        let message = error.to_string();
        if error.is_data() {
            ApiError {
                code: Code::InvalidField,
                param: quoted(&message),
                message,
            }
        } else {
            ApiError::new(Code::MalformedJson, message)
        }
    })
}

/// The name between the first pair of backticks in a serde message.
fn quoted(message: &str) -> Option<String> {
    let mut parts = message.split('`');
    parts.next()?;
    parts.next().map(str::to_owned)
}

/// The parameters of a query string, in the order in which they came.
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

impl Parameters {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map(|axum::extract::Query(pairs)| Self(pairs))
            .map_err(|error| ApiError::field("query", error.to_string()))
    }

    /// The value of `name`; blank counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value of `name` read as `T`.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, ApiError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|error: T::Err| ApiError::field(name, error.to_string()))
            })
            .transpose()
    }

    /// The value of `name` as an id.
    pub fn id(&self, name: &str) -> Result<Option<Id>, ApiError> {
        self.parsed(name)
    }

    /// All values of `name`, each of which may hold several between commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The value of `name` as a whole number within bounds, or `otherwise`.
    pub fn number(
        &self,
        name: &str,
        otherwise: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, ApiError> {
        let number: usize = self.parsed(name)?.unwrap_or(otherwise);
        if bounds.contains(&number) {
            return Ok(number);
        }
        let (least, most) = (bounds.start(), bounds.end());
        Err(ApiError::field(
            name,
            format!("{number} is not between {least} and {most}"),
        ))
    }
}

/// An id out of a path.
pub fn path_id(name: &str, text: &str) -> Result<Id, ApiError> {
    Id::new(text).map_err(|error| ApiError::field(name, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    struct Wanted {
        name: String,
    }

    #[test]
    fn mistakes_are_told_apart() {
        for (body, code, param) in [
            ("{\"name\": ", Code::MalformedJson, None),
            ("{}", Code::InvalidField, Some("name")),
            ("", Code::InvalidField, Some("name")),
            ("{\"name\": 1}", Code::InvalidField, Some("1")),
            ("\u{0}", Code::MalformedJson, None),
        ] {
            let error = parse_json::<Wanted>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code, code, "{body}");
            if code == Code::InvalidField && param == Some("name") {
                assert_eq!(error.param.as_deref(), param, "{body}");
            }
        }
        assert!(parse_json::<Wanted>(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn query_strings() {
        let uri: Uri = "/x?q=%E8%8C%B6&limit=7&facets=a,b&facets=c&empty="
            .parse()
            .unwrap();
        let parameters = Parameters::of(&uri).unwrap();
        assert_eq!(parameters.text("q"), Some("茶"));
        assert_eq!(parameters.text("empty"), None);
        assert_eq!(parameters.list("facets"), ["a", "b", "c"]);
        assert_eq!(parameters.number("limit", 10, 1..=100).unwrap(), 7);
        assert_eq!(
            parameters
                .number("limit", 10, 1..=5)
                .unwrap_err()
                .param
                .as_deref(),
            Some("limit")
        );
    }
}
