use std::collections::HashSet;
use std::sync::OnceLock;

use super::terms::stem;

/// Words of other walks of life, and of what few shops say about themselves,
/// by field. Where none of a shop's texts holds such a word, a question
/// about it is not one that they answer: "Is it sold in Madrid?", "Who is
/// the chairman?". A shop that does write of dogs or of jobs is not touched.
const FIELDS: &str = "\
animals: animal dog cat puppy kitten pet horse cow pig goat chicken rabbit hamster bird parrot elephant lion tiger wolf fox \
monkey snake frog turtle whale shark dolphin insect dinosaur zoo squirrel
money: bank banker mortgage loan market shareholder invest investor investment finance financing dividend ipo currency \
bitcoin crypto cryptocurrency ethereum pension retirement 401k rollover paycheck payroll salary wage \
inflation economy bankruptcy lottery casino bet gamble
work: job career vacancy hire hiring recruit recruiting recruitment employee employer employ intern internship cv ceo cto boss \
chairman president founder founded manager factory foreman supplier wholesale wholesaler franchise headquarters \
vacation pto holiday colleague
commerce: rent rental lease borrow barter auction insurance insure lawyer lawsuit patent invent inventor invention sponsor \
sponsorship donate donation charity partnership affiliate advertise advertising celebrity museum
travel: flight airline airport visa passport hotel hostel train railway bus subway metro taxi cab traffic highway motorway \
expressway itinerary tourist tourism cruise ferry embassy vaccine vaccination
places: africa america asia europe australia antarctica afghanistan argentina austria belgium brazil bulgaria canada chile china colombia \
croatia cuba cyprus czechia denmark ecuador egypt england estonia finland france germany ghana greece hungary iceland india indonesia iran \
iraq ireland israel italy jamaica japan jordan kenya korea latvia lebanon lithuania luxembourg malaysia malta mexico morocco nepal \
netherlands norway nigeria pakistan panama peru philippines poland portugal qatar romania russia scotland serbia singapore slovakia \
slovenia spain sweden switzerland taiwan thailand tunisia uganda ukraine uruguay venezuela vietnam wales zambia zimbabwe \
amsterdam athens atlanta bangkok barcelona beijing berlin bern boston brasilia brussels bucharest budapest cairo chicago copenhagen dallas \
delhi denver dubai dublin edinburgh florence frankfurt geneva hamburg hanoi havana helsinki houston istanbul jakarta jerusalem lima lisbon \
london lyon madrid manchester manila marseille melbourne miami milan montreal moscow mumbai munich nairobi naples oslo ottawa paris \
philadelphia phoenix prague reykjavik rio rome rotterdam santiago seattle seoul shanghai shenzhen sofia stockholm sydney tokyo toronto \
vancouver venice vienna warsaw washington zagreb zurich vegas california texas florida georgia nevada ohio
vehicles: tire tyre mileage gasoline petrol mpg odometer windshield carburetor motorway parking licence license
kitchen: recipe calorie sourdough soup pasta steak burger pizza \
salad dessert mac restaurant lasagna fridge
health: symptom disease flu cancer doctor nurse hospital dentist pregnancy pregnant \
anxiety
learning: poem poetry story novel essay homework translate translation spell spelling definition grammar joke trivia riddle \
war emperor election politics parliament minister planet moon galaxy eclipse astronomy physics chemistry algebra \
equation integral theorem philosophy religion god capital population
play: movie actor actress song singer music lyrics concert theater theatre opera ticket football soccer basketball baseball \
tennis golf olympics league tournament coin dice chess
machines: python javascript java coding algorithm compiler database spreadsheet
home: weather forecast alarm timer remind reminder calendar appointment meeting todo timezone babysitter plumber \
haircut wedding birthday anniversary
others: horoscope zodiac astrology tattoo alien
han: 天气 股票 上市 招聘 求职 工资 老板 总裁 创始人 银行 贷款 房贷 保险 投资 比特币 汇率 彩票 航班 机票 火车票 高铁 酒店 签证 护照 地铁 公交 驾照 \
北京 上海 广州 深圳 香港 美国 日本 法国 英国 德国 菜谱 红烧肉 餐厅 感冒 医生 医院 牙医 电影 歌曲 唱歌 演唱会 足球 篮球 比赛 笑话 故事 诗 作业 翻译 历史 \
总统 首都 月亮 地球 编程 闹钟 生日 租 出租 博物馆 发明 专利 狗 猫 宠物 星座 吉他
";

/// Whether a stem (or a Chinese word) belongs to another walk of life.
pub(super) fn is_stranger(word: &str) -> bool {
    static TABLE: OnceLock<HashSet<String>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let words = FIELDS.lines().filter_map(|line| line.split_once(": "));
        words
            .flat_map(|(_, words)| words.split_whitespace().map(stem))
            .collect()
    });
    table.contains(word)
}

/// A year of the calendar, as "2015".
pub(super) fn is_year(word: &str) -> bool {
    word.len() == 4
        && word
            .parse()
            .is_ok_and(|year: u16| (1900..2100).contains(&year))
}
