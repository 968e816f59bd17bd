//! What kind of value a question wants, and which kinds a text holds.

use super::concepts::concept_of;
use super::terms::Term;

/// What kind of value the answer must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpectedAnswerType {
    /// Nothing that can be told from the words.
    #[default]
    Anything,
    /// A length or point of time.
    Time,
    /// A point of time, or the condition for something to come about.
    Moment,
    /// A sum of money.
    Money,
    /// A count.
    Number,
    /// How often.
    Frequency,
    /// Somebody.
    Person,
    /// Several things of a kind, or one of them.
    Choice,
}

const LENGTHS: &[&str] = &[
    "how long",
    "how soon",
    "how many days",
    "how many weeks",
    "how many months",
    "how many years",
    "how many hours",
    "how fast do you",
    "how fast will",
    "how quickly",
    "多快",
    "多少小时",
    "多久",
    "几天",
    "多少天",
    "多长时间",
];
const MOMENTS: &[&str] = &[
    "until when",
    "by when",
    "what day",
    "几号",
    "哪天",
    "什么时间",
    " when is ",
    " when are ",
    " when do ",
    " when does ",
    " when did ",
    " when will ",
    " when can ",
    " when was ",
    "什么时候",
    "何时",
    "几点",
];
const SUMS: &[&str] = &[
    "how much",
    "price",
    "what does it cost",
    "cost of",
    "would it cost",
    "cost me",
    "how expensive",
    "fee",
    "多少钱",
    "运费",
    "费用",
    "价格",
    "价钱",
];
const OFTEN: &[&str] = &["how often", "how many times", "几次", "多少次"];
const COUNTS: &[&str] = &["how many", "what amount", "how far", "几个", "多少"];
const KINDS: &[&str] = &[
    "what kinds",
    "what types",
    "what sorts",
    "which kinds",
    "which types",
    "which of",
    "what forms",
    "which forms",
    "what options",
    "which options",
    "what ways",
    "which ways",
    "what methods",
    "which methods",
    "what reasons",
    "which reasons",
    "which states",
    "which items",
    "is included",
    "are included",
    "哪些",
    "哪几种",
    "什么方式",
];

impl ExpectedAnswerType {
    /// Whether a word of the question only says that such a value is wanted:
    /// "times" in "How many times …".
    pub(super) fn is_said_by(self, term: &Term) -> bool {
        match self {
            Self::Money => term.concept.is_some() && term.concept == concept_of("price"),
            Self::Frequency => term.word == "time",
            _ => false,
        }
    }
}

/// Reads it from the question's words.
pub(super) fn expected_answer_type(text: &str) -> ExpectedAnswerType {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // At the start, or after what sets the scene: "If I cancel, when …".
    let opens = |word: &str| {
        let after = |mark: &str| text.contains(&format!("{mark} {word}"));
        text.starts_with(word) || after(":") || after(",")
    };
    if has(LENGTHS) {
        ExpectedAnswerType::Time
    } else if opens("when ") || has(MOMENTS) {
        ExpectedAnswerType::Moment
    } else if has(SUMS) {
        ExpectedAnswerType::Money
    } else if has(OFTEN) {
        ExpectedAnswerType::Frequency
    } else if has(COUNTS) {
        ExpectedAnswerType::Number
    } else if opens("who ") || text.contains('谁') {
        ExpectedAnswerType::Person
    } else if has(KINDS) {
        ExpectedAnswerType::Choice
    } else {
        ExpectedAnswerType::Anything
    }
}

/// What kinds of value a text holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Values {
    digit: bool,
    time: bool,
    money: bool,
    condition: bool,
    often: bool,
    person: bool,
    list: bool,
}

const NUMBERS: &[&str] = &[" one ", " two ", " three ", "once", "twice", "一次", "两次"];
const TIMES: &[&str] = &[
    "day",
    "hour",
    "week",
    "month",
    "year",
    "minute",
    "immediately",
    "o'clock",
    "a.m.",
    "p.m.",
    "天",
    "日",
    "小时",
    "周",
    "月",
    "年",
    "分钟",
    "立即",
];
const MONEY: &[&str] = &[
    "$", "€", "£", "¥", "usd", "eur", "dollar", "euro", "free", "元", "块", "免费", "免邮", "包邮",
];
const CONDITIONS: &[&str] = &[
    "if ",
    "when ",
    "once ",
    "after ",
    "before ",
    "unless ",
    "until ",
    "as soon as",
    "only ",
    "如果",
    "若",
    "后",
    "前",
    "时",
];
const REPEATS: &[&str] = &[
    "once per",
    "once a",
    "once in",
    "once every",
    "only once",
    "once only",
    "be called once",
    "twice",
    "times",
    "every ",
    "unlimited",
    "each time",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "一次",
    "两次",
    "次",
];
const PEOPLE: &[&str] = &[
    "user", "customer", "member", "agent", "team", "staff", "person", "people", "manager", "buyer",
    "seller", "you ", "we ", "our ", "owner", "company", "courier", "carrier", "客", "会员", "您",
    "人", "商家",
];

/// Whether a text holds an hour of the day as "6 pm" or "9am".
fn has_clock(lower: &str) -> bool {
    ["am", "pm"].into_iter().any(|half| {
        lower.match_indices(half).any(|(at, _)| {
            let before = lower[..at].trim_end_matches(' ');
            let after = lower[at + half.len()..].chars().next();
            before.ends_with(|c: char| c.is_ascii_digit())
                && after.is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

/// How far a number without a currency is the sum of money that is wanted …
const BARE_NUMBER: f64 = 0.4;
/// … and a condition the time that is wanted.
const BARE_CONDITION: f64 = 0.4;

impl Values {
    /// Those of a text.
    pub(super) fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let commas = lower.matches([',', '、', '，', '/']).count();
        let items = lower.lines().filter(|line| !line.trim().is_empty()).count();
        Self {
            digit: lower.chars().any(|c| c.is_ascii_digit()) || has(NUMBERS),
            time: has(TIMES) || has_clock(&lower),
            money: has(MONEY),
            condition: has(CONDITIONS),
            often: has(REPEATS),
            person: has(PEOPLE),
            list: commas >= 2 || items >= 3 || has(&[" or ", "either", "或"]),
        }
    }

    /// 1 where the text holds what is wanted, -1 where it does not, 0 where
    /// nothing certain is wanted. A number without a currency may be a sum, and
    /// "once it has left" may be all that there is to say of when.
    pub(super) fn fit(self, wants: ExpectedAnswerType) -> f64 {
        let fits = match wants {
            ExpectedAnswerType::Anything => return 0.0,
            ExpectedAnswerType::Time => self.time,
            ExpectedAnswerType::Moment if !self.time && self.condition => return BARE_CONDITION,
            ExpectedAnswerType::Moment => self.time,
            ExpectedAnswerType::Money if !self.money && self.digit => return BARE_NUMBER,
            ExpectedAnswerType::Money => self.money,
            ExpectedAnswerType::Number => self.digit,
            ExpectedAnswerType::Frequency => self.often,
            ExpectedAnswerType::Person => self.person,
            ExpectedAnswerType::Choice => self.list,
        };
        if fits { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_its_answer_fit() {
        for (question, wanted, answer, fits) in [
            (
                "How long does it take?",
                ExpectedAnswerType::Time,
                "5 to 7 days",
                true,
            ),
            (
                "When do I get it?",
                ExpectedAnswerType::Moment,
                "once it has left",
                true,
            ),
            (
                "If I cancel, when may I order?",
                ExpectedAnswerType::Moment,
                "5 days",
                true,
            ),
            (
                "what does shipping cost, how much?",
                ExpectedAnswerType::Money,
                "$5",
                true,
            ),
            (
                "How much is it?",
                ExpectedAnswerType::Money,
                "to 38 countries",
                true,
            ),
            (
                "How often may I swap?",
                ExpectedAnswerType::Frequency,
                "once per order",
                true,
            ),
            (
                "How often may I swap?",
                ExpectedAnswerType::Frequency,
                "swaps are fine",
                false,
            ),
            (
                "Who pays for it?",
                ExpectedAnswerType::Person,
                "the customer does",
                true,
            ),
            (
                "Lamp: who made it?",
                ExpectedAnswerType::Person,
                "a fine lamp",
                false,
            ),
            (
                "In which forms is it paid?",
                ExpectedAnswerType::Choice,
                "card, cash or check",
                true,
            ),
            (
                "有哪些付款方式？",
                ExpectedAnswerType::Choice,
                "微信、支付宝、银行卡",
                true,
            ),
            ("Is it blue?", ExpectedAnswerType::Anything, "", false),
        ] {
            assert_eq!(expected_answer_type(question), wanted, "{question}");
            assert_eq!(Values::of(answer).fit(wanted) > 0.0, fits, "{answer}");
        }
        let better = |wanted: ExpectedAnswerType, text: &str, other: &str| {
            Values::of(text).fit(wanted) > Values::of(other).fit(wanted)
        };
        assert!(better(
            ExpectedAnswerType::Money,
            "4.90 USD",
            "38 countries"
        ));
        assert!(better(
            ExpectedAnswerType::Moment,
            "in 5 days",
            "once it has left"
        ));
        assert!(better(
            ExpectedAnswerType::Person,
            "you pay",
            "protect yourself"
        ));
        assert!(better(
            ExpectedAnswerType::Moment,
            "We close at 6 pm.",
            "an amount, if any"
        ));
        assert!(better(
            ExpectedAnswerType::Moment,
            "9am-6pm",
            "3 amazing colours"
        ));
    }
}
