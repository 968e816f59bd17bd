//! Sources that a question calls by their names: "Trailblazer Tent: how do I
//! clean it?". The name says which source is meant and nothing about which of
//! its sentences, so it does not speak for those that repeat it, nor for the
//! sources of other things whose names have a word of it.

use rustc_hash::FxHashMap;

use super::index::Index;
use super::matches::TermMatch;

/// A source is called by its name where the question holds this share of its
/// title, rare words first …
const NAME_SHARE: f32 = 0.75;
/// … and so many words of it: one is a topic.
const NAME_WORDS: usize = 2;
/// A guide's title is a name where this share of it is used of nothing else.
const OWN_SHARE: f32 = 0.55;

/// What a question calls by name. Places and words are in order.
#[derive(Debug, Default)]
pub(super) struct LinkedEntities {
    /// Places of the sources that it calls.
    called: Vec<u32>,
    /// The words of the question that are part of a name.
    words: Vec<u32>,
}

impl LinkedEntities {
    /// Whether the question calls the source.
    pub(super) fn contains(&self, source: u32) -> bool {
        self.called.binary_search(&source).is_ok()
    }
}

/// What a question's word has to do with names, seen from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionRole {
    /// It is no word of a name by which the question calls a source.
    None,
    /// It is a word of this source's name.
    OwnEntity,
    /// It is a word of another thing's name: this source speaks of the wrong one.
    OtherEntity,
    /// It is a word of a thing's name, and this source is about no such thing:
    /// "Can I return the Trailblazer Tent?" asks the rules for returns.
    Context,
}

/// How much of a title a question holds.
#[derive(Debug, Default)]
struct TitleMatch {
    mass: f32,
    words: usize,
    has_own_word: bool,
}

impl Index {
    /// The sources that a question calls by their names. A title is a name
    /// where one of its words is used of nothing else: "Gift cards" is a topic
    /// that many texts speak of.
    pub(super) fn link_entities(&self, matches: &[TermMatch]) -> LinkedEntities {
        let words = || matches.iter().filter_map(|term| term.word);
        let name_words = || words().filter(|word| self.names[*word as usize]);
        let mut called: FxHashMap<u32, TitleMatch> = FxHashMap::default();
        for word in name_words() {
            let is_own = self.is_own(word);
            for source in &self.title_postings[word as usize] {
                let entry = called.entry(*source).or_default();
                entry.mass += self.idf[word as usize];
                entry.words += 1;
                entry.has_own_word |= is_own;
            }
        }
        let is_named = |source: u32, called: &TitleMatch| {
            let whole = self.title_mass[source as usize];
            called.has_own_word && called.words >= NAME_WORDS && called.mass >= NAME_SHARE * whole
        };
        let named = called.iter();
        let named = named.filter(|(source, called)| is_named(**source, called));
        let mut named = LinkedEntities {
            called: named.map(|(source, _)| *source).collect(),
            ..LinkedEntities::default()
        };
        named.called.sort_unstable();
        for word in name_words() {
            let titled = &self.title_postings[word as usize];
            if titled.iter().any(|source| named.contains(*source)) {
                named.words.push(word);
            }
        }
        named.words.sort_unstable();
        named
    }

    /// Whether all sources that hold a word have it in their titles.
    pub(super) fn is_own(&self, word: u32) -> bool {
        let word = word as usize;
        self.title_postings[word].len() >= self.source_postings[word].len()
    }

    /// Whether a source is the guide of one thing, and its title is the name.
    pub(super) fn is_named_guide(&self, source: u32) -> bool {
        let source = source as usize;
        let has_name = self.own_mass[source] >= OWN_SHARE * self.title_mass[source];
        self.sources[source].is_guide && self.title_mass[source] > 0.0 && has_name
    }

    /// What a word of the question has to do with names, for one source.
    pub(super) fn mention_role(
        &self,
        named: &LinkedEntities,
        source: u32,
        term: &TermMatch,
    ) -> MentionRole {
        let is_name = |word: &u32| named.words.binary_search(word).is_ok();
        let Some(word) = term.word.filter(is_name) else {
            return MentionRole::None;
        };
        if named.contains(source) {
            let titled = &self.title_postings[word as usize];
            let is_own = titled.binary_search(&source).is_ok();
            return if is_own {
                MentionRole::OwnEntity
            } else {
                MentionRole::None
            };
        }
        let shares = |word: &u32| {
            let titled = &self.title_postings[*word as usize];
            titled.binary_search(&source).is_ok()
        };
        if self.sources[source as usize].is_guide || named.words.iter().any(shares) {
            MentionRole::OtherEntity
        } else {
            MentionRole::Context
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration::Calibration;
    use super::super::question::Question;
    use super::*;

    fn sheets() -> Index {
        let index = Index::of(&[
            (
                "Kestrel Breeze Cordless Travel Kettle",
                "Boil water in no time with the Kestrel Breeze Cordless Travel Kettle.\n- Limited lifetime warranty\n- Wipe with a damp cloth",
            ),
            (
                "Kestrel Ember Kettle",
                "The Kestrel Ember Kettle keeps water warm.\n- Two years of warranty\n- Descale it with vinegar",
            ),
            ("Returns", "A kettle can be returned within 30 days."),
            ("Orders", "Orders can be changed until they leave."),
            ("Points", "Points can be spent on anything."),
        ]);
        let mut sources = index.sources;
        sources[0].is_guide = true;
        sources[1].is_guide = true;
        Index::new(sources)
    }

    /// The likeliest answer with its probability.
    fn answer(index: &Index, question: &str) -> (String, f64) {
        let calibration = Calibration::default();
        let found = index.retrieve(&Question::read(question, None), 10);
        let likely = found.iter().map(|one| {
            let said = index.text_of(one.source, one.unit).to_owned();
            (said, calibration.probability(&one.features))
        });
        likely.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
    }

    #[test]
    fn a_name_speaks_for_no_sentence_that_repeats_it() {
        let index = sheets();
        for (question, expected) in [
            (
                "Kestrel Breeze Cordless Travel Kettle: what about the warranty?",
                "Limited lifetime warranty",
            ),
            (
                "How do I clean the Kestrel Breeze Cordless Travel Kettle?",
                "Wipe with a damp cloth",
            ),
            ("Kestrel Ember Kettle: warranty?", "Two years of warranty"),
            (
                "Can I return the Kestrel Breeze Cordless Travel Kettle?",
                "A kettle can be returned within 30 days.",
            ),
        ] {
            let (said, probability) = answer(&index, question);
            assert_eq!(said, expected, "{question}");
            assert!(probability > 0.5, "{question}: {probability}");
        }
    }

    #[test]
    fn a_named_source_is_silent_where_nobody_has_the_words() {
        let index = sheets();
        for question in [
            "Kestrel Breeze Cordless Travel Kettle: does it whistle?",
            "Kestrel Breeze Cordless Travel Kettle, whistling?",
            "What is the voltage of the Kestrel Breeze Cordless Travel Kettle?",
            "Kestrel Breeze Cordless Travel Kettle: is it sold in Lisbon?",
        ] {
            let (said, probability) = answer(&index, question);
            assert!(probability < 0.5, "{question}: {said} at {probability}");
        }
    }

    #[test]
    fn a_name_speaks_for_no_other_thing_that_has_a_word_of_it() {
        let index = sheets();
        let question = Question::read("Kestrel Breeze Cordless Travel Kettle: colours?", None);
        let found = index.retrieve(&question, 10);
        let said = found.iter().map(|one| index.text_of(one.source, one.unit));
        assert!(
            !found.is_empty() && said.clone().all(|said| !said.contains("Ember")),
            "{:?}",
            said.collect::<Vec<_>>()
        );
    }

    /// Whether a question calls the first of the documents by its name.
    fn is_named(documents: &[(&str, &str)], question: &str) -> bool {
        let index = Index::of(documents);
        let question = Question::read(question, None);
        let terms = question.terms.iter();
        let matches: Vec<TermMatch> = terms
            .flat_map(|(term, weight)| index.term_matches(term, *weight))
            .collect();
        index.link_entities(&matches).contains(0)
    }

    #[test]
    fn a_topic_is_no_name() {
        let mut documents = vec![("Gift cards", "They are sent by email.")];
        let question = "Can gift cards be returned?";
        assert!(is_named(&documents, question));
        documents.push(("Returns", "Gift cards cannot be returned."));
        assert!(!is_named(&documents, question));
    }

    #[test]
    fn customers_leave_out_how_much_is_in_it() {
        let documents = [
            ("Solenne Cream 50 ml", "For dry skin."),
            ("Returns", "Free."),
        ];
        assert!(is_named(&documents, "Solenne Cream: is it vegan?"));
    }

    #[test]
    fn a_guide_answers_those_who_speak_of_its_thing() {
        let of = |is_guide: bool| {
            let mut sources = Index::of(&[
                ("Inkora Jet Printer", "Scan it with the app for phones."),
                ("Orders", "Orders can be changed until they leave."),
            ])
            .sources;
            sources[0].is_guide = is_guide;
            Index::new(sources)
        };
        let (_, other) = answer(&of(false), "Do you have an app for phones?");
        let (_, guide) = answer(&of(true), "Do you have an app for phones?");
        assert!(guide < other, "{guide} {other}");
        let (_, other) = answer(&of(false), "Is there an app for the Inkora printer?");
        let (_, guide) = answer(&of(true), "Is there an app for the Inkora printer?");
        assert_eq!(guide, other);
    }
}
