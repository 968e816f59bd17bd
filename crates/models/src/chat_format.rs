//! Chat formats: how a conversation and a plain text become tokens for a
//! language model; by special tokens for our own models, by the chat template
//! for published ones.

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::published::{Message, PublishedModel, Role};
use crate::tokenizer::Tokenizer;

/// Stand for what is said while a template is taken apart. No template has
/// letters of these kinds.
const SAID: [&str; 4] = ["\u{13000}0", "\u{13000}1", "\u{13000}2", "\u{13000}3"];

/// The tokens around what is said. They are kept with a model: whoever serves
/// it has to write as it was trained.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChatFormat {
    /// Before the first words of a user.
    pub first: Vec<u32>,
    /// Between what the assistant says and what the user does.
    pub user: Vec<u32>,
    /// Between what the user says and what the assistant does.
    pub assistant: Vec<u32>,
    /// After the last words of the assistant.
    pub end: Vec<u32>,
    /// Before a text that nobody says to anybody.
    pub text: Vec<u32>,
    /// After such a text.
    pub text_end: Vec<u32>,
}

/// Tokens with the loss mask: which of them a model learns to predict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LossMaskedTokens {
    /// In order.
    pub tokens: Vec<u32>,
    /// As long as the tokens.
    pub scored: Vec<bool>,
}

impl LossMaskedTokens {
    fn push(&mut self, tokens: &[u32], scored: bool) {
        self.tokens.extend(tokens);
        self.scored.resize(self.tokens.len(), scored);
    }
}

impl ChatFormat {
    /// As a published model wants its conversations: by its template, or in
    /// plain words where it has none or one that does not keep the turns
    /// apart.
    pub fn of(model: &PublishedModel, tokenizer: &Tokenizer) -> ChatFormat {
        let begin: Vec<u32> = (model.special.begin.filter(|_| model.special.add_begin))
            .into_iter()
            .collect();
        let text_end: Vec<u32> = model.special.end.first().copied().into_iter().collect();
        let around = model.chat_template.as_ref();
        let around = around.and_then(|template| {
            let turn = |role, content| Message { role, content };
            let messages = [
                turn(Role::User, SAID[0]),
                turn(Role::Assistant, SAID[1]),
                turn(Role::User, SAID[2]),
                turn(Role::Assistant, SAID[3]),
            ];
            taken_apart(&template.render(&messages, false).ok()?)
        });
        let plain = || {
            let [customer, shop] = ["Customer: ", "\nShop: "].map(str::to_owned);
            [
                customer.clone(),
                shop,
                format!("\n{customer}"),
                String::new(),
            ]
        };
        let encoded = around.unwrap_or_else(plain);
        let [first, assistant, user, end] =
            encoded.map(|piece| tokenizer.encode_with_special(&piece));
        let with_begin = |tokens: Vec<u32>| match begin.first() {
            Some(token) if tokens.first() != Some(token) => [begin.clone(), tokens].concat(),
            _ => tokens,
        };
        ChatFormat {
            first: with_begin(first),
            user,
            assistant,
            end: if end.is_empty() {
                text_end.clone()
            } else {
                end
            },
            text: begin.clone(),
            text_end,
        }
    }

    /// The tokens that have to be in a model's vocabulary.
    pub fn tokens(&self) -> impl Iterator<Item = u32> {
        let all = [
            &self.first,
            &self.user,
            &self.assistant,
            &self.end,
            &self.text,
            &self.text_end,
        ];
        all.into_iter().flatten().copied()
    }

    /// What a user asks, ready for the assistant's answer.
    pub fn question(&self, question: &[u32]) -> Vec<u32> {
        [&self.first, question, &self.assistant].concat()
    }

    /// A text that nobody says to anybody; all of it is scored.
    pub fn text(&self, tokens: &[u32]) -> LossMaskedTokens {
        let mut marked = LossMaskedTokens::default();
        marked.push(&self.text, true);
        marked.push(tokens, true);
        marked.push(&self.text_end, true);
        marked
    }

    /// A conversation. What the assistant says is scored, with the token that
    /// ends it; what the user says where `all` is.
    pub fn conversation(&self, turns: &[(Role, Vec<u32>)], all: bool) -> LossMaskedTokens {
        let mut marked = LossMaskedTokens::default();
        let mut before = None;
        for (role, tokens) in turns {
            let said = *role == Role::Assistant;
            let opening: &[u32] = match (before, said) {
                (None, false) => &self.first,
                // The shop speaks first.
                (None, true) => &self.assistant,
                (Some(true), false) => &self.user,
                (Some(false), true) => &self.assistant,
                // The same goes on: its words follow.
                (Some(_), _) => &[],
            };
            // That a reply ends is a part of it; what follows is the form.
            let ends = before == Some(true) && !opening.is_empty();
            if ends {
                marked.push(&opening[..1], true);
                marked.push(&opening[1..], all);
            } else {
                marked.push(opening, all);
            }
            marked.push(tokens, said || all);
            before = Some(said);
        }
        marked.push(&self.end, before == Some(true) || all);
        marked
    }

    /// An error where a token is not in a vocabulary of this size.
    pub fn validate(&self, vocabulary: usize) -> Result<(), ModelError> {
        match self.tokens().find(|token| *token as usize >= vocabulary) {
            Some(token) => Err(ModelError::Data(format!(
                "the form of conversations has token {token}, the model only {vocabulary}"
            ))),
            None => Ok(()),
        }
    }
}

/// What a template writes before, between and after what is said: before the
/// user, before the assistant, before the user again, after the end. None
/// where it loses something or writes a second round otherwise.
fn taken_apart(text: &str) -> Option<[String; 4]> {
    let mut pieces = Vec::new();
    let mut rest = text;
    for said in SAID {
        let (before, after) = rest.split_once(said)?;
        pieces.push(before);
        rest = after;
    }
    let [first, assistant, user, again] = pieces.try_into().ok()?;
    (assistant == again && !assistant.is_empty() && !user.is_empty())
        .then(|| [first, assistant, user, rest].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> ChatFormat {
        ChatFormat {
            first: vec![1],
            user: vec![2, 1],
            assistant: vec![3],
            end: vec![2],
            text: vec![4],
            text_end: vec![5],
        }
    }

    #[test]
    fn replies_and_their_ends_are_scored() {
        let (user, assistant) = (Role::User, Role::Assistant);
        let talk = [
            (user, vec![10, 11]),
            (assistant, vec![20]),
            (user, vec![12]),
            (assistant, vec![21, 22]),
        ];
        let marked = turns().conversation(&talk, false);
        assert_eq!(marked.tokens, [1, 10, 11, 3, 20, 2, 1, 12, 3, 21, 22, 2]);
        let scored: Vec<u32> = (marked.tokens.iter().zip(&marked.scored))
            .filter_map(|(token, scored)| scored.then_some(*token))
            .collect();
        assert_eq!(scored, [20, 2, 21, 22, 2]);
        let all = turns().conversation(&talk, true);
        assert!(all.scored.iter().all(|scored| *scored) && all.tokens == marked.tokens);
        let text = turns().text(&[7, 8]);
        assert_eq!(
            (text.tokens, text.scored),
            (vec![4, 7, 8, 5], vec![true; 4])
        );
        assert_eq!(turns().question(&[10]), [1, 10, 3]);
    }

    #[test]
    fn turns_that_do_not_alternate_stay_in_order() {
        let talk = [
            (Role::Assistant, vec![20]),
            (Role::Assistant, vec![21]),
            (Role::User, vec![10]),
        ];
        let marked = turns().conversation(&talk, false);
        assert_eq!(marked.tokens, [3, 20, 21, 2, 1, 10, 2]);
        assert_eq!(
            marked.scored,
            [false, true, true, true, false, false, false]
        );
        assert_eq!(turns().conversation(&[], false).tokens, [2]);
    }

    #[test]
    fn templates_are_taken_apart_or_not_trusted() {
        let [a, b, c, d] = SAID;
        let text = format!("<s>[{a}]>{b}</s>[{c}]>{d}</s>");
        let expected = ["<s>[", "]>", "</s>[", "</s>"].map(str::to_owned);
        assert_eq!(taken_apart(&text), Some(expected));
        assert_eq!(taken_apart(&format!("{a}>{b}<{c}>")), None);
        assert_eq!(taken_apart(&format!("{a}>{b}<{c}]{d}")), None);
        assert_eq!(taken_apart(&format!("{a}>{b}{c}>{d}")), None);
    }

    #[test]
    fn tokens_outside_of_the_vocabulary_are_refused() {
        assert!(turns().validate(6).is_ok());
        assert!(
            turns()
                .validate(5)
                .unwrap_err()
                .to_string()
                .contains("token 5")
        );
    }
}
