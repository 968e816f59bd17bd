//! The shop's rules for what may be done, read from `policy.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use shop::Money;

use super::tools::Tool;

/// Who has the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Approver {
    #[default]
    Customer,
    Person,
}

/// Where money may go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RefundTo {
    Original,
    GiftCard,
    Any,
}

/// The rule of one tool; the file's comments say what each key means.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Rule {
    pub statuses: Vec<String>,
    pub becomes: Option<String>,
    pub reasons: Vec<String>,
    pub window_days: u32,
    pub refund_to: Vec<RefundTo>,
    pub approved_by: Approver,
    pub person_above: Option<Money>,
    pub most_items: usize,
}

/// How much one customer may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Limits {
    pub messages_per_minute: u32,
    pub messages_per_day: u32,
    pub confirmed_writes_per_day: u32,
    pub characters_per_day: u64,
    pub confirm_within_minutes: u32,
    pub hand_over_below: f64,
    pub reopened_within_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_minute: 20,
            messages_per_day: 400,
            confirmed_writes_per_day: 30,
            characters_per_day: 400_000,
            confirm_within_minutes: 15,
            hand_over_below: 0.0,
            reopened_within_days: 7,
        }
    }
}

/// Which of the shop's own names for what customers want stand for something
/// that the assistant does by itself, once training is sure of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActedUpon {
    /// The state of the customer's orders is told.
    pub orders: Vec<String>,
    /// A person takes over.
    pub person: Vec<String>,
}

impl Default for ActedUpon {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            orders: names(&["order_status", "track_order"]),
            person: names(&["complaint", "contact_human_agent"]),
        }
    }
}

/// What a language model's own words may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grounding {
    /// A sentence that its evidence entails is said as the model wrote it.
    #[default]
    Entailed,
    /// Nothing is said but quotes, facts of records and fixed phrases.
    Quote,
}

/// All rules of a shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// What is said of a language model's own words.
    #[serde(default)]
    pub grounding: Grounding,
    /// How much one customer may ask for.
    #[serde(default)]
    pub limits: Limits,
    /// What is done for what a customer is surely taken to want.
    #[serde(default)]
    pub intents: ActedUpon,
    /// The rule of each tool that may write.
    #[serde(flatten)]
    rules: BTreeMap<Tool, Rule>,
}

/// The rules that hold where a shop has written none: also what `init` writes.
pub const DEFAULT_POLICY: &str = include_str!("policy.toml");

static DEFAULT: LazyLock<Policy> = LazyLock::new(|| match Policy::parse(DEFAULT_POLICY) {
    Ok(policy) => policy,
    Err(error) => unreachable!("the policy that ships with the program reads: {error}"),
});

impl Default for Policy {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Policy {
    /// Reads the text of a `policy.toml`. An error says which key is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        match policy.rules.keys().find(|tool| !tool.writes()) {
            Some(tool) => Err(format!(
                "{} reads only and needs no rule: take its table out",
                tool.name()
            )),
            None => Ok(policy),
        }
    }

    /// Rules that allow nothing.
    pub fn nothing() -> Self {
        Self {
            grounding: Grounding::Quote,
            limits: Limits::default(),
            intents: ActedUpon::default(),
            rules: BTreeMap::new(),
        }
    }

    /// The rule of a tool; `None` when the assistant may not use it to write.
    pub fn rule(&self, tool: Tool) -> Option<&Rule> {
        self.rules.get(&tool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_policy_reads_and_its_limits_are_the_defaults() {
        let policy = Policy::parse(DEFAULT_POLICY).unwrap();
        assert_eq!(policy.limits, Limits::default());
        assert_eq!(policy.intents, ActedUpon::default());
        assert_eq!(policy.grounding, Grounding::default());
        for tool in Tool::ALL {
            assert_eq!(policy.rule(tool).is_some(), tool.writes(), "{tool:?}");
        }
    }

    #[test]
    fn wrong_rules_are_refused() {
        for text in [
            "[cancel_ordr]\n",
            "[search]\n",
            "[cancel_order]\nstatus = []\n",
            "[limits]\nmessages = 3\n",
            "[intents]\nrefund = [\"refund_order\"]\n",
            "grounding = \"none\"\n",
        ] {
            assert!(Policy::parse(text).is_err(), "{text}");
        }
        assert!(Policy::parse("").unwrap().rule(Tool::CancelOrder).is_none());
    }
}
