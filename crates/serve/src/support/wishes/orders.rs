//! Which of the customer's orders a clause means.

use std::sync::Arc;

use shop::{Id, Order};

use super::items::{self, is_named};
use super::{Phrase, Reader, addresses, same_number};
use crate::support::cues::{self, Cue};
use crate::support::order_numbers::order_numbers;
use crate::support::tools::Tool;

/// How far a clause tells them apart.
pub(super) struct Meant<'a> {
    pub orders: Vec<&'a Arc<Order>>,
    /// Whether these are named, and are not just all that there are.
    pub is_told: bool,
}

impl<'a> Reader<'a> {
    /// The orders that the clause means: by number, by what is in them, where
    /// they go, when they were placed, by their place in time, or as others
    /// than those spoken of before. What tells nothing leaves all.
    pub(super) fn orders_meant(&self, place: usize, tool: Tool) -> Meant<'a> {
        let phrase = &self.phrases[place];
        let numbered = self.numbered(&phrase.text);
        if !numbered.is_empty() {
            return Meant {
                orders: numbered,
                is_told: true,
            };
        }
        let mut orders = self.orders.clone();
        let count = orders.len();
        let named = items::named(&self.items, phrase);
        keep(&mut orders, |order| {
            let mut of_order = self.items.iter().filter(|item| item.order == order.id);
            of_order.any(|item| is_named(&named, &item))
        });
        if tool != Tool::ChangeOrderAddress {
            keep(&mut orders, |order| goes_there(&phrase.text, order));
        }
        if let Some(month) = cues::month(&phrase.text) {
            keep(&mut orders, |order| month_of(order) == Some(month));
        }
        if Cue::Other.is_in(&phrase.text) {
            let before = self.spoken_of(place);
            keep(&mut orders, |order| !before.contains(&order.id));
        }
        let (last, first) = (
            Cue::Last.is_in(&phrase.text),
            Cue::First.is_in(&phrase.text),
        );
        let is_told = orders.len() < count || last || first;
        // The last order is the last, whether or not it can be changed.
        orders.sort_by_key(|order| order.time);
        match (last, first) {
            (true, false) => orders = orders.into_iter().next_back().into_iter().collect(),
            (false, true) => orders.truncate(1),
            _ => {}
        }
        Meant { orders, is_told }
    }

    /// Of those that the clause means the ones with which this can be done;
    /// `None` where it does not say which of several. One that is told and with
    /// which it cannot be done stays: the rules say why not.
    pub(super) fn orders_for(&self, place: usize, tool: Tool) -> Option<Vec<&'a Arc<Order>>> {
        let Meant {
            mut orders,
            is_told,
        } = self.orders_meant(place, tool);
        keep(&mut orders, |order| self.status_allows(tool, order));
        let is_one = orders.len() == 1;
        let all = Cue::All.is_in(&self.phrases[place].text);
        let several = is_told && self.numbered(&self.phrases[place].text).len() > 1;
        (is_one || !orders.is_empty() && (all || several)).then_some(orders)
    }

    /// The orders that a text names by number.
    pub(super) fn numbered(&self, text: &str) -> Vec<&'a Arc<Order>> {
        let numbers = order_numbers(text, true);
        let is_named =
            |order: &&&Arc<Order>| numbers.iter().any(|number| same_number(number, &order.id));
        self.orders.iter().filter(is_named).copied().collect()
    }

    /// The orders that the clauses before this one mean, else those that we
    /// spoke of last.
    fn spoken_of(&self, place: usize) -> Vec<Id> {
        let ids = |orders: Vec<&Arc<Order>>| -> Vec<Id> {
            orders.into_iter().map(|order| order.id.clone()).collect()
        };
        for before in (0..place).rev() {
            let tools = self.phrases[before].act.tools();
            let meant = tools
                .first()
                .and_then(|tool| self.orders_for(before, *tool));
            if let Some(orders) = meant {
                return ids(orders);
            }
        }
        ids(self.numbered(self.setting.answered))
    }

    /// The phrase at this place with those before it, where it only points
    /// ("return them").
    pub(super) fn before(&self, place: usize) -> impl Iterator<Item = &Phrase> {
        self.phrases[..place].iter().rev()
    }
}

/// Keeps what is told, where anything is.
fn keep(orders: &mut Vec<&Arc<Order>>, is_told: impl Fn(&Order) -> bool) {
    if orders.iter().any(|order| is_told(order)) {
        orders.retain(|order| is_told(order));
    }
}

fn month_of(order: &Order) -> Option<u8> {
    order.time.date().get(5..7)?.parse().ok()
}

fn goes_there(text: &str, order: &Order) -> bool {
    let address = order.address_parts().ok().flatten();
    address.is_some_and(|address| addresses::is_there(text, &address))
}
