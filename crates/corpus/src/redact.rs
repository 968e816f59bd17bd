//! Personal data out of texts, before anything is stored for training.
//!
//! Five kinds are found: e-mail addresses, phone numbers (international,
//! Chinese mobile and landline, North American, national formats with a
//! trunk zero, and any number that the words around it call a phone), payment
//! cards (Luhn, issuer prefix), Chinese identity numbers (GB 11643 check
//! digit and date of birth) and IBANs (ISO 13616 length and mod 97). Order
//! numbers, bar codes, prices, dates and sizes stay.

mod checksum;
mod folded;
mod number;
mod phone;
mod pseudonyms;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use folded::Folded;

pub use pseudonyms::Pseudonyms;

/// What kind of personal data was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalData {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The number of a payment card.
    Card,
    /// A Chinese identity number.
    NationalId,
    /// An international bank account number.
    Iban,
}

impl PersonalData {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::NationalId,
        Self::Iban,
    ];

    /// What stands in the text instead.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "[EMAIL]",
            Self::Phone => "[PHONE]",
            Self::Card => "[CARD]",
            Self::NationalId => "[NATIONAL_ID]",
            Self::Iban => "[IBAN]",
        }
    }
}

/// A text without its personal data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redacted {
    /// The text with placeholders.
    pub text: String,
    /// How many of each kind were taken out.
    pub found: BTreeMap<PersonalData, usize>,
}

/// Replaces every piece of personal data in `text` by its placeholder.
pub fn redact(text: &str) -> Redacted {
    let spans = find(text);
    let mut redacted = Redacted::default();
    if spans.is_empty() {
        redacted.text = text.to_owned();
        return redacted;
    }
    let mut kept_until = 0;
    for (range, kind) in spans {
        redacted.text.push_str(&text[kept_until..range.start]);
        redacted.text.push_str(kind.placeholder());
        *redacted.found.entry(kind).or_default() += 1;
        kept_until = range.end;
    }
    redacted.text.push_str(&text[kept_until..]);
    redacted
}

/// Where personal data stands, as byte ranges in order, none overlapping.
pub(crate) fn find(text: &str) -> Vec<(Range<usize>, PersonalData)> {
    if !worth_looking(text) {
        return Vec::new();
    }
    let folded = Folded::new(text);
    let mut found = Found::default();
    emails(&folded.text, &mut found);
    number::find(&folded.text, &mut found);
    phone::find(&folded.text, &mut found);
    let mut spans: Vec<_> = found
        .0
        .into_iter()
        .map(|(range, kind)| (folded.origin(range), kind))
        .collect();
    spans.sort_by_key(|(range, _)| range.start);
    spans
}

/// No kind of personal data does without an `@` or six digits.
fn worth_looking(text: &str) -> bool {
    let mut digits = 0;
    text.chars().any(|c| match c {
        '@' | '＠' => true,
        '0'..='9' | '０'..='９' => {
            digits += 1;
            digits >= 6
        }
        _ => false,
    })
}

/// What was found so far; the first finder to claim a place keeps it.
#[derive(Default)]
struct Found(Vec<(Range<usize>, PersonalData)>);

impl Found {
    fn claim(&mut self, range: Range<usize>, kind: PersonalData) {
        if !self.overlaps(&range) {
            self.0.push((range, kind));
        }
    }

    fn overlaps(&self, range: &Range<usize>) -> bool {
        self.0
            .iter()
            .any(|(other, _)| other.start < range.end && range.start < other.end)
    }
}

fn emails(text: &str, found: &mut Found) {
    static EMAIL: OnceLock<Option<Regex>> = OnceLock::new();
    if !text.contains('@') {
        return;
    }
    let pattern = EMAIL.get_or_init(|| {
        Regex::new(concat!(
            r"[\p{Latin}\p{Cyrillic}\p{Greek}0-9][\p{Latin}\p{Cyrillic}\p{Greek}0-9._%+'\-]*@",
            r"(?:[\p{Latin}\p{Cyrillic}0-9](?:[\p{Latin}\p{Cyrillic}0-9\-]*[\p{Latin}\p{Cyrillic}0-9])?\.)+",
            r"(?:xn--[A-Za-z0-9\-]{2,}|[\p{Latin}\p{Cyrillic}]{2,24})",
        ))
        .ok()
    });
    for email in pattern.iter().flat_map(|pattern| pattern.find_iter(text)) {
        let ending = email.as_str().rsplit('.').next().unwrap_or_default();
        // `logo@2x.png` is a picture for fine screens.
        let picture = ["png", "jpg", "jpeg", "gif", "webp", "svg", "css", "js"];
        if !picture.contains(&ending.to_ascii_lowercase().as_str()) {
            found.claim(email.range(), PersonalData::Email);
        }
    }
}

/// Whether the character before `at` lets a number begin there.
fn begins_freely(text: &str, at: usize) -> bool {
    let mut before = text[..at].chars().rev();
    match before.next() {
        Some(c) if c.is_ascii_alphanumeric() || c == '_' => false,
        // The fraction of a decimal, a later part of an identifier.
        Some('.' | ',') => !before.next().is_some_and(|c| c.is_ascii_digit()),
        Some('-' | '/') => !before.next().is_some_and(|c| c.is_ascii_digit()),
        Some('$' | '€' | '£' | '¥') => false,
        _ => true,
    }
}

/// Whether the character at `at` lets a number end before it.
fn ends_freely(text: &str, at: usize) -> bool {
    let mut after = text[at..].chars();
    match after.next() {
        Some(c) if c.is_ascii_alphanumeric() || c == '_' => false,
        Some('.' | ',' | '-' | '/') => !after.next().is_some_and(|c| c.is_ascii_digit()),
        _ => true,
    }
}

/// The words just before `at`, lower case: what a number is said to be.
fn words_before(text: &str, at: usize) -> String {
    let mut start = at.saturating_sub(32);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    // `6 12345 67890 5` is one number: its words stand before all of it.
    let before = text[start..at].trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    // Another number in between has taken the words for itself.
    let own = before
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |digit| digit + 1);
    before[own..].to_lowercase()
}

/// Whether the words before a number say that it names a thing, not a person.
fn names_a_thing(before: &str) -> bool {
    const THINGS: [&str; 27] = [
        "order",
        "purchase",
        "invoice",
        "tracking",
        "parcel",
        "shipment",
        "sku",
        "item",
        "model",
        "serial",
        "barcode",
        "bar code",
        "ean",
        "upc",
        "isbn",
        "gtin",
        "imei",
        "reference",
        "订单",
        "单号",
        "快递",
        "运单",
        "条码",
        "条形码",
        "编号",
        "货号",
        "型号",
    ];
    THINGS.iter().any(|thing| before.contains(thing))
}

#[cfg(test)]
#[path = "redact/tests.rs"]
mod tests;
