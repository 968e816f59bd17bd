//! `bench support`: documents alone are learned from and indexed; then the
//! questions are asked one by one, as a customer would, and each reply is
//! held against what the document says.

mod bm25;
mod read;
mod simulated;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use corpus::{PrepareOptions, prepare};
use models::SentenceEncoder;
use serde::Deserialize;
use serde_json::{Value, json};
use serve::support::{
    ChatModel, Dependencies, Evidence, Knowledge, Model, Reply, Statement, SupportRequest,
    answer_with,
};
use server::progress;
use shop::{Conversation, Id, Record, Records, Role, Timestamp};
use store::{Entry, LogEntry, Snapshot};
use train::{Job, Size};

use crate::chat_model::{self, ChatModelArguments};
use crate::watched::watched;
use bm25::Paragraphs;
pub(super) use read::read_text;
use read::{read_documents, read_questions};

const SEED: u64 = 1;

/// What `bench support` takes.
#[derive(Debug, Args)]
pub struct SupportArguments {
    /// Documents as JSON Lines, plain, gz or zst.
    #[arg(long, required_unless_present = "simulated")]
    documents: Option<PathBuf>,
    /// Questions as JSON Lines: `question`, `document_id` or null, `facts`.
    #[arg(long, required_unless_present = "simulated")]
    questions: Option<PathBuf>,
    /// A simulated shop with so many conversations instead of files: English
    /// beside Chinese, where the truth is known.
    #[arg(long, value_name = "CONVERSATIONS", conflicts_with_all = ["documents", "questions"])]
    simulated: Option<usize>,
    /// Shows each question that was not answered, or declined, as it should be.
    #[arg(long)]
    misses: bool,
    /// A published sentence encoder as a second voice (a Hugging Face folder).
    #[arg(long, value_name = "FOLDER")]
    encoder: Option<PathBuf>,
    #[command(flatten)]
    chat_model: ChatModelArguments,
    /// Writes what each candidate is judged by into this file, as JSON Lines.
    #[arg(long, value_name = "FILE", hide = true)]
    judged: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Question {
    question: String,
    document_id: Option<Id>,
    #[serde(default)]
    facts: Vec<String>,
}

/// Runs the measurement.
///
/// * `answer_recall@1`: answerable questions whose first citation is the
///   right document, of all answerable ones; a declined one counts as missed.
/// * `fact_recall`: facts found in the reply (up to white space), of all.
/// * `unsupported_rate`: replies with a sentence that does not stand, word for
///   word, in the document that it cites, of all replies that answer.
/// * `beside_the_point_rate`: replies that quote something although the documents
///   hold no answer, of all replies that answer. What they say is true, and
///   it answers another question.
/// * `right_document_first`, `right_document_shown`: answerable questions whose
///   right document comes first, or at all, among what is said or offered.
/// * `wrong_statements`: sentences quoted from another document than the right
///   one, of all that are quoted.
/// * `abstain_precision`, `abstain_recall`: of the declined questions those
///   that the documents do not answer, and the other way round.
pub fn run(arguments: &SupportArguments) -> anyhow::Result<Value> {
    let (documents, questions) = match (&arguments.documents, &arguments.questions) {
        (Some(documents), Some(questions)) => {
            let documents = read_documents(documents)?;
            let questions = read_questions(questions, &documents)?;
            (documents, questions)
        }
        _ => return simulated::run(arguments),
    };
    let started = Instant::now();
    let model = train_model(&documents, &[])?;
    let train_seconds = started.elapsed().as_secs_f64();
    let bm25 = Paragraphs::new(&documents);
    let mut shop = Shop::new(documents, &[], model);
    if let Some(folder) = &arguments.encoder {
        let encoder = SentenceEncoder::load(folder, models::Precision::Full, threads())?;
        shop.with_model = shop.with_model.with_encoder(Arc::new(encoder));
        shop.with_model.wait();
    }
    if let Some(file) = &arguments.judged {
        shop.write_judged(&questions, file)?;
    }
    shop.chat_model = arguments.chat_model.load()?;
    let words = shop.measure(&questions, None, false)?;
    let full = shop.measure(&questions, Some(&shop.model), arguments.misses)?;
    print_table(&words, &full, questions.len());
    let mut keys = full.keys();
    keys["by_words_alone"] = words.keys();
    let answerable = || questions.iter().filter(|one| one.document_id.is_some());
    let found = answerable()
        .filter(|one| bm25.best(&one.question) == one.document_id.as_ref())
        .count();
    let bm25_recall = found as f64 / answerable().count().max(1) as f64;
    eprintln!("BM25's top passage is of the right document for {bm25_recall:.3}");
    keys["bm25_recall@1"] = json!(bm25_recall);
    keys["questions"] = json!(questions.len());
    keys["seconds_train"] = json!(train_seconds);
    Ok(keys)
}

/// One figure by its name.
type Figures = BTreeMap<&'static str, f64>;

#[derive(Debug, Default)]
struct Counts {
    answerable: usize,
    right: usize,
    facts: usize,
    facts_said: usize,
    answered: usize,
    unsupported: usize,
    beside_the_point: usize,
    first: usize,
    shown: usize,
    statements: usize,
    wrong_statements: usize,
    declined: usize,
    declined_rightly: usize,
    unanswerable: usize,
    milliseconds: Vec<f64>,
}

impl Counts {
    fn figures(&self) -> Figures {
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let mut times = self.milliseconds.clone();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (times.len().saturating_sub(1)) as f64 * share;
            times
                .get(place.round() as usize)
                .copied()
                .unwrap_or_default()
        };
        BTreeMap::from([
            ("answer_recall@1", share(self.right, self.answerable)),
            ("fact_recall", share(self.facts_said, self.facts)),
            ("unsupported_rate", share(self.unsupported, self.answered)),
            (
                "beside_the_point_rate",
                share(self.beside_the_point, self.answered),
            ),
            (
                "abstain_precision",
                share(self.declined_rightly, self.declined),
            ),
            (
                "abstain_recall",
                share(self.declined_rightly, self.unanswerable),
            ),
            ("right_document_first", share(self.first, self.answerable)),
            ("right_document_shown", share(self.shown, self.answerable)),
            (
                "wrong_statements",
                share(self.wrong_statements, self.statements),
            ),
            ("seconds_p50", at(0.5) / 1_000.0),
            ("seconds_p99", at(0.99) / 1_000.0),
        ])
    }

    fn keys(&self) -> Value {
        json!(self.figures())
    }
}

fn print_table(words: &Counts, full: &Counts, questions: usize) {
    eprintln!(
        "{questions} questions, {} of them answerable",
        full.answerable
    );
    let mut table =
        server::table::with_headings(&["figure", "words alone", "with the trained model"]);
    let words = words.figures();
    for (name, value) in full.figures() {
        let alone = words.get(name).copied().unwrap_or_default();
        table.add_row([
            name.to_owned(),
            format!("{alone:.3}"),
            format!("{value:.3}"),
        ]);
    }
    eprintln!("{table}");
}

fn cited(reply: &Reply) -> Option<&str> {
    let first = reply.citations.first()?;
    first.source.strip_prefix("document:")
}

fn print_miss(question: &Question, reply: &Reply) {
    let wanted = question.document_id.as_ref().map(Id::as_str);
    let given = cited(reply).filter(|_| !reply.abstained);
    if given != wanted {
        let quote = reply.citations.first().map_or("", |one| &one.quote);
        let name = |id: Option<&str>| id.unwrap_or("declined").to_owned();
        eprintln!(
            "{}\n  wanted {}, given {} at {:.2} ({}): {quote:?}",
            question.question,
            name(wanted),
            name(given),
            reply.confidence,
            reply.route,
        );
    }
}

struct Shop {
    snapshot: Snapshot,
    /// What may be quoted, as it was read, by citation.
    texts: BTreeMap<String, String>,
    model: Model,
    with_model: Knowledge,
    words_alone: Knowledge,
    /// Asked beside the trained model, where one is named.
    chat_model: Option<Box<dyn ChatModel>>,
}

impl Shop {
    fn new(documents: Vec<Record>, conversations: &[Conversation], model: Model) -> Self {
        let texts = texts_of(&documents, conversations);
        let entries: Vec<LogEntry> = (1..)
            .zip(documents)
            .filter_map(|(sequence, record)| {
                Some(LogEntry {
                    sequence,
                    id: record.id()?.to_string(),
                    entry: Entry::Record(record),
                })
            })
            .collect();
        let snapshot = Snapshot::default().apply(&entries);
        Self {
            with_model: Knowledge::build(&snapshot, Some(&model)),
            words_alone: Knowledge::build(&snapshot, None),
            snapshot,
            texts,
            model,
            chat_model: None,
        }
    }

    /// One row for each candidate of each question: what a calibration can be
    /// fitted to.
    fn write_judged(&self, questions: &[Question], file: &Path) -> anyhow::Result<()> {
        let mut rows = String::new();
        for (place, question) in questions.iter().enumerate() {
            let wanted = question.document_id.as_ref();
            let wanted = wanted.map(|document| format!("document:{document}"));
            let index = self.with_model.index();
            for found in self.with_model.candidates(&question.question) {
                let source = index.sources()[found.source].citation();
                let passage = index.passage_text(&index.passages()[found.passage]);
                let said = one_space(&passage);
                let holds = |fact: &String| said.contains(&one_space(fact));
                let row = json!({
                    "question": place,
                    "answerable": wanted.is_some(),
                    "right": Some(&source) == wanted.as_ref(),
                    "holds": question.facts.iter().any(holds),
                    "features": found.features.0,
                });
                rows.push_str(&format!("{row}\n"));
            }
        }
        std::fs::write(file, rows).with_context(|| file.display().to_string())
    }

    fn measure(
        &self,
        questions: &[Question],
        model: Option<&Model>,
        show: bool,
    ) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        for question in watched("answer the questions", questions.iter()) {
            let started = Instant::now();
            let reply = self.ask(&question.question, model)?;
            counts
                .milliseconds
                .push(started.elapsed().as_secs_f64() * 1_000.0);
            if show {
                print_miss(question, &reply);
            }
            self.count(question, &reply, &mut counts);
        }
        Ok(counts)
    }

    fn ask(&self, question: &str, model: Option<&Model>) -> anyhow::Result<Reply> {
        let context = serve::Context {
            snapshot: &self.snapshot,
            decision_id: Id::new("bench")?,
            now: Timestamp::from_seconds(0),
            seed: SEED,
        };
        let request = SupportRequest {
            message: question.to_owned(),
            ..SupportRequest::default()
        };
        let knowledge = self.knowledge(model.is_some());
        let chat_model = self.chat_model.as_deref().filter(|_| model.is_some());
        let dependencies = Dependencies {
            chat: chat_model.map(chat_model::chat),
            ..Dependencies::default()
        };
        let mut go_on = |_| std::ops::ControlFlow::Continue(());
        let decision = answer_with(
            &context,
            knowledge,
            model,
            dependencies,
            &request,
            &mut go_on,
        )?;
        Ok(decision.content)
    }

    fn knowledge(&self, with_model: bool) -> &Knowledge {
        if with_model {
            &self.with_model
        } else {
            &self.words_alone
        }
    }

    /// Whether all that is said are fixed phrases and words that stand in the
    /// cited sources: the texts as they were read, not the index.
    fn is_grounded(&self, reply: &Reply) -> bool {
        let mut rest = reply.text.clone();
        for citation in &reply.citations {
            let text = self.texts.get(&citation.source);
            let stands = text.is_some_and(|text| text.contains(&citation.quote));
            if !stands || !rest.contains(&citation.quote) {
                return false;
            }
            rest = rest.replacen(&citation.quote, "", 1);
        }
        for said in &reply.statements {
            if let Evidence::Template(phrase) = said.evidence {
                rest = rest.replacen(phrase.text(&reply.language), "", 1);
            }
        }
        rest.trim().is_empty()
    }

    fn count(&self, question: &Question, reply: &Reply, counts: &mut Counts) {
        // Something was said that rests on a source; a greeting, an offer of a
        // person or of a title does not.
        let rests =
            |said: &Statement| !matches!(said.evidence, Evidence::Template(_) | Evidence::Title(_));
        let answers = !reply.abstained && reply.statements.iter().any(rests);
        let wanted = question.document_id.as_ref();
        let wanted = wanted.map(|document| format!("document:{document}"));
        for said in &reply.statements {
            if let Evidence::Quote(citation) = &said.evidence {
                counts.statements += 1;
                counts.wrong_statements += usize::from(wanted.as_ref() != Some(&citation.source));
            }
        }
        if answers {
            counts.answered += 1;
            counts.unsupported += usize::from(!self.is_grounded(reply));
            counts.beside_the_point += usize::from(question.document_id.is_none());
        } else {
            counts.declined += 1;
            counts.declined_rightly += usize::from(question.document_id.is_none());
        }
        let Some(wanted) = wanted else {
            counts.unanswerable += 1;
            return;
        };
        counts.answerable += 1;
        let sources = reply.citations.iter().map(|citation| &citation.source);
        let is_first = sources.clone().next() == Some(&wanted);
        counts.first += usize::from(is_first);
        counts.right += usize::from(is_first && answers);
        counts.shown += usize::from(sources.clone().any(|source| *source == wanted));
        let text = one_space(&reply.text);
        counts.facts += question.facts.len();
        counts.facts_said += question
            .facts
            .iter()
            .filter(|fact| text.contains(&one_space(fact)))
            .count();
    }
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// By citation: the documents, and what the shop's people said.
fn texts_of(documents: &[Record], conversations: &[Conversation]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for record in documents {
        if let Record::Document(document) = record {
            texts.insert(format!("document:{}", document.id), document.text.clone());
        }
    }
    for conversation in conversations {
        let said = conversation.messages.iter();
        let said: Vec<&str> = said
            .filter(|message| message.role == Role::Agent)
            .map(|message| message.text.as_str())
            .collect();
        texts.insert(format!("conversation:{}", conversation.id), said.join("\n"));
    }
    texts
}

/// Trained from the documents and conversations alone: no question is seen.
fn train_model(documents: &[Record], conversations: &[Conversation]) -> anyhow::Result<Model> {
    let mut records = Records {
        conversations: conversations.to_vec(),
        ..Records::default()
    };
    for document in documents {
        records.push(document.clone());
    }
    let corpus = prepare(&records, &PrepareOptions::default());
    let folder = tempfile_folder();
    let stop = AtomicBool::new(false);
    let trained = train::support::train(
        &corpus,
        &Job {
            size: Size::Tiny,
            seed: SEED,
            base: None,
            threads: threads(),
            folder: &folder,
            resume: false,
            stop: &stop,
            progress: &*progress::for_stderr(),
        },
    );
    // Nothing is kept of a measurement.
    let _ = std::fs::remove_dir_all(&folder);
    Ok(Model::load(&trained?.files)?)
}

fn tempfile_folder() -> PathBuf {
    std::env::temp_dir().join(format!("shopkeeper-bench-support-{}", std::process::id()))
}
