//! The nouns of a shop, as `shopkeeper` speaks of them: ids, money, time,
//! products, customers, orders, events, reviews, conversations, documents
//! and offers. Nothing in here acts; the crates above do.
//!
//! Every record reads from one line of JSON (see [`Record::from_json`]) and
//! keeps fields that it does not know under `properties`.
#![forbid(unsafe_code)]

mod account;
mod audit;
mod conversation;
mod curation;
mod customer;
mod decimal;
mod decision;
mod document;
mod event;
mod filter;
mod geo_point;
mod id;
mod judgement;
mod money;
mod offer;
mod order;
mod product;
mod progress;
mod record;
mod records;
mod review;
mod time;

pub use account::{AccountError, Address, Payment, PaymentKind, PaymentMethod, PaymentSource};
pub use audit::{AuditRecord, Confirmation, ConfirmationChange, ConfirmationState};
pub use conversation::{Conversation, Message, Role};
pub use curation::{
    Curation, CurationError, Pin, QueryMatch, RuleBoost, RuleCondition, RuleEffect, SearchRule,
    Segment, Synonyms,
};
pub use customer::{Consent, Customer};
pub use decimal::Separators;
pub use decision::{DecisionRecord, Metric, ModelVersion, Service, Stage, StageOutcome};
pub use document::{Document, DocumentKind};
pub use event::{Event, EventKind};
pub use filter::{
    Expression as FilterExpression, Filter, FilterError, NEAR, NamedField, NamedFields, OWN_FIELDS,
    PriceRange, each_field, field_values, record_values,
};
pub use geo_point::{GEO_FIELDS, GeoPoint, geo_points_of};
pub use id::{Id, IdError, MAX_ID_BYTES};
pub use judgement::{Aspect, Judgement, Labelled};
pub use money::{Currency, Money, MoneyError};
pub use offer::{
    Answer, Coupon, CouponState, Discount, LedgerEntry, LedgerView, OfferCommand, PointsReason,
    Redemption, Referral, Refusal, RefusalCode,
};
pub use order::{Order, OrderLine};
pub use product::{Availability, Product};
pub use progress::Progress;
pub use record::{Kind, Properties, Record, RecordError};
pub use records::Records;
pub use review::Review;
pub use time::{TimeError, Timestamp};
