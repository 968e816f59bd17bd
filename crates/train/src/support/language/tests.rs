use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use corpus::support::{Segment, TEXT_TOKEN};
use models::published::{Publication, write_hugging_face};

use super::*;
use crate::Size;
use shop::Progress;

/// Asks the run to stop after so many steps of the language model.
struct StopAfter<'a> {
    left: AtomicUsize,
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

/// Talks about lamps and kettles, and a text about each.
fn examples() -> Vec<LanguageExample> {
    let segment = |opens, text: String| Segment { opens, text };
    let things = ["lamp", "kettle", "chair", "cup"];
    let colours = ["blue", "red", "white", "black", "green"];
    let mut examples = Vec::new();
    for number in 0..120 {
        let (thing, colour) = (things[number % 4], colours[number % 5]);
        let price = 10 + number % 7;
        let split = match number % 6 {
            0 => Split::Validation,
            _ => Split::Train,
        };
        examples.push(LanguageExample {
            split,
            segments: vec![
                segment(
                    CUSTOMER_TOKEN,
                    format!("what does the {colour} {thing} cost?"),
                ),
                segment(
                    AGENT_TOKEN,
                    format!("the {colour} {thing} costs {price} coins, sent today"),
                ),
            ],
        });
        let text = format!("the {thing} in {colour}: sent today, returned within 30 days");
        examples.push(LanguageExample {
            split,
            segments: vec![segment(TEXT_TOKEN, text)],
        });
    }
    examples
}

struct Setting {
    folder: tempfile::TempDir,
    stop: AtomicBool,
}

impl Setting {
    fn new() -> Setting {
        Setting {
            folder: tempfile::tempdir().unwrap(),
            stop: AtomicBool::new(false),
        }
    }

    /// Trains, and stops after so many advances.
    fn train(
        &self,
        base: Option<&Path>,
        resume: bool,
        steps: usize,
    ) -> Result<Trained, TrainError> {
        self.stop.store(false, Ordering::Relaxed);
        let progress = StopAfter {
            left: AtomicUsize::new(steps),
            stop: &self.stop,
        };
        let job = Job {
            size: Size::Tiny,
            seed: 3,
            base,
            threads: 2,
            folder: self.folder.path(),
            resume,
            stop: &self.stop,
            progress: &progress,
        };
        train(&examples(), &job)
    }

    /// A published model that has seen nothing yet.
    fn published(&self) -> std::path::PathBuf {
        let texts = ["the lamp costs coins", "what is sent today?"];
        let special = ["<|im_start|>", "<|im_end|>"];
        let tokenizer = Tokenizer::train((0..9).flat_map(|_| texts), 300, &special).unwrap();
        let config = TransformerConfig::new(2, 64, 4, 128, tokenizer.vocabulary_size());
        let network = Transformer::new(config, 5).unwrap();
        let publication = Publication {
            name: "small",
            config: network.config(),
            tokenizer: Some(&tokenizer),
            special: &SpecialTokens {
                end: vec![1],
                ..SpecialTokens::default()
            },
            chat_template: None,
        };
        let folder = self.folder.path().join("small");
        write_hugging_face(&folder, &publication, network.tensors()).unwrap();
        folder
    }
}

const NEVER: usize = usize::MAX;

#[test]
fn a_resumed_run_ends_with_the_same_weights() {
    let setting = Setting::new();
    let whole = setting.train(None, false, NEVER).unwrap();
    let stopped = setting.train(None, false, 4);
    assert!(matches!(stopped, Err(TrainError::Stopped)));
    let resumed = setting.train(None, true, NEVER).unwrap();
    let files = |trained: &Trained| trained.language.to_files().unwrap();
    assert!(files(&whole) == files(&resumed));
    let metric = &resumed.metrics[0];
    assert_eq!(metric.value, whole.metrics[0].value);
    assert!(metric.value < metric.baseline, "{metric:?}");
}

#[test]
fn a_base_learns_the_replies_and_keeps_its_form() {
    let setting = Setting::new();
    let base = setting.published();
    let trained = setting.train(Some(&base), false, NEVER).unwrap();
    let beside = (trained.metrics.iter())
        .find(|metric| metric.name == "bits_per_byte_of_base")
        .unwrap();
    assert!(beside.value < beside.baseline, "{beside:?}");
    let form = &trained.language.form;
    assert_eq!(form.base.as_deref(), Some("small"));
    assert_eq!(form.precision, Precision::Int8);
    // The special tokens tell the form of conversations.
    assert_eq!((form.turns.first[0], form.turns.end[0]), (0, 1));
    let serving = LanguageModel::from_files(&trained.language.to_files().unwrap());
    let serving = serving.and_then(LanguageModel::for_serving).unwrap();
    assert!(serving.network.is_quantized());
    // Stopped and resumed, it ends the same; without the base it starts over.
    assert!(setting.train(Some(&base), false, 2).is_err());
    let resumed = setting.train(Some(&base), true, NEVER).unwrap();
    assert!(resumed.language.to_files() == trained.language.to_files());
}

#[test]
fn what_cannot_be_a_base_is_refused() {
    let setting = Setting::new();
    let missing = setting.train(Some(Path::new("nowhere")), false, NEVER);
    let Err(TrainError::Engine(reason)) = missing else {
        panic!("there is nothing");
    };
    assert!(reason.contains("nowhere"), "{reason}");
}
