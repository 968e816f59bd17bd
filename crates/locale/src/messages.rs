//! The texts of one language, as its Fluent file has them.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use icu_decimal::DecimalFormatter;
use intl_memoizer::Memoizable;
use intl_memoizer::concurrent::IntlLangMemoizer;
use unic_langid::LanguageIdentifier;

/// The texts of one language by their names.
pub(crate) struct Messages {
    pub(crate) tag: &'static str,
    bundle: FluentBundle<FluentResource>,
}

impl Messages {
    /// Reads a file that the build has checked.
    pub(crate) fn of(tag: &'static str, source: &'static str) -> Self {
        // What cannot be read is left out; the build let nothing such pass.
        let language = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Marks around every variable would be copied along with the text.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(number_of));
        let resource =
            FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
        Self { tag, bundle }
    }

    /// A text without variables.
    pub(crate) fn fixed(&self, name: &str) -> &'static str {
        // As many as there are texts, once: the languages stay to the end.
        Box::leak(self.say(name, []).into_boxed_str())
    }

    /// A text with its variables filled in.
    pub(crate) fn say<'a>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = (&'static str, FluentValue<'a>)>,
    ) -> String {
        let values = values.into_iter();
        let arguments: FluentArgs<'a> = values
            .map(|(name, value)| (Cow::Borrowed(name), value))
            .collect();
        let mut errors = Vec::new();
        match self
            .bundle
            .get_message(name)
            .and_then(|found| found.value())
        {
            Some(pattern) => self
                .bundle
                .format_pattern(pattern, Some(&arguments), &mut errors)
                .into_owned(),
            None => name.to_owned(),
        }
    }
}

/// Writes the whole numbers in texts as the language writes them.
fn number_of(value: &FluentValue<'_>, known: &IntlLangMemoizer) -> Option<String> {
    let FluentValue::Number(number) = value else {
        return None;
    };
    let written = known.with_try_get::<Numbers, _, _>((), |numbers| {
        let text = number.value.to_string();
        text.parse()
            .map_or(text, |decimal| numbers.0.format(&decimal).to_string())
    });
    written.ok()
}

/// The number format of a language, made once for its texts.
struct Numbers(DecimalFormatter);

impl Memoizable for Numbers {
    type Args = ();
    type Error = icu_provider::DataError;

    fn construct(language: LanguageIdentifier, (): ()) -> Result<Self, Self::Error> {
        let locale: icu_locale_core::Locale = language
            .to_string()
            .parse()
            .unwrap_or(icu_locale_core::Locale::UNKNOWN);
        DecimalFormatter::try_new((&locale).into(), Default::default()).map(Self)
    }
}
