//! Coupons: their definition and their counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use shop::{Coupon, CouponState, OfferCommand};

use super::endpoint::Endpoint;
use super::error::ApiError;
use super::events::store_error;
use super::extract::JsonBody;
use super::offers::{command_key, decide};
use super::openapi::schema;
use crate::app::App;
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/campaigns",
            Some(Scope::Admin),
            "Defines or changes a coupon",
            define,
        )
        .body(schema("Coupon"))
        .answers(schema("Coupon")),
        Endpoint::get(
            "/v1/campaigns",
            Some(Scope::Write),
            "Lists the coupons with their redemptions",
            list,
        ),
    ]
}

async fn define(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(coupon): JsonBody<Coupon>,
) -> Result<Json<Coupon>, ApiError> {
    let key = command_key(&headers)?;
    decide(
        &app,
        OfferCommand::DefineCoupon {
            key,
            coupon: coupon.clone(),
        },
    )
    .await?;
    Ok(Json(coupon))
}

async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let coupons = app.store.coupons().await.map_err(store_error)?;
    let campaigns: Vec<_> = coupons.iter().map(described).collect();
    Ok(Json(json!({"campaigns": campaigns})))
}

fn described(state: &CouponState) -> Value {
    json!({"coupon": state.coupon, "redeemed": state.redeemed})
}
