//! Sequences of commands against a naive ledger that keeps every move and
//! counts anew each time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use shop::{
    Coupon, CouponState, Currency, Discount, Id, LedgerEntry, LedgerView, Money, OfferCommand,
    PointsReason, Redemption, Referral, Refusal, RefusalCode, Timestamp,
};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

/// All that ever moved.
#[derive(Default)]
struct Naive {
    entries: Vec<LedgerEntry>,
}

impl Naive {
    fn redemptions(&self) -> Vec<Redemption> {
        let mut redemptions: Vec<Redemption> = Vec::new();
        for entry in &self.entries {
            match entry {
                LedgerEntry::CouponRedeemed { redemption } => redemptions.push(redemption.clone()),
                LedgerEntry::RedemptionRolledBack { redemption_id } => {
                    let found = redemptions.iter_mut().find(|one| one.id == *redemption_id);
                    found.unwrap().rolled_back = true;
                }
                _ => {}
            }
        }
        redemptions
    }

    fn coupon(&self, code: &Id, customer: Option<&Id>) -> Option<CouponState> {
        let coupon = self.entries.iter().rev().find_map(|entry| match entry {
            LedgerEntry::CouponDefined { coupon } if coupon.code == *code => Some(coupon.clone()),
            _ => None,
        })?;
        let standing = self.redemptions();
        let standing = standing
            .iter()
            .filter(|one| one.code == *code && !one.rolled_back);
        Some(CouponState {
            coupon,
            redeemed: standing.clone().count() as u64,
            redeemed_by_customer: standing
                .filter(|one| Some(&one.customer_id) == customer)
                .count() as u64,
        })
    }

    fn points(&self, customer: &Id) -> i64 {
        let moved = self.entries.iter().filter_map(|entry| match entry {
            LedgerEntry::PointsMoved {
                customer_id,
                points,
                ..
            } if customer_id == customer => Some(*points),
            _ => None,
        });
        moved.sum()
    }

    fn referral(&self, referee: &Id) -> Option<Referral> {
        let mut found = None;
        for entry in &self.entries {
            match entry {
                LedgerEntry::ReferralMade {
                    referrer_id,
                    referee_id,
                } if referee_id == referee => {
                    assert!(found.is_none(), "{referee} was brought twice");
                    found = Some(Referral {
                        referrer_id: referrer_id.clone(),
                        referee_id: referee_id.clone(),
                        rewarded_by: None,
                    });
                }
                LedgerEntry::ReferralRewarded {
                    referee_id,
                    order_id,
                    ..
                } if referee_id == referee => {
                    let referral = found.as_mut().unwrap();
                    assert!(
                        referral.rewarded_by.is_none(),
                        "{referee} was rewarded twice"
                    );
                    referral.rewarded_by = Some(order_id.clone());
                }
                _ => {}
            }
        }
        found
    }

    fn view(&self, command: &OfferCommand) -> LedgerView {
        let mut view = LedgerView::default();
        match command {
            OfferCommand::DefineCoupon { coupon, .. } => {
                view.coupon = self.coupon(&coupon.code, None);
            }
            OfferCommand::Redeem {
                code,
                customer_id,
                order_id,
                ..
            } => {
                view.coupon = self.coupon(code, Some(customer_id));
                view.redeemed_on_order = order_id.is_some()
                    && self.redemptions().iter().any(|one| {
                        one.code == *code && one.order_id == *order_id && !one.rolled_back
                    });
            }
            OfferCommand::RollBack { redemption_id, .. } => {
                let mut redemptions = self.redemptions().into_iter();
                view.redemption = redemptions.find(|one| one.id == *redemption_id);
            }
            OfferCommand::EarnPoints { customer_id, .. }
            | OfferCommand::SpendPoints { customer_id, .. } => {
                view.points = self.points(customer_id);
            }
            OfferCommand::Refer {
                referrer_id,
                referee_id,
                ..
            } => {
                view.referral = self.referral(referee_id);
                let mut above = self.referral(referrer_id);
                while let Some(referral) = above {
                    view.circular |= referral.referrer_id == *referee_id;
                    above = self.referral(&referral.referrer_id);
                }
            }
            OfferCommand::RewardReferral { referee_id, .. } => {
                view.referral = self.referral(referee_id);
                if let Some(referral) = &view.referral {
                    view.points = self.points(&referral.referrer_id);
                }
            }
        }
        view
    }

    fn run(&mut self, command: &OfferCommand) -> Result<(), Refusal> {
        let entries = growth::decide(&self.view(command), command, now())?;
        self.entries.extend(entries);
        Ok(())
    }
}

/// What must hold whatever was asked.
fn check(ledger: &Naive, limits: &BTreeMap<Id, (u64, u64)>) {
    for (code, (limit, per_customer)) in limits {
        for customer in ["c0", "c1", "c2"] {
            let state = ledger.coupon(code, Some(&id(customer))).unwrap();
            assert!(state.redeemed <= *limit);
            assert!(state.redeemed_by_customer <= *per_customer);
        }
    }
    for customer in ["c0", "c1", "c2"] {
        assert!(ledger.points(&id(customer)) >= 0);
        if let Some(referral) = ledger.referral(&id(customer)) {
            assert_ne!(referral.referrer_id, referral.referee_id);
            let mut above = Some(referral);
            while let Some(referral) = above {
                assert_ne!(referral.referrer_id, id(customer), "a circle");
                above = ledger.referral(&referral.referrer_id);
            }
        }
    }
    let mut used = std::collections::BTreeSet::new();
    for redemption in ledger.redemptions() {
        if let (Some(order), false) = (&redemption.order_id, redemption.rolled_back) {
            assert!(
                used.insert((redemption.code.clone(), order.clone())),
                "twice on {order}"
            );
        }
        let discount = redemption.discount.amount;
        assert!((0..=redemption.order_amount.amount).contains(&discount));
    }
}

fn customer() -> impl Strategy<Value = Id> {
    (0..3_u8).prop_map(|number| id(&format!("c{number}")))
}

fn points() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -5..50_i64,
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
    ]
}

/// Commands; `key` is set by the test, and a roll-back names an earlier one.
fn command() -> impl Strategy<Value = OfferCommand> {
    let key = || id("set later");
    let code = (0..3_u8).prop_map(|number| id(&format!("code{number}")));
    prop_oneof![
        4 => (code, customer(), 0..4_u8, -2..3_000_i64).prop_map(
            move |(code, customer_id, order, amount)| OfferCommand::Redeem {
                key: key(),
                code,
                customer_id,
                order_id: (order > 0).then(|| id(&format!("o{order}"))),
                order_amount: usd(amount),
            }
        ),
        2 => (0..40_usize).prop_map(move |earlier| OfferCommand::RollBack {
            key: key(), redemption_id: id(&format!("k{earlier}")),
        }),
        2 => (customer(), points()).prop_map(move |(customer_id, points)| {
            OfferCommand::EarnPoints {
                key: key(), customer_id, points, reason: PointsReason::Goodwill,
            }
        }),
        2 => (customer(), points()).prop_map(move |(customer_id, points)| {
            OfferCommand::SpendPoints { key: key(), customer_id, points }
        }),
        2 => (customer(), customer()).prop_map(move |(referrer_id, referee_id)| {
            OfferCommand::Refer { key: key(), referrer_id, referee_id }
        }),
        2 => (customer(), points()).prop_map(move |(referee_id, points)| {
            OfferCommand::RewardReferral {
                key: key(), referee_id, order_id: id("order"), points,
            }
        }),
    ]
}

fn with_key(mut command: OfferCommand, new: Id) -> OfferCommand {
    match &mut command {
        OfferCommand::DefineCoupon { key, .. }
        | OfferCommand::Redeem { key, .. }
        | OfferCommand::RollBack { key, .. }
        | OfferCommand::EarnPoints { key, .. }
        | OfferCommand::SpendPoints { key, .. }
        | OfferCommand::Refer { key, .. }
        | OfferCommand::RewardReferral { key, .. } => *key = new,
    }
    command
}

proptest! {
    #[test]
    fn no_sequence_of_commands_breaks_the_rules(
        limits in prop::collection::vec((0..4_u64, 0..3_u64, 1..10_001_u32), 2),
        commands in prop::collection::vec(command(), 1..60),
    ) {
        let mut ledger = Naive::default();
        let mut known = BTreeMap::new();
        for (number, (limit, per_customer, basis_points)) in limits.into_iter().enumerate() {
            let code = id(&format!("code{number}"));
            known.insert(code.clone(), (limit, per_customer));
            let coupon = Coupon {
                discount: Discount::Percent { basis_points, at_most: Some(usd(500)) },
                limit: Some(limit),
                limit_per_customer: Some(per_customer),
                ..plain(code.as_str())
            };
            ledger.run(&OfferCommand::DefineCoupon { key: id("d"), coupon }).unwrap();
        }
        for (number, command) in commands.into_iter().enumerate() {
            let command = with_key(command, id(&format!("k{number}")));
            let view = ledger.view(&command);
            let moved = ledger.entries.len();
            match ledger.run(&command) {
                Ok(()) => prop_assert!(ledger.entries.len() > moved),
                Err(refusal) => prop_assert!(justified(&view, &command, refusal.code)),
            }
            check(&ledger, &known);
        }
    }
}

/// Whether a refusal says the truth: the rules must not refuse for nothing.
fn justified(view: &LedgerView, command: &OfferCommand, code: RefusalCode) -> bool {
    let coupon = || view.coupon.as_ref().unwrap();
    match (code, command) {
        (RefusalCode::VoucherNotFound, OfferCommand::Redeem { .. }) => view.coupon.is_none(),
        (RefusalCode::QuantityExceeded, OfferCommand::Redeem { .. }) => {
            Some(coupon().redeemed) == coupon().coupon.limit
        }
        (RefusalCode::CustomerQuantityExceeded, OfferCommand::Redeem { .. }) => {
            Some(coupon().redeemed_by_customer) == coupon().coupon.limit_per_customer
        }
        (RefusalCode::OrderAlreadyRedeemed, OfferCommand::Redeem { .. }) => view.redeemed_on_order,
        (RefusalCode::CircularReferral, OfferCommand::Refer { .. }) => view.circular,
        (RefusalCode::InvalidAmount, OfferCommand::Redeem { order_amount, .. }) => {
            order_amount.amount <= 0
        }
        (RefusalCode::RedemptionNotFound, OfferCommand::RollBack { .. }) => {
            view.redemption.is_none()
        }
        (RefusalCode::AlreadyRolledBack, OfferCommand::RollBack { .. }) => {
            view.redemption.as_ref().unwrap().rolled_back
        }
        (
            RefusalCode::InvalidAmount,
            OfferCommand::EarnPoints { points, .. } | OfferCommand::RewardReferral { points, .. },
        ) => *points <= 0 || view.points.checked_add(*points).is_none(),
        (RefusalCode::InvalidAmount, OfferCommand::SpendPoints { points, .. }) => *points <= 0,
        (RefusalCode::InsufficientPoints, OfferCommand::SpendPoints { points, .. }) => {
            view.points < *points
        }
        (
            RefusalCode::SelfReferral,
            OfferCommand::Refer {
                referrer_id,
                referee_id,
                ..
            },
        ) => referrer_id == referee_id,
        (RefusalCode::AlreadyReferred, OfferCommand::Refer { .. }) => view.referral.is_some(),
        (RefusalCode::ReferralNotFound, OfferCommand::RewardReferral { .. }) => {
            view.referral.is_none()
        }
        (RefusalCode::AlreadyRewarded, OfferCommand::RewardReferral { .. }) => {
            view.referral.as_ref().unwrap().rewarded_by.is_some()
        }
        _ => false,
    }
}

fn plain(code: &str) -> Coupon {
    Coupon {
        code: id(code),
        discount: Discount::Amount { off: usd(100) },
        limit: None,
        limit_per_customer: None,
        minimum: None,
        starts_at: None,
        expires_at: None,
    }
}

fn redeem_one(coupon: Coupon, order: Money) -> Result<i64, RefusalCode> {
    let mut ledger = Naive::default();
    let redeem = OfferCommand::Redeem {
        key: id("r"),
        code: coupon.code.clone(),
        customer_id: id("c"),
        order_id: Some(id("o")),
        order_amount: order,
    };
    let key = id("d");
    ledger
        .run(&OfferCommand::DefineCoupon { key, coupon })
        .and_then(|()| ledger.run(&redeem))
        .map(|()| ledger.redemptions()[0].discount.amount)
        .map_err(|refusal| refusal.code)
}

#[test]
fn discounts_limits_and_bounds() {
    let percent = |basis_points, at_most| Coupon {
        discount: Discount::Percent {
            basis_points,
            at_most,
        },
        ..plain("A")
    };
    let minimum = |amount| Coupon {
        minimum: Some(usd(amount)),
        ..plain("A")
    };
    let between = |start: i64, end: i64| Coupon {
        starts_at: Some(now().plus_seconds(start)),
        expires_at: Some(now().plus_seconds(end)),
        ..plain("A")
    };
    let yen = Money::new(500, "JPY".parse().unwrap());
    for (coupon, order, expected) in [
        (plain("A"), usd(500), Ok(100)),
        (plain("A"), usd(60), Ok(60)),
        (plain("A"), usd(0), Err(RefusalCode::InvalidAmount)),
        (plain("A"), usd(-1), Err(RefusalCode::InvalidAmount)),
        (plain("A"), yen, Err(RefusalCode::OrderRulesViolated)),
        (percent(1_500, None), usd(9_990), Ok(1_499)),
        (percent(10_000, None), usd(i64::MAX), Ok(i64::MAX)),
        (percent(1, None), usd(1), Ok(0)),
        (percent(1_000, Some(usd(50))), usd(900), Ok(50)),
        (percent(0, None), usd(900), Err(RefusalCode::InvalidAmount)),
        (
            percent(10_001, None),
            usd(9),
            Err(RefusalCode::InvalidAmount),
        ),
        (minimum(500), usd(500), Ok(100)),
        (minimum(501), usd(500), Err(RefusalCode::OrderRulesViolated)),
        (between(0, 1), usd(500), Ok(100)),
        (between(-1, 0), usd(500), Err(RefusalCode::VoucherExpired)),
        (between(1, 2), usd(500), Err(RefusalCode::VoucherNotActive)),
        (between(2, 1), usd(500), Err(RefusalCode::InvalidAmount)),
    ] {
        assert_eq!(
            redeem_one(coupon.clone(), order),
            expected,
            "{coupon:?} {order}"
        );
    }
}
