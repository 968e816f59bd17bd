//! What is known of a unit beside a question, in figures.

use super::calibration::Features;
use super::index::Index;
use super::question::Question;
use super::retrieve::TermMatch;

/// With less than this beyond the title, the title is all that is asked for.
const SMALL_SHARE: f32 = 0.1;
/// So many words that were not asked for are as good as more.
const MUCH_NEWS: f32 = 6.0;

impl Index {
    pub(super) fn unit_features(
        &self,
        question: &Question,
        matches: &[TermMatch],
        place: u32,
    ) -> Features {
        let unit = &self.flat[place as usize];
        let total: f32 = matches.iter().map(|term| term.mass).sum::<f32>().max(1e-6);
        let (mut body, mut anywhere, mut known, mut exact) = (0.0, 0.0, 0.0, 0.0);
        // What is asked beyond the topic that the title names.
        let (mut beyond, mut beyond_said) = (0.0, 0.0);
        // What the source is silent about, and what is the topic of others.
        let (mut stranger, mut elsewhere, mut met) = (0.0, 0.0, 0.0);
        // Names and years that the source knows nothing of.
        let mut foreign = 0.0;
        for term in matches {
            let held = term.word.or(term.concept);
            if held.is_some() {
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
            if in_body > 0.0 {
                met += 1.0;
            }
            let in_source = term
                .keys()
                .any(|(word, _)| self.source_has(unit.source, word));
            if term.is_foreign || term.is_year && !in_source {
                foreign += term.mass;
            }
            if !in_source {
                stranger += term.mass;
                let a_topic = |(word, _): (u32, f32)| self.in_titles[word as usize];
                elsewhere += f32::from(u8::from(term.keys().any(a_topic))) * term.mass;
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
        features.set("value", unit.values.fit(question.wants));
        features.set(
            "foreign",
            f64::from(foreign / beyond.max(SMALL_SHARE * total)).min(1.0),
        );
        features.set("elsewhere", f64::from(elsewhere / total));
        features.set("stranger", f64::from(stranger / total));
        let lacking = stranger / self.unknown_idf.max(1e-6);
        features.set("lacking", f64::from(lacking.min(3.0) / 3.0));
        let news = (unit.length - met).clamp(0.0, MUCH_NEWS) / MUCH_NEWS;
        features.set("news", f64::from(news));
        features.set("open", f64::from(u8::from(unit.is_open)));
        features
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
