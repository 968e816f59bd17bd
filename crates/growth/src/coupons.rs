use shop::{
    Coupon, CouponState, Discount, Id, LedgerEntry, Money, Redemption, Refusal, RefusalCode,
    Timestamp,
};

/// 100 % in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// Who wants to use a code, on what.
pub(crate) struct Request<'a> {
    pub key: &'a Id,
    pub code: &'a Id,
    pub customer_id: &'a Id,
    pub order_id: Option<&'a Id>,
    pub order_amount: Money,
}

/// A coupon that makes sense is defined, or replaces the one of its code; the
/// redemptions that stand go on counting.
pub(crate) fn define(coupon: &Coupon) -> Result<Vec<LedgerEntry>, Refusal> {
    let wrong = |message: &str| Err(Refusal::new(RefusalCode::InvalidAmount, message));
    match coupon.discount {
        Discount::Percent {
            basis_points: 0, ..
        } => return wrong("a discount of 0 % takes nothing off"),
        Discount::Percent { basis_points, .. } if basis_points > WHOLE => {
            return wrong("a discount takes at most 100 % off: basis_points is at most 10000");
        }
        Discount::Percent {
            at_most: Some(most),
            ..
        } if most.amount <= 0 => return wrong("at_most must be more than 0"),
        Discount::Amount { off } if off.amount <= 0 => {
            return wrong("the amount taken off must be more than 0");
        }
        Discount::Percent { .. } | Discount::Amount { .. } => {}
    }
    if coupon.minimum.is_some_and(|minimum| minimum.amount < 0) {
        return wrong("the minimum must not be negative");
    }
    if let (Some(start), Some(end)) = (coupon.starts_at, coupon.expires_at)
        && start >= end
    {
        return wrong("the coupon would expire before it starts");
    }
    Ok(vec![LedgerEntry::CouponDefined {
        coupon: coupon.clone(),
    }])
}

/// A code is used, when there is such a coupon, it is in force, the order is
/// good for it, has not had it before and neither limit is reached. Bounds: `starts_at` and `minimum`
/// are inclusive, `expires_at` is exclusive.
pub(crate) fn redeem(
    state: Option<&CouponState>,
    redeemed_on_order: bool,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Vec<LedgerEntry>, Refusal> {
    let code = request.code;
    let Some(state) = state else {
        let message = format!("there is no coupon {code}");
        return Err(Refusal::new(RefusalCode::VoucherNotFound, message));
    };
    in_force(&state.coupon, now)?;
    if let (true, Some(order)) = (redeemed_on_order, request.order_id) {
        let message = format!("coupon {code} has been used on order {order} before");
        return Err(Refusal::new(RefusalCode::OrderAlreadyRedeemed, message));
    }
    let discount = discount(&state.coupon, request.order_amount)?;
    let reached = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used >= limit);
    if reached(state.coupon.limit, state.redeemed) {
        let message = format!("coupon {code} has been used as often as it can be");
        return Err(Refusal::new(RefusalCode::QuantityExceeded, message));
    }
    if reached(state.coupon.limit_per_customer, state.redeemed_by_customer) {
        let message = format!("this customer has used coupon {code} as often as one can");
        return Err(Refusal::new(RefusalCode::CustomerQuantityExceeded, message));
    }
    let redemption = Redemption {
        id: request.key.clone(),
        code: code.clone(),
        customer_id: request.customer_id.clone(),
        order_id: request.order_id.cloned(),
        order_amount: request.order_amount,
        discount,
        rolled_back: false,
    };
    Ok(vec![LedgerEntry::CouponRedeemed { redemption }])
}

/// A redemption is taken back, once; its place is free again.
pub(crate) fn roll_back(
    redemption: Option<&Redemption>,
    id: &Id,
) -> Result<Vec<LedgerEntry>, Refusal> {
    match redemption {
        None => Err(Refusal::new(
            RefusalCode::RedemptionNotFound,
            format!("there is no redemption {id}"),
        )),
        Some(redemption) if redemption.rolled_back => Err(Refusal::new(
            RefusalCode::AlreadyRolledBack,
            format!("redemption {id} was taken back before"),
        )),
        Some(_) => Ok(vec![LedgerEntry::RedemptionRolledBack {
            redemption_id: id.clone(),
        }]),
    }
}

/// What the coupon takes off an order of `amount`: never more than the order,
/// nor than the coupon's own bound. A share is rounded to the nearest minor
/// unit, a half up, as Solidus, Spree and Saleor do.
pub fn discount(coupon: &Coupon, amount: Money) -> Result<Money, Refusal> {
    if amount.amount <= 0 {
        return Err(Refusal::new(
            RefusalCode::InvalidAmount,
            "the order's amount must be more than 0",
        ));
    }
    if let Some(minimum) = coupon.minimum {
        same_currency(minimum, amount)?;
        if amount.amount < minimum.amount {
            let message = format!("coupon {} is for orders of {minimum} or more", coupon.code);
            return Err(Refusal::new(RefusalCode::OrderRulesViolated, message));
        }
    }
    let off = match coupon.discount {
        Discount::Amount { off } => {
            same_currency(off, amount)?;
            off.amount
        }
        Discount::Percent {
            basis_points,
            at_most,
        } => {
            let share = share(amount.amount, basis_points);
            match at_most {
                None => share,
                Some(most) => {
                    same_currency(most, amount)?;
                    share.min(most.amount)
                }
            }
        }
    };
    Ok(Money::new(off.clamp(0, amount.amount), amount.currency))
}

/// `basis_points` of `amount`, which is positive; all of it at the most.
fn share(amount: i64, basis_points: u32) -> i64 {
    let whole = i128::from(WHOLE);
    let exact = i128::from(amount) * i128::from(basis_points.min(WHOLE));
    // At most 100 % of an i64.
    i64::try_from((exact + whole / 2) / whole).unwrap_or(amount)
}

fn in_force(coupon: &Coupon, now: Timestamp) -> Result<(), Refusal> {
    let code = &coupon.code;
    if let Some(start) = coupon.starts_at.filter(|start| now < *start) {
        let message = format!("coupon {code} is not active before {start}");
        return Err(Refusal::new(RefusalCode::VoucherNotActive, message));
    }
    if let Some(end) = coupon.expires_at.filter(|end| now >= *end) {
        let message = format!("coupon {code} expired at {end}");
        return Err(Refusal::new(RefusalCode::VoucherExpired, message));
    }
    Ok(())
}

fn same_currency(of_coupon: Money, of_order: Money) -> Result<(), Refusal> {
    if of_coupon.currency == of_order.currency {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalCode::OrderRulesViolated,
        format!(
            "the coupon is in {} and the order in {}",
            of_coupon.currency, of_order.currency
        ),
    ))
}
