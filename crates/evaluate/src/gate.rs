//! Whether a candidate may serve: it has to beat the simple baseline printed
//! beside it, on data that training has not seen.

use serde::Serialize;
use shop::Metric;

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It may serve.
    Passed,
    /// It may not, and why.
    Refused {
        /// In words, with the figures.
        reason: String,
    },
}

/// Judges a candidate by its first figure, the one that its service is for;
/// the others are shown but decide nothing.
pub fn judge(figures: &[Metric]) -> Verdict {
    let Some(figure) = figures.first() else {
        return Verdict::Refused {
            reason: "it was never measured: there was no held-out data".to_owned(),
        };
    };
    if figure.beats_baseline() {
        return Verdict::Passed;
    }
    Verdict::Refused {
        reason: format!(
            "{} is {:.4}, and {} alone has {:.4}",
            figure.name, figure.value, figure.baseline_name, figure.baseline
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, baseline: f64, higher_is_better: bool) -> Metric {
        Metric {
            name: "recall@10".into(),
            value,
            baseline_name: "popular".into(),
            baseline,
            higher_is_better,
        }
    }

    #[test]
    fn only_what_beats_its_baseline_passes() {
        for (value, baseline, higher_is_better, passes) in [
            (0.2, 0.1, true, true),
            (0.1, 0.2, true, false),
            (0.1, 0.2, false, true),
            (f64::NAN, 0.2, true, false),
            (f64::NAN, 0.2, false, false),
        ] {
            let verdict = judge(&[figure(value, baseline, higher_is_better)]);
            assert_eq!(verdict == Verdict::Passed, passes, "{value} {baseline}");
        }
        assert_ne!(judge(&[]), Verdict::Passed);
    }
}
