//! Phone numbers: no check digit, so their shape and the words around decide.

use std::sync::OnceLock;

use regex::Regex;

use super::{Found, PersonalData, begins_freely, ends_freely, names_a_thing, words_before};

/// How sure a shape alone makes us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `+` or `00` and a country code.
    International,
    /// Eleven digits from 13 to 19, with or without 86.
    ChineseMobile,
    /// 3-3-4, with or without a leading 1.
    NorthAmerican,
    /// A trunk zero and groups.
    National,
    /// Any number that follows the word for a phone.
    Named,
    /// Any number that a word after it calls a fax.
    NamedAfter,
}

const EXTENSION: &str = r"(?: ?(?:x|ext\.?|转|-转) ?\d{1,6})?";

fn patterns() -> &'static [(Shape, Regex)] {
    static PATTERNS: OnceLock<Vec<(Shape, Regex)>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        [
            (
                Shape::International,
                r"(?:\+ ?\d|\(\+\d{1,3}\) ?\d)(?:[ .\-()/]{0,3}\d){6,14}",
            ),
            (
                Shape::International,
                r"00[1-9]\d{0,2}[ .\-]\(?\d(?:[ .\-()/]{0,2}\d){5,12}",
            ),
            (
                Shape::ChineseMobile,
                r"(?:\(?(?:\+|00)?86\)?[ \-]?)?1[3-9]\d(?:[ \-]?\d{4}[ \-]?\d{4}|[ \-]\d{3}[ \-]\d{5})",
            ),
            (
                Shape::NorthAmerican,
                r"(?:\+?1[ .\-])?(?:\(\d{3}\)[ .\-]?\d{3}[ .\-]\d{4}|\d{3}-\d{3}-\d{4}|[2-9]\d{2}\.\d{3}\.\d{4}|[2-9]\d{2} [2-9]\d{2}[ \-]\d{4})",
            ),
            (
                Shape::National,
                r"\(?0[1-9]\d{0,3}\)?(?:[ .\-/]{1,2}\(?\d{2,8}\)?){1,4}|\(0[1-9]\d{0,3}\)\d{6,8}|0 \(?[2-9]\d{2}\)? \d{3} ?\d{2} ?\d{2}",
            ),
            (
                Shape::Named,
                concat!(
                    r"(?i)(?:\b(?:tele)?phones?|\btel|\bmobile|\bcell(?:phone)?|\bcall(?:ing)?|\bfax|\bwhatsapp",
                    r"|\bdial|\banswering|\breach|\btext me|\bmy number|\btelefon|\bteléfono|\btéléphone|\bdesk:",
                    r"|手机|电话|座机|致电|拨打|联系方式|传真|電話|手機)",
                    r"(?:[\s:.#=(]|\b(?:is|are|number|numbers|no|nr|at|on|to|me|us|him|her|them)\b|号码|号|是|为|：)*",
                    r"(?P<number>\+?\d(?:[ .\-()/]{0,2}\d){5,14})",
                ),
            ),
            (
                Shape::NamedAfter,
                r"(?i)(?P<number>\d(?:[ .\-()]{0,2}\d){5,14}) (?:fax|传真)",
            ),
        ]
        .into_iter()
        .filter_map(|(shape, pattern)| {
            // The extension comes off the number's own end.
            let pattern = match shape {
                Shape::Named | Shape::NamedAfter => pattern.to_owned(),
                _ => format!("(?P<number>{pattern}){EXTENSION}"),
            };
            Some((shape, Regex::new(&pattern).ok()?))
        })
        .collect()
    })
}

/// Claims every phone number in `text` that nothing else has claimed.
pub(super) fn find(text: &str, found: &mut Found) {
    for (shape, pattern) in patterns() {
        let mut at = 0;
        while let Some(captures) = pattern.captures_at(text, at) {
            let (Some(whole), Some(number)) = (captures.get(0), captures.name("number")) else {
                break;
            };
            let start = number.start();
            let mut end = match shape {
                Shape::NamedAfter | Shape::Named => number.end(),
                _ => whole.end(),
            };
            if !ends_freely(text, end) {
                end = number.end();
            }
            end = trimmed(text, start, end);
            let range = start..end;
            let is_phone = starts_freely(text, start)
                && ends_freely(text, end)
                && !found.overlaps(&range)
                && plausible(*shape, text, start, number.end().min(end));
            if is_phone {
                found.claim(range, PersonalData::Phone);
                at = end;
            } else {
                at = next_boundary(text, start);
            }
        }
    }
}

fn starts_freely(text: &str, start: usize) -> bool {
    match text[start..].chars().next() {
        Some('+' | '(') => !text[..start].ends_with(|c: char| c.is_ascii_digit()),
        _ => begins_freely(text, start),
    }
}

/// Where to go on looking after a match at `start` that was none.
fn next_boundary(text: &str, start: usize) -> usize {
    let next = text[start..].chars().next().map_or(1, char::len_utf8);
    start + next
}

/// Cuts a number where its country's numbers end: what follows a space is
/// something else.
fn trimmed(text: &str, start: usize, end: usize) -> usize {
    let number = &text[start..end];
    let Some(rest) = number.strip_prefix('+') else {
        return end;
    };
    let most = if rest.trim_start().starts_with("86") {
        13
    } else if rest.trim_start().starts_with('1') {
        11
    } else {
        return end;
    };
    let mut digits = 0;
    for (at, c) in number.char_indices() {
        if c == 'x' || c == 'e' {
            return end;
        }
        if c.is_ascii_digit() {
            digits += 1;
            if digits == most {
                return start + at + 1;
            }
        }
    }
    end
}

fn plausible(shape: Shape, text: &str, start: usize, end: usize) -> bool {
    let number = &text[start..end];
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    let before = words_before(text, start);
    match shape {
        Shape::International => {
            let code = &digits[usize::from(number.starts_with("00")) * 2..];
            code.first() != Some(&b'0') && (8..=17).contains(&digits.len()) && !is_sum(text, start)
        }
        Shape::ChineseMobile | Shape::NorthAmerican => !names_a_thing(&before),
        Shape::National => {
            (9..=12).contains(&digits.len()) && !is_date(number) && !names_a_thing(&before)
        }
        // `+` takes care of itself; the year of a model is no phone.
        Shape::Named | Shape::NamedAfter => {
            (6..=15).contains(&digits.len())
                && !is_date(number)
                && !is_decimal(number)
                && !names_a_thing(&before)
                && (digits.len() > 6 || number.contains([' ', '-']))
        }
    }
}

/// `2+1234567…`: a sum, not a country code.
fn is_sum(text: &str, start: usize) -> bool {
    text[..start]
        .trim_end()
        .ends_with(|c: char| c.is_ascii_digit())
        && !text[..start].ends_with(' ')
}

/// `01.02.2024`, `2024-05-01`, `2024/5/1 12`.
fn is_date(number: &str) -> bool {
    let parts: Vec<&str> = number
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .take(3)
        .collect();
    let &[first, second, third] = parts.as_slice() else {
        return false;
    };
    let year = |part: &str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
    let small = |part: &str, most: u32| {
        part.len() <= 2
            && part
                .parse::<u32>()
                .is_ok_and(|value| (1..=most).contains(&value))
    };
    (year(first) && small(second, 12) && small(third, 31))
        || (small(first, 31) && small(second, 31) && year(third))
}

/// `1234567.89`.
fn is_decimal(number: &str) -> bool {
    number.split_once('.').is_some_and(|(whole, fraction)| {
        fraction.len() <= 2
            && whole
                .bytes()
                .chain(fraction.bytes())
                .all(|c| c.is_ascii_digit())
    })
}
