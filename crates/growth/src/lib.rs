//! The money rules: coupons, points, referrals. Pure: from what the ledger
//! holds and a command they make the entries to append, or a refusal. They
//! know no clock, no disk and no model; amounts are whole minor units.
#![forbid(unsafe_code)]

mod coupons;
mod points;
mod referrals;

use shop::{LedgerEntry, LedgerView, OfferCommand, Refusal, Timestamp};

pub use coupons::discount;

/// Decides one command on what `view` shows of the ledger. The caller appends
/// the entries in the transaction in which it read the view, all or none.
pub fn decide(
    view: &LedgerView,
    command: &OfferCommand,
    now: Timestamp,
) -> Result<Vec<LedgerEntry>, Refusal> {
    match command {
        OfferCommand::DefineCoupon { coupon, .. } => coupons::define(coupon),
        OfferCommand::Redeem {
            key,
            code,
            customer_id,
            order_id,
            order_amount,
        } => {
            let request = coupons::Request {
                key,
                code,
                customer_id,
                order_id: order_id.as_ref(),
                order_amount: *order_amount,
            };
            coupons::redeem(view.coupon.as_ref(), view.redeemed_on_order, &request, now)
        }
        OfferCommand::RollBack { redemption_id, .. } => {
            coupons::roll_back(view.redemption.as_ref(), redemption_id)
        }
        OfferCommand::EarnPoints {
            customer_id,
            points,
            reason,
            ..
        } => points::earn(view.points, customer_id, *points, *reason),
        OfferCommand::SpendPoints {
            customer_id,
            points,
            ..
        } => points::spend(view.points, customer_id, *points),
        OfferCommand::Refer {
            referrer_id,
            referee_id,
            ..
        } => referrals::refer(
            view.referral.as_ref(),
            view.circular,
            referrer_id,
            referee_id,
        ),
        OfferCommand::RewardReferral {
            referee_id,
            order_id,
            points,
            ..
        } => {
            let referral = view.referral.as_ref();
            referrals::reward(referral, view.points, referee_id, order_id, *points)
        }
    }
}
