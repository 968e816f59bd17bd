//! Where orders go and where customers live.

use serde_json::json;
use shop::Address;

use super::addresses;
use super::{Missing, Phrase, Reader, Wanted, Wish};
use crate::support::cues::Cue;
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn order_address(&self, place: usize, wanted: &mut Wanted) {
        let phrase = &self.phrases[place];
        let written = self.written(phrase);
        let address = written.clone().or_else(|| self.known_address(phrase));
        let Some(address) = address else {
            wanted.missing.push(Missing::Address);
            return;
        };
        let Some(orders) = self.orders_for(place, Tool::ChangeOrderAddress) else {
            wanted.missing.push(Missing::Item);
            return;
        };
        for order in orders {
            wanted.wishes.push(Wish {
                tool: Tool::ChangeOrderAddress,
                candidates: vec![json!({"order": order.id, "address": address})],
            });
        }
        // "… and my default address too".
        if written.is_some() && Cue::AccountAddress.is_in(&phrase.text) {
            wanted.wishes.push(account_wish(&address));
        }
    }

    pub(super) fn account_address(&self, phrase: &Phrase, wanted: &mut Wanted) {
        match self.written(phrase) {
            Some(address) => wanted.wishes.push(account_wish(&address)),
            None => wanted.missing.push(Missing::Address),
        }
    }

    /// An address that the clause spells out, else one that the message does.
    fn written(&self, phrase: &Phrase) -> Option<Address> {
        let home = self.home();
        let said = std::iter::once(phrase).chain(&self.phrases);
        let mut found =
            said.filter_map(|one| addresses::written(&one.said, home.as_ref(), &self.orders));
        found.next().map(|(_, address)| address)
    }

    /// Their own where it is named; else of all addresses that they have used
    /// the one that the clause names by its city.
    fn known_address(&self, phrase: &Phrase) -> Option<Address> {
        let home = self.home();
        if Cue::AccountAddress.is_in(&phrase.text) {
            return home;
        }
        let used = self.orders.iter();
        let used = used.filter_map(|order| order.address_parts().ok().flatten());
        let mut there: Vec<Address> = used
            .chain(home)
            .filter(|address| addresses::is_there(&phrase.text, address))
            .collect();
        there.dedup();
        match there.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => Some(first.clone()),
            _ => None,
        }
    }

    fn home(&self) -> Option<Address> {
        let account = self.snapshot().customers.get(self.setting.customer);
        account.and_then(|account| account.address().ok().flatten())
    }
}

fn account_wish(address: &Address) -> Wish {
    Wish {
        tool: Tool::ChangeCustomerAddress,
        candidates: vec![json!({"address": address})],
    }
}
