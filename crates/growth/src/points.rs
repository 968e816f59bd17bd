use shop::{Id, LedgerEntry, PointsReason, Refusal, RefusalCode};

/// Points come in.
pub(crate) fn earn(
    balance: i64,
    customer_id: &Id,
    points: i64,
    reason: PointsReason,
) -> Result<Vec<LedgerEntry>, Refusal> {
    check(points)?;
    add(balance, points)?;
    Ok(vec![moved(customer_id, points, reason)])
}

/// Points go out; a balance is never negative.
pub(crate) fn spend(
    balance: i64,
    customer_id: &Id,
    points: i64,
) -> Result<Vec<LedgerEntry>, Refusal> {
    check(points)?;
    if points > balance {
        return Err(Refusal::new(
            RefusalCode::InsufficientPoints,
            format!("the customer has {balance} points, which is less than {points}"),
        ));
    }
    Ok(vec![moved(customer_id, -points, PointsReason::Spent)])
}

/// Refuses points that would move nothing or backwards.
pub(crate) fn check(points: i64) -> Result<(), Refusal> {
    if points > 0 {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalCode::InvalidAmount,
        format!("{points} points cannot move: send 1 or more"),
    ))
}

/// The balance afterwards, where it can be counted.
pub(crate) fn add(balance: i64, points: i64) -> Result<i64, Refusal> {
    balance.checked_add(points).ok_or_else(|| {
        Refusal::new(
            RefusalCode::InvalidAmount,
            format!("{points} more points than {balance} cannot be counted"),
        )
    })
}

pub(crate) fn moved(customer_id: &Id, points: i64, reason: PointsReason) -> LedgerEntry {
    LedgerEntry::PointsMoved {
        customer_id: customer_id.clone(),
        points,
        reason,
    }
}
