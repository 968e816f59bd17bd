use serde::de::DeserializeOwned;
use shop::{Coupon, CouponState, Id, LedgerEntry, LedgerView, OfferCommand, Redemption, Referral};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// Reads the rows that `command` names.
pub(crate) async fn view(
    connection: &mut SqliteConnection,
    command: &OfferCommand,
) -> sqlx::Result<LedgerView> {
    let mut view = LedgerView::default();
    match command {
        OfferCommand::DefineCoupon { coupon: named, .. } => {
            view.coupon = coupon(connection, &named.code, None).await?;
        }
        OfferCommand::Redeem {
            code,
            customer_id,
            order_id,
            ..
        } => {
            view.coupon = coupon(connection, code, Some(customer_id)).await?;
            if let Some(order) = order_id {
                view.redeemed_on_order = redeemed_on(connection, code, order).await?;
            }
            view.points = points(connection, customer_id).await?;
        }
        OfferCommand::RollBack { redemption_id, .. } => {
            view.redemption = redemption(connection, redemption_id).await?;
            if let Some(redemption) = &view.redemption {
                let customer = Some(&redemption.customer_id);
                view.coupon = coupon(connection, &redemption.code, customer).await?;
            }
        }
        OfferCommand::EarnPoints { customer_id, .. }
        | OfferCommand::SpendPoints { customer_id, .. } => {
            view.points = points(connection, customer_id).await?;
        }
        OfferCommand::Refer {
            referrer_id,
            referee_id,
            ..
        } => {
            view.referral = referral(connection, referee_id).await?;
            view.circular = came_through(connection, referrer_id, referee_id).await?;
        }
        OfferCommand::RewardReferral { referee_id, .. } => {
            view.referral = referral(connection, referee_id).await?;
            if let Some(referral) = &view.referral {
                view.points = points(connection, &referral.referrer_id).await?;
            }
        }
    }
    Ok(view)
}

/// Brings the tables up to date with one entry.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    entry: &LedgerEntry,
) -> sqlx::Result<()> {
    match entry {
        LedgerEntry::CouponDefined { coupon } => {
            sqlx::query(
                "INSERT INTO coupons (code, redeemed, body) VALUES ($1, 0, $2)
                 ON CONFLICT (code) DO UPDATE SET body = excluded.body",
            )
            .bind(coupon.code.as_str())
            .bind(encode(coupon)?)
            .execute(connection)
            .await?;
        }
        LedgerEntry::CouponRedeemed { redemption } => redeem(connection, redemption).await?,
        LedgerEntry::RedemptionRolledBack { redemption_id } => {
            roll_back(connection, redemption_id).await?;
        }
        LedgerEntry::PointsMoved {
            customer_id,
            points,
            ..
        } => {
            sqlx::query(
                "INSERT INTO points (customer_id, balance) VALUES ($1, $2)
                 ON CONFLICT (customer_id)
                 DO UPDATE SET balance = points.balance + excluded.balance",
            )
            .bind(customer_id.as_str())
            .bind(*points)
            .execute(connection)
            .await?;
        }
        LedgerEntry::ReferralMade {
            referrer_id,
            referee_id,
        } => {
            sqlx::query(
                "INSERT INTO referrals (referee_id, referrer_id) VALUES ($1, $2)
                 ON CONFLICT (referee_id) DO NOTHING",
            )
            .bind(referee_id.as_str())
            .bind(referrer_id.as_str())
            .execute(connection)
            .await?;
        }
        // The points come in an entry of their own.
        LedgerEntry::ReferralRewarded {
            referee_id,
            order_id,
            ..
        } => {
            sqlx::query("UPDATE referrals SET rewarded_by = $2 WHERE referee_id = $1")
                .bind(referee_id.as_str())
                .bind(order_id.as_str())
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

async fn redeem(connection: &mut SqliteConnection, redemption: &Redemption) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO redemptions (id, code, customer_id, order_id, rolled_back, body)
         VALUES ($1, $2, $3, $5, 0, $4)",
    )
    .bind(redemption.id.as_str())
    .bind(redemption.code.as_str())
    .bind(redemption.customer_id.as_str())
    .bind(encode(redemption)?)
    .bind(redemption.order_id.as_ref().map(Id::as_str))
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE coupons SET redeemed = redeemed + 1 WHERE code = $1")
        .bind(redemption.code.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn roll_back(connection: &mut SqliteConnection, redemption_id: &Id) -> sqlx::Result<()> {
    sqlx::query("UPDATE redemptions SET rolled_back = 1 WHERE id = $1")
        .bind(redemption_id.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE coupons SET redeemed = redeemed - 1
         WHERE code = (SELECT code FROM redemptions WHERE id = $1)",
    )
    .bind(redemption_id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Every coupon with its count, by code.
pub(crate) async fn coupons(connection: &mut SqliteConnection) -> sqlx::Result<Vec<CouponState>> {
    sqlx::query("SELECT body, redeemed FROM coupons ORDER BY code")
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| coupon_state(row, 0))
        .collect()
}

async fn coupon(
    connection: &mut SqliteConnection,
    code: &Id,
    customer: Option<&Id>,
) -> sqlx::Result<Option<CouponState>> {
    let row = sqlx::query("SELECT body, redeemed FROM coupons WHERE code = $1")
        .bind(code.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let by_customer: i64 = match customer {
        None => 0,
        Some(customer) => {
            sqlx::query_scalar(
                "SELECT COUNT(*) FROM redemptions
                 WHERE code = $1 AND customer_id = $2 AND rolled_back = 0",
            )
            .bind(code.as_str())
            .bind(customer.as_str())
            .fetch_one(connection)
            .await?
        }
    };
    coupon_state(&row, by_customer).map(Some)
}

fn coupon_state(row: &SqliteRow, by_customer: i64) -> sqlx::Result<CouponState> {
    Ok(CouponState {
        coupon: read_body::<Coupon>(row)?,
        redeemed: row.try_get::<i64, _>("redeemed")?.cast_unsigned(),
        redeemed_by_customer: by_customer.cast_unsigned(),
    })
}

async fn redemption(
    connection: &mut SqliteConnection,
    id: &Id,
) -> sqlx::Result<Option<Redemption>> {
    let row = sqlx::query("SELECT body, rolled_back FROM redemptions WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let mut redemption: Redemption = read_body(&row)?;
        redemption.rolled_back = row.try_get::<i64, _>("rolled_back")? != 0;
        Ok(redemption)
    })
    .transpose()
}

/// Whether this code stands redeemed on this order.
async fn redeemed_on(
    connection: &mut SqliteConnection,
    code: &Id,
    order: &Id,
) -> sqlx::Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM redemptions
         WHERE order_id = $1 AND code = $2 AND rolled_back = 0 LIMIT 1",
    )
    .bind(order.as_str())
    .bind(code.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Whether `customer` was brought by `above`, or by somebody whom they
/// brought, and so on.
async fn came_through(
    connection: &mut SqliteConnection,
    customer: &Id,
    above: &Id,
) -> sqlx::Result<bool> {
    // UNION, not UNION ALL: circles that stand from before end the search.
    let found: Option<i64> = sqlx::query_scalar(
        "WITH RECURSIVE above (id) AS (
             SELECT referrer_id FROM referrals WHERE referee_id = $1
             UNION
             SELECT referrals.referrer_id FROM referrals
             JOIN above ON referrals.referee_id = above.id
         )
         SELECT 1 FROM above WHERE id = $2 LIMIT 1",
    )
    .bind(customer.as_str())
    .bind(above.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// A customer's balance; 0 for whoever never had any.
pub(crate) async fn points(connection: &mut SqliteConnection, customer: &Id) -> sqlx::Result<i64> {
    let balance = sqlx::query_scalar("SELECT balance FROM points WHERE customer_id = $1")
        .bind(customer.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(balance.unwrap_or(0))
}

async fn referral(
    connection: &mut SqliteConnection,
    referee: &Id,
) -> sqlx::Result<Option<Referral>> {
    sqlx::query("SELECT referee_id, referrer_id, rewarded_by FROM referrals WHERE referee_id = $1")
        .bind(referee.as_str())
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(read_referral)
        .transpose()
}

/// Whom this customer brought, by id.
pub(crate) async fn referrals_by(
    connection: &mut SqliteConnection,
    referrer: &Id,
) -> sqlx::Result<Vec<Referral>> {
    sqlx::query(
        "SELECT referee_id, referrer_id, rewarded_by FROM referrals
         WHERE referrer_id = $1 ORDER BY referee_id",
    )
    .bind(referrer.as_str())
    .fetch_all(connection)
    .await?
    .iter()
    .map(read_referral)
    .collect()
}

fn read_referral(row: &SqliteRow) -> sqlx::Result<Referral> {
    let id = |text: String| Id::new(&text).map_err(undecodable);
    Ok(Referral {
        referrer_id: id(row.try_get("referrer_id")?)?,
        referee_id: id(row.try_get("referee_id")?)?,
        rewarded_by: row
            .try_get::<Option<String>, _>("rewarded_by")?
            .map(id)
            .transpose()?,
    })
}

fn read_body<T: DeserializeOwned>(row: &SqliteRow) -> sqlx::Result<T> {
    serde_json::from_str(row.try_get("body")?).map_err(undecodable)
}

fn encode(value: &impl serde::Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
