//! Model selection: each way of fitting the ranker is cross-validated, and the
//! default weights stay where none beats them by more than a standard error.

use corpus::search::Ranker;

use super::coordinate_ascent::coordinate_ascent;
use super::lambda_rank::{fit, mean_ndcg};
use super::ranking_dataset::QueryGroup;
use crate::{Job, TrainError};

/// With fewer lists than these each weight is moved on its own.
pub(super) const FEW: usize = 200;
const PARTS: usize = 5;
/// By how many standard errors something has to be better than the defaults.
const SURE: f64 = 1.0;

type Fit = fn(&[QueryGroup], &Ranker, u64, &Job) -> Result<Ranker, TrainError>;

fn ascent(lists: &[QueryGroup], default: &Ranker, _: u64, job: &Job) -> Result<Ranker, TrainError> {
    coordinate_ascent(lists, default, job)
}

/// The ranker that the lists teach, or the defaults where they teach none.
pub(super) fn select(
    lists: &[QueryGroup],
    default: &Ranker,
    steps: u64,
    job: &Job,
) -> Result<Ranker, TrainError> {
    let ways: &[(&str, Fit)] = if lists.len() < FEW {
        &[("gradient", fit), ("ascent", ascent)]
    } else {
        &[("gradient", fit)]
    };
    let mut best: Option<(f64, &str, Fit)> = None;
    for (name, way) in ways {
        let (mean, error) = gain(*way, lists, default, steps, job)?;
        job.progress
            .advance(0, &format!("{name}: {mean:+.4} ± {error:.4}"));
        // Where it does the same as the defaults, the shop's own lists are
        // believed; of equal ways the first, which moves more.
        if mean >= SURE * error && best.is_none_or(|(most, ..)| mean > most) {
            best = Some((mean, name, *way));
        }
    }
    match best {
        Some((gained, name, way)) => {
            let learnt = way(lists, default, steps, job)?;
            job.progress.end(&format!(
                "search: learnt from {} lists by {name} ({gained:+.4} on unseen ones)",
                lists.len()
            ));
            Ok(learnt)
        }
        None => {
            job.progress.end(&format!(
                "search: {} lists teach nothing that holds for others; the default weights stand",
                lists.len()
            ));
            Ok(default.clone())
        }
    }
}

/// What a way gains over the defaults on parts of the lists that it has not
/// seen, and how sure that is.
fn gain(
    way: Fit,
    lists: &[QueryGroup],
    default: &Ranker,
    steps: u64,
    job: &Job,
) -> Result<(f64, f64), TrainError> {
    // Many lists say enough in one part.
    let parts = if lists.len() < FEW { PARTS } else { 1 };
    let mut gains: Vec<(f64, f64)> = Vec::new();
    for own in 0..parts {
        let part = |own_part: bool| -> Vec<QueryGroup> {
            let numbered = lists.iter().enumerate();
            let chosen = numbered.filter(|(at, _)| (at % PARTS == own) == own_part);
            chosen.map(|(_, list)| list.clone()).collect()
        };
        let learnt = way(&part(false), default, steps, job)?;
        gains.extend(part(true).iter().map(|list| {
            let of = |ranker: &Ranker| {
                mean_ndcg(std::slice::from_ref(list), |features| {
                    ranker.score(features)
                })
            };
            (of(&learnt) - of(default), list.weight)
        }));
    }
    let all = gains.iter().map(|(_, weight)| weight).sum::<f64>();
    let all = all.max(f64::MIN_POSITIVE);
    let mean = gains
        .iter()
        .map(|(gain, weight)| gain * weight)
        .sum::<f64>()
        / all;
    let spread = gains
        .iter()
        .map(|(gain, weight)| (weight * (gain - mean)).powi(2));
    Ok((mean, spread.sum::<f64>().sqrt() / all))
}
