use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Separators;

/// An ISO 4217 currency code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// An amount in the minor units of its currency (cents, fen, yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = Money::new(1_999, Currency::USD))]
pub struct Money {
    /// Minor units; negative for money that goes back.
    pub amount: i64,
    /// The currency that says what a minor unit is.
    pub currency: Currency,
}

/// Why a text is not money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three letters.
    #[error("{0:?} is not a currency: write an ISO 4217 code, as in USD or CNY")]
    Currency(String),
    /// Not a decimal number, or more digits after the point than the currency has.
    #[error("{0:?} is not an amount of {1}")]
    Amount(String, Currency),
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies met in one calculation.
    #[error("{0} and {1} cannot be added without a rate")]
    Mixed(Currency, Currency),
}

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// Chinese yuan.
    pub const CNY: Self = Self(*b"CNY");

    /// Digits after the decimal point (ISO 4217 exponent).
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let upper = text.trim().to_ascii_uppercase();
        match <[u8; 3]>::try_from(upper.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::Currency(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[A-Za-z]{3}$", "examples": ["USD"]})
    }
}

impl Money {
    /// `amount` minor units of `currency`.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Reads a decimal number as shops write it (`1,299.00`, `49,90`), in
    /// `currency`; [`Separators::of`] says how without a language.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::from_written(text, currency, Separators::of(text))
    }

    /// Reads a decimal number as a language writes it, in `currency`.
    pub fn from_written(
        text: &str,
        currency: Currency,
        separators: Separators,
    ) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::Amount(text.chars().take(40).collect(), currency);
        let number = separators.read(text).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let exponent = currency.exponent() as usize;
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > exponent {
            return Err(wrong());
        }
        let minor: i64 = format!("{whole}{fraction:0<exponent$}")
            .parse()
            .map_err(|_| MoneyError::Overflow)?;
        Ok(Self::new(minor, currency))
    }

    /// Adds an amount of the same currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let amount = self
            .amount
            .checked_add(other.amount)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }

    /// This amount `quantity` times.
    pub fn times(self, quantity: i64) -> Result<Self, MoneyError> {
        let amount = self
            .amount
            .checked_mul(quantity)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, self.currency))
    }
}

impl fmt::Display for Money {
    /// `19.99 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let scale = 10_u64.pow(exponent);
        let sign = if self.amount < 0 { "-" } else { "" };
        let absolute = self.amount.unsigned_abs();
        write!(f, "{sign}{}", absolute / scale)?;
        if exponent > 0 {
            write!(
                f,
                ".{:0width$}",
                absolute % scale,
                width = exponent as usize
            )?;
        }
        write!(f, " {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text() {
        for (text, currency, expected) in [
            ("19.99", "USD", Some(1_999)),
            ("1,299.00", "usd", Some(129_900)),
            ("19.9", "USD", Some(1_990)),
            ("49,90", "EUR", Some(4_990)),
            ("1.299,00", "EUR", Some(129_900)),
            ("-0,05", "EUR", Some(-5)),
            ("1980", "JPY", Some(1_980)),
            ("1980.000", "JPY", Some(1_980)),
            ("1.5", "JPY", None),
            ("1.234", "KWD", Some(1_234)),
            ("-3", "USD", Some(-300)),
            ("", "USD", None),
            ("12a", "USD", None),
            ("999999999999999999999", "USD", None),
        ] {
            let money = Money::from_decimal(text, currency.parse().unwrap());
            assert_eq!(money.ok().map(|money| money.amount), expected, "{text}");
        }
    }

    #[test]
    fn shown_with_the_currency_exponent() {
        assert_eq!(Money::new(1_905, Currency::USD).to_string(), "19.05 USD");
        assert_eq!(Money::new(-5, Currency::USD).to_string(), "-0.05 USD");
        assert_eq!(Money::new(7, "JPY".parse().unwrap()).to_string(), "7 JPY");
    }

    proptest::proptest! {
        #[test]
        fn decimal_round_trip(amount in -1_000_000_000_i64..1_000_000_000) {
            let money = Money::new(amount, Currency::CNY);
            let text = money.to_string();
            let number = text.split(' ').next().unwrap();
            proptest::prop_assert_eq!(Money::from_decimal(number, Currency::CNY).unwrap(), money);
        }
    }
}
