//! `bench redeem`: many clients use one coupon until the ledger says no.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use shop::{Answer, Coupon, Currency, Discount, Id, Money, OfferCommand, RefusalCode, Timestamp};
use store::Store;
use tokio::task::JoinSet;

use server::table;

/// What `bench redeem` takes.
#[derive(Debug, Args)]
pub struct RedeemArguments {
    /// Clients that redeem at the same time.
    #[arg(long, default_value_t = 64)]
    pub workers: usize,
    /// How often the coupon can be redeemed.
    #[arg(long, default_value_t = 1_000)]
    pub limit: u64,
}

/// Runs the measurement in a folder of its own. `redeemed` is what the clients
/// were granted; the ledger's own count must agree.
pub async fn run(arguments: &RedeemArguments) -> anyhow::Result<Value> {
    ensure!(arguments.workers > 0, "--workers must be 1 or more");
    let folder = tempfile::tempdir().context("a folder for the measurement")?;
    let store = Store::open(folder.path()).await?;
    let code = Id::new("BENCH")?;
    define(&store, &code, arguments.limit).await?;
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..arguments.workers {
        workers.spawn(redeem_until_refused(store.clone(), code.clone(), worker));
    }
    let mut redeemed = 0;
    while let Some(granted) = workers.join_next().await {
        redeemed += granted??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let coupons = store.coupons().await?;
    let counted = coupons.iter().map(|state| state.redeemed).sum::<u64>();
    ensure!(
        counted == redeemed,
        "the ledger counts {counted} redemptions and the clients were granted {redeemed}"
    );
    let per_second = redeemed as f64 / seconds;
    let mut shown = table::with_headings(&["workers", "limit", "redeemed", "per second"]);
    shown.add_row([
        arguments.workers.to_string(),
        arguments.limit.to_string(),
        redeemed.to_string(),
        format!("{per_second:.0}"),
    ]);
    eprintln!("{shown}");
    Ok(json!({
        "redeemed": redeemed,
        "per_second": per_second,
        "workers": arguments.workers,
        "limit": arguments.limit,
    }))
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

async fn define(store: &Store, code: &Id, limit: u64) -> anyhow::Result<()> {
    let coupon = Coupon {
        code: code.clone(),
        discount: Discount::Percent {
            basis_points: 1_000,
            at_most: None,
        },
        limit: Some(limit),
        limit_per_customer: None,
        minimum: None,
        starts_at: None,
        expires_at: None,
    };
    let key = Id::new("define")?;
    let command = OfferCommand::DefineCoupon { key, coupon };
    store.decide(command, now(), growth::decide).await?;
    Ok(())
}

async fn redeem_until_refused(store: Store, code: Id, worker: usize) -> anyhow::Result<u64> {
    let customer_id = Id::new(&format!("customer-{worker}"))?;
    let mut granted = 0;
    loop {
        let command = OfferCommand::Redeem {
            key: Id::new(&format!("{worker}/{granted}"))?,
            code: code.clone(),
            customer_id: customer_id.clone(),
            order_id: None,
            order_amount: Money::new(1_999, Currency::USD),
        };
        match store.decide(command, now(), growth::decide).await?.answer {
            Answer::Accepted(_) => granted += 1,
            Answer::Refused(refusal) => {
                ensure!(
                    refusal.code == RefusalCode::QuantityExceeded,
                    "refused for another reason than the limit: {refusal}"
                );
                return Ok(granted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn exactly_the_limit_is_redeemed() {
        for (workers, limit) in [(64, 100), (3, 0), (1, 7)] {
            let keys = run(&RedeemArguments { workers, limit }).await.unwrap();
            assert_eq!(keys["redeemed"], limit);
        }
    }
}
