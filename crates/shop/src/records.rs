use crate::{
    Conversation, Customer, Document, Event, Judgement, Kind, Labelled, Order, Product, Record,
    Review,
};

/// Everything that a shop knows, kind by kind: what the store replays, what
/// the simulator makes and what a corpus is prepared from.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct Records {
    pub products: Vec<Product>,
    pub customers: Vec<Customer>,
    pub orders: Vec<Order>,
    pub events: Vec<Event>,
    pub reviews: Vec<Review>,
    pub conversations: Vec<Conversation>,
    pub documents: Vec<Document>,
    pub judgements: Vec<Judgement>,
    pub labelled: Vec<Labelled>,
}

impl Records {
    /// Adds one record to the list of its kind.
    pub fn push(&mut self, record: Record) {
        match record {
            Record::Product(record) => self.products.push(record),
            Record::Customer(record) => self.customers.push(record),
            Record::Order(record) => self.orders.push(record),
            Record::Event(record) => self.events.push(record),
            Record::Review(record) => self.reviews.push(record),
            Record::Conversation(record) => self.conversations.push(record),
            Record::Document(record) => self.documents.push(record),
            Record::Judgement(record) => self.judgements.push(record),
            Record::Labelled(record) => self.labelled.push(record),
        }
    }

    /// How many there are of one kind.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Products => self.products.len(),
            Kind::Customers => self.customers.len(),
            Kind::Orders => self.orders.len(),
            Kind::Events => self.events.len(),
            Kind::Reviews => self.reviews.len(),
            Kind::Conversations => self.conversations.len(),
            Kind::Documents => self.documents.len(),
            Kind::Judgements => self.judgements.len(),
            Kind::Labelled => self.labelled.len(),
        }
    }
}
