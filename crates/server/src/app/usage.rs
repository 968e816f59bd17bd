//! How much each customer asks for, so that one cannot cost the shop what is
//! meant for all. Kept in memory: a restart forgives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serve::support::Limits;
use shop::{Id, Timestamp};

use crate::http::{ApiError, Code};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// So many are remembered; then those of former days are forgotten.
const MOST: usize = 100_000;

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    minute: i64,
    in_minute: u32,
    day: i64,
    in_day: u32,
    characters: u64,
    writes: u32,
}

/// Counters by customer, visit or address.
#[derive(Debug, Default)]
pub struct Usage {
    limits: Limits,
    counts: Mutex<HashMap<String, Counts>>,
}

impl Usage {
    /// Counters that hold to these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
        }
    }

    /// Counts a message of so many characters for each of these, with the
    /// number of persons that may share the counter, or refuses it.
    pub fn message(
        &self,
        counters: Vec<(String, u32)>,
        characters: u64,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let limits = &self.limits;
        for (who, persons) in counters {
            self.count(who, now, |counts| {
                counts.in_minute += 1;
                counts.in_day += 1;
                counts.characters += characters;
                let all = |most: u32| most.saturating_mul(persons);
                let most_characters = limits.characters_per_day;
                if counts.in_minute > all(limits.messages_per_minute) {
                    Err("messages in a minute")
                } else if counts.in_day > all(limits.messages_per_day) {
                    Err("messages in a day")
                } else if counts.characters > most_characters.saturating_mul(persons.into()) {
                    Err("characters in a day")
                } else {
                    Ok(())
                }
            })?;
        }
        Ok(())
    }

    /// Counts a confirmed write, or refuses it.
    pub fn write(&self, customer: &Id, most: u32, now: Timestamp) -> Result<(), ApiError> {
        self.count(format!("customer {customer}"), now, |counts| {
            counts.writes += 1;
            if counts.writes > most {
                Err("changes in a day")
            } else {
                Ok(())
            }
        })
    }

    fn count(
        &self,
        who: String,
        now: Timestamp,
        add: impl FnOnce(&mut Counts) -> Result<(), &'static str>,
    ) -> Result<(), ApiError> {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (minute, day) = (now.as_seconds() / MINUTE, now.as_seconds() / DAY);
        if all.len() >= MOST {
            all.retain(|_, counts| counts.day == day);
        }
        let counts = all.entry(who).or_default();
        if counts.day != day {
            *counts = Counts {
                day,
                ..Counts::default()
            };
        }
        if counts.minute != minute {
            (counts.minute, counts.in_minute) = (minute, 0);
        }
        add(counts).map_err(|what| {
            ApiError::new(
                Code::RateLimited,
                format!("too many {what} for one customer"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_customer_has_limits_of_their_own_and_they_end() {
        let usage = Usage::new(Limits {
            messages_per_minute: 2,
            messages_per_day: 3,
            ..Limits::default()
        });
        let bob = Id::new("bob").unwrap();
        let at = |seconds| Timestamp::from_seconds(seconds);
        let ask = |who: &str, persons, seconds| {
            usage
                .message(vec![(who.to_owned(), persons)], 1, at(seconds))
                .is_ok()
        };
        assert!(ask("ann", 1, 0) && ask("ann", 1, 1) && !ask("ann", 1, 2));
        assert!(ask("bob", 1, 2));
        assert!(!ask("ann", 1, 60), "three in a day");
        assert!(ask("ann", 1, DAY));
        let shared = (0..5).filter(|_| ask("an office", 2, 0));
        assert_eq!(shared.count(), 4);
        assert!(usage.write(&bob, 1, at(3)).is_ok());
        assert!(usage.write(&bob, 1, at(4)).is_err());
    }
}
