use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What shops and their customers call the same thing, in English and
/// Chinese, one concept a line. It lets "swap" find "exchange", and a
/// question in one language find a document in the other. Words of a shop of
/// its own are learned from its conversations (see `learn_answers`). What
/// stands before `<` is a kind of what stands behind it: who asks for shipping
/// may well mean its cost.
const CONCEPTS: &str = "\
order: order, purchase; 订单, 单子, 下单
parcel: parcel, package; 包裹, 快递, 快件
ship: ship, deliver, delivery, dispatch, send, shipment, shipping; 发货, 配送, 寄, 送货, 送到, 发什么
arrive: arrive, arrived, delivered, receive, received; 到货, 收到, 送达, 签收
shipping cost < ship: shipping cost, shipping fee, delivery cost, delivery fee, postage, delivery charge, shipping charge, freight; 运费, 邮费, 配送费, 快递费
free shipping < shipping cost: free shipping, free delivery, ship free; 包邮, 免邮, 免邮费, 免运费
carrier < ship: carrier, courier; 快递公司, 物流公司, 什么快递
track: track, tracking, whereabouts; 物流, 跟踪, 追踪, 查询物流, 到哪
return: return, send back, give back, bring back, take back; 退货, 退回, 退换, 退还, 能退, 想退, 怎么退, 还能退
refund: refund, money, money back, reimburse, reimbursement, repay, credited back; 退款, 退钱, 返还, 钱退
exchange: exchange, swap, replace, replacement; 换货, 更换, 调换, 退换
cancel: cancel, cancellation, call off; 取消, 撤销
change: change, modify, modification, alter, update, edit, amend, adjust; 修改, 更改, 变更
pay: pay, payment, paying; 付款, 支付, 付钱, 结账
payment method: payment method, way to pay, form of payment, pay with, payment option; 支付方式, 付款方式
card: credit card, debit card, card; 信用卡, 银行卡, 借记卡
gift card: gift card, voucher card; 礼品卡, 购物卡
price: price, cost, charge, how much; 价格, 价钱, 多少钱, 售价, 费用
discount: discount, reduction, rebate, markdown; 折扣, 打折, 优惠
coupon: coupon, voucher, promo code, discount code, promotional code; 优惠券, 优惠码, 折扣码
sale: sale, promotion, deal; 促销, 特卖, 活动
points: point, loyalty, reward; 积分, 奖励
member: member, membership; 会员, 会员制
subscription: subscription, subscribe; 订阅
invoice: invoice, receipt, bill; 发票, 收据, 账单, 开票
warranty: warranty, guarantee, guaranty; 保修, 质保, 三包
repair: repair, fix, mend, service; 维修, 修理
broken: broken, defective, damaged, faulty, defect, damage, malfunction; 损坏, 坏了, 破损, 瑕疵, 质量问题
missing: missing, lost, never arrive, not arrive; 丢失, 没收到, 少发, 遗失
wrong item: wrong item, wrong product, incorrect item; 发错, 错发
stock: stock, availability, available, sold out; 库存, 有货, 现货, 缺货, 没货
size: size, fit, sizing; 尺码, 尺寸, 大小, 码数, 加大码
colour: colour, color, shade; 颜色, 色号
material: material, fabric, made of; 材质, 材料, 面料
weight: weight, weigh, heavy; 重量, 多重
battery: battery, charge, charging, recharge, rechargeable; 电池, 充电, 续航
waterproof: waterproof, water resistant, watertight; 防水
clean: clean, wash, cleaning, washing, rinse; 清洁, 清洗, 洗
store: store, keep, storage, storing; 存放, 保存, 收纳
assemble: assemble, assembly, set up, put together, install, installation; 安装, 组装
include: include, contain, come with, contents; 包含, 包括, 附带
account: account, profile, login, sign in, log in; 账户, 账号, 登录
password: password, passcode; 密码
register: register, registration, sign up, create account; 注册
address: address; 地址
shipping address < address: shipping address, delivery address; 收货地址, 送货地址
email: email, e mail, mail; 邮箱, 邮件
phone: phone, telephone, call; 电话, 手机号
authenticate: authenticate, verify, identity, verification, prove who; 验证, 身份, 核实
person: human, person, agent, representative, staff, operator, colleague; 人工, 客服, 真人
complaint: complaint, complain; 投诉, 抱怨
review: review, rating, feedback; 评价, 评论
reason: reason, why; 原因, 理由
status: status, state; 状态
kind: kind, type, sort; 种类, 类型
fast: fast, quick, express, expedited, overnight, rush; 加急, 快速, 次日达
international: international, abroad, overseas, other country; 国际, 海外, 国外, 境外
pickup: pick up, pickup, collect in store, collection; 自提, 门店自取
gift: gift, present; 礼物, 赠品, 送礼
gift wrap: gift wrap, wrapping; 礼品包装, 包装
privacy: privacy, personal data, personal information; 隐私, 个人信息
tax: tax, vat, duty, customs; 税, 关税, 税费
hours: opening hours, business hours, open, close; 营业时间, 几点
soon: immediately, instantly, at once, right away; 立即, 马上, 立刻
day: day; 天, 日
week: week; 周, 星期
month: month; 月
year: year, annual, yearly; 年
option: option, variant, choice; 选项, 款式, 规格
difference: difference; 差价, 差额
limit: limit, maximum, at most; 限制, 上限, 最多
minimum: minimum, at least; 最低, 至少
original packaging: original packaging, unopened; 原包装, 未拆封
unused: unused, unworn, new condition; 未使用, 全新
";

/// Words that say nothing about what is asked, or only that something is.
const STOP_WORDS: &str = "\
a an and any are as at be been being but by can can't cannot could d did didn't do does doesn't doing don't \
for from get gets getting got had has have having he hello help her hey hi him his how i i'd i'll i'm i've if in into is isn't it its \
just know let like ll look looking lot m made make many may me might more much must my myself need no not now of off oh ok okay on once one only or other our out \
please quite re really s same say see shall she should so some still such sure t take tell than thank thanks that the their them then there these they \
thing things this those to too try us use using ve very want wanted was we were what what's when where which while who whom why will wish with won't would wouldn't yes yet you you're your yours \
already still even ever never always often usually long soon far anything everything nothing every each either neither both another other others else rather enough yet ago later maybe perhaps actually exactly though although however without within between among toward since until while above below off per via ask asked asking tell told said know knew mean means meant seem keep kept put set try tried come came work works good bad best better old big small own whole certain different sell sells selling sold guy guys everyone anyone somebody nobody thing stuff today now right bit \
also about after again all am because before both during each few further here once over own under until up down through \
give go goes going happen happens hold holds possible question wonder wondering able way ways able recently currently bought purchased buy someone something anything \
的 了 是 我 你 您 他 她 它 我们 你们 他们 这 那 这个 那个 这件 有 没有 吗 呢 吧 啊 呀 么 和 与 或 在 到 从 把 被 给 对 就 都 也 还 又 很 太 请 请问 \
想 要 会 能 能不能 可以 可不可以 怎么 怎样 如何 什么 哪 哪里 哪些 哪个 几 多少 多 为什么 是不是 是否 一个 一下 一 个 件 里 上 下 中 以后 之后 之前 之内 时候 的话 需要 用 做 去 来 说 看 买 东西 不 不是 \
";

/// The concept table, ready for matching.
pub(super) struct Concepts {
    /// Concept by its stemmed English words, joined by spaces.
    pub phrases: BTreeMap<String, u16>,
    /// Chinese phrases with their concepts, longest first.
    pub chinese: Vec<(String, u16)>,
    /// By concept: the wider one that it is a kind of.
    pub wider: Vec<Option<u16>>,
    stop_words: std::collections::BTreeSet<&'static str>,
}

impl Concepts {
    /// Whether the (unstemmed) word carries no content.
    pub fn is_stop_word(&self, word: &str) -> bool {
        self.stop_words.contains(word)
    }
}

/// The longest English phrase of the table, in words.
pub(super) const LONGEST_PHRASE: usize = 3;

/// The concept of an English word, if it has one.
pub(super) fn concept_of(word: &str) -> Option<u16> {
    concepts().phrases.get(&super::terms::stem(word)).copied()
}

/// The wider concept that a concept is a kind of.
pub(super) fn wider(concept: u16) -> Option<u16> {
    concepts().wider.get(usize::from(concept)).copied()?
}

pub(super) fn concepts() -> &'static Concepts {
    static TABLE: OnceLock<Concepts> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut phrases = BTreeMap::new();
        let mut chinese = Vec::new();
        let head = |line: &'static str| line.split_once(':').map_or("", |(head, _)| head);
        let names: Vec<(&str, Option<&str>)> = CONCEPTS
            .lines()
            .map(|line| match head(line).split_once(" < ") {
                Some((name, wider)) => (name, Some(wider)),
                None => (head(line), None),
            })
            .collect();
        let wider = names.iter().map(|(_, wider)| {
            let place = names.iter().position(|(name, _)| Some(*name) == *wider)?;
            u16::try_from(place).ok()
        });
        let wider = wider.collect();
        for (number, line) in (0_u16..).zip(CONCEPTS.lines()) {
            let words = line.split_once(": ").map_or("", |(_, words)| words);
            let (english, han) = words.split_once(';').unwrap_or((words, ""));
            for phrase in english.split(',').map(str::trim) {
                let stems: Vec<String> = phrase.split(' ').map(super::terms::stem).collect();
                phrases.entry(stems.join(" ")).or_insert(number);
            }
            for phrase in han
                .split(',')
                .map(str::trim)
                .filter(|phrase| !phrase.is_empty())
            {
                chinese.push((phrase.to_owned(), number));
            }
        }
        chinese.sort_by_key(|(phrase, number)| (std::cmp::Reverse(phrase.len()), *number));
        Concepts {
            phrases,
            chinese,
            wider,
            stop_words: STOP_WORDS.split_whitespace().collect(),
        }
    })
}
