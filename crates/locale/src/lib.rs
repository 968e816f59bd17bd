//! What depends on a language: texts, numbers, prices and dates, chosen by a
//! language tag.
//!
//! Each file of `locales/` is a language. `build.rs` reads them all and writes
//! the type [`Locale`]: a fixed text is a field (`locale.cart`), a text with
//! variables is a function (`locale.results(12)`). A text that one language
//! lacks does not compile; a text that nothing uses fails a test.
#![forbid(unsafe_code)]

mod formats;
mod messages;

pub use fluent_bundle::FluentValue as Value;

use std::sync::LazyLock;

use shop::{Money, Separators, Timestamp};

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

static LOCALES: LazyLock<Vec<Locale>> = LazyLock::new(|| {
    SOURCES
        .iter()
        .map(|(tag, source)| Locale::load(tag, source))
        .collect()
});

impl Locale {
    /// Every language, English first.
    pub fn all() -> &'static [Self] {
        &LOCALES
    }

    /// English: the language of whoever states none that we have.
    pub fn english() -> &'static Self {
        &LOCALES[0]
    }

    /// The language with this tag (`de`, `de-AT`, `de_AT`); script and region
    /// do not matter.
    pub fn of(tag: &str) -> Option<&'static Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        LOCALES
            .iter()
            .find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    /// The language with this tag, or English.
    pub fn or_english(tag: &str) -> &'static Self {
        Self::of(tag).unwrap_or_else(Self::english)
    }

    /// The one of ours that an `Accept-Language` header likes best (RFC 9110,
    /// 12.5.4): by weight, then in its order; weight 0 refuses.
    pub fn accepted(header: &str) -> Option<&'static Self> {
        let mut best: Option<(f32, &'static Self)> = None;
        for part in header.split(',') {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
            let Some(locale) = Self::of(tag).filter(|_| weight > 0.0) else {
                continue;
            };
            if best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }

    /// As ISO 639-1, for `lang` attributes and requests.
    pub fn tag(&self) -> &'static str {
        self.fluent.tag
    }

    /// A whole number with its thousands apart.
    pub fn integer(&self, number: i64) -> String {
        self.icu.integer(number)
    }

    /// A number with so many digits after the separator.
    pub fn decimal(&self, number: f64, digits: u8) -> String {
        self.icu.decimal(number, digits)
    }

    /// An amount with the sign of its currency: `$1,999.00`, `49,90 €`.
    pub fn money(&self, money: Money) -> String {
        let amount = self
            .icu
            .minor_units(money.amount.unsigned_abs(), money.currency);
        let sign = self.currency_sign(money.currency.as_str());
        // A code is a word: it stands apart from the number.
        let apart = sign.map_or_else(|| format!("{}\u{a0}", money.currency), str::to_owned);
        let text = self.price(amount, apart);
        let text = text.trim_end_matches('\u{a0}');
        match money.amount < 0 {
            true => format!("-{text}"),
            false => text.to_owned(),
        }
    }

    /// The sign of a currency, where the language has one.
    fn currency_sign(&self, code: &str) -> Option<&'static str> {
        self.currency_signs
            .split('·')
            .filter_map(|pair| pair.trim().split_once(' '))
            .find(|(known, _)| *known == code)
            .map(|(_, sign)| sign)
    }

    /// The calendar date (UTC): `May 1, 2026`, `01.05.2026`.
    pub fn date(&self, time: Timestamp) -> String {
        self.icu.date(time)
    }

    /// Date and time of day (UTC), to the minute.
    pub fn date_time(&self, time: Timestamp) -> String {
        self.icu.date_time(time)
    }

    /// What stands between the digits of a number.
    pub fn separators(&self) -> Separators {
        self.icu.separators
    }

    /// The texts that the pages' scripts show, by the names that they use.
    /// A variable stands in them as `{name}`.
    pub fn script_texts(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        SCRIPT_TEXTS.iter().map(|(script, name, variables)| {
            let gaps = variables.iter().map(|variable| {
                let gap = format!("{{{variable}}}");
                (*variable, Value::from(gap))
            });
            (*script, self.fluent.say(name, gaps))
        })
    }
}

impl std::fmt::Debug for Locale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Locale({})", self.tag())
    }
}

impl PartialEq for Locale {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }
}

impl Eq for Locale {}

#[cfg(test)]
mod tests;
