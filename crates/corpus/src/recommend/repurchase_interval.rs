use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use shop::{Id, Timestamp};

/// Purchases of one product closer than this are one: a second order of the
/// same day mends the first.
const SAME_PURCHASE_SECONDS: i64 = 86_400;

/// Fewer repeated purchases than this are chance.
const MIN_REPEATS: usize = 3;

/// Of a consumable, at least this share of the buyers comes back.
const MIN_SHARE: f32 = 0.1;

/// How long people take to buy a thing again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RepurchaseInterval {
    /// The median time between two purchases.
    pub seconds: i64,
    /// How many times somebody bought again.
    pub repeats: u32,
    /// The share of the buyers who did.
    pub share: f32,
}

/// Which products are used up and bought again, and how soon.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RepurchaseIntervals {
    products: BTreeMap<Id, RepurchaseInterval>,
    /// By narrowest category, for products that are too new.
    categories: BTreeMap<String, RepurchaseInterval>,
}

#[derive(Default)]
struct Count {
    buyers: u32,
    returning: u32,
    intervals: Vec<i64>,
}

impl Count {
    fn add(&mut self, intervals: &[i64]) {
        self.buyers += 1;
        self.returning += u32::from(!intervals.is_empty());
        self.intervals.extend(intervals);
    }

    fn interval(mut self) -> Option<RepurchaseInterval> {
        let share = self.returning as f32 / self.buyers.max(1) as f32;
        if self.intervals.len() < MIN_REPEATS || share < MIN_SHARE {
            return None;
        }
        self.intervals.sort_unstable();
        Some(RepurchaseInterval {
            seconds: self.intervals[self.intervals.len() / 2],
            repeats: self.intervals.len() as u32,
            share,
        })
    }
}

/// The times between purchases, given in order; those of one day are one.
pub fn purchase_intervals(times: impl IntoIterator<Item = Timestamp>) -> Vec<i64> {
    let mut intervals = Vec::new();
    let mut last: Option<Timestamp> = None;
    for time in times {
        let gap = last.map(|last| time.as_seconds() - last.as_seconds());
        match gap {
            Some(gap) if gap < SAME_PURCHASE_SECONDS => continue,
            Some(gap) => intervals.push(gap),
            None => {}
        }
        last = Some(time);
    }
    intervals
}

impl RepurchaseIntervals {
    /// Learns from each buyer's purchases in the order of time; `category`
    /// tells a product's narrowest one.
    pub fn learn<'a>(
        buyers: impl IntoIterator<Item = Vec<(&'a Id, Timestamp)>>,
        category: impl Fn(&Id) -> Option<&'a str>,
    ) -> Self {
        let mut products: FxHashMap<&Id, Count> = FxHashMap::default();
        let mut categories: FxHashMap<&str, Count> = FxHashMap::default();
        for purchases in buyers {
            let mut times: BTreeMap<&Id, Vec<Timestamp>> = BTreeMap::new();
            for (product, time) in purchases {
                times.entry(product).or_default().push(time);
            }
            for (product, times) in times {
                let intervals = purchase_intervals(times);
                products.entry(product).or_default().add(&intervals);
                if let Some(category) = category(product) {
                    categories.entry(category).or_default().add(&intervals);
                }
            }
        }
        let products = products.into_iter();
        let categories = categories.into_iter();
        Self {
            products: products
                .filter_map(|(id, count)| Some((id.clone(), count.interval()?)))
                .collect(),
            categories: categories
                .filter_map(|(name, count)| Some((name.to_owned(), count.interval()?)))
                .collect(),
        }
    }

    /// How soon a product is bought again; as others of its narrowest category
    /// are where it is too new to tell; `None` for what is bought once.
    pub fn of(&self, product: &Id, category: Option<&str>) -> Option<RepurchaseInterval> {
        let own = self.products.get(product);
        own.or_else(|| self.categories.get(category?)).copied()
    }
}

/// How much it is time for the next purchase, 0 to 1: most when as long has
/// gone by as usually does, by its ratio; nothing before half of that.
pub fn repurchase_due(elapsed_seconds: i64, interval_seconds: i64) -> f32 {
    let ratio = elapsed_seconds.max(0) as f32 / interval_seconds.max(1) as f32;
    if ratio < 0.5 {
        return 0.0;
    }
    let distance = ratio.ln() / 0.7;
    (-0.5 * distance * distance).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_seconds(86_400 * day)
    }

    #[test]
    fn what_is_bought_again_has_a_rhythm_and_what_lasts_has_none() {
        let ids = ["tea", "green tea", "lamp"].map(|id| Id::new(id).unwrap());
        let [tea, green, lamp] = &ids;
        let buyers = (0..6).map(|buyer| {
            let mut purchases = vec![(lamp, day(1))];
            purchases.extend((0..4).map(|at| (tea, day(30 * at + buyer % 3))));
            // The same day again is the same purchase.
            purchases.push((tea, day(90 + buyer % 3)));
            purchases
        });
        let category = |id: &Id| Some(if id == lamp { "Lamps" } else { "Tea" });
        let intervals = RepurchaseIntervals::learn(buyers, category);
        let found = intervals.of(tea, Some("Tea")).unwrap();
        assert_eq!((found.seconds, found.repeats), (30 * 86_400, 18));
        assert_eq!(found.share, 1.0);
        assert_eq!(intervals.of(lamp, Some("Lamps")), None);
        // Too new to tell: as its category.
        assert_eq!(intervals.of(green, Some("Tea")), Some(found));
        assert_eq!(intervals.of(green, None), None);
        let json = serde_json::to_string(&intervals).unwrap();
        assert_eq!(
            serde_json::from_str::<RepurchaseIntervals>(&json).unwrap(),
            intervals
        );
    }

    #[test]
    fn it_is_time_when_as_long_has_gone_by_as_usual() {
        assert_eq!(repurchase_due(10, 30), 0.0);
        assert!(
            repurchase_due(30, 30) > repurchase_due(20, 30)
                && repurchase_due(30, 30) > repurchase_due(60, 30)
        );
        assert!(repurchase_due(60, 30) > repurchase_due(300, 30));
        assert!(repurchase_due(i64::MAX, 0).is_finite() && repurchase_due(-5, 30) == 0.0);
    }
}
