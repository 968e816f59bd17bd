//! The text of a filter becomes an [`Expression`]; an error says at which
//! character what was expected.

use super::expression::{Comparison, Expression, NEAR};
use super::fields::{NamedField, NamedFields};
use crate::GeoPoint;

/// How deep brackets and NOT may nest.
const DEEPEST: usize = 32;
/// How many conditions there may be.
const MOST_CONDITIONS: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Lexeme {
    Word(String),
    Quoted(String),
    Sign(&'static str),
    End,
}

impl Lexeme {
    fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Quoted(text) => shortened(text),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end".to_owned(),
        }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// Reads a whole filter, and where it names which field.
pub(super) fn parse(text: &str) -> Result<(Expression, NamedFields), String> {
    let lexemes = lexemes(text)?;
    let mut parser = Parser {
        lexemes,
        at: 0,
        conditions: 0,
        named: Vec::new(),
    };
    let expression = parser.any(0)?;
    match parser.peek() {
        Lexeme::End => Ok((expression, NamedFields(parser.named))),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

const SIGNS: [&str; 13] = [
    "<=", ">=", "!=", "==", "<", ">", "=", "(", ")", "[", "]", ",", "!",
];

/// The parts of a text with the character that each begins at, from 1.
fn lexemes(text: &str) -> Result<Vec<(usize, Lexeme)>, String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let start = at;
        let letter = letters[at];
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        let sign = SIGNS.into_iter().find(|sign| {
            let end = at + sign.len();
            end <= letters.len() && sign.chars().eq(letters[at..end].iter().copied())
        });
        if let Some(sign) = sign {
            at += sign.len();
            found.push((start + 1, Lexeme::Sign(sign)));
        } else if letter == '"' || letter == '\'' {
            let mut value = String::new();
            at += 1;
            loop {
                match letters.get(at) {
                    None => {
                        return Err(format!(
                            "at character {}: the text that begins here has no closing {letter}",
                            start + 1
                        ));
                    }
                    Some('\\') if at + 1 < letters.len() => {
                        value.push(letters[at + 1]);
                        at += 2;
                    }
                    Some(end) if *end == letter => break,
                    Some(other) => {
                        value.push(*other);
                        at += 1;
                    }
                }
            }
            at += 1;
            found.push((start + 1, Lexeme::Quoted(value)));
        } else {
            let ends = |c: char| c.is_whitespace() || "<>=!()[],".contains(c);
            while at < letters.len() && !ends(letters[at]) {
                at += 1;
            }
            found.push((start + 1, Lexeme::Word(letters[start..at].iter().collect())));
        }
    }
    found.push((letters.len() + 1, Lexeme::End));
    Ok(found)
}

struct Parser {
    lexemes: Vec<(usize, Lexeme)>,
    at: usize,
    conditions: usize,
    named: Vec<NamedField>,
}

impl Parser {
    fn peek(&self) -> &Lexeme {
        &self.lexemes[self.at.min(self.lexemes.len() - 1)].1
    }

    fn next(&mut self) -> Lexeme {
        let lexeme = self.peek().clone();
        self.at += 1;
        lexeme
    }

    fn expected(&self, what: &str) -> String {
        let (character, lexeme) = &self.lexemes[self.at.min(self.lexemes.len() - 1)];
        format!(
            "at character {character}: expected {what}, found {}",
            lexeme.shown()
        )
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Lexeme::Sign(other) if *other == sign);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.all(depth)?];
        while self.take_keyword("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.one(depth)?];
        while self.take_keyword("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err(self.expected(&format!(
                "no more than {DEEPEST} brackets or NOTs inside each other"
            )));
        }
        if self.take_keyword("NOT") || self.take_sign("!") {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take_sign("(") {
            let inside = self.any(depth + 1)?;
            if !self.take_sign(")") {
                return Err(self.expected("AND, OR or \")\""));
            }
            return Ok(inside);
        }
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(self.expected(&format!("no more than {MOST_CONDITIONS} conditions")));
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Expression, String> {
        let path = match self.peek() {
            Lexeme::Word(word) | Lexeme::Quoted(word) if !word.is_empty() => word.clone(),
            _ => return Err(self.expected("the name of a field")),
        };
        self.named.push(NamedField {
            path: path.clone(),
            character: Some(self.lexemes[self.at].0),
        });
        self.at += 1;
        if path.eq_ignore_ascii_case(NEAR) && self.take_sign("(") {
            return self.near();
        }
        if self.take_keyword("EXISTS") {
            return Ok(Expression::Exists(path));
        }
        if self.take_keyword("IN") {
            return Ok(Expression::Is(path, self.list()?));
        }
        if self.take_keyword("NOT") {
            let inside = if self.take_keyword("EXISTS") {
                Expression::Exists(path)
            } else if self.take_keyword("IN") {
                Expression::Is(path, self.list()?)
            } else {
                return Err(self.expected("IN or EXISTS"));
            };
            return Ok(Expression::Not(Box::new(inside)));
        }
        let sign = match self.peek() {
            Lexeme::Sign(sign) => *sign,
            _ => "",
        };
        let comparison = match sign {
            "=" | "==" | "!=" => None,
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::AtMost),
            ">" => Some(Comparison::More),
            ">=" => Some(Comparison::AtLeast),
            _ => return self.range(path),
        };
        self.at += 1;
        let value = self.value()?;
        Ok(match comparison {
            Some(comparison) => Expression::Compares(path, comparison, value),
            None if sign == "!=" => Expression::Not(Box::new(Expression::Is(path, vec![value]))),
            None => Expression::Is(path, vec![value]),
        })
    }

    /// `_geoRadius(48.137, 11.575, 2000)`: latitude, longitude, metres.
    fn near(&mut self) -> Result<Expression, String> {
        const EXPECTED: &str =
            "a latitude, a longitude and metres, as _geoRadius(48.1, 11.5, 2000)";
        let mut numbers = [0.0_f64; 3];
        for (place, number) in numbers.iter_mut().enumerate() {
            if place > 0 && !self.take_sign(",") {
                return Err(self.expected(EXPECTED));
            }
            let Lexeme::Word(word) = self.peek() else {
                return Err(self.expected(EXPECTED));
            };
            let read = word.parse().ok().filter(|number: &f64| number.is_finite());
            *number = read.ok_or_else(|| self.expected(EXPECTED))?;
            self.at += 1;
        }
        if !self.take_sign(")") {
            return Err(self.expected("\")\""));
        }
        let [latitude, longitude, metres] = numbers;
        match GeoPoint::new(latitude, longitude) {
            Some(place) if metres >= 0.0 => Ok(Expression::Near(place, metres)),
            _ => {
                self.at -= 1;
                Err(self.expected("a latitude of -90 to 90, a longitude of -180 to 180 and no less than 0 metres before \")\""))
            }
        }
    }

    /// `price 10 TO 20`, both inclusive.
    fn range(&mut self, path: String) -> Result<Expression, String> {
        const SIGNS: &str = "=, !=, <, <=, >, >=, IN, EXISTS or a range as 10 TO 20";
        let Lexeme::Word(low) = self.peek().clone() else {
            return Err(self.expected(SIGNS));
        };
        let is_range = self
            .lexemes
            .get(self.at + 1)
            .is_some_and(|(_, lexeme)| lexeme.is_keyword("TO"));
        if !is_range {
            return Err(self.expected(SIGNS));
        }
        self.at += 2;
        let high = self.value()?;
        Ok(Expression::All(vec![
            Expression::Compares(path.clone(), Comparison::AtLeast, low),
            Expression::Compares(path, Comparison::AtMost, high),
        ]))
    }

    /// A quoted text, or words up to what goes on.
    fn value(&mut self) -> Result<String, String> {
        if let Lexeme::Quoted(text) = self.peek() {
            let text = text.clone();
            self.at += 1;
            return Ok(text);
        }
        let mut words: Vec<String> = Vec::new();
        while let Lexeme::Word(word) = self.peek() {
            if self.peek().is_keyword("AND") || self.peek().is_keyword("OR") {
                break;
            }
            words.push(word.clone());
            self.at += 1;
        }
        if words.is_empty() {
            return Err(self.expected("a value"));
        }
        Ok(words.join(" "))
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        let end = match self.next() {
            Lexeme::Sign("[") => "]",
            Lexeme::Sign("(") => ")",
            _ => {
                self.at -= 1;
                return Err(self.expected("a list as [red, \"dark blue\"]"));
            }
        };
        let mut values = Vec::new();
        loop {
            if self.take_sign(end) {
                return Ok(values);
            }
            values.push(self.value()?);
            if !self.take_sign(",") && !matches!(self.peek(), Lexeme::Sign(sign) if *sign == end) {
                return Err(self.expected(&format!("\",\" or {end:?}")));
            }
        }
    }
}

/// A text in quotes, cut where nobody would read on.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        many(parts)
    }
}
