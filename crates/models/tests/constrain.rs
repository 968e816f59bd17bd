//! Whatever a model prefers, what it writes under a constraint keeps to it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use models::ModelError;
use models::constrain::{Constraint, Vocabulary};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Every byte, some longer tokens (parts of characters among them), the end.
fn tokens() -> Vec<Vec<u8>> {
    let longer = [
        "\", \"", "\": ", "{\"", "tr", "true", "null", "},", "0.", "12", "ab", "abc", "hello",
        "订", "订单", "  ", "\n", "[[", "]]", "\\n",
    ];
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    tokens.extend(longer.iter().map(|text| text.as_bytes().to_vec()));
    // The last two bytes of one character with the first of another.
    tokens.push([&"订".as_bytes()[1..], &"单".as_bytes()[..1]].concat());
    tokens.push(b"</s>".to_vec());
    tokens
}

fn end_token() -> u32 {
    tokens().len() as u32 - 1
}

fn vocabulary() -> Vocabulary {
    Vocabulary::new(tokens(), end_token()).unwrap()
}

/// The longest token that fits, as an encoder: not how a model would do it,
/// but always the same.
fn longest_first(text: &str) -> Vec<u32> {
    let tokens = tokens();
    let mut rest = text.as_bytes();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let fits = |&token: &usize| rest.starts_with(&tokens[token]);
        let best = (0..tokens.len() - 1)
            .filter(fits)
            .max_by_key(|&token| tokens[token].len());
        let best = best.unwrap();
        found.push(best as u32);
        rest = &rest[tokens[best].len()..];
    }
    found
}

fn bytes(produced: &[u32]) -> Vec<u8> {
    let tokens = tokens();
    let spelled = produced
        .iter()
        .flat_map(|&token| tokens[token as usize].clone());
    spelled.collect()
}

/// Produces a text of random tokens. After `patience` tokens it takes what
/// ends strings, lists and objects, and begins no more of them.
fn produce(constraint: &mut Constraint, random: &mut ChaCha8Rng, patience: usize) -> String {
    let tokens = tokens();
    let mut produced = Vec::new();
    for step in 0.. {
        assert!(step < patience + 2000, "no end: {:?}", bytes(&produced));
        let complete = constraint.is_complete();
        let mask = constraint.mask().unwrap();
        assert_eq!(mask.contains(end_token()), complete);
        let allowed: Vec<u32> = mask.tokens().collect();
        assert!(!allowed.is_empty(), "dead end: {:?}", bytes(&produced));
        let rank = |token: &u32| match tokens[*token as usize].as_slice() {
            _ if *token == end_token() => 0,
            b"\"" => 1,
            b"}" | b"]" => 2,
            b"," => 3,
            text if text.iter().all(u8::is_ascii_alphanumeric) => 4,
            b"{" | b"[" | b"[[" | b"{\"" | b"\\" => 9,
            _ => 5,
        };
        let best = allowed.iter().map(rank).min().unwrap();
        let choice: Vec<u32> = match step < patience && random.random::<f32>() < 0.7 {
            true => allowed,
            false => allowed
                .into_iter()
                .filter(|token| rank(token) == best)
                .collect(),
        };
        let token = choice[random.random_range(0..choice.len())];
        constraint.accept(token).unwrap();
        if token == end_token() {
            break;
        }
        produced.push(token);
    }
    assert!(constraint.is_finished());
    assert!(constraint.mask().unwrap().is_empty());
    String::from_utf8(bytes(&produced)).unwrap()
}

/// Takes in the tokens of a text (longest first where `longest`, else byte by
/// byte) and its end.
fn accepts(constraint: &mut Constraint, text: &str, longest: bool) -> bool {
    let produced = match longest {
        true => longest_first(text),
        false => text.bytes().map(u32::from).collect(),
    };
    let taken = produced.iter().all(|&token| {
        let allowed = constraint.mask().unwrap().contains(token);
        assert_eq!(constraint.accept(token).is_ok(), allowed);
        allowed
    });
    taken && constraint.accept(end_token()).is_ok()
}

#[test]
fn exactly_the_allowed_strings_can_be_produced() {
    let strings = [
        "abc", "ab", "hello", "订单", "订", "退货", "true", "a b", "abd",
    ];
    let vocabulary = vocabulary();
    let fresh = || Constraint::allowed_strings(&strings, &vocabulary).unwrap();
    let mut found = BTreeSet::new();
    let mut open = vec![Vec::new()];
    while let Some(produced) = open.pop() {
        let mut constraint = fresh();
        produced
            .iter()
            .for_each(|&token| constraint.accept(token).unwrap());
        let following: Vec<u32> = constraint.mask().unwrap().tokens().collect();
        assert!(!following.is_empty());
        for token in following {
            match token == end_token() {
                true => {
                    found.insert(String::from_utf8(bytes(&produced)).unwrap());
                }
                false => open.push([produced.as_slice(), &[token]].concat()),
            }
        }
    }
    assert_eq!(found, strings.iter().map(|s| s.to_string()).collect());
    for text in strings {
        assert!(accepts(&mut fresh(), text, true) && accepts(&mut fresh(), text, false));
    }
    for text in ["", "a", "abcd", "abe", "hell", "订货", "abc "] {
        assert!(!accepts(&mut fresh(), text, true) && !accepts(&mut fresh(), text, false));
    }
}

#[test]
fn what_is_forced_is_the_only_way_on() {
    let encoder = Box::new(longest_first);
    let vocabulary = Vocabulary::with_encoder(tokens(), end_token(), encoder).unwrap();
    let mut strings = Constraint::allowed_strings(&["hello", "abc"], &vocabulary).unwrap();
    assert!(strings.forced().unwrap().is_empty());
    strings.accept(u32::from(b'h')).unwrap();
    let forced = strings.forced().unwrap();
    assert_eq!(bytes(&forced), b"ello");
    forced
        .iter()
        .for_each(|&token| strings.accept(token).unwrap());
    assert!(strings.is_finished() && strings.forced().unwrap().is_empty());

    let schema = json!({
        "type": "object",
        "properties": {"hello": {"type": "boolean"}, "abc": {"enum": ["订单"]}},
        "required": ["hello", "abc"], "additionalProperties": false,
    });
    let mut constraint = Constraint::json_schema(&schema, &vocabulary).unwrap();
    let mut text = Vec::new();
    let mut chosen = 0;
    while !constraint.is_finished() {
        let mut next = constraint.forced().unwrap();
        if next.is_empty() {
            chosen += 1;
            next.extend(constraint.mask().unwrap().tokens().next());
        }
        for token in next {
            assert!(constraint.mask().unwrap().contains(token));
            constraint.accept(token).unwrap();
            text.push(token);
        }
    }
    let text = String::from_utf8(bytes(&text)).unwrap();
    assert_eq!(text, r#"{"hello": false, "abc": "订单"}"#);
    assert!(chosen <= 5, "{chosen} choices for one that there is");
}

#[test]
fn a_vocabulary_that_cannot_spell_is_refused() {
    let letters = Vocabulary::new(vec![b"a".to_vec(), b"b".to_vec(), vec![]], 2).unwrap();
    let error = Constraint::allowed_strings(&["ab", "ac"], &letters)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("\"ac\" has the byte 99"),
        "{error}"
    );
    assert!(Constraint::allowed_strings(&[], &letters).is_err());
    assert!(Vocabulary::new(vec![b"a".to_vec()], 1).is_err());
    let mut constraint = Constraint::allowed_strings(&["ab"], &letters).unwrap();
    assert!(constraint.accept(7).is_err() && constraint.accept(2).is_err());
    assert!(constraint.accept(0).is_ok() && constraint.accept(1).is_ok());
    assert!(constraint.is_finished());
}

#[test]
fn schemas_accept_what_they_say() {
    let vocabulary = vocabulary();
    let check = |schema: Value, good: &[&str], bad: &[&str]| {
        for longest in [true, false] {
            let fresh = || Constraint::json_schema(&schema, &vocabulary).unwrap();
            for text in good {
                assert!(
                    accepts(&mut fresh(), text, longest),
                    "{schema} refuses {text}"
                );
            }
            for text in bad {
                assert!(
                    !accepts(&mut fresh(), text, longest),
                    "{schema} accepts {text}"
                );
            }
        }
    };
    check(
        json!({"type": "object", "properties": {"订单": {"type": "integer", "minimum": 1, "maximum": 120},
            "说明": {"type": "string", "maxLength": 3}}, "required": ["订单"], "additionalProperties": false}),
        &[r#"{"订单": 12}"#, r#"{"订单": 120, "说明": "已发货"}"#],
        &[
            r#"{"订单": 0}"#,
            r#"{"订单": 121}"#,
            r#"{"订单": 1, "说明": "已经发货"}"#,
            r#"{"说明": "好"}"#,
            r#"{"订单": 1, "x": 1}"#,
            r#"{}"#,
        ],
    );
    check(
        json!({"type": "array", "items": {"type": ["number", "null"], "minimum": -0.5}, "minItems": 1, "maxItems": 2}),
        &["[1]", "[null, -0.5]", "[0.25, 3]"],
        &["[]", "[1, 2, 3]", "[-0.75]", "[true]", "[1,2]"],
    );
    check(
        json!({"enum": ["是", 3, {"a": null}, [true]]}),
        &[r#""是""#, "3", r#"{"a": null}"#, "[true]"],
        &[r#""否""#, "4", r#"{"a": 1}"#, "[false]"],
    );
    check(
        json!({"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$", "maxLength": 6}),
        &[r#""AB-1""#, r#""XY-123""#],
        &[r#""AB-1234""#, r#""ab-1""#, r#""AB-""#],
    );
    check(
        json!({"$defs": {"tree": {"type": "object", "properties": {"v": {"type": "integer"},
            "next": {"$ref": "#/$defs/tree"}}, "required": ["v"], "additionalProperties": false}},
            "$ref": "#/$defs/tree"}),
        &[
            r#"{"v": 1}"#,
            r#"{"v": 1, "next": {"v": -2, "next": {"v": 3}}}"#,
        ],
        &[
            r#"{"next": {"v": 1}}"#,
            r#"{"v": 1.5}"#,
            r#"{"v": 1, "next": null}"#,
        ],
    );
    check(
        json!({"anyOf": [{"const": "a"}, {"type": "integer", "exclusiveMinimum": 5, "multipleOf": 5}]}),
        &[r#""a""#, "10", "125"],
        &["5", "12", r#""b""#],
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 0}),
        &["0.5", "1", "1000.25"],
        &["0", "-0", "0.0", "-0.0", "-1", "0.00"],
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 2, "exclusiveMaximum": 3}),
        &["2.5", "2.01"],
        &["2", "2.0", "3", "3.0", "1.9"],
    );
    check(
        json!({"type": "number", "minimum": -3, "exclusiveMaximum": 0}),
        &["-3", "-2.5", "-0.5", "-0.01"],
        &["0", "-0", "-0.0", "-3.1", "1"],
    );
    check(
        json!({"type": "integer", "exclusiveMaximum": 0}),
        &["-1", "-12"],
        &["0", "-0", "1"],
    );
    check(
        json!({"oneOf": [{"type": "string"}, {"type": "boolean"}]}),
        &[r#""x""#, "true"],
        &["1"],
    );
    check(
        json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
        &["{}", r#"{"a": true, "b": false}"#],
        &[r#"{"a": 1}"#],
    );
    check(
        json!({"type": "string", "format": "date"}),
        &[r#""2024-02-28""#],
        &[r#""2024-13-01""#],
    );
    check(
        json!({}),
        &["{}", "[1, {\"a\": null}]", "-1.5e3"],
        &["x", "{a}", "01"],
    );
}

#[test]
fn what_cannot_be_kept_to_is_refused_by_name() {
    let vocabulary = vocabulary();
    let check = |schema: Value, part: &str| {
        let error = Constraint::json_schema(&schema, &vocabulary).err();
        let message = error
            .as_ref()
            .map(ModelError::to_string)
            .unwrap_or_default();
        assert!(message.contains(part), "{schema}: {message}");
    };
    check(
        json!({"type": "array", "uniqueItems": true}),
        "`uniqueItems`",
    );
    check(
        json!({"type": "object", "properties": {"a": {"not": {}}}}),
        "#/properties/a: the keyword `not`",
    );
    check(json!({"if": {}, "then": {}}), "`if`");
    check(
        json!({"x-guidance": {"whitespace_flexible": true}}),
        "`x-guidance`",
    );
    check(json!({"requires": ["a"]}), "`requires`");
    check(json!({"type": "text"}), "text");
    check(json!({"type": "string", "format": "isbn"}), "isbn");
    check(json!({"type": "string", "pattern": "("}), "JSON Schema");
    check(
        json!({"type": "string", "pattern": "(?=a)b"}),
        "JSON Schema",
    );
    check(
        json!({"type": "string", "maxLength": 1_000_000}),
        "`maxLength` is 1000000",
    );
    check(json!({"type": "array", "minItems": -1}), "`minItems` is -1");
    check(
        json!({"$ref": "https://example.org/schema"}),
        "https://example.org/schema",
    );
    check(json!({"$ref": "#/$defs/none"}), "none");
    check(
        json!({"oneOf": [{"type": "string"}, {"maxLength": 3}]}),
        "`oneOf`",
    );
    check(
        json!({"type": "integer", "minimum": 3, "maximum": 2}),
        "JSON Schema",
    );
    check(json!(false), "`false`");
    check(json!([1]), "a schema is");
    check(json!({"properties": []}), "`properties` has to be");
    check(
        json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
        "`exclusiveMinimum` has to be a number",
    );
    check(
        json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        "no text can keep to it",
    );
    check(
        json!({"$schema": "https://example.org/draft"}),
        "JSON Schema",
    );
    let mut deep = json!({"type": "string"});
    (0..100).for_each(|_| deep = json!({"type": "array", "items": deep}));
    check(deep, "deep in one another");
}

/// Schemas of the kinds that the checker below knows.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "null"})),
        Just(json!({"type": "number"})),
        Just(json!({})),
        Just(json!({"type": ["integer", "null"]})),
        Just(json!({"type": "string"})),
        Just(json!({"$ref": "#/$defs/shared"})),
        Just(json!({"type": "string", "pattern": "^[a-c]+[0-9]{2}$"})),
        Just(json!({"enum": ["a\"b", "订单", 12, null, [1, {"k": 1.5}]]})),
        Just(json!({"const": {"订": "单\n"}})),
        (0usize..4, 0usize..4).prop_map(
            |(least, more)| json!({"type": "string", "minLength": least, "maxLength": least + more})
        ),
        (-500i64..500, 0i64..300).prop_map(
            |(least, more)| json!({"type": "integer", "minimum": least, "maximum": least + more})
        ),
        (-50i64..50, 1i64..30).prop_map(|(least, more)| {
            // Closer bounds are refused.
            let most = least + more + 4;
            json!({"type": "number", "minimum": least as f64 / 4.0, "exclusiveMaximum": most as f64 / 4.0})
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = prop::sample::subsequence(vec!["abc", "x", "订单", "a\"b"], 0..=4);
        prop_oneof![
            (inner.clone(), 0usize..3, 0usize..3)
                .prop_map(|(items, least, more)| json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more})),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|options| json!({"anyOf": options})),
            (names, prop::collection::vec((inner, any::<bool>()), 4), any::<bool>()).prop_map(
                |(names, values, more)| {
                    let mut properties = serde_json::Map::new();
                    let mut required: Vec<&str> = Vec::new();
                    for (name, (value, needed)) in names.iter().zip(values) {
                        properties.insert(name.to_string(), value);
                        required.extend(needed.then_some(*name));
                    }
                    let more = if more { json!({"type": "boolean"}) } else { json!(false) };
                    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": more})
                }
            ),
        ]
    })
}

/// Whether a value is what a schema of the strategy above says.
fn keeps_to(value: &Value, schema: &Value, root: &Value) -> bool {
    let fields = schema.as_object().unwrap();
    fields.iter().all(|(keyword, wanted)| {
        let bound = || wanted.as_f64().unwrap();
        let count = || wanted.as_u64().unwrap() as usize;
        match keyword.as_str() {
            "$defs" => true,
            "$ref" => keeps_to(value, &root["$defs"]["shared"], root),
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => {
                (wanted.as_array().unwrap().iter()).any(|option| keeps_to(value, option, root))
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|name| is_a(value, name)),
                name => is_a(value, name),
            },
            "minimum" => value.as_f64().is_none_or(|number| number >= bound()),
            "maximum" => value.as_f64().is_none_or(|number| number <= bound()),
            "exclusiveMaximum" => value.as_f64().is_none_or(|number| number < bound()),
            "minLength" => length(value).is_none_or(|length| length >= count()),
            "maxLength" => length(value).is_none_or(|length| length <= count()),
            "pattern" => value.as_str().is_none_or(|text| {
                let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
                !letters.is_empty()
                    && text.len() - letters.len() == 2
                    && letters.chars().all(|c| ('a'..='c').contains(&c))
            }),
            "minItems" => value.as_array().is_none_or(|items| items.len() >= count()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() <= count()),
            "items" => {
                (value.as_array().into_iter().flatten()).all(|item| keeps_to(item, wanted, root))
            }
            "required" => (wanted.as_array().unwrap().iter())
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => (wanted.as_object().unwrap().iter()).all(|(name, wanted)| {
                value
                    .get(name)
                    .is_none_or(|value| keeps_to(value, wanted, root))
            }),
            "additionalProperties" => (value.as_object().into_iter().flatten())
                .filter(|(name, _)| schema["properties"].get(name).is_none())
                .all(|(_, value)| wanted != &json!(false) && keeps_to(value, wanted, root)),
            _ => panic!("{keyword}"),
        }
    })
}

fn length(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // Of any size.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_tokens_under_a_schema_are_json_of_it(
        mut schema in schema(), shared in schema(), seed in any::<u64>(), encoded in any::<bool>(),
    ) {
        let shared = match shared.to_string().contains("$ref") {
            true => json!({"type": "boolean"}),
            false => shared,
        };
        schema["$defs"] = json!({"shared": shared});
        let vocabulary = match encoded {
            true => Vocabulary::with_encoder(tokens(), end_token(), Box::new(longest_first)),
            false => Vocabulary::new(tokens(), end_token()),
        };
        let vocabulary = vocabulary.unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..4 {
            let mut constraint = Constraint::json_schema(&schema, &vocabulary).unwrap();
            let text = produce(&mut constraint, &mut random, 60);
            let value: Value = match serde_json::from_str(&text) {
                // Of JSON, but not of what a number is here: 1e999.
                Err(error) if error.to_string().contains("out of range") => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{schema}: {text}: {error}"))),
                Ok(value) => value,
            };
            prop_assert!(keeps_to(&value, &schema, &schema), "{} gave {}", schema, text);
        }
    }

    #[test]
    fn random_tokens_under_a_list_are_in_it(
        strings in prop::collection::vec("[ab订单]{0,6}", 1..8), seed in any::<u64>(),
    ) {
        let vocabulary = vocabulary();
        let allowed: Vec<&str> = strings.iter().map(String::as_str).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut constraint = Constraint::allowed_strings(&allowed, &vocabulary).unwrap();
        let text = produce(&mut constraint, &mut random, 4);
        prop_assert!(strings.contains(&text), "{text:?}");
    }
}
