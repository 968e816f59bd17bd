use corpus::insight::Theme;
use models::linear::{LinearClassifier, LinearOptions};
use models::naive_bayes::NaiveBayes;
use models::text_blend::{Mixture, TextBlend};
use shop::{Record, Review};
use store::{Entry, LogEntry, Snapshot};

use super::*;

fn model() -> Model {
    let good = [
        "great quality",
        "lovely fabric",
        "fast delivery",
        "fits well",
        "very happy",
    ];
    let bad = [
        "poor quality",
        "itchy fabric",
        "late delivery",
        "broke at once",
        "very unhappy",
    ];
    let mut rows = Vec::new();
    for _ in 0..20 {
        rows.extend(good.iter().map(|text| (*text, 2)));
        rows.extend(bad.iter().map(|text| (*text, 0)));
        rows.push(("it is okay", 1));
    }
    let classes = Polarity::ALL
        .iter()
        .map(|polarity| polarity.name().to_owned())
        .collect();
    let classifier = LinearClassifier::train(&rows, classes, &LinearOptions::default()).unwrap();
    let theme = |name: &str| Theme {
        id: format!("en-{name}"),
        name: name.into(),
        language: "en".into(),
        terms: vec![name.into()],
    };
    let counted = rows
        .iter()
        .map(|(text, class)| (corpus::words(text), *class));
    let bayes = NaiveBayes::train(counted, 3);
    let blend = TextBlend::new(classifier, bayes, Mixture::linear_only(3)).unwrap();
    Model::new(blend, vec![theme("delivery"), theme("fabric")])
}

fn snapshot(texts: &[&str]) -> Snapshot {
    let entries: Vec<LogEntry> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let row = serde_json::json!({
                "id": at, "text": text, "language": "en", "time": "2026-05-01T00:00:00Z",
            });
            let now = "2026-06-01T00:00:00Z".parse().unwrap();
            let row = row.as_object().unwrap().clone();
            let record = Record::from_json(shop::Kind::Reviews, row, now).unwrap();
            LogEntry {
                sequence: at as u64 + 1,
                id: at.to_string(),
                entry: Entry::Record(record),
            }
        })
        .collect();
    Snapshot::default().apply(&entries)
}

fn ask(snapshot: &Snapshot, request: &InsightRequest) -> Result<Insights, ServeError> {
    let model = model();
    let scores = score(snapshot, &model, None);
    let context = Context {
        snapshot,
        decision_id: Id::new("d").unwrap(),
        now: Timestamp::from_seconds(0),
        seed: 0,
    };
    insights(&context, &model, &scores, request).map(|decision| decision.content)
}

#[test]
fn each_clause_has_its_own_feeling_and_its_quote() {
    let text = "Lovely fabric, but the late delivery was a pain.";
    let found = ask(
        &snapshot(&[text, "The fabric is lovely"]),
        &InsightRequest::default(),
    )
    .unwrap();
    assert_eq!(found.reviews, 2);
    let fabric = found
        .themes
        .iter()
        .find(|theme| theme.id == "en-fabric")
        .unwrap();
    assert_eq!((fabric.count, fabric.feelings.positive), (2, 2));
    let delivery = found
        .themes
        .iter()
        .find(|theme| theme.id == "en-delivery")
        .unwrap();
    assert_eq!((delivery.count, delivery.feelings.negative), (1, 1));
    assert!(text.contains(&delivery.quotes[0].text));
    assert_eq!(delivery.quotes[0].review_id.as_str(), "0");
}

#[test]
fn counts_add_up_and_filters_hold() {
    let shop = snapshot(&["great quality", "poor quality", "okay"]);
    let found = ask(&shop, &InsightRequest::default()).unwrap();
    assert_eq!(found.feelings.sum(), found.reviews);
    let in_weeks: u32 = found.by_week.iter().map(|week| week.feelings.sum()).sum();
    assert_eq!(in_weeks, 3);
    let later = InsightRequest {
        from: Some("2026-05-02T00:00:00Z".parse().unwrap()),
        ..InsightRequest::default()
    };
    assert_eq!(ask(&shop, &later).unwrap().reviews, 0);
    let unknown = InsightRequest {
        product: Some(Id::new("x").unwrap()),
        ..later.clone()
    };
    assert!(matches!(
        ask(&shop, &unknown),
        Err(ServeError::UnknownProduct(_))
    ));
    let backwards = InsightRequest {
        to: later.from,
        ..later
    };
    assert_eq!(ask(&shop, &backwards).unwrap().reviews, 0);
}

#[test]
fn a_changed_review_is_scored_anew_and_the_others_are_kept() {
    let model = model();
    let first = snapshot(&["great quality", "poor quality"]);
    let scores = score(&first, &model, None);
    let mut changed: Review = (*first.reviews[&Id::new("1").unwrap()]).clone();
    changed.text = "great quality".into();
    let second = first.apply(&[LogEntry {
        sequence: 3,
        id: "3".into(),
        entry: Entry::Record(Record::Review(changed)),
    }]);
    let again = score(&second, &model, Some(&scores));
    let of = |scores: &Scores, id: &str| scores.get(&Id::new(id).unwrap()).unwrap().clone();
    assert!(std::sync::Arc::ptr_eq(&of(&scores, "0"), &of(&again, "0")));
    assert_eq!(of(&again, "1").polarity, Polarity::Positive);
}
