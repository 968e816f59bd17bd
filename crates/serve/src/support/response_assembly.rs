//! The reply from its parts: the sentences quoted, the check, and what is sent.

use corpus::support::{Index, Source};

use super::grounding::{Evidence, Statement, is_supported};
use super::pipeline::{CandidateResponse, Turn};
use super::response_templates::ResponseTemplate;
use super::score::{Scored, Verdict};
use super::{Citation, Reply, Stream, SupportEvent};
use locale::Locale;

/// The most units in one answer.
const MOST_QUOTES: usize = 3;
/// A further unit may fall this far behind the best of its passage, by the scores
/// of its units.
const FURTHER_UNIT: f32 = 0.25;
/// The longest answer, in bytes, before a further unit is added.
const LONGEST_ANSWER_BYTES: usize = 700;
/// An answer that is less likely than this is shown with the titles of others.
const SURE: f64 = 0.8;
/// In doubt so many titles are offered.
const MOST_OFFERS: usize = 3;

impl Turn<'_> {
    /// The best unit of a passage and others of it that answer as well, in the
    /// source's order, word for word.
    pub(super) fn quotes(
        &self,
        index: &Index,
        best: &Scored,
        scored: &[Scored],
    ) -> CandidateResponse {
        let found = &best.candidate;
        let mut bytes = 0;
        let best_score = found.units.first().map_or(0.0, |(_, score)| *score);
        let mut chosen: Vec<usize> = Vec::new();
        for (unit, score) in found.units.iter().take(MOST_QUOTES) {
            bytes += index.text_of(found.source, *unit).len();
            let fits = bytes <= LONGEST_ANSWER_BYTES && best_score - score <= FURTHER_UNIT;
            if chosen.is_empty() || fits {
                chosen.push(*unit);
            }
        }
        chosen.sort_unstable();
        let source = &index.sources()[found.source];
        let mut said = Vec::new();
        let language = source.language.as_ref();
        if language.is_some_and(|language| *language != self.language) {
            said.push(Statement::template(
                ResponseTemplate::OriginalLanguage,
                &self.language,
            ));
        }
        for number in chosen {
            let unit = &index.units_of(found.source)[number];
            let quote = index.text_of(found.source, number);
            let start = source.text[..unit.start].chars().count();
            let end = start + quote.chars().count();
            said.push(Statement {
                text: quote.to_owned(),
                evidence: Evidence::Quote(citation(source, quote, (start, end))),
            });
        }
        if best.probability < SURE {
            let others = scored.iter();
            let others = others.filter(|one| one.candidate.source != found.source);
            let offers = titles(index, others, MOST_OFFERS - 1);
            if !offers.is_empty() {
                said.push(Statement::template(
                    ResponseTemplate::SeeAlso,
                    &self.language,
                ));
                said.extend(offers);
            }
        }
        CandidateResponse {
            statements: said,
            confidence: best.probability,
            route: "question",
            ..CandidateResponse::default()
        }
    }

    /// No source surely answers: the titles of those that may, and a person.
    pub(super) fn declined(&self, index: &Index, scored: &[Scored]) -> CandidateResponse {
        let mut offers = titles(index, scored.iter(), MOST_OFFERS);
        let opening = if offers.is_empty() {
            ResponseTemplate::Declined
        } else {
            ResponseTemplate::OfferTitles
        };
        let mut statements = vec![Statement::template(opening, &self.language)];
        statements.append(&mut offers);
        statements.push(Statement::template(
            ResponseTemplate::OfferPerson,
            &self.language,
        ));
        CandidateResponse {
            statements,
            abstained: true,
            confidence: scored.first().map_or(0.0, |best| best.probability),
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
            let joint = match part.evidence {
                Evidence::Title(_) => "\n",
                _ => joint(&text, &part.text, language),
            };
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

/// The titles of the likeliest sources that may answer, each once.
fn titles<'a>(
    index: &Index,
    scored: impl Iterator<Item = &'a Scored>,
    most: usize,
) -> Vec<Statement> {
    let mut offers: Vec<Statement> = Vec::new();
    for likely in scored.filter(|one| one.verdict != Verdict::Dropped) {
        let source = &index.sources()[likely.candidate.source];
        let Some(title) = &source.title else {
            continue;
        };
        if offers.len() < most && offers.iter().all(|offer| offer.text != *title) {
            offers.push(Statement {
                text: title.clone(),
                evidence: Evidence::Title(citation(source, title, (0, 0))),
            });
        }
    }
    offers
}

fn citation(source: &Source, quote: &str, (start, end): (usize, usize)) -> Citation {
    Citation {
        source: source.citation(),
        title: source.title.clone(),
        url: source.url.clone(),
        quote: quote.to_owned(),
        start,
        end,
    }
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
