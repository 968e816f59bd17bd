//! The same figures as the TREC evaluation tools.
#![allow(clippy::unwrap_used)]

use evaluate::metrics;
use serde_json::Value;

#[path = "../../test_data.rs"]
mod test_data;

#[test]
fn metrics_agree_with_trec_eval() {
    let Some(text) = test_data::shared_text("golden/ranking/trec_eval.json") else {
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let judged = case["qrels"].as_object().unwrap();
        let mut run: Vec<(&str, f64)> = case["run"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, score)| (id.as_str(), score.as_f64().unwrap()))
            .collect();
        // Ties by id, the greatest first: as those tools have it.
        run.sort_by(|left, right| right.1.total_cmp(&left.1).then(right.0.cmp(left.0)));
        let grade = |id: &str| judged.get(id).and_then(Value::as_f64).unwrap_or_default();
        let ranked: Vec<f64> = run.iter().map(|(id, _)| grade(id)).collect();
        let grades: Vec<f64> = judged
            .values()
            .map(|grade| grade.as_f64().unwrap())
            .collect();
        let found: Vec<bool> = ranked.iter().map(|grade| *grade > 0.0).collect();
        let relevant = grades.iter().filter(|grade| **grade > 0.0).count();
        let check = |name: &str, own: f64| {
            let expected = case["expect"][name].as_f64().unwrap();
            assert!(
                (own - expected).abs() <= 1e-9,
                "{name}: {own}, not {expected}"
            );
        };
        for k in [5, 10] {
            let ndcg = metrics::ndcg(&ranked, &grades, k).unwrap_or_default();
            check(&format!("ndcg_cut_{k}"), ndcg);
        }
        for k in [5, 10, 100] {
            let recall = metrics::recall(&found, relevant, k).unwrap_or_default();
            check(&format!("recall_{k}"), recall);
        }
        check("recip_rank", metrics::reciprocal_rank(&found));
    }
}
