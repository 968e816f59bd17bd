//! What is known of a unit beside a question, in figures.

use super::calibration::Features;
use super::index::Index;
use super::matches::TermMatch;
use super::named::{NameWord, Named};
use super::question::Question;

/// With less than this beyond the title, the title is all that is asked for.
const SMALL_SHARE: f32 = 0.1;
/// So many words that were not asked for are as good as more.
const MUCH_NEWS: f32 = 6.0;

/// How much of a question a unit and its source meet, in masses of words.
#[derive(Debug, Default)]
struct Tally {
    total: f32,
    /// Met in the unit, under its title and heading, by the very word.
    body: f32,
    anywhere: f32,
    exact: f32,
    /// Held by any source.
    known: f32,
    /// Asked beyond the topic that the title names, and met of that.
    beyond: f32,
    beyond_said: f32,
    /// What the source is silent about, and what of that is the topic of others.
    stranger: f32,
    elsewhere: f32,
    /// What the source is silent about and the shop's rules speak of.
    ruled: f32,
    /// Names and years that the source knows nothing of.
    foreign: f32,
    /// Words that the unit meets.
    met: f32,
}

impl Index {
    pub(super) fn unit_features(
        &self,
        question: &Question,
        matches: &[TermMatch],
        named: &Named,
        place: u32,
    ) -> Features {
        let unit = &self.flat[place as usize];
        let mut tally = Tally::default();
        for term in matches {
            self.count(&mut tally, term, named, place);
        }
        let total = tally.total.max(1e-6);
        let rarest = self.unknown_idf.max(1e-6);
        let mut features = Features::default();
        let mut set = |name: &str, value: f32| features.set(name, f64::from(value));
        set("coverage", tally.anywhere / total);
        set("body", tally.body / total);
        set("unknown", 1.0 - tally.known / total);
        set("focus", (tally.exact / unit.mass.max(1e-6)).min(1.0));
        set("matched", (tally.anywhere / rarest).min(4.0) / 4.0);
        let is_met = tally.beyond_said > 0.0 || tally.beyond <= 0.0;
        if named.contains(unit.source) && !is_met {
            let elsewhere = tally.total - tally.known + tally.ruled;
            set("silent", (elsewhere / tally.beyond).clamp(0.0, 1.0));
        }
        let is_title_all = tally.beyond < SMALL_SHARE * total;
        let share = tally.beyond_said / tally.beyond.max(1e-6);
        set("beyond", if is_title_all { 1.0 } else { share });
        let foreign = tally.foreign / tally.beyond.max(SMALL_SHARE * total);
        set("foreign", foreign.min(1.0));
        set("elsewhere", tally.elsewhere / total);
        set("stranger", tally.stranger / total);
        set("lacking", (tally.stranger / rarest).min(3.0) / 3.0);
        let news = (unit.length - tally.met).clamp(0.0, MUCH_NEWS) / MUCH_NEWS;
        set("news", news);
        let is_uncalled = tally.beyond >= tally.total && self.is_named_guide(unit.source);
        set("uncalled", f32::from(u8::from(is_uncalled)));
        set("open", f32::from(u8::from(unit.is_open)));
        features.set("value", unit.values.fit(question.wants));
        features
    }

    /// Counts one word of the question for a unit.
    fn count(&self, tally: &mut Tally, term: &TermMatch, named: &Named, place: u32) {
        let source = self.flat[place as usize].source;
        let name = self.name_word(named, source, term);
        if name == NameWord::Beside {
            return;
        }
        let (mut in_body, mut in_unit, mut titled) = (0.0_f32, 0.0_f32, false);
        for (word, factor) in term.keys().filter(|_| name != NameWord::Others) {
            if let Some(posting) = self.posting_in(word, place) {
                in_unit = in_unit.max(factor);
                titled |= posting.titled;
                if posting.count > 0.0 {
                    in_body = in_body.max(factor);
                }
            }
        }
        if name == NameWord::Own {
            in_body = in_unit;
        } else if in_body >= 1.0 {
            tally.exact += term.mass;
        }
        tally.total += term.mass;
        tally.body += in_body * term.mass;
        tally.anywhere += in_unit * term.mass;
        if in_body > 0.0 {
            tally.met += 1.0;
        }
        tally.known += term.known() * term.mass;
        if !titled {
            tally.beyond += term.mass;
            tally.beyond_said += in_body * term.mass;
        }
        let in_source = term.keys().any(|(word, _)| self.source_has(source, word));
        if term.is_foreign || term.is_year && !in_source {
            tally.foreign += term.mass;
        }
        if !in_source {
            tally.stranger += term.mass;
            let is_topic = |(word, _): (u32, f32)| !self.title_postings[word as usize].is_empty();
            if term.keys().any(is_topic) {
                tally.elsewhere += term.mass;
            }
            if term.keys().any(|(word, _)| self.in_rules[word as usize]) {
                tally.ruled += term.mass;
            }
        }
    }

    fn source_has(&self, source: u32, word: u32) -> bool {
        let list = &self.source_postings[word as usize];
        list.binary_search(&source).is_ok()
    }

    fn posting_in(&self, word: u32, place: u32) -> Option<super::index::Posting> {
        let list = &self.postings[word as usize];
        let at = list
            .binary_search_by_key(&place, |posting| posting.unit)
            .ok()?;
        Some(list[at])
    }
}
