use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use whatlang::{Detector, Lang};

/// The languages that shops write in, as whatlang names them, with their
/// ISO 639-1 codes. Fewer candidates make short texts surer.
const LANGUAGES: [(Lang, &str); 33] = [
    (Lang::Eng, "en"),
    (Lang::Deu, "de"),
    (Lang::Fra, "fr"),
    (Lang::Spa, "es"),
    (Lang::Por, "pt"),
    (Lang::Ita, "it"),
    (Lang::Nld, "nl"),
    (Lang::Swe, "sv"),
    (Lang::Dan, "da"),
    (Lang::Nob, "nb"),
    (Lang::Fin, "fi"),
    (Lang::Pol, "pl"),
    (Lang::Ces, "cs"),
    (Lang::Slk, "sk"),
    (Lang::Hun, "hu"),
    (Lang::Ron, "ro"),
    (Lang::Tur, "tr"),
    (Lang::Vie, "vi"),
    (Lang::Ind, "id"),
    (Lang::Rus, "ru"),
    (Lang::Ukr, "uk"),
    (Lang::Bul, "bg"),
    (Lang::Srp, "sr"),
    (Lang::Hrv, "hr"),
    (Lang::Ell, "el"),
    (Lang::Ara, "ar"),
    (Lang::Pes, "fa"),
    (Lang::Urd, "ur"),
    (Lang::Heb, "he"),
    (Lang::Hin, "hi"),
    (Lang::Ben, "bn"),
    (Lang::Tam, "ta"),
    (Lang::Tha, "th"),
];

/// Words that a language cannot do without and its neighbours hardly use;
/// they decide where a text is too short for letter statistics.
const FUNCTION_WORDS: [(&str, &str); 12] = [
    (
        "en",
        "the and is are was were to of for with this that my your you it i have not how what where when can do does in on at be as but they we so very her his an or if please from",
    ),
    (
        "de",
        "in so an her der die das und ist sind nicht ich ein eine einen mit für auf wie was wo wann kann mein meine ihr sie wir zu den dem von im es aber sehr oder bitte auch bei aus hat habe",
    ),
    (
        "fr",
        "le la les des une est et pas je vous nous mon ma mes votre avec pour dans sur qui que quoi où comment quand peut puis du au aux très mais ou ce cette sont il elle ne se par",
    ),
    (
        "es",
        "el los las una es y no mi su con para por en que qué cómo dónde cuándo puedo puede del al muy pero o este esta son yo lo se como más tiene está",
    ),
    (
        "pt",
        "o os as um uma é e não meu minha com para por em que onde quando posso pode do da dos das ao muito mas ou este esta são eu se como mais tem está você",
    ),
    (
        "it",
        "in il lo gli una è e non mio mia con per che cosa dove quando posso può del della dei delle al molto ma o questo questa sono io si come più ha nel sul",
    ),
    (
        "nl",
        "in de het een en is niet ik mijn jouw met voor op wat waar wanneer kan van aan te zijn was maar zeer dit dat die wij u hoe ook bij uit heeft",
    ),
    (
        "sv",
        "och är inte jag en ett min med för på vad var när kan av till som men mycket eller den det detta vi du hur också från har",
    ),
    (
        "da",
        "og er ikke jeg en et min med for på hvad hvor hvornår kan af til som men meget eller den det dette vi du hvordan også fra har",
    ),
    (
        "pl",
        "i jest nie ja mój moja z dla na co gdzie kiedy mogę czy do od się że ale bardzo lub ten ta to są w jak",
    ),
    (
        "tr",
        "her ve bir bu ne nasıl nerede için ile değil mi mı çok ama veya ben benim var yok da de daha",
    ),
    (
        "id",
        "dan yang di ini itu untuk dengan tidak saya anda apa bagaimana dari ke pada adalah atau akan bisa",
    ),
];

/// What a word of a single language counts; one of several counts less.
const WHOLE_VOTE: usize = 12;
/// Five words ahead of every other language.
const DECISIVE_MARGIN: usize = 5 * WHOLE_VOTE;

/// Letters that only some of these languages have.
const LETTERS: [(&str, &[&str]); 16] = [
    ("ğıİ", &["tr"]),
    ("ş", &["tr"]),
    ("ß", &["de"]),
    ("ä", &["de", "sv"]),
    ("ü", &["de", "tr"]),
    ("ö", &["de", "sv", "tr"]),
    ("ç", &["fr", "pt", "tr"]),
    ("é", &["fr", "es", "pt", "it"]),
    ("èêàûœ", &["fr", "it"]),
    ("ñ¿¡", &["es"]),
    ("íóú", &["es", "pt"]),
    ("ãõ", &["pt"]),
    ("ò", &["it"]),
    ("øæ", &["da"]),
    ("å", &["sv", "da"]),
    ("ąęłżśćń", &["pl"]),
];

/// The language of a text as an ISO 639-1 code, or `None` when nothing in it
/// tells. Chinese, Japanese and Korean are told by their script; the rest by
/// function words and by letter statistics (trigrams, `whatlang`).
pub fn detect_language(text: &str) -> Option<&'static str> {
    // The beginning is enough, and keeps long texts cheap.
    let text = beginning(text, 1_000);
    let scripts = Scripts::count(text);
    if let Some(language) = scripts.language() {
        return Some(language);
    }
    if scripts.other == 0 {
        return None;
    }
    let voted = vote(text);
    let latin = scripts.latin * 2 >= scripts.other;
    // Many function words of one language leave no doubt, and counting them
    // is far cheaper than statistics.
    if let Some((code, margin)) = voted
        && margin >= DECISIVE_MARGIN
    {
        return Some(code);
    }
    let statistics = detector().detect(beginning(text, 400)).and_then(|info| {
        let (_, code) = LANGUAGES.iter().find(|(lang, _)| *lang == info.lang())?;
        Some((*code, info.is_reliable(), info.confidence()))
    });
    match (voted, statistics) {
        (Some((_, margin)), Some((code, reliable, _))) if margin == 0 && reliable => Some(code),
        (Some((code, _)), Some((other, true, _))) if scripts.other > 120 && code != other => {
            Some(other)
        }
        (Some((code, margin)), _) if margin > 0 => Some(code),
        (_, Some((code, true, _))) => Some(code),
        // Few languages share another script.
        (_, Some((code, _, _))) if !latin => Some(code),
        (_, Some((code, false, confidence))) if scripts.other >= 24 && confidence > 0.2 => {
            Some(code)
        }
        // One or two words of plain ASCII in a shop: product names, codes.
        _ => None,
    }
}

/// An explicit language tag (`en-US`, `zh_CN`, `EN`) as its ISO 639-1 code.
pub fn normalise_language(tag: &str) -> Option<String> {
    let primary = tag
        .trim()
        .split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let code = match primary.as_str() {
        "eng" | "english" => "en",
        "zho" | "chi" | "cmn" | "chinese" | "cn" => "zh",
        "jpn" | "japanese" => "ja",
        "kor" | "korean" => "ko",
        "deu" | "ger" | "german" => "de",
        "fra" | "fre" | "french" => "fr",
        "spa" | "spanish" => "es",
        other => other,
    };
    let plausible = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
    plausible.then(|| code.to_owned())
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| {
        Detector::with_allowlist(LANGUAGES.iter().map(|(language, _)| *language).collect())
    })
}

/// Letters by script.
#[derive(Default)]
struct Scripts {
    han: usize,
    kana: usize,
    hangul: usize,
    thai: usize,
    /// All the others, Latin among them.
    other: usize,
    latin: usize,
}

impl Scripts {
    fn count(text: &str) -> Self {
        let mut scripts = Self::default();
        for c in text.chars().filter(|c| c.is_alphabetic()) {
            match c {
                '\u{3041}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => scripts.kana += 1,
                '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}' => {
                    scripts.han += 1;
                }
                '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => {
                    scripts.hangul += 1;
                }
                '\u{0e00}'..='\u{0e7f}' => scripts.thai += 1,
                _ => {
                    scripts.other += 1;
                    scripts.latin += usize::from(c < '\u{250}');
                }
            }
        }
        scripts
    }

    /// A character of these scripts says about as much as three letters.
    fn language(&self) -> Option<&'static str> {
        let ideographic = self.han + self.kana + self.hangul + self.thai;
        if ideographic == 0 || ideographic * 3 < self.other {
            return None;
        }
        if self.hangul * 2 >= ideographic {
            Some("ko")
        } else if self.thai * 2 >= ideographic {
            Some("th")
        } else if self.kana * 8 >= self.han.max(1) {
            Some("ja")
        } else {
            Some("zh")
        }
    }
}

/// Which of [`FUNCTION_WORDS`]' languages a word or a letter speaks for, a
/// bit for each.
struct Votes {
    words: FxHashMap<&'static str, u16>,
    letters: FxHashMap<char, u16>,
}

impl Votes {
    fn table() -> &'static Self {
        static TABLE: OnceLock<Votes> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Self {
                words: FxHashMap::default(),
                letters: FxHashMap::default(),
            };
            for (place, (language, words)) in FUNCTION_WORDS.iter().enumerate() {
                for word in words.split(' ') {
                    *table.words.entry(word).or_insert(0) |= 1_u16 << place;
                }
                for (letters, _) in LETTERS.iter().filter(|(_, all)| all.contains(language)) {
                    for letter in letters.chars() {
                        *table.letters.entry(letter).or_insert(0) |= 1_u16 << place;
                    }
                }
            }
            table
        })
    }
}

/// The language whose function words and letters come most often, and by how
/// much more than the next; `None` when there is none at all.
fn vote(text: &str) -> Option<(&'static str, usize)> {
    let table = Votes::table();
    let mut votes = [0_usize; FUNCTION_WORDS.len()];
    let mut add = |mask: u16| {
        let weight = WHOLE_VOTE / mask.count_ones() as usize;
        for (place, votes) in votes.iter_mut().enumerate() {
            if mask & (1 << place) != 0 {
                *votes += weight;
            }
        }
    };
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphabetic()) {
        if let Some(mask) = table.words.get(word) {
            add(*mask);
        }
    }
    if !text.is_ascii() {
        for letter in lower.chars().filter(|c| !c.is_ascii()) {
            if let Some(mask) = table.letters.get(&letter) {
                add(*mask);
            }
        }
    }
    let (best, most) = votes
        .iter()
        .enumerate()
        .rev()
        .max_by_key(|(_, votes)| **votes)?;
    let others = votes.iter().enumerate().filter(|(place, _)| *place != best);
    let second = others.map(|(_, votes)| *votes).max().unwrap_or_default();
    (*most > 0).then(|| (FUNCTION_WORDS[best].0, most - second))
}

fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts() {
        for (text, expected) in [
            ("where is my order", Some("en")),
            ("What is the return policy?", Some("en")),
            ("I love this dress", Some("en")),
            ("我的订单在哪里", Some("zh")),
            ("iPhone 15 手机壳 透明", Some("zh")),
            ("送料はいくらですか", Some("ja")),
            ("返品ポリシー", Some("ja")),
            ("배송은 언제 오나요", Some("ko")),
            ("Wo ist meine Bestellung?", Some("de")),
            ("Où est ma commande ?", Some("fr")),
            ("¿Dónde está mi pedido?", Some("es")),
            ("Где мой заказ и когда он придёт?", Some("ru")),
            ("สินค้าของฉันอยู่ที่ไหน", Some("th")),
            ("", None),
            ("12345 !!", None),
            ("XR-2000", None),
        ] {
            assert_eq!(detect_language(text), expected, "{text}");
        }
    }

    #[test]
    fn tags() {
        for (tag, expected) in [
            ("en-US", Some("en")),
            ("ZH_cn", Some("zh")),
            ("English", Some("en")),
            ("", None),
            ("klingon", None),
        ] {
            assert_eq!(normalise_language(tag).as_deref(), expected, "{tag}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_no_panic(text in ".*") {
            detect_language(&text);
        }
    }
}
