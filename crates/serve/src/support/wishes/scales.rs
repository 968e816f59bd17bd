//! Options whose values have an order ("bigger", "less bright", "one size
//! smaller", "1000 more pieces", "the maximum zoom").

use std::collections::BTreeMap;

use super::words;
use crate::support::cues::Cue;

/// Which way along a scale, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Up,
    Down,
    Most,
    Least,
}

/// What a comparison speaks of where no option is named beside it: the word,
/// and what the option's name holds then.
const SPEAKS_OF: &[(&str, &[&str])] = &[
    ("bright", &["brightness"]),
    ("dim", &["brightness"]),
    ("bigger", &["size", "capacity"]),
    ("biggest", &["size", "capacity"]),
    ("larg", &["size", "capacity"]),
    ("small", &["size", "capacity"]),
    ("short", &["length"]),
    ("long", &["length"]),
    ("tall", &["height"]),
    ("wide", &["width"]),
    ("narrow", &["width"]),
    ("thick", &["thickness"]),
    ("thin", &["thickness"]),
];

/// Scales that are spoken and not counted, each from least to most.
const SPOKEN: &[&[&str]] = &[
    &["xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"],
    &["extra small", "small", "medium", "large", "extra large"],
    &["low", "medium", "high"],
    &["beginner", "intermediate", "expert"],
];

/// The most words of a comparison ("el más grande").
const LONGEST_CUE: usize = 3;
/// How far from the comparing word its option and its number are looked for.
const NEAR: usize = 3;

/// Where a value stands among those of its option; `None` where these have no
/// order.
fn places(values: &[String]) -> Option<BTreeMap<String, f64>> {
    let spoken = |value: &String| {
        let lower = value.to_lowercase();
        SPOKEN.iter().find_map(|scale| {
            let holds = values
                .iter()
                .all(|other| scale.contains(&other.to_lowercase().as_str()));
            let place = scale.iter().position(|one| *one == lower)?;
            holds.then_some(place as f64)
        })
    };
    let units: Vec<String> = values.iter().map(|value| measured(value).1).collect();
    let one_unit = units.windows(2).all(|two| two[0] == two[1]);
    values
        .iter()
        .map(|value| {
            let counted = measured(value).0.filter(|_| one_unit);
            Some((value.clone(), spoken(value).or(counted)?))
        })
        .collect()
}

/// The number that a value starts with, brought to one unit, and that unit.
fn measured(value: &str) -> (Option<f64>, String) {
    let digits = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let number = value[..digits].parse::<f64>().ok();
    let unit = value[digits..].trim_matches([' ', '-']).to_lowercase();
    let (factor, unit) = match unit.as_str() {
        "ml" => (0.001, "l"),
        "l" | "liter" | "liters" | "litre" | "litres" => (1.0, "l"),
        "tb" => (1_000.0, "gb"),
        "cm" => (10.0, "mm"),
        "inches" => (1.0, "inch"),
        "cups" => (1.0, "cup"),
        other => (1.0, other),
    };
    (number.map(|number| number * factor), unit.to_owned())
}

/// The comparison that begins at this word.
fn step_at(text: &[String], at: usize) -> Option<Step> {
    let rest = text[at..(at + LONGEST_CUE).min(text.len())].join(" ");
    let begins = |cue: Cue| cue.first_in(&rest).is_some_and(|place| place.start == 0);
    [
        (Cue::Most, Step::Most),
        (Cue::Least, Step::Least),
        (Cue::More, Step::Up),
        (Cue::Less, Step::Down),
    ]
    .into_iter()
    .find_map(|(cue, step)| begins(cue).then_some(step))
}

/// The values that a comparison allows, by option, the nearest to the present
/// one first. `known` holds all values of each option, `present` those of the
/// item as it is.
pub(super) fn compared(
    text: &[String],
    known: &BTreeMap<String, Vec<String>>,
    present: &BTreeMap<String, String>,
) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    // "More expensive" is no size.
    let all = text.join(" ");
    if Cue::Cheapest.is_in(&all) || Cue::Dearest.is_in(&all) {
        return found;
    }
    for at in 0..text.len() {
        let Some(step) = step_at(text, at) else {
            continue;
        };
        let near = &text[at.saturating_sub(NEAR)..(at + NEAR + 1).min(text.len())];
        // "less bright": the word after says what of.
        let of = text.get(at..(at + 2).min(text.len())).unwrap_or_default();
        let Some(option) = option_of(near, of, known) else {
            continue;
        };
        let (Some(values), Some(now)) = (known.get(option), present.get(option)) else {
            continue;
        };
        let allowed = along(step, values, now, near);
        if !allowed.is_empty() {
            found.insert(option.to_owned(), allowed);
        }
    }
    found
}

/// The one option with an order that is spoken of.
fn option_of<'a>(
    near: &[String],
    of: &[String],
    known: &'a BTreeMap<String, Vec<String>>,
) -> Option<&'a str> {
    let ordered = || known.iter().filter(|(_, values)| places(values).is_some());
    let named = ordered().max_by_key(|(option, _)| {
        let name = words(option);
        name.iter().filter(|word| near.contains(word)).count()
    });
    let is_named = |option: &str| words(option).iter().any(|word| near.contains(word));
    if let Some((option, _)) = named.filter(|(option, _)| is_named(option)) {
        return Some(option);
    }
    let hints: Vec<&str> = SPEAKS_OF
        .iter()
        .filter(|(start, _)| of.iter().any(|word| word.starts_with(start)))
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let mut hinted = ordered().filter(|(option, _)| hints.iter().any(|hint| option.contains(hint)));
    match (hinted.next(), hinted.next()) {
        (Some((option, _)), None) => return Some(option),
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    // "Eine größere" can only mean the one option that has an order.
    let several = ordered().filter(|(_, values)| values.len() > 1);
    let several: Vec<&String> = several.map(|(option, _)| option).collect();
    match several.as_slice() {
        [option] => Some(option.as_str()),
        _ => None,
    }
}

fn along(step: Step, values: &[String], now: &str, near: &[String]) -> Vec<String> {
    let Some(places) = places(values) else {
        return Vec::new();
    };
    let Some(here) = places.get(now).copied() else {
        return Vec::new();
    };
    let mut sorted: Vec<(f64, &String)> = places
        .iter()
        .map(|(value, place)| (*place, value))
        .filter(|(place, _)| match step {
            Step::Up | Step::Most => *place > here,
            Step::Down | Step::Least => *place < here,
        })
        .collect();
    sorted.sort_by(|one, other| (one.0 - here).abs().total_cmp(&(other.0 - here).abs()));
    if matches!(step, Step::Most | Step::Least) {
        sorted.reverse();
    }
    let numbers = near.iter().filter_map(|word| word.parse::<f64>().ok());
    let apart: Vec<f64> = numbers.collect();
    let exact = sorted
        .iter()
        .find(|(place, _)| apart.contains(&(place - here).abs()));
    match exact {
        Some((_, value)) => vec![(*value).clone()],
        None => sorted.into_iter().map(|(_, value)| value.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, option: &str, values: &[&str], now: &str) -> Vec<String> {
        let known = BTreeMap::from([
            (
                option.to_owned(),
                values.iter().map(|value| (*value).to_owned()).collect(),
            ),
            (
                "color".to_owned(),
                vec!["red".to_owned(), "blue".to_owned()],
            ),
        ]);
        let present = BTreeMap::from([(option.to_owned(), now.to_owned())]);
        let mut found = compared(&words(text), &known, &present);
        found.remove(option).unwrap_or_default()
    }

    #[test]
    fn comparisons_go_along_the_scale() {
        let bottles = ["500ml", "1L", "750ml"];
        assert_eq!(
            read("for a bigger one", "capacity", &bottles, "500ml"),
            ["750ml", "1L"]
        );
        assert_eq!(
            read("to a smaller one", "capacity", &bottles, "1L"),
            ["750ml", "500ml"]
        );
        let lamps = ["low", "medium", "high"];
        assert_eq!(
            read("to a less bright one", "brightness", &lamps, "medium"),
            ["low"]
        );
        let puzzles = ["500", "1000", "1500", "2000"];
        assert_eq!(
            read("but 1000 more pieces", "pieces", &puzzles, "500"),
            ["1500"]
        );
        assert_eq!(
            read(
                "the maximum zoom capacity",
                "zoom",
                &["3x", "10x", "5x"],
                "3x"
            ),
            ["10x", "5x"]
        );
        assert_eq!(
            read("one size smaller", "size", &["S", "XL", "M", "L"], "L"),
            ["M", "S"]
        );
    }

    #[test]
    fn what_has_no_order_is_not_compared() {
        let materials = ["bamboo", "maple"];
        assert!(read("a shorter one", "material", &materials, "maple").is_empty());
        assert!(read("a more expensive one", "size", &["S", "M"], "S").is_empty());
        // Two units do not go on one scale.
        assert!(read("a bigger one", "capacity", &["1L", "2 cups"], "1L").is_empty());
        // There is nothing bigger than the biggest.
        assert!(read("a bigger one", "size", &["S", "M"], "M").is_empty());
    }
}
