//! Numbers that carry their own check: cards, identity numbers, IBANs.

use super::checksum::{birth_date, gb_11643, has_shape, iban_shape, luhn, mod_97, shape_length};
use super::{Found, PersonalData, begins_freely, ends_freely, names_a_thing, words_before};

/// Claims every identity number, card and IBAN in `text`.
pub(super) fn find(text: &str, found: &mut Found) {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        if c.is_ascii_alphanumeric() && begins_freely(text, at) {
            let claimed = if c.is_ascii_digit() {
                Groups::read(text, at).claim(text, found)
            } else {
                iban(text, at, found)
            };
            if let Some(end) = claimed {
                at = end;
                continue;
            }
        }
        at = next;
    }
}

/// Digits from one place on, in groups parted by single spaces or dashes.
struct Groups {
    start: usize,
    digits: Vec<u8>,
    /// After each group: digits up to there, where it ends, whether the
    /// number may end there.
    ends: Vec<(usize, usize, bool)>,
}

impl Groups {
    /// No number that is looked for here has more digits.
    const MOST_DIGITS: usize = 19;

    fn read(text: &str, start: usize) -> Self {
        let bytes = text.as_bytes();
        let mut groups = Self {
            start,
            digits: Vec::with_capacity(Self::MOST_DIGITS),
            ends: Vec::new(),
        };
        let mut at = start;
        let mut separator = None;
        loop {
            while at < bytes.len() && bytes[at].is_ascii_digit() {
                groups.digits.push(bytes[at] - b'0');
                at += 1;
                if groups.digits.len() > Self::MOST_DIGITS {
                    return groups;
                }
            }
            // The check digit 10 of an identity number.
            if groups.digits.len() == 17 && matches!(bytes.get(at), Some(b'X' | b'x')) {
                groups.digits.push(10);
                at += 1;
            }
            groups
                .ends
                .push((groups.digits.len(), at, ends_freely(text, at)));
            match bytes.get(at) {
                Some(c @ (b' ' | b'-'))
                    if separator.is_none_or(|other| other == *c)
                        && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) =>
                {
                    separator = Some(*c);
                    at += 1;
                }
                _ => return groups,
            }
        }
    }

    /// The longest beginning that is personal data; returns where it ends.
    fn claim(&self, text: &str, found: &mut Found) -> Option<usize> {
        for (place, (count, end, free)) in self.ends.iter().enumerate().rev() {
            if !free {
                continue;
            }
            let digits = &self.digits[..*count];
            let sizes = self.sizes(place);
            let kind = if is_national_id(digits, &sizes) {
                PersonalData::NationalId
            } else if is_card(digits, &sizes, self.standing(text)) {
                PersonalData::Card
            } else {
                continue;
            };
            found.claim(self.start..*end, kind);
            return Some(*end);
        }
        None
    }

    /// How many digits each group has, up to the one at `place`.
    fn sizes(&self, place: usize) -> Vec<usize> {
        let mut before = 0;
        self.ends[..=place]
            .iter()
            .map(|(count, _, _)| count - std::mem::replace(&mut before, *count))
            .collect()
    }

    /// What the words before say that this is.
    fn standing(&self, text: &str) -> Standing {
        let before = words_before(text, self.start);
        let card = ["card", "卡", "visa", "mastercard", "amex", "银联"];
        let short = before
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "cc");
        if short || card.iter().any(|word| before.contains(word)) {
            Standing::Card
        } else if names_a_thing(&before) {
            Standing::Thing
        } else {
            Standing::Open
        }
    }
}

/// What a number is said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Card,
    Thing,
    Open,
}

fn is_national_id(digits: &[u8], sizes: &[usize]) -> bool {
    matches!(sizes, [18] | [6, 8, 4])
        && digits[0] != 0
        && birth_date(&digits[6..14])
        && gb_11643(digits)
}

/// Groups as cards are written, the Luhn check, and a prefix that issuers
/// use, unless the words before say that it is a card.
fn is_card(digits: &[u8], sizes: &[usize], standing: Standing) -> bool {
    let grouped = matches!(
        sizes,
        [12..=19] | [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5] | [4, 6, 4] | [6, 13]
    );
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    if !grouped || !varied || digits.contains(&10) || digits[0] == 0 {
        return false;
    }
    match standing {
        Standing::Thing => false,
        // An 18-digit number in that place is an identity number mistyped.
        Standing::Card => digits.len() != 18 && luhn(digits) || is_issued(digits) && luhn(digits),
        Standing::Open => is_issued(digits) && luhn(digits),
    }
}

/// Whether a payment network issues numbers of this length and prefix.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = digits[..4]
        .iter()
        .fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    match digits.len() {
        // The old Visa numbers; other 13-digit numbers are bar codes.
        13 => prefix / 1_000 == 4,
        14 => matches!(prefix / 100, 36 | 38 | 39) || matches!(prefix / 10, 300..=305 | 309),
        15 => matches!(prefix / 100, 34 | 37),
        16 => {
            matches!(prefix, 2_200..=2_204 | 2_221..=2_720)
                || matches!(prefix / 1_000, 4..=6)
                || matches!(prefix / 100, 35 | 36 | 38 | 39 | 81)
        }
        17 | 18 => matches!(prefix / 100, 50 | 56..=69 | 81),
        19 => matches!(prefix / 1_000, 4..=6) || prefix / 100 == 81,
        _ => false,
    }
}

/// Reads an IBAN at `at`: the country says how many characters follow.
fn iban(text: &str, at: usize, found: &mut Found) -> Option<usize> {
    let country = text.get(at..at + 2)?;
    if !text.as_bytes().get(at + 2)?.is_ascii_digit() {
        return None;
    }
    let country = country.to_ascii_uppercase();
    let shape = iban_shape(&country)?;
    let length = 4 + shape_length(shape);
    let bytes = text.as_bytes();
    let mut compact = String::with_capacity(length);
    let mut cases = [false; 2];
    let mut end = at;
    while compact.len() < length {
        match bytes.get(end)? {
            c if c.is_ascii_alphanumeric() => {
                compact.push(c.to_ascii_uppercase() as char);
                if c.is_ascii_alphabetic() {
                    cases[usize::from(c.is_ascii_lowercase())] = true;
                }
            }
            b' ' | b'-' if bytes[end - 1].is_ascii_alphanumeric() => {}
            _ => return None,
        }
        end += 1;
    }
    let free = !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    // Capitals and small letters mixed are a code of another kind.
    if free && cases != [true, true] && has_shape(&compact[4..], shape) && mod_97(&compact) {
        found.claim(at..end, PersonalData::Iban);
        return Some(end);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read() {
        for (country, length) in [
            ("DE", 22),
            ("GB", 22),
            ("NO", 15),
            ("MT", 31),
            ("RU", 33),
            ("FR", 27),
        ] {
            let shape = iban_shape(country).unwrap();
            assert_eq!(4 + shape_length(shape), length, "{country}");
        }
    }
}
