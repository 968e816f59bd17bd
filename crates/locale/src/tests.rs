use shop::Currency;

use super::*;

fn locale(tag: &str) -> &'static Locale {
    Locale::of(tag).unwrap()
}

/// What a reader sees: no-break spaces as spaces.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

#[test]
fn prices() {
    for (tag, amount, currency, expected) in [
        ("en", 199_900, "USD", "$1,999.00"),
        ("de", 4_990, "EUR", "49,90 €"),
        ("de", 199_900, "EUR", "1.999,00 €"),
        ("es", 4_990, "EUR", "49,90 €"),
        ("es", 1_999_900, "EUR", "19.999,00 €"),
        ("zh", 49_900, "CNY", "¥499.00"),
        ("en", -500, "USD", "-$5.00"),
        ("de", -500, "EUR", "-5,00 €"),
        ("en", 1_980, "JPY", "¥1,980"),
        ("en", 1_234, "KWD", "KWD 1.234"),
        ("de", 1_234, "KWD", "1,234 KWD"),
        ("en", 0, "USD", "$0.00"),
        ("en", 5, "USD", "$0.05"),
    ] {
        let money = Money::new(amount, currency.parse().unwrap());
        assert_eq!(plain(&locale(tag).money(money)), expected, "{tag} {money}");
    }
    assert!(
        !locale("en")
            .money(Money::new(i64::MIN, Currency::USD))
            .is_empty()
    );
}

#[test]
fn dates() {
    let time: Timestamp = "2026-05-01T21:30:59Z".parse().unwrap();
    for (tag, date, moment) in [
        ("en", "May 1, 2026", "May 1, 2026, 9:30 PM"),
        ("de", "01.05.2026", "01.05.2026, 21:30"),
        ("es", "1 may 2026", "1 may 2026, 21:30"),
        ("zh", "2026年5月1日", "2026年5月1日 21:30"),
    ] {
        assert_eq!(plain(&locale(tag).date(time)), date);
        assert_eq!(plain(&locale(tag).date_time(time)), moment);
    }
    let before: Timestamp = "1969-12-31T23:59:00Z".parse().unwrap();
    assert_eq!(locale("de").date_time(before), "31.12.1969, 23:59");
}

#[test]
fn counts() {
    for (tag, one, many) in [
        ("en", "1 result", "12,345 results"),
        ("de", "1 Ergebnis", "12.345 Ergebnisse"),
        ("es", "1 resultado", "12.345 resultados"),
        ("zh", "1 个结果", "12,345 个结果"),
    ] {
        assert_eq!(locale(tag).results(1), one);
        assert_eq!(locale(tag).results(12_345), many);
    }
}

#[test]
fn numbers() {
    for (tag, expected) in [("en", "1,234.5"), ("de", "1.234,5"), ("zh", "1,234.5")] {
        assert_eq!(locale(tag).decimal(1_234.46, 1), expected);
    }
    assert_eq!(locale("es").decimal(12_345.0, 0), "12.345");
    assert_eq!(locale("en").decimal(f64::NAN, 1), "NaN");
    let of = |tag| {
        (
            locale(tag).separators().decimal,
            locale(tag).separators().group,
        )
    };
    assert_eq!(
        [of("en"), of("de"), of("es")],
        [('.', ','), (',', '.'), (',', '.')]
    );
}

#[test]
fn the_language_that_is_accepted() {
    for (header, expected) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", Some("zh")),
        ("tlh,zh;q=0.4,en-GB;q=0.8", Some("en")),
        ("de-AT", Some("de")),
        ("es-419, en;q=0.9", Some("es")),
        ("en;q=0, es;q=0.1", Some("es")),
        ("tlh, qya", None),
        (";;;q=x", None),
        ("*", None),
    ] {
        let found = Locale::accepted(header).map(Locale::tag);
        assert_eq!(found, expected, "{header}");
    }
}

#[test]
fn every_language_says_every_text() {
    for locale in Locale::all() {
        assert!(!locale.language_name.is_empty());
        // A text that cannot be said is its own name.
        assert_ne!(locale.cart, "cart", "{locale:?}");
        for (name, text) in locale.script_texts() {
            assert!(!text.contains("script-"), "{locale:?} {name}: {text}");
        }
    }
    let names: Vec<_> = Locale::all().iter().map(Locale::tag).collect();
    assert_eq!(names[0], "en");
    assert!(names[1..].is_sorted(), "{names:?}");
}

proptest::proptest! {
    #[test]
    fn any_tag_is_no_panic(tag in ".*") {
        Locale::accepted(&tag);
        proptest::prop_assert!(!Locale::or_english(&tag).cart.is_empty());
    }

    #[test]
    fn any_time_has_a_date(micros in proptest::prelude::any::<i64>()) {
        let time = Timestamp::from_micros(micros);
        for locale in Locale::all() {
            proptest::prop_assert!(!locale.date_time(time).is_empty());
        }
    }
}
