use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::terms::{is_han, stem};

/// Words of everyday English that may stand for one another in what shops
/// and customers write, a group a line. A word may be in several: which is
/// meant is not known, so that a match by a group counts less than one by a
/// concept of the trade.
const GROUPS: &str = "\
accept take approve agree allow honour
acceptable valid allowed permitted eligible
act action step
add include attach append join
advise recommend suggest advice recommendation
afterwards later following subsequently
alone single only sole solo
alter change modify amend adjust edit
amount sum total quantity figure
answer reply respond response
appear show display look
apply use request
approval permission consent confirmation
arrive come reach land delivered
ask request query enquire inquire question
attempt try
attribute property feature detail characteristic
balance fund credit money
begin start commence initiate launch
belong own property
block prevent stop bar forbid
box package packaging carton
break damage crack fracture snap tear rip
bring carry take
build make construct manufacture produce
burn overheat heat scorch
button switch key
buy purchase order acquire
calculate compute work
call phone ring telephone
cancel abort stop void
care maintenance upkeep
carry hold transport
case situation event circumstance condition
cause reason why ground
certain sure specific particular
chat conversation talk dialogue session
check verify confirm inspect examine test validate look
choose select pick choice decide opt
claim request demand file
clean wash rinse wipe laundry launder
client customer user buyer shopper consumer
close shut seal fasten lock
cold freeze frost chill
collect gather pick fetch
combine merge join together mix
compatible work fit support
complain complaint dispute contest grievance
complete finish done end full
component part piece element
condition requirement prerequisite must criterion
confirm verify approve acknowledge
connect pair link attach join plug
consent agree permission
contact reach call write
contain hold include
convert turn change
correct right proper accurate fix
cover include protect apply
credit refund balance
cut trim reduce
danger hazard risk unsafe
date day time deadline
deadline limit late due
decline reject refuse deny
deduct subtract remove take
defect fault flaw
delay late wait
delete remove erase
deny refuse reject decline
describe explain detail
detergent soap cleaner
device unit machine appliance equipment
different another distinct other
dimension size length width height measurement
disassemble dismantle
discard dispose throw
disconnect unplug detach
distinct different unrelated separate relation
divide split share several
drop fall
dry dryer drying tumble
dryer tumble drying
due owed outstanding
durable sturdy strong robust
duration length period term long last run
earlier previous former prior before
early soon
earn get gain collect
employee staff worker agent
empty drain
enable activate
end finish expire close stop
enough sufficient adequate
ensure guarantee sure
enter type input fill write
entire whole full all
entitle qualify eligible
environment weather outdoor
error mistake fault wrong problem
estimate approximate about
exclude except exclusion
expect anticipate
expire end lapse run
explicit clear express
extend extension longer prolong lengthen
extra additional more further added surplus
fail failure malfunction stop
fasten secure tie attach
fault blame mistake
fee charge cost
find locate search look
firm company business
fix repair solve resolve mend remedy
fluffy loft puffy
fold collapse compact
follow obey comply
forbid prohibit ban
forget lose recover
form kind type way method
forward pass transfer send
free complimentary gratis waive
frequently often regularly
function feature work operate
give provide supply offer hand
goods item product merchandise article
guide manual instruction handbook
handle manage treat process
happen occur result
hazard danger risk
heat warm hot temperature
help assist assistance aid support
identify identity who authenticate recognise
immediate instant prompt once
improve enhance
in-store shop
increase raise grow
incorrect wrong mistaken false
individual person
inform notify tell alert
injury harm hurt
inspect check examine
instruction direction guideline step
insulate insulation warmth warm
issue problem trouble fault difficulty
item product article thing goods
keep store retain remain
kind type sort category form
kinds types sorts categories
large big
last recent latest final
late overdue delayed
leak drip
length long
level tier rank grade
light lamp bulb
limit cap maximum restrict
list catalogue enumerate
locate find
lock secure
login sign access
loose slack
lose loss lost
loss lose lost
machine washer appliance
mail letter post
main default primary
maintain keep service
manner way method mode
material fabric cloth textile
maximum most limit highest
measure gauge test
member customer subscriber
message note text
method way means procedure mode form
minimum least lowest
missing lost absent gone
mode setting programme program cycle
programme cycle mode setting program
moment once immediately
move shift transfer change relocate
multiple several many
name call title
necessary required need must
new fresh another
notice warning note
number count quantity amount
obtain get receive acquire
offer provide give
often frequency times
once single
online web internet website site
operate use run
option choice variant alternative
original initial first
owe due
own personal
pack package wrap
pass transfer hand forward
passed transferred handed
patch repair
pause stop suspend
pay settle spend
period duration term
permit allow let may
phone telephone mobile
place location spot site
postpone delay extend
power battery electricity
precaution safety warning care
press push
previous earlier former
prevent avoid
problem issue trouble fault
procedure process step
profile account
proof evidence receipt
protect guard shield
prove verify proof confirm
provide give supply
punctual time
put place enter
quantity amount number count
query question
quick fast rapid
rapid quick fast
rate price speed
reach contact
reason cause motive ground
receive get obtain
record note enter log
recover restore regain retrieve
reduce lower decrease cut
reimburse refund repay
reject refuse deny
relation related same connection
relative sister brother mother father friend wife husband family else
remain stay keep
remove take delete detach waive
renew extend
repair fix
replace swap substitute exchange
report tell
request ask demand
require need must
reset restart reboot
resolve solve fix
responsible liable
restore recover
result outcome
return send
review check
rule condition term
safe secure
same identical equal
save store
say state
schedule plan time
seal close
select choose
send ship mail dispatch post
separate different
set configure adjust
setting mode option
several multiple two
shake vibrate
sharp blade
ship send deliver
shop store retailer
show display
sign log
signal reception
size dimension
slow delay
smell odour odor
soak wet
solve resolve fix
sort kind type
spare replacement extra
specific particular
specification spec rating
spend pay
split divide
spot location
stage status step state
stain spot mark
state status stage condition
status state stage
stop end halt
strap belt band
strength strong
stuck jam
submit send file
suit fit appropriate suitable recommended
suitable appropriate fit
sum total amount
support help
surface area
suspend pause
swap exchange
switch turn
take accept
tear rip
temperature heat
term condition
test check trial inspect
throw discard
tidy clean
tight secure
time hour clock
timezone zone
tool instrument
torn damaged
total sum overall
transaction payment purchase
transfer move pass
travel trip journey
troubleshoot fix solve diagnose
trouble problem
turn rotate twist
type kind
undo reverse
unhappy dissatisfied
unit item
unopened sealed
update change
upgrade improve
user customer
valid acceptable
value worth
version variant model
view see
void cancel
wait pending hold
waive remove free
warn caution
warranty guarantee
wash laundry
waste discard
water liquid
weak low
web website online url www com
website web online site url
whole entire
withdraw cancel
worn used
write enter
wrong incorrect
yearly annual year
zip postcode postal
退 退货 退回 退还 返还 退款
换 换货 更换 调换 换成 替换 另换
送 配送 送货 送达 寄送 派送 运送 送到 专车
寄 邮寄 寄送 寄出 寄回 发货 寄到
发 发货 发出 寄出 出库
到 送达 到达 到货 到账 抵达 收到
收 签收 收到 接收 收货
付 付款 支付 付费 缴费 扣款 交钱
钱 金额 费用 价格 元 美元 款项
花 花费 费用 收费 价钱
免费 不收费 免 包 赠送
便宜 低价 优惠 折扣
贵 高价 昂贵
买 购买 购物 下单 订购 选购 拍
卖 出售 销售 在售
能 可以 支持 允许 可
不能 无法 不可 不支持 不得 不适用 不可以 禁止
过期 失效 到期 有效期 有效 期限 作废
多久 时间 天数 期限 工作日 小时
几天 工作日 天数
快 加急 尽快 立即 马上 次日 即时 即刻
慢 延迟 延误 推迟
原因 理由 为何
情况 条件 情形 范围
包括 包含 含 涵盖 覆盖 范围
不包括 除外 不含 例外 除
保修 质保 维修 保固 三包
坏 损坏 破损 故障 质量问题 瑕疵 磨损
修 维修 修理 修复
处理 解决 完成 办理
打开 拆开 开封 拆封 拆盒 开箱 拆
包装 盒子 原包装 包装盒
面霜 护肤品 化妆品 乳液 精华
吃 食品 食物 零食
衣服 服装 上衣 裤子 外套
鞋 鞋子 鞋款 靴子 鞋码
尺码 大小 码 号 尺寸 码数
颜色 色 款式
量 测量 量出 丈量
选 选择 挑选 挑
推荐 建议
得到 获得 获取 送 奖励 得
朋友 好友 亲友 朋友们
邀请 推荐 介绍 分享
使用 用 可用 适用
叠加 同时 合并 一起
输入 填写 填 录入
查 查询 查看 查到 查找
改 修改 更改 变更 更新 换
取消 撤销 退订 作废
删除 注销 清除 销毁
注册 开户 开通
登录 登陆 账户 账号
信息 资料 数据 隐私
地址 住址 收货地址
电话 手机 号码 手机号 联系
联系 客服 人工 咨询
发票 收据 凭证 票据 开票
订单 单子 单号
失败 不成功 被拒 出错
重试 再试 重新
分期 期 免息
利息 免息 手续费
国外 海外 境外 国际
国内 境内 本国
周末 周六 周日 星期天 休息日
节日 节假日 假期 法定
早上 上午 中午 下午 晚上
洗 清洗 清洁 洗涤 水洗 洗碗机
保养 护理 维护 养护
安装 组装 装配
安全 防护 保护
年龄 岁 儿童 成人
重量 重 公斤 斤
材质 材料 面料 成分
会员 用户 顾客 客户
积分 点数
礼品卡 购物卡 储值卡
优惠券 优惠码 代金券 折扣码
面额 金额 面值
余额 剩余 剩下
限制 限用 上限 最多 限
最低 至少 起 满
每 每个 每单 每次
第一 首 首次 首单 新客
价差 差价 多退少补 差额
运费 邮费 配送费 快递费
关税 税费 税
值 抵 等于 相当于
";

/// What a word may be met by besides itself: its groups, and each character
/// of a Chinese one, since the dictionary cuts "尺码表" in one text and "尺码" in
/// the other.
pub(super) fn loose_keys(word: &str) -> Vec<String> {
    let groups = groups_of(word).iter().map(|group| group_key(*group));
    groups
        .chain(characters_of(word).map(character_key))
        .collect()
}

/// The characters of a Chinese word.
pub(super) fn characters_of(word: &str) -> impl Iterator<Item = char> + '_ {
    word.chars().filter(|character| is_han(*character))
}

/// What may stand inside a Chinese word that comes apart: a number, or a
/// particle of aspect or measure ("分3期", "打8折", "退了货").
const INSIDE: [char; 8] = ['了', '过', '完', '个', '几', '一', '次', '点'];
const LONGEST_INSIDE: usize = 4;

/// The words of two characters that a text holds with something between them,
/// as keys.
pub(super) fn separable_keys(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let inside = |character: &char| character.is_ascii_digit() || INSIDE.contains(character);
    let ends = |character: &char| is_han(*character) && !INSIDE.contains(character);
    let mut found = Vec::new();
    for (at, first) in characters.iter().enumerate().filter(|(_, one)| ends(one)) {
        let rest = &characters[at + 1..];
        let between = rest.iter().take_while(|one| inside(one)).count();
        if let Some(last) = rest.get(between).filter(|one| ends(one))
            && (1..=LONGEST_INSIDE).contains(&between)
        {
            found.push(separable_key(*first, *last));
        }
    }
    found
}

pub(super) fn separable_key(first: char, last: char) -> String {
    format!("{LOOSE_MARK}{first}{last}")
}

/// Opens the key of a group or of a character.
pub(super) const LOOSE_MARK: char = '~';

pub(super) fn group_key(group: u16) -> String {
    format!("{LOOSE_MARK}{group}")
}

pub(super) fn character_key(character: char) -> String {
    format!("{LOOSE_MARK}{character}")
}

/// The groups of a stem, by their lines.
pub(super) fn groups_of(stem: &str) -> &'static [u16] {
    table().get(stem).map_or(&[], Vec::as_slice)
}

fn table() -> &'static FxHashMap<String, Vec<u16>> {
    static TABLE: OnceLock<FxHashMap<String, Vec<u16>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: FxHashMap<String, Vec<u16>> = FxHashMap::default();
        for (number, line) in (0_u16..).zip(GROUPS.lines()) {
            for word in line.split_whitespace() {
                let groups = table.entry(stem(word)).or_default();
                if !groups.contains(&number) {
                    groups.push(number);
                }
            }
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_words_meet_and_others_do_not() {
        let meet = |a: &str, b: &str| {
            let b = groups_of(&stem(b));
            groups_of(&stem(a)).iter().any(|group| b.contains(group))
        };
        for (a, b) in [
            ("state", "status"),
            ("alter", "modify"),
            ("duration", "period"),
            ("forms", "methods"),
        ] {
            assert!(meet(a, b), "{a} / {b}");
        }
        assert!(!meet("weather", "refund"));
    }
}
