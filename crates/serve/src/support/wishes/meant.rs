//! Which items are meant, and what is liked better, by other words of the
//! message.

use super::Reader;
use super::clauses::{self, Clause};
use super::items::{self, Item};
use super::options;

impl Reader<'_> {
    /// The titles that the clause names; where it names none and only points
    /// ("return them"), those that were named before.
    pub(super) fn named_or_meant(&self, clause: &Clause) -> Vec<&str> {
        let named = items::named(&self.items, &clause.words);
        let points = ["them", "it", "one", "they", "both", "whole"];
        if !named.is_empty() || !clause.says(&points) {
            return named;
        }
        items::named(&self.items, &clause.context)
    }

    /// Of several items of one kind those that the clause describes ("the red
    /// one"), else those that the message does where it speaks of the kind
    /// again.
    pub(super) fn keep_described(&self, clause: &Clause, items: &mut Vec<&Item<'_>>) {
        let mut titles: Vec<&str> = items.iter().map(|item| item.title).collect();
        titles.sort_unstable();
        titles.dedup();
        for title in titles {
            let alike: Vec<&Item> = items
                .iter()
                .copied()
                .filter(|item| item.title == title)
                .collect();
            let meant = self.meant_of(&alike, title, &clause.words, clause);
            items.retain(|item| item.title != title || meant.contains(item));
        }
    }

    /// Of items of one kind those that `words` describe, else those that other
    /// sentences about the kind do.
    pub(super) fn meant_of<'a, 'b>(
        &self,
        alike: &[&'a Item<'b>],
        title: &str,
        words: &[String],
        clause: &Clause,
    ) -> Vec<&'a Item<'b>> {
        let meant = options::described(alike, words, self.snapshot);
        if alike.len() < 2 || meant.len() < alike.len() {
            return meant;
        }
        let elsewhere: Vec<String> = clauses::sentences(&self.message)
            .into_iter()
            .filter(|sentence| !sentence.contains(clause.text.as_str()))
            .map(clauses::words)
            .filter(|said| items::named(&self.items, said).contains(&title))
            .flatten()
            .collect();
        options::described(alike, &elsewhere, self.snapshot)
    }

    /// What other sentences like better, where they speak of this kind or of
    /// none ("I prefer black").
    pub(super) fn liked_elsewhere(&self, title: &str, clause: &Clause) -> Vec<String> {
        clauses::sentences(&self.message)
            .into_iter()
            .filter(|sentence| !sentence.contains(clause.text.as_str()))
            .map(clauses::words)
            .filter(|said| {
                let named = items::named(&self.items, said);
                named.is_empty() || named.contains(&title)
            })
            .flat_map(|said| options::liked(&said).to_vec())
            .collect()
    }
}
