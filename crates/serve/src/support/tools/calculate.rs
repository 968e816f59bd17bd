use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::Snapshot;

use super::{Action, Refusal, Refused, Session};

/// Sums, differences, products and quotients of decimal numbers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    expression: String,
}

/// Precondition: the expression makes sense. The result is rounded to two
/// places.
pub(super) fn plan(
    _snapshot: &Snapshot,
    _session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let result = evaluate(&arguments.expression)
        .map_err(|reason| Refusal::new(Refused::Arguments, reason))?;
    Ok(vec![Action::Tell {
        found: json!({"result": result}),
    }])
}

/// Brackets inside brackets go no deeper.
const DEEPEST: usize = 32;

/// The value of `12.5 * (3 + 4)`, rounded to two places.
pub fn evaluate(expression: &str) -> Result<f64, String> {
    let letters: Vec<char> = expression.chars().filter(|c| !c.is_whitespace()).collect();
    let mut reader = Reader {
        letters: &letters,
        at: 0,
        depth: 0,
    };
    let value = reader.sum()?;
    if reader.at < letters.len() {
        return Err(format!("{:?} makes no sense here", letters[reader.at]));
    }
    if !value.is_finite() {
        return Err("the result is not a number: is something divided by zero?".to_owned());
    }
    Ok((value * 100.0).round() / 100.0)
}

struct Reader<'a> {
    letters: &'a [char],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn next_of(&mut self, any: &[char]) -> Option<char> {
        let letter = *self.letters.get(self.at)?;
        any.contains(&letter).then(|| {
            self.at += 1;
            letter
        })
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.next_of(&['+', '-']) {
            let other = self.product()?;
            value += if sign == '+' { other } else { -other };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        while let Some(sign) = self.next_of(&['*', '/']) {
            let other = self.signed()?;
            value = if sign == '*' {
                value * other
            } else {
                value / other
            };
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<f64, String> {
        let mut negative = false;
        while let Some(sign) = self.next_of(&['+', '-']) {
            negative ^= sign == '-';
        }
        let value = self.atom()?;
        Ok(if negative { -value } else { value })
    }

    fn atom(&mut self) -> Result<f64, String> {
        if self.next_of(&['(']).is_some() {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(format!("brackets go deeper than {DEEPEST}"));
            }
            let value = self.sum()?;
            self.depth -= 1;
            return match self.next_of(&[')']) {
                Some(_) => Ok(value),
                None => Err("a bracket is not closed".to_owned()),
            };
        }
        let start = self.at;
        while self
            .letters
            .get(self.at)
            .is_some_and(|c| c.is_ascii_digit() || *c == '.')
        {
            self.at += 1;
        }
        let number: String = self.letters[start..self.at].iter().collect();
        number
            .parse()
            .map_err(|_| format!("a number is missing at place {}", start + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_people_write_them() {
        for (expression, expected) in [
            ("200.8 + 96.35 + 193.38", Some(490.53)),
            ("135.24 - 153.23", Some(-17.99)),
            ("2 * (3 + 4) / 7", Some(2.0)),
            ("-(2)", Some(-2.0)),
            ("1/0", None),
            ("2 +", None),
            ("import os", None),
            ("2 3)", None),
            ("1..2", None),
            ("", None),
        ] {
            assert_eq!(evaluate(expression).ok(), expected, "{expression}");
        }
        assert!(evaluate(&"(".repeat(100_000)).is_err());
    }
}
