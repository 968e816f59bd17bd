//! Shop platforms through the program, against servers of this machine that
//! behave as Shopify's and WooCommerce's documentation says, moods included:
//! what comes live is what an exported file of the same shop brings.
#![allow(clippy::unwrap_used, clippy::panic)]

mod local_server;
#[path = "../journeys/program.rs"]
#[allow(dead_code)]
mod program;
mod records;
mod shopify;
mod signature;
mod site;
mod woocommerce;
