//! The singular of an English word: what a term is. Words that are derived from
//! one another (`dress` and `dressing`, `rug` and `rugged`) are other things to
//! a shop, though Snowball gives them one stem.

use std::borrow::Cow;

/// Shorter words have no plural ending: `gas`, `bus`.
const SHORTEST: usize = 4;

/// The form that a word and its plural share, after Harman's S-stemmer (1991).
/// It is no word itself: where an `e` belongs to the plural (`dresses`) or to
/// the word (`horse`) nothing tells, so it goes in both, and `ie` becomes the
/// `y` that `ies` may come from.
pub(super) fn singular(word: &str) -> Cow<'_, str> {
    if word.len() < SHORTEST - 1 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let kept = ["ss", "us", "is"];
    let plural = word.len() >= SHORTEST
        && word.ends_with('s')
        && !kept.iter().any(|ending| word.ends_with(ending));
    let one = if plural {
        &word[..word.len() - 1]
    } else {
        word
    };
    if let Some(head) = one.strip_suffix("ie").filter(|head| head.len() > 1) {
        return Cow::Owned(format!("{head}y"));
    }
    let hissing = ["se", "xe", "ze", "che", "she", "oe"];
    if one.len() >= SHORTEST && hissing.iter().any(|ending| one.ends_with(ending)) {
        return Cow::Borrowed(&one[..one.len() - 1]);
    }
    Cow::Borrowed(one)
}

#[cfg(test)]
mod tests {
    use super::singular;

    #[test]
    fn singular_and_plural_meet_and_other_words_do_not() {
        for (one, many) in [
            ("dress", "dresses"),
            ("box", "boxes"),
            ("watch", "watches"),
            ("dish", "dishes"),
            ("shoe", "shoes"),
            ("potato", "potatoes"),
            ("battery", "batteries"),
            ("movie", "movies"),
            ("key", "keys"),
            ("horse", "horses"),
            ("vase", "vases"),
            ("size", "sizes"),
            ("tape", "tapes"),
        ] {
            assert_eq!(singular(one), singular(many), "{one}");
        }
        for (one, other) in [
            ("dress", "dressing"),
            ("rug", "rugged"),
            ("tape", "tap"),
            ("glass", "glas"),
            ("organ", "organic"),
            ("bus", "bu"),
        ] {
            assert_ne!(singular(one), singular(other), "{one}");
        }
    }
}
