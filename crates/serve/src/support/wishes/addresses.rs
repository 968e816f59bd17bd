//! Addresses that a text spells out, in the ways of several countries.

use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};
use shop::{Address, Order};

use crate::support::cues::Cue;

pub(super) fn is_there(text: &str, address: &Address) -> bool {
    let city = address.city.to_lowercase();
    let initials: String = city
        .split(' ')
        .filter_map(|word| word.chars().next())
        .collect();
    let short = initials.len() > 1 && {
        let with_city = format!("{initials}c");
        text.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == initials || word == with_city)
    };
    !city.is_empty() && (text.contains(&city) || short)
}

/// How an address is written, and what its parts are.
struct Form {
    pattern: &'static str,
    read: fn(&Captures<'_>) -> Option<(String, Address)>,
}

const FORMS: [Form; 3] = [
    // `12 Elm Street, Suite 3, Springfield, IL, 62701`
    Form {
        pattern: r"(?i)\b(\d+[a-z]?(?: (?:[\p{L}.'-]+|\d+(?:st|nd|rd|th)))+),\s*(?:((?:suite|apt\.?|unit|apartment|floor) ?[\w-]+),\s*)?([\p{L} .'-]+?),?\s+(?:([a-z]{2}|[a-z]+),?\s+)?(\d{5})\b",
        read: number_first,
    },
    // `Lindenstraße 12, 10969 Berlin`, `Calle Mayor 5, 28013 Madrid`
    Form {
        pattern: r"((?:[\p{L}.'-]+ ){0,5}?[\p{L}.'-]+\s\d+\s?[a-zA-Z]?\b)(?:,?\s*(\d+º?\s?[\p{L}]?|[Pp]iso \d+))?\s*,\s*(?:in\s+)?(?:[A-Z]{1,2}-)?(\d{4,5})\s+([\p{Lu}][\p{L}'-]*(?:\s+(?:[\p{Lu}][\p{L}'-]*|am|an der|de|del|la|las))*)",
        read: street_first,
    },
    // `浙江省杭州市西湖区文三路100号 310012`
    Form {
        pattern: r"(?:(\p{Han}{2,7}?(?:省|自治区))\s*)?(\p{Han}{2,6}?市)\s*(\p{Han}{1,8}?[区县镇])?\s*([\p{Han}A-Za-z0-9\-]*?\d+\s?(?:号|弄|栋|幢)[0-9A-Za-z\-一二三四五六七八九十室栋幢楼层单元号座]*)(?:\s*[,，]?\s*(?:邮编|邮政编码)?[:：]?\s*(\d{6}))?",
        read: largest_first,
    },
];

static PATTERNS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let forms = FORMS.iter();
    forms.map(|form| Regex::new(form.pattern).ok()).collect()
});

/// An address that a text spells out, with its words there. State and country
/// that are not said are those of an address in the same city that is known.
pub(super) fn written(
    text: &str,
    home: Option<&Address>,
    orders: &[&Arc<Order>],
) -> Option<(String, Address)> {
    let forms = FORMS.iter().zip(PATTERNS.iter());
    let (words, mut address) = forms
        .filter_map(|(form, pattern)| (form.read)(&pattern.as_ref()?.captures(text)?))
        .next()?;
    let used = orders
        .iter()
        .filter_map(|order| order.address_parts().ok().flatten());
    let known = used
        .chain(home.cloned())
        .find(|known| known.city.eq_ignore_ascii_case(&address.city));
    if address.state.is_empty() {
        address.state = known.map(|known| known.state).unwrap_or_default();
    }
    address.country = home.map(|home| home.country.clone()).unwrap_or_default();
    Some((words, address))
}

fn part<'a>(parts: &Captures<'a>, number: usize) -> &'a str {
    parts.get(number).map_or("", |part| part.as_str().trim())
}

fn number_first(parts: &Captures<'_>) -> Option<(String, Address)> {
    let state = part(parts, 4);
    let address = Address {
        address1: capitals(part(parts, 1)),
        address2: capitals(part(parts, 2)),
        city: capitals(part(parts, 3)),
        state: match state.len() {
            2 => state.to_uppercase(),
            _ => capitals(state),
        },
        country: String::new(),
        zip: part(parts, 5).to_owned(),
    };
    Some((part(parts, 0).to_owned(), address))
}

fn street_first(parts: &Captures<'_>) -> Option<(String, Address)> {
    let street = street_of(part(parts, 1))?;
    let address = Address {
        address1: capitals(street),
        address2: part(parts, 2).to_owned(),
        city: part(parts, 4).to_owned(),
        state: String::new(),
        country: String::new(),
        zip: part(parts, 3).to_owned(),
    };
    let whole = part(parts, 0);
    let words = whole.find(street).map_or(whole, |at| &whole[at..]);
    Some((words.to_owned(), address))
}

/// Of "ship it to my office at Lindenstraße 12" the street: from the first
/// capital after the last small word that is no part of a name.
fn street_of(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split(' ').collect();
    let number = words.len().checked_sub(1)?;
    let is_part = |word: &&str| {
        let starts_large = word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        let small = [
            "de", "del", "la", "las", "los", "der", "den", "am", "an", "zum", "zur",
        ];
        let way = ["calle", "avenida", "plaza", "paseo", "rue", "via", "straße"];
        starts_large || small.contains(word) || way.contains(&word.to_lowercase().as_str())
    };
    let mut start = number;
    while start > 0 && is_part(&words[start - 1]) {
        start -= 1;
    }
    // A name begins with no small word.
    let is_small = |word: &str| word.chars().count() < 4 && word.chars().all(char::is_lowercase);
    while start < number && is_small(words[start]) {
        start += 1;
    }
    // Written in small letters all along: what follows the turn, or one word.
    if start == number {
        let before = text.len() - words[number].len();
        let lower = text[..before].to_lowercase();
        let turn = Cue::Turn.first_in(&lower).filter(|_| lower.len() == before);
        let street = turn.map_or(text, |turn| text[turn.end..].trim());
        return Some(street);
    }
    let skipped: usize = words[..start].iter().map(|word| word.len() + 1).sum();
    text.get(skipped..)
}

fn largest_first(parts: &Captures<'_>) -> Option<(String, Address)> {
    // "寄到上海市": what stands before the city's name is none of it.
    let trimmed = |text: &str| -> String {
        let turns = [
            '到', '至', '成', '是', '为', '址', '改', '寄', '送', '我', '搬',
        ];
        let at = text.rfind(turns);
        let start = at.and_then(|at| Some(at + text[at..].chars().next()?.len_utf8()));
        text[start.unwrap_or(0)..].to_owned()
    };
    let (state, city) = (trimmed(part(parts, 1)), trimmed(part(parts, 2)));
    let address = Address {
        address1: format!("{}{}", part(parts, 3), part(parts, 4)),
        address2: String::new(),
        state,
        city,
        country: String::new(),
        zip: part(parts, 5).to_owned(),
    };
    Some((part(parts, 0).to_owned(), address))
}

/// `elm street` as `Elm Street`.
fn capitals(text: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => String::new(),
        }
    };
    let words: Vec<String> = text.split_whitespace().map(capital).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_several_countries() {
        for (text, expected) in [
            (
                "send it to 12 Elm Street, Suite 3, Springfield, IL, 62701 please",
                Some(("12 Elm Street", "Springfield", "62701")),
            ),
            (
                "Schickt sie bitte an Lindenstraße 12, 10969 Berlin.",
                Some(("Lindenstraße 12", "Berlin", "10969")),
            ),
            (
                "mándalo a la Calle Mayor 5, 28013 Madrid",
                Some(("Calle Mayor 5", "Madrid", "28013")),
            ),
            (
                "请把订单寄到浙江省杭州市西湖区文三路100号，邮编310012",
                Some(("西湖区文三路100号", "杭州市", "310012")),
            ),
            ("order 12345 from March 2026, 500 pieces", None),
            ("I have 3 lamps", None),
        ] {
            let found = written(text, None, &[]).map(|(_, address)| address);
            let found = found.map(|one| (one.address1, one.city, one.zip));
            let expected = expected
                .map(|(street, city, zip)| (street.to_owned(), city.to_owned(), zip.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
