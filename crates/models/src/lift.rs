//! How much a prompt says about its continuation.

use crate::generate::score_continuations;
use crate::transformer::Transformer;

/// For each continuation, the pointwise mutual information with the prompt in
/// nats a token: how much likelier the prompt makes it than the base prompt
/// does, which says nothing. A continuation without tokens has none.
pub fn lift(
    decoder: &Transformer,
    prompt: &[u32],
    base: &[u32],
    continuations: &[Vec<u32>],
) -> Vec<f32> {
    let given = score_continuations(decoder, prompt, continuations);
    let alone = score_continuations(decoder, base, continuations);
    let lengths = continuations
        .iter()
        .map(|tokens| tokens.len().max(1) as f32);
    given
        .iter()
        .zip(alone)
        .zip(lengths)
        .map(|((given, alone), length)| (given - alone) / length)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransformerConfig;

    #[test]
    fn the_base_prompt_itself_lifts_nothing() {
        let decoder = Transformer::new(TransformerConfig::new(1, 16, 2, 32, 50), 1).unwrap();
        let continuations = [vec![3, 4, 5], vec![], vec![7]];
        assert_eq!(lift(&decoder, &[1, 2], &[1, 2], &continuations), [0.0; 3]);
        assert!(lift(&decoder, &[9, 8, 2], &[1, 2], &continuations)[0] != 0.0);
    }
}
