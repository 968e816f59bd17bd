## This language

language-name = 中文
choose-language = 语言
# An amount with the sign or code of its currency.
price = { $symbol }{ $amount }
share = { $number }%
# Signs of currencies (CLDR); others show their code.
currency-signs = CNY ¥ · USD US$ · EUR € · GBP £ · JPY JP¥ · INR ₹ · KRW ￦ · BRL R$ · CAD CA$ · AUD AU$ · MXN MX$ · HKD HK$ · TWD NT$ · NZD NZ$ · ILS ₪ · VND ₫
shop-name = 小店

## Storefront

skip = 跳到正文
search = 搜索
search-placeholder = 想找点什么？
all = 全部
sort = 排序
sort-relevance = 最相关
sort-price-asc = 价格从低到高
sort-price-desc = 价格从高到低
sort-rating = 评分最高
sort-newest = 最新
price-heading = 价格
price-from = 最低
price-to = 最高
choose-variant = 选择款式
ask-person = 联系人工客服
for-you = 为你推荐
trending = 正在热卖
browse = 逛一逛
similar = 相似商品
bought-together = 经常一起购买
reviews = 评价
reviews-counted = { $count } 条评价
no-reviews = 还没有人写过评价。
add-to-cart = 加入购物车
added = 已加入购物车
hide = 不感兴趣
hidden = 以后不会再看到它
wishlist = 收藏
remembered = 已收藏
customer = 顾客
anonymous = 未登录
choose = 选择
cart = 购物车
checkout = 购买
close = 关闭
coupon = 优惠码
apply = 使用
discount = 优惠
total = 合计
points = 积分
no-results = 没有符合的商品。换个词，或去掉筛选条件。
nearest = 没有完全符合的商品，最接近的是：
corrected = 已为你显示
results = { $count } 个结果
brand = 品牌
category = 类目
availability = 库存
in-stock = 有货
out-of-stock = 缺货
not-found = 没有这个页面。
home = 回到店铺
related = 相关搜索
reason-title = 标题完全一致
reason-popular = 很受欢迎
reason-chosen = 搜这个词的人常选
reason-taste = 与你看过的相似
positive = 好评
neutral = 中性
negative = 差评

## Chat

chat = 在线客服
chat-hello = 你好！订单、退货、配送、商品都可以问。回答会注明出自店里的哪份文件。
chat-placeholder = 输入问题
send = 发送
starter-return = 退货政策是什么？
starter-delivery = 配送要多久？
starter-order = 我的订单到哪里了？
source = 出处

## Console

console = 控制台
storefront = 店铺
overview = 总览
conversations = 对话
inbox = 收件箱
insight = 洞察
models = 模型
offers = 优惠
decisions = 决策
documentation = 接口
nothing-yet = 暂无。
sign-in = 登录
sign-out = 退出
admin-key = 管理密钥
wrong-key = 这个密钥打不开控制台。
customers = 顾客
orders = 订单
products = 商品
documents = 文件
product = 商品
time = 时间
who = 谁
messages = 消息
role-customer = 顾客
role-agent = 客服
role-tool = 工具
intent = 意图
state = 状态

## Console: overview

overview-title = 闭环
overview-about = 顾客的行为变成数据，数据整理成语料，语料训练模型，模型给出回答，回答又带来新的反馈。
loop-back = ↺ 反馈又成为数据
data = 数据
corpus = 语料
training = 训练
service = 服务
feedback = 反馈
log-entries = 条日志
texts-to-learn-from = 条可学习文本
versions-trained = 个已训练版本
answers-given = 次回答
events-received = 条行为
train-now = 重新训练
training-now = 正在训练
training-failed = 上次训练失败：
training-left-out = 上次未训练。
clicks = 点击
carts = 加购
purchases = 购买
thumbs-up = 点赞
thumbs-down = 点踩

## Console: files come in

import = 导入
import-first = 开始：导入您的店铺
import-about = 把店铺导出的文件放进来：商品、顾客、订单、评价、对话、政策。每个文件都会先展示给您看，您确认之前不会存入任何内容。
choose-files = 选择文件
choose-folder = 整个文件夹
or-drop-them = 或拖放到这里
store-all = 存入所有已就绪的文件
train-next = 下一步：训练模型
import-reads = 正在读取文件
import-columns = 列
import-column = 列名
import-values = 值
import-means = 含义
import-suggested = 这是语言模型的建议，请核对是否正确。
import-examples = 前几条记录
import-store = 存入
import-leave = 不要这个文件
import-kind = 每一行是什么
import-unknown = 尚不清楚
import-currency = 未注明币种的价格用什么币种
import-time-zone = 时间所在的时区
import-date-order = 像 3/4/2026 这样的日期先写
import-day-first = 日
import-month-first = 月
import-save = 保存为（供以后同样的文件使用）
import-saved = 已保存的对应关系
import-forget = 删除

## Console: inbox and conversations

nobody-waits = 没有人在等待人工客服。
waits-since = 等待起
state-waiting = 等待中
state-person = 人工处理中
state-assistant = 助手处理中
take-over = 接手
take-about = 接手之后助手不再回复。
give-back = 交还给助手
your-reply = 您的回复
suggest = 建议回复
suggest-about = 建议是助手会说的话，可以随意修改；点击发送后才会发出。
notes = 备注
new-note = 新备注（顾客看不到）
add-note = 添加备注
improvements = 回复可以教会助手的内容
how-ended = 对话结果
contained = 无人工介入
said-resolved = 客户称已解决
not-reopened = 其中未再次提出
truly-resolved = 其中记录仍然正确
mean-rating = 客户评分
improvements-about = 人工回答了助手答不出的问题，或纠正了助手。接受之前不会使用。
would-replace = 将替换，文档
question = 问题
answer = 回答
accept = 接受
reject = 拒绝
resolved = 已解决

## Console: search

search-preview = 搜索预览
curation = 搜索规则
rule = 规则
when = 何时
then = 做什么
any-query = 所有搜索
rule-is = 等于
rule-contains = 包含
rule-begins = 开头是
pin = 固定到位置
pin-product = 要固定的商品 ID
hide-products = 要隐藏的商品 ID，逗号分隔
boost-filter = 提前显示的商品（筛选条件）
only-filter = 只显示（筛选条件）
redirect = 跳转到
banner = 横幅
from-time = 开始
until-time = 结束
keep-rule = 保存规则
turn-off = 停用
turn-on = 启用
remove = 移除
without-rules = 不用规则
with-rules = 使用规则
gaps = 没有结果或点击的搜索
nothing-was-found = 无结果
nothing-was-chosen = 无人点击
may-mean = 可能的意思
write-rule = 编写规则
synonyms = 同义词
synonyms-hint = 意思相同的词，逗号分隔
try-it = 对比
stages = 阶段
reasons = 理由
score = 得分

## Console: insight

polarity-by-week = 每周评价倾向
themes = 主题
quotes = 原话
mentions = { $count } 次提及
alerts = 抱怨明显增多

## Console: models

published-models = 公开发布的模型
sentence-encoder = 句子编码器
chat-model = 对话模型
no-published-model = 无：助手在没有它的情况下工作
pull-recommended = 适合这台机器的模型；下载之前会先显示大小和许可证：
did-not-train = 这个模型还没有训练。
metric = 指标
model = 模型
baseline = 基线
serves = 服务中
serve-this = 启用
answers-counted = { $count } 次回答
clicks-counted = { $count } 次点击
carts-counted = { $count } 次加购
purchases-counted = { $count } 次购买
thumbs-up-counted = { $count } 次点赞
thumbs-down-counted = { $count } 次点踩
rollback = 退回上一版

## Console: offers

limit = 总次数上限
limit-per-customer = 每人上限
percent = 折扣百分比
code = 优惠码
redeemed = 已使用
define-coupon = 新建优惠码

## Console: decisions

why-title = 为什么展示这些
request = 请求
shown = 展示

## Texts that the pages' scripts show, as `say.source`

script-source = 出处
script-helpful = 有帮助
script-unhelpful = 没帮助
script-thanks = 谢谢反馈
script-bought = 感谢购买
script-remove = 移除
script-training = 训练中……
script-order = 订单
script-add-to-cart = 加入购物车
script-added = 已加入购物车
script-confirm = 确认
script-decline = 不用了
script-confirm-about = 需要为您办理吗？
script-confirmed = 已办理
script-declined = 没有做任何更改
script-ask-person = 我想联系人工客服
script-person-asked = 您已请求人工客服，会有人在这里答复您。
script-person-here = 现在由我们的客服人员为您答复。
script-assistant-back = 现在由智能助手继续为您答复。
script-typing = 正在输入……
script-import-failed = 文件没有发送成功。服务器还在运行吗？
script-import-found = 可以存入 { $good } 条记录，{ $bad } 行不能存入。
script-import-stored = 已存入 { $stored } 条，{ $unchanged } 条没有变化，拒绝 { $bad } 行。
script-import-problem = 第 { $line } 行，{ $field }：{ $reason }
script-import-problems = 拒绝 { $count } 行，以及说明
script-import-kept = 原样保留
script-import-left-out = 不要
script-import-need-kind = 请说明每一行是什么。
script-import-need-mapping = 各列的含义是猜测的，请核对。
script-import-need-currency = 价格没有注明币种，请填写。
script-import-need-time-zone = 时间没有注明时区，请填写。
script-import-need-date-order = 日期可能先写日，也可能先写月，请选择。

## Why a product is recommended

because-you-bought = 因为您购买过“{ $title }”
because-you-viewed = 因为您看过“{ $title }”
because-you-added-to-cart = 因为您把“{ $title }”加入过购物车
your-history = 根据您最近的浏览
bought-together-with = 常与“{ $title }”一起购买
also-liked = 喜欢“{ $title }”的人也喜欢
similar-to = 与“{ $title }”相似
same-category = 与“{ $title }”同类
in-demand-now = 近期热门
popular-with-others = 受其他顾客欢迎
in-catalogue = 本店商品
time-to-replenish = 您曾购买，可能又该补货了
chosen-by-shop = 本店推荐

## What the assistant says by itself

say-disclosure = 我是本店的人工智能助手。
say-greeting = 您好！有什么可以帮您？
say-welcome = 不客气！
say-declined = 抱歉，本店的资料里没有找到这个问题的答案。
say-offer-titles = 我不能确定，以下内容可能有答案：
say-see-also = 您可能还想看：
say-offer-person = 需要为您转接人工客服吗？
say-handed-over = 好的，正在为您转接人工客服，对话内容会一并转交。
say-sign-in-for-orders = 请先登录，我才能查看您的订单。
say-order-not-found = 在您登录的账户下没有找到这个订单。
say-no-orders = 您的账户下还没有订单。
say-original-language = 以下为原文：
say-more = 请告诉我您想了解什么。
say-found = 为您找到：
say-added-to-cart = 已加入购物车：
say-nearest = 没有完全符合的商品，最接近的是：
say-please-confirm = 请核对所示内容并确认；确认之前不会有任何更改。
say-which-item = 请问是哪个订单、哪件商品？
say-which-option = 请问您想换成哪种规格？
say-which-address = 请问改成哪个地址？
say-whole-order = 只能取消整个订单。需要取消整个订单吗？
between-sentences = { "" }

## Why the assistant does not do something

refused-sign-in = 请先登录。
refused-not-yours = 在您登录的账户下没有找到。
refused-arguments = 我没有完全明白您的要求，请说得更具体一些。
refused-policy = 本店的规定不允许这样做。
refused-state = 以订单或商品目前的状态，这无法办理。
refused-payment = 这种付款方式不能用于此项。
refused-nothing-to-change = 已经是这样了，无需更改。
refused-needs-person = 这需要由我们的工作人员办理。
refused-not-confirmed = 这一项还没有得到确认。
refused-already-done = 这一项已经办理过了。
refused-records = 记录不完整，暂时无法办理。

## What the assistant proposes, to be confirmed

propose-cancel-order = 取消订单{ $order }。
propose-return-items = 订单{ $order }退货。
propose-exchange-items = 订单{ $order }换货。
propose-change-order-items = 更改订单{ $order }的商品规格。
propose-change-order-address = 更改订单{ $order }的收货地址。
propose-change-order-payment = 更改订单{ $order }的付款方式。
propose-change-customer-address = 更改账户{ $account }的地址。
propose-redeem-coupon = 在订单{ $order }上使用优惠券。
propose-spend-points = 账户{ $account }使用积分。

## What the assistant reads from records

sentence = { $words }。
fact-order-status = 订单{ $order }的状态：{ $status }。
fact-order-placed = 下单日期：{ $date }。
fact-order-items = 商品：{ $items }。
fact-order-total = 合计：{ $total }。
fact-points = 您有{ $points }积分。
fact-order-tracking = 物流：{ $tracking }。
fact-price = { $product }的价格是{ $price }。
fact-availability = { $product }：{ $availability }。
fact-brand = { $product }的品牌是{ $brand }。
fact-rating = { $product }的平均评分是{ $rating }（满分5分）。
fact-attribute = { $product }，{ $attribute }。
fact-listed = { $product }：{ $price }，{ $availability }。
counted = { $said }：{ $kinds }种，{ $options }个规格
counted-in-stock = { $said }（有货）：{ $kinds }种，{ $options }个规格

## Availability in a sentence

availability-in-stock = 有货
availability-limited-stock = 库存不多
availability-backorder = 可预订，到货后发出
availability-preorder = 预售
availability-out-of-stock = 暂时缺货
availability-discontinued = 已下架

## How searches name prices

query-price-between = #*到# | #*至# | #*-# | #*~# | #*—# | #-#*
query-price-at-most = 低于#? | 不超过#? | 少于#? | 最多#? | 小于#? | #以下 | #以内 | #之内 | #内
query-price-at-least = 高于#? | 超过#? | 至少#? | 不低于#? | 大于#? | #以上 | #起
query-price-about = #左右 | #上下
query-price-ending = 之间的 | 左右的 | 之间 | 左右 | 的
query-currency = 元 | 美元 | 欧元 | 日元 | 美金 | 英镑 | 块钱 | 块 | 人民币
query-cheap = 便宜的 | 便宜 | 实惠的 | 实惠 | 平价的 | 平价 | 性价比高的 | 性价比高

## What shoppers are told when something fails, by the code of the error

script-error-voucher-not-found = 没有这个优惠码。
script-error-voucher-not-active = 这个优惠码还没有生效。
script-error-voucher-expired = 这个优惠码已过期。
script-error-quantity-exceeded = 这个优惠码已用完。
script-error-customer-quantity-exceeded = 您使用这个优惠码的次数已达上限。
script-error-order-already-redeemed = 这个订单已经使用过该优惠码。
script-error-order-rules-violated = 您的订单不符合优惠码的使用条件。
script-error-insufficient-points = 您的积分不够。
script-error-overloaded = 店铺正忙，请稍后再试。
script-error-shutting-down = 店铺正在重启，请稍后再试。
script-error-rate-limited = 操作太频繁，请稍等片刻。
script-error-not-confirmed = 没有做任何更改，请重新提出。
script-error-already-done = 这一项已经办理过了。
script-error-disk-full = 店铺暂时无法受理，请稍后再试。
script-error-internal-error = 店铺出了点问题，请重试。

## Console: services, fields of a product, how a stage went

service-support = 客服
service-search = 搜索
service-recommend = 推荐
service-insight = 洞察
field-title = 标题
field-brand = 品牌
field-category = 类目
field-tags = 标签
field-attributes = 属性
field-description = 描述
outcome-skipped = 已跳过
outcome-degraded = 已降级

## Words by which messages are understood, apart by |

heard-conjunctions = 然后 | 并且 | 另外 | 还有 | 顺便 | 再把 | 以及 | 同时 | 也把 | 还要
heard-last = 最后 | 最近 | 最新 | 上一个 | 上一单 | 刚下 | 刚买 | 刚拍
heard-first = 第一个 | 第一单 | 最早
heard-other = 另一个 | 另外一个 | 另一单 | 其他 | 剩下 | 其余 | 另外那
heard-all = 全部 | 所有 | 都 | 整个 | 整单 | 两个都 | 一起
heard-exceptions = 除了 | 除开 | 但不要
heard-ordinals = 第一 | 第二 | 第三 | 第四 | 第五
heard-turns = 成 | 为 | 到
heard-preferences = 更喜欢 | 最好 | 比较想要
heard-account = 家庭地址 | 我的地址 | 默认地址 | 账户地址 | 账号地址 | 家里地址 | 我家
heard-months = 1月 一月 | 2月 二月 | 3月 三月 | 4月 四月 | 5月 五月 | 6月 六月 | 7月 七月 | 8月 八月 | 9月 九月 | 10月 十月 | 11月 十一月 | 12月 十二月
heard-credit-card = 信用卡 | 银行卡 | 借记卡
heard-gift-card = 礼品卡 | 购物卡
heard-bank-transfer = 银行转账 | 转账
heard-cheapest = 最便宜 | 便宜
heard-dearest = 最贵 | 更贵
heard-colours = 红色 红 | 蓝色 蓝 | 绿色 绿 | 黑色 黑 | 白色 白 | 灰色 灰 | 黄色 黄 | 橙色 橙 橘色 | 粉色 粉红 | 紫色 紫 | 棕色 褐色 咖啡色 | 米色 米白 | 银色 银 | 金色
heard-more = 大一号 | 大一点 | 更大 | 大的 | 大号 | 长一点 | 更长 | 更高 | 高一点 | 更亮 | 亮一点 | 宽一点 | 更宽 | 更厚
heard-less = 小一号 | 小一点 | 更小 | 小的 | 小号 | 短一点 | 更短 | 更矮 | 矮一点 | 暗一点 | 窄一点 | 更薄
heard-most = 最大 | 最长 | 最高 | 最亮 | 最宽
heard-least = 最小 | 最短 | 最矮 | 最暗 | 最窄
heard-order = 订单 | 单子 | 单
heard-follow-ups = 那 | 还有 | 另外 | 那么 | 如果是
