use std::sync::OnceLock;

use jieba_rs::Jieba;
use unicode_normalization::UnicodeNormalization;

/// The Chinese dictionary: about 0.3 s to read, so once and on first need.
pub(crate) fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

/// How characters make words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Letters and digits of scripts that put spaces between words.
    Spaced,
    /// Chinese characters: a dictionary finds the words.
    Han,
    /// Katakana: a run is a word.
    Katakana,
    /// Scripts without spaces that no dictionary is here for: pairs of letters.
    Unspaced,
    /// Between words.
    Other,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | '0'..='9' => Class::Spaced,
        '\u{0}'..='\u{7f}' => Class::Other,
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}'
        | '々' => Class::Han,
        '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => {
            Class::Katakana
        }
        '\u{3041}'..='\u{309f}'
        | '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}' => Class::Unspaced,
        _ if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) => {
            Class::Spaced
        }
        _ => Class::Other,
    }
}

/// Whether the text holds a Chinese character.
pub fn contains_han(text: &str) -> bool {
    text.chars().any(|c| class(c) == Class::Han)
}

/// The words of a text in any language, in its order: NFKC, lower case,
/// unstemmed.
///
/// Where a script puts spaces between words, a word is a run of letters and
/// digits; an apostrophe inside stays, the English possessive goes
/// (`women's` is `women`), a decimal point inside a number stays and its
/// thousands separators go. Chinese is cut by a dictionary, a long word
/// followed by the shorter ones that it is made of, so that `退货政策` is
/// found by `退货`; Hiragana, Thai, Lao, Khmer and Burmese become pairs of
/// letters.
pub fn words(text: &str) -> Vec<String> {
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut start = 0;
    while start < characters.len() {
        let kind = class(characters[start].1);
        let mut end = start + 1;
        while end < characters.len() && continues(kind, &characters, end) {
            end += 1;
        }
        let last = characters.get(end).map_or(text.len(), |(at, _)| *at);
        let run = &text[characters[start].0..last];
        match kind {
            Class::Spaced => found.extend(spaced_word(run)),
            Class::Katakana => found.push(run.to_owned()),
            Class::Han => han_words(run, &mut found),
            Class::Unspaced => letter_pairs(run, &mut found),
            Class::Other => {}
        }
        start = end;
    }
    found
}

/// Whether the character at `at` belongs to the run of `kind` before it.
fn continues(kind: Class, characters: &[(usize, char)], at: usize) -> bool {
    let c = characters[at].1;
    if class(c) == kind {
        return true;
    }
    if kind != Class::Spaced {
        return false;
    }
    let before = characters[at - 1].1;
    let Some((_, after)) = characters.get(at + 1) else {
        return false;
    };
    match c {
        '\'' | '’' => before.is_alphabetic() && after.is_alphabetic(),
        '.' | ',' => before.is_ascii_digit() && after.is_ascii_digit(),
        _ => false,
    }
}

fn spaced_word(run: &str) -> Option<String> {
    let mut word = if run.contains('’') {
        run.replace('’', "'")
    } else {
        run.to_owned()
    };
    if word.contains(',') {
        word.retain(|c| c != ',');
    }
    if let Some(stem) = word.strip_suffix("'s") {
        word.truncate(stem.len());
    }
    (!word.is_empty()).then_some(word)
}

fn han_words(run: &str, found: &mut Vec<String>) {
    // Short runs need no dictionary.
    if run.chars().nth(1).is_none() {
        found.push(run.to_owned());
        return;
    }
    // Without the hidden Markov model: what the dictionary does not know
    // falls apart into characters, which a query finds again in any context.
    let tokens = jieba().cut_for_search(run, false);
    found.extend(tokens.into_iter().map(|token| token.word.to_owned()));
}

fn letter_pairs(run: &str, found: &mut Vec<String>) {
    let letters: Vec<char> = run.chars().collect();
    if letters.len() < 2 {
        found.push(run.to_owned());
    }
    found.extend(
        letters
            .windows(2)
            .map(|pair| pair.iter().collect::<String>()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_languages() {
        for (text, expected) in [
            (
                "Women's Running-Shoes, size 9.5",
                "women running shoes size 9.5",
            ),
            ("Don’t pay $1,299.00!", "don't pay 1299.00"),
            ("ＡＢＣ　Ｔシャツ", "abc t シャツ"),
            ("退货政策是什么?", "退货 政策 是 什么"),
            ("我想买iPhone15手机壳", "我 想 买 iphone15 手机 壳"),
            ("Größe über 40 – Schuhe", "größe über 40 schuhe"),
            ("한국어 텍스트", "한국어 텍스트"),
            ("क़ीमत क्या है", "क़ीमत क्या है"),
            ("", ""),
            ("🎉 -- ''", ""),
        ] {
            let expected: Vec<String> = expected
                .split_whitespace()
                .map(|word| word.nfkc().collect())
                .collect();
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn long_chinese_words_bring_their_parts() {
        let found = words("中华人民共和国");
        assert!(found.contains(&"共和国".to_owned()), "{found:?}");
        assert!(found.contains(&"中华人民共和国".to_owned()), "{found:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_without_panic(text in ".*") {
            for word in words(&text) {
                proptest::prop_assert!(!word.is_empty());
                proptest::prop_assert!(!word.contains(char::is_whitespace));
            }
        }
    }
}
