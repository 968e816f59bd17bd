//! Charts as inline SVG, readable without colour and by a screen reader.

use maud::{Markup, html};

/// A part of a stacked bar.
pub struct Share {
    /// How much.
    pub value: f64,
    /// A CSS colour.
    pub colour: &'static str,
}

/// Stacked columns, one for each label.
pub fn stacked_columns(title: &str, columns: &[(String, Vec<Share>)]) -> Markup {
    let (width, height, foot) = (640.0, 200.0, 22.0);
    let most = columns
        .iter()
        .map(|(_, shares)| shares.iter().map(|share| share.value).sum::<f64>())
        .fold(1.0, f64::max);
    let step = width / columns.len().max(1) as f64;
    // About eight labels fit.
    let every = columns.len().div_ceil(8).max(1);
    html! {
        svg class="chart" viewBox=(format!("0 0 {width} {}", height + foot)) role="img" aria-label=(title) {
            @for (at, (label, shares)) in columns.iter().enumerate() {
                @let left = at as f64 * step + step * 0.12;
                @for (top, share) in tops(shares, height / most) {
                    rect x=(figure(left)) y=(figure(height - top)) width=(figure(step * 0.76))
                         height=(figure(share.value * height / most)) fill=(share.colour) rx="2" {
                        title { (label) ": " (share.value) }
                    }
                }
                @if at % every == 0 {
                    text x=(figure(left)) y=(figure(height + 15.0)) { (label) }
                }
            }
        }
    }
}

/// The upper edge of each share above the foot of its column.
fn tops(shares: &[Share], scale: f64) -> Vec<(f64, &Share)> {
    let mut top = 0.0;
    shares
        .iter()
        .map(|share| {
            top += share.value * scale;
            (top, share)
        })
        .collect()
}

/// Lying bars with their labels, each made of shares.
pub fn bars(title: &str, rows: &[(String, Vec<Share>)]) -> Markup {
    let (width, label_width, line) = (640.0, 170.0, 26.0);
    let most = rows
        .iter()
        .map(|(_, shares)| shares.iter().map(|share| share.value).sum::<f64>())
        .fold(1.0, f64::max);
    let scale = (width - label_width - 50.0) / most;
    html! {
        svg class="chart" viewBox=(format!("0 0 {width} {}", line * rows.len() as f64)) role="img" aria-label=(title) {
            @for (at, (label, shares)) in rows.iter().enumerate() {
                @let top = at as f64 * line;
                @let sum: f64 = shares.iter().map(|share| share.value).sum();
                text x="0" y=(figure(top + 17.0)) { (shortened(label, 26)) }
                @for (right, share) in tops(shares, scale) {
                    rect x=(figure(label_width + right - share.value * scale)) y=(figure(top + 4.0))
                         width=(figure(share.value * scale)) height="18" rx="3" fill=(share.colour) {
                        title { (label) ": " (share.value) }
                    }
                }
                text x=(figure(label_width + sum * scale + 6.0)) y=(figure(top + 17.0)) { (sum) }
            }
        }
    }
}

fn figure(value: f64) -> String {
    format!("{value:.1}")
}

/// At most `longest` characters.
pub fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(longest.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_draw_is_drawn_as_nothing() {
        assert!(stacked_columns("x", &[]).into_string().contains("<svg"));
        let share = |value| Share {
            value,
            colour: "red",
        };
        let drawn = bars(
            "x",
            &[
                ("a".into(), vec![share(0.0)]),
                ("b".into(), vec![share(3.0)]),
            ],
        );
        assert!(!drawn.into_string().contains("NaN"));
    }
}
