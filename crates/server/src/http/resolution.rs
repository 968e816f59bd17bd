//! How conversations ended. Plain containment counts whatever no person
//! touched, which flatters an assistant that customers give up on; resolved
//! is what the customer said was, did not come back about, and still stands in
//! the records.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shop::{Conversation, Id, Role, Timestamp};
use store::Snapshot;

use super::inbox::HANDLING;

/// When a customer said that it is resolved.
pub const RESOLVED_AT: &str = "resolved_at";
const SECONDS_A_DAY: i64 = 86_400;

/// Conversations by how they ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Resolution {
    /// All.
    pub conversations: u64,
    /// That no person touched.
    pub contained: u64,
    /// That the customer called resolved.
    pub said_resolved: u64,
    /// Of these: nothing more was said within the days of the policy.
    pub resolved_and_not_reopened: u64,
    /// Of these: what was done in it still stands in the shop's records.
    pub resolved: u64,
    /// The mean of the customers' ratings, 1 to 5.
    pub rating: Option<f64>,
    /// How many rated.
    pub rated: u64,
}

impl Resolution {
    /// Counts the conversations of a snapshot in which the assistant answered:
    /// those that were imported say nothing about it.
    pub fn of(snapshot: &Snapshot, reopened_within_days: u32) -> Self {
        let mut counted = Self::default();
        let mut ratings = 0.0;
        let all = snapshot.conversations.values();
        for conversation in all.filter(|conversation| is_ours(conversation)) {
            counted.conversations += 1;
            let untouched = !conversation.properties.contains_key(HANDLING);
            counted.contained += u64::from(untouched);
            if let Some(rating) = conversation.rating {
                ratings += f64::from(rating);
                counted.rated += 1;
            }
            if conversation.resolved != Some(true) {
                continue;
            }
            counted.said_resolved += 1;
            if is_reopened(conversation, reopened_within_days) {
                continue;
            }
            counted.resolved_and_not_reopened += 1;
            counted.resolved += u64::from(stands(conversation, snapshot));
        }
        counted.rating = (counted.rated > 0).then(|| ratings / counted.rated as f64);
        counted
    }
}

/// Whether one of the turns was a decision of the assistant.
fn is_ours(conversation: &Conversation) -> bool {
    let mut turns = conversation.messages.iter();
    turns.any(|turn| turn.properties.contains_key("decision_id"))
}

fn is_reopened(conversation: &Conversation, within_days: u32) -> bool {
    let at = conversation
        .properties
        .get(RESOLVED_AT)
        .and_then(|at| at.as_str()?.parse::<Timestamp>().ok());
    let Some(at) = at else {
        return false;
    };
    let until = at.plus_seconds(i64::from(within_days) * SECONDS_A_DAY);
    let again = |time: Timestamp| time > at && time < until;
    conversation
        .messages
        .iter()
        .any(|turn| turn.role == Role::Customer && turn.time.is_some_and(again))
}

/// Whether no record that was changed in a conversation is back at what it was
/// before. That it went on since, as from "return requested" to "returned",
/// is as it should be.
fn stands(conversation: &Conversation, snapshot: &Snapshot) -> bool {
    let turns = conversation.messages.iter();
    let runs = turns
        .filter(|turn| turn.role == Role::Tool)
        .filter_map(|turn| serde_json::from_str::<Value>(&turn.text).ok());
    let mut changes: Vec<Value> = Vec::new();
    for mut run in runs {
        let Some(made) = run["result"]["changes"].as_array_mut() else {
            continue;
        };
        for change in made.drain(..) {
            // Of several changes of one field the last one counts.
            changes
                .retain(|one| one["record"] != change["record"] || one["field"] != change["field"]);
            changes.push(change);
        }
    }
    changes.iter().all(|change| is_kept(change, snapshot))
}

fn is_kept(change: &Value, snapshot: &Snapshot) -> bool {
    let Some((kind, id)) = change["record"].as_str().and_then(|it| it.split_once(':')) else {
        return true;
    };
    let Ok(id) = Id::new(id) else {
        return true;
    };
    let record = match kind {
        "order" => snapshot
            .orders
            .get(&id)
            .map(|order| serde_json::to_value(&**order)),
        "customer" => snapshot
            .customers
            .get(&id)
            .map(|customer| serde_json::to_value(&**customer)),
        // Points and coupons are entries of the ledger, which nothing undoes.
        _ => return true,
    };
    let Some(Ok(record)) = record else {
        return false;
    };
    let field = change["field"].as_str().unwrap_or_default();
    let now = record
        .get(field)
        .or_else(|| record.get("properties").and_then(|more| more.get(field)))
        .unwrap_or(&Value::Null);
    now == &change["after"] || now != &change["before"]
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop::{Kind, Record};
    use store::{Entry, LogEntry};

    use super::*;

    /// 2026-03-01T00:00:00Z
    const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

    fn snapshot(order_status: &str, again: Option<&str>) -> Snapshot {
        let change = json!({"record": "order:W1", "field": "status", "before": "pending", "after": "cancelled"});
        let run = json!({"tool": "cancel_order", "result": {"done": true, "changes": [change]}});
        let mut messages = vec![
            json!({"role": "customer", "text": "cancel W1", "time": "2026-01-01T00:00:00Z"}),
            json!({"role": "tool", "text": run.to_string(), "time": "2026-01-01T00:01:00Z"}),
            json!({"role": "agent", "text": "Done.", "time": "2026-01-01T00:01:00Z",
                   "decision_id": "d"}),
        ];
        messages.extend(
            again.map(|time| json!({"role": "customer", "text": "it came anyway", "time": time})),
        );
        let rows = [
            (
                Kind::Orders,
                json!({"id": "W1", "customer_id": "ann", "time": "2026-01-01T00:00:00Z",
                       "status": order_status,
                       "lines": [{"product_id": "p", "quantity": 1,
                                  "price": {"amount": 100, "currency": "USD"}}]}),
            ),
            (
                Kind::Conversations,
                json!({"id": "t", "customer_id": "ann", "messages": messages, "rating": 4,
                       "resolved": true, "resolved_at": "2026-01-01T00:02:00Z"}),
            ),
        ];
        let elsewhere = (
            Kind::Conversations,
            json!({"id": "imported", "resolved": true, "rating": 1,
                   "messages": [{"role": "agent", "text": "Hello."}]}),
        );
        let rows = rows.into_iter().chain([elsewhere]);
        let mut entries = Vec::new();
        for (sequence, (kind, row)) in (1..).zip(rows) {
            let row = row.as_object().cloned().unwrap();
            let record = Record::from_json(kind, row, NOW).unwrap();
            entries.push(LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(record),
            });
        }
        Snapshot::default().apply(&entries)
    }

    #[test]
    fn resolved_is_what_stayed_so() {
        for (status, again, expected) in [
            ("cancelled", None, (1, 1, 1)),
            ("refunded", None, (1, 1, 1)),
            ("pending", None, (1, 1, 0)),
            ("cancelled", Some("2026-01-03T00:00:00Z"), (1, 0, 0)),
            ("cancelled", Some("2026-02-03T00:00:00Z"), (1, 1, 1)),
        ] {
            let found = Resolution::of(&snapshot(status, again), 7);
            let counts = (
                found.said_resolved,
                found.resolved_and_not_reopened,
                found.resolved,
            );
            assert_eq!(counts, expected, "{status} {again:?}");
            assert_eq!((found.contained, found.rating), (1, Some(4.0)));
        }
    }
}
