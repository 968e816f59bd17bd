//! What kind of message it is, by the shapes that order numbers, greetings
//! and anger take in English and Chinese. Everything else is a question, and
//! what can be said about it is decided by the sources.

/// What a message wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Empty,
    Greeting,
    Thanks,
    /// A person; why.
    Person(&'static str),
    /// The state of orders: of those with these numbers, or of the last ones.
    Orders(Vec<String>),
    Question,
}

impl Route {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Greeting => "greeting",
            Self::Thanks => "thanks",
            Self::Person(_) => "person",
            Self::Orders(_) => "orders",
            Self::Question => "question",
        }
    }
}

const GREETINGS: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "good morning",
    "good afternoon",
    "good evening",
    "hi there",
    "hello there",
    "你好",
    "您好",
    "在吗",
    "嗨",
    "早上好",
    "晚上好",
    "哈喽",
];
const THANKS: &[&str] = &[
    "thanks",
    "thank you",
    "thank you very much",
    "thanks a lot",
    "many thanks",
    "cheers",
    "ok thanks",
    "great thanks",
    "谢谢",
    "谢谢你",
    "谢谢您",
    "多谢",
    "好的谢谢",
    "非常感谢",
];
const UPSET: &[&str] = &[
    "this is ridiculous",
    "unacceptable",
    "i am furious",
    "i'm furious",
    "worst service",
    "sue you",
    "scam",
    "fed up",
    "so angry",
    "terrible service",
    "太差了",
    "骗子",
    "气死",
    "要投诉",
    "垃圾服务",
    "忍无可忍",
];
const ORDER_WORDS: &[&str] = &[
    "order", "parcel", "package", "shipment", "delivery", "purchase", "订单", "包裹", "快递",
    "物流", "单号",
];
const STATUS: &[&str] = &[
    "where is my",
    "where's my",
    "where are my",
    "track my",
    "tracking number",
    "status of my",
    "my order status",
    "has my order",
    "has my package",
    "has my parcel",
    "when will my",
    "did my order",
    "show my orders",
    "show me my orders",
    "my orders",
    "my last order",
    "my latest order",
    "order history",
    "what did i order",
    "hasn't arrived",
    "has not arrived",
    "not arrived yet",
    "still waiting for my",
    "到哪了",
    "到哪儿了",
    "到哪里了",
    "什么时候到",
    "何时到",
    "我的订单",
    "我的快递",
    "我的包裹",
    "查订单",
    "查一下订单",
    "查询订单",
    "查物流",
    "发货了吗",
    "发货了没",
    "还没到",
    "还没收到",
    "没收到货",
    "我的物流",
];
/// What is wrong with an order of the customer's own that does not come.
const LATE: &[&str] = &[
    "is late",
    "is delayed",
    "never arrived",
    "never came",
    "didn't arrive",
    "did not arrive",
    "hasn't come",
    "hasn't shown up",
    "hasn't moved",
    "没动静",
    "没更新",
    "延误",
    "没到",
];
/// A rule is asked for, not the state of an order.
const RULES: &[&str] = &[
    "once ",
    "after ",
    "policy",
    "can i ",
    "could i ",
    "may i ",
    "how do i ",
    "how to ",
    "how can i ",
    "how many ",
    "what happens",
    "if i ",
    "if my",
    "change my",
    "cancel my",
    "return my",
    "modify",
    "which ",
    "怎么",
    "如何",
    "能不能",
    "可以",
    "如果",
    "政策",
    "规定",
];

/// Reads what kind of message it is. `orders_known` says whether the shop
/// keeps orders at all.
pub(crate) fn route(message: &str, orders_known: bool) -> Route {
    let lower = message.to_lowercase().replace('’', "'");
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if bare.is_empty() {
        return Route::Empty;
    }
    let plain: String = bare
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ')
        .collect();
    if GREETINGS.contains(&plain.as_str()) {
        return Route::Greeting;
    }
    if THANKS.contains(&plain.as_str()) {
        return Route::Thanks;
    }
    if has(UPSET) {
        return Route::Person("upset");
    }
    if !orders_known {
        return Route::Question;
    }
    let numbers = order_numbers(message, has(ORDER_WORDS));
    let own = has(&["my ", "#", "我", "快递", "包裹"]);
    let is_late = has(LATE) && has(ORDER_WORDS) && own;
    let asks_status = (has(STATUS) || is_late) && !has(RULES);
    if asks_status || (!numbers.is_empty() && !has(RULES)) {
        return Route::Orders(numbers);
    }
    Route::Question
}

const SHORTEST_NUMBER: usize = 4;
const LONGEST_NUMBER: usize = 40;

/// What looks like an order's number: after `#`, or, where orders are spoken
/// of, any run of letters, digits and dashes with three digits in it.
pub(crate) fn order_numbers(message: &str, of_orders: bool) -> Vec<String> {
    let mut found = Vec::new();
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '#';
    for token in message.split(|c: char| !joins(c)) {
        let number = token.trim_matches(['-', '_', '#']);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let length = number.len();
        let marked = token.starts_with('#') && digits > 0;
        let shaped = of_orders && digits >= 3;
        if (marked || shaped) && (SHORTEST_NUMBER..=LONGEST_NUMBER).contains(&length) {
            found.push(number.to_owned());
        }
    }
    found.dedup();
    found
}

const FOLLOW_UPS: &[&str] = &[
    "and ",
    "what about",
    "how about",
    "but ",
    "also ",
    "then ",
    "那",
    "还有",
    "另外",
    "那么",
    "如果是",
];
const FEW_WORDS: usize = 3;

/// Whether a message only makes sense after the one before it.
pub(crate) fn follows_up(message: &str) -> bool {
    let lower = message.trim().to_lowercase();
    let content = corpus::support::terms(&lower)
        .into_iter()
        .filter(|term| term.content)
        .count();
    FOLLOW_UPS.iter().any(|start| lower.starts_with(start))
        || content < FEW_WORDS && (lower.ends_with("呢？") || lower.ends_with("呢") || content < 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_the_right_way() {
        let orders = |numbers: &[&str]| {
            Route::Orders(numbers.iter().map(|number| (*number).to_owned()).collect())
        };
        for (message, expected) in [
            ("", Route::Empty),
            ("?!", Route::Empty),
            ("Hello!", Route::Greeting),
            ("您好", Route::Greeting),
            ("Thanks a lot!", Route::Thanks),
            ("Where is my order #W2378156?", orders(&["W2378156"])),
            ("where's my parcel", orders(&[])),
            ("my parcel is late, what now?", orders(&[])),
            ("快递好几天没动静了", orders(&[])),
            ("The delivery is late, is that refunded?", Route::Question),
            ("My reply is late, sorry", Route::Question),
            ("What happens if a parcel is late?", Route::Question),
            ("我的订单到哪了", orders(&[])),
            ("订单 A-10023 发货了吗", orders(&["A-10023"])),
            ("This is ridiculous, nobody answers", Route::Person("upset")),
            (
                "What is the status of my order once the return is confirmed?",
                Route::Question,
            ),
            ("How do I cancel my order?", Route::Question),
            ("What is the return policy?", Route::Question),
            ("Does the X-2000 have Bluetooth?", Route::Question),
        ] {
            assert_eq!(route(message, true), expected, "{message}");
        }
        assert_eq!(route("where is my order", false), Route::Question);
    }

    #[test]
    fn follow_ups() {
        for (message, expected) in [
            ("and for the blue one?", true),
            ("那蓝色的呢？", true),
            ("What is the return policy for shoes?", false),
        ] {
            assert_eq!(follows_up(message), expected, "{message}");
        }
    }
}
