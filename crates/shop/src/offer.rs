use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Currency, Id, Money, Timestamp};

/// Money above zero.
fn positive_money(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "format": "int64", "minimum": 1},
            "currency": generator.subschema_for::<Currency>(),
        },
        "required": ["amount", "currency"],
        "additionalProperties": false,
        "examples": [Money::new(500, Currency::USD)],
    })
}

/// What a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Discount {
    /// A share of the order, in hundredths of a percent: 1,000 is 10 %.
    Percent {
        /// Hundredths of a percent, 1 to 10,000.
        #[schemars(range(min = 1, max = 10_000))]
        basis_points: u32,
        /// Never more than this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(schema_with = "positive_money")]
        at_most: Option<Money>,
    },
    /// A fixed amount, never more than the order.
    Amount {
        /// What is taken off.
        #[schemars(schema_with = "positive_money")]
        off: Money,
    },
}

/// A code that takes something off an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coupon {
    /// What the customer types.
    pub code: Id,
    /// What it takes off.
    pub discount: Discount,
    /// How often it can be redeemed by all customers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u64>,
    /// How often one customer can redeem it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit_per_customer: Option<u64>,
    /// The smallest order that it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Money>,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Not at or after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A coupon, used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redemption {
    /// Its own id; the idempotency key of the command that made it.
    pub id: Id,
    /// Which coupon.
    pub code: Id,
    /// Who used it.
    pub customer_id: Id,
    /// On which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Id>,
    /// The order before the discount.
    pub order_amount: Money,
    /// What was taken off.
    pub discount: Money,
    /// Whether it was taken back.
    #[serde(default)]
    pub rolled_back: bool,
}

/// Why points move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PointsReason {
    Purchase,
    Referral,
    Goodwill,
    Spent,
    Reversal,
}

/// One customer brought another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Referral {
    /// Who brought.
    pub referrer_id: Id,
    /// Who came. A customer is brought once.
    pub referee_id: Id,
    /// The order that earned the reward, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewarded_by: Option<Id>,
}

/// What the ledger holds: appended, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "entry", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LedgerEntry {
    CouponDefined {
        coupon: Coupon,
    },
    CouponRedeemed {
        redemption: Redemption,
    },
    RedemptionRolledBack {
        redemption_id: Id,
    },
    PointsMoved {
        customer_id: Id,
        points: i64,
        reason: PointsReason,
    },
    ReferralMade {
        referrer_id: Id,
        referee_id: Id,
    },
    ReferralRewarded {
        referrer_id: Id,
        referee_id: Id,
        order_id: Id,
        points: i64,
    },
}

/// What somebody asks of the ledger. `key` makes it idempotent: the same key
/// with the same command gives the first answer again and moves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum OfferCommand {
    DefineCoupon {
        key: Id,
        coupon: Coupon,
    },
    Redeem {
        key: Id,
        code: Id,
        customer_id: Id,
        order_id: Option<Id>,
        order_amount: Money,
    },
    RollBack {
        key: Id,
        redemption_id: Id,
    },
    EarnPoints {
        key: Id,
        customer_id: Id,
        points: i64,
        reason: PointsReason,
    },
    SpendPoints {
        key: Id,
        customer_id: Id,
        points: i64,
    },
    Refer {
        key: Id,
        referrer_id: Id,
        referee_id: Id,
    },
    /// The referee's first order was paid.
    RewardReferral {
        key: Id,
        referee_id: Id,
        order_id: Id,
        points: i64,
    },
}

impl OfferCommand {
    /// The idempotency key.
    pub fn key(&self) -> &Id {
        match self {
            Self::DefineCoupon { key, .. }
            | Self::Redeem { key, .. }
            | Self::RollBack { key, .. }
            | Self::EarnPoints { key, .. }
            | Self::SpendPoints { key, .. }
            | Self::Refer { key, .. }
            | Self::RewardReferral { key, .. } => key,
        }
    }
}

/// A coupon with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponState {
    /// The coupon as last defined.
    pub coupon: Coupon,
    /// Redemptions that stand, of all customers.
    pub redeemed: u64,
    /// Redemptions that stand, of the customer who asks.
    pub redeemed_by_customer: u64,
}

/// What the rules may look at when they decide one command: the rows that the
/// command names, read in the transaction that will append the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerView {
    /// The coupon that the command names.
    pub coupon: Option<CouponState>,
    /// The redemption that the command names.
    pub redemption: Option<Redemption>,
    /// Points of the customer whom the command names; for a referral's reward
    /// those of the referrer, who earns it.
    pub points: i64,
    /// The referral of the referee whom the command names.
    pub referral: Option<Referral>,
    /// Whether the order that the command names has this code redeemed on it,
    /// and not taken back.
    pub redeemed_on_order: bool,
    /// Whether the referee brought the referrer, or brought who brought them,
    /// and so on.
    pub circular: bool,
}

/// Why the ledger says no; the names are Voucherify's error keys where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RefusalCode {
    VoucherNotFound,
    VoucherNotActive,
    VoucherExpired,
    QuantityExceeded,
    CustomerQuantityExceeded,
    OrderAlreadyRedeemed,
    OrderRulesViolated,
    InvalidAmount,
    RedemptionNotFound,
    AlreadyRolledBack,
    InsufficientPoints,
    AlreadyReferred,
    SelfReferral,
    CircularReferral,
    ReferralNotFound,
    AlreadyRewarded,
    KeyReused,
}

/// A no of the ledger, with the sentence that tells the customer why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, for people.
    pub message: String,
}

impl Refusal {
    /// A refusal with this sentence.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// What the ledger answers to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// These entries were appended, all or none.
    Accepted(Vec<LedgerEntry>),
    /// Nothing moved.
    Refused(Refusal),
}
