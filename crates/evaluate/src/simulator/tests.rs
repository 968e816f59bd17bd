use std::collections::BTreeSet;

use shop::{EventKind, Kind, Record};

use super::*;

fn small() -> Simulation {
    Simulation {
        products: 300,
        customers: 200,
        events: 5_000,
        reviews: 400,
        conversations: 200,
        ..Simulation::default()
    }
}

#[test]
fn the_same_seed_gives_the_same_shop() {
    let (first, again) = (simulate(&small()), simulate(&small()));
    assert_eq!(first, again);
    let other = simulate(&Simulation { seed: 2, ..small() });
    assert_ne!(first.records.events, other.records.events);
}

#[test]
fn the_counts_are_as_asked() {
    let simulated = simulate(&Simulation::default());
    let count = |kind| simulated.records.count(kind);
    assert_eq!(count(Kind::Products), 2_000);
    assert_eq!(count(Kind::Customers), 3_000);
    assert_eq!(count(Kind::Reviews), 6_000);
    assert_eq!(count(Kind::Conversations), 4_000);
    assert!(
        (90_000..110_000).contains(&count(Kind::Events)),
        "{}",
        count(Kind::Events)
    );
    assert!(count(Kind::Orders) > 3_000, "{}", count(Kind::Orders));
    assert!(count(Kind::Documents) >= 24);
    let kinds: BTreeSet<EventKind> = simulated
        .records
        .events
        .iter()
        .map(|event| event.kind)
        .collect();
    assert!(
        !kinds.contains(&EventKind::Purchase),
        "purchases are orders"
    );
    for kind in [
        EventKind::Search,
        EventKind::Hide,
        EventKind::Refund,
        EventKind::Rating,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    let chinese = simulated.records.products.iter();
    let chinese = chinese
        .filter(|product| product.language.as_deref() == Some("zh"))
        .count();
    assert!((600..1_000).contains(&chinese), "{chinese}");
}

fn all(records: Records) -> Vec<Record> {
    let mut all = Vec::new();
    all.extend(records.products.into_iter().map(Record::Product));
    all.extend(records.customers.into_iter().map(Record::Customer));
    all.extend(records.orders.into_iter().map(Record::Order));
    all.extend(records.events.into_iter().map(Record::Event));
    all.extend(records.reviews.into_iter().map(Record::Review));
    all.extend(records.conversations.into_iter().map(Record::Conversation));
    all.extend(records.documents.into_iter().map(Record::Document));
    all.extend(records.judgements.into_iter().map(Record::Judgement));
    all
}

#[test]
fn every_record_survives_the_wire() {
    let simulation = small();
    let mut ids = BTreeSet::new();
    for record in all(simulate(&simulation).records) {
        let serde_json::Value::Object(row) = record.to_json() else {
            panic!("a record is an object");
        };
        let read = Record::from_json(record.kind(), row, simulation.end);
        assert_eq!(read.as_ref(), Ok(&record));
        if let Some(id) = record.id() {
            assert!(
                ids.insert((record.kind(), id.clone())),
                "{id} is there twice"
            );
        }
    }
}

#[test]
fn what_is_referred_to_exists() {
    let simulation = small();
    let Simulated { records, truth, .. } = simulate(&simulation);
    let products: BTreeSet<&Id> = records.products.iter().map(|product| &product.id).collect();
    let customers: BTreeSet<&Id> = records
        .customers
        .iter()
        .map(|customer| &customer.id)
        .collect();
    for order in &records.orders {
        assert!(customers.contains(&order.customer_id) && order.time <= simulation.end);
        assert!(
            order
                .lines
                .iter()
                .all(|line| products.contains(&line.product_id))
        );
    }
    for event in &records.events {
        assert!(event.time <= simulation.end, "{event:?}");
        assert!(event.product_id.iter().all(|id| products.contains(id)));
        assert!(event.customer_id.iter().all(|id| customers.contains(id)));
    }
    for customer in &records.customers {
        assert!(
            customer
                .referred_by
                .iter()
                .all(|id| customers.contains(id) && *id != customer.id)
        );
    }
    for review in &records.reviews {
        let aspects = &truth.aspects[&review.id];
        assert!(!aspects.is_empty());
        assert!(review.product_id.iter().all(|id| products.contains(id)));
    }
    assert!(
        truth
            .relevant
            .values()
            .all(|grades| grades.keys().all(|id| products.contains(id)))
    );
    let judged: BTreeSet<&String> = records.judgements.iter().map(|row| &row.query).collect();
    assert!(truth.relevant.keys().all(|query| !judged.contains(query)));
}

#[test]
fn no_gap_is_left_unfilled() {
    let records = simulate(&small()).records;
    for conversation in &records.conversations {
        let customer = &conversation.messages[0].text;
        assert!(!customer.contains(['{', '}']), "{customer}");
        let last = &conversation.messages.last().unwrap().text;
        assert!(!last.is_empty(), "{customer}");
    }
    for review in &records.reviews {
        assert!(!review.text.contains(['[', ']', '|']), "{}", review.text);
    }
}

#[test]
fn the_planted_trend_is_there() {
    let Simulated { records, truth, .. } = simulate(&Simulation::default());
    let (aspect, department, from) = truth.trend.unwrap();
    let of_department: BTreeSet<&Id> = records
        .products
        .iter()
        .filter(|product| product.category[0] == department || product.category[0] == "耳机音响")
        .map(|product| &product.id)
        .collect();
    let share = |late: bool| {
        let reviews: Vec<_> = records
            .reviews
            .iter()
            .filter(|review| {
                review
                    .product_id
                    .iter()
                    .all(|id| of_department.contains(id))
            })
            .filter(|review| (review.time >= Some(from)) == late)
            .collect();
        let complaints = reviews.iter().filter(|review| {
            truth.aspects[&review.id].iter().any(|said| {
                said.category.as_deref() == Some(aspect)
                    && said.polarity.as_deref() == Some("negative")
            })
        });
        complaints.count() as f64 / reviews.len() as f64
    };
    assert!(
        share(true) > 3.0 * share(false),
        "{} {}",
        share(true),
        share(false)
    );
}

/// The texts alone, with category, brand and tags taken away, tell in both
/// languages what kind of thing a product is: the like of a cold item are
/// found by what is written about it.
#[test]
fn item_texts_tell_the_kind_in_both_languages() {
    let simulated = simulate(&small());
    let products = &simulated.records.products;
    let text_only = |product: &shop::Product| shop::Product {
        description: product.description.clone(),
        ..shop::Product::new(product.id.clone(), product.title.clone())
    };
    let texts: Vec<shop::Product> = products.iter().map(text_only).collect();
    let index = corpus::recommend::TextIndex::new((0..).zip(&texts));
    for language in ["en", "zh"] {
        let (mut same, mut chance, mut pairs) = (0.0, 0.0, 0.0);
        for (product, text) in products.iter().zip(&texts) {
            if product.language.as_deref() != Some(language) {
                continue;
            }
            let is_other = |other: &shop::Product| {
                other.id != product.id
                    && (product.group_id.is_none() || other.group_id != product.group_id)
            };
            let is_same = |other: &shop::Product| {
                f64::from(u8::from(other.leaf_category() == product.leaf_category()))
            };
            let others = products.iter().filter(|other| is_other(other));
            let (count, alike) = others.fold((0.0, 0.0), |(count, alike), other| {
                (count + 1.0, alike + is_same(other))
            });
            let near = index.alike(text, 20);
            let near = near.iter().map(|alike| &products[alike.place as usize]);
            for other in near.filter(|other| is_other(other)).take(3) {
                same += is_same(other);
                chance += alike / count;
                pairs += 1.0;
            }
        }
        assert!(pairs > 50.0, "{language}: {pairs}");
        let (found, by_chance) = (same / pairs, chance / pairs);
        println!(
            "{language}: {found:.3} of those alike by text are of the kind, {by_chance:.3} by chance"
        );
        assert!(found > 4.0 * by_chance, "{language}: {found} {by_chance}");
    }
}
