//! `bench recommend`: next-item recommendation on sequences. The last item of
//! each user tests, the one before it validates; all items that the user has
//! not seen are ranked; at test time the model reads all but the last item.
//!
//! What is counted (popularity, EASE, the item lists) is counted in the
//! training part alone for the headline: so do the published figures. Counted
//! again with the validation items, after everything was chosen, it stands
//! beside it as `refitted`.

mod cold;
mod read;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use evaluate::metrics::{coverage, mean};
use models::ease::Ease;
use models::next_item::{
    BlendWeights, Evaluation, ItemItemMember, NextItemModel, evaluate, evaluate_decoder,
    evaluate_model,
};
use serde_json::{Value, json};
use train::Size;
use train::recommend::{
    FitOptions, Holdout, ItemItemOptions, ease_fits, ease_lambdas, fit, subsample, tune_blend,
};

use crate::watched::watched;
use read::Data;

/// Next-item recommendation on sequences.
#[derive(Debug, Args)]
pub struct RecommendArguments {
    /// A line per user: user, then item ids in the order of time, blanks
    /// between; or orders or events as JSON Lines. Plain or .gz.
    #[arg(long, value_name = "FILE")]
    pub sequences: PathBuf,
    /// Products as JSON Lines: their texts are one more member of the blend, and
    /// those that nobody touched count for coverage.
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
    pub size: SizeArgument,
}

/// Which row is the result, and why.
const HEADLINE: &str = "the headline is the blend whose lists are counted in the training part alone: \
     published figures are made so, and all choices were made with such lists. Refitted lists have \
     seen the validation items of all users, as a shop's lists would by the day that they serve";

/// How much effort a model is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum SizeArgument {
    Tiny,
    Small,
    Base,
}

impl From<SizeArgument> for Size {
    fn from(size: SizeArgument) -> Self {
        match size {
            SizeArgument::Tiny => Self::Tiny,
            SizeArgument::Small => Self::Small,
            SizeArgument::Base => Self::Base,
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
    choice: ItemItemOptions,
    /// Of the training part.
    lists: Vec<ItemItemMember>,
    /// Of the training part and the validation items.
    refitted_lists: Vec<ItemItemMember>,
    threads: usize,
    size: Size,
}

/// What needs no decoder, counted in one set of sequences.
struct Counted {
    popular: Figures,
    ease: Option<Figures>,
}

/// One seed's model: the decoder alone, and with the lists beside it.
struct SeedResult {
    blend: Figures,
    /// The same with the refitted lists.
    refitted: Figures,
    single: Figures,
    epochs: usize,
    weights: BlendWeights,
}

/// Measures next-item recommendation.
pub fn run(arguments: &RecommendArguments) -> anyhow::Result<Value> {
    let data = Data::read(&arguments.sequences, arguments.items.as_deref())?;
    let (mut holdout, mut protocol) = data.hold_out(arguments.time_split);
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
    draw(&mut holdout, data.items(), &mut protocol);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let items = data.items();
    eprintln!("choosing item-to-item lists on validation");
    let text = data.text_similarity_matrix(threads);
    let (choice, lists) = ItemItemOptions::select(
        &holdout.training,
        &holdout.validation,
        items,
        text.as_ref(),
        threads,
    );
    if ease_fits(items) {
        eprintln!("solving EASE");
    } else {
        eprintln!("{}", ease_skipped(items));
    }
    let ease = choice.ease(&holdout.histories, items, threads);
    let bench = Bench {
        refitted_lists: choice.members(
            &holdout.histories,
            items,
            ease.as_ref(),
            text.as_ref(),
            threads,
        ),
        lists,
        data,
        holdout,
        items,
        choice,
        threads,
        size: arguments.size.into(),
    };
    let trending = (bench.data.faded_counts())
        .filter(|_| arguments.time_split)
        .map(|counts| bench.evaluate(|_, scores| scores.copy_from_slice(&counts)));
    let cold = text
        .as_ref()
        .map(|text| cold::measure(&bench.holdout, bench.choice, text, items, threads));
    let lambda = bench.ease_lambda();
    let refitted = bench.counted(&bench.holdout.histories, lambda, ease);
    let counted = bench.counted(&bench.holdout.training, lambda, None);
    let mut results = Vec::new();
    let seeds: Vec<_> = (1..=arguments.seeds).collect();
    for seed in watched("train and judge", seeds.into_iter()) {
        results.push(bench.seed(seed)?);
    }
    table(&counted, &refitted, trending.as_ref(), &results);
    if let Some(cold) = &cold {
        eprintln!("items kept out of training, found by their text: {cold}");
    }
    let ease = |counted: &Counted| match &counted.ease {
        Some(figures) => object(figures),
        None => json!({"skipped": ease_skipped(bench.items)}),
    };
    let mut keys = by_seed(&results, |result| &result.blend);
    let mut refitted_keys = by_seed(&results, |result| &result.refitted);
    refitted_keys["popular"] = object(&refitted.popular);
    refitted_keys["ease"] = ease(&refitted);
    for (key, value) in [
        ("headline", json!(HEADLINE)),
        ("single", by_seed(&results, |result| &result.single)),
        ("refitted", refitted_keys),
        ("popular", object(&counted.popular)),
        ("ease", ease(&counted)),
        ("trending", trending.as_ref().map_or(Value::Null, object)),
        ("cold_items", json!(cold)),
        ("protocol", json!(protocol)),
        ("seeds", json!(arguments.seeds)),
        ("users", json!(bench.holdout.test.len())),
        ("items", json!(bench.items)),
        ("lists", json!(bench.choice)),
        (
            "weights",
            results.iter().map(|result| json!(result.weights)).collect(),
        ),
        (
            "epochs",
            results.iter().map(|result| json!(result.epochs)).collect(),
        ),
    ] {
        keys[key] = value;
    }
    Ok(keys)
}

/// Where ranking all items for every user would take hours, some are drawn.
fn draw(holdout: &mut Holdout, items: usize, protocol: &mut String) {
    let all = holdout.test.len();
    holdout.test = subsample(&holdout.test, items);
    let drawn = holdout.test.len();
    if drawn < all {
        *protocol = format!("{protocol}; of {all} users, {drawn} drawn");
        eprintln!("{drawn} of them are drawn: ranking all items for each would take hours");
    }
}

impl Bench {
    fn figures(&self, evaluation: &Evaluation) -> Figures {
        Figures {
            recall: evaluation.figures.recall(),
            ndcg: evaluation.figures.ndcg(),
            mrr: evaluation.figures.mrr(),
            coverage: coverage([evaluation.shown.as_slice()], self.data.catalogue),
        }
    }

    fn evaluate(&self, score: impl Fn(&[u32], &mut [f32]) + Sync) -> Figures {
        self.figures(&evaluate(
            &self.holdout.test,
            self.items,
            self.threads,
            score,
        ))
    }

    /// Popularity, the same list for everybody, and EASE as it was published:
    /// all weights, every item of the history alike. `solved` is EASE of these
    /// sequences where it is at hand.
    fn counted(&self, sequences: &[Vec<u32>], lambda: f32, solved: Option<Ease>) -> Counted {
        let mut counts = vec![0.0_f32; self.items];
        for &item in sequences.iter().flatten() {
            counts[item as usize] += 1.0;
        }
        let at_hand = solved.filter(|_| self.choice.ease.is_some_and(|(own, _)| own == lambda));
        let solved = at_hand.or_else(|| self.solve(sequences, lambda));
        Counted {
            popular: self.evaluate(|_, scores| scores.copy_from_slice(&counts)),
            ease: solved
                .map(|ease| self.evaluate(|history, scores| ease.add_scores(history, scores))),
        }
    }

    fn solve(&self, sequences: &[Vec<u32>], lambda: f32) -> Option<Ease> {
        ease_fits(self.items).then(|| Ease::fit(sequences, self.items, lambda, self.threads))?
    }

    /// The regularisation that is best on validation for EASE alone.
    fn ease_lambda(&self) -> f32 {
        let lambdas = ease_lambdas(self.items);
        let (training, validation) = (&self.holdout.training, &self.holdout.validation);
        let mut best = (f64::NEG_INFINITY, lambdas.first().copied().unwrap_or(1.0));
        for &lambda in lambdas.iter().filter(|_| lambdas.len() > 1) {
            let Some(ease) = self.solve(training, lambda) else {
                break;
            };
            let add = |history: &[u32], scores: &mut [f32]| ease.add_scores(history, scores);
            let evaluation = evaluate(validation, self.items, self.threads, add);
            if evaluation.figures.ndcg() > best.0 {
                best = (evaluation.figures.ndcg(), lambda);
            }
        }
        best.1
    }

    fn seed(&self, seed: u64) -> anyhow::Result<SeedResult> {
        let options = FitOptions {
            threads: self.threads,
            seed,
            ..FitOptions::for_data(self.size, &self.holdout.training, self.items)
        };
        let fitted = fit(&self.holdout, self.items, &options, &mut |epoch| {
            if let Some(validation) = epoch.validation {
                eprintln!(
                    "seed {seed}, epoch {}: loss {:.3}, validation NDCG@10 {validation:.4}",
                    epoch.done, epoch.loss
                );
            }
        })?;
        let lists = self.lists.clone();
        let mut model = NextItemModel {
            items: self.items,
            decoders: vec![fitted.decoder],
            weights: BlendWeights {
                decoder: 1.0,
                item_item: vec![0.0; lists.len()],
            },
            item_item: lists,
        };
        let decoder = &model.decoders[0];
        let single = self.figures(&evaluate_decoder(decoder, &self.holdout.test, self.threads));
        tune_blend(&mut model, &self.holdout.validation, seed, self.threads);
        let judge_blend = |model: &NextItemModel| {
            self.figures(&evaluate_model(model, &self.holdout.test, self.threads))
        };
        let blend = judge_blend(&model);
        model.item_item = self.refitted_lists.clone();
        let refitted = judge_blend(&model);
        Ok(SeedResult {
            blend,
            refitted,
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

/// Each figure's mean and its value for each seed.
fn by_seed(results: &[SeedResult], of: fn(&SeedResult) -> &Figures) -> Value {
    let summary = |figure: fn(&Figures) -> f64| {
        let per_seed: Vec<f64> = results.iter().map(|result| figure(of(result))).collect();
        json!({"mean": mean(&per_seed), "per_seed": per_seed})
    };
    json!({
        "recall@10": summary(|figures| figures.recall),
        "ndcg@10": summary(|figures| figures.ndcg),
        "mrr@10": summary(|figures| figures.mrr),
        "coverage": summary(|figures| figures.coverage),
    })
}

/// The figures of all seeds on average.
fn average(results: &[SeedResult], figures: fn(&SeedResult) -> &Figures) -> Figures {
    let of = |figure: fn(&Figures) -> f64| {
        let values: Vec<f64> = results.iter().map(|r| figure(figures(r))).collect();
        mean(&values)
    };
    Figures {
        recall: of(|f| f.recall),
        ndcg: of(|f| f.ndcg),
        mrr: of(|f| f.mrr),
        coverage: of(|f| f.coverage),
    }
}

fn table(
    counted: &Counted,
    refitted: &Counted,
    trending: Option<&Figures>,
    results: &[SeedResult],
) {
    let headings = [
        "ranked by",
        "counted in",
        "recall@10",
        "ndcg@10",
        "mrr@10",
        "coverage",
    ];
    let mut table = server::table::with_headings(&headings);
    let mut row = |name: &str, counted_in: &str, figures: &Figures| {
        table.add_row([
            name.to_owned(),
            counted_in.to_owned(),
            format!("{:.4}", figures.recall),
            format!("{:.4}", figures.ndcg),
            format!("{:.4}", figures.mrr),
            format!("{:.3}", figures.coverage),
        ]);
    };
    let (training, both) = ("training", "training + validation");
    row("popular", training, &counted.popular);
    if let Some(ease) = &counted.ease {
        row("EASE", training, ease);
    }
    for (seed, result) in (1..).zip(results).filter(|_| results.len() > 1) {
        row(&format!("single model, seed {seed}"), "", &result.single);
        row(&format!("blend, seed {seed}"), training, &result.blend);
    }
    row("single model, mean", "", &average(results, |r| &r.single));
    row(
        "blend, mean: the headline",
        training,
        &average(results, |r| &r.blend),
    );
    row("popular", both, &refitted.popular);
    if let Some(trending) = trending {
        row("trending, fading", both, trending);
    }
    if let Some(ease) = &refitted.ease {
        row("EASE", both, ease);
    }
    row("blend, mean", both, &average(results, |r| &r.refitted));
    eprintln!("{table}");
    eprintln!("{HEADLINE}");
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
            size: SizeArgument::Tiny,
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
