//! Which titles have a term, and which terms stand side by side in them: what
//! a word most likely is, its neighbours tell.

use super::collection::{Document, TermId};

/// The titles of a collection, seen from their terms.
#[derive(Debug, Clone, Default)]
pub struct TitlePostings {
    /// Of each term, where its documents begin; one more than there are terms.
    starts: Vec<u32>,
    /// Sorted for each term.
    documents: Vec<u32>,
    /// Two terms side by side, sorted, with how often that is.
    pairs: Vec<(u64, u32)>,
}

fn pair(left: TermId, right: TermId) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl TitlePostings {
    /// The postings of `terms` terms; `side_by_side` holds a pair for each time
    /// that the second term stands right after the first.
    pub(super) fn build(
        documents: &[Document],
        terms: usize,
        side_by_side: Vec<(TermId, TermId)>,
    ) -> Self {
        let mut starts = vec![0_u32; terms + 1];
        for term in documents.iter().flat_map(|one| &one.title_terms) {
            starts[*term as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut places = vec![0; starts.last().map_or(0, |end| *end as usize)];
        for (number, document) in (0_u32..).zip(documents) {
            for term in &document.title_terms {
                let at = &mut next[*term as usize];
                places[*at as usize] = number;
                *at += 1;
            }
        }
        let mut all: Vec<u64> = (side_by_side.into_iter())
            .map(|(left, right)| pair(left, right))
            .collect();
        all.sort_unstable();
        let mut pairs: Vec<(u64, u32)> = Vec::new();
        for one in all {
            match pairs.last_mut() {
                Some((last, count)) if *last == one => *count += 1,
                _ => pairs.push((one, 1)),
            }
        }
        pairs.shrink_to_fit();
        Self {
            starts,
            documents: places,
            pairs,
        }
    }

    /// The documents that have `term` in their title, in order.
    pub fn with(&self, term: TermId) -> &[u32] {
        let bounds = self.starts.get(term as usize..term as usize + 2);
        let range = match bounds {
            Some([from, to]) => *from as usize..*to as usize,
            _ => 0..0,
        };
        self.documents.get(range).unwrap_or_default()
    }

    /// How often `right` stands right after `left`, in titles and in numbers of
    /// parts and models.
    pub fn side_by_side(&self, left: TermId, right: TermId) -> u32 {
        self.pairs
            .binary_search_by_key(&pair(left, right), |(two, _)| *two)
            .map_or(0, |at| self.pairs[at].1)
    }

    /// How many titles have both.
    pub fn together(&self, left: TermId, right: TermId) -> u32 {
        let (mut few, mut many) = (self.with(left), self.with(right));
        if few.len() > many.len() {
            std::mem::swap(&mut few, &mut many);
        }
        let mut count = 0;
        for document in few {
            let at = many.partition_point(|other| other < document);
            many = &many[at..];
            count += u32::from(many.first() == Some(document));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_by_term_and_by_neighbours() {
        let documents: Vec<Document> = [vec![0, 1, 2], vec![2, 0, 1], vec![1], vec![]]
            .into_iter()
            .map(|title: Vec<TermId>| {
                let mut title_terms = title.clone();
                title_terms.sort_unstable();
                Document {
                    title,
                    title_terms,
                    ..Document::default()
                }
            })
            .collect();
        let side_by_side = documents.iter().flat_map(|one| one.title.windows(2));
        let side_by_side = side_by_side.map(|two| (two[0], two[1])).collect();
        let titles = TitlePostings::build(&documents, 4, side_by_side);
        assert_eq!(titles.with(1), [0, 1, 2]);
        assert!(titles.with(3).is_empty() && titles.with(9).is_empty());
        assert_eq!(titles.side_by_side(0, 1), 2);
        assert_eq!(titles.side_by_side(1, 0), 0);
        assert_eq!(titles.together(0, 1), 2);
        assert_eq!(titles.together(2, 1), 2);
        assert_eq!(titles.together(3, 1), 0);
    }
}
