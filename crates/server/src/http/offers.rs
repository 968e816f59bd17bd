//! Coupons, points and referrals. Each command is decided in the transaction
//! that appends its entry, so the counts are exact under any number of clients.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::{Answer, Id, LedgerEntry, Money, OfferCommand, PointsReason, Refusal};

use super::authorise::Caller;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::{JsonBody, path_id};
use super::idempotency::key_of;
use super::openapi::schema;
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

type Answered = Result<Json<Value>, ApiError>;

/// The routes of this file.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    let public = Some(Scope::Public);
    let write = Some(Scope::Write);
    vec![
        Endpoint::post("/v1/offers/qualify", public, "Lists the coupons that an order qualifies for, with what they take off", qualify)
            .body(schema("OfferCheck")),
        Endpoint::post("/v1/offers/validate", public, "Says whether a coupon holds for an order, and what it takes off; changes nothing", validate)
            .body(schema("OfferCheck")).answers(schema("OfferVerdict")),
        Endpoint::post("/v1/offers/redeem", public, "Uses a coupon on an order", redeem)
            .body(schema("RedeemRequest")).answers(schema("Redemption")),
        Endpoint::post("/v1/offers/redemptions/{id}/rollback", write, "Takes a redemption back", roll_back),
        Endpoint::get("/v1/points/{customer}", public, "The points of a customer", points)
            .answers(schema("Points")),
        Endpoint::post("/v1/points/{customer}/earn", write, "Gives points to a customer", earn)
            .body(schema("PointsChange")).answers(schema("Points")),
        Endpoint::post("/v1/points/{customer}/spend", write, "Takes points from a customer who has them", spend)
            .body(schema("PointsChange")).answers(schema("Points")),
        Endpoint::post("/v1/referrals", write, "Notes that one customer brought another", refer)
            .body(schema("ReferralRequest")),
        Endpoint::get("/v1/referrals/{customer}", write, "Whom a customer brought", referrals),
        Endpoint::post("/v1/referrals/{customer}/reward", write, "Rewards whoever brought this customer, once, for a paid order", reward)
            .body(json!({"type": "object", "required": ["order_id", "points"]})),
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

/// Who pays: a customer, or in a storefront without sign-in the visit itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    #[serde(default)]
    code: Option<Id>,
    customer: Id,
    order_amount: Money,
    #[serde(default)]
    order_id: Option<Id>,
}

impl Check {
    fn command(&self, code: &Id, key: Id) -> OfferCommand {
        OfferCommand::Redeem {
            key,
            code: code.clone(),
            customer_id: self.customer.clone(),
            order_id: self.order_id.clone(),
            order_amount: self.order_amount,
        }
    }

    fn code(&self) -> Result<&Id, ApiError> {
        self.code
            .as_ref()
            .ok_or_else(|| ApiError::field("code", "missing, and it is required"))
    }
}

/// What a coupon would take off now, or why it does not hold.
async fn weigh(app: &App, check: &Check, code: &Id) -> Result<Result<Money, Refusal>, ApiError> {
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
    JsonBody(check): JsonBody<Check>,
) -> Answered {
    caller.may_act_for(Some(&check.customer))?;
    let mut qualified = Vec::new();
    for state in app.store.coupons().await.map_err(store_error)? {
        if let Ok(discount) = weigh(&app, &check, &state.coupon.code).await? {
            qualified.push((discount, state.coupon));
        }
    }
    qualified.sort_by_key(|(discount, coupon)| (-discount.amount, coupon.code.clone()));
    let qualified: Vec<_> = qualified
        .iter()
        .map(|(discount, coupon)| json!({"code": coupon.code, "discount": discount, "coupon": coupon}))
        .collect();
    Ok(Json(json!({"qualified": qualified})))
}

async fn validate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(check): JsonBody<Check>,
) -> Answered {
    caller.may_act_for(Some(&check.customer))?;
    let code = check.code()?;
    Ok(Json(match weigh(&app, &check, code).await? {
        Ok(discount) => json!({"valid": true, "code": code, "discount": discount}),
        Err(refusal) => {
            let error = refused(refusal).to_json();
            json!({"valid": false, "code": code, "error": error["error"]})
        }
    }))
}

async fn redeem(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(check): JsonBody<Check>,
) -> Answered {
    caller.may_act_for(Some(&check.customer))?;
    let command = check.command(check.code()?, command_key(&headers)?);
    let (entries, _) = decide(&app, command).await?;
    let redemption = entries.into_iter().find_map(|entry| match entry {
        LedgerEntry::CouponRedeemed { redemption } => Some(redemption),
        _ => None,
    });
    redemption
        .map(|redemption| Json(json!(redemption)))
        .ok_or_else(|| ApiError::internal("a redemption without its entry"))
}

async fn roll_back(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answered {
    let redemption_id = path_id("id", &id)?;
    let key = command_key(&headers)?;
    let command = OfferCommand::RollBack {
        key,
        redemption_id: redemption_id.clone(),
    };
    decide(&app, command).await?;
    Ok(Json(json!({"id": redemption_id, "rolled_back": true})))
}

async fn points(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(customer): Path<String>,
) -> Answered {
    let customer = path_id("customer", &customer)?;
    caller.may_act_for(Some(&customer))?;
    balance(&app, &customer).await
}

async fn balance(app: &App, customer: &Id) -> Answered {
    let points = app.store.points(customer).await.map_err(store_error)?;
    Ok(Json(json!({"customer": customer, "points": points})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointsChange {
    points: i64,
    #[serde(default)]
    reason: Option<PointsReason>,
}

async fn earn(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(customer): Path<String>,
    JsonBody(change): JsonBody<PointsChange>,
) -> Answered {
    let customer_id = path_id("customer", &customer)?;
    let command = OfferCommand::EarnPoints {
        key: command_key(&headers)?,
        customer_id: customer_id.clone(),
        points: change.points,
        reason: change.reason.unwrap_or(PointsReason::Goodwill),
    };
    decide(&app, command).await?;
    balance(&app, &customer_id).await
}

async fn spend(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(customer): Path<String>,
    JsonBody(change): JsonBody<PointsChange>,
) -> Answered {
    let customer_id = path_id("customer", &customer)?;
    let command = OfferCommand::SpendPoints {
        key: command_key(&headers)?,
        customer_id: customer_id.clone(),
        points: change.points,
    };
    decide(&app, command).await?;
    balance(&app, &customer_id).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferralMade {
    referrer: Id,
    referee: Id,
}

async fn refer(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(made): JsonBody<ReferralMade>,
) -> Answered {
    let command = OfferCommand::Refer {
        key: command_key(&headers)?,
        referrer_id: made.referrer.clone(),
        referee_id: made.referee.clone(),
    };
    decide(&app, command).await?;
    Ok(Json(
        json!({"referrer": made.referrer, "referee": made.referee}),
    ))
}

async fn referrals(State(app): State<Arc<App>>, Path(customer): Path<String>) -> Answered {
    let customer = path_id("customer", &customer)?;
    let referrals = app
        .store
        .referrals_by(&customer)
        .await
        .map_err(store_error)?;
    Ok(Json(json!({"customer": customer, "referrals": referrals})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reward {
    order_id: Id,
    points: i64,
}

async fn reward(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(customer): Path<String>,
    JsonBody(reward): JsonBody<Reward>,
) -> Answered {
    let command = OfferCommand::RewardReferral {
        key: command_key(&headers)?,
        referee_id: path_id("customer", &customer)?,
        order_id: reward.order_id,
        points: reward.points,
    };
    let (entries, _) = decide(&app, command).await?;
    Ok(Json(json!({"entries": entries})))
}
