use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use corpus::TimeSplit;
use shop::Product;

use super::*;
use crate::Size;
use shop::Progress;

/// Asks the run to stop after so many advances.
struct StopAfter<'a> {
    left: std::sync::atomic::AtomicUsize,
    stop: &'a AtomicBool,
}

impl Progress for StopAfter<'_> {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
    fn end(&self, _: &str) {}
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

fn id(text: String) -> Id {
    Id::new(&text).unwrap()
}

/// Customers who walk along one of six aisles of five products, one a day.
fn corpus() -> Corpus {
    let product = |number: usize| {
        let mut product = Product::new(id(format!("p{number}")), format!("thing {number}"));
        product.category = vec![format!("aisle {}", number / 5)];
        product
    };
    let walk = |customer: usize| {
        let at = |step: usize| {
            let product = customer % 6 * 5 + (customer / 6 + step) % 5;
            let day = (customer % 9 + 2 * step) as i64;
            let time = Timestamp::from_seconds(1_000_000_000 + 86_400 * day);
            (id(format!("p{product}")), EventKind::Purchase, time)
        };
        InteractionSequence {
            customer: id(format!("c{customer:03}")),
            anonymous: false,
            items: (0..4).map(at).collect(),
            split: Split::Train,
        }
    };
    let mut corpus = Corpus {
        products: (0..32).map(product).collect(),
        sequences: (0..240).map(walk).collect(),
        ..Corpus::default()
    };
    let items = corpus.sequences.iter().flat_map(|sequence| &sequence.items);
    let mut times: Vec<Timestamp> = items.map(|(_, _, time)| *time).collect();
    times.sort();
    corpus.time_split = TimeSplit::of_sorted_times(&times, 0.15, 0.15);
    corpus
}

fn run(
    corpus: &Corpus,
    folder: &Path,
    resume: bool,
    stop: &AtomicBool,
    progress: &dyn Progress,
) -> Result<Trained, TrainError> {
    train(corpus, &job(folder, resume, stop, progress))
}

fn job<'a>(
    folder: &'a Path,
    resume: bool,
    stop: &'a AtomicBool,
    progress: &'a dyn Progress,
) -> Job<'a> {
    Job {
        size: Size::Tiny,
        seed: 3,
        base: None,
        threads: 2,
        folder,
        resume,
        stop,
        progress,
    }
}

#[test]
fn it_beats_what_is_popular_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let never = AtomicBool::new(false);
    for by_time in [true, false] {
        let mut corpus = corpus();
        if !by_time {
            corpus.time_split = TimeSplit::default();
        }
        let trained = run(&corpus, folder.path(), false, &never, &Silent).unwrap();
        for metric in &trained.metrics {
            assert!(metric.value > metric.baseline, "{metric:?}");
        }
        assert_eq!(trained.metrics.len(), 2);
        // Measured again on the same customers it has the same figures: what it
        // has counted since is not used.
        let job = job(folder.path(), false, &never, &Silent);
        let again = evaluate(&corpus, &trained.files, &job).unwrap();
        for (again, before) in again.iter().zip(&trained.metrics) {
            assert!(
                (again.value - before.value).abs() < 1e-6,
                "{again:?} {before:?}"
            );
            assert_eq!(again.baseline, before.baseline);
        }
        // A catalogue that has grown and lost changes numbers, not products.
        let mut later = corpus.clone();
        later.products.remove(31);
        let extra = Product::new(id("p00".into()), "another thing".into());
        later.products.insert(0, extra);
        let again = evaluate(&later, &trained.files, &job).unwrap();
        assert!(
            (again[0].value - trained.metrics[0].value).abs() < 0.05,
            "{again:?}"
        );
        let card: serde_json::Value =
            serde_json::from_slice(&trained.files[artifact::CARD]).unwrap();
        assert_eq!(card["held_out"] == "the last days", by_time);
        assert_eq!(card["products"], 32);
        let model = NextItemModel::from_files(&trained.files).unwrap();
        assert_eq!(model.items, 32);
        // Nobody touched the last two: their aisle tells where they belong.
        let vocabulary: ItemVocabulary =
            serde_json::from_slice(&trained.files[artifact::ITEMS]).unwrap();
        let cold = ItemItemMatrix::from_safetensors(&trained.files[artifact::COLD], 32).unwrap();
        let untouched = vocabulary.place(&id("p31".into())).unwrap();
        assert!(untouched >= 30);
        assert_eq!(cold.row(0).count(), 0);
    }
}

#[test]
fn stopped_and_resumed_gives_the_same_files() {
    let corpus = corpus();
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let unbroken = run(&corpus, folder.path(), false, &stop, &Silent).unwrap();
    let other = tempfile::tempdir().unwrap();
    let watch = StopAfter {
        left: 3.into(),
        stop: &stop,
    };
    let stopped = run(&corpus, other.path(), false, &stop, &watch);
    assert!(matches!(stopped, Err(TrainError::Stopped)));
    assert!(other.path().join("recommend.checkpoint").exists());
    stop.store(false, Ordering::Relaxed);
    let resumed = run(&corpus, other.path(), true, &stop, &Silent).unwrap();
    assert!(resumed == unbroken);
}

#[test]
fn too_little_is_said_and_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let never = AtomicBool::new(false);
    let refused = run(&Corpus::default(), folder.path(), false, &never, &Silent);
    assert!(matches!(refused, Err(TrainError::NoData { .. })));
}
