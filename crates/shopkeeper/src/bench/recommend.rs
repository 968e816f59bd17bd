//! `bench recommend`: next-item recommendation on sequences. The last item of
//! each user tests, the one before it validates; all items that the user has
//! not seen are ranked; at test time the model reads all but the last item.

mod read;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use evaluate::metrics::{coverage, mean};
use models::ease::Ease;
use models::next_item::{Example, Judged, ListVoice, NextItemModel, VoiceWeights, judge};
use serde_json::{Value, json};
use train::Size;
use train::recommend::{FitOptions, Holdout, ListChoice, ease_fits, ease_lambdas, fit, weigh};

use read::Data;

/// Next-item recommendation on sequences.
#[derive(Debug, Args)]
pub struct RecommendArguments {
    /// A line per user: user, then item ids in the order of time, blanks
    /// between; or orders or events as JSON Lines. Plain or .gz.
    #[arg(long, value_name = "FILE")]
    pub sequences: PathBuf,
    /// Products as JSON Lines: those that nobody touched count for coverage.
    #[arg(long, value_name = "FILE")]
    pub items: Option<PathBuf>,
    /// How many seeds to train with.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub seeds: u64,
    /// Hold out the last days of the whole log instead of the last item of
    /// each user; needs times, which only JSON Lines have.
    #[arg(long)]
    pub time_split: bool,
    /// How much effort.
    #[arg(long, hide = true, default_value = "small")]
    pub size: Effort,
}

/// How much effort a model is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Effort {
    Tiny,
    Small,
    Base,
}

impl From<Effort> for Size {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::Tiny => Self::Tiny,
            Effort::Small => Self::Small,
            Effort::Base => Self::Base,
        }
    }
}

/// Figures of one way of ranking.
#[derive(Debug, Clone, Copy)]
struct Figures {
    recall: f64,
    ndcg: f64,
    mrr: f64,
    coverage: f64,
}

/// What all seeds share.
struct Bench {
    data: Data,
    holdout: Holdout,
    items: usize,
    choice: ListChoice,
    training_lists: Vec<ListVoice>,
    test_lists: Vec<ListVoice>,
    threads: usize,
    size: Size,
}

/// One seed's model: the decoder alone, and with the lists beside it.
struct SeedResult {
    blend: Figures,
    single: Figures,
    epochs: usize,
    weights: VoiceWeights,
}

/// Measures next-item recommendation.
pub fn run(arguments: &RecommendArguments) -> anyhow::Result<Value> {
    let data = Data::read(&arguments.sequences, arguments.items.as_deref())?;
    let (holdout, protocol) = data.hold_out(arguments.time_split);
    if holdout.test.is_empty() || holdout.validation.is_empty() {
        bail!(
            "{}: no user has the three items that a test needs",
            arguments.sequences.display()
        );
    }
    eprintln!(
        "{} users, {} items, {} interactions; {} users are tested: {protocol}",
        data.sequences.len(),
        data.items(),
        data.sequences.iter().map(Vec::len).sum::<usize>(),
        holdout.test.len(),
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let items = data.items();
    eprintln!("choosing item-to-item lists on validation");
    let (choice, training_lists) =
        ListChoice::choose(&holdout.training, &holdout.validation, items, threads);
    if ease_fits(items) {
        eprintln!("solving EASE");
    } else {
        eprintln!("{}", ease_skipped(items));
    }
    let ease = choice.ease(&holdout.histories, items, threads);
    let bench = Bench {
        // What validated belongs to the history when it comes to the test.
        test_lists: choice.voices(&holdout.histories, items, ease.as_ref()),
        training_lists,
        data,
        holdout,
        items,
        choice,
        threads,
        size: arguments.size.into(),
    };
    let popular = bench.popular();
    let ease = bench.ease(ease);
    let mut results = Vec::new();
    for seed in 1..=arguments.seeds {
        results.push(bench.seed(seed)?);
    }
    table(&popular, ease.as_ref(), &results);
    let of = |figure: fn(&SeedResult) -> f64| summary(&results, figure);
    Ok(json!({
        "recall@10": of(|result| result.blend.recall),
        "ndcg@10": of(|result| result.blend.ndcg),
        "mrr@10": of(|result| result.blend.mrr),
        "coverage": of(|result| result.blend.coverage),
        "single": {
            "recall@10": of(|result| result.single.recall),
            "ndcg@10": of(|result| result.single.ndcg),
            "mrr@10": of(|result| result.single.mrr),
            "coverage": of(|result| result.single.coverage),
        },
        "popular": object(&popular),
        "ease": ease.as_ref().map_or_else(
            || json!({"skipped": ease_skipped(bench.items)}),
            object,
        ),
        "protocol": protocol,
        "seeds": arguments.seeds,
        "users": bench.holdout.test.len(),
        "items": bench.items,
        "lists": bench.choice,
        "weights": results.iter().map(|result| &result.weights).collect::<Vec<_>>(),
        "epochs": results.iter().map(|result| result.epochs).collect::<Vec<_>>(),
    }))
}

impl Bench {
    fn figures(&self, judged: &Judged) -> Figures {
        Figures {
            recall: judged.figures.recall(),
            ndcg: judged.figures.ndcg(),
            mrr: judged.figures.mrr(),
            coverage: coverage([judged.shown.as_slice()], self.data.catalogue),
        }
    }

    fn judge(&self, score: impl Fn(&[u32], &mut [f32]) + Sync) -> Figures {
        self.figures(&judge(&self.holdout.test, self.items, self.threads, score))
    }

    /// The same list for everybody.
    fn popular(&self) -> Figures {
        let mut counts = vec![0.0_f32; self.items];
        for &item in self.holdout.histories.iter().flatten() {
            counts[item as usize] += 1.0;
        }
        self.judge(|_, scores| scores.copy_from_slice(&counts))
    }

    /// EASE as it was published: all weights, every item of the history alike,
    /// regularised as is best for it so. `solved` is that of the lists.
    fn ease(&self, solved: Option<Ease>) -> Option<Figures> {
        let score = |ease: &Ease, examples: &[Example]| {
            let add = |history: &[u32], scores: &mut [f32]| ease.add_scores(history, scores);
            judge(examples, self.items, self.threads, add)
        };
        let solve = |sequences: &[Vec<u32>], lambda: f32| {
            Ease::fit(sequences, self.items, lambda, self.threads)
        };
        let mut solved = solved?;
        let lambdas = ease_lambdas(self.items);
        if lambdas.len() > 1 {
            let mut best = (f64::NEG_INFINITY, 0.0);
            for &lambda in lambdas {
                let ease = solve(&self.holdout.training, lambda)?;
                let found = score(&ease, &self.holdout.validation).figures.ndcg();
                if found > best.0 {
                    best = (found, lambda);
                }
            }
            solved = solve(&self.holdout.histories, best.1)?;
        }
        Some(self.figures(&score(&solved, &self.holdout.test)))
    }

    fn seed(&self, seed: u64) -> anyhow::Result<SeedResult> {
        let options = FitOptions {
            threads: self.threads,
            seed,
            ..FitOptions::for_data(self.size, &self.holdout.training, self.items)
        };
        let (training, validation) = (&self.holdout.training, &self.holdout.validation);
        let fitted = fit(training, validation, self.items, &options, &mut |epoch| {
            if let Some(validation) = epoch.validation {
                eprintln!(
                    "seed {seed}, epoch {}: loss {:.3}, validation NDCG@10 {validation:.4}",
                    epoch.done, epoch.loss
                );
            }
        })?;
        let lists = self.training_lists.clone();
        let mut model = NextItemModel {
            items: self.items,
            decoder: Some(fitted.decoder),
            weights: VoiceWeights {
                decoder: 1.0,
                lists: vec![0.0; lists.len()],
            },
            lists,
        };
        let single = self.judge(|history, scores| model.score(history, scores));
        weigh(&mut model, validation, seed, self.threads);
        model.lists = self.test_lists.clone();
        let blend = self.judge(|history, scores| model.score(history, scores));
        Ok(SeedResult {
            blend,
            single,
            epochs: fitted.epochs,
            weights: model.weights,
        })
    }
}

fn ease_skipped(items: usize) -> String {
    format!("EASE left out: its matrix of {items} x {items} would take more than 1.5 GB")
}

fn object(figures: &Figures) -> Value {
    json!({
        "recall@10": figures.recall,
        "ndcg@10": figures.ndcg,
        "mrr@10": figures.mrr,
        "coverage": figures.coverage,
    })
}

fn summary(results: &[SeedResult], figure: fn(&SeedResult) -> f64) -> Value {
    let per_seed: Vec<f64> = results.iter().map(figure).collect();
    json!({"mean": mean(&per_seed), "per_seed": per_seed})
}

fn table(popular: &Figures, ease: Option<&Figures>, results: &[SeedResult]) {
    let mut table =
        crate::table::with_headings(&["ranked by", "recall@10", "ndcg@10", "mrr@10", "coverage"]);
    let mut row = |name: &str, figures: &Figures| {
        table.add_row([
            name.to_owned(),
            format!("{:.4}", figures.recall),
            format!("{:.4}", figures.ndcg),
            format!("{:.4}", figures.mrr),
            format!("{:.3}", figures.coverage),
        ]);
    };
    row("popular", popular);
    if let Some(ease) = ease {
        row("EASE", ease);
    }
    for (seed, result) in (1..).zip(results) {
        row(&format!("decoder alone, seed {seed}"), &result.single);
        row(&format!("model, seed {seed}"), &result.blend);
    }
    if results.len() > 1 {
        let average = |figures: fn(&SeedResult) -> Figures| {
            let of = |figure: fn(&Figures) -> f64| {
                let values: Vec<f64> = results.iter().map(|r| figure(&figures(r))).collect();
                mean(&values)
            };
            Figures {
                recall: of(|f| f.recall),
                ndcg: of(|f| f.ndcg),
                mrr: of(|f| f.mrr),
                coverage: of(|f| f.coverage),
            }
        };
        row("decoder alone, mean", &average(|result| result.single));
        row("model, mean", &average(|result| result.blend));
    }
    eprintln!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_is_measured_from_end_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sequences.txt");
        let line = |user: usize| {
            let item = |step: usize| format!("i{}", user % 5 * 6 + (user / 5 + step) % 6);
            let items: Vec<String> = (0..5).map(item).collect();
            format!("u{user} {}\n", items.join(" "))
        };
        std::fs::write(&file, (0..60).map(line).collect::<String>()).unwrap();
        let arguments = RecommendArguments {
            sequences: file,
            items: None,
            seeds: 2,
            time_split: true,
            size: Effort::Tiny,
        };
        let found = run(&arguments).unwrap();
        assert!(found["recall@10"]["mean"].as_f64().unwrap() > 0.9);
        assert_eq!(found["recall@10"]["per_seed"].as_array().unwrap().len(), 2);
        for key in ["popular", "ease"] {
            assert!(found[key]["ndcg@10"].as_f64().is_some(), "{key}");
        }
        assert!(found["single"]["ndcg@10"]["mean"].as_f64().is_some());
        assert_eq!(found["users"], 60);
        assert!(found["coverage"]["mean"].as_f64().unwrap() <= 1.0);
        assert!(found["protocol"].as_str().unwrap().contains("no times"));
        assert_eq!(found, run(&arguments).unwrap());
    }
}
