//! Whether a candidate may serve: it has to be no worse than the simple
//! baseline and than the version that serves, on the same held-out data, which
//! neither was trained on.

use serde::{Deserialize, Serialize};
use shop::{Metric, Service};

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// What is known of the version that serves.
#[derive(Debug, Clone, PartialEq)]
pub enum Serving {
    /// No version serves yet.
    None,
    /// It was measured on the same held-out data as the candidate.
    Measured {
        /// The version.
        version: String,
        /// Its figures.
        metrics: Vec<Metric>,
    },
    /// It cannot be measured: its files are damaged or of another program.
    Unmeasured {
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
}

/// One figure of the candidate beside those it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Of the metric.
    pub name: String,
    /// The candidate's.
    pub candidate: f64,
    /// That of the version that serves, where it was measured.
    pub serving: Option<f64>,
    /// The name of the simple method.
    pub baseline_name: String,
    /// That method's figure.
    pub baseline: f64,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Whether the verdict depends on it; the others are shown.
    pub decides: bool,
}

/// The verdict with everything that it rests on. It is kept with the artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the candidate may serve.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was measured, on which data.
    pub measured_on: String,
    /// The version that served when the candidate was judged.
    pub serving: Option<String>,
    /// Why the serving version has no figures, where it has none.
    pub serving_unmeasured: Option<String>,
    /// All figures.
    pub comparisons: Vec<Comparison>,
}

impl Report {
    /// The verdict in a sentence.
    pub fn sentence(&self) -> String {
        match (&self.verdict, &self.serving, &self.serving_unmeasured) {
            (Verdict::Refused { reason }, ..) => format!("refused: {reason}"),
            (Verdict::Passed, Some(version), Some(reason)) => format!(
                "passes: no worse than its baseline; {version}, which serves, could not be \
                 measured ({reason})"
            ),
            (Verdict::Passed, Some(version), None) => {
                format!("passes: no worse than its baseline and than {version}")
            }
            (Verdict::Passed, None, _) => "passes: no worse than its baseline".to_owned(),
        }
    }
}

/// The figures that decide about a service. Where there are several the gate
/// compares their sum, with those of which less is better subtracted: for
/// support that is sensitivity minus the false positive rate (Youden, 1950).
fn deciding(service: Service) -> &'static [&'static str] {
    match service {
        Service::Support => &["answer_recall@1", "unsupported_rate"],
        Service::Search => &["ndcg@10"],
        Service::Recommend => &["recall@10"],
        Service::Insight => &["macro_f1"],
    }
}

/// What the figures of a service are measured on, for people.
fn measured_on(service: Service) -> &'static str {
    match service {
        Service::Support => {
            "held-out questions of customers (where there are none, questions made of words of the \
             documents), answered from today's documents: each version's language model and \
             calibration choose and decline; unsupported_rate is the share that is answered \
             although its source was taken out"
        }
        Service::Search => {
            "held-out queries with what was chosen or graded after them, over today's catalogue: \
             each version's encoder, ranker and trees as they were before held-out queries taught them"
        }
        Service::Recommend => {
            "the next product of customers in the held-out days (or their last product, where the \
             days hold too few): each version's sequence model and weights, with item-item \
             matrices of what came before"
        }
        Service::Insight => "held-out reviews: each version's classifier",
    }
}

/// Judges a candidate by the figures that its service is for.
pub fn judge(service: Service, candidate: &[Metric], serving: &Serving) -> Report {
    let names = deciding(service);
    let of_serving = |name: &str| match serving {
        Serving::Measured { metrics, .. } => named(metrics, name).map(|metric| metric.value),
        Serving::None | Serving::Unmeasured { .. } => None,
    };
    let comparisons = candidate.iter().map(|metric| Comparison {
        name: metric.name.clone(),
        candidate: metric.value,
        serving: of_serving(&metric.name),
        baseline_name: metric.baseline_name.clone(),
        baseline: metric.baseline,
        higher_is_better: metric.higher_is_better,
        decides: names.contains(&metric.name.as_str()),
    });
    let comparisons: Vec<Comparison> = comparisons.collect();
    let (version, unmeasured) = match serving {
        Serving::None => (None, None),
        Serving::Measured { version, .. } => (Some(version.clone()), None),
        Serving::Unmeasured { version, reason } => (Some(version.clone()), Some(reason.clone())),
    };
    Report {
        verdict: verdict(names, &comparisons, version.as_deref()),
        measured_on: measured_on(service).to_owned(),
        serving: version,
        serving_unmeasured: unmeasured,
        comparisons,
    }
}

fn named<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

fn verdict(names: &[&str], comparisons: &[Comparison], serving: Option<&str>) -> Verdict {
    let deciding: Vec<&Comparison> = comparisons.iter().filter(|one| one.decides).collect();
    if deciding.is_empty() {
        return Verdict::Refused {
            reason: format!(
                "{} was never measured: there was no held-out data",
                names.join(" and ")
            ),
        };
    }
    let sum = |of: &dyn Fn(&Comparison) -> Option<f64>| -> Option<f64> {
        let signed = deciding.iter().map(|one| {
            let value = of(one)?;
            Some(if one.higher_is_better { value } else { -value })
        });
        signed.sum()
    };
    let words = |of: &dyn Fn(&Comparison) -> Option<f64>| -> String {
        let parts = deciding.iter().filter_map(|one| Some((one, of(one)?)));
        let parts = parts.map(|(one, value)| format!("{} {value:.4}", one.name));
        parts.collect::<Vec<_>>().join(", ")
    };
    let own = |one: &Comparison| Some(one.candidate);
    let baseline = |one: &Comparison| Some(one.baseline);
    let of_serving = |one: &Comparison| one.serving;
    let candidate = sum(&own).unwrap_or(f64::NAN);
    // A figure that is not a number is never good enough.
    let no_worse = |other: Option<f64>| other.is_none_or(|other| candidate >= other);
    let mut better = Vec::new();
    if !no_worse(sum(&baseline)) {
        let name = &deciding[0].baseline_name;
        better.push(format!("{name} alone has {}", words(&baseline)));
    }
    if let (Some(version), false) = (serving, no_worse(sum(&of_serving))) {
        let figures = words(&of_serving);
        better.push(format!("{version}, which serves, has {figures}"));
    }
    if better.is_empty() {
        return Verdict::Passed;
    }
    Verdict::Refused {
        reason: format!(
            "it has {}, and on the same held-out data {}; it is kept as a candidate and does not \
             serve",
            words(&own),
            better.join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64, baseline: f64, higher_is_better: bool) -> Metric {
        Metric {
            name: name.into(),
            value,
            baseline_name: "simple".into(),
            baseline,
            higher_is_better,
        }
    }

    fn measured(metrics: &[Metric]) -> Serving {
        Serving::Measured {
            version: "old".into(),
            metrics: metrics.to_vec(),
        }
    }

    fn passes(service: Service, candidate: &[Metric], serving: &Serving) -> bool {
        judge(service, candidate, serving).verdict == Verdict::Passed
    }

    #[test]
    fn only_what_is_no_worse_than_its_baseline_passes() {
        for (value, baseline, expected) in
            [(0.2, 0.1, true), (0.1, 0.2, false), (f64::NAN, 0.2, false)]
        {
            let candidate = [figure("recall@10", value, baseline, true)];
            let found = passes(Service::Recommend, &candidate, &Serving::None);
            assert_eq!(found, expected, "{value} {baseline}");
        }
        assert!(!passes(Service::Recommend, &[], &Serving::None));
    }

    #[test]
    fn what_is_worse_than_what_serves_is_kept_and_says_so() {
        let candidate = [figure("ndcg@10", 0.71, 0.5, true)];
        let better = measured(&[figure("ndcg@10", 0.73, 0.5, true)]);
        let Verdict::Refused { reason } = judge(Service::Search, &candidate, &better).verdict
        else {
            panic!("it is worse");
        };
        let has = |part: &str| reason.contains(part);
        assert!(has("0.7100") && has("old") && has("0.7300"), "{reason}");
        for other in [
            measured(&[figure("ndcg@10", 0.71, 0.5, true)]),
            measured(&[figure("something", 0.9, 0.5, true)]),
            Serving::None,
            Serving::Unmeasured {
                version: "old".into(),
                reason: "a file is damaged".into(),
            },
        ] {
            assert!(passes(Service::Search, &candidate, &other), "{other:?}");
        }
    }

    #[test]
    fn support_is_judged_by_what_it_answers_and_not_by_bits() {
        let candidate = |recall, unsupported, bits| {
            [
                figure("bits_per_byte", bits, 2.0, false),
                figure("answer_recall@1", recall, 0.5, true),
                figure("unsupported_rate", unsupported, 0.1, false),
            ]
        };
        let service = Service::Support;
        // Worse bits change nothing, better bits save nothing.
        assert!(passes(service, &candidate(0.6, 0.1, 9.0), &Serving::None));
        assert!(!passes(service, &candidate(0.6, 0.3, 0.5), &Serving::None));
        assert!(!passes(service, &candidate(0.4, 0.1, 0.5), &Serving::None));
        // More right answers may cost as many unsupported ones, and no more.
        let serving = measured(&candidate(0.6, 0.1, 1.0));
        assert!(passes(service, &candidate(0.8, 0.2, 1.0), &serving));
        assert!(!passes(service, &candidate(0.8, 0.4, 1.0), &serving));
        assert!(!passes(service, &candidate(0.5, 0.1, 1.0)[..1], &serving));
    }

    #[test]
    fn a_report_survives_the_artifact() {
        let candidate = [figure("macro_f1", 0.5, 0.6, true)];
        let report = judge(Service::Insight, &candidate, &measured(&candidate));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["verdict"], "refused");
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }
}
