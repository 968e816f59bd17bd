use corpus::support::Bm25;
use shop::{Id, Record};

/// Plain BM25 over the paragraphs of the documents, each with its title: what the
/// figures stand beside. It never declines.
pub(super) struct Paragraphs {
    documents: Vec<Id>,
    index: Bm25,
}

impl Paragraphs {
    pub(super) fn new(documents: &[Record]) -> Self {
        let mut holders = Vec::new();
        let mut texts = Vec::new();
        for record in documents {
            let Record::Document(document) = record else {
                continue;
            };
            let title = document.title.as_deref().unwrap_or_default();
            let paragraphs = document.text.split("\n\n");
            for paragraph in paragraphs.filter(|text| !text.trim().is_empty()) {
                let words = corpus::words(&format!("{title} {paragraph}")).into_iter();
                holders.push(document.id.clone());
                texts.push(words.map(|word| (word, 1.0)).collect());
            }
        }
        Self {
            documents: holders,
            index: Bm25::new(texts.into_iter()),
        }
    }

    /// The document of the paragraph that scores best, the first of equals.
    pub(super) fn best(&self, question: &str) -> Option<&Id> {
        let words = corpus::words(question);
        let scores = self
            .index
            .scores(words.iter().map(|word| (word.as_str(), 1.0)));
        let scored = scores.iter().zip(&self.documents);
        let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, document)| document)
    }
}
