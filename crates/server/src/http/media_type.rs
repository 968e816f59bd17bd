//! What is read as JSON has to be called so. Browsers send a form or plain
//! text to anybody without asking first; `application/json` from a page of
//! another origin they send only where that is allowed.

use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, Code};

/// Refuses a body that is not called JSON.
pub async fn require_json(request: Request, next: Next) -> Response {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.map(|value| value.to_str().unwrap_or_default());
    let is_json = match media_type {
        Some(media_type) => is_json(media_type),
        None => request.body().is_end_stream(),
    };
    if is_json {
        return next.run(request).await;
    }
    let message = match media_type {
        Some(media_type) => format!("a body of {media_type:?} is not read here"),
        None => "the body has no Content-Type".to_owned(),
    };
    ApiError::new(Code::UnsupportedMediaType, message).into_response()
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for (media_type, read) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            assert_eq!(is_json(media_type), read, "{media_type}");
        }
    }
}
