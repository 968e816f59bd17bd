//! The reply from its parts: the sentences quoted, the check, and what is sent.

use corpus::support::{Index, Source};

use super::agent::EvidenceItem;
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
            let quote = index.text_of(found.source, number);
            let place = span(index, found.source, number);
            said.push(Statement {
                text: quote.to_owned(),
                evidence: Evidence::Quote(citation(source, quote, place)),
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

    /// A passage as a language model reads it, and as it is quoted.
    pub(super) fn passage(&self, index: &Index, one: &Scored) -> EvidenceItem {
        let found = &one.candidate;
        let source = &index.sources()[found.source];
        let mut units: Vec<usize> = found.units.iter().map(|(unit, _)| *unit).collect();
        units.sort_unstable();
        let texts: Vec<&str> = (units.iter())
            .map(|unit| index.text_of(found.source, *unit))
            .collect();
        let text = texts.join("\n");
        let heading = source.title.as_deref().unwrap_or_default();
        let quoted = self.quotes(index, one, &[]).statements;
        let quote = index.text_of(found.source, found.unit());
        EvidenceItem {
            text: format!("{heading}\n{text}").trim().to_owned(),
            citation: citation(source, quote, span(index, found.source, found.unit())),
            statements: quoted,
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

    /// Sends what the draft holds and closes the reply.
    pub(super) fn assemble(
        &mut self,
        draft: CandidateResponse,
        mut writer: ResponseWriter<'_, '_>,
    ) -> Reply {
        for action in &draft.actions {
            writer.stream.send(SupportEvent::Action(action.clone()));
        }
        for proposal in &draft.proposals {
            let proposal = Box::new(proposal.clone());
            writer.stream.send(SupportEvent::Proposal(proposal));
        }
        let mut stages = std::mem::take(&mut self.stages);
        stages.run("check", || {
            for statement in draft.statements {
                writer.say(statement, self);
            }
        });
        self.stages = stages;
        let mut abstained = draft.abstained;
        if writer.is_empty() {
            abstained = true;
            for template in [ResponseTemplate::Declined, ResponseTemplate::OfferPerson] {
                writer.say(Statement::template(template, &self.language), self);
            }
        }
        let handoff = draft.handoff.is_some();
        let handoff_reason = draft.handoff.as_ref().map(|one| one.reason.clone());
        if let Some(handoff) = draft.handoff {
            writer.stream.send(SupportEvent::Handoff(handoff));
        }
        writer.stream.send(SupportEvent::Done);
        Reply {
            text: writer.text,
            language: self.language.clone(),
            citations: writer.citations,
            actions: draft.actions,
            proposals: draft.proposals,
            handoff,
            handoff_reason,
            abstained,
            confidence: draft.confidence,
            route: draft.route.to_owned(),
            intent: self.intent.take(),
            acts: std::mem::take(&mut self.acts),
            chat_model: self.chat_model.take(),
            refused: writer.refused,
            statements: writer.statements,
        }
    }
}

/// Sends statements as they come. The checker stands at the door: nothing
/// unsupported goes out.
pub(super) struct ResponseWriter<'s, 'e> {
    stream: &'s mut Stream<'e>,
    text: String,
    citations: Vec<Citation>,
    statements: Vec<Statement>,
    /// Statements that the checker did not let out.
    refused: usize,
    /// Whether the first thing said is who speaks.
    discloses: bool,
}

impl<'s, 'e> ResponseWriter<'s, 'e> {
    pub(super) fn new(stream: &'s mut Stream<'e>, turn: &Turn<'_>) -> Self {
        Self {
            stream,
            text: String::new(),
            citations: Vec::new(),
            statements: Vec::new(),
            refused: 0,
            discloses: turn.request.conversation.is_empty(),
        }
    }

    /// Whether nothing has been said yet.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub(super) fn say(&mut self, statement: Statement, turn: &Turn<'_>) {
        let language = &turn.language;
        if !is_supported(&statement, turn.knowledge, turn.snapshot, language) {
            self.refused += 1;
            return;
        }
        if std::mem::take(&mut self.discloses) {
            let template = ResponseTemplate::Disclosure;
            self.send(Statement::template(template, language), language);
        }
        self.send(statement, language);
    }

    fn send(&mut self, statement: Statement, language: &str) {
        let joint = match statement.evidence {
            Evidence::Title(_) => "\n",
            _ => joint(&self.text, &statement.text, language),
        };
        self.text.push_str(joint);
        self.text.push_str(&statement.text);
        self.stream.say(&format!("{joint}{}", statement.text));
        for citation in statement.citations() {
            if !self.citations.contains(&citation) {
                self.stream.send(SupportEvent::Citation(citation.clone()));
                self.citations.push(citation);
            }
        }
        self.statements.push(statement);
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

/// Where a unit stands in its source, in characters.
fn span(index: &Index, source: usize, unit: usize) -> (usize, usize) {
    let start = index.units_of(source)[unit].start;
    let start = index.sources()[source].text[..start].chars().count();
    (start, start + index.text_of(source, unit).chars().count())
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
