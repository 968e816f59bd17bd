//! Prices as other programs write them.

use serde_json::Value;
use shop::{Currency, Money, RecordError, Separators};

use super::row::text_of;

/// How the reason begins where a price has no currency.
pub(super) const NO_CURRENCY: &str = "no currency is named";

/// How the prices of a file are to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prices {
    /// The currency of prices that name none.
    pub(super) currency: Option<Currency>,
    /// The marks that most numbers of the file show.
    pub(super) separators: Option<Separators>,
}

impl Prices {
    /// Reads `19.99 USD`, `USD 19.99`, `$1,299.00`, `19,99 €`, `1999`, a
    /// number, an object of amount and currency; `own` is what a column of the
    /// row says of its currency, `field` names the column in an error.
    pub(super) fn read(
        &self,
        value: &Value,
        own: Option<&str>,
        field: &str,
    ) -> Result<Money, RecordError> {
        let wrong = |reason: &dyn ToString| RecordError::new(field, reason.to_string());
        if value.is_object() {
            return serde_json::from_value(value.clone()).map_err(|reason| wrong(&reason));
        }
        let text = text_of(value).unwrap_or_default();
        let shown = || text.chars().take(40).collect::<String>();
        if !text.contains(|c: char| c.is_ascii_digit()) {
            let reason = format!("{:?} is not an amount, as in 19.99", shown());
            return Err(wrong(&reason));
        }
        let default = match own.map(str::trim).filter(|own| !own.is_empty()) {
            Some(own) => Some(named(own, self.currency).map_err(|error| wrong(&error))?),
            None => None,
        };
        let default = default.flatten().or(self.currency);
        let currency = named(&letters(&text), default).map_err(|error| wrong(&error))?;
        let Some(currency) = currency else {
            return Err(wrong(&format!(
                "{NO_CURRENCY}: say --currency, as in --currency EUR"
            )));
        };
        if let Value::Number(number) = value
            && let Some(float) = number.as_f64()
        {
            return Ok(minor_units(float, currency));
        }
        let number = digits(&text);
        let by_file = self
            .separators
            .map(|marks| Money::from_written(&number, currency, marks));
        match by_file {
            Some(Ok(money)) => Ok(money),
            _ => Money::from_written(&number, currency, Separators::of(&number)).map_err(|_| {
                let shown = shown();
                wrong(&format!(
                    "{shown:?} is not an amount of {currency}, as in 19.99 {currency}"
                ))
            }),
        }
    }

    /// Reads what cannot be less than nothing.
    pub(super) fn price(
        &self,
        value: &Value,
        own: Option<&str>,
        field: &str,
    ) -> Result<Money, RecordError> {
        let money = self.read(value, own, field)?;
        if money.amount < 0 {
            let reason = format!("{money} is negative: a price is at least 0");
            return Err(RecordError::new(field, reason));
        }
        Ok(money)
    }
}

/// What stands in a price besides its number.
fn letters(text: &str) -> String {
    let is_number = |c: char| {
        c.is_ascii_digit() || c.is_whitespace() || matches!(c, '.' | ',' | '-' | '\'' | '’')
    };
    text.chars().filter(|c| !is_number(*c)).collect()
}

fn digits(text: &str) -> String {
    let of_number = |c: &char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '\'' | '’');
    text.chars().filter(of_number).collect()
}

/// The currency of a code or sign; nothing where it may be one of several.
fn named(text: &str, default: Option<Currency>) -> Result<Option<Currency>, shop::MoneyError> {
    let code = match text.trim() {
        // Yuan and yen share a sign, and many countries have dollars and crowns.
        "" | "$" | "¥" | "￥" | "kr" | "kr." => return Ok(default),
        "€" | "Euro" => "EUR",
        "£" => "GBP",
        "₩" | "원" => "KRW",
        "₹" | "Rs" => "INR",
        "₽" | "руб" => "RUB",
        "₺" | "TL" => "TRY",
        "₴" => "UAH",
        "₫" => "VND",
        "฿" => "THB",
        "₪" => "ILS",
        "zł" => "PLN",
        "Kč" => "CZK",
        "Ft" => "HUF",
        "円" => "JPY",
        "元" | "RMB" => "CNY",
        "US$" => "USD",
        "CA$" | "C$" => "CAD",
        "AU$" | "A$" => "AUD",
        "NZ$" => "NZD",
        "HK$" => "HKD",
        "NT$" => "TWD",
        "S$" => "SGD",
        "R$" => "BRL",
        "MX$" => "MXN",
        other => other,
    };
    code.parse().map(Some)
}

/// A price that was written as a decimal number.
pub(super) fn minor_units(price: f64, currency: Currency) -> Money {
    let scale = 10_f64.powi(currency.exponent() as i32);
    Money::new((price * scale).round() as i64, currency)
}

/// The marks that the numbers of a file show, where they show any: `12,90`
/// and `1.299,00` have a decimal comma, `12.90` has none.
pub(super) fn separators_of<'v>(values: impl Iterator<Item = &'v Value>) -> Option<Separators> {
    let (mut comma, mut point) = (0, 0);
    for text in values.filter_map(Value::as_str).map(digits) {
        let Some(at) = text.rfind([',', '.']) else {
            continue;
        };
        let marks = text.matches([',', '.']).count();
        // Three digits behind a single mark may be thousands.
        if text.len() - at - 1 == 3 && marks == 1 {
            continue;
        }
        match Separators::of(&text).decimal {
            ',' => comma += 1,
            _ => point += 1,
        }
    }
    match comma.cmp(&point) {
        std::cmp::Ordering::Greater => Some(Separators {
            decimal: ',',
            group: '.',
        }),
        std::cmp::Ordering::Less => Some(Separators {
            decimal: '.',
            group: ',',
        }),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() {
        let usd = Some(Currency::USD);
        for (text, own, default, expected) in [
            ("19.99 USD", None, None, Some("19.99 USD")),
            ("EUR 5", None, None, Some("5.00 EUR")),
            ("$1,299.00", None, usd, Some("1299.00 USD")),
            ("$1,299.00", None, None, None),
            ("US$5", None, None, Some("5.00 USD")),
            ("1.299,00 €", None, None, Some("1299.00 EUR")),
            ("1 299,00\u{a0}€", None, None, Some("1299.00 EUR")),
            ("19,99", None, usd, Some("19.99 USD")),
            ("1,299", None, usd, Some("1299.00 USD")),
            ("¥199", Some("CNY"), None, Some("199.00 CNY")),
            ("12,90", Some("EUR"), usd, Some("12.90 EUR")),
            ("12,90", Some("Taler"), usd, None),
            ("12,90", None, None, None),
            ("1980 JPY", None, None, Some("1980 JPY")),
            ("-5 USD", None, None, None),
            ("free", None, usd, None),
            ("", None, usd, None),
            ("19.999 USD", None, None, None),
        ] {
            let prices = Prices {
                currency: default,
                separators: None,
            };
            let found = prices.price(&Value::from(text), own, "price").ok();
            let found = found.map(|money| money.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_marks_of_a_file_decide_what_one_number_leaves_open() {
        let values = |texts: &[&str]| -> Vec<Value> {
            texts.iter().map(|text| Value::from(*text)).collect()
        };
        for (texts, text, expected) in [
            (&["12,90", "4"][..], "1.299", Some("1299.00 EUR")),
            (&["12.90"], "1,299", Some("1299.00 EUR")),
            (&["12,90"], "19.99", Some("19.99 EUR")),
            (&[], "1.299", None),
        ] {
            let file = values(texts);
            let prices = Prices {
                currency: "EUR".parse().ok(),
                separators: separators_of(file.iter()),
            };
            let found = prices.price(&Value::from(text), None, "price").ok();
            assert_eq!(
                found.map(|money| money.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
