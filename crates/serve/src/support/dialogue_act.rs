//! What a message, or a clause of one, asks the assistant to do. A classifier
//! learnt it from messages in nine languages that people wrote who had seen
//! neither this code nor a test: from their words, and from the vectors of the
//! shop's sentence encoder where it has chosen one.

use std::sync::LazyLock;

use models::intents::{Examples, Intents};
use models::linear::LinearOptions;
use models::{ModelError, SentenceEncoder};
use serde::{Deserialize, Serialize};

use super::tools::Tool;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DialogueAct {
    /// Nothing: what is told beside a wish.
    Inform,
    /// To be told what the shop's texts or records hold; anything else too.
    Question,
    /// To see products.
    Browse,
    /// To hear of their own orders.
    Orders,
    /// To hear how many points they have.
    Points,
    /// A person, or anger that a person has to take.
    HandOver,
    Cancel,
    Return,
    Exchange,
    /// An order sent elsewhere.
    OrderAddress,
    /// Another address in the account.
    AccountAddress,
    /// An order paid in another way.
    Payment,
    /// A product put into the cart.
    Cart,
    Greeting,
    Thanks,
}

impl DialogueAct {
    /// What is asked to be changed, as the tools that may do it; empty where
    /// nothing is.
    pub(crate) fn tools(self) -> &'static [Tool] {
        match self {
            Self::Cancel => &[Tool::CancelOrder],
            Self::Return => &[Tool::ReturnItems],
            Self::Exchange => &[Tool::ChangeOrderItems, Tool::ExchangeItems],
            Self::OrderAddress => &[Tool::ChangeOrderAddress],
            Self::AccountAddress => &[Tool::ChangeCustomerAddress],
            Self::Payment => &[Tool::ChangeOrderPayment],
            Self::Inform
            | Self::Question
            | Self::Browse
            | Self::Orders
            | Self::Points
            | Self::HandOver
            | Self::Cart
            | Self::Greeting
            | Self::Thanks => &[],
        }
    }

    /// As it is written in files and in answers.
    pub(crate) fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        let name = name.as_ref().and_then(serde_json::Value::as_str);
        name.unwrap_or_default().to_owned()
    }

    /// What an answer to it is filed under.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Inform | Self::Question => "question",
            Self::Browse => "products",
            Self::Orders => "orders",
            Self::Points => "points",
            Self::HandOver => "person",
            Self::Cart => "cart",
            Self::Greeting => "greeting",
            Self::Thanks => "thanks",
            Self::Cancel
            | Self::Return
            | Self::Exchange
            | Self::OrderAddress
            | Self::AccountAddress
            | Self::Payment => "deed",
        }
    }

    /// Whether something is to be changed with what is theirs.
    pub(crate) fn is_write(self) -> bool {
        !self.tools().is_empty()
    }
}

/// What a text was heard as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heard {
    pub act: DialogueAct,
    /// Its calibrated probability.
    pub probability: f32,
    /// Whether that is enough to act upon it.
    pub is_sure: bool,
}

#[derive(Deserialize)]
struct Example {
    text: String,
    label: DialogueAct,
}

/// At most this share of the messages that are acted upon may be of another kind.
const ERROR_RATE: f64 = 0.1;
/// What is less likely than not is never sure.
const LEAST_PROBABILITY: f32 = 0.5;
/// The longest text that is encoded, in tokens.
const LONGEST_TOKENS: usize = 128;

static EXAMPLES: &str = include_str!("dialogue_act_examples.jsonl");
static BY_WORDS: LazyLock<Option<DialogueActs>> = LazyLock::new(|| {
    let learnt = DialogueActs::learn(None);
    learnt
        .inspect_err(|error| tracing::error!(%error, "what messages ask for is not recognised"))
        .ok()
});

/// Tells acts apart.
#[derive(Debug)]
pub(crate) struct DialogueActs {
    intents: Intents,
    acts: Vec<DialogueAct>,
}

impl DialogueActs {
    /// By words alone; learnt once.
    pub(crate) fn by_words() -> Option<&'static Self> {
        BY_WORDS.as_ref()
    }

    /// By words, and by the vectors of `encoder`.
    ///
    /// # Errors
    /// Where the examples cannot be read or learnt from.
    pub(crate) fn learn(encoder: Option<&SentenceEncoder>) -> Result<Self, ModelError> {
        let read = |line: &str| serde_json::from_str(line);
        let examples: Vec<Example> = (EXAMPLES.lines().map(read))
            .collect::<Result<_, _>>()
            .map_err(|error| ModelError::Data(format!("dialogue_act_examples.jsonl: {error}")))?;
        let mut acts: Vec<DialogueAct> = examples.iter().map(|one| one.label).collect();
        acts.sort_unstable();
        acts.dedup();
        let rows: Vec<(&str, usize)> = (examples.iter())
            .filter_map(|one| Some((one.text.as_str(), acts.binary_search(&one.label).ok()?)))
            .collect();
        let texts: Vec<&str> = rows.iter().map(|(text, _)| *text).collect();
        let vectors = encoder.map(|one| one.encode_queries(&texts, LONGEST_TOKENS));
        let examples = Examples {
            rows: &rows,
            vectors: vectors.as_deref().unwrap_or_default(),
            width: encoder.map_or(0, SentenceEncoder::width),
        };
        let names: Vec<String> = acts.iter().map(|act| act.name()).collect();
        let intents = Intents::learn(&examples, &names, &LinearOptions::default(), ERROR_RATE)?;
        Ok(Self { intents, acts })
    }

    /// What a text asks for; `vector` is the encoder's.
    pub(crate) fn hear(&self, text: &str, vector: Option<&[f32]>) -> Heard {
        let read = self.intents.read_with(text, vector);
        Heard {
            act: self.acts[read.class],
            probability: read.probability,
            is_sure: read.is_sure && read.probability >= LEAST_PROBABILITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_surely_asked_for() {
        let acts = DialogueActs::by_words().unwrap();
        for (message, expected) in [
            ("I want to talk to a human", DialogueAct::HandOver),
            ("转人工", DialogueAct::HandOver),
            ("How many points do I have?", DialogueAct::Points),
            ("Wie viele Punkte habe ich denn", DialogueAct::Points),
            ("我现在有多少积分？", DialogueAct::Points),
            ("where's my parcel", DialogueAct::Orders),
            ("please cancel my last order", DialogueAct::Cancel),
            ("我想退货", DialogueAct::Return),
            ("put the second into my cart", DialogueAct::Cart),
            ("How do I cancel my order?", DialogueAct::Question),
            ("hello", DialogueAct::Greeting),
            ("thank you!", DialogueAct::Thanks),
        ] {
            let heard = acts.hear(message, None);
            assert_eq!(heard.act, expected, "{message}: {heard:?}");
        }
        for message in ["Does the X-2000 have Bluetooth?", "my sister liked it"] {
            let heard = acts.hear(message, None);
            assert!(
                !heard.act.is_write() || !heard.is_sure,
                "{message}: {heard:?}"
            );
        }
    }
}
