//! Support on a simulated shop, where it is known what answers a question:
//! English beside Chinese, with the documents alone and with conversations.

use anyhow::bail;
use evaluate::simulator::{Answer, Simulation, simulate};
use serde_json::{Value, json};
use shop::{Conversation, Record};

use super::{Counts, Question, SEED, Shop, SupportArguments, train_model};

pub(super) fn run(arguments: &SupportArguments) -> anyhow::Result<Value> {
    let conversations = arguments.simulated.unwrap_or_default();
    if conversations == 0 {
        bail!("--simulated is at least 1");
    }
    let simulated = simulate(&Simulation {
        seed: SEED,
        conversations,
        ..Simulation::default()
    });
    let records = simulated.records;
    let documents: Vec<Record> = records
        .documents
        .into_iter()
        .map(Record::Document)
        .collect();
    let answers = simulated.truth.answers;
    let english = questions(&answers, "en");
    let chinese = questions(&answers, "zh");
    let mut result = json!({
        "conversations": records.conversations.len(),
        "questions_en": english.len(),
        "questions_zh": chinese.len(),
    });
    let mut table = server::table::with_headings(&["learnt from", "figure", "en", "zh", "zh - en"]);
    let learnt: [(&str, &[Conversation]); 2] = [
        ("documents", &[]),
        ("conversations", &records.conversations),
    ];
    for (name, conversations) in learnt {
        let model = train_model(&documents, conversations)?;
        let shop = Shop::new(documents.clone(), conversations, model);
        let measure = |questions: &[Question]| -> anyhow::Result<Counts> {
            shop.measure(questions, Some(&shop.model), arguments.misses)
        };
        let (english, chinese) = (measure(&english)?.figures(), measure(&chinese)?.figures());
        for (figure, here) in &english {
            let there = chinese.get(figure).copied().unwrap_or_default();
            table.add_row([
                name.to_owned(),
                (*figure).to_owned(),
                format!("{here:.3}"),
                format!("{there:.3}"),
                format!("{:+.3}", there - here),
            ]);
        }
        result[name] = json!({"en": english, "zh": chinese});
    }
    eprintln!("{table}");
    Ok(result)
}

fn questions(answers: &[Answer], language: &str) -> Vec<Question> {
    answers
        .iter()
        .filter(|answer| answer.language == language)
        .map(|answer| Question {
            question: answer.question.clone(),
            document_id: answer.document_id.clone(),
            facts: answer.facts.clone(),
        })
        .collect()
}
