//! Where the sentences of running text begin and end, English and Chinese.

/// How long a label before a colon is. A single letter says nothing of what
/// follows ("答：", "A:").
const LABEL_CHARACTERS: std::ops::RangeInclusive<usize> = 2..=50;

/// Byte spans of the sentences of a text.
pub(super) fn sentence_spans(text: &str) -> Vec<(usize, usize)> {
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let mut spans = Vec::new();
    let mut start = 0;
    let mut index = 0;
    while index < characters.len() {
        let mut next = index + 1;
        if ends_sentence(text, &characters, index) {
            while characters
                .get(next)
                .is_some_and(|(_, c)| "\"'”’」』)）]!?。！？".contains(*c))
            {
                next += 1;
            }
            let end = characters.get(next).map_or(text.len(), |(at, _)| *at);
            spans.push((start, end));
            start = end;
        }
        index = next;
    }
    spans.push((start, text.len()));
    spans
        .into_iter()
        .filter_map(|(start, end)| {
            let lead = text[start..end].len() - text[start..end].trim_start().len();
            let end = start + text[start..end].trim_end().len();
            (start + lead < end).then_some((start + lead, end))
        })
        .collect()
}

fn ends_sentence(text: &str, characters: &[(usize, char)], index: usize) -> bool {
    let (at, character) = characters[index];
    let following = characters[index + 1..].iter().map(|(_, c)| *c);
    match character {
        '。' | '！' | '？' => true,
        '\n' => !following.clone().next().is_some_and(|c| c.is_lowercase()),
        '.' | '!' | '?' => {
            let mut after = following.skip_while(|c| "\"'”’)]!?".contains(*c));
            match after.next() {
                None => true,
                Some(c) if !c.is_whitespace() => crate::support::is_han(c),
                Some(_) => {
                    let starts = after.find(|c| !c.is_whitespace());
                    !starts.is_some_and(char::is_lowercase)
                        && !is_abbreviation(&text[..at], character)
                }
            }
        }
        _ => false,
    }
}

fn is_abbreviation(before: &str, mark: char) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    mark == '.'
        && (word.contains('.')
            || [
                "Mr", "Mrs", "Ms", "Dr", "No", "St", "vs", "etc", "approx", "max", "min",
            ]
            .contains(&word)
            || (!word.is_empty() && word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit())))
}

/// The few words before a colon that a sentence starts with.
pub(super) fn label(sentence: &str) -> Option<&str> {
    let mark = sentence.find(": ").or_else(|| sentence.find('：'))?;
    let label = &sentence[..mark];
    LABEL_CHARACTERS
        .contains(&label.chars().count())
        .then_some(label)
}
