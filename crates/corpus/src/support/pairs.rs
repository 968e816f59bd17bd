use super::answers::questions_and_answers;
use super::index::Index;
use super::passages::SourceKind;
use super::terms::terms;
use crate::{Dialogue, Split};

/// A question and where its answer stands.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionPair {
    /// What is asked.
    pub question: String,
    /// Place of the source in the index.
    pub source: usize,
    /// Places of the units that answer; empty where any of the source does.
    pub units: Vec<usize>,
    /// What it may be used for.
    pub split: Split,
    /// Whether a customer asked it; else it was made from the source itself.
    pub real: bool,
}

const LONGEST_QUESTION_BYTES: usize = 600;

/// Questions with known answers: what customers of the validation and test
/// splits asked when they were answered in the words of a source, and for each document unit a question made of
/// some of its own words, with others mixed in. At most `most` of either kind
/// in each split.
pub fn pairs(index: &Index, dialogues: &[Dialogue], most: usize, seed: u64) -> Vec<QuestionPair> {
    let mut found = asked(index, dialogues, most, seed);
    found.extend(made(index, most, seed));
    found
}

/// A shorter unit may stand in an answer by chance.
const SHORTEST_QUOTE_BYTES: usize = 24;
/// More conversations than these teach the calibration nothing more.
const MOST_CONVERSATIONS: usize = 20_000;

fn asked(index: &Index, dialogues: &[Dialogue], most: usize, seed: u64) -> Vec<QuestionPair> {
    let mut dice = Dice(seed ^ 0xa5ce);
    let mut found = Vec::new();
    // What the learned answers have seen would look too easy.
    let unseen = dialogues
        .iter()
        .filter(|dialogue| dialogue.split != Split::Train);
    for dialogue in unseen.take(MOST_CONVERSATIONS) {
        for (question, answer) in questions_and_answers(dialogue) {
            if question.len() > LONGEST_QUESTION_BYTES {
                continue;
            }
            found.extend(quoted(index, answer).map(|(source, units)| QuestionPair {
                question: question.to_owned(),
                source,
                units,
                split: dialogue.split,
                real: true,
            }));
        }
    }
    let mut kept = Vec::new();
    for split in Split::ALL {
        let mut of_split: Vec<QuestionPair> = found
            .iter()
            .filter(|pair| pair.split == split)
            .cloned()
            .collect();
        dice.shuffle(&mut of_split);
        of_split.truncate(most);
        kept.extend(of_split);
    }
    kept
}

/// The source in whose words an answer is given, and the units given.
fn quoted(index: &Index, answer: &str) -> Option<(usize, Vec<usize>)> {
    let within = |source: usize| -> Vec<usize> {
        let count = index.units_of(source).len();
        let said = |unit: &usize| {
            let text = index.text_of(source, *unit);
            text.len() >= SHORTEST_QUOTE_BYTES.min(answer.len()) && answer.contains(text)
        };
        (0..count).filter(said).collect()
    };
    (0..index.sources().len())
        .map(|source| (source, within(source)))
        .filter(|(_, units)| !units.is_empty())
        .max_by_key(|(source, units)| {
            let bytes: usize = units
                .iter()
                .map(|unit| index.text_of(*source, *unit).len())
                .sum();
            (bytes, std::cmp::Reverse(*source))
        })
}

fn made(index: &Index, most: usize, seed: u64) -> Vec<QuestionPair> {
    let mut dice = Dice(seed ^ 0x3ade);
    let mut places: Vec<(usize, usize)> = index
        .sources()
        .iter()
        .enumerate()
        .filter(|(_, source)| source.kind == SourceKind::Document)
        .flat_map(|(source, _)| (0..index.units_of(source).len()).map(move |unit| (source, unit)))
        .collect();
    dice.shuffle(&mut places);
    places.truncate(most);
    let strangers: Vec<String> = unrelated_questions()
        .flat_map(|question| terms(question).into_iter().filter(|term| term.content))
        .map(|term| term.word)
        .collect();
    let mut found = Vec::new();
    for (number, (source, unit)) in places.into_iter().enumerate() {
        let title = index.sources()[source].title.as_deref().unwrap_or_default();
        let body = format!("{title} {}", index.text_of(source, unit));
        let mut words: Vec<String> = Vec::new();
        for term in terms(&body).into_iter().filter(|term| term.content) {
            if !words.contains(&term.word) && dice.below(100) < 40 {
                words.push(term.word);
            }
        }
        dice.shuffle(&mut words);
        words.truncate(4 + dice.below(4));
        if words.len() < 2 {
            continue;
        }
        for _ in 0..dice.below(3) {
            words.push(strangers[dice.below(strangers.len())].clone());
        }
        found.push(QuestionPair {
            question: words.join(" "),
            source,
            units: vec![unit],
            split: match number % 5 {
                0 => Split::Validation,
                1 => Split::Test,
                _ => Split::Train,
            },
            real: false,
        });
    }
    found
}

/// A small deterministic generator (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.below(place + 1));
        }
    }
}

/// Questions that a shop's documents do not answer: other walks of life, and
/// services that few shops have. Support must learn to decline them.
pub fn unrelated_questions() -> impl Iterator<Item = &'static str> {
    UNRELATED.lines().filter(|line| !line.is_empty())
}

/// Questions as customers of all sorts of shops type them, in several languages:
/// what all questions have in common to an encoder.
pub fn background_questions() -> impl Iterator<Item = &'static str> {
    include_str!("background_questions.txt").lines()
}

const UNRELATED: &str = "\
What is the capital of Peru?
Who won the football match last night?
Will it rain in Madrid tomorrow?
Write a poem about the sea.
How do I sort a list in Python?
What is the square root of 144?
Tell me a bedtime story.
How tall is the Eiffel Tower?
Can you translate good morning into Japanese?
Who is the president of Brazil?
What is the best way to learn guitar?
How do I bake sourdough bread?
How many planets are there?
What year did the Second World War end?
Book me a table at an Italian restaurant.
Play some jazz music.
How do I renew my passport?
What are the symptoms of the flu?
Which bank has the best mortgage?
Do you offer home insurance?
Can you file my income tax return?
Is there a train to Berlin at noon?
How do I fix a leaking tap?
What is the meaning of the word ephemeral?
Do you sell stocks and bonds?
Set a timer for ten minutes.
What is your favourite movie?
How do I get a driving licence?
Can you do my homework?
When is the next solar eclipse?
What is the exchange rate of the yen?
Do you rent out cars?
How many calories are in a banana?
Who painted the Mona Lisa?
How do I apply for a visa to Canada?
Is it safe to drink tap water in Egypt?
How do I jump start a motorbike?
What time is it in Sydney?
Recommend me a good novel.
What is the population of India?
How do I meditate?
Can you remind me of my dentist appointment?
What is the score of the basketball game?
Do you have job openings for engineers?
Is your company listed on the stock market?
Do you donate to charity?
Can I bring my dog to your office?
Who founded your company?
Do you offer dance lessons?
Can I pay with cryptocurrency in instalments?
法国的首都是哪里？
今天上海天气怎么样？
昨晚的足球比赛谁赢了？
帮我写一首诗。
怎么用Python写循环？
给我讲个笑话。
一加一等于几？
怎么做红烧肉？
帮我订一张去广州的火车票。
怎么办理护照？
感冒了吃什么药？
现在几点了？
人民币对美元汇率是多少？
推荐一部好看的电影。
长城有多长？
怎么考驾照？
你们卖汽车保险吗？
怎么申报个人所得税？
附近有什么好吃的餐厅？
帮我翻译一句英文。
放一首周杰伦的歌。
月亮离地球有多远？
怎么学吉他？
你们公司上市了吗？
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_fair_enough_and_repeat() {
        let throw = |seed| {
            let mut dice = Dice(seed);
            (0..600).map(|_| dice.below(6)).collect::<Vec<_>>()
        };
        assert_eq!(throw(1), throw(1));
        assert_ne!(throw(1), throw(2));
        for face in 0..6 {
            let count = throw(3).into_iter().filter(|other| *other == face).count();
            assert!((60..=140).contains(&count), "{face}: {count}");
        }
    }
}
