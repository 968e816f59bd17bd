//! Examples as sequences of tokens, and the batches of every step.

use corpus::Split;
use corpus::support::{AGENT_TOKEN, LanguageExample, TEXT_TOKEN};
use models::published::chat_template::Role;
use models::{ChatFormat, IGNORE, Sequence, Tokenizer};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// How examples become tokens.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub tokenizer: &'a Tokenizer,
    pub turns: &'a ChatFormat,
    /// Whether what customers say is scored.
    pub learns_customers: bool,
    /// Tokens of a sequence at most.
    pub context: usize,
}

/// One example's sequences, and how many bytes of text their scored tokens
/// stand for.
struct Held {
    sequences: Vec<Sequence>,
    bytes: usize,
}

/// What is trained on and what is held out.
pub(super) struct Material {
    pub training: Vec<Sequence>,
    held_out: Vec<Held>,
}

impl Material {
    pub(super) fn new(examples: &[LanguageExample], written: Written<'_>) -> Material {
        let of = |split: Split| {
            examples
                .iter()
                .filter(move |example| example.split == split)
        };
        Material {
            training: of(Split::Train)
                .flat_map(|example| written.sequences(example))
                .collect(),
            held_out: of(Split::Validation)
                .map(|example| Held {
                    sequences: written.sequences(example),
                    bytes: written.bytes(example),
                })
                .collect(),
        }
    }

    /// The tokens of one pass.
    pub(super) fn tokens(&self) -> usize {
        let sequences = self.training.iter();
        sequences.map(|sequence| sequence.inputs.len()).sum()
    }

    /// Held-out sequences of about so many tokens, from examples that lie far
    /// apart, and the bytes that they stand for.
    pub(super) fn held_out(&self, tokens: usize) -> (Vec<Sequence>, usize) {
        let length = |held: &Held| -> usize {
            let sequences = held.sequences.iter();
            sequences.map(|sequence| sequence.inputs.len()).sum()
        };
        let all: usize = self.held_out.iter().map(length).sum();
        let stride = all.div_ceil(tokens.max(1)).max(1);
        let chosen = || self.held_out.iter().step_by(stride);
        (
            chosen().flat_map(|held| held.sequences.clone()).collect(),
            chosen().map(|held| held.bytes).sum(),
        )
    }
}

impl Written<'_> {
    /// The sequences of an example, each of at most `context` tokens; those in
    /// which nothing is scored are left out.
    fn sequences(&self, example: &LanguageExample) -> Vec<Sequence> {
        let encoded = |text: &str| self.tokenizer.encode(text);
        let marked = match example.segments.as_slice() {
            [text] if text.opens == TEXT_TOKEN => self.turns.text(&encoded(&text.text)),
            segments => {
                let turns: Vec<(Role, Vec<u32>)> = (segments.iter())
                    .map(|segment| {
                        let role = match segment.opens == AGENT_TOKEN {
                            true => Role::Assistant,
                            false => Role::User,
                        };
                        (role, encoded(&segment.text))
                    })
                    .collect();
                self.turns.conversation(&turns, self.learns_customers)
            }
        };
        let mut found = Vec::new();
        let mut start = 0;
        while start + 1 < marked.tokens.len() {
            let end = (start + self.context + 1).min(marked.tokens.len());
            let (tokens, scored) = (&marked.tokens[start..end], &marked.scored[start..end]);
            let sequence = Sequence::masked(tokens, scored);
            if sequence.targets.iter().any(|target| *target != IGNORE) {
                found.push(sequence);
            }
            start = end - 1;
        }
        found
    }

    /// The bytes of what is scored, with one more for the end of each.
    fn bytes(&self, example: &LanguageExample) -> usize {
        example
            .scored(self.learns_customers)
            .map(|segment| segment.text.len() + 1)
            .sum()
    }
}

/// The batches of every step: passes over the sequences, each in an order of
/// its own, cut at `batch_tokens`. They depend on the seed alone, so that a
/// resumed run goes on where it stopped.
pub(super) fn batches(
    sequences: &[Sequence],
    batch_tokens: usize,
    steps: usize,
    seed: u64,
) -> Vec<Vec<u32>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut found = Vec::with_capacity(steps);
    let mut batch = Vec::new();
    let mut tokens = 0;
    while found.len() < steps {
        let mut order: Vec<u32> = (0..sequences.len() as u32).collect();
        order.shuffle(&mut random);
        for place in order {
            batch.push(place);
            tokens += sequences[place as usize].inputs.len();
            if tokens >= batch_tokens {
                found.push(std::mem::take(&mut batch));
                tokens = 0;
            }
        }
        if found.is_empty() || tokens * 2 > batch_tokens {
            found.push(std::mem::take(&mut batch));
            tokens = 0;
        }
    }
    found.truncate(steps);
    found
}

#[cfg(test)]
mod tests {
    use corpus::support::{CUSTOMER_TOKEN, Segment};

    use super::*;

    #[test]
    fn every_step_has_its_batch_and_every_pass_sees_everything() {
        let sequences: Vec<Sequence> = (1..60)
            .map(|length| Sequence::next_tokens(&vec![7; length * 10]))
            .collect();
        let found = batches(&sequences, 4_096, 40, 3);
        assert_eq!(found.len(), 40);
        assert_eq!(found, batches(&sequences, 4_096, 40, 3));
        let mut seen: Vec<u32> = found.concat();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), sequences.len());
        assert_eq!(batches(&sequences[..1], 4_096, 5, 3).len(), 5);
    }

    #[test]
    fn long_talks_are_cut_and_only_replies_are_scored() {
        let tokenizer = Tokenizer::train(["ab "; 9].into_iter(), 300, &["<c>", "<a>"]).unwrap();
        let turns = ChatFormat {
            first: vec![0],
            user: vec![0],
            assistant: vec![1],
            ..ChatFormat::default()
        };
        let segment = |opens, text: &str| Segment {
            opens,
            text: text.to_owned(),
        };
        let example = LanguageExample {
            split: Split::Validation,
            segments: vec![
                segment(CUSTOMER_TOKEN, &"x".repeat(50)),
                segment(AGENT_TOKEN, &"y".repeat(20)),
            ],
        };
        let written = |learns_customers| Written {
            tokenizer: &tokenizer,
            turns: &turns,
            learns_customers,
            context: 16,
        };
        let scored = |sequences: &[Sequence]| -> usize {
            let targets = sequences.iter().flat_map(|sequence| &sequence.targets);
            targets.filter(|target| **target != IGNORE).count()
        };
        let replies = written(false).sequences(&example);
        assert_eq!(scored(&replies), 20);
        assert!(replies.iter().all(|sequence| sequence.inputs.len() <= 16));
        assert_eq!(written(false).bytes(&example), 21);
        let all = written(true).sequences(&example);
        assert!(all.len() > replies.len() && scored(&all) == 71);
        let material = Material::new(&[example], written(true));
        assert_eq!(material.tokens(), 0);
        assert_eq!(material.held_out(10).1, 72);
    }
}
