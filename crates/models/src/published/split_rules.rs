//! How byte-level vocabularies split text before they merge: the rules that
//! GGUF files name in `tokenizer.ggml.pre`.
//!
//! A rule is what the model's own `tokenizer.json` has, so that a model
//! exported from here splits alike everywhere.

use serde_json::{Value, json};

/// A named way to split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplitRule {
    /// GPT-2 (Radford et al., 2019).
    Gpt2,
    /// GPT-2 with single digits: SmolLM, StarCoder.
    Digits,
    /// Llama 3: up to three digits.
    Llama3,
    /// Qwen 2 and 3: single digits.
    Qwen2,
    /// What llama.cpp does where a file names nothing.
    Default,
}

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEFAULT: [&str; 4] = [
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    "[0-9][0-9][0-9]",
];

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

fn split(regex: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false})
}

impl SplitRule {
    /// The names that GGUF files use; the first one is written.
    const NAMES: [(SplitRule, &'static [&'static str]); 5] = [
        (
            SplitRule::Gpt2,
            &[
                "gpt-2",
                "phi-2",
                "mpt",
                "olmo",
                "jais",
                "jina-en",
                "roberta-bpe",
            ],
        ),
        (
            SplitRule::Digits,
            &["smollm", "starcoder", "refact", "command-r", "codeshell"],
        ),
        (
            SplitRule::Llama3,
            &["llama-bpe", "llama3", "llama-v3", "smaug-bpe", "falcon3"],
        ),
        (
            SplitRule::Qwen2,
            &["qwen2", "deepseek-r1-qwen", "stablelm2"],
        ),
        (SplitRule::Default, &["default"]),
    ];

    /// The rule with this name in GGUF files.
    pub(crate) fn from_name(name: &str) -> Option<SplitRule> {
        let mut rules = SplitRule::NAMES.iter();
        rules
            .find(|(_, names)| names.contains(&name))
            .map(|(rule, _)| *rule)
    }

    /// Its name in GGUF files.
    pub(crate) fn name(self) -> &'static str {
        let mut rules = SplitRule::NAMES.iter();
        rules
            .find(|(rule, _)| *rule == self)
            .map_or("default", |(_, names)| names[0])
    }

    /// The `pre_tokenizer` of a `tokenizer.json`.
    pub(crate) fn pre_tokenizer(self) -> Value {
        let steps = match self {
            SplitRule::Gpt2 => return byte_level(true),
            SplitRule::Digits => vec![
                json!({"type": "Digits", "individual_digits": true}),
                byte_level(true),
            ],
            SplitRule::Llama3 => vec![split(LLAMA_3), byte_level(false)],
            SplitRule::Qwen2 => vec![split(QWEN_2), byte_level(false)],
            SplitRule::Default => {
                let splits = DEFAULT.iter().map(|regex| split(regex));
                splits.chain([byte_level(false)]).collect()
            }
        };
        json!({"type": "Sequence", "pretokenizers": steps})
    }

    /// The `normalizer` of a `tokenizer.json`.
    pub(crate) fn normalizer(self) -> Value {
        match self {
            SplitRule::Qwen2 => json!({"type": "NFC"}),
            _ => Value::Null,
        }
    }

    /// Whether a piece that is a token is taken whole, without merges.
    pub(crate) fn ignores_merges(self) -> bool {
        self == SplitRule::Llama3
    }

    /// The rule that a `tokenizer.json` follows.
    pub(crate) fn of(tokenizer: &Value) -> Option<SplitRule> {
        let pre_tokenizer = &tokenizer["pre_tokenizer"];
        let same =
            |rule: &SplitRule| simplified(&rule.pre_tokenizer()) == simplified(pre_tokenizer);
        SplitRule::NAMES.iter().map(|(rule, _)| *rule).find(same)
    }
}

/// The steps that decide where a text is split: without options that only
/// concern offsets, and with a list of one step as that step.
fn simplified(pre_tokenizer: &Value) -> Vec<Value> {
    let steps = match pre_tokenizer["pretokenizers"].as_array() {
        Some(steps) => steps.clone(),
        None => vec![pre_tokenizer.clone()],
    };
    let keep = |mut step: Value| {
        if let Some(step) = step.as_object_mut() {
            step.remove("trim_offsets");
        }
        step
    };
    steps.into_iter().map(keep).collect()
}
