//! Which option of a product a text describes.

use std::collections::BTreeMap;

use shop::{Id, Product};
use store::Snapshot;

use super::items::Item;
use super::{scales, words};
use crate::support::cues::{self, Cue};

/// The values that a text names, by option.
type Values = BTreeMap<String, Vec<String>>;

fn variants<'a>(item: &Item<'_>, snapshot: &'a Snapshot) -> Vec<&'a Product> {
    let Some(group) = snapshot
        .catalogue
        .by_id(&item.product)
        .and_then(|product| product.group_id.as_ref())
    else {
        return Vec::new();
    };
    let all = snapshot.catalogue.iter().map(|(_, product)| &**product);
    all.filter(|product| product.group_id.as_ref() == Some(group))
        .collect()
}

fn value_of(product: &Product, option: &str) -> String {
    let value = product.attributes.get(option);
    value
        .and_then(|value| value.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The letters that stand for a size spoken out.
fn spoken(value: &str) -> Option<&'static str> {
    Some(match value {
        "S" => "small",
        "M" => "medium",
        "L" => "large",
        _ => return None,
    })
}

/// All values of each option.
fn known_values(variants: &[&Product]) -> Values {
    let mut known = Values::new();
    for product in variants {
        for option in product.attributes.keys() {
            let values = known.entry(option.to_owned()).or_default();
            let value = value_of(product, option);
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
    }
    known
}

fn options_of(product: &Product) -> BTreeMap<String, String> {
    let options = product.attributes.keys();
    options
        .map(|option| (option.to_owned(), value_of(product, option)))
        .collect()
}

/// The values of the product's options that the words name. A short value
/// (`8`, `S`) counts only beside the name of its option.
fn values(text: &[String], variants: &[&Product]) -> Values {
    let known = known_values(variants);
    let mut found = Values::new();
    let mut taken = vec![0_usize; text.len()];
    let mut hits: Vec<(usize, usize, &str, String)> = Vec::new();
    for (option, values) in &known {
        let name = words(option);
        for value in values {
            let forms = std::iter::once(words(value)).chain(spoken(value).map(words));
            for form in forms {
                let joined = form.concat();
                for at in 0..text.len() {
                    let length = (1..=form.len() + 1).find(|length| {
                        at + length <= text.len() && text[at..at + length].concat() == joined
                    });
                    let Some(length) = length else {
                        continue;
                    };
                    // "i5" and "4K" tell enough alone.
                    let mixed = joined.chars().any(|c| c.is_ascii_digit())
                        && joined.chars().any(char::is_alphabetic);
                    let short = joined.chars().count() < 3 && !mixed;
                    let near = &text[at.saturating_sub(2)..(at + length + 2).min(text.len())];
                    if !short || near.iter().any(|word| name.contains(word)) {
                        hits.push((length, at, option, value.clone()));
                    }
                }
            }
        }
    }
    // The longest first: "space grey" is not grey.
    hits.sort_by(|one, other| other.0.cmp(&one.0).then(one.cmp(other)));
    for (length, at, option, value) in hits {
        let longer = taken[at..at + length].iter().any(|taken| *taken > length);
        if !longer {
            taken[at..at + length]
                .iter_mut()
                .for_each(|taken| *taken = length);
            let values = found.entry(option.to_owned()).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    for (option, value) in named_in_part(text, &known, &taken) {
        found.entry(option).or_insert_with(|| vec![value]);
    }
    for (option, values) in coloured(text, &known) {
        found.entry(option).or_insert(values);
    }
    found
}

/// Values that are colours which the words name in another language or form.
fn coloured(text: &[String], known: &Values) -> Values {
    let said = cues::colours(text, &text.concat());
    let mut found = Values::new();
    for (option, values) in known {
        let is_said = |value: &&String| is_coloured(value, &said);
        let meant: Vec<String> = values.iter().filter(is_said).cloned().collect();
        if !meant.is_empty() {
            found.insert(option.clone(), meant);
        }
    }
    found
}

fn is_coloured(value: &str, colours: &[usize]) -> bool {
    let lower = value.to_lowercase();
    let own = cues::colours(&corpus::words(&lower), &lower);
    own.iter().any(|colour| colours.contains(colour))
}

/// Whether a product is of one of these colours.
pub(crate) fn has_colour(product: &Product, colours: &[usize]) -> bool {
    let values = product.attributes.values();
    let mut values = values.filter_map(|value| value.as_str());
    values.any(|value| is_coloured(value, colours))
}

/// The shortest word that may stand for a value of several.
const SHORTEST_PART: usize = 5;

/// Values of several words named by one that no other value has ("a Google
/// one" of Google Assistant, Amazon Alexa and Apple HomeKit).
fn named_in_part(text: &[String], known: &Values, taken: &[usize]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, word) in text.iter().enumerate() {
        if taken[at] > 0 || word.chars().count() < SHORTEST_PART {
            continue;
        }
        let holders: Vec<(&String, &String)> = known
            .iter()
            .flat_map(|(option, values)| values.iter().map(move |value| (option, value)))
            .filter(|(option, value)| {
                let parts = words(value);
                parts.len() > 1 && parts.contains(word) && !words(option).contains(word)
            })
            .collect();
        if let [(option, value)] = holders.as_slice() {
            found.push(((*option).clone(), (*value).clone()));
        }
    }
    found
}

fn fits(product: &Product, wished: &Values) -> bool {
    wished
        .iter()
        .all(|(option, values)| values.contains(&value_of(product, option)))
}

/// Of items of one kind those that the words describe; all when they describe
/// none of them.
pub(super) fn described<'a, 'b>(
    items: &[&'a Item<'b>],
    text: &[String],
    snapshot: &Snapshot,
) -> Vec<&'a Item<'b>> {
    let Some(first) = items.first() else {
        return Vec::new();
    };
    let said = values(text, &variants(first, snapshot));
    let fitting: Vec<&Item> = items
        .iter()
        .copied()
        .filter(|item| {
            let product = snapshot.catalogue.by_id(&item.product);
            product.is_some_and(|product| fits(product, &said))
        })
        .collect();
    if fitting.is_empty() {
        items.to_vec()
    } else {
        fitting
    }
}

/// What the words like better: all after "prefer".
pub(super) fn liked(text: &[String]) -> &[String] {
    let at = text.iter().position(|word| Cue::Preference.is_in(word));
    at.map_or(&[], |at| &text[at..])
}

/// The variant that the words wish for: all that is said holds, of what is
/// left the one most liked (`elsewhere`: what other sentences say of that), and the
/// rest stays as it is where it can.
pub(super) fn wished(
    item: &Item<'_>,
    text: &[String],
    elsewhere: &[String],
    snapshot: &Snapshot,
) -> Option<Id> {
    let present = snapshot.catalogue.by_id(&item.product)?;
    let all = variants(item, snapshot);
    let named = all
        .iter()
        .find(|product| text.contains(&product.id.as_str().to_lowercase()));
    if let Some(product) = named {
        return Some(product.id.clone());
    }
    let (text, here) = text.split_at(text.len() - liked(text).len());
    let liked = values(&[here, elsewhere].concat(), &all);
    let mut said = values(text, &all);
    for (option, values) in &mut said {
        // Of several values the present one is what it should no longer be.
        if values.len() > 1 {
            let now = value_of(present, option);
            values.retain(|value| *value != now);
        }
    }
    for (option, values) in scales::compared(text, &known_values(&all), &options_of(present)) {
        said.entry(option).or_insert(values);
    }
    let said = said;
    let all_words = text.join(" ");
    let cheapest = Cue::Cheapest.is_in(&all_words);
    let dearest = Cue::Dearest.is_in(&all_words);
    if said.is_empty() && !cheapest && !dearest {
        return None;
    }
    let mut fitting: Vec<&&Product> = all
        .iter()
        .filter(|product| product.id != item.product && product.availability.can_be_ordered())
        .filter(|product| fits(product, &said))
        .collect();
    let kept = |product: &Product| {
        let options = present.attributes.keys();
        options
            .filter(|option| value_of(present, option) == value_of(product, option))
            .count()
    };
    let price = |product: &Product| product.price.map_or(i64::MAX, |price| price.amount);
    if cheapest {
        fitting.sort_by_key(|product| (price(product), product.id.clone()));
    } else if dearest {
        fitting.sort_by_key(|product| (std::cmp::Reverse(price(product)), product.id.clone()));
    } else {
        // Of several values said, the first is the most wanted.
        let rank = |values: &Values, product: &Product| -> Vec<usize> {
            let place = |(option, values): (&String, &Vec<String>)| {
                let value = value_of(product, option);
                let at = values.iter().position(|one| *one == value);
                at.unwrap_or(values.len())
            };
            values.iter().map(place).collect()
        };
        fitting.sort_by_key(|product| {
            (
                rank(&liked, product),
                std::cmp::Reverse(kept(product)),
                rank(&said, product),
                price(product),
                product.id.clone(),
            )
        });
    }
    fitting.first().map(|product| product.id.clone())
}
