//! Decimal numbers as people write them: `1,299.00`, `1.299,00`, `1 299,00`,
//! `1’299.00`, `1,29,900`.

/// What stands between the digits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separators {
    /// Before the fraction: `.` in English, `,` in German.
    pub decimal: char,
    /// Between thousands: `,` in English, `.` in German.
    pub group: char,
}

impl Separators {
    /// Reads a number into digits with a `.` before the fraction and a `-`
    /// before what is negative; nothing where the text is no such number.
    /// Blanks and apostrophes separate thousands in every language.
    pub fn read(self, text: &str) -> Option<String> {
        let (sign, digits) = signed(text);
        let (whole, fraction) = match digits.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits.as_str(), None),
        };
        let whole = ungrouped(whole, self.group)?;
        let fraction = match fraction {
            Some(fraction) if is_digits(fraction) => format!(".{fraction}"),
            Some(_) => return None,
            None => String::new(),
        };
        Some(format!("{sign}{whole}{fraction}"))
    }

    /// The separators of a number whose language nobody says. Of two marks the
    /// last one is decimal; one that repeats groups thousands; one alone is
    /// decimal, save for a comma with three digits behind it (`1,299`), which
    /// English, Chinese and Japanese write for thousands.
    pub fn of(text: &str) -> Self {
        const COMMA_IS_DECIMAL: Separators = Separators {
            decimal: ',',
            group: '.',
        };
        const POINT_IS_DECIMAL: Separators = Separators {
            decimal: '.',
            group: ',',
        };
        let (_, digits) = signed(text);
        let count = |mark| digits.matches(mark).count();
        let comma_is_decimal = match (digits.rfind(','), digits.rfind('.')) {
            (Some(comma), Some(point)) => comma > point,
            (Some(comma), None) => {
                let thousands = digits.len() - comma - 1 == 3 && !digits.starts_with("0,");
                count(',') == 1 && !thousands
            }
            (None, Some(_)) => count('.') > 1,
            (None, None) => false,
        };
        match comma_is_decimal {
            true => COMMA_IS_DECIMAL,
            false => POINT_IS_DECIMAL,
        }
    }
}

/// The sign, and the digits with their marks: full-width ones become ASCII.
fn signed(text: &str) -> (&'static str, String) {
    let narrow = |c: char| match c {
        '０'..='９' | '，' | '．' | '－' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '−' => '-',
        '’' => '\'',
        _ if c.is_whitespace() => '\'',
        _ => c,
    };
    let digits: String = text.trim().chars().map(narrow).collect();
    match digits.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start_matches('\'').to_owned()),
        None => ("", digits),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits without what groups them: three at the end, before that two
/// (Indian lakhs) or three at a time.
fn ungrouped(whole: &str, group: char) -> Option<String> {
    let parts: Vec<&str> = whole.split([group, '\'']).collect();
    let first = parts.first().filter(|part| !part.is_empty())?;
    let last = parts.len() - 1;
    let right = parts
        .iter()
        .enumerate()
        .skip(1)
        .all(|(at, part)| part.len() == 3 || at < last && part.len() == 2);
    let sized = last == 0 || first.len() <= 3;
    (right && sized && parts.iter().all(|part| is_digits(part))).then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: Separators = Separators {
        decimal: ',',
        group: '.',
    };
    const ENGLISH: Separators = Separators {
        decimal: '.',
        group: ',',
    };

    #[test]
    fn numbers_of_a_language() {
        for (separators, text, expected) in [
            (GERMAN, "49,90", Some("49.90")),
            (GERMAN, "1.299", Some("1299")),
            (GERMAN, "1.299.000,5", Some("1299000.5")),
            (GERMAN, "49.90", None),
            (GERMAN, "1,299.00", None),
            (ENGLISH, "1,299.00", Some("1299.00")),
            (ENGLISH, "49,90", None),
            (ENGLISH, "1,29,900", Some("129900")),
            (ENGLISH, "1 299.00", Some("1299.00")),
            (ENGLISH, "1’299.00", Some("1299.00")),
            (ENGLISH, "-3", Some("-3")),
            (ENGLISH, "− 3", Some("-3")),
            (ENGLISH, "１，９９９．５", Some("1999.5")),
            (ENGLISH, "1,,299", None),
            (ENGLISH, ",5", None),
            (ENGLISH, "", None),
            (ENGLISH, "1.2.3", None),
        ] {
            assert_eq!(separators.read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn numbers_of_no_known_language() {
        for (text, expected) in [
            ("49,90", Some("49.90")),
            ("49,9", Some("49.9")),
            ("1.299,00", Some("1299.00")),
            ("1,299.00", Some("1299.00")),
            ("1,299", Some("1299")),
            ("1.299", Some("1.299")),
            ("1.299.000", Some("1299000")),
            ("0,299", Some("0.299")),
            ("1 299,00", Some("1299.00")),
            ("19.99", Some("19.99")),
            ("12a", None),
        ] {
            assert_eq!(
                Separators::of(text).read(text).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_number_or_none(text in "[-0-9., ’a]{0,12}") {
            if let Some(read) = Separators::of(&text).read(&text) {
                proptest::prop_assert!(read.parse::<f64>().is_ok(), "{}", read);
            }
        }
    }
}
