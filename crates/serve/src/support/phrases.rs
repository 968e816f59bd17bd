use shop::Availability;

/// What support says by itself: everything else is quoted or read from a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phrase {
    Disclosure,
    Greeting,
    Welcome,
    Declined,
    OfferPerson,
    HandedOver,
    SignIn,
    OrderNotFound,
    NoOrders,
    OriginalLanguage,
    SayMore,
}

/// A sentence with gaps that only facts of a record may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FactPhrase {
    OrderStatus,
    OrderPlaced,
    OrderItems,
    OrderTotal,
    OrderTracking,
    ProductPrice,
    ProductAvailability,
    ProductBrand,
    ProductRating,
    ProductAttribute,
}

impl Phrase {
    /// The words; every language but Chinese gets English.
    pub fn text(self, language: &str) -> &'static str {
        match (self, language) {
            (Self::Disclosure, "zh") => "我是本店的人工智能助手。",
            (Self::Disclosure, _) => "I am the shop's AI assistant.",
            (Self::Greeting, "zh") => "您好！有什么可以帮您？",
            (Self::Greeting, _) => "Hello! How can I help you?",
            (Self::Welcome, "zh") => "不客气！",
            (Self::Welcome, _) => "You are welcome!",
            (Self::Declined, "zh") => "抱歉，本店的资料里没有找到这个问题的答案。",
            (Self::Declined, _) => {
                "I am sorry, I found nothing in the shop's own information that answers this."
            }
            (Self::OfferPerson, "zh") => "需要为您转接人工客服吗？",
            (Self::OfferPerson, _) => "Would you like to talk to a person?",
            (Self::HandedOver, "zh") => "好的，正在为您转接人工客服，对话内容会一并转交。",
            (Self::HandedOver, _) => {
                "I am passing you on to a person, together with what was said so far."
            }
            (Self::SignIn, "zh") => "请先登录，我才能查看您的订单。",
            (Self::SignIn, _) => "Please sign in first, so that I can look at your orders.",
            (Self::OrderNotFound, "zh") => "在您登录的账户下没有找到这个订单。",
            (Self::OrderNotFound, _) => {
                "I cannot find an order with this number under the account that you are signed in with."
            }
            (Self::NoOrders, "zh") => "您的账户下还没有订单。",
            (Self::NoOrders, _) => "There are no orders under your account yet.",
            (Self::OriginalLanguage, "zh") => "以下为原文：",
            (Self::OriginalLanguage, _) => "In the words of the original:",
            (Self::SayMore, "zh") => "请告诉我您想了解什么。",
            (Self::SayMore, _) => "Please tell me what you would like to know.",
        }
    }
}

impl FactPhrase {
    fn pattern(self, language: &str) -> &'static str {
        match (self, language) {
            (Self::OrderStatus, "zh") => "订单{0}的状态：{1}。",
            (Self::OrderStatus, _) => "The status of order {0} is: {1}.",
            (Self::OrderPlaced, "zh") => "下单日期：{0}。",
            (Self::OrderPlaced, _) => "It was placed on {0}.",
            (Self::OrderItems, "zh") => "商品：{0}。",
            (Self::OrderItems, _) => "Items: {0}.",
            (Self::OrderTotal, "zh") => "合计：{0}。",
            (Self::OrderTotal, _) => "Total: {0}.",
            (Self::OrderTracking, "zh") => "物流：{0}。",
            (Self::OrderTracking, _) => "Tracking: {0}.",
            (Self::ProductPrice, "zh") => "{0}的价格是{1}。",
            (Self::ProductPrice, _) => "The price of {0} is {1}.",
            (Self::ProductAvailability, "zh") => "{0}：{1}。",
            (Self::ProductAvailability, _) => "{0}: {1}.",
            (Self::ProductBrand, "zh") => "{0}的品牌是{1}。",
            (Self::ProductBrand, _) => "The brand of {0} is {1}.",
            (Self::ProductRating, "zh") => "{0}的平均评分是{1}（满分5分）。",
            (Self::ProductRating, _) => "Customers rate {0} {1} out of 5 on average.",
            (Self::ProductAttribute, "zh") => "{0}，{1}。",
            (Self::ProductAttribute, _) => "{0}, {1}.",
        }
    }

    /// The sentence with its gaps filled.
    pub fn fill(self, language: &str, values: &[String]) -> String {
        let mut sentence = self.pattern(language).to_owned();
        // From the last gap on: a value may itself look like a gap.
        for (place, value) in values.iter().enumerate().rev() {
            let gap = format!("{{{place}}}");
            if let Some(at) = sentence.find(&gap) {
                sentence.replace_range(at..at + gap.len(), value);
            }
        }
        sentence
    }
}

/// How availability is said.
pub fn availability(availability: Availability, language: &str) -> &'static str {
    match (availability, language) {
        (Availability::InStock, "zh") => "有货",
        (Availability::InStock, _) => "in stock",
        (Availability::LimitedStock, "zh") => "库存不多",
        (Availability::LimitedStock, _) => "in stock, only a few left",
        (Availability::Backorder, "zh") => "可预订，到货后发出",
        (Availability::Backorder, _) => "on backorder, it can be ordered and ships later",
        (Availability::Preorder, "zh") => "预售",
        (Availability::Preorder, _) => "open for pre-order",
        (Availability::OutOfStock, "zh") => "暂时缺货",
        (Availability::OutOfStock, _) => "out of stock",
        (Availability::Discontinued, "zh") => "已下架",
        (Availability::Discontinued, _) => "discontinued",
    }
}
