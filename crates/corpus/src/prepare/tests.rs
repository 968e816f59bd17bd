use std::io::Read;

use serde_json::{Map, Value, json};
use shop::{EventKind, Kind, Record};

use super::*;
use crate::{CorpusError, PersonalData};

fn records(rows: &[(Kind, Value)]) -> Records {
    let now = "2026-05-01T00:00:00Z".parse().unwrap();
    let mut records = Records::default();
    for (kind, row) in rows {
        let row = row.as_object().unwrap().clone();
        records.push(Record::from_json(*kind, row, now).unwrap());
    }
    records
}

fn small_shop() -> Records {
    let mut rows = vec![
        (
            Kind::Customers,
            json!({"id": "no", "consent": {"training": false}}),
        ),
        (
            Kind::Documents,
            json!({"id": "d1", "title": "Returns", "text": "You may return goods within 30 days. Write to help@example.com."}),
        ),
        (
            Kind::Products,
            json!({"id": "p1", "title": "Green tea", "category": ["Food", "Tea"], "attributes": {"weight": "100 g"}}),
        ),
        (
            Kind::Products,
            json!({"id": "p2", "title": "Iron pot", "language": "en-US"}),
        ),
        (
            Kind::Labelled,
            json!({"text": "call 13812345678", "label": "call"}),
        ),
        (
            Kind::Judgements,
            json!({"query": "tea", "product_id": "p1", "grade": 3}),
        ),
    ];
    for customer in 0..60 {
        let id = format!("c{customer}");
        rows.push((Kind::Reviews, json!({
            "id": format!("r{customer}"), "customer_id": id, "rating": 4, "product_id": "p1",
            "text": format!("Number {customer}: the tea tastes fine, my phone is 1381234{:04}", customer),
        })));
        rows.push((
            Kind::Conversations,
            json!({
                "id": format!("t{customer}"), "customer_id": id, "intent": "returns",
                "messages": [
                    {"role": "customer", "text": format!("Can I return order number {customer}?")},
                    {"role": "agent", "text": "Yes, within 30 days."},
                ],
            }),
        ));
        for day in 0..10 {
            let time = format!("2026-03-{:02}T10:00:00Z", day * 3 + 1);
            rows.push((Kind::Events, json!({
                "type": if day % 2 == 0 { "view" } else { "purchase" }, "time": time, "customer_id": id,
                "product_id": format!("p{day}"), "query": "Tea ",
            })));
        }
    }
    for (kind, row) in [
        (
            Kind::Reviews,
            json!({"id": "rno", "customer_id": "no", "text": "never train on me, please, anywhere"}),
        ),
        (
            Kind::Conversations,
            json!({"id": "tno", "customer_id": "no", "messages": [{"role": "customer", "text": "secret"}]}),
        ),
        (
            Kind::Events,
            json!({"type": "view", "time": "2026-03-01T00:00:00Z", "customer_id": "no", "product_id": "p1"}),
        ),
        (
            Kind::Events,
            json!({"type": "view", "time": "2026-03-01T00:00:00Z", "session_id": "s-no", "customer_id": "no", "product_id": "p1"}),
        ),
        (
            Kind::Events,
            json!({"type": "view", "time": "2026-03-01T00:00:01Z", "session_id": "s-no", "product_id": "p2"}),
        ),
        (
            Kind::Orders,
            json!({"id": "ono", "customer_id": "no", "time": "2026-03-01T00:00:00Z", "lines": [{"product_id": "p1", "quantity": 1}]}),
        ),
        (
            Kind::Events,
            json!({"type": "view", "time": "2026-03-01T00:00:00Z", "session_id": "s1", "product_id": "p1"}),
        ),
        (
            Kind::Events,
            json!({"type": "view", "time": "2026-03-01T00:00:01Z", "session_id": "s1", "product_id": "p1"}),
        ),
        (
            Kind::Events,
            json!({"type": "add_to_cart", "time": "2026-03-01T00:00:02Z", "session_id": "s1", "product_id": "p1"}),
        ),
        (
            Kind::Events,
            json!({"type": "rating", "value": 1, "time": "2026-03-01T00:00:03Z", "session_id": "s1", "product_id": "p2"}),
        ),
    ] {
        rows.push((kind, row));
    }
    records(&rows)
}

fn options() -> PrepareOptions {
    PrepareOptions {
        validation_share: 0.2,
        test_share: 0.2,
        ..PrepareOptions::default()
    }
}

#[test]
fn nothing_of_who_declined_and_nothing_personal_gets_in() {
    let corpus = prepare(&small_shop(), &options());
    let files = corpus.to_files();
    for (name, bytes) in &files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        for forbidden in [
            "never train on me",
            "secret",
            "\"no\"",
            "s-no",
            "help@example.com",
            "138123",
        ] {
            assert!(!text.contains(forbidden), "{forbidden} in {name}");
        }
    }
    let card = &corpus.card;
    assert_eq!(card.customers_without_consent, 1);
    assert_eq!(card.sources["reviews"].rejected_by_consent, 1);
    assert_eq!(card.sources["conversations"].rejected_by_consent, 1);
    assert_eq!(card.sources["sequences"].rejected_by_consent, 4);
    assert_eq!(card.redacted[&PersonalData::Email], 1);
    assert_eq!(card.redacted[&PersonalData::Phone], 61);
    assert_eq!(card.customers, 60);
}

#[test]
fn a_customer_is_in_one_split() {
    let corpus = prepare(&small_shop(), &options());
    let mut splits: BTreeMap<Id, BTreeSet<Split>> = BTreeMap::new();
    let texts = corpus
        .texts
        .iter()
        .map(|text| (text.customer.clone(), text.split));
    let reviews = corpus
        .reviews
        .iter()
        .map(|review| (review.customer.clone(), review.split));
    let talks = corpus
        .dialogues
        .iter()
        .map(|talk| (talk.customer.clone(), talk.split));
    for (customer, split) in texts.chain(reviews).chain(talks) {
        if let Some(customer) = customer {
            splits.entry(customer).or_default().insert(split);
        }
    }
    for sequence in corpus
        .sequences
        .iter()
        .filter(|sequence| !sequence.anonymous)
    {
        splits
            .entry(sequence.customer.clone())
            .or_default()
            .insert(sequence.split);
    }
    assert_eq!(splits.len(), 60);
    assert!(
        splits.values().all(|splits| splits.len() == 1),
        "{splits:?}"
    );
    let held_out = splits
        .values()
        .filter(|splits| !splits.contains(&Split::Train))
        .count();
    assert!((10..40).contains(&held_out), "{held_out}");
}

#[test]
fn sequences_are_cut_by_time() {
    let corpus = prepare(&small_shop(), &options());
    let split = corpus.time_split;
    assert!(split.validation_from.unwrap() < split.test_from.unwrap());
    let known = corpus
        .sequences
        .iter()
        .find(|sequence| !sequence.anonymous)
        .unwrap();
    assert_eq!(known.items.len(), 10);
    assert!(known.items.is_sorted_by_key(|(_, _, time)| *time));
    let held_out = known
        .items
        .iter()
        .filter(|(_, _, time)| split.of(*time) == Split::Test);
    assert_eq!(held_out.count(), 2);
    let visits: Vec<_> = corpus
        .sequences
        .iter()
        .filter(|sequence| sequence.anonymous)
        .collect();
    assert_eq!(visits.len(), 1);
    assert_eq!(visits[0].items.len(), 1);
    assert_eq!(visits[0].items[0].1, EventKind::AddToCart);
    let tea = corpus
        .query_clicks
        .iter()
        .find(|click| click.query == "tea")
        .unwrap();
    assert_eq!((tea.count, tea.customers.len()), (60, 60));
}

#[test]
fn a_declared_side_is_kept_and_repetitions_leave_training() {
    let question = |id: &str, split: &str, text: &str| {
        (
            Kind::Conversations,
            json!({"id": id, "split": split, "messages": [
            {"role": "customer", "text": text}, {"role": "agent", "text": "Use the form."}]}),
        )
    };
    let corpus = prepare(
        &records(&[
            question("a", "train", "How do I cancel?"),
            question("b", "test", "how do I cancel"),
            question("c", "train", "How can one cancel?"),
        ]),
        &options(),
    );
    let kept: Vec<(&str, Split)> = corpus
        .dialogues
        .iter()
        .map(|talk| (talk.id.as_str(), talk.split))
        .collect();
    assert_eq!(kept, [("c", Split::Train), ("b", Split::Test)]);
    assert_eq!(corpus.card.sources["conversations"].exact_duplicates, 1);
}

#[test]
fn what_the_assistant_said_teaches_nothing() {
    let talk = json!({"id": "a", "messages": [
        {"role": "customer", "text": "Do you have lamps?"},
        {"role": "agent", "text": "A lamp for 5 USD.", "decision_id": "d1"},
        {"role": "customer", "text": "Any other?"},
        {"role": "agent", "text": "The arc lamp."}]});
    let corpus = prepare(&records(&[(Kind::Conversations, talk)]), &options());
    let turns = corpus.dialogues[0].turns.iter();
    let said: Vec<&str> = turns.map(|(_, text)| text.as_str()).collect();
    assert_eq!(said, ["Do you have lamps?", "Any other?", "The arc lamp."]);
}

#[test]
fn files_round_trip_and_are_guarded() {
    let corpus = prepare(&small_shop(), &options());
    let files = corpus.to_files();
    assert_eq!(prepare(&small_shop(), &options()).to_files(), files);
    let read = Corpus::from_files(&files).unwrap();
    assert_eq!(read.to_files(), files);
    assert_eq!(
        Corpus {
            card: corpus.card.clone(),
            ..read
        },
        corpus
    );
    let listed: Vec<String> =
        serde_json::from_slice(&files["reviews.train.00000.customers.json"]).unwrap();
    let mut expected: Vec<String> = corpus
        .reviews
        .iter()
        .filter(|review| review.split == Split::Train)
        .map(|review| review.customer.as_ref().unwrap().to_string())
        .collect();
    expected.sort();
    assert_eq!(listed, expected);
    let mut damaged = files.clone();
    damaged.get_mut("texts.train.00000.jsonl").unwrap()[5] ^= 1;
    assert!(matches!(
        Corpus::from_files(&damaged),
        Err(CorpusError::Damaged { .. })
    ));
    let mut short = files;
    short.remove("texts.train.00000.jsonl");
    assert!(matches!(
        Corpus::from_files(&short),
        Err(CorpusError::Missing(_))
    ));
}

#[test]
fn an_empty_shop_is_an_empty_corpus() {
    let corpus = prepare(&Records::default(), &PrepareOptions::default());
    assert_eq!(Corpus::from_files(&corpus.to_files()).unwrap().texts, []);
}

/// The records of shared files.
fn shared(files: &[(&str, Kind)]) -> Option<Records> {
    let now = "2026-05-01T00:00:00Z".parse().unwrap();
    let mut records = Records::default();
    for (file, kind) in files {
        let packed = std::fs::File::open(crate::test_data::shared(file)?).unwrap();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(packed)
            .read_to_string(&mut text)
            .unwrap();
        for line in text.lines() {
            let row: Map<String, Value> = serde_json::from_str(line).unwrap();
            records.push(Record::from_json(*kind, row, now).unwrap());
        }
    }
    Some(records)
}

#[test]
fn real_texts_have_their_languages() {
    let Some(mut records) = shared(&[
        ("adventureworks/products.jsonl.gz", Kind::Products),
        ("litemall/reviews.jsonl.gz", Kind::Reviews),
        ("womens-clothing/reviews.jsonl.gz", Kind::Reviews),
    ]) else {
        return;
    };
    let mut told: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong: BTreeMap<(String, String), usize> = BTreeMap::new();
    let texts = records
        .reviews
        .iter()
        .map(|review| (&review.language, Some(&review.text)));
    let texts = texts.chain(
        records
            .products
            .iter()
            .map(|product| (&product.language, product.description.as_ref())),
    );
    for (language, text) in texts {
        let (Some(language), Some(text)) = (language, text) else {
            continue;
        };
        let found = detect_language(text).unwrap_or("und");
        let counts = told.entry(language.clone()).or_default();
        counts.0 += 1;
        counts.1 += usize::from(found == language);
        if found != language {
            *wrong
                .entry((language.clone(), found.to_owned()))
                .or_default() += 1;
        }
    }
    println!("languages: {told:?}\nwrong: {wrong:?}");
    for (language, (all, right)) in &told {
        assert!(
            *right as f64 >= 0.96 * *all as f64,
            "{language}: {right}/{all}"
        );
    }
    records.customers.clear();
    let corpus = prepare(&records, &PrepareOptions::default());
    println!("{:?}", corpus.card.sources["reviews"]);
    assert!(corpus.card.sources["reviews"].kept > 20_000);
}

#[test]
fn real_questions_stay_as_variants() {
    let Some(records) = shared(&[
        ("bitext/conversations.jsonl.gz", Kind::Conversations),
        ("uci-online-retail/orders.jsonl.gz", Kind::Orders),
        ("uci-online-retail/events.jsonl.gz", Kind::Events),
    ]) else {
        return;
    };
    let corpus = prepare(&records, &PrepareOptions::default());
    let card = &corpus.card.sources["conversations"];
    assert!(card.kept > 5_500, "{card:?}");
    assert!(
        corpus
            .dialogues
            .iter()
            .filter(|talk| talk.split == Split::Test)
            .count()
            > 1_300
    );
    assert!(corpus.sequences.len() > 3_000);
    // Order numbers in questions are no personal data.
    let alarms = records.conversations.iter().filter(|talk| {
        let redacted = redact(&talk.messages[0].text);
        if !redacted.found.is_empty() {
            println!("{:?} in {}", redacted.found, talk.messages[0].text);
        }
        !redacted.found.is_empty()
    });
    assert!(alarms.count() < 10);
}

#[test]
fn catalogues_hold_no_personal_data() {
    let Some(records) = shared(&[
        ("chorus/products.jsonl.gz", Kind::Products),
        ("aws-retail-demo-store/products.jsonl.gz", Kind::Products),
        ("litemall/products.jsonl.gz", Kind::Products),
    ]) else {
        return;
    };
    let mut alarms = 0;
    for product in &records.products {
        let text = product_text(product);
        let redacted = redact(&text);
        if redacted.text != text {
            alarms += 1;
            let at = redacted.text.find('[').unwrap_or_default();
            println!(
                "{:?} {:.80}",
                redacted.found,
                &redacted.text[redacted.text.floor_char_boundary(at.saturating_sub(30))..]
            );
        }
    }
    println!("{alarms} alarms in {} products", records.products.len());
    assert!(alarms * 1_000 < records.products.len(), "{alarms}");
}
