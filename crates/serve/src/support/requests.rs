//! Whether a message asks for a person or for the customer's points, in any of
//! the languages of the examples. A classifier learnt it from messages that
//! people wrote who had seen neither this code nor a test; it is acted upon
//! only where it is sure.

use std::sync::LazyLock;

use models::ModelError;
use models::intents::Intents;
use models::linear::LinearOptions;
use serde::Deserialize;

/// What is acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedFor {
    /// A person, or anger that a person has to take.
    Person,
    /// The customer's points.
    Points,
}

#[derive(Deserialize)]
struct Example {
    text: String,
    label: String,
}

/// At most this share of the messages that are acted upon may be of another kind.
const ERROR_RATE: f64 = 0.1;

static EXAMPLES: &str = include_str!("request_examples.jsonl");
static CLASSIFIER: LazyLock<Option<Intents>> = LazyLock::new(|| {
    let learnt = learn();
    learnt
        .inspect_err(|error| tracing::error!(%error, "requests are not recognised"))
        .ok()
});

fn learn() -> Result<Intents, ModelError> {
    let read = |line: &str| serde_json::from_str(line);
    let examples: Vec<Example> = (EXAMPLES.lines().map(read))
        .collect::<Result<_, _>>()
        .map_err(|error| ModelError::Data(format!("request_examples.jsonl: {error}")))?;
    let mut classes: Vec<String> = examples.iter().map(|one| one.label.clone()).collect();
    classes.sort();
    classes.dedup();
    let rows: Vec<(&str, usize)> = (examples.iter())
        .filter_map(|one| Some((one.text.as_str(), classes.binary_search(&one.label).ok()?)))
        .collect();
    Intents::learn(&rows, &classes, &LinearOptions::default(), ERROR_RATE)
}

/// What a message surely asks for; `None` where it asks for something else, or
/// nothing is sure.
pub(super) fn read(message: &str) -> Option<AskedFor> {
    let intent = CLASSIFIER.as_ref()?.read(message);
    match intent.name {
        _ if !intent.is_sure => None,
        "hand_over" => Some(AskedFor::Person),
        "points" => Some(AskedFor::Points),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_surely_asked_for() {
        let (person, points) = (AskedFor::Person, AskedFor::Points);
        for (message, expected) in [
            ("I want to talk to a human", Some(person)),
            ("转人工", Some(person)),
            ("How many points do I have?", Some(points)),
            ("Wie viele Punkte habe ich denn", Some(points)),
            ("我现在有多少积分？", Some(points)),
            ("where's my parcel", None),
            ("My reply is late, sorry", None),
            ("How do I cancel my order?", None),
            ("Does the X-2000 have Bluetooth?", None),
            ("", None),
        ] {
            assert_eq!(read(message), expected, "{message}");
        }
    }
}
