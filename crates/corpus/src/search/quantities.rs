//! Numbers with their units: `1 TB`, `1tb`, `1 terabyte` and `1000 GB` are one
//! term to the index, and so are `3 1/2 in.`'s `1/2 in.`, `1/2"` and `1/2 inch`.

use std::borrow::Cow;

use super::analysis::{Piece, Unit};

/// How units are written, by the form that stands for all of them; a unit of
/// one letter counts only where it hangs on its number.
const UNITS: [(&str, &[&str]); 44] = [
    ("mm", &["mm", "millimeter", "millimeters", "millimetre"]),
    ("cm", &["cm", "centimeter", "centimeters", "centimetre"]),
    ("m", &["m", "meter", "meters", "metre", "metres"]),
    ("km", &["km"]),
    ("in", &["in", "inch", "inches", "zoll"]),
    ("ft", &["ft", "foot", "feet"]),
    ("yd", &["yd", "yard", "yards"]),
    ("mg", &["mg"]),
    ("g", &["g", "gram", "grams"]),
    ("kg", &["kg", "kilo", "kilos", "kilogram", "kilograms"]),
    ("lb", &["lb", "lbs", "pound", "pounds"]),
    ("oz", &["oz", "ounce", "ounces"]),
    ("ml", &["ml", "milliliter", "millilitre"]),
    ("cl", &["cl"]),
    ("l", &["l", "liter", "liters", "litre", "litres"]),
    ("gal", &["gal", "gallon", "gallons"]),
    ("qt", &["qt", "quart", "quarts"]),
    ("kb", &["kb"]),
    ("mb", &["mb", "megabyte", "megabytes"]),
    ("gb", &["gb", "gigabyte", "gigabytes"]),
    ("tb", &["tb", "terabyte", "terabytes"]),
    ("gbps", &["gbps", "gbit"]),
    ("mbps", &["mbps", "mbit"]),
    ("hz", &["hz", "hertz"]),
    ("mhz", &["mhz"]),
    ("ghz", &["ghz"]),
    ("w", &["w", "watt", "watts"]),
    ("kw", &["kw"]),
    ("v", &["v", "volt", "volts"]),
    ("a", &["a", "amp", "amps", "ampere"]),
    ("mah", &["mah"]),
    ("wh", &["wh"]),
    ("mp", &["mp", "megapixel", "megapixels"]),
    ("dpi", &["dpi"]),
    ("db", &["db"]),
    ("btu", &["btu"]),
    ("hp", &["horsepower"]),
    ("psi", &["psi"]),
    ("rpm", &["rpm"]),
    ("k", &["k"]),
    ("p", &["p"]),
    ("gpf", &["gpf"]),
    ("gpm", &["gpm"]),
    ("cu", &["cu"]),
];

fn unit(word: &str, attached: bool) -> Option<&'static str> {
    if !attached && word.len() == 1 && !matches!(word, "m" | "g" | "l" | "w" | "v") {
        return None;
    }
    UNITS
        .iter()
        .find(|(_, forms)| forms.contains(&word))
        .map(|(unit, _)| *unit)
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/'))
}

/// Units of one kind: the one that stands for them, and how many of it each is.
const KINDS: [(&str, &[(&str, f64)]); 9] = [
    ("mm", &[("mm", 1.0), ("cm", 10.0), ("m", 1e3), ("km", 1e6)]),
    ("in", &[("in", 1.0), ("ft", 12.0), ("yd", 36.0)]),
    ("g", &[("mg", 1e-3), ("g", 1.0), ("kg", 1e3)]),
    ("oz", &[("oz", 1.0), ("lb", 16.0)]),
    ("ml", &[("ml", 1.0), ("cl", 10.0), ("l", 1e3)]),
    ("qt", &[("qt", 1.0), ("gal", 4.0)]),
    (
        "gb",
        &[("kb", 1e-6), ("mb", 1e-3), ("gb", 1.0), ("tb", 1e3)],
    ),
    ("mhz", &[("hz", 1e-6), ("mhz", 1.0), ("ghz", 1e3)]),
    ("w", &[("w", 1.0), ("kw", 1e3)]),
];

/// A thousand to who counts in powers of two.
const BINARY_THOUSAND: f64 = 1024.0;

/// A number with its unit in the unit that stands for its kind: `1tb` is
/// `1000gb`, and so is `1024gb`. Other words stay as they are.
pub(super) fn canonical(word: &str) -> Cow<'_, str> {
    let Some((number, unit)) = attached(word) else {
        return Cow::Borrowed(word);
    };
    let Some(number) = value(number) else {
        return Cow::Borrowed(word);
    };
    let of_kind = KINDS.iter().find_map(|(standing, units)| {
        let (_, factor) = units.iter().find(|(other, _)| *other == unit)?;
        Some((*standing, *factor))
    });
    let (unit, mut number) = match of_kind {
        Some((standing, factor)) => (standing, number * factor),
        None => (unit, number),
    };
    // Memory is counted in powers of two and called by powers of ten.
    if unit == "gb" && number >= BINARY_THOUSAND && number % BINARY_THOUSAND == 0.0 {
        number = number / BINARY_THOUSAND * 1e3;
    }
    // Nine digits tell apart what is sold, and hide how it was reckoned.
    let number = (number * 1e6).round() / 1e6;
    Cow::Owned(format!("{number}{unit}"))
}

/// The value of `12`, `3.5` or `1/2`.
fn value(number: &str) -> Option<f64> {
    let value = match number.split_once('/') {
        Some((above, below)) => above.parse::<f64>().ok()? / below.parse::<f64>().ok()?,
        None => number.parse().ok()?,
    };
    (value.is_finite() && value < 1e15).then_some(value)
}

/// Whether a number goes on after a comma: groups of three digits to its end
/// (`1,299`), or a fraction with a unit after it (`3,5 mm`).
pub(super) fn goes_on(after: &str) -> bool {
    /// More groups make no number that means anything.
    const MOST_GROUPS: usize = 5;
    let digits = |text: &str| {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        text.len() - rest.len()
    };
    let mut at = 0;
    for _ in 0..MOST_GROUPS {
        let count = digits(&after[at..]);
        let rest = &after[at + count..];
        let more = rest.strip_prefix(',').is_some_and(|next| digits(next) > 0);
        match (count, more) {
            (3, false) => return true,
            (3, true) => at += count + 1,
            (1 | 2, false) if at == 0 => return begins_with_unit(rest),
            _ => return false,
        }
    }
    false
}

/// Whether a unit follows a number, on it or after a space.
fn begins_with_unit(rest: &str) -> bool {
    /// No unit is longer.
    const LONGEST: usize = 16;
    let word = rest.trim_start_matches([' ', '\u{a0}']);
    let letters: String = (word.chars().take(LONGEST))
        .take_while(|c| c.is_alphabetic())
        .collect();
    unit(&letters.to_lowercase(), word.len() == rest.len()).is_some()
}

/// A number without its separators of thousands, its decimals after a point.
pub(super) fn without_commas(number: &str) -> String {
    let thousands = number.split(',').skip(1).all(|group| {
        let digits = group.split(|c: char| !c.is_ascii_digit()).next();
        digits.is_some_and(|digits| digits.len() == 3)
    });
    number.replace(',', if thousands { "" } else { "." })
}

/// `500gb` as its number and its unit.
fn attached(word: &str) -> Option<(&str, &'static str)> {
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '/'))?;
    let (number, rest) = word.split_at(end);
    (is_number(number)).then_some(())?;
    Some((number, unit(rest, true)?))
}

/// The numbers of `2x4` and `60x80x2`.
pub(super) fn dimensions(piece: &Piece) -> Option<Vec<Piece>> {
    if !piece.text.contains('x') || !piece.text.is_ascii() {
        return None;
    }
    let sides: Vec<&str> = piece.text.split('x').collect();
    let plain = sides.len() > 1 && sides.iter().all(|side| is_number(side));
    plain.then(|| {
        let sides = sides.into_iter().map(|side| Piece {
            text: side.to_owned(),
            ..piece.clone()
        });
        sides.collect()
    })
}

/// Joins each number with the unit that follows it.
pub(super) fn joined(text: &str, units: Vec<Unit>) -> Vec<Unit> {
    let mut result: Vec<Unit> = Vec::with_capacity(units.len());
    for one in units {
        let Unit::Word(piece) = one else {
            result.push(one);
            continue;
        };
        if let Some((number, unit)) = attached(&piece.text) {
            result.push(measure(
                &piece,
                number,
                unit,
                Some(Piece {
                    text: piece.text[number.len()..].to_owned(),
                    ..piece.clone()
                }),
                piece.end,
            ));
            continue;
        }
        if let Some(Unit::Word(number)) = result.last()
            && is_number(&number.text)
            // The sides of one long `2x3x4…` all stand at its place.
            && let Some(between) = text.get(number.end..piece.start)
            && between.chars().all(|c| matches!(c, ' ' | '-' | '\u{a0}'))
            && let Some(unit) = unit(&piece.text, false)
        {
            let number = number.clone();
            result.pop();
            let end = piece.end;
            result.push(measure(&number, &number.text, unit, Some(piece), end));
            continue;
        }
        let mark = text[piece.end..].chars().next();
        if is_number(&piece.text)
            && let Some(unit) = mark.and_then(mark_unit)
        {
            let end = piece.end + mark.map_or(0, char::len_utf8);
            result.push(measure(&piece, &piece.text, unit, None, end));
            continue;
        }
        result.push(Unit::Word(piece));
    }
    result
}

fn mark_unit(mark: char) -> Option<&'static str> {
    match mark {
        '"' | '”' | '″' => Some("in"),
        '\'' | '’' | '′' => Some("ft"),
        _ => None,
    }
}

fn measure(first: &Piece, number: &str, unit: &str, unit_piece: Option<Piece>, end: usize) -> Unit {
    let mut parts = vec![Piece {
        text: number.to_owned(),
        ..first.clone()
    }];
    // `4k` and `1080p` are names: their parts say nothing.
    match unit {
        "k" | "p" => parts.clear(),
        _ => parts.extend(unit_piece),
    }
    Unit::Measure {
        joined: Piece {
            text: format!("{number}{unit}"),
            start: first.start,
            end,
        },
        parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quantity_is_one_term() {
        for (written, term) in [
            ("1tb", "1000gb"),
            ("1000gb", "1000gb"),
            ("1024gb", "1000gb"),
            ("2048gb", "2000gb"),
            ("500gb", "500gb"),
            ("512gb", "512gb"),
            ("1.5l", "1500ml"),
            ("150cl", "1500ml"),
            ("1/2in", "0.5in"),
            ("2ft", "24in"),
            ("0.75kg", "750g"),
            ("2.40ghz", "2400mhz"),
            ("10.0v", "10v"),
            ("4k", "4k"),
            ("s01", "s01"),
            ("1/0in", "1/0in"),
        ] {
            assert_eq!(canonical(written), term, "{written}");
        }
    }

    #[test]
    fn commas_in_numbers() {
        for (after, goes) in [
            ("299", true),
            ("299,000", true),
            ("299,0", false),
            ("5mm", true),
            ("5 mm", true),
            ("5 times", false),
            ("5", false),
            ("37,38", false),
        ] {
            assert_eq!(goes_on(after), goes, "{after}");
        }
        assert_eq!(without_commas("1,299.50"), "1299.50");
        assert_eq!(without_commas("3,5"), "3.5");
    }
}
