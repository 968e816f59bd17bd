//! What looks like the number of an order.

const SHORTEST_NUMBER: usize = 4;
const LONGEST_NUMBER: usize = 40;

/// What looks like an order's number: after `#`, or, where orders are spoken
/// of, any run of letters, digits and dashes with three digits in it.
pub(crate) fn order_numbers(message: &str, of_orders: bool) -> Vec<String> {
    let mut found = Vec::new();
    let joins = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '#';
    for token in message.split(|c: char| !joins(c)) {
        let number = token.trim_matches(['-', '_', '#']);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let length = number.len();
        let marked = token.starts_with('#') && digits > 0;
        let shaped = of_orders && digits >= 3;
        if (marked || shaped) && (SHORTEST_NUMBER..=LONGEST_NUMBER).contains(&length) {
            found.push(number.to_owned());
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_marked_or_spoken_of() {
        for (message, of_orders, expected) in [
            ("Where is my order #W2378156?", false, vec!["W2378156"]),
            ("订单 A-10023 发货了吗", true, vec!["A-10023"]),
            ("Does the X-2000 have Bluetooth?", false, vec![]),
            ("order 12 of 3", true, vec![]),
        ] {
            assert_eq!(order_numbers(message, of_orders), expected, "{message}");
        }
    }
}
