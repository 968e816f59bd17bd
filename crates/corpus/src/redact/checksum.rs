/// The Luhn check (ISO/IEC 7812-1) of payment cards.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The check digit of a Chinese identity number (GB 11643-1999, ISO 7064 mod
/// 11-2); 18 digits, where 10 stands for `X`.
pub(super) fn gb_11643(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let [body @ .., check] = digits else {
        return false;
    };
    if body.len() != WEIGHTS.len() || body.iter().any(|digit| *digit > 9) {
        return false;
    }
    let sum: u32 = WEIGHTS
        .iter()
        .zip(body)
        .map(|(weight, digit)| weight * u32::from(*digit))
        .sum();
    (12 - sum % 11) % 11 == u32::from(*check)
}

/// Whether these are the eight digits of a day on which a living person can
/// have been born.
pub(super) fn birth_date(digits: &[u8]) -> bool {
    let number = |part: &[u8]| {
        part.iter()
            .fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    let &[_, _, _, _, _, _, _, _] = digits else {
        return false;
    };
    let (year, month, day) = (
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    );
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1900..2100).contains(&year) && (1..=days).contains(&day)
}

/// The check of an IBAN without its spaces, in capitals (ISO 7064 mod 97-10).
pub(super) fn mod_97(iban: &str) -> bool {
    let Some((head, body)) = iban.split_at_checked(4) else {
        return false;
    };
    let mut rest = 0_u32;
    for c in body.chars().chain(head.chars()) {
        rest = match c.to_digit(36) {
            Some(value) if value < 10 => (rest * 10 + value) % 97,
            Some(value) => (rest * 100 + value) % 97,
            None => return false,
        };
    }
    rest == 1
}

/// The shape of a country's account numbers (the SWIFT IBAN registry): `n`
/// digits, `a` letters, `c` either, after the country and the check digits.
pub(super) fn iban_shape(country: &str) -> Option<&'static str> {
    const SHAPES: &str = "AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n \
        BR23n1a1c BY4c4n16c CH5n12c CR18n CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n EE16n EG25n \
        ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n GE2a16n GI4a15c GL14n GR7n16c GT24c HN4a20n \
        HR17n HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c KZ3n13c LB4n20c \
        LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MN16n \
        MR23n MT4a5n18c MU4a19n3a NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n \
        QA4a21c RO4a16c RS18n RU14n15c SA2n18c SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c \
        SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n VG4a16n XK16n YE4a4n18c";
    SHAPES
        .split_ascii_whitespace()
        .find_map(|entry| entry.strip_prefix(country))
}

/// Whether `body` (an IBAN from its fifth character) has this shape.
pub(super) fn has_shape(body: &str, shape: &str) -> bool {
    let mut characters = body.bytes();
    let mut count = 0_usize;
    for c in shape.bytes() {
        if c.is_ascii_digit() {
            count = count * 10 + usize::from(c - b'0');
            continue;
        }
        for _ in 0..std::mem::take(&mut count) {
            let fits = characters.next().is_some_and(|character| match c {
                b'n' => character.is_ascii_digit(),
                b'a' => character.is_ascii_uppercase(),
                _ => character.is_ascii_alphanumeric(),
            });
            if !fits {
                return false;
            }
        }
    }
    characters.next().is_none()
}

/// How many characters a shape describes.
pub(super) fn shape_length(shape: &str) -> usize {
    shape
        .split(|c: char| c.is_ascii_alphabetic())
        .filter_map(|count| count.parse::<usize>().ok())
        .sum()
}
