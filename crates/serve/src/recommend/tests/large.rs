//! In a large catalogue the best are found without scoring all: the list has
//! to be the same as if all had been scored, which a boost of 0 makes happen.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const MANY: u32 = 5_000;
/// The decoder knows so many of them; the others are told by text.
const KNOWN: u32 = 4_900;

fn one(number: u32) -> Product {
    let mut product = Product::new(id(&format!("p{number}")), format!("thing {number}"));
    product.language = Some(["en", "zh"][number as usize % 2].into());
    product.price = Some(Money::new(i64::from(number), Currency::USD));
    if number % 7 == 3 {
        product.availability = Availability::OutOfStock;
    }
    product
}

fn model() -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let walks: Vec<Vec<u32>> = (0..900)
        .map(|_| (0..8).map(|_| random.random_range(0..KNOWN)).collect())
        .collect();
    let lists = neighbours(&walks, MANY as usize, &NeighbourOptions::default());
    let decoder = TransformerConfig::new(1, 16, 1, 50, KNOWN as usize);
    let next = NextItemModel {
        items: MANY as usize,
        decoders: Transformer::new(decoder, 5).into_iter().collect(),
        item_item: vec![ItemItemMember {
            matrix: lists.clone(),
            recency_decay: 0.8,
        }],
        weights: BlendWeights {
            decoder: 0.5,
            item_item: vec![0.5],
        },
    };
    let cold = ItemItemMatrix::from_rows((0..MANY).map(|item| {
        let near = (0..5).filter(|_| item >= KNOWN);
        let near = near.map(|_| random.random_range(0..KNOWN));
        near.map(|place| Scored { place, score: 0.5 }).collect()
    }));
    let ids: Vec<Id> = (0..MANY).map(|number| one(number).id).collect();
    let mut files = next.to_files().unwrap();
    for (name, lists) in [
        (artifact::SIMILAR, lists),
        (
            artifact::TOGETHER,
            ItemItemMatrix::from_rows(vec![Vec::new(); MANY as usize]),
        ),
        (artifact::COLD, cold),
    ] {
        files.insert(name.to_owned(), lists.to_safetensors().unwrap());
    }
    let vocabulary = serde_json::to_vec(&ItemVocabulary::from(ids)).unwrap();
    files.insert(artifact::ITEMS.to_owned(), vocabulary);
    let text = serde_json::to_vec(&TextIndex::default()).unwrap();
    files.insert(artifact::TEXT.to_owned(), text);
    Model::load(&files).unwrap()
}

#[test]
fn the_best_alone_make_the_list_that_all_make() {
    let model = model();
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut reader = Customer::new(id("reader"));
    reader.language = Some("zh".into());
    let products = (0..MANY).map(|number| Entry::Record(Record::Product(one(number))));
    let views = (0..60).map(|minute| {
        let mut view = event(EventKind::View, 0, minute);
        if let Entry::Record(Record::Event(event)) = &mut view {
            event.product_id = Some(id(&format!("p{}", random.random_range(0..MANY))));
            event.customer_id = Some(id(&format!("c{}", minute % 12)));
        }
        view
    });
    let entries = products.chain([Entry::Record(Record::Customer(reader))]);
    let snapshot = applied(entries.chain(views));
    let customers = (0..12).map(|number| format!("c{number}"));
    for customer in customers.chain(["reader".to_owned(), "nobody".to_owned()]) {
        // The last filter uses up the best and goes on with the rest.
        for (limit, filter) in [
            (10, ""),
            (200, ""),
            (20, "price < 2000"),
            (60, "price < 100"),
        ] {
            let request = RecommendRequest {
                customer: Some(id(&customer)),
                limit,
                filter: filter.parse().unwrap(),
                ..RecommendRequest::default()
            };
            let mut of_all = request.clone();
            of_all.controls.boosts.push(Boost {
                filter: Filter::default(),
                by: 0.0,
            });
            let ids = |request: &RecommendRequest| -> Vec<Id> {
                let items = ask(&snapshot, Some(&model), request).unwrap();
                items.into_iter().map(|item| item.id).collect()
            };
            let (found, expected) = (ids(&request), ids(&of_all));
            assert_eq!(found.len(), expected.len(), "{customer} {limit} {filter}");
            // Equal scores may change places where sums are made in another order.
            let same = found.iter().zip(&expected).filter(|(l, r)| l == r).count();
            assert!(
                same * 100 >= found.len() * 97,
                "{customer} {limit} {filter}: {found:?} {expected:?}"
            );
        }
    }
}
