//! What a caller is told when something is wrong: one table gives each code
//! its status, its type and the sentence that says what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shop::RefusalCode;

/// The codes that callers may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Code {
    MalformedJson,
    InvalidField,
    UnsupportedMediaType,
    BodyTooLarge,
    RequestTimeout,
    MissingKey,
    MissingBuyer,
    InvalidKey,
    InvalidSignature,
    ScopeInsufficient,
    CustomerNotVerified,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    UnknownProduct,
    UnknownValue,
    Contradictory,
    UnknownDecision,
    UnknownTask,
    UnknownTheme,
    UnknownVersion,
    UnknownRule,
    UnknownConversation,
    UnknownKey,
    UnknownWebhook,
    AddressRefused,
    UnknownModel,
    UnknownRecord,
    IdempotencyKeyReused,
    IdempotencyKeyInUse,
    NotTrained,
    MissingSetting,
    JobRunning,
    Overloaded,
    RateLimited,
    ActionRefused,
    NotConfirmed,
    AlreadyDone,
    PersonAnswers,
    ShuttingDown,
    DiskFull,
    RecordChanged,
    PreconditionFailed,
    OfferRefused(RefusalCode),
    Internal,
}

/// A row of the table.
struct Row {
    name: &'static str,
    status: StatusCode,
    kind: &'static str,
    remedy: &'static str,
}

const fn row(
    name: &'static str,
    status: StatusCode,
    kind: &'static str,
    remedy: &'static str,
) -> Row {
    Row {
        name,
        status,
        kind,
        remedy,
    }
}

/// Says that the caller has to change the request.
const INVALID: &str = "invalid_request_error";
/// Says that the caller has to show who they are.
const AUTHENTICATION: &str = "authentication_error";
/// Says that the caller is known and may not do this.
const PERMISSION: &str = "permission_error";
/// Says that the request met another one.
const CONFLICT: &str = "conflict_error";
/// Says that the shop's rules refuse.
const REFUSAL: &str = "offer_error";
/// Says that the same request may succeed later.
const UNAVAILABLE: &str = "unavailable_error";
/// Says that we are at fault.
const API: &str = "api_error";

impl Code {
    /// Every code, for the documentation.
    pub const ALL: &[Self] = &[
        Self::MalformedJson,
        Self::InvalidField,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::RequestTimeout,
        Self::MissingKey,
        Self::MissingBuyer,
        Self::InvalidKey,
        Self::InvalidSignature,
        Self::ScopeInsufficient,
        Self::CustomerNotVerified,
        Self::ForeignOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownProduct,
        Self::UnknownValue,
        Self::Contradictory,
        Self::UnknownDecision,
        Self::UnknownTask,
        Self::UnknownTheme,
        Self::UnknownVersion,
        Self::UnknownRule,
        Self::UnknownConversation,
        Self::UnknownKey,
        Self::UnknownWebhook,
        Self::AddressRefused,
        Self::UnknownModel,
        Self::UnknownRecord,
        Self::IdempotencyKeyReused,
        Self::IdempotencyKeyInUse,
        Self::NotTrained,
        Self::MissingSetting,
        Self::JobRunning,
        Self::Overloaded,
        Self::RateLimited,
        Self::ActionRefused,
        Self::NotConfirmed,
        Self::AlreadyDone,
        Self::PersonAnswers,
        Self::ShuttingDown,
        Self::DiskFull,
        Self::RecordChanged,
        Self::PreconditionFailed,
        Self::OfferRefused(RefusalCode::VoucherNotFound),
        Self::OfferRefused(RefusalCode::VoucherNotActive),
        Self::OfferRefused(RefusalCode::VoucherExpired),
        Self::OfferRefused(RefusalCode::QuantityExceeded),
        Self::OfferRefused(RefusalCode::CustomerQuantityExceeded),
        Self::OfferRefused(RefusalCode::OrderAlreadyRedeemed),
        Self::OfferRefused(RefusalCode::OrderRulesViolated),
        Self::OfferRefused(RefusalCode::InvalidAmount),
        Self::OfferRefused(RefusalCode::RedemptionNotFound),
        Self::OfferRefused(RefusalCode::AlreadyRolledBack),
        Self::OfferRefused(RefusalCode::InsufficientPoints),
        Self::OfferRefused(RefusalCode::AlreadyReferred),
        Self::OfferRefused(RefusalCode::SelfReferral),
        Self::OfferRefused(RefusalCode::CircularReferral),
        Self::OfferRefused(RefusalCode::ReferralNotFound),
        Self::OfferRefused(RefusalCode::AlreadyRewarded),
        Self::OfferRefused(RefusalCode::KeyReused),
        Self::Internal,
    ];

    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|code| code.name()).collect()
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        self.row().status
    }

    /// The family: `invalid_request_error`, `offer_error`, …
    pub fn kind(self) -> &'static str {
        self.row().kind
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        self.row().remedy
    }

    #[rustfmt::skip]
    fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::MalformedJson => row("malformed_json", S::BAD_REQUEST, INVALID, "Send one JSON value, in UTF-8."),
            Self::InvalidField => row("invalid_field", S::BAD_REQUEST, INVALID, "Correct what `param` names; /docs has the shapes."),
            Self::UnsupportedMediaType => row("unsupported_media_type", S::UNSUPPORTED_MEDIA_TYPE, INVALID, "Send Content-Type: application/json."),
            Self::BodyTooLarge => row("body_too_large", S::PAYLOAD_TOO_LARGE, INVALID, "Send less at once; large files go to /v1/import/{kind}."),
            Self::RequestTimeout => row("request_timeout", S::REQUEST_TIMEOUT, INVALID, "Send the whole body without long pauses."),
            Self::MissingKey => row("missing_key", S::UNAUTHORIZED, AUTHENTICATION, "Send Authorization: Bearer KEY; `shopkeeper keys create` makes one."),
            Self::MissingBuyer => row("missing_buyer", S::UNAUTHORIZED, AUTHENTICATION, "Send X-Customer-Token, or name the customer or the session."),
            Self::InvalidKey => row("invalid_key", S::UNAUTHORIZED, AUTHENTICATION, "Use a key that `shopkeeper keys` lists."),
            Self::InvalidSignature => row("invalid_signature", S::UNAUTHORIZED, AUTHENTICATION, "Sign the whole body with the secret that shopkeeper.toml names for this platform."),
            Self::MissingSetting => row("missing_setting", S::CONFLICT, CONFLICT, "Set it in shopkeeper.toml, start the server again and send this again."),
            Self::ScopeInsufficient => row("scope_insufficient", S::FORBIDDEN, PERMISSION, "Use a key of a wider scope."),
            Self::CustomerNotVerified => row("customer_not_verified", S::FORBIDDEN, PERMISSION, "Name a customer with a write or admin key only; a public key stands for the whole storefront."),
            Self::ForeignOrigin => row("foreign_origin", S::FORBIDDEN, PERMISSION, "Call from a page of this server, or with a key made for your origin (`shopkeeper keys create --origin`)."),
            Self::NotFound => row("not_found", S::NOT_FOUND, INVALID, "See /docs for the paths that there are."),
            Self::MethodNotAllowed => row("method_not_allowed", S::METHOD_NOT_ALLOWED, INVALID, "See /docs for the methods of this path."),
            Self::UnknownProduct => row("unknown_product", S::NOT_FOUND, INVALID, "Import the product first, or correct its id."),
            Self::UnknownValue => row("unknown_value", S::NOT_FOUND, INVALID, "Name what is there; `param` says where it was named."),
            Self::Contradictory => row("contradictory", S::CONFLICT, INVALID, "Two parts of the request cannot both hold; `param` names one of them."),
            Self::UnknownDecision => row("unknown_decision", S::NOT_FOUND, INVALID, "Use the decision_id of an answer; the last 50,000 are kept at hand."),
            Self::UnknownTask => row("unknown_task", S::NOT_FOUND, INVALID, "Use the id that the import or training answered with; tasks are kept until the server stops."),
            Self::UnknownTheme => row("unknown_theme", S::NOT_FOUND, INVALID, "GET /v1/insights/themes lists the themes."),
            Self::UnknownRule => row("unknown_rule", S::NOT_FOUND, INVALID, "GET /v1/rules and GET /v1/synonyms list what there is."),
            Self::UnknownVersion => row("unknown_version", S::NOT_FOUND, INVALID, "GET /v1/registry lists the versions."),
            Self::UnknownKey => row("unknown_key", S::NOT_FOUND, INVALID, "GET /v1/keys lists the keys."),
            Self::AddressRefused => row("address_refused", S::CONFLICT, INVALID, "Webhooks go to https addresses of the open internet."),
            Self::UnknownWebhook => row("unknown_webhook", S::NOT_FOUND, INVALID, "GET /v1/webhooks lists the webhooks."),
            // OpenAI's own word, which its clients know.
            Self::UnknownModel => row("model_not_found", S::NOT_FOUND, INVALID, "GET /v1/models lists the models."),
            Self::UnknownConversation => row("unknown_conversation", S::NOT_FOUND, INVALID, "GET /v1/conversations lists the conversations."),
            Self::IdempotencyKeyReused => row("idempotency_key_reused", S::CONFLICT, CONFLICT, "Use a new Idempotency-Key for a new request."),
            Self::UnknownRecord => row("unknown_record", S::NOT_FOUND, INVALID, "GET the collection lists what there is."),
            Self::IdempotencyKeyInUse => row("idempotency_key_in_use", S::CONFLICT, CONFLICT, "The first request with this key is still running: ask again in a moment."),
            Self::NotTrained => row("not_trained", S::SERVICE_UNAVAILABLE, UNAVAILABLE, "Import data, then run `shopkeeper train`, or POST /v1/train."),
            Self::JobRunning => row("job_running", S::CONFLICT, CONFLICT, "Wait for the running task; GET /v1/tasks/{id} shows it."),
            Self::Overloaded => row("overloaded", S::SERVICE_UNAVAILABLE, UNAVAILABLE, "Ask again after the seconds in Retry-After."),
            Self::RateLimited => row("rate_limited", S::TOO_MANY_REQUESTS, UNAVAILABLE, "Ask again later; Retry-After says when; policy.toml and requests_per_minute_… in shopkeeper.toml set how much one may ask for."),
            Self::ActionRefused => row("action_refused", S::CONFLICT, REFUSAL, "Nothing was changed; `param` names the kind of reason."),
            Self::NotConfirmed => row("not_confirmed", S::CONFLICT, REFUSAL, "Nothing was changed; ask for a new proposal."),
            Self::AlreadyDone => row("already_done", S::CONFLICT, REFUSAL, "It was done before and not again."),
            Self::PersonAnswers => row("person_answers", S::CONFLICT, CONFLICT, "POST to /take or /resume first."),
            Self::ShuttingDown => row("shutting_down", S::SERVICE_UNAVAILABLE, UNAVAILABLE, "Ask again after the seconds in Retry-After."),
            Self::DiskFull => row("disk_full", S::INSUFFICIENT_STORAGE, UNAVAILABLE, "Free some space on the disk of the data folder and send it again; nothing of this request was kept."),
            Self::RecordChanged => row("record_changed", S::CONFLICT, CONFLICT, "Read the record again and send the change anew."),
            Self::PreconditionFailed => row("precondition_failed", S::PRECONDITION_FAILED, CONFLICT, "GET the record for its present ETag, and decide anew."),
            Self::OfferRefused(refusal) => refused(refusal),
            Self::Internal => row("internal_error", S::INTERNAL_SERVER_ERROR, API, "It is our fault: report it with the X-Request-Id."),
        }
    }
}

#[rustfmt::skip]
fn refused(refusal: RefusalCode) -> Row {
    use StatusCode as S;
    match refusal {
        RefusalCode::VoucherNotFound => row("voucher_not_found", S::NOT_FOUND, REFUSAL, "There is no coupon with this code."),
        RefusalCode::VoucherNotActive => row("voucher_not_active", S::CONFLICT, REFUSAL, "The coupon is not valid yet."),
        RefusalCode::VoucherExpired => row("voucher_expired", S::CONFLICT, REFUSAL, "The coupon is no longer valid."),
        RefusalCode::QuantityExceeded => row("quantity_exceeded", S::CONFLICT, REFUSAL, "The coupon has been used up."),
        RefusalCode::CustomerQuantityExceeded => row("customer_quantity_exceeded", S::CONFLICT, REFUSAL, "This customer has used the coupon as often as it allows."),
        RefusalCode::OrderAlreadyRedeemed => row("order_already_redeemed", S::CONFLICT, REFUSAL, "This order has had the coupon; roll the redemption back to use it anew."),
        RefusalCode::OrderRulesViolated => row("order_rules_violated", S::CONFLICT, REFUSAL, "The order does not meet the coupon's conditions."),
        RefusalCode::InvalidAmount => row("invalid_amount", S::CONFLICT, REFUSAL, "Give an amount above zero in the coupon's currency."),
        RefusalCode::RedemptionNotFound => row("redemption_not_found", S::NOT_FOUND, REFUSAL, "There is no redemption with this id."),
        RefusalCode::AlreadyRolledBack => row("already_rolled_back", S::CONFLICT, REFUSAL, "The redemption was taken back before."),
        RefusalCode::InsufficientPoints => row("insufficient_points", S::CONFLICT, REFUSAL, "The customer has fewer points than that."),
        RefusalCode::AlreadyReferred => row("already_referred", S::CONFLICT, REFUSAL, "This customer was brought before."),
        RefusalCode::SelfReferral => row("self_referral", S::CONFLICT, REFUSAL, "Nobody can bring themselves."),
        RefusalCode::CircularReferral => row("circular_referral", S::CONFLICT, REFUSAL, "Whoever came through a customer cannot bring that customer."),
        RefusalCode::ReferralNotFound => row("referral_not_found", S::NOT_FOUND, REFUSAL, "Nobody brought this customer."),
        RefusalCode::AlreadyRewarded => row("already_rewarded", S::CONFLICT, REFUSAL, "The reward was paid before."),
        RefusalCode::KeyReused => row("key_reused", S::CONFLICT, REFUSAL, "Use a new Idempotency-Key for a new command."),
    }
}

/// What is answered when something is wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorAnswer {
    error: ErrorDetail,
}

/// What is wrong and what to do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorDetail {
    /// A stable word for programs.
    #[schemars(extend("enum" = Code::names()))]
    code: &'static str,
    /// What is wrong and what to do, for people.
    message: String,
    /// The family of the code.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field or parameter that is wrong, as `lines[0].price`.
    param: Option<String>,
    /// Where the code is explained.
    doc: String,
}

/// Everything that can go wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .code.name())]
pub struct ApiError {
    /// Which row of the table.
    pub code: Code,
    /// What is wrong with this very request.
    pub message: String,
    /// The field or parameter that is wrong.
    pub param: Option<String>,
}

impl ApiError {
    /// An error of this kind with its particulars.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
        }
    }

    /// An error about one field or parameter.
    pub fn field(param: &str, message: impl Into<String>) -> Self {
        Self {
            code: Code::InvalidField,
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }

    /// Something that must not happen did: said in the log, not to the caller.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Code::Internal, "the server failed on this request")
    }

    /// The system did not write what it should.
    pub fn disk(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        if [StorageFull, QuotaExceeded].contains(&error.kind()) {
            return Self::new(Code::DiskFull, "the disk is full");
        }
        Self::internal(error)
    }

    /// Too much is going on.
    pub fn overloaded(what: &str) -> Self {
        Self::new(Code::Overloaded, format!("the queue of {what} is full"))
    }

    /// The model that this needs is missing.
    pub fn not_trained(service: shop::Service) -> Self {
        let name = service.name();
        Self::new(Code::NotTrained, format!("no {name} model serves yet"))
    }

    /// The body of the answer.
    pub fn to_json(&self) -> serde_json::Value {
        let error = self.detail();
        json!(ErrorAnswer { error })
    }

    /// What is told about it.
    pub fn detail(&self) -> ErrorDetail {
        let name = self.code.name();
        let message = self.message.trim_end_matches('.');
        ErrorDetail {
            code: name,
            message: format!("{message}. {}", self.code.remedy()),
            kind: self.code.kind(),
            param: self.param.clone(),
            doc: format!("/docs#{name}"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut response = (status, Json(self.to_json())).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"shopkeeper\""),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_error_says_what_to_do() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().as_u16() >= 400);
            assert!(code.remedy().ends_with('.'), "{}", code.name());
        }
    }

    #[test]
    fn a_full_disk_is_no_fault_of_ours() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(ApiError::disk(&full).code, Code::DiskFull);
        let other = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(ApiError::disk(&other).code, Code::Internal);
    }

    #[test]
    fn the_body_has_the_five_fields() {
        let body = ApiError::field("limit", "999 is above 100").to_json();
        assert_eq!(body["error"]["code"], "invalid_field");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(body["error"]["param"], "limit");
        assert_eq!(body["error"]["doc"], "/docs#invalid_field");
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with("999 is above 100. ")
        );
    }
}
