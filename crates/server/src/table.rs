//! Tables for people, on stderr or stdout.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use evaluate::gate::Verdict;

use crate::jobs::Outcome;

/// A table with these headings.
pub fn with_headings(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(110)
        .set_header(headings.to_vec());
    table
}

/// What training gave: each model beside its baseline.
pub fn outcomes(outcomes: &[Outcome]) -> Table {
    let mut table = with_headings(&[
        "service",
        "figure",
        "model",
        "baseline",
        "baseline is",
        "stands",
    ]);
    for outcome in outcomes {
        match outcome {
            Outcome::Skipped { service, reason } => {
                table.add_row([service.name(), "-", "-", "-", reason, "skipped"]);
            }
            Outcome::Trained {
                service,
                metrics,
                promoted,
                version,
                gate,
            } => {
                let mut stands = match (promoted, &gate.verdict) {
                    (true, _) => "serves",
                    (false, Verdict::Passed) => "passes; does not serve yet",
                    (false, Verdict::Refused { .. }) if metrics.is_empty() => {
                        "kept: nothing to measure it on"
                    }
                    (false, Verdict::Refused { .. }) => "kept as a candidate",
                }
                .to_owned();
                for metric in metrics {
                    table.add_row([
                        service.name().to_owned(),
                        metric.name.clone(),
                        figure(metric.value),
                        figure(metric.baseline),
                        metric.baseline_name.clone(),
                        std::mem::take(&mut stands),
                    ]);
                }
                if metrics.is_empty() {
                    table.add_row([service.name(), "-", "-", "-", version, &stands]);
                }
            }
        }
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Four digits after the point, as figures of this field are printed.
pub fn figure(value: f64) -> String {
    format!("{value:.4}")
}
