//! Coupons, points and referrals. Each command is decided in the transaction
//! that appends its entry, so the counts are exact under any number of clients.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{
    Answer, Coupon, Id, LedgerEntry, Money, OfferCommand, PointsReason, Redemption, Referral,
    Refusal,
};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code, ErrorDetail};
use super::events::store_error;
use super::extract::{JsonBody, Named};
use super::idempotency::key_of;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

/// How the routes of points answer.
type Answered = Result<Json<Points>, ApiError>;

/// The routes of this file.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    let public = Some(Scope::Public);
    let write = Some(Scope::Write);
    vec![
        Endpoint::post("/v1/offers/qualify", public, "Lists the coupons that an order qualifies for, with what they take off", qualify)
            .answers::<Qualified>(),
        Endpoint::post("/v1/offers/validate", public, "Says whether a coupon holds for an order, and what it takes off; changes nothing", validate)
            .answers::<Verdict>(),
        Endpoint::post("/v1/offers/redeem", public, "Uses a coupon on an order", redeem).answers::<Redemption>(),
        Endpoint::post("/v1/offers/redemptions/{id}/rollback", write, "Takes a redemption back", roll_back)
            .answers::<RolledBack>(),
        Endpoint::get("/v1/points/{customer}", public, "The points of a customer", points).answers::<Points>(),
        Endpoint::post("/v1/points/{customer}/earn", write, "Gives points to a customer", earn).answers::<Points>(),
        Endpoint::post("/v1/points/{customer}/spend", write, "Takes points from a customer who has them", spend)
            .answers::<Points>(),
        Endpoint::post("/v1/referrals", write, "Notes that one customer brought another", refer).answers::<ReferralMade>(),
        Endpoint::get("/v1/referrals/{customer}", write, "Whom a customer brought", referrals).answers::<Referrals>(),
        Endpoint::post("/v1/referrals/{customer}/reward", write, "Rewards whoever brought this customer, once, for a paid order", reward)
            .answers::<Rewarded>(),
    ]
}

/// Decides a command; the answer to a repeated key is the first one.
pub async fn decide(
    app: &App,
    command: OfferCommand,
) -> Result<(Vec<LedgerEntry>, bool), ApiError> {
    let outcome = app
        .store
        .decide(command, now(), growth::decide)
        .await
        .map_err(store_error)?;
    match outcome.answer {
        Answer::Accepted(entries) => Ok((entries, outcome.repeated)),
        Answer::Refused(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: Refusal) -> ApiError {
    ApiError::new(Code::OfferRefused(refusal.code), refusal.message)
}

/// The key of a command: the caller's, or a fresh one.
pub fn command_key(headers: &HeaderMap) -> Result<Id, ApiError> {
    Ok(key_of(headers)?.unwrap_or_else(fresh_id))
}

/// An order, and who pays: a customer, or in a storefront without sign-in the
/// visit itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrderCheck {
    /// Not looked at: all coupons are.
    #[serde(default)]
    #[allow(dead_code)]
    code: Option<Id>,
    customer: Id,
    order_amount: Money,
    #[serde(default)]
    order_id: Option<Id>,
}

/// A coupon on an order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CodeCheck {
    code: Id,
    customer: Id,
    order_amount: Money,
    #[serde(default)]
    order_id: Option<Id>,
}

impl CodeCheck {
    fn order(&self) -> OrderCheck {
        OrderCheck {
            code: None,
            customer: self.customer.clone(),
            order_amount: self.order_amount,
            order_id: self.order_id.clone(),
        }
    }
}

impl OrderCheck {
    fn command(&self, code: &Id, key: Id) -> OfferCommand {
        OfferCommand::Redeem {
            key,
            code: code.clone(),
            customer_id: self.customer.clone(),
            order_id: self.order_id.clone(),
            order_amount: self.order_amount,
        }
    }
}

/// The coupons that an order qualifies for, the best first.
#[derive(Serialize, JsonSchema)]
struct Qualified {
    qualified: Vec<QualifiedCoupon>,
}

/// A coupon with what it takes off.
#[derive(Serialize, JsonSchema)]
struct QualifiedCoupon {
    code: Id,
    discount: Money,
    coupon: Coupon,
}

/// Whether a coupon holds for an order.
#[derive(Serialize, JsonSchema)]
struct Verdict {
    valid: bool,
    code: Id,
    /// What it takes off, where it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Option<Money>,
    /// Why it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorDetail>,
}

/// A redemption that was taken back.
#[derive(Serialize, JsonSchema)]
struct RolledBack {
    id: Id,
    rolled_back: bool,
}

/// The points of a customer.
#[derive(Serialize, JsonSchema)]
struct Points {
    customer: Id,
    points: i64,
}

/// Whom a customer brought.
#[derive(Serialize, JsonSchema)]
struct Referrals {
    customer: Id,
    referrals: Vec<Referral>,
}

/// What the ledger noted.
#[derive(Serialize, JsonSchema)]
struct Rewarded {
    entries: Vec<LedgerEntry>,
}

/// What a coupon would take off now, or why it does not hold.
async fn weigh(
    app: &App,
    check: &OrderCheck,
    code: &Id,
) -> Result<Result<Money, Refusal>, ApiError> {
    let command = check.command(code, fresh_id());
    let view = app.store.ledger_view(&command).await.map_err(store_error)?;
    Ok(growth::decide(&view, &command, now()).and_then(|entries| {
        entries
            .iter()
            .find_map(|entry| match entry {
                LedgerEntry::CouponRedeemed { redemption } => Some(redemption.discount),
                _ => None,
            })
            .ok_or_else(|| {
                Refusal::new(
                    shop::RefusalCode::OrderRulesViolated,
                    "the coupon takes nothing off",
                )
            })
    }))
}

async fn qualify(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(check): JsonBody<OrderCheck>,
) -> Result<Json<Qualified>, ApiError> {
    caller.may_act_for(Some(&check.customer))?;
    let mut qualified = Vec::new();
    for state in app.store.coupons().await.map_err(store_error)? {
        if let Ok(discount) = weigh(&app, &check, &state.coupon.code).await? {
            qualified.push((discount, state.coupon));
        }
    }
    qualified.sort_by_key(|(discount, coupon)| (-discount.amount, coupon.code.clone()));
    let qualified = qualified
        .into_iter()
        .map(|(discount, coupon)| QualifiedCoupon {
            code: coupon.code.clone(),
            discount,
            coupon,
        });
    Ok(Json(Qualified {
        qualified: qualified.collect(),
    }))
}

async fn validate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(check): JsonBody<CodeCheck>,
) -> Result<Json<Verdict>, ApiError> {
    caller.may_act_for(Some(&check.customer))?;
    let weighed = weigh(&app, &check.order(), &check.code).await?;
    let (discount, error) = match weighed {
        Ok(discount) => (Some(discount), None),
        Err(refusal) => (None, Some(refused(refusal).detail())),
    };
    Ok(Json(Verdict {
        valid: discount.is_some(),
        code: check.code,
        discount,
        error,
    }))
}

async fn redeem(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(check): JsonBody<CodeCheck>,
) -> Result<Json<Redemption>, ApiError> {
    caller.may_act_for(Some(&check.customer))?;
    let command = check.order().command(&check.code, command_key(&headers)?);
    let (entries, _) = decide(&app, command).await?;
    let redemption = entries.into_iter().find_map(|entry| match entry {
        LedgerEntry::CouponRedeemed { redemption } => Some(redemption),
        _ => None,
    });
    redemption
        .map(Json)
        .ok_or_else(|| ApiError::internal("a redemption without its entry"))
}

async fn roll_back(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Named(id): Named<Id>,
) -> Result<Json<RolledBack>, ApiError> {
    let redemption_id = id;
    let key = command_key(&headers)?;
    let command = OfferCommand::RollBack {
        key,
        redemption_id: redemption_id.clone(),
    };
    decide(&app, command).await?;
    Ok(Json(RolledBack {
        id: redemption_id,
        rolled_back: true,
    }))
}

async fn points(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Named(customer): Named<Id>,
) -> Answered {
    caller.may_act_for(Some(&customer))?;
    balance(&app, customer).await
}

async fn balance(app: &App, customer: Id) -> Answered {
    let points = app.store.points(&customer).await.map_err(store_error)?;
    Ok(Json(Points { customer, points }))
}

/// So many points, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PointsChange {
    #[schemars(range(min = 1))]
    points: i64,
    #[serde(default)]
    reason: Option<PointsReason>,
}

async fn earn(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Named(customer): Named<Id>,
    JsonBody(change): JsonBody<PointsChange>,
) -> Answered {
    let customer_id = customer;
    let command = OfferCommand::EarnPoints {
        key: command_key(&headers)?,
        customer_id: customer_id.clone(),
        points: change.points,
        reason: change.reason.unwrap_or(PointsReason::Goodwill),
    };
    decide(&app, command).await?;
    balance(&app, customer_id).await
}

async fn spend(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Named(customer): Named<Id>,
    JsonBody(change): JsonBody<PointsChange>,
) -> Answered {
    let customer_id = customer;
    let command = OfferCommand::SpendPoints {
        key: command_key(&headers)?,
        customer_id: customer_id.clone(),
        points: change.points,
    };
    decide(&app, command).await?;
    balance(&app, customer_id).await
}

/// Who brought whom.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReferralMade {
    referrer: Id,
    referee: Id,
}

async fn refer(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(made): JsonBody<ReferralMade>,
) -> Result<Json<ReferralMade>, ApiError> {
    let command = OfferCommand::Refer {
        key: command_key(&headers)?,
        referrer_id: made.referrer.clone(),
        referee_id: made.referee.clone(),
    };
    decide(&app, command).await?;
    Ok(Json(made))
}

async fn referrals(
    State(app): State<Arc<App>>,
    Named(customer): Named<Id>,
) -> Result<Json<Referrals>, ApiError> {
    let referrals = app
        .store
        .referrals_by(&customer)
        .await
        .map_err(store_error)?;
    Ok(Json(Referrals {
        customer,
        referrals,
    }))
}

/// For which order, and how many points.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reward {
    order_id: Id,
    #[schemars(range(min = 1))]
    points: i64,
}

async fn reward(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Named(customer): Named<Id>,
    JsonBody(reward): JsonBody<Reward>,
) -> Result<Json<Rewarded>, ApiError> {
    let command = OfferCommand::RewardReferral {
        key: command_key(&headers)?,
        referee_id: customer,
        order_id: reward.order_id,
        points: reward.points,
    };
    let (entries, _) = decide(&app, command).await?;
    Ok(Json(Rewarded { entries }))
}
