use shop::Availability;

use super::tools::{Refused, Tool};

/// What support says by itself: everything else is quoted or read from a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ResponseTemplate {
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
    Found,
    Nearest,
    PleaseConfirm,
    WhichItem,
    WhichOption,
    WhichAddress,
    WholeOrder,
    Refused(Refused),
}

/// A sentence with gaps that only facts of a record may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FactTemplate {
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
    /// A write that waits for the customer's confirmation.
    Proposed(Tool),
    /// How many kinds or products a query found.
    Counted,
    /// A product that a query over the catalogue found.
    Listed,
}

impl ResponseTemplate {
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
            (Self::Found, "zh") => "为您找到：",
            (Self::Found, _) => "This is what I found:",
            (Self::Nearest, "zh") => "没有完全符合的商品，最接近的是：",
            (Self::Nearest, _) => "I found nothing that is exactly this. The nearest:",
            (Self::PleaseConfirm, "zh") => "请核对所示内容并确认；确认之前不会有任何更改。",
            (Self::PleaseConfirm, _) => {
                "Please check what is shown and confirm it; nothing changes before you do."
            }
            (Self::WhichItem, "zh") => "请问是哪个订单、哪件商品？",
            (Self::WhichItem, _) => "Which order and which item do you mean?",
            (Self::WhichOption, "zh") => "请问您想换成哪种规格？",
            (Self::WhichOption, _) => "Which of its options would you like instead?",
            (Self::WhichAddress, "zh") => "请问改成哪个地址？",
            (Self::WhichAddress, _) => "Which address do you mean? Please write it in full.",
            (Self::WholeOrder, "zh") => "只能取消整个订单。需要取消整个订单吗？",
            (Self::WholeOrder, _) => {
                "Only a whole order can be cancelled. Shall I cancel the whole order?"
            }
            (Self::Refused(reason), language) => refused(reason, language),
        }
    }
}

/// Why something is not done, in a sentence.
fn refused(reason: Refused, language: &str) -> &'static str {
    match (reason, language) {
        (Refused::SignIn, "zh") => "请先登录。",
        (Refused::SignIn, _) => "Please sign in first.",
        (Refused::NotYours, "zh") => "在您登录的账户下没有找到。",
        (Refused::NotYours, _) => {
            "I cannot find this under the account that you are signed in with."
        }
        (Refused::Arguments, "zh") => "我没有完全明白您的要求，请说得更具体一些。",
        (Refused::Arguments, _) => "I did not fully understand this; please say it in more detail.",
        (Refused::Policy, "zh") => "本店的规定不允许这样做。",
        (Refused::Policy, _) => "The shop's policy does not allow this.",
        (Refused::State, "zh") => "以订单或商品目前的状态，这无法办理。",
        (Refused::State, _) => "This is not possible as the order or the item stands now.",
        (Refused::Payment, "zh") => "这种付款方式不能用于此项。",
        (Refused::Payment, _) => "This payment method cannot be used for this.",
        (Refused::NothingToChange, "zh") => "已经是这样了，无需更改。",
        (Refused::NothingToChange, _) => "It is so already; there is nothing to change.",
        (Refused::NeedsPerson, "zh") => "这需要由我们的工作人员办理。",
        (Refused::NeedsPerson, _) => "A member of our staff has to do this.",
        (Refused::NotConfirmed, "zh") => "这一项还没有得到确认。",
        (Refused::NotConfirmed, _) => "This has not been confirmed.",
        (Refused::AlreadyDone, "zh") => "这一项已经办理过了。",
        (Refused::AlreadyDone, _) => "This has been done already.",
        (Refused::Records, "zh") => "记录不完整，暂时无法办理。",
        (Refused::Records, _) => "The shop's records are not complete enough for this.",
    }
}

fn proposed(tool: Tool, language: &str) -> &'static str {
    match (tool, language) {
        (Tool::CancelOrder, "zh") => "取消订单{0}。",
        (Tool::CancelOrder, _) => "Cancel order {0}.",
        (Tool::ReturnItems, "zh") => "订单{0}退货。",
        (Tool::ReturnItems, _) => "Return items of order {0}.",
        (Tool::ExchangeItems, "zh") => "订单{0}换货。",
        (Tool::ExchangeItems, _) => "Exchange items of order {0}.",
        (Tool::ChangeOrderItems, "zh") => "更改订单{0}的商品规格。",
        (Tool::ChangeOrderItems, _) => "Change items of order {0}.",
        (Tool::ChangeOrderAddress, "zh") => "更改订单{0}的收货地址。",
        (Tool::ChangeOrderAddress, _) => "Change the address of order {0}.",
        (Tool::ChangeOrderPayment, "zh") => "更改订单{0}的付款方式。",
        (Tool::ChangeOrderPayment, _) => "Change the payment of order {0}.",
        (Tool::ChangeCustomerAddress, "zh") => "更改账户{0}的地址。",
        (Tool::ChangeCustomerAddress, _) => "Change the address of the account {0}.",
        (Tool::RedeemCoupon, "zh") => "在订单{0}上使用优惠券。",
        (Tool::RedeemCoupon, _) => "Redeem a coupon on order {0}.",
        (Tool::SpendPoints, "zh") => "账户{0}使用积分。",
        (Tool::SpendPoints, _) => "Spend points of the account {0}.",
        // Tools that only read are never proposed.
        (_, "zh") => "{0}。",
        (_, _) => "{0}.",
    }
}

impl FactTemplate {
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
            (Self::Proposed(tool), language) => proposed(tool, language),
            (Self::Counted, "zh") => "{0}。",
            (Self::Counted, _) => "{0}.",
            (Self::Listed, "zh") => "{0}：{1}，{2}。",
            (Self::Listed, _) => "{0}: {1}, {2}.",
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
