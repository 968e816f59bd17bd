//! Every word of the pages, in both languages. A field that one language
//! lacks does not compile.

use axum::http::{HeaderMap, header};

use crate::http::authorise::cookie;

/// The cookie that remembers the language.
pub const COOKIE: &str = "lang";

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    /// As ISO 639-1, for `lang` attributes and requests.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The language with this code; region and script do not matter.
    pub fn from_code(code: &str) -> Option<Self> {
        match code
            .trim()
            .split(['-', '_'])
            .next()?
            .to_ascii_lowercase()
            .as_str()
        {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// What the visitor chose, else what their browser prefers, else English.
    pub fn of(chosen: Option<&str>, headers: &HeaderMap) -> Self {
        chosen
            .and_then(Self::from_code)
            .or_else(|| cookie(headers, COOKIE).and_then(|code| Self::from_code(&code)))
            .or_else(|| {
                let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
                preferred(accepted)
            })
            .unwrap_or(Self::English)
    }

    /// The words.
    pub fn text(self) -> &'static Text {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }
}

/// The first of ours in an Accept-Language header, by its weights.
fn preferred(accepted: &str) -> Option<Language> {
    let mut ranked: Vec<(f32, Language)> = accepted
        .split(',')
        .filter_map(|part| {
            let (code, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |text| text.parse().unwrap_or(0.0));
            Language::from_code(code).map(|language| (weight, language))
        })
        .collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0));
    ranked.first().map(|(_, language)| *language)
}

/// The words of one language.
#[allow(missing_docs)]
pub struct Text {
    pub shop_name: &'static str,
    pub other_language: &'static str,
    pub skip: &'static str,
    pub search: &'static str,
    pub search_placeholder: &'static str,
    pub all: &'static str,
    pub for_you: &'static str,
    pub trending: &'static str,
    pub browse: &'static str,
    pub similar: &'static str,
    pub bought_together: &'static str,
    pub reviews: &'static str,
    pub no_reviews: &'static str,
    pub add_to_cart: &'static str,
    pub added: &'static str,
    pub hide: &'static str,
    pub hidden: &'static str,
    pub wishlist: &'static str,
    pub remembered: &'static str,
    pub customer: &'static str,
    pub anonymous: &'static str,
    pub choose: &'static str,
    pub cart: &'static str,
    pub checkout: &'static str,
    pub bought: &'static str,
    pub remove: &'static str,
    pub close: &'static str,
    pub coupon: &'static str,
    pub apply: &'static str,
    pub discount: &'static str,
    pub total: &'static str,
    pub points: &'static str,
    pub results: &'static str,
    pub no_results: &'static str,
    pub corrected: &'static str,
    pub did_not_train: &'static str,
    pub brand: &'static str,
    pub category: &'static str,
    pub availability: &'static str,
    pub in_stock: &'static str,
    pub out_of_stock: &'static str,
    pub chat: &'static str,
    pub chat_hello: &'static str,
    pub chat_placeholder: &'static str,
    pub send: &'static str,
    pub starter_return: &'static str,
    pub starter_delivery: &'static str,
    pub starter_order: &'static str,
    pub source: &'static str,
    pub helpful: &'static str,
    pub unhelpful: &'static str,
    pub thanks: &'static str,
    pub not_found: &'static str,
    pub home: &'static str,
    pub console: &'static str,
    pub storefront: &'static str,
    pub overview: &'static str,
    pub conversations: &'static str,
    pub insight: &'static str,
    pub models: &'static str,
    pub offers: &'static str,
    pub decisions: &'static str,
    pub documentation: &'static str,
    pub overview_title: &'static str,
    pub overview_about: &'static str,
    pub loop_back: &'static str,
    pub data: &'static str,
    pub corpus: &'static str,
    pub training: &'static str,
    pub service: &'static str,
    pub feedback: &'static str,
    pub log_entries: &'static str,
    pub texts_to_learn_from: &'static str,
    pub versions_trained: &'static str,
    pub answers_given: &'static str,
    pub events_received: &'static str,
    pub train_now: &'static str,
    pub training_runs: &'static str,
    pub nothing_yet: &'static str,
    pub search_preview: &'static str,
    pub stages: &'static str,
    pub reasons: &'static str,
    pub score: &'static str,
    pub product: &'static str,
    pub time: &'static str,
    pub who: &'static str,
    pub messages: &'static str,
    pub role_customer: &'static str,
    pub role_agent: &'static str,
    pub role_tool: &'static str,
    pub intent: &'static str,
    pub polarity_by_week: &'static str,
    pub themes: &'static str,
    pub quotes: &'static str,
    pub positive: &'static str,
    pub neutral: &'static str,
    pub negative: &'static str,
    pub mentions: &'static str,
    pub metric: &'static str,
    pub model: &'static str,
    pub baseline: &'static str,
    pub serves: &'static str,
    pub serve_this: &'static str,
    pub rollback: &'static str,
    pub clicks: &'static str,
    pub carts: &'static str,
    pub purchases: &'static str,
    pub thumbs_up: &'static str,
    pub thumbs_down: &'static str,
    pub limit: &'static str,
    pub limit_per_customer: &'static str,
    pub percent: &'static str,
    pub code: &'static str,
    pub redeemed: &'static str,
    pub define_coupon: &'static str,
    pub why_title: &'static str,
    pub request: &'static str,
    pub shown: &'static str,
    pub sign_in: &'static str,
    pub admin_key: &'static str,
    pub wrong_key: &'static str,
    pub products: &'static str,
    pub customers: &'static str,
    pub orders: &'static str,
    pub documents: &'static str,
    pub reason_title: &'static str,
    pub reason_popular: &'static str,
    pub reason_chosen: &'static str,
    pub reason_taste: &'static str,
    pub alerts: &'static str,
}

#[rustfmt::skip]
static ENGLISH: Text = Text {
    shop_name: "The Shop",
    other_language: "中文",
    skip: "Skip to the content",
    search: "Search",
    search_placeholder: "What are you looking for?",
    all: "All",
    for_you: "For you",
    trending: "Trending now",
    browse: "Browse",
    similar: "Similar products",
    bought_together: "Often bought together",
    reviews: "Reviews",
    no_reviews: "Nobody has written about this yet.",
    add_to_cart: "Add to cart",
    added: "In your cart",
    hide: "Not for me",
    hidden: "You will not see this again",
    wishlist: "Remember",
    remembered: "Remembered",
    customer: "Customer",
    anonymous: "Not signed in",
    choose: "Choose",
    cart: "Cart",
    checkout: "Buy",
    bought: "Thank you for your order",
    remove: "Remove",
    close: "Close",
    coupon: "Coupon",
    apply: "Apply",
    discount: "Discount",
    total: "Total",
    points: "Points",
    results: "results",
    no_results: "Nothing fits. Try another word or remove a filter.",
    corrected: "Showing results for",
    did_not_train: "This model is not trained yet.",
    brand: "Brand",
    category: "Category",
    availability: "Availability",
    in_stock: "In stock",
    out_of_stock: "Not available",
    chat: "Ask us",
    chat_hello: "Hello! Ask about orders, returns, delivery or a product. Answers cite the shop's own documents.",
    chat_placeholder: "Your question",
    send: "Send",
    starter_return: "What is the return policy?",
    starter_delivery: "How long does delivery take?",
    starter_order: "Where is my order?",
    source: "Source",
    helpful: "Helpful",
    unhelpful: "Not helpful",
    thanks: "Thank you",
    not_found: "There is no such page.",
    home: "To the shop",
    console: "Console",
    storefront: "Storefront",
    overview: "Overview",
    conversations: "Conversations",
    insight: "Insight",
    models: "Models",
    offers: "Offers",
    decisions: "Decisions",
    documentation: "HTTP",
    overview_title: "The loop",
    overview_about: "What customers do becomes data; data becomes a corpus; the corpus trains the models; the models answer; the answers bring new feedback.",
    loop_back: "↺ feedback is data again",
    data: "Data",
    corpus: "Corpus",
    training: "Training",
    service: "Service",
    feedback: "Feedback",
    log_entries: "log entries",
    texts_to_learn_from: "texts to learn from",
    versions_trained: "versions trained",
    answers_given: "answers given",
    events_received: "events received",
    train_now: "Train again",
    training_runs: "Training…",
    nothing_yet: "Nothing yet.",
    search_preview: "Search preview",
    stages: "Stages",
    reasons: "Reasons",
    score: "Score",
    product: "Product",
    time: "Time",
    who: "Who",
    messages: "Messages",
    role_customer: "Customer",
    role_agent: "Shop",
    role_tool: "Tool",
    intent: "Intent",
    polarity_by_week: "Polarity by week",
    themes: "Themes",
    quotes: "Quotes",
    positive: "positive",
    neutral: "neutral",
    negative: "negative",
    mentions: "mentions",
    metric: "Figure",
    model: "Model",
    baseline: "Baseline",
    serves: "serves",
    serve_this: "Let it serve",
    rollback: "Back to the one before",
    clicks: "clicks",
    carts: "carts",
    purchases: "purchases",
    thumbs_up: "thumbs up",
    thumbs_down: "thumbs down",
    limit: "Limit",
    limit_per_customer: "Per customer",
    percent: "Percent off",
    code: "Code",
    redeemed: "Redeemed",
    define_coupon: "Define a coupon",
    why_title: "Why this was shown",
    request: "Request",
    shown: "Shown",
    sign_in: "Sign in",
    admin_key: "Admin key",
    wrong_key: "This key does not open the console.",
    products: "products",
    customers: "customers",
    orders: "orders",
    documents: "documents",
    reason_title: "The title is what you typed",
    reason_popular: "Popular",
    reason_chosen: "Often chosen for this search",
    reason_taste: "Like what you looked at",
    alerts: "Complaints on the rise",
};

#[rustfmt::skip]
static CHINESE: Text = Text {
    shop_name: "小店",
    other_language: "English",
    skip: "跳到正文",
    search: "搜索",
    search_placeholder: "想找点什么？",
    all: "全部",
    for_you: "为你推荐",
    trending: "正在热卖",
    browse: "逛一逛",
    similar: "相似商品",
    bought_together: "经常一起购买",
    reviews: "评价",
    no_reviews: "还没有人写过评价。",
    add_to_cart: "加入购物车",
    added: "已加入购物车",
    hide: "不感兴趣",
    hidden: "以后不会再看到它",
    wishlist: "收藏",
    remembered: "已收藏",
    customer: "顾客",
    anonymous: "未登录",
    choose: "选择",
    cart: "购物车",
    checkout: "购买",
    bought: "感谢购买",
    remove: "移除",
    close: "关闭",
    coupon: "优惠码",
    apply: "使用",
    discount: "优惠",
    total: "合计",
    points: "积分",
    results: "个结果",
    no_results: "没有符合的商品。换个词，或去掉筛选条件。",
    corrected: "已为你显示",
    did_not_train: "这个模型还没有训练。",
    brand: "品牌",
    category: "类目",
    availability: "库存",
    in_stock: "有货",
    out_of_stock: "缺货",
    chat: "在线客服",
    chat_hello: "你好！订单、退货、配送、商品都可以问。回答会注明出自店里的哪份文件。",
    chat_placeholder: "输入问题",
    send: "发送",
    starter_return: "退货政策是什么？",
    starter_delivery: "配送要多久？",
    starter_order: "我的订单到哪里了？",
    source: "出处",
    helpful: "有帮助",
    unhelpful: "没帮助",
    thanks: "谢谢反馈",
    not_found: "没有这个页面。",
    home: "回到店铺",
    console: "控制台",
    storefront: "店铺",
    overview: "总览",
    conversations: "对话",
    insight: "洞察",
    models: "模型",
    offers: "优惠",
    decisions: "决策",
    documentation: "接口",
    overview_title: "闭环",
    overview_about: "顾客的行为变成数据，数据整理成语料，语料训练模型，模型给出回答，回答又带来新的反馈。",
    loop_back: "↺ 反馈又成为数据",
    data: "数据",
    corpus: "语料",
    training: "训练",
    service: "服务",
    feedback: "反馈",
    log_entries: "条日志",
    texts_to_learn_from: "条可学习文本",
    versions_trained: "个已训练版本",
    answers_given: "次回答",
    events_received: "条行为",
    train_now: "重新训练",
    training_runs: "训练中……",
    nothing_yet: "暂无。",
    search_preview: "搜索预览",
    stages: "阶段",
    reasons: "理由",
    score: "得分",
    product: "商品",
    time: "时间",
    who: "谁",
    messages: "消息",
    role_customer: "顾客",
    role_agent: "客服",
    role_tool: "工具",
    intent: "意图",
    polarity_by_week: "每周评价倾向",
    themes: "主题",
    quotes: "原话",
    positive: "好评",
    neutral: "中性",
    negative: "差评",
    mentions: "次提及",
    metric: "指标",
    model: "模型",
    baseline: "基线",
    serves: "服务中",
    serve_this: "启用",
    rollback: "退回上一版",
    clicks: "点击",
    carts: "加购",
    purchases: "购买",
    thumbs_up: "点赞",
    thumbs_down: "点踩",
    limit: "总次数上限",
    limit_per_customer: "每人上限",
    percent: "折扣百分比",
    code: "优惠码",
    redeemed: "已使用",
    define_coupon: "新建优惠码",
    why_title: "为什么展示这些",
    request: "请求",
    shown: "展示",
    sign_in: "登录",
    admin_key: "管理密钥",
    wrong_key: "这个密钥打不开控制台。",
    products: "商品",
    customers: "顾客",
    orders: "订单",
    documents: "文件",
    reason_title: "标题完全一致",
    reason_popular: "很受欢迎",
    reason_chosen: "搜这个词的人常选",
    reason_taste: "与你看过的相似",
    alerts: "抱怨明显增多",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_was_chosen_or_preferred() {
        let with = |name: header::HeaderName, value: &str| {
            HeaderMap::from_iter([(name, value.parse().unwrap())])
        };
        for (chosen, headers, expected) in [
            (Some("zh"), HeaderMap::new(), Language::Chinese),
            (Some("fr"), HeaderMap::new(), Language::English),
            (
                None,
                with(header::COOKIE, "a=b; lang=zh"),
                Language::Chinese,
            ),
            (
                None,
                with(header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8"),
                Language::Chinese,
            ),
            (
                None,
                with(header::ACCEPT_LANGUAGE, "fr,zh;q=0.4,en-GB;q=0.8"),
                Language::English,
            ),
            (
                None,
                with(header::ACCEPT_LANGUAGE, ";;;q=x"),
                Language::English,
            ),
            (
                Some("en"),
                with(header::COOKIE, "lang=zh"),
                Language::English,
            ),
        ] {
            assert_eq!(
                Language::of(chosen, &headers),
                expected,
                "{chosen:?} {headers:?}"
            );
        }
    }
}
