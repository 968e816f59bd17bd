//! Prices as other programs write them.

use locale::Locale;
use shop::{Currency, Money, RecordError, Separators};

/// Reads `19.99 USD`, `USD 19.99`, `$1,299.00`, `19,99 €`, `1999`, written as
/// the language with this tag writes numbers where that is known; `field`
/// names the column in the error.
pub(super) fn price(
    text: &str,
    default: Currency,
    language: &str,
    field: &str,
) -> Result<Money, RecordError> {
    let text = text.trim();
    let wrong = |reason: &dyn ToString| RecordError::new(field, reason.to_string());
    let number: String = text
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '\'' | '’'))
        .collect();
    let currency = currency(text, default).map_err(|error| wrong(&error))?;
    let spoken = Locale::of(language).map(Locale::separators);
    let by_language = spoken.map(|marks| Money::from_written(&number, currency, marks));
    // Feeds write 19.99 in every language: what is no number of the language
    // is read as one of none.
    let money = match by_language {
        Some(Ok(money)) => money,
        _ => Money::from_written(&number, currency, Separators::of(&number)).map_err(|_| {
            wrong(&format!(
                "{text:?} is not an amount of {currency}, as in 19.99 {currency}"
            ))
        })?,
    };
    if money.amount < 0 {
        return Err(wrong(&format!(
            "{money} is negative: a price is at least 0"
        )));
    }
    Ok(money)
}

fn currency(text: &str, default: Currency) -> Result<Currency, shop::MoneyError> {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    if !letters.is_empty() {
        return letters.parse();
    }
    let named = match text.chars().find(|c| "$€£¥₩₹₽".contains(*c)) {
        Some('€') => "EUR",
        Some('£') => "GBP",
        Some('₩') => "KRW",
        Some('₹') => "INR",
        Some('₽') => "RUB",
        // Yuan and yen share a sign, and many countries have dollars.
        Some('¥') if default.as_str() != "JPY" => "CNY",
        _ => return Ok(default),
    };
    named.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() {
        for (text, expected) in [
            ("19.99 USD", Some("19.99 USD")),
            ("EUR 5", Some("5.00 EUR")),
            ("$1,299.00", Some("1299.00 USD")),
            ("1.299,00 €", Some("1299.00 EUR")),
            ("19,99", Some("19.99 USD")),
            ("1,299", Some("1299.00 USD")),
            ("¥199", Some("199.00 CNY")),
            ("1980 JPY", Some("1980 JPY")),
            ("-5 USD", None),
            ("free", None),
            ("", None),
            ("19.999 USD", None),
        ] {
            let found = price(text, Currency::USD, "", "price").ok();
            assert_eq!(
                found.map(|money| money.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn prices_of_a_language() {
        for (language, text, expected) in [
            ("de", "49,90 EUR", Some("49.90 EUR")),
            ("de-AT", "1.299 €", Some("1299.00 EUR")),
            ("de", "19.99 EUR", Some("19.99 EUR")),
            ("en", "1,299", Some("1299.00 USD")),
            ("es", "1.299,5 €", Some("1299.50 EUR")),
            ("", "1.299 €", None),
        ] {
            let found = price(text, Currency::USD, language, "price").ok();
            let found = found.map(|money| money.to_string());
            assert_eq!(found.as_deref(), expected, "{language} {text}");
        }
    }
}
