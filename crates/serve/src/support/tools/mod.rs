//! What support can look up or do: a file each. A tool gets the customer who
//! is signed in from the request, never from the message.

mod find_orders;
mod hand_over;
mod order_status;
mod product_facts;

pub(super) use find_orders::find_orders;
pub use hand_over::HandOver;
pub(super) use hand_over::hand_over;
pub(super) use order_status::{order_facts, order_status};
pub(super) use product_facts::{Asked, asked_facts, product_facts};
