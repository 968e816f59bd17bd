//! What is in demand these days: interest that fades, product by product.
//!
//! One person's wish counts once. Of all that an actor does to a product
//! within a day, only the strongest deed counts; an actor who does more than a
//! person can counts for nothing, and what the burst brought before it was
//! found out is taken back. Deeds that nobody stands behind, those of the
//! shop's own people and those of a seller to what they sell do not count.

use rpds::HashTrieMapSync;
use shop::{Event, EventKind, Timestamp};

use crate::catalogue::ProductIndex;
use crate::history::{History, Interaction};

/// After so long, a deed counts half.
pub const TREND_HALF_LIFE_SECONDS: i64 = 7 * 86_400;

/// What is older than so many half-lives does not count at all.
const HALF_LIVES: i64 = 8;

/// Deeds to one product closer than this are one wish.
const WISH_SECONDS: i64 = 86_400;

/// As many deeds within [`BURST_SECONDS`] are no person's.
const BURST_DEEDS: usize = 40;

/// One deed in one and a half seconds for a minute.
const BURST_SECONDS: i64 = 60;

/// Faded interest in one product.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Trend {
    interest: f64,
    /// The moment that `interest` is of.
    at: Timestamp,
}

/// Faded interest in all products.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trends {
    products: HashTrieMapSync<ProductIndex, Trend>,
    latest: Option<Timestamp>,
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_micros() - from.as_micros()) as f64 / 1e6
}

/// What is left of 1 after this time.
fn faded(seconds: f64) -> f64 {
    (-seconds / TREND_HALF_LIFE_SECONDS as f64).exp2()
}

impl Trends {
    /// Each product's interest as of the last deed that is not after `now`: an
    /// old log has its trends too. In no certain order.
    pub fn scores(&self, now: Timestamp) -> impl Iterator<Item = (ProductIndex, f32)> {
        let moment = self.latest.map_or(now, |latest| latest.min(now));
        let oldest = moment.plus_seconds(-TREND_HALF_LIFE_SECONDS * HALF_LIVES);
        let recent = move |trend: &Trend| trend.at >= oldest && trend.interest > 1e-6;
        self.products.iter().filter_map(move |(product, trend)| {
            let score = trend.interest * faded(seconds(trend.at, moment).max(0.0));
            recent(trend).then_some((*product, score as f32))
        })
    }

    /// Counts what an actor does, of whom `history` tells what they did before.
    pub(crate) fn follow(&mut self, history: Option<&History>, deed: Interaction) {
        let interest = f64::from(deed.kind.interest());
        if interest == 0.0 {
            return;
        }
        let earlier = history.map_or(&[][..], |history| &history.interactions);
        let around = |seconds: i64| {
            let from = deed.time.plus_seconds(-seconds);
            let to = deed.time.plus_seconds(seconds);
            let start = earlier.partition_point(|other| other.time < from);
            let end = earlier.partition_point(|other| other.time <= to);
            &earlier[start..end]
        };
        let burst = deeds(around(BURST_SECONDS), deed);
        if burst > BURST_DEEDS {
            return;
        }
        if burst == BURST_DEEDS {
            self.take_back(around(BURST_SECONDS));
            return;
        }
        let same = around(WISH_SECONDS).iter();
        let same = same.filter(|other| other.product == deed.product);
        let known = same.map(|other| f64::from(other.kind.interest()));
        let counted = if interest > 0.0 {
            interest - known.fold(0.0, f64::max)
        } else {
            interest - known.fold(0.0, f64::min)
        };
        if counted * interest > 0.0 {
            self.add(deed.product, counted, deed.time);
        }
    }

    /// Takes the wishes among these deeds back.
    fn take_back(&mut self, deeds: &[Interaction]) {
        for (at, deed) in deeds.iter().enumerate() {
            let is_first = deeds[..at].iter().all(|d| d.product != deed.product);
            if is_first {
                let same = deeds.iter().filter(|d| d.product == deed.product);
                let interests = same.map(|d| f64::from(d.kind.interest()));
                let (least, most) = interests.fold((0.0, 0.0), |(least, most), interest| {
                    (f64::min(least, interest), f64::max(most, interest))
                });
                self.add(deed.product, -(least + most), deed.time);
            }
        }
    }

    /// The moment of the last deed.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    pub(crate) fn set_latest(&mut self, latest: Option<Timestamp>) {
        self.latest = latest;
    }

    /// Each product with its interest and the moment that this is of, in
    /// microseconds, for writing them down.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (ProductIndex, f64, i64)> {
        let products = self.products.iter();
        products.map(|(product, trend)| (*product, trend.interest, trend.at.as_micros()))
    }

    /// Puts back what [`Trends::parts`] gave.
    pub(crate) fn restore(&mut self, product: ProductIndex, interest: f64, at: i64) {
        let at = Timestamp::from_micros(at);
        self.products.insert_mut(product, Trend { interest, at });
    }

    fn add(&mut self, product: ProductIndex, interest: f64, time: Timestamp) {
        let mut trend = match self.products.get(&product) {
            Some(known) => *known,
            None => Trend {
                interest: 0.0,
                at: time,
            },
        };
        let age = seconds(trend.at, time);
        if age >= 0.0 {
            trend.interest = trend.interest * faded(age) + interest;
            trend.at = time;
        } else {
            trend.interest += interest * faded(-age);
        }
        self.products.insert_mut(product, trend);
        self.latest = Some(self.latest.map_or(time, |latest| latest.max(time)));
    }
}

/// How many deeds these are together with `deed`; the lines of one order, all
/// bought at one moment, are one.
fn deeds(around: &[Interaction], deed: Interaction) -> usize {
    let moment = |deed: &Interaction| (deed.kind == EventKind::Purchase).then_some(deed.time);
    let own = moment(&deed);
    let is_own = |other: &Interaction| own.is_some() && moment(other) == own;
    let others = around.iter().enumerate().filter(|(at, other)| {
        let repeats =
            moment(other).is_some() && *at > 0 && moment(&around[at - 1]) == moment(other);
        !repeats && !is_own(other)
    });
    others.count() + 1
}

/// Whether an event is the shop's own: a test, a member of staff, a machine
/// that says so.
pub(crate) fn is_internal(event: &Event) -> bool {
    ["internal", "staff", "bot", "test"]
        .iter()
        .any(|name| event.properties.get(*name) == Some(&serde_json::Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shop::{Id, Product, Record};

    use super::*;
    use crate::{Entry, LogEntry, Snapshot};

    const START: i64 = 1_700_000_000;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn view(actor: &str, product: &str, second: i64) -> Event {
        let mut event = Event::new(EventKind::View, Timestamp::from_seconds(START + second));
        event.session_id = Some(id(actor));
        event.product_id = Some(id(product));
        event
    }

    fn scores(events: impl IntoIterator<Item = Event>) -> BTreeMap<ProductIndex, f32> {
        let products = ["a", "b"].map(|name| {
            let mut product = Product::new(id(name), name.into());
            product.seller = Some("seller".into());
            Entry::Record(Record::Product(product))
        });
        let events = events.into_iter().map(|e| Entry::Record(Record::Event(e)));
        let numbered = (1..).zip(products.into_iter().chain(events));
        let log: Vec<LogEntry> = numbered
            .map(|(sequence, entry)| LogEntry {
                sequence,
                id: sequence.to_string(),
                entry,
            })
            .collect();
        let snapshot = Snapshot::default().apply(&log);
        let now = Timestamp::from_seconds(START + 40 * 86_400);
        snapshot.trends.scores(now).collect()
    }

    #[test]
    fn interest_fades_by_half_in_a_week() {
        let late = view("t", "b", TREND_HALF_LIFE_SECONDS);
        let found = scores([view("s", "a", 0), late]);
        assert!((found[&0] - 0.1).abs() < 1e-5 && (found[&1] - 0.2).abs() < 1e-5);
        // What arrives late counts as of its time.
        let backwards = scores([view("t", "b", TREND_HALF_LIFE_SECONDS), view("s", "a", 0)]);
        assert!((backwards[&0] - found[&0]).abs() < 1e-6);
    }

    #[test]
    fn duplicates_bots_and_the_shop_itself_move_nothing() {
        let honest = || vec![view("s", "a", 0), view("t", "a", 9), view("u", "b", 3)];
        let expected = scores(honest());
        let check = |name: &str, more: Vec<Event>| {
            let found = scores(honest().into_iter().chain(more));
            for (product, score) in &expected {
                assert!((found[product] - score).abs() < 0.01, "{name}: {found:?}");
            }
        };
        // The same wish again, an hour long.
        check(
            "duplicates",
            (0..360).map(|at| view("u", "b", 10 * at)).collect(),
        );
        // A machine that looks at the same and at others, ten times a second.
        let clicks = (0..3_000).map(|at| view("bot", if at % 9 == 0 { "a" } else { "b" }, at / 10));
        check("a bot", clicks.collect());
        let mut own = view("v", "b", 5);
        own.customer_id = Some(id("seller"));
        check("a seller", vec![own]);
        let mut internal = view("w", "b", 6);
        internal.properties.insert("internal".into(), true.into());
        check("staff", vec![internal]);
        let mut nobody = view("x", "b", 7);
        nobody.session_id = None;
        check("nobody", vec![nobody]);
        // Somebody else does.
        assert!(scores(honest().into_iter().chain([view("y", "b", 8)]))[&1] > expected[&1] + 0.1);
    }

    #[test]
    fn a_large_order_is_no_burst() {
        let order = |product: &str, second: i64| {
            let mut line = view("wholesaler", product, second);
            line.kind = EventKind::Purchase;
            line
        };
        let lines = (0..3 * BURST_DEEDS).map(|at| order(if at % 2 == 0 { "a" } else { "b" }, 0));
        let found = scores(lines);
        assert!(found[&0] > 0.01 && found[&0] == found[&1], "{found:?}");
        // As many orders within a minute are no person's.
        let orders = (0..600).map(|at| order("a", at / 10));
        let found = scores(orders.chain([order("b", 9_000)]));
        assert!(
            found.get(&0).is_none_or(|a| *a < 0.1 * found[&1]),
            "{found:?}"
        );
    }

    #[test]
    fn a_stronger_deed_adds_what_it_is_stronger_by() {
        let mut bought = view("s", "a", 60);
        bought.kind = EventKind::Purchase;
        let found = scores([view("s", "a", 0), bought]);
        assert!((found[&0] - 1.0).abs() < 1e-3, "{found:?}");
    }
}
