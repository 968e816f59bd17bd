//! Coupons: their definition and their counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use shop::{Coupon, OfferCommand};

use super::endpoint::Endpoint;
use super::error::ApiError;
use super::events::store_error;
use super::extract::JsonBody;
use super::offers::{command_key, decide};
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
        .answers::<Coupon>(),
        Endpoint::get(
            "/v1/campaigns",
            Some(Scope::Write),
            "Lists the coupons with their redemptions",
            list,
        )
        .answers::<Campaigns>(),
    ]
}

/// The coupons with their counts.
#[derive(Serialize, JsonSchema)]
struct Campaigns {
    campaigns: Vec<Campaign>,
}

/// A coupon and how often it was redeemed.
#[derive(Serialize, JsonSchema)]
struct Campaign {
    coupon: Coupon,
    redeemed: u64,
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

async fn list(State(app): State<Arc<App>>) -> Result<Json<Campaigns>, ApiError> {
    let coupons = app.store.coupons().await.map_err(store_error)?;
    let campaigns = coupons.into_iter().map(|state| Campaign {
        coupon: state.coupon,
        redeemed: state.redeemed,
    });
    Ok(Json(Campaigns {
        campaigns: campaigns.collect(),
    }))
}
