//! The ledger under many clients at once, with rules as simple as can be.
#![allow(clippy::unwrap_used)]

use shop::{
    Answer, Coupon, Currency, Discount, Id, LedgerEntry, LedgerView, Money, OfferCommand,
    PointsReason, Redemption, Refusal, RefusalCode, Timestamp,
};
use store::Store;

const CLIENTS: usize = 64;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

/// As many redemptions as the limit allows, and points that stay above zero.
fn rules(
    view: &LedgerView,
    command: &OfferCommand,
    _now: Timestamp,
) -> Result<Vec<LedgerEntry>, Refusal> {
    Ok(vec![match command {
        OfferCommand::DefineCoupon { coupon, .. } => LedgerEntry::CouponDefined {
            coupon: coupon.clone(),
        },
        OfferCommand::Redeem {
            key,
            code,
            customer_id,
            order_amount,
            ..
        } => {
            let state = view.coupon.as_ref().unwrap();
            if Some(state.redeemed) >= state.coupon.limit {
                return Err(Refusal::new(RefusalCode::QuantityExceeded, "used up"));
            }
            LedgerEntry::CouponRedeemed {
                redemption: Redemption {
                    id: key.clone(),
                    code: code.clone(),
                    customer_id: customer_id.clone(),
                    order_id: None,
                    order_amount: *order_amount,
                    discount: *order_amount,
                    rolled_back: false,
                },
            }
        }
        OfferCommand::RollBack { redemption_id, .. } => LedgerEntry::RedemptionRolledBack {
            redemption_id: redemption_id.clone(),
        },
        OfferCommand::EarnPoints {
            customer_id,
            points,
            reason,
            ..
        } => LedgerEntry::PointsMoved {
            customer_id: customer_id.clone(),
            points: *points,
            reason: *reason,
        },
        OfferCommand::SpendPoints {
            customer_id,
            points,
            ..
        } => {
            if view.points < *points {
                return Err(Refusal::new(RefusalCode::InsufficientPoints, "too few"));
            }
            LedgerEntry::PointsMoved {
                customer_id: customer_id.clone(),
                points: -points,
                reason: PointsReason::Spent,
            }
        }
        OfferCommand::Refer { .. } | OfferCommand::RewardReferral { .. } => unreachable!(),
    }])
}

fn coupon(limit: u64) -> OfferCommand {
    OfferCommand::DefineCoupon {
        key: id("define"),
        coupon: Coupon {
            code: id("TEA"),
            discount: Discount::Amount {
                off: Money::new(100, Currency::USD),
            },
            limit: Some(limit),
            limit_per_customer: None,
            minimum: None,
            starts_at: None,
            expires_at: None,
        },
    }
}

fn redeem(key: &str) -> OfferCommand {
    OfferCommand::Redeem {
        key: id(key),
        code: id("TEA"),
        customer_id: id("c"),
        order_id: None,
        order_amount: Money::new(500, Currency::USD),
    }
}

async fn decide(store: &Store, command: OfferCommand) -> Answer {
    store.decide(command, now(), rules).await.unwrap().answer
}

fn accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_get_exactly_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    decide(&store, coupon(100)).await;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let store = store.clone();
        clients.spawn(async move {
            let mut redeemed = 0;
            for attempt in 0.. {
                if !accepted(&decide(&store, redeem(&format!("{client}/{attempt}"))).await) {
                    break;
                }
                redeemed += 1;
            }
            redeemed
        });
    }
    assert_eq!(clients.join_all().await.iter().sum::<u64>(), 100);
    let state = &store.coupons().await.unwrap()[0];
    assert_eq!(state.redeemed, 100);
    let hash = store.derived_hash().await.unwrap();
    store.rebuild().await.unwrap();
    assert_eq!(hash, store.derived_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_sent_by_everybody_moves_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    decide(&store, coupon(10)).await;
    let same = (0..CLIENTS).map(|_| store.decide(redeem("once"), now(), rules));
    let outcomes = futures::future::try_join_all(same).await.unwrap();
    assert!(outcomes.iter().all(|outcome| accepted(&outcome.answer)));
    let fresh = outcomes.iter().filter(|outcome| !outcome.repeated);
    assert_eq!(fresh.count(), 1);
    assert_eq!(store.coupons().await.unwrap()[0].redeemed, 1);
}

#[tokio::test]
async fn a_key_gives_its_first_answer_again_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).await.unwrap();
    let customer_id = id("c");
    let spend = |key: &str, points| OfferCommand::SpendPoints {
        key: id(key),
        customer_id: customer_id.clone(),
        points,
    };
    let earn = OfferCommand::EarnPoints {
        key: id("earn"),
        customer_id: customer_id.clone(),
        points: 50,
        reason: PointsReason::Purchase,
    };
    assert!(!accepted(&decide(&store, spend("early", 10)).await));
    decide(&store, earn.clone()).await;
    assert!(accepted(&decide(&store, spend("s", 30)).await));
    for _ in 0..2 {
        assert!(!accepted(&decide(&store, spend("early", 10)).await));
        assert!(accepted(&decide(&store, earn.clone()).await));
        assert!(accepted(&decide(&store, spend("s", 30)).await));
        let Answer::Refused(refusal) = decide(&store, spend("s", 31)).await else {
            panic!("a key was used for another command");
        };
        assert_eq!(refusal.code, RefusalCode::KeyReused);
        assert_eq!(store.points(&customer_id).await.unwrap(), 20);
        drop(store);
        store = Store::open(folder.path()).await.unwrap();
    }
}

#[tokio::test]
async fn a_redemption_taken_back_frees_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    decide(&store, coupon(1)).await;
    assert!(accepted(&decide(&store, redeem("first")).await));
    assert!(!accepted(&decide(&store, redeem("second")).await));
    let roll_back = OfferCommand::RollBack {
        key: id("back"),
        redemption_id: id("first"),
    };
    assert!(accepted(&decide(&store, roll_back.clone()).await));
    let view = store.ledger_view(&roll_back).await.unwrap();
    assert!(view.redemption.unwrap().rolled_back);
    assert!(accepted(&decide(&store, redeem("third")).await));
}
