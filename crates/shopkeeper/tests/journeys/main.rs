//! What a person does from beginning to end, with the real program: in a real
//! Chromium, on the command line, over HTTP. Nothing inside is called. Each
//! journey ends with a look at what is in the log.
//!
//! Without Chromium and chromedriver the journeys in a browser are skipped,
//! which is said; with `CI=true` they fail. `SHOPKEEPER_SCREENSHOTS` names the
//! folder that keeps a picture of each step.
#![allow(clippy::unwrap_used)]

mod browser;
mod catalogue;
mod chats_in_the_terminal;
mod language_model;
mod program;
#[path = "../../../test_data.rs"]
mod test_data;

mod j01_searches_and_buys;
mod j02_asks_in_three_languages;
mod j03_changes_orders;
mod j04_finds_a_gift;
mod j05_asks_about_own_records;
mod j06_asks_for_a_person;
mod j09_brings_the_shop_in;
mod j14_trains_and_promotes;
mod j20_verbs_while_serving;
mod j24_openai_client;
