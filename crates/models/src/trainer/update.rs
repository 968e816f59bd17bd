//! One update of all weights: which rule each range of the flat buffer takes,
//! and how the ranges are shared out over threads.

use std::ops::Range;

use crate::muon::{self, MuonUpdate};
use crate::optimizer::{Update, Weights};
use crate::trainer::options::Optimizer;
use crate::transformer::Transformer;

/// The largest piece that AdamW updates at once.
const PIECE: usize = 1 << 16;
/// Multiplications of a matrix product that take as long as AdamW on one
/// weight, about.
const COST_OF_ADAM_W: usize = 100;

/// The rule that a range takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    AdamW { decays: bool },
    Muon { rows: usize, columns: usize },
}

/// A range with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    place: Range<usize>,
    rule: Rule,
    cost: usize,
}

/// Where the rules hold in the weights that are trained. It stays the same
/// from step to step.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many weights are trained.
    total: usize,
    /// How many of the first are not decayed.
    undecayed: usize,
    /// The matrices that Muon updates, in order, and the range that they fill.
    matrices: Vec<muon::Part>,
    hidden: Range<usize>,
}

/// The two moments of all weights; those that Muon updates have no second one.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

impl Plan {
    pub(crate) fn new(model: &Transformer, optimizer: Optimizer) -> Plan {
        let total = model.trained().len();
        let adapters = model.trains_adapters();
        let (matrices, hidden) = match optimizer {
            Optimizer::Muon if !adapters => (
                muon::parts(&model.config, &model.layout),
                muon::hidden_range(&model.layout),
            ),
            Optimizer::Muon | Optimizer::AdamW => (Vec::new(), total..total),
        };
        Plan {
            total,
            undecayed: if adapters { 0 } else { model.layout.vectors },
            matrices,
            hidden,
        }
    }

    /// The ranges without a second moment.
    pub(crate) fn without_second(&self) -> Range<usize> {
        self.hidden.clone()
    }

    /// The moments before the first step.
    pub(crate) fn fresh(&self) -> Moments {
        Moments {
            first: vec![0.0; self.total],
            second: vec![0.0; self.total - self.hidden.len()],
        }
    }

    /// Where the second moments of a range lie.
    pub(crate) fn second_place(&self, place: &Range<usize>) -> Range<usize> {
        let before = if place.start < self.hidden.end {
            0
        } else {
            self.hidden.len()
        };
        place.start - before..place.end - before
    }

    /// The pieces of these ranges, which are in order, apart, and hold the
    /// matrices of Muon whole.
    fn pieces(&self, spans: &[Range<usize>]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut matrices = self.matrices.iter().peekable();
        for span in spans {
            let mut start = span.start;
            while start < span.end {
                if let Some(part) = matrices.next_if(|part| part.place.start == start) {
                    let (rows, columns) = (part.rows, part.columns);
                    pieces.push(Piece {
                        place: part.place.clone(),
                        rule: Rule::Muon { rows, columns },
                        cost: part.cost(),
                    });
                    start = part.place.end;
                    continue;
                }
                let mut end = span.end.min(start + PIECE);
                for border in [self.undecayed, self.hidden.start] {
                    if (start + 1..end).contains(&border) {
                        end = border;
                    }
                }
                let decays = start >= self.undecayed;
                pieces.push(Piece {
                    place: start..end,
                    rule: Rule::AdamW { decays },
                    cost: COST_OF_ADAM_W * (end - start),
                });
                start = end;
            }
        }
        pieces
    }

    /// Updates the weights in these ranges, on as many threads as there are
    /// buffers.
    pub(crate) fn apply(
        &self,
        update: Update,
        spans: &[Range<usize>],
        (parameters, gradient, moments): (&mut [f32], &[f32], &mut Moments),
        buffers: &mut [muon::Scratch],
    ) {
        let pieces = self.pieces(spans);
        let shares = share_out(&pieces, buffers.len());
        let mut parameters = Cutter::new(parameters);
        let mut first = Cutter::new(&mut moments.first);
        let mut second = Cutter::new(&mut moments.second);
        let mut work: Vec<Vec<(Rule, Weights<'_>)>> = Vec::new();
        work.resize_with(buffers.len(), Vec::new);
        for (Piece { place, rule, .. }, share) in pieces.into_iter().zip(shares) {
            let second_place = match rule {
                Rule::AdamW { .. } => self.second_place(&place),
                Rule::Muon { .. } => 0..0,
            };
            let weights = Weights {
                parameters: parameters.cut(&place),
                gradient: &gradient[place.clone()],
                first: first.cut(&place),
                second: second.cut(&second_place),
            };
            work[share].push((rule, weights));
        }
        std::thread::scope(|scope| {
            for (work, scratch) in work.into_iter().zip(buffers) {
                scope.spawn(move || {
                    for (rule, weights) in work {
                        rule.apply(update, weights, scratch);
                    }
                });
            }
        });
    }
}

impl Rule {
    fn apply(self, update: Update, weights: Weights<'_>, scratch: &mut muon::Scratch) {
        match self {
            Rule::AdamW { decays } => {
                let undecayed = if decays { 0 } else { weights.parameters.len() };
                update.apply(weights, undecayed);
            }
            Rule::Muon { rows, columns } => {
                let update = MuonUpdate {
                    learning_rate: update.learning_rate,
                    weight_decay: update.weight_decay,
                    gradient_scale: update.gradient_scale,
                };
                let Weights {
                    parameters,
                    gradient,
                    first,
                    ..
                } = weights;
                update.apply(parameters, gradient, first, (rows, columns), scratch);
            }
        }
    }
}

/// The thread of each piece: the costliest first, each to the thread with the
/// least so far.
fn share_out(pieces: &[Piece], threads: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&piece| std::cmp::Reverse(pieces[piece].cost));
    let mut loads = vec![0; threads];
    let mut shares = vec![0; pieces.len()];
    for piece in order {
        let least = (0..threads).min_by_key(|&thread| loads[thread]);
        shares[piece] = least.unwrap_or(0);
        if let Some(load) = loads.get_mut(shares[piece]) {
            *load += pieces[piece].cost;
        }
    }
    shares
}

/// Hands out ranges of a slice, in their order.
#[derive(Debug)]
pub(crate) struct Cutter<'a> {
    rest: &'a mut [f32],
    start: usize,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Cutter<'a> {
        Cutter {
            rest: slice,
            start: 0,
        }
    }

    /// An empty range is cut from anywhere.
    pub(crate) fn cut(&mut self, place: &Range<usize>) -> &'a mut [f32] {
        if place.is_empty() {
            return &mut [];
        }
        let rest = std::mem::take(&mut self.rest);
        let (_, rest) = rest.split_at_mut(place.start - self.start);
        let (wanted, rest) = rest.split_at_mut(place.len());
        (self.rest, self.start) = (rest, place.end);
        wanted
    }
}
