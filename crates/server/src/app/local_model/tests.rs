use std::sync::atomic::{AtomicUsize, Ordering};

use models::published::{Publication, SpecialTokens, write_hugging_face};
use models::{Tokenizer, Transformer, TransformerConfig};
use serve::support::tools::Tool;
use serve::support::{Chat, Dependencies, Knowledge, Policy, SupportRequest, answer_with};
use shop::{Id, Kind, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

use super::*;

#[path = "../../../../test_data.rs"]
mod test_data;

/// A model that has learnt nothing: what it says under a constraint keeps to it
/// all the same.
fn untrained(folder: &Path) -> LocalModel {
    let texts = [
        "the lamp is blue",
        "{\"name\": \"verdict\", \"holds\": true}",
    ];
    let tokenizer = Tokenizer::train(
        (0..9).flat_map(|_| texts),
        280,
        &["<|a|>", "<|b|>", "<|end|>"],
    )
    .unwrap();
    let config = TransformerConfig::new(1, 32, 2, 4_096, tokenizer.vocabulary_size());
    let network = Transformer::new(config, 5).unwrap();
    let special = SpecialTokens {
        end: vec![2],
        ..SpecialTokens::default()
    };
    let publication = Publication {
        name: "untrained",
        config: network.config(),
        tokenizer: Some(&tokenizer),
        special: &special,
        chat_template: None,
    };
    let folder = folder.join("untrained");
    write_hugging_face(&folder, &publication, network.tensors()).unwrap();
    LocalModel::load(&folder).unwrap()
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: "Does it.".to_owned(),
        parameters,
    }
}

fn asked() -> [Message; 2] {
    [
        Message::System("Call `verdict`.".to_owned()),
        Message::Customer("Is it so?".to_owned()),
    ]
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_single_tool_is_called_with_arguments_of_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained(folder.path());
    assert_eq!((model.name(), model.is_remote()), ("untrained", false));
    let verdict = tool(
        "verdict",
        json!({
            "type": "object", "additionalProperties": false, "required": ["holds"],
            "properties": {"holds": {"type": "boolean"}},
        }),
    );
    let mut ignore = |_| ControlFlow::Continue(());
    let turn = model.reply(&asked(), &[verdict], soon(), &mut ignore);
    let Ok(ChatTurn::Calls(calls)) = turn else {
        panic!("{turn:?}");
    };
    assert_eq!(calls.len(), 1);
    assert!(
        calls[0].name == "verdict" && calls[0].arguments["holds"].is_boolean(),
        "{calls:?}"
    );
}

#[test]
fn a_reply_ends_at_its_time_and_when_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained(folder.path());
    let mut ignore = |_| ControlFlow::Continue(());
    let late = model.reply(&asked(), &[], Instant::now(), &mut ignore);
    assert_eq!(late, Err(ChatError::TimedOut));
    let heard = AtomicUsize::new(0);
    let mut leaves = |_| {
        heard.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let left = model.reply(&asked(), &[], soon(), &mut leaves);
    assert!(matches!(left, Ok(ChatTurn::Answer(_))), "{left:?}");
    assert_eq!(heard.into_inner(), 1);
    let long = Message::Customer("so ".repeat(5_000));
    let long = model.reply(&[long], &[], soon(), &mut ignore);
    assert!(matches!(long, Err(ChatError::Unreadable(_))), "{long:?}");
}

fn shop() -> Snapshot {
    let document = json!({"id": "returns", "title": "Returns", "kind": "policy", "language": "en",
        "text": "You can return any item within 30 days of delivery. The item has to be unworn."});
    let customer = json!({"id": "mia", "name": "Mia"});
    let order = json!({"id": "A1", "customer_id": "mia", "time": "2024-05-01T10:00:00Z",
        "status": "pending", "lines": [{"product_id": "hat", "quantity": 1}]});
    let rows = [
        (Kind::Documents, document),
        (Kind::Customers, customer),
        (Kind::Orders, order),
    ];
    let entries = (1..).zip(rows).map(|(sequence, (kind, row))| {
        let Value::Object(fields) = row else {
            unreachable!()
        };
        let record =
            Record::from_json(kind, fields, Timestamp::from_seconds(1_720_000_000)).unwrap();
        LogEntry {
            sequence,
            id: format!("{sequence}"),
            entry: Entry::Record(record),
        }
    });
    Snapshot::default().apply(&entries.collect::<Vec<_>>())
}

#[test]
fn every_tools_arguments_can_be_held_to() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained(folder.path());
    let vocabulary = model.decoder.chat.vocabulary().unwrap();
    let (shop, policy) = (shop(), Policy::default());
    let mia = Id::new("mia").unwrap();
    for tool in Tool::ALL {
        for customer in [None, Some(&mia)] {
            let schema = tool.parameters_for(&shop, customer, &policy);
            let held = Constraint::json_schema(&writable(&schema), vocabulary);
            assert!(held.is_ok(), "{}: {schema} {:?}", tool.name(), held.err());
        }
    }
}

/// The whole loop, with a model too small for it: it ends in its time, and
/// what is said stands in the shop's documents.
#[test]
fn a_small_model_costs_no_more_than_its_time() {
    let Some(path) = test_data::published_model("smollm2-135m") else {
        return;
    };
    let model = LocalModel::load(&path).unwrap();
    assert_eq!(model.name(), "smollm2-135m");
    let shop = shop();
    let knowledge = Knowledge::build(&shop, None);
    let context = serve::Context {
        snapshot: &shop,
        decision_id: Id::new("d").unwrap(),
        now: Timestamp::from_seconds(1_720_000_000),
        seed: 1,
    };
    let request = SupportRequest {
        message: "Within how many days can I return an item?".to_owned(),
        ..SupportRequest::default()
    };
    let started = Instant::now();
    let time = Duration::from_secs(20);
    let dependencies = Dependencies {
        chat: Some(Chat {
            model: &model,
            until: started + time,
            is_interrupted: &|| false,
        }),
        ..Dependencies::default()
    };
    let mut unheard = |_| ControlFlow::Continue(());
    let answered = answer_with(
        &context,
        &knowledge,
        None,
        dependencies,
        &request,
        &mut unheard,
    );
    let reply = answered.unwrap().content;
    // Far beyond the time given, as nothing here is timed.
    assert!(started.elapsed() < 2 * time);
    assert!(!reply.text.is_empty());
    for statement in &reply.statements {
        assert!(!statement.text.contains("tool_call"), "{statement:?}");
    }
    println!(
        "{:?} by {:?}: {}",
        started.elapsed(),
        reply.chat_model,
        reply.text
    );
}
