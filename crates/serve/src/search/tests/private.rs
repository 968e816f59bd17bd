//! What few people ask stays theirs, whatever is typed and by whom.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const PEOPLE: [&str; 5] = ["anna", "ben", "cleo", "dan", "eve"];
const ASKED: [&str; 6] = [
    "laptop for anna",
    "laptop stand",
    "light laptop",
    "lap desk",
    "手机 送给妈妈",
    "mouse",
];

fn searched(who: &str, signed_in: bool, query: &str, kind: EventKind) -> Record {
    let mut event = Event::new(kind, Timestamp::from_seconds(1_700_000_000));
    event.query = Some(query.to_owned());
    if signed_in {
        event.customer_id = Some(id(who));
    }
    event.session_id = Some(id(who));
    event.product_id = (kind == EventKind::Click).then(|| id("laptop"));
    Record::Event(event)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nobody_is_told_what_fewer_than_three_others_asked(
        asked in prop::collection::vec((0..5_usize, 0..6_usize, any::<bool>()), 1..40),
        signed_in in any::<bool>(),
    ) {
        let mut products = english();
        products.extend(chinese());
        let mut shop = Shop::new(products);
        let mut askers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (who, query, clicked) in asked {
            let (who, query) = (PEOPLE[who], ASKED[query]);
            let kind = if clicked { EventKind::Click } else { EventKind::Search };
            shop.append(vec![searched(who, signed_in, query, kind)]);
            askers.entry(query).or_default().insert(who);
            shop.refresh();
        }
        let common = |text: &str| askers.get(text).is_some_and(|all| all.len() >= 3);
        for typed in ["", "l", "la", "laptop", "laptop for", "anna", "lapt fro", "手", "妈妈", "mo"] {
            for who in [None, Some("anna"), Some("ben"), Some("stranger")] {
                let request = SuggestRequest {
                    q: typed.to_owned(),
                    limit: 20,
                    customer: who.filter(|_| signed_in).map(id),
                    session: who.filter(|_| !signed_in).map(id),
                };
                let decision = suggest(&shop.context(), &shop.index, &request).unwrap();
                for one in decision.content.suggestions {
                    let own = who.is_some_and(|who| {
                        askers.get(one.text.as_str()).is_some_and(|all| all.contains(who))
                    });
                    let is_query = one.kind == SuggestionKind::Query;
                    prop_assert!(!is_query || own || common(&one.text), "{} to {:?}", one.text, who);
                }
            }
        }
        for q in ["laptop", "laptop stand", "mouse"] {
            let results = shop.search(&SearchRequest::new(q));
            for related in results.related {
                prop_assert!(common(&related), "{} beside {}", related, q);
            }
        }
    }
}
