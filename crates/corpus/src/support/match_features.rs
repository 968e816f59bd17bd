//! What is known of a unit beside a question, in figures.

use super::calibration::Features;
use super::entity_linking::{LinkedEntities, MentionRole};
use super::index::Index;
use super::matches::TermMatch;
use super::question::Question;

/// With less than this beyond the title, the title is all that is asked for.
const SMALL_SHARE: f32 = 0.1;
/// So many words that were not asked for are as good as more.
const NOVELTY_SATURATION: f32 = 6.0;

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
    beyond_title: f32,
    beyond_title_met: f32,
    /// What the source is silent about, and what of that is the topic of others.
    missing_in_source: f32,
    in_other_titles: f32,
    /// What the source is silent about and the shop's rules speak of.
    missing_but_in_rules: f32,
    /// Names and years that the source knows nothing of.
    unknown_entities: f32,
    /// Words that the unit meets.
    met: f32,
}

impl Index {
    pub(super) fn unit_features(
        &self,
        question: &Question,
        matches: &[TermMatch],
        named: &LinkedEntities,
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
        let is_met = tally.beyond_title_met > 0.0 || tally.beyond_title <= 0.0;
        if named.contains(unit.source) && !is_met {
            let elsewhere = tally.total - tally.known + tally.missing_but_in_rules;
            set(
                "linked_source_gap",
                (elsewhere / tally.beyond_title).clamp(0.0, 1.0),
            );
        }
        let is_title_all = tally.beyond_title < SMALL_SHARE * total;
        let share = tally.beyond_title_met / tally.beyond_title.max(1e-6);
        set(
            "beyond_title_coverage",
            if is_title_all { 1.0 } else { share },
        );
        let unknown_entities = tally.unknown_entities / tally.beyond_title.max(SMALL_SHARE * total);
        set("unknown_entity_share", unknown_entities.min(1.0));
        set("other_title_share", tally.in_other_titles / total);
        set("source_missing_share", tally.missing_in_source / total);
        set(
            "source_missing_mass",
            (tally.missing_in_source / rarest).min(3.0) / 3.0,
        );
        let novelty = (unit.length - tally.met).clamp(0.0, NOVELTY_SATURATION) / NOVELTY_SATURATION;
        set("unit_novelty", novelty);
        let is_unlinked = tally.beyond_title >= tally.total && self.is_named_guide(unit.source);
        set("unlinked_guide", f32::from(u8::from(is_unlinked)));
        set("introduces", f32::from(u8::from(unit.is_open)));
        features.set("value", unit.values.fit(question.expected));
        features
    }

    /// Counts one word of the question for a unit.
    fn count(&self, tally: &mut Tally, term: &TermMatch, named: &LinkedEntities, place: u32) {
        let source = self.flat[place as usize].source;
        let name = self.mention_role(named, source, term);
        if name == MentionRole::Context {
            return;
        }
        let (mut in_body, mut in_unit, mut titled) = (0.0_f32, 0.0_f32, false);
        for (word, factor) in term.keys().filter(|_| name != MentionRole::OtherEntity) {
            if let Some(posting) = self.posting_in(word, place) {
                in_unit = in_unit.max(factor);
                titled |= posting.titled;
                if posting.count > 0.0 {
                    in_body = in_body.max(factor);
                }
            }
        }
        if name == MentionRole::OwnEntity {
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
            tally.beyond_title += term.mass;
            tally.beyond_title_met += in_body * term.mass;
        }
        let in_source = term.keys().any(|(word, _)| self.source_has(source, word));
        if term.is_unknown_entity || term.is_year && !in_source {
            tally.unknown_entities += term.mass;
        }
        if !in_source {
            tally.missing_in_source += term.mass;
            let is_topic = |(word, _): (u32, f32)| !self.title_postings[word as usize].is_empty();
            if term.keys().any(is_topic) {
                tally.in_other_titles += term.mass;
            }
            if term.keys().any(|(word, _)| self.in_rules[word as usize]) {
                tally.missing_but_in_rules += term.mass;
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
