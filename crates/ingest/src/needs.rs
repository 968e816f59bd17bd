//! What a file does not say, asked in one sentence each.

use serde::Serialize;

/// What has to be said before a file can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Need {
    Kind,
    Mapping,
    Currency,
    TimeZone,
    DateOrder,
}

impl Need {
    /// The question, with the option that answers it.
    pub fn question(self) -> &'static str {
        match self {
            Self::Kind => {
                "what the rows are cannot be told from their columns: name it with --as products, \
                 customers, orders, events, reviews, conversations, documents, judgements or labelled"
            }
            Self::Mapping => {
                "what the columns mean was guessed from their names: say it with --map FIELD=COLUMN, \
                 as in --map title=name --map price=Preis, or name the kind with --as"
            }
            Self::Currency => {
                "no price names its currency: name it with --currency, as in --currency EUR"
            }
            Self::TimeZone => {
                "times name no time zone: name it with --time-zone, as in --time-zone Europe/Berlin \
                 or --time-zone UTC"
            }
            Self::DateOrder => {
                "dates like 3/4/2026 may begin with the day or the month: say --date-order day or month"
            }
        }
    }
}
