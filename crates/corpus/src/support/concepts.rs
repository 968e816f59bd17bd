use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What shops and their customers call the same thing, in English and
/// Chinese, one concept a line. It lets "swap" find "exchange", and a
/// question in one language find a document in the other. Words of a shop of
/// its own are learned from its conversations (see `learn_answers`). What
/// stands before `<` is a kind of what stands behind it: who asks for shipping
/// may well mean its cost.
const CONCEPTS: &str = include_str!("concepts.txt");

/// Words that say nothing about what is asked, or only that something is.
const STOP_WORDS: &str = "\
a an and any are as at be been being but by can can't cannot could d did didn't do does doesn't doing don't \
for from get gets getting got had has have having he hello help her hey hi him his how i i'd i'll i'm i've if in into is isn't it its \
just know let like ll look looking lot m made make many may me might more much must my myself need no not now of off oh ok okay on once one only or other our out \
please quite re really s same say see shall she should so some still such sure t take tell than thank thanks that the their them then there these they \
thing things this those to too try us use using ve very want wanted was we were what what's when where which while who whom why will wish with won't would wouldn't yes yet you you're your yours \
already still even ever never always often usually long soon far anything everything nothing every each either neither both another other others else rather enough yet ago later maybe perhaps actually exactly though although however without within between among toward since until while above below off per via ask asked asking tell told said know knew mean means meant seem keep kept put set try tried come came work works good bad best better old big small own whole certain different sell sells selling sold guy guys everyone anyone somebody nobody thing stuff today now right bit \
two three hello curious interested purchasing wondering guidance properly correctly walk confused unsure noticed \
we'll we're we've we'd they're they'll they've he's she's that's there's here's who's where's how's hasn't haven't hadn't aren't weren't wasn't shouldn't it's it'll \
live lives pretty saw seen somehow anyway kindly okay morning evening afternoon dear hope hoping because instead regarding \
你好 您好 亲 人 过来 哦 嗯 哈 麻烦 谢谢 一直 现在 \
also about after again all am because before both during each few further here once over own under until up down through \
give go goes going happen happens hold holds possible question wonder wondering able way ways able recently currently bought purchased buy someone something anything \
的 了 是 我 你 您 他 她 它 我们 你们 他们 这 那 这个 那个 这件 有 没有 吗 呢 吧 啊 呀 么 和 与 或 在 到 从 把 被 给 对 就 都 也 还 又 很 太 请 请问 \
想 要 会 能 能不能 可以 可不可以 怎么 怎样 如何 什么 哪 哪里 哪些 哪个 几 多少 多 为什么 是不是 是否 一个 一下 一 个 件 里 上 下 中 以后 之后 之前 之内 时候 的话 需要 用 做 去 来 说 看 买 东西 不 不是 \
";

/// The concept table, ready for matching.
pub(super) struct Concepts {
    /// Concept by its stemmed English words, joined by spaces.
    pub phrases: BTreeMap<String, u16>,
    /// Chinese phrases with their concepts, by their first characters.
    pub chinese: BTreeMap<char, Vec<(String, u16)>>,
    /// By concept: its name.
    names: Vec<&'static str>,
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

/// What a concept is called.
pub(super) fn name(concept: u16) -> &'static str {
    concepts()
        .names
        .get(usize::from(concept))
        .copied()
        .unwrap_or_default()
}

/// The wider concepts that a concept is a kind of, the nearest first.
pub(super) fn wider(concept: u16) -> impl Iterator<Item = u16> {
    let next = |concept: &u16| concepts().wider.get(usize::from(*concept)).copied()?;
    std::iter::successors(next(&concept), next)
}

pub(super) fn concepts() -> &'static Concepts {
    static TABLE: OnceLock<Concepts> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut phrases = BTreeMap::new();
        let mut chinese: BTreeMap<char, Vec<(String, u16)>> = BTreeMap::new();
        let head = |line: &'static str| line.split_once(':').map_or("", |(head, _)| head);
        let lines: Vec<&'static str> = CONCEPTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        let names: Vec<(&str, Option<&str>)> = lines
            .iter()
            .map(|line| match head(line).split_once(" < ") {
                Some((name, wider)) => (name, Some(wider)),
                None => (head(line), None),
            })
            .collect();
        let wider = names.iter().map(|(_, wider)| {
            let place = names.iter().position(|(name, _)| Some(*name) == *wider)?;
            u16::try_from(place).ok()
        });
        let wider: Vec<Option<u16>> = wider.collect();
        for (number, line) in (0_u16..).zip(&lines) {
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
                let first = phrase.chars().next().unwrap_or_default();
                let list = chinese.entry(first).or_default();
                list.push((phrase.to_owned(), number));
            }
        }
        Concepts {
            phrases,
            chinese,
            names: names.into_iter().map(|(name, _)| name).collect(),
            wider,
            stop_words: STOP_WORDS.split_whitespace().collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_of_the_table_can_be_met() {
        let table = concepts();
        let mut seen = std::collections::BTreeSet::new();
        let lines = CONCEPTS.lines().filter(|line| !line.starts_with('#'));
        for (number, line) in lines.enumerate() {
            let (head, words) = line.split_once(": ").unwrap();
            let (english, han) = words.split_once(';').unwrap_or((words, ""));
            for phrase in english.split(',').chain(han.split(',')).map(str::trim) {
                assert!(phrase.is_empty() || seen.insert(phrase), "twice: {phrase}");
                let words = phrase.split(' ').count();
                assert!(words <= LONGEST_PHRASE, "too long: {phrase}");
                if phrase.is_ascii() && !phrase.is_empty() {
                    let stems: Vec<String> =
                        phrase.split(' ').map(super::super::terms::stem).collect();
                    let concept = usize::from(table.phrases[&stems.join(" ")]);
                    assert_eq!(concept, number, "another line has the stem of {phrase}");
                }
            }
            let is_kind = head.contains('<');
            assert_eq!(table.wider[number].is_some(), is_kind, "{head}");
        }
    }
}
