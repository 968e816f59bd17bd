use shop::{Id, LedgerEntry, PointsReason, Referral, Refusal, RefusalCode};

use crate::points;

/// One customer brings another: not themselves, nobody whom somebody brought
/// before, and nobody without whom they would not be here themselves
/// (`circular`).
pub(crate) fn refer(
    earlier: Option<&Referral>,
    circular: bool,
    referrer_id: &Id,
    referee_id: &Id,
) -> Result<Vec<LedgerEntry>, Refusal> {
    if referrer_id == referee_id {
        return Err(Refusal::new(
            RefusalCode::SelfReferral,
            "nobody can bring themselves",
        ));
    }
    if earlier.is_some() {
        return Err(Refusal::new(
            RefusalCode::AlreadyReferred,
            format!("{referee_id} was brought by somebody before"),
        ));
    }
    if circular {
        return Err(Refusal::new(
            RefusalCode::CircularReferral,
            format!("{referrer_id} came through {referee_id}, who cannot come through them"),
        ));
    }
    Ok(vec![LedgerEntry::ReferralMade {
        referrer_id: referrer_id.clone(),
        referee_id: referee_id.clone(),
    }])
}

/// The one who brought is rewarded, once. `balance` is theirs.
pub(crate) fn reward(
    referral: Option<&Referral>,
    balance: i64,
    referee_id: &Id,
    order_id: &Id,
    points: i64,
) -> Result<Vec<LedgerEntry>, Refusal> {
    let Some(referral) = referral else {
        return Err(Refusal::new(
            RefusalCode::ReferralNotFound,
            format!("nobody brought {referee_id}"),
        ));
    };
    if let Some(order) = &referral.rewarded_by {
        return Err(Refusal::new(
            RefusalCode::AlreadyRewarded,
            format!("bringing {referee_id} was rewarded with order {order}"),
        ));
    }
    points::check(points)?;
    points::add(balance, points)?;
    let referrer_id = &referral.referrer_id;
    Ok(vec![
        LedgerEntry::ReferralRewarded {
            referrer_id: referrer_id.clone(),
            referee_id: referee_id.clone(),
            order_id: order_id.clone(),
            points,
        },
        points::moved(referrer_id, points, PointsReason::Referral),
    ])
}
