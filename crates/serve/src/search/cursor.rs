//! What a cursor remembers from page to page, written as one short text.

use super::query::SearchRequest;
use crate::ServeError;

/// How much a cursor remembers: more would be longer than an address may be.
const MOST_SHOWN: usize = 10_000;
/// Of each hash only so much is kept: of ten thousand two are the same once
/// in twenty thousand times.
const BITS: u64 = (1 << 40) - 1;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The highest bit of a byte says that the number goes on.
const GOES_ON: u8 = 0x80;

/// What was asked for and what was shown so far.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Cursor {
    /// What was asked for: words, filter, order.
    request: u64,
    /// Which of the words every product has to have, a bit for each; none
    /// where those with any of them are looked for.
    pub required: u64,
    /// The term coverage below which nothing is shown.
    pub threshold: CoverageThreshold,
    /// Hashes of what was shown, sorted.
    pub shown: Vec<u64>,
}

/// The weight of each term of a query, and the coverage that is enough to be
/// shown: what the first page found by is what the last one finds by, however
/// rare the words have become.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct CoverageThreshold {
    /// Of each term, in thousandths of all; terms beyond these weigh nothing.
    pub term_weights: Vec<u64>,
    /// The sum below which nothing is shown, in thousandths.
    pub minimum: u64,
}

/// What a cursor knows a product or a group by.
pub(super) fn hash(text: &str) -> u64 {
    corpus::search::encoder_input::token(text, false) & BITS
}

/// What a cursor holds on to: the same words, filter and order.
fn request_hash(request: &SearchRequest) -> u64 {
    let filter = serde_json::to_string(&request.filter).unwrap_or_default();
    hash(&format!(
        "{}\n{filter}\n{}\n{:?}",
        request.q, request.sort, request.distinct
    ))
}

impl Cursor {
    /// The cursor that a request brings, or one that has shown nothing.
    pub(super) fn of(request: &SearchRequest) -> Result<Self, ServeError> {
        let own = request_hash(request);
        match &request.cursor {
            Some(text) => Self::read(text, own),
            None => Ok(Self {
                request: own,
                ..Self::default()
            }),
        }
    }

    fn read(text: &str, request: u64) -> Result<Self, ServeError> {
        let invalid = |reason: &str| ServeError::Unknown {
            param: "cursor",
            reason: reason.to_owned(),
        };
        let foreign = || invalid("not a cursor that a search has answered with");
        let numbers = bytes(text).and_then(|bytes| numbers(&bytes));
        let numbers = numbers.ok_or_else(foreign)?;
        let head = numbers.split_first_chunk().ok_or_else(foreign)?;
        let (&[own, required, minimum, weights], rest) = head;
        let weights = usize::try_from(weights).unwrap_or(usize::MAX);
        let (weights, steps) = rest.split_at_checked(weights).ok_or_else(foreign)?;
        if steps.len() > MOST_SHOWN {
            return Err(foreign());
        }
        if own != request {
            return Err(invalid(
                "it belongs to another search: send the same words, filter and order with it",
            ));
        }
        let mut last = 0_u64;
        let shown = steps.iter().map(|step| {
            last = last.saturating_add(*step);
            last
        });
        Ok(Self {
            request,
            required,
            threshold: CoverageThreshold {
                term_weights: weights.to_vec(),
                minimum,
            },
            shown: shown.collect(),
        })
    }

    /// Notes what was shown.
    pub(super) fn note(&mut self, shown: impl Iterator<Item = u64>) {
        self.shown.extend(shown);
        self.shown.sort_unstable();
    }

    pub(super) fn has_shown(&self, hash: u64) -> bool {
        self.shown.binary_search(&hash).is_ok()
    }

    /// As text; `None` where it is too much to remember.
    pub(super) fn written(&self) -> Option<String> {
        if self.shown.len() > MOST_SHOWN {
            return None;
        }
        let mut bytes = Vec::new();
        let mut last = 0;
        let steps = self.shown.iter().map(|hash| {
            let step = hash - last;
            last = *hash;
            step
        });
        let weights = &self.threshold.term_weights;
        let head = [
            self.request,
            self.required,
            self.threshold.minimum,
            weights.len() as u64,
        ];
        // Sorted numbers are near to each other: their differences are short.
        for mut number in head.into_iter().chain(weights.iter().copied()).chain(steps) {
            while number >= u64::from(GOES_ON) {
                bytes.push(number as u8 | GOES_ON);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        Some(text(&bytes))
    }
}

/// Numbers of seven bits a byte, the lowest first.
fn numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let (mut number, mut shift) = (0_u64, 0);
    for byte in bytes {
        if shift > 56 {
            return None;
        }
        number |= u64::from(byte & !GOES_ON) << shift;
        shift += 7;
        if byte & GOES_ON == 0 {
            numbers.push(number);
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

/// Base64 for addresses (RFC 4648, section 5), without padding.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or_default());
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=three.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for four in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        for (place, letter) in four.iter().enumerate() {
            let digit = DIGITS.iter().position(|digit| digit == letter)? as u32;
            word |= digit << (18 - 6 * place);
        }
        if four.len() == 1 {
            return None;
        }
        let whole = word.to_be_bytes();
        bytes.extend_from_slice(&whole[1..four.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for count in 0..40 {
            let mut cursor = Cursor {
                request: hash("red shoes"),
                required: count * 3,
                threshold: CoverageThreshold {
                    term_weights: (0..count % 5).map(|word| 90 * word).collect(),
                    minimum: 350,
                },
                shown: Vec::new(),
            };
            cursor.note((0..count).map(|number| hash(&format!("p{number}"))));
            cursor.note([0, BITS].into_iter());
            let text = cursor.written().unwrap();
            assert_eq!(Cursor::read(&text, cursor.request).unwrap(), cursor);
            assert!(Cursor::read(&text, 1).is_err());
            for broken in ["", "x", &text[3..], "+123456789", "品牌品牌", "____"] {
                assert!(Cursor::read(broken, cursor.request).is_err(), "{broken}");
            }
        }
        let mut endless = Cursor::default();
        endless.note(0..MOST_SHOWN as u64);
        assert!(endless.written().is_some());
        endless.note([1 << 39].into_iter());
        assert_eq!(endless.written(), None);
        let long = text(&vec![0; MOST_SHOWN + 5]);
        assert!(Cursor::read(&long, 0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[A-Za-z0-9_-]{0,60}") {
            if let Ok(cursor) = Cursor::read(&text, 0) {
                proptest::prop_assert!(cursor.written().is_some());
            }
        }
    }
}
