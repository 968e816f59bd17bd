//! Numbers with their units: `1 TB`, `1tb` and `1 terabyte` are one word to
//! the index, and so are `3 1/2 in.`'s `1/2 in.`, `1/2"` and `1/2 inch`.

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
