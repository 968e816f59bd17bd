//! How a language writes numbers and dates: CLDR's data, by the `icu` crates.

use icu_calendar::types::RataDie;
use icu_calendar::{Date, Gregorian};
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{YMD, YMDT};
use icu_datetime::input::{DateTime, Time};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use shop::{Currency, Separators, Timestamp};

/// 1970-01-01 as a fixed day number (R.D.), which counts from 0001-01-01.
const EPOCH: i64 = 719_163;

/// The formats of one language.
pub(crate) struct Formats {
    numbers: DecimalFormatter,
    dates: FixedCalendarDateTimeFormatter<Gregorian, YMD>,
    moments: FixedCalendarDateTimeFormatter<Gregorian, YMDT>,
    pub(crate) separators: Separators,
}

impl Formats {
    /// The formats of the language with this tag, of the root of all languages
    /// where CLDR does not know it.
    pub(crate) fn of(tag: &str) -> Self {
        const COMPILED: &str = "the data of the root language is compiled in";
        let locale: icu_locale_core::Locale =
            tag.parse().unwrap_or(icu_locale_core::Locale::UNKNOWN);
        let numbers = DecimalFormatter::try_new((&locale).into(), Default::default());
        let numbers = numbers.expect(COMPILED);
        let dates = FixedCalendarDateTimeFormatter::try_new((&locale).into(), YMD::medium());
        let moments = YMD::medium().with_time_hm();
        let moments = FixedCalendarDateTimeFormatter::try_new((&locale).into(), moments);
        let separators = separators_of(&numbers);
        Self {
            numbers,
            dates: dates.expect(COMPILED),
            moments: moments.expect(COMPILED),
            separators,
        }
    }

    pub(crate) fn integer(&self, number: i64) -> String {
        self.numbers.format(&Decimal::from(number)).to_string()
    }

    pub(crate) fn decimal(&self, number: f64, digits: u8) -> String {
        let text = format!("{number:.*}", usize::from(digits));
        // Not a number and the infinities have no digits to write.
        text.parse::<Decimal>()
            .map_or(text, |decimal| self.numbers.format(&decimal).to_string())
    }

    /// An amount of minor units as a number of whole units.
    pub(crate) fn minor_units(&self, amount: u64, currency: Currency) -> String {
        let mut decimal = Decimal::from(amount);
        let digits = i16::try_from(currency.exponent()).unwrap_or_default();
        decimal.multiply_pow10(-digits);
        self.numbers.format(&decimal).to_string()
    }

    pub(crate) fn date(&self, time: Timestamp) -> String {
        self.dates.format(&day_of(time)).to_string()
    }

    pub(crate) fn date_time(&self, time: Timestamp) -> String {
        let seconds = time.as_seconds().rem_euclid(86_400);
        let part = |number: i64| u8::try_from(number).unwrap_or_default();
        let (hour, minute) = (part(seconds / 3_600), part(seconds / 60 % 60));
        // Always within bounds; midnight is the fallback that never comes.
        let time_of_day = Time::try_new(hour, minute, part(seconds % 60), 0);
        let moment = DateTime {
            date: day_of(time),
            time: time_of_day.unwrap_or(Time::start_of_day()),
        };
        self.moments.format(&moment).to_string()
    }
}

fn day_of(time: Timestamp) -> Date<Gregorian> {
    Date::from_rata_die(RataDie::new(EPOCH + time.day()), Gregorian)
}

/// Reads the separators off a number that has both.
fn separators_of(numbers: &DecimalFormatter) -> Separators {
    let mut number = Decimal::from(12_345_678_u64);
    number.multiply_pow10(-1);
    let text = numbers.format(&number).to_string();
    let mut marks = text.chars().filter(|c| !c.is_alphanumeric());
    let group = marks.next().unwrap_or(',');
    let decimal = marks.next_back().unwrap_or('.');
    Separators { decimal, group }
}
