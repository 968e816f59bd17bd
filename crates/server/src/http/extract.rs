//! Paths, query strings, headers and bodies, read so that each mistake has its
//! own answer. All are checked against the schema of their type, which is also
//! what the description says of them.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use shop::Id;

use super::error::{ApiError, Code};
use super::schema::{Shape, read, shape};

/// The most that a JSON body may hold; imports have their own, wider limit.
pub const MAXIMUM_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A JSON body of a known shape.
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned + JsonSchema + 'static,
{
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
pub fn parse_json<T>(bytes: &[u8]) -> Result<T, ApiError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    // An empty body is an empty object: all fields may be optional.
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::new(Code::MalformedJson, error.to_string()))?;
    read(value, "")
}

/// The parameters of a query string, each a field of `T`.
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned + JsonSchema + 'static,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(fields_of(&parts.uri, &shape::<T>())?, "").map(Self)
    }
}

/// The pairs of a query string, in the order in which they came.
fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, ApiError> {
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map(|axum::extract::Query(pairs)| pairs)
        .map_err(|error| ApiError::field("query", error.to_string()))
}

/// A query string as the object that its shape speaks of. What the shape does
/// not name is left alone.
fn fields_of(uri: &Uri, shape: &Shape) -> Result<Value, ApiError> {
    let known = shape.fields();
    let mut fields: Map<String, Value> = Map::new();
    for (name, text) in pairs(uri)? {
        let Some(schema) = known.get(&name) else {
            continue;
        };
        let kinds = shape.kinds(schema);
        let is = |kind: &str| kinds.iter().any(|one| one == kind);
        let text = text.trim();
        if is("array") {
            // Several values may come apart or between commas.
            let parts = text.split(',').map(str::trim);
            let parts = parts.filter(|part| !part.is_empty()).map(Value::from);
            let list = fields.entry(name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.extend(parts);
            }
            continue;
        }
        if fields.contains_key(&name) {
            return Err(ApiError::field(&name, format!("{name} stands twice")));
        }
        let value = match text {
            "true" | "false" if is("boolean") => json!(text == "true"),
            _ if is("integer") || is("number") => match serde_json::from_str(text) {
                Ok(Value::Number(number)) => Value::Number(number),
                _ => json!(text),
            },
            _ => json!(text),
        };
        fields.insert(name, value);
    }
    Ok(Value::Object(fields))
}

/// What the path names: the one part of it that varies.
pub struct Named<T>(pub T);

impl<S, T> FromRequestParts<S> for Named<T>
where
    S: Send + Sync,
    T: DeserializeOwned + JsonSchema + 'static,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::field("path", error.to_string()))?;
        let (name, text) = path.iter().next().unwrap_or_default();
        read(json!(text), name).map(Self)
    }
}

/// The value of a header, where it came.
pub fn header<T>(headers: &HeaderMap, name: &str) -> Result<Option<T>, ApiError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str().map(str::to_owned).unwrap_or_else(|_| {
        // Not ASCII: shown as it can be, and refused by its shape.
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    });
    read(json!(text), name).map(Some)
}

/// The parameters of a page's address, read leniently: what a browser sends is
/// never worth an error.
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

impl Parameters {
    /// The parameters of an address.
    pub fn of(uri: &Uri) -> Result<Self, ApiError> {
        pairs(uri).map(Self)
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

    /// All values of `name`, each as it stands.
    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        let values = values.map(|(_, value)| value.trim().to_owned());
        values.filter(|value| !value.is_empty()).collect()
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Asked {
        name: String,
        #[schemars(range(min = 1, max = 9))]
        limit: u32,
        facets: Vec<String>,
        exact: Option<bool>,
        customer: Option<Id>,
    }

    impl Default for Asked {
        fn default() -> Self {
            Self {
                name: String::new(),
                limit: 5,
                facets: Vec::new(),
                exact: None,
                customer: None,
            }
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        for (body, code, param) in [
            ("{\"name\": ", Code::MalformedJson, None),
            ("\u{0}", Code::MalformedJson, None),
            ("[\"x\", 1]", Code::InvalidField, None),
            ("{\"name\": 1}", Code::InvalidField, Some("name")),
            ("{\"customer\": \"\"}", Code::InvalidField, Some("customer")),
            (
                "{\"customer\": \"a\\nb\"}",
                Code::InvalidField,
                Some("customer"),
            ),
        ] {
            let error = parse_json::<Asked>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code, code, "{body}");
            assert_eq!(error.param.as_deref(), param, "{body}: {error}");
        }
        assert!(parse_json::<Asked>(&[0xff, 0xfe]).is_err());
        assert_eq!(parse_json::<Asked>(b"").unwrap().limit, 5);
    }

    #[test]
    fn query_strings() {
        let read_query = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            fields_of(&uri, &shape::<Asked>()).and_then(|fields| read::<Asked>(fields, ""))
        };
        let asked = read_query(
            "name=%E8%8C%B6&limit=7&facets=a,b&facets=c&customer=17&exact=true&utm=x&x=",
        )
        .unwrap();
        assert_eq!((asked.name.as_str(), asked.limit), ("茶", 7));
        assert_eq!(asked.facets, ["a", "b", "c"]);
        assert_eq!(asked.exact, Some(true));
        assert_eq!(asked.customer.unwrap().as_str(), "17");
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("customer=", "customer"),
            ("limit=1&limit=2", "limit"),
            ("exact=yes", "exact"),
        ] {
            let error = read_query(query).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{query}: {error}");
        }
    }
}
