//! The reply from its parts: the sentences quoted, the check, and what is sent.

use corpus::support::{Index, Question};

use super::grounding::{Evidence, Statement, is_supported};
use super::pipeline::{CandidateResponse, Turn};
use super::response_templates::ResponseTemplate;
use super::score::Scored;
use super::{Citation, Reply, Stream, SupportEvent};
use locale::Locale;

/// The most units in one answer.
const MOST_QUOTES: usize = 3;
/// A further unit must be at least this likely beside the best.
const FURTHER_SHARE: f64 = 0.5;
/// The longest answer, in bytes, before a further unit is added.
const LONGEST_ANSWER_BYTES: usize = 700;

impl Turn<'_> {
    /// The best unit and others of its source that answer as well, in the
    /// source's order.
    pub(super) fn quotes(
        &self,
        index: &Index,
        question: &Question,
        scored: &[Scored],
        threshold: f64,
    ) -> CandidateResponse {
        let best = &scored[0];
        let source = &index.sources()[best.candidate.source];
        if question.is_topic_of(source.title.as_deref().unwrap_or_default()) {
            let opening = opening(index, best.candidate.source);
            return self.quoted(index, best.candidate.source, &opening, best.probability);
        }
        let mut chosen = vec![&best.candidate];
        let mut bytes = index
            .text_of(best.candidate.source, best.candidate.unit)
            .len();
        for further in &scored[1..] {
            let place = &further.candidate;
            let length = index.text_of(place.source, place.unit).len();
            let fits = chosen.len() < MOST_QUOTES && bytes + length <= LONGEST_ANSWER_BYTES;
            let likely = further.probability >= threshold.min(best.probability * FURTHER_SHARE);
            if place.source == best.candidate.source && fits && likely {
                bytes += length;
                chosen.push(place);
            }
        }
        let mut places: Vec<usize> = chosen.iter().map(|place| place.unit).collect();
        places.sort_unstable();
        self.quoted(index, best.candidate.source, &places, best.probability)
    }

    /// Units of one source, word for word, each with its citation.
    fn quoted(
        &self,
        index: &Index,
        place: usize,
        units: &[usize],
        confidence: f64,
    ) -> CandidateResponse {
        let source = &index.sources()[place];
        let mut said = Vec::new();
        if source
            .language
            .as_ref()
            .is_some_and(|language| *language != self.language)
        {
            said.push(Statement::template(
                ResponseTemplate::OriginalLanguage,
                &self.language,
            ));
        }
        for number in units {
            let unit = &index.units_of(place)[*number];
            let quote = index.text_of(place, *number);
            let start = source.text[..unit.start].chars().count();
            said.push(Statement {
                text: quote.to_owned(),
                evidence: Evidence::Quote(Citation {
                    source: source.citation(),
                    title: source.title.clone(),
                    url: source.url.clone(),
                    quote: quote.to_owned(),
                    start,
                    end: start + quote.chars().count(),
                }),
            });
        }
        CandidateResponse {
            statements: said,
            confidence,
            route: "question",
            ..CandidateResponse::default()
        }
    }

    pub(super) fn declined(&self, confidence: f64) -> CandidateResponse {
        CandidateResponse {
            statements: vec![
                Statement::template(ResponseTemplate::Declined, &self.language),
                Statement::template(ResponseTemplate::OfferPerson, &self.language),
            ],
            abstained: true,
            confidence,
            route: "question",
            ..CandidateResponse::default()
        }
    }

    /// The checker stands at the door: nothing unsupported is sent.
    pub(super) fn assemble(&mut self, draft: CandidateResponse, stream: &mut Stream<'_>) -> Reply {
        let (snapshot, knowledge, language) = (self.snapshot, self.knowledge, &self.language);
        let before = draft.statements.len();
        let mut said: Vec<Statement> = self.stages.run("check", || {
            let supported = |said: &Statement| is_supported(said, knowledge, snapshot, language);
            draft.statements.into_iter().filter(supported).collect()
        });
        let refused = before - said.len();
        let mut abstained = draft.abstained;
        if said.is_empty() {
            abstained = true;
            said.push(Statement::template(ResponseTemplate::Declined, language));
            said.push(Statement::template(ResponseTemplate::OfferPerson, language));
        }
        if self.request.conversation.is_empty() {
            said.insert(
                0,
                Statement::template(ResponseTemplate::Disclosure, language),
            );
        }
        for action in &draft.actions {
            stream.send(SupportEvent::Action(action.clone()));
        }
        for proposal in &draft.proposals {
            stream.send(SupportEvent::Proposal(Box::new(proposal.clone())));
        }
        let mut text = String::new();
        let mut citations: Vec<Citation> = Vec::new();
        for part in &said {
            let joint = joint(&text, &part.text, language);
            text.push_str(joint);
            text.push_str(&part.text);
            stream.say(&format!("{joint}{}", part.text));
            if let Some(citation) = part.citation() {
                stream.send(SupportEvent::Citation(citation.clone()));
                citations.push(citation);
            }
        }
        let handoff = draft.handoff.is_some();
        let handoff_reason = draft.handoff.as_ref().map(|one| one.reason.clone());
        if let Some(handoff) = draft.handoff {
            stream.send(SupportEvent::Handoff(handoff));
        }
        stream.send(SupportEvent::Done);
        Reply {
            text,
            language: language.clone(),
            citations,
            actions: draft.actions,
            proposals: draft.proposals,
            handoff,
            handoff_reason,
            abstained,
            confidence: draft.confidence,
            route: draft.route.to_owned(),
            intent: self.intent.take(),
            refused,
            statements: said,
        }
    }
}

/// The first units of a source: what it says of its topic as a whole.
fn opening(index: &Index, source: usize) -> Vec<usize> {
    let mut bytes = 0;
    let units = 0..index.units_of(source).len().min(MOST_QUOTES);
    units
        .take_while(|unit| {
            bytes += index.text_of(source, *unit).len();
            *unit == 0 || bytes <= LONGEST_ANSWER_BYTES
        })
        .collect()
}

/// What stands between two parts: a line break around lists, a space
/// elsewhere, nothing between sentences where the language puts nothing.
fn joint(before: &str, part: &str, language: &str) -> &'static str {
    let ended = before.ends_with(['.', '!', '?', ':', '。', '！', '？', '：']);
    if before.is_empty() {
        ""
    } else if part.contains('\n') || before.contains('\n') || !ended {
        "\n"
    } else {
        Locale::or_english(language).between_sentences
    }
}
