use std::sync::atomic::AtomicBool;

use shop::{Id, Product, Timestamp};

use super::*;
use shop::Progress;

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn run(corpus: &Corpus) -> Result<Trained, TrainError> {
    with_job(|job| train(corpus, job))
}

fn with_job<T>(work: impl FnOnce(&Job<'_>) -> T) -> T {
    let stop = AtomicBool::new(false);
    work(&Job {
        size: Size::Tiny,
        seed: 7,
        base: None,
        threads: 2,
        folder: &std::env::temp_dir(),
        resume: false,
        stop: &stop,
        progress: &Silent,
    })
}

#[test]
fn measured_again_on_the_same_queries_it_has_the_same_figures() {
    let corpus = corpus();
    let trained = run(&corpus).unwrap();
    assert!(!trained.metrics.is_empty());
    // So few queries teach the ranker that serves as well: it is not the one
    // that is measured.
    assert!(trained.files.contains_key(MEASURED_RANKER));
    let again = with_job(|job| evaluate(&corpus, &trained.files, job)).unwrap();
    assert_eq!(again, trained.metrics);
    let mut damaged = trained.files.clone();
    damaged.insert(TREES.to_owned(), b"{".to_vec());
    assert!(with_job(|job| evaluate(&corpus, &damaged, job)).is_err());
}

/// A shop whose customers want the thing itself, while BM25 prefers what
/// speaks of it most often.
fn corpus() -> Corpus {
    let things = [
        "lamp", "chair", "table", "mirror", "carpet", "pillow", "vase", "clock", "shelf", "stool",
        "bucket", "ladder", "hammer", "kettle", "toaster", "blender", "grill", "tent", "scarf",
        "jacket",
    ];
    let mut corpus = Corpus::default();
    for thing in things {
        let mut accessory = Product::new(id(&format!("{thing}-cover")), format!("{thing} cover"));
        accessory.description = Some(format!("{thing} {thing} {thing}: for every {thing}"));
        accessory.category = vec!["Covers".into()];
        let mut real = Product::new(id(thing), format!("Solid {thing} of good make and colour"));
        real.category = vec!["Things".into(), thing.into()];
        for product in [accessory, real] {
            corpus.products.push(product);
        }
        corpus.query_clicks.push(corpus::QueryClick {
            query: thing.into(),
            product: id(thing),
            weight: 3.0,
            count: 6,
            time: Timestamp::from_seconds(1_700_000_000),
            customers: (0..6).map(|n| id(&format!("c{n}"))).collect(),
            split: if thing < "h" {
                Split::Test
            } else {
                Split::Train
            },
        });
    }
    corpus
}

#[test]
fn the_learnt_order_is_better_than_bm25_on_unseen_queries() {
    let trained = run(&corpus()).unwrap();
    let of = |name: &str| {
        trained
            .metrics
            .iter()
            .find(|metric| metric.name == name)
            .unwrap()
    };
    let cold = of("ndcg@10_without_clicks");
    assert!(cold.baseline < 0.8, "{cold:?}");
    assert!(cold.value > 0.95, "{cold:?}");
    assert!(of("ndcg@10").value >= cold.value);
}

#[test]
fn the_same_seed_gives_the_same_files() {
    assert_eq!(run(&corpus()).unwrap(), run(&corpus()).unwrap());
}

#[test]
fn without_a_log_the_default_weights_stand() {
    let corpus = Corpus {
        query_clicks: Vec::new(),
        ..corpus()
    };
    let trained = run(&corpus).unwrap();
    let ranker: Ranker = serde_json::from_slice(&trained.files["ranker.json"]).unwrap();
    assert_eq!(ranker, Ranker::default());
    assert!(trained.metrics.is_empty());
    assert!(matches!(
        run(&Corpus::default()),
        Err(TrainError::NoData { .. })
    ));
}

#[test]
fn judgements_teach_as_well() {
    let mut corpus = corpus();
    corpus.judgements = corpus
        .query_clicks
        .drain(..)
        .map(|click| {
            let row = json!({"query": click.query, "product_id": click.product, "grade": 3});
            let serde_json::Value::Object(row) = row else {
                panic!("a row is an object");
            };
            let now = Timestamp::from_seconds(1_700_000_000);
            match shop::Record::from_json(shop::Kind::Judgements, row, now).unwrap() {
                shop::Record::Judgement(judgement) => judgement,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let trained = run(&corpus).unwrap();
    assert!(trained.metrics[0].value > trained.metrics[0].baseline);
}

#[test]
fn graded_lists_weigh_as_much_as_clicked_ones() {
    let list = |judged| QueryGroup {
        weight: 1.0,
        judged,
        ..QueryGroup::default()
    };
    let weighed = |clicked: usize, judged: usize| {
        let clicked = std::iter::repeat_n(false, clicked);
        let judged = std::iter::repeat_n(true, judged);
        let mut lists: Vec<QueryGroup> = clicked.chain(judged).map(list).collect();
        weigh(&mut lists);
        let (judged, clicked): (Vec<_>, Vec<_>) = lists.iter().partition(|list| list.judged);
        [clicked, judged].map(|lists| lists.iter().map(|list| list.weight).sum::<f64>())
    };
    assert_eq!(weighed(80, 10), [80.0, 80.0]);
    // One graded list does not outweigh a whole log, and none loses weight.
    assert_eq!(weighed(1_000, 1), [1_000.0, MOST_WEIGHT]);
    assert_eq!(weighed(2, 10), [2.0, 10.0]);
    assert_eq!(weighed(0, 10), [0.0, 10.0]);
}
