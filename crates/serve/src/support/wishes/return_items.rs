//! Giving items back.

use super::items::{self, Item, is_named};
use super::{Deeds, Missing, Phrase, Reader, Wanted, options};
use crate::support::cues::{self, Cue};
use crate::support::tools::Tool;

impl<'a> Reader<'a> {
    pub(super) fn return_items(&self, place: usize, deeds: &mut Deeds, wanted: &mut Wanted) {
        let phrase = &self.phrases[place];
        let meant = self.items_meant(place, Tool::ReturnItems);
        if meant.is_empty() {
            wanted.missing.push(Missing::Item);
        }
        let mut meant = meant;
        self.keep_by_price(phrase, &mut meant);
        for item in meant {
            let key = (Tool::ReturnItems, item.order.clone());
            let items = deeds.entry(key).or_default();
            items.push((item.product.clone(), None));
        }
    }

    /// The items that the clause means, of the orders that it means and with
    /// which this can be done; none where it does not say which.
    pub(super) fn items_meant(&self, place: usize, tool: Tool) -> Vec<&Item<'a>> {
        let phrase = &self.phrases[place];
        let meant = self.orders_meant(place, tool);
        let possible: Vec<&Item> = (self.items.iter())
            .filter(|item| {
                let mut orders = meant.orders.iter();
                orders.any(|order| order.id == item.order && self.status_allows(tool, order))
            })
            .collect();
        let all = Cue::All.is_in(&phrase.text);
        if let Some(exception) = Cue::Exception.first_in(&phrase.text) {
            let but = items::named_in(&self.items, &phrase.text[exception.end..]);
            let kept = possible.iter().filter(|item| !is_named(&but, item));
            return kept.copied().collect();
        }
        let named = self.named_or_meant(place);
        let mut found: Vec<&Item> = possible.clone();
        if !named.is_empty() {
            found.retain(|item| is_named(&named, item));
        }
        let described = self.described(phrase, &found);
        let is_told = !named.is_empty() || described.len() < found.len();
        if is_told || found.len() == 1 || all || meant.is_told {
            return self.kept_described(phrase, described);
        }
        Vec::new()
    }

    /// The titles that the clause names; where it names none, those that the
    /// clauses before it name.
    fn named_or_meant(&self, place: usize) -> Vec<&'a str> {
        let phrase = &self.phrases[place];
        let named = items::named(&self.items, phrase);
        if !named.is_empty() || self.says_which(phrase) {
            return named;
        }
        let mut before = self.before(place).map(|one| items::named(&self.items, one));
        before.find(|named| !named.is_empty()).unwrap_or_default()
    }

    /// Whether a colour, an option or an order tells which item.
    fn says_which(&self, phrase: &Phrase) -> bool {
        let all: Vec<&Item> = self.items.iter().collect();
        Cue::All.is_in(&phrase.text)
            || Cue::Other.is_in(&phrase.text)
            || Cue::Last.is_in(&phrase.text)
            || self.described(phrase, &all).len() < all.len()
            || !self.numbered(&phrase.text).is_empty()
    }

    /// Of these items the ones that the words describe ("the red one"); all
    /// where they describe none.
    fn described<'b>(&self, phrase: &Phrase, items: &[&'b Item<'a>]) -> Vec<&'b Item<'a>> {
        let colours = cues::colours(&phrase.words, &phrase.text);
        let fits = |item: &&&Item<'a>| {
            let product = self.snapshot().catalogue.by_id(&item.product);
            product.is_some_and(|product| options::has_colour(product, &colours))
        };
        let fitting: Vec<&Item> = items.iter().filter(fits).copied().collect();
        if fitting.is_empty() {
            items.to_vec()
        } else {
            fitting
        }
    }

    /// Of several items of one kind those that the clause describes by their
    /// options, else those that the rest of the message does.
    fn kept_described<'b>(
        &self,
        phrase: &Phrase,
        mut items: Vec<&'b Item<'a>>,
    ) -> Vec<&'b Item<'a>> {
        let mut titles: Vec<&str> = items.iter().map(|item| item.title).collect();
        titles.sort_unstable();
        titles.dedup();
        for title in titles {
            let alike = items.iter().copied().filter(|item| item.title == title);
            let alike: Vec<&Item> = alike.collect();
            let meant = self.meant_of(&alike, title, &phrase.words);
            items.retain(|item| item.title != title || meant.contains(item));
        }
        items
    }

    /// Of items of one kind those that `words` describe, else those that other
    /// clauses about the kind do.
    pub(super) fn meant_of<'b>(
        &self,
        alike: &[&'b Item<'a>],
        title: &str,
        words: &[String],
    ) -> Vec<&'b Item<'a>> {
        let meant = options::described(alike, words, self.snapshot());
        if alike.len() < 2 || meant.len() < alike.len() {
            return meant;
        }
        let about = |phrase: &&Phrase| items::named(&self.items, phrase).contains(&title);
        let elsewhere = self.phrases.iter().filter(about);
        let elsewhere: Vec<String> = elsewhere.flat_map(|one| one.words.clone()).collect();
        options::described(alike, &elsewhere, self.snapshot())
    }

    /// "The more expensive one" of several.
    fn keep_by_price(&self, phrase: &Phrase, items: &mut Vec<&Item<'a>>) {
        let cheap = Cue::Cheapest.is_in(&phrase.text);
        let dear = Cue::Dearest.is_in(&phrase.text);
        if items.len() < 2 || cheap == dear {
            return;
        }
        let price = |item: &Item<'_>| {
            let order = self.snapshot().orders.get(&item.order)?;
            let mut lines = order.lines.iter();
            let line = lines.find(|line| line.product_id == item.product)?;
            line.price.map(|price| price.amount)
        };
        let ranked = items.iter().copied();
        let best = if cheap {
            ranked.min_by_key(|item| price(item).unwrap_or(i64::MAX))
        } else {
            ranked.max_by_key(|item| price(item).unwrap_or(i64::MIN))
        };
        *items = best.into_iter().collect();
    }
}
