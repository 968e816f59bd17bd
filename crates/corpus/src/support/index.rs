use rustc_hash::FxHashMap;

use super::calibration::Features;
use super::passages::{Source, Unit, split};
use super::terms::{Term, is_han, terms};

/// Okapi BM25 (Robertson and Zaragoza, 2009).
const K1: f32 = 1.2;
const B: f32 = 0.6;
/// How much a word in a title or heading counts beside one in the text.
const TITLE_WEIGHT: f32 = 0.6;
const ASKED_WEIGHT: f32 = 2.0;
/// How much the whole source's match counts beside the unit's.
const SOURCE_WEIGHT: f32 = 0.35;
/// A concept is a looser match than the word itself.
const CONCEPT_WEIGHT: f32 = 0.8;
/// A word that was mended may be another one.
const MENDED_WEIGHT: f32 = 0.7;
const SHORTEST_MENDED: usize = 5;
/// What a word that no source holds costs, beside the rarest that one holds.
const UNKNOWN_WEIGHT: f32 = 0.7;
/// The BM25, in words as rare as can be, that counts as half a match.
const HALF_MATCH: f32 = 2.0;
/// With less than this beyond the title, the title is all that is asked for.
const SMALL_SHARE: f32 = 0.1;
/// Words of the question before count this much in a follow-up.
const EARLIER_WEIGHT: f32 = 0.5;

/// A question, made comparable.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Content words with their weights; no word twice.
    pub terms: Vec<(Term, f32)>,
    /// What kind of answer it wants.
    pub wants: Wants,
}

/// What kind of value the answer must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wants {
    /// Nothing that can be told from the words.
    #[default]
    Anything,
    /// A length or point of time.
    Time,
    /// A sum of money.
    Money,
    /// A count.
    Number,
}

/// Stems that say that a rule is asked for, not which: in "return policy" it
/// is the return that matters.
const FRAMES: [&str; 8] = [
    "polici", "rule", "regul", "guidelin", "inform", "政策", "规定", "规则",
];

impl Question {
    /// Reads a question; `earlier` is what was asked before, when the new
    /// one only makes sense after it.
    pub fn read(text: &str, earlier: Option<&str>) -> Self {
        let mut question = Self {
            terms: Vec::new(),
            wants: wants(text),
        };
        question.add(text, 1.0);
        if question.terms.is_empty() {
            // "how do I do that?": better a weak word than none.
            for term in terms(text) {
                question.add_term(term, 0.3);
            }
        }
        if let Some(earlier) = earlier {
            question.add(earlier, EARLIER_WEIGHT);
            if question.wants == Wants::Anything {
                question.wants = wants(earlier);
            }
        }
        question
    }

    fn add(&mut self, text: &str, weight: f32) {
        let is_frame = |term: &Term| FRAMES.contains(&term.word.as_str());
        let content: Vec<Term> = terms(text)
            .into_iter()
            .filter(|term| term.content)
            .collect();
        let only_frames = content.iter().all(is_frame);
        for term in content {
            if only_frames || !is_frame(&term) {
                self.add_term(term, weight);
            }
        }
    }

    fn add_term(&mut self, term: Term, weight: f32) {
        // A lone Chinese character is a piece of a word that the dictionary
        // did not know.
        let single = term.word.chars().count() == 1 && term.word.chars().all(is_han);
        let weight = if single { weight * 0.4 } else { weight };
        if !self.terms.iter().any(|(other, _)| other.word == term.word) {
            self.terms.push((term, weight));
        }
    }
}

fn wants(text: &str) -> Wants {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "how long",
        "how soon",
        "how many days",
        "how many weeks",
        "when ",
        "多久",
        "几天",
        "多少天",
        "什么时候",
        "何时",
        "几点",
        "多长时间",
    ]) {
        Wants::Time
    } else if has(&[
        "how much",
        "price",
        "what does it cost",
        "cost of",
        "fee",
        "多少钱",
        "运费",
        "费用",
        "价格",
        "价钱",
    ]) {
        Wants::Money
    } else if has(&[
        "how many",
        "how often",
        "what amount",
        "how far",
        "几个",
        "几次",
        "多少",
    ]) {
        Wants::Number
    } else {
        Wants::Anything
    }
}

/// A unit that may answer, with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Place in [`Index::sources`].
    pub source: usize,
    /// Place in [`Index::units_of`] that source.
    pub unit: usize,
    /// The lexical score that put it on the list.
    pub score: f32,
    /// What the calibration judges by.
    pub features: Features,
}

#[derive(Debug, Clone, Default)]
struct UnitTerms {
    /// Place of the source.
    source: u32,
    /// Place of the unit within its source.
    unit: u32,
    length: f32,
    /// Sum of the inverse document frequencies of its content words.
    mass: f32,
    has_digit: bool,
    has_time: bool,
    has_money: bool,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    unit: u32,
    /// How often the unit's own text holds the word.
    count: f32,
    /// Whether its title or heading does.
    titled: bool,
}

/// Sources split into units and indexed by words and concepts.
#[derive(Debug, Clone, Default)]
pub struct Index {
    sources: Vec<Source>,
    units: Vec<Vec<Unit>>,
    flat: Vec<UnitTerms>,
    vocabulary: FxHashMap<String, u32>,
    /// By word: the units that hold it, or stand under it.
    postings: Vec<Vec<Posting>>,
    /// By word: sources that hold it anywhere.
    source_postings: Vec<Vec<u32>>,
    /// By word: units asked for with it, with the share of the questions.
    asked_postings: Vec<Vec<(u32, f32)>>,
    idf: Vec<f32>,
    mean_length: f32,
    /// What a word costs that no source holds.
    unknown_idf: f32,
}

impl Index {
    /// Splits and indexes `sources`, in their order.
    pub fn new(sources: Vec<Source>) -> Self {
        let mut index = Self::default();
        for (place, source) in (0_u32..).zip(&sources) {
            index.add(place, source);
        }
        index.sources = sources;
        index.finish();
        index
    }

    /// What may be quoted.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The units of one source, in its order.
    pub fn units_of(&self, source: usize) -> &[Unit] {
        self.units.get(source).map_or(&[], Vec::as_slice)
    }

    /// The words of a unit; empty when there is no such unit.
    pub fn text_of(&self, source: usize, unit: usize) -> &str {
        let span = self.units_of(source).get(unit);
        self.sources
            .get(source)
            .zip(span)
            .and_then(|(source, unit)| source.text.get(unit.start..unit.end))
            .unwrap_or_default()
    }

    /// How many units there are in all.
    pub fn len(&self) -> usize {
        self.flat.len()
    }

    /// Whether nothing may be said at all.
    pub fn is_empty(&self) -> bool {
        self.flat.is_empty()
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(number) = self.vocabulary.get(word) {
            return *number;
        }
        let number = self.vocabulary.len() as u32;
        self.vocabulary.insert(word.to_owned(), number);
        self.postings.push(Vec::new());
        self.source_postings.push(Vec::new());
        self.asked_postings.push(Vec::new());
        number
    }

    fn add(&mut self, place: u32, source: &Source) {
        let units = split(&source.text);
        let title = source.title.as_deref().map(keys).unwrap_or_default();
        let mut in_source: Vec<u32> = Vec::new();
        for (unit_place, unit) in (0_u32..).zip(&units) {
            let body = source.text.get(unit.start..unit.end).unwrap_or_default();
            let mut counts: FxHashMap<u32, (f32, bool)> = FxHashMap::default();
            let words = keys(body);
            let length = words.iter().filter(|word| !word.starts_with('§')).count() as f32;
            for word in &words {
                counts.entry(self.word(word)).or_default().0 += 1.0;
            }
            let heading = unit.heading.as_deref().map(keys).unwrap_or_default();
            for word in title.iter().chain(&heading) {
                counts.entry(self.word(word)).or_default().1 = true;
            }
            let flat = self.flat.len() as u32;
            in_source.extend(counts.keys());
            for (word, (count, titled)) in counts {
                self.postings[word as usize].push(Posting {
                    unit: flat,
                    count,
                    titled,
                });
            }
            let (has_digit, has_time, has_money) = values_in(body);
            self.flat.push(UnitTerms {
                source: place,
                unit: unit_place,
                length,
                mass: 0.0,
                has_digit,
                has_time,
                has_money,
            });
        }
        in_source.sort_unstable();
        in_source.dedup();
        for word in in_source {
            self.source_postings[word as usize].push(place);
        }
        let first = self.flat.len() - units.len();
        for asked in &source.asked {
            let answers = |unit: &Unit| {
                let said = source.text.get(unit.start..unit.end);
                asked.quote.is_none() || asked.quote.as_deref() == said
            };
            let places: Vec<usize> = (0..units.len())
                .filter(|place| answers(&units[*place]))
                .collect();
            for (word, share) in &asked.words {
                let word = self.word(word);
                let list = &mut self.asked_postings[word as usize];
                list.extend(places.iter().map(|place| ((first + place) as u32, *share)));
            }
        }
        self.units.push(units);
    }

    fn finish(&mut self) {
        let count = self.flat.len() as f32;
        let idf = |frequency: f32| (1.0 + (count - frequency + 0.5) / (frequency + 0.5)).ln();
        self.idf = self
            .postings
            .iter()
            .map(|list| idf((list.len() as f32).min(count)))
            .collect();
        self.unknown_idf = idf(0.0);
        self.mean_length = self.flat.iter().map(|unit| unit.length).sum::<f32>() / count.max(1.0);
        for (word, list) in self.postings.iter().enumerate() {
            for posting in list.iter().filter(|posting| posting.count > 0.0) {
                self.flat[posting.unit as usize].mass += self.idf[word];
            }
        }
    }

    /// The units that match best, best first, with their features (the
    /// language model's is left 0).
    pub fn retrieve(&self, question: &Question, most: usize) -> Vec<Candidate> {
        self.retrieve_among(question, most, |_, _| true)
    }

    /// As [`Index::retrieve`], as if the source at `excluded` were not there.
    pub fn retrieve_without(
        &self,
        question: &Question,
        most: usize,
        excluded: Option<usize>,
    ) -> Vec<Candidate> {
        self.retrieve_among(question, most, |place, _| excluded != Some(place))
    }

    /// As [`Index::retrieve`], as if only the sources were there that `keep`
    /// (given their place) is true of.
    pub fn retrieve_among(
        &self,
        question: &Question,
        most: usize,
        keep: impl Fn(usize, &Source) -> bool,
    ) -> Vec<Candidate> {
        if self.flat.is_empty() || question.terms.is_empty() {
            return Vec::new();
        }
        let matches: Vec<TermMatch> = question
            .terms
            .iter()
            .map(|(term, weight)| self.term_match(term, *weight))
            .collect();
        let (units, bm25) = self.gather(&matches);
        let by_source = self.source_coverage(&matches);
        let asked = self.asked_coverage(&matches);
        let stays = |source: u32| keep(source as usize, &self.sources[source as usize]);
        let best_source = by_source
            .iter()
            .filter(|(source, _)| stays(**source))
            .map(|(_, share)| *share)
            .fold(0.0, f32::max);
        let mut ranked: Vec<(f32, u32)> = units
            .into_iter()
            .filter(|unit| stays(self.flat[*unit as usize].source))
            .map(|unit| {
                let source = self.flat[unit as usize].source;
                let whole = by_source.get(&source).copied().unwrap_or_default();
                let asked = asked.get(&unit).copied().unwrap_or_default();
                let score = bm25.get(&unit).copied().unwrap_or_default()
                    + (SOURCE_WEIGHT * whole + ASKED_WEIGHT * asked) * 2.0 * self.unknown_idf;
                (score, unit)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(most);
        let best = ranked.first().map_or(0.0, |(score, _)| *score);
        ranked
            .into_iter()
            .map(|(score, place)| {
                let unit = &self.flat[place as usize];
                let whole = by_source.get(&unit.source).copied().unwrap_or_default();
                let mut features = self.unit_features(question, &matches, place);
                let lexical = bm25.get(&place).copied().unwrap_or_default();
                features.set(
                    "lexical",
                    f64::from(lexical / (lexical + HALF_MATCH * self.unknown_idf)),
                );
                features.set("relative", f64::from(score / best.max(1e-6)));
                features.set("source", f64::from(whole));
                features.set("source_margin", f64::from(whole - best_source));
                features.set(
                    "asked",
                    f64::from(asked.get(&place).copied().unwrap_or_default()),
                );
                Candidate {
                    source: unit.source as usize,
                    unit: unit.unit as usize,
                    score,
                    features,
                }
            })
            .collect()
    }

    fn term_match(&self, term: &Term, weight: f32) -> TermMatch {
        let word = self.vocabulary.get(&term.word).copied();
        let concept = term
            .concept
            .and_then(|concept| self.vocabulary.get(&concept_key(concept)).copied());
        let held = |word: Option<u32>| {
            word.filter(|word| {
                let word = *word as usize;
                !self.postings[word].is_empty() || !self.asked_postings[word].is_empty()
            })
        };
        let (mut word, concept) = (held(word), held(concept));
        let mut mended = false;
        if word.is_none() && concept.is_none() {
            word = held(self.nearest(&term.word));
            mended = word.is_some();
        }
        let idf = match (word, concept) {
            (Some(word), Some(concept)) => {
                self.idf[word as usize].min(self.idf[concept as usize] * 1.3)
            }
            (Some(word), None) => self.idf[word as usize],
            (None, Some(concept)) => self.idf[concept as usize],
            // It may be a word of everyday life that the sources can do without.
            (None, None) => self.unknown_idf * UNKNOWN_WEIGHT,
        };
        TermMatch {
            word,
            concept,
            strength: if mended { MENDED_WEIGHT } else { 1.0 },
            mass: idf * weight,
        }
    }

    /// The most frequent known word that one slip of the finger makes of an
    /// unknown one: a letter too many, too few, another, or two swapped.
    fn nearest(&self, word: &str) -> Option<u32> {
        if word.len() < SHORTEST_MENDED || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let alike = |other: &&String| {
            other.len().abs_diff(word.len()) <= 1
                && other.as_bytes()[0] == word.as_bytes()[0]
                && one_slip(word.as_bytes(), other.as_bytes())
        };
        self.vocabulary
            .keys()
            .filter(alike)
            .max_by_key(|other| {
                let number = self.vocabulary[*other] as usize;
                (self.postings[number].len(), std::cmp::Reverse(*other))
            })
            .map(|other| self.vocabulary[other])
    }

    /// Units that share a word or a concept with the question, with their BM25.
    fn gather(&self, matches: &[TermMatch]) -> (Vec<u32>, FxHashMap<u32, f32>) {
        let mut bm25: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for posting in &self.postings[word as usize] {
                    let length =
                        self.flat[posting.unit as usize].length / self.mean_length.max(1.0);
                    let norm = K1 * (1.0 - B + B * length);
                    let body = posting.count * (K1 + 1.0) / (posting.count + norm);
                    let title = f32::from(u8::from(posting.titled)) * TITLE_WEIGHT;
                    let gain = term.mass * factor * (body + title);
                    let entry = best.entry(posting.unit).or_default();
                    *entry = entry.max(gain);
                }
            }
            for (unit, gain) in best {
                *bm25.entry(unit).or_default() += gain;
            }
        }
        let mut units: Vec<u32> = bm25.keys().copied().collect();
        units.extend(self.asked_coverage(matches).into_keys());
        units.sort_unstable();
        units.dedup();
        (units, bm25)
    }

    /// By source: the share of what was asked that it holds anywhere.
    fn source_coverage(&self, matches: &[TermMatch]) -> FxHashMap<u32, f32> {
        let mut covered: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for source in &self.source_postings[word as usize] {
                    let entry = best.entry(*source).or_default();
                    *entry = entry.max(factor);
                }
            }
            for (source, factor) in best {
                *covered.entry(source).or_default() += factor * term.mass;
            }
        }
        let total: f32 = matches.iter().map(|term| term.mass).sum();
        for share in covered.values_mut() {
            *share /= total.max(1e-6);
        }
        covered
    }

    /// By unit: how like the question is to those that it answered before.
    fn asked_coverage(&self, matches: &[TermMatch]) -> FxHashMap<u32, f32> {
        let mut covered: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for (unit, share) in &self.asked_postings[word as usize] {
                    let entry = best.entry(*unit).or_default();
                    *entry = entry.max(factor * share.sqrt());
                }
            }
            for (unit, share) in best {
                *covered.entry(unit).or_default() += share * term.mass;
            }
        }
        let total: f32 = matches.iter().map(|term| term.mass).sum();
        for share in covered.values_mut() {
            *share /= total.max(1e-6);
        }
        covered
    }

    fn unit_features(&self, question: &Question, matches: &[TermMatch], place: u32) -> Features {
        let unit = &self.flat[place as usize];
        let total: f32 = matches.iter().map(|term| term.mass).sum::<f32>().max(1e-6);
        let (mut body, mut anywhere, mut known, mut exact) = (0.0, 0.0, 0.0, 0.0);
        // What is asked beyond the topic that the title names.
        let (mut beyond, mut beyond_said) = (0.0, 0.0);
        for term in matches {
            if term.word.or(term.concept).is_some() {
                known += term.mass;
            }
            let (mut in_body, mut in_unit, mut titled) = (0.0_f32, 0.0_f32, false);
            for (word, factor) in term.keys() {
                if let Some(posting) = self.posting_in(word, place) {
                    in_unit = in_unit.max(factor);
                    titled |= posting.titled;
                    if posting.count > 0.0 {
                        in_body = in_body.max(factor);
                    }
                }
            }
            if !titled {
                beyond += term.mass;
                beyond_said += in_body * term.mass;
            }
            body += in_body * term.mass;
            anywhere += in_unit * term.mass;
            exact += f32::from(u8::from(in_body >= 1.0)) * term.mass;
        }
        let mut features = Features::default();
        features.set("coverage", f64::from(anywhere / total));
        features.set("body", f64::from(body / total));
        features.set("unknown", f64::from(1.0 - known / total));
        features.set("focus", f64::from((exact / unit.mass.max(1e-6)).min(1.0)));
        features.set(
            "matched",
            f64::from((anywhere / self.unknown_idf.max(1e-6)).min(4.0) / 4.0),
        );
        let whole = beyond < SMALL_SHARE * total;
        let share = if whole { 1.0 } else { beyond_said / beyond };
        features.set("beyond", f64::from(share));
        features.set("value", value_fit(question.wants, unit));
        features
    }

    fn posting_in(&self, word: u32, place: u32) -> Option<Posting> {
        let list = &self.postings[word as usize];
        let at = list
            .binary_search_by_key(&place, |posting| posting.unit)
            .ok()?;
        Some(list[at])
    }
}

/// Whether one insertion, deletion, substitution or swap of neighbours makes
/// one word of the other.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let start = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[start..], &long[start..]);
    if short.len() < long.len() {
        return short == &long[1..];
    }
    match short {
        [] => true,
        [_, rest @ ..] if rest == &long[1..] => true,
        [first, second, rest @ ..] => *first == long[1] && *second == long[0] && rest == &long[2..],
        [_] => true,
    }
}

/// A question's word as the index knows it.
struct TermMatch {
    word: Option<u32>,
    concept: Option<u32>,
    /// Below 1 where the word had to be mended.
    strength: f32,
    mass: f32,
}

impl TermMatch {
    fn keys(&self) -> impl Iterator<Item = (u32, f32)> {
        let word = self.word.map(|word| (word, self.strength));
        let concept = self.concept.map(|concept| (concept, CONCEPT_WEIGHT));
        word.into_iter().chain(concept)
    }
}

pub(super) fn concept_key(concept: u16) -> String {
    format!("§{concept}")
}

/// What a text is indexed by: its content words and their concepts.
pub(super) fn keys(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut last_concept = None;
    for term in terms(text) {
        if term.concept.is_some() && term.concept != last_concept {
            found.extend(term.concept.map(concept_key));
        }
        last_concept = term.concept;
        if term.content {
            found.push(term.word);
        }
    }
    found
}

/// Whether a text holds a number, a time, a sum of money.
fn values_in(text: &str) -> (bool, bool, bool) {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let digit = lower.chars().any(|c| c.is_ascii_digit())
        || has(&[" one ", " two ", " three ", "once", "twice", "一次", "两次"]);
    let time = has(&[
        "day",
        "hour",
        "week",
        "month",
        "year",
        "minute",
        "immediately",
        "o'clock",
        " am",
        " pm",
        "天",
        "日",
        "小时",
        "周",
        "月",
        "年",
        "分钟",
        "立即",
    ]);
    let money = has(&[
        "$", "€", "£", "¥", "usd", "eur", "dollar", "euro", "free", "元", "块", "免费", "免邮",
        "包邮",
    ]);
    (digit, time, money)
}

fn value_fit(wants: Wants, unit: &UnitTerms) -> f64 {
    let fits = match wants {
        Wants::Anything => return 0.0,
        Wants::Time => unit.has_time,
        Wants::Money => unit.has_money || unit.has_digit,
        Wants::Number => unit.has_digit,
    };
    if fits { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::passages::SourceKind;
    use super::*;

    fn index() -> Index {
        let source = |id: &str, title: &str, text: &str| Source {
            kind: SourceKind::Document,
            id: shop::Id::new(id).unwrap(),
            title: Some(title.to_owned()),
            url: None,
            language: None,
            text: text.to_owned(),
            asked: Vec::new(),
        };
        Index::new(vec![
            source(
                "shipping",
                "Shipping",
                "We ship worldwide. Shipping is free over 50 dollars.",
            ),
            source(
                "returns",
                "Returns",
                "Items can be returned within 30 days. Refunds take 5 days.",
            ),
            source(
                "yunfei",
                "运费",
                "满88元免邮费；不满88元，每单收取10元运费。港澳台除外。",
            ),
        ])
    }

    #[test]
    fn the_right_unit_comes_first() {
        let index = index();
        for (question, expected) in [
            (
                "How long do I have to return something?",
                "Items can be returned within 30 days.",
            ),
            ("when do I get my money back", "Refunds take 5 days."),
            ("邮费多少", "满88元免邮费；不满88元，每单收取10元运费。"),
            ("is delivery free?", "Shipping is free over 50 dollars."),
            ("do you ship worldwdie", "We ship worldwide."),
        ] {
            let found = index.retrieve(&Question::read(question, None), 5);
            let best = &found[0];
            assert_eq!(
                index.text_of(best.source, best.unit),
                expected,
                "{question}: {found:#?}"
            );
        }
        assert!(index.retrieve(&Question::read("", None), 5).is_empty());
    }

    #[test]
    fn strange_questions_are_no_panic() {
        let index = index();
        for text in [
            "\u{0}\u{202e}🎉",
            "a\u{301}",
            &"return ".repeat(5_000),
            "   ",
            "？？？",
        ] {
            let found = index.retrieve(&Question::read(text, Some(text)), 5);
            assert!(found.iter().all(|found| found.score.is_finite()));
        }
    }
}
