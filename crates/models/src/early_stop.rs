//! When to stop training: after the held-out figure has not become better for
//! so many looks.

use serde::{Deserialize, Serialize};

/// What a look at the held-out figure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: keep these weights.
    Improved,
    /// No better; go on.
    Wait,
    /// No better for too long.
    Stop,
}

/// Looks at a figure of which less is better, such as held-out bits per byte;
/// for one of which more is better, give its negative. It can be stored in a
/// checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// How many looks in a row may bring nothing better before one more of
    /// these stops.
    pub patience: usize,
    /// By how much a figure has to be better to count.
    pub minimum_gain: f64,
    best: Option<f64>,
    idle: usize,
}

impl EarlyStop {
    /// So patient, with any gain counted.
    pub fn new(patience: usize) -> EarlyStop {
        EarlyStop {
            patience,
            minimum_gain: 0.0,
            best: None,
            idle: 0,
        }
    }

    /// The best figure so far; none before the first.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Takes in the next figure. One that is not finite is no better.
    pub fn update(&mut self, bits_per_byte: f64) -> Verdict {
        let better = self
            .best
            .is_none_or(|best| bits_per_byte < best - self.minimum_gain);
        if better && bits_per_byte.is_finite() {
            self.best = Some(bits_per_byte);
            self.idle = 0;
            return Verdict::Improved;
        }
        self.idle += 1;
        if self.idle > self.patience {
            Verdict::Stop
        } else {
            Verdict::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_counted_from_the_last_gain() {
        use Verdict::{Improved, Stop, Wait};
        let mut stop = EarlyStop::new(2);
        let figures = [3.0, f64::NAN, 2.5, 2.5, 2.6, 2.4, 2.4, 2.5, 2.4, 2.0];
        let expected = [
            Improved, Wait, Improved, Wait, Wait, Improved, Wait, Wait, Stop, Improved,
        ];
        for (figure, expected) in figures.into_iter().zip(expected) {
            assert_eq!(stop.update(figure), expected, "{figure}");
        }
        assert_eq!(stop.best(), Some(2.0));
        assert_eq!(EarlyStop::new(0).update(f64::INFINITY), Stop);
    }

    #[test]
    fn a_gain_too_small_does_not_count() {
        let mut stop = EarlyStop {
            minimum_gain: 0.1,
            ..EarlyStop::new(0)
        };
        assert_eq!(stop.update(-0.5), Verdict::Improved);
        assert_eq!(stop.update(-0.55), Verdict::Stop);
        assert_eq!(stop.update(-0.61), Verdict::Improved);
    }
}
