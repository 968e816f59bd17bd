//! What a task expects: its calls carried out on the JSON itself by the rules
//! that tau2 states for its retail shop, with nothing of our own tools in it.
//! One point follows the stated rule rather than tau2's program: there, of
//! several items changed in one call, every one gets the price and options of
//! the last; here each gets its own.

use serde_json::{Value, json};

/// Carries one call out. `Err` says why the shop would not; nothing has
/// changed then.
pub fn call(database: &mut Value, name: &str, arguments: &Value) -> Result<(), String> {
    match name {
        "cancel_pending_order" => cancel(database, arguments),
        "modify_pending_order_address" => {
            let order = order(database, arguments)?;
            if !status(order).contains("pending") {
                return Err("not pending".to_owned());
            }
            order["address"] = address(arguments);
            Ok(())
        }
        "modify_pending_order_items" => modify_items(database, arguments),
        "modify_pending_order_payment" => modify_payment(database, arguments),
        "modify_user_address" => {
            let user = text(&arguments["user_id"]);
            if database["users"][&user].is_null() {
                return Err("no such user".to_owned());
            }
            database["users"][&user]["address"] = address(arguments);
            Ok(())
        }
        "return_delivered_order_items" => give_back(database, arguments),
        "exchange_delivered_order_items" => exchange(database, arguments),
        _ => Ok(()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn cents(value: &Value) -> i64 {
    (value.as_f64().unwrap_or_default() * 100.0).round() as i64
}

fn dollars(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}

fn status(order: &Value) -> &str {
    order["status"].as_str().unwrap_or_default()
}

fn order<'a>(database: &'a mut Value, arguments: &Value) -> Result<&'a mut Value, String> {
    let id = text(&arguments["order_id"]);
    database["orders"]
        .get_mut(&id)
        .ok_or_else(|| format!("no order {id}"))
}

fn address(arguments: &Value) -> Value {
    let part = |name: &str| arguments[name].clone();
    json!({
        "address1": part("address1"), "address2": part("address2"), "city": part("city"),
        "state": part("state"), "country": part("country"), "zip": part("zip"),
    })
}

fn is_gift_card(database: &Value, user: &str, method: &str) -> Result<bool, String> {
    let found = &database["users"][user]["payment_methods"][method];
    match found["source"].as_str() {
        Some(source) => Ok(source == "gift_card"),
        None => Err(format!("no payment method {method}")),
    }
}

/// Takes cents off a gift card; a negative amount goes back onto it.
fn take(database: &mut Value, user: &str, method: &str, due: i64) {
    let card = &mut database["users"][user]["payment_methods"][method];
    card["balance"] = dollars(cents(&card["balance"]) - due);
}

fn cancel(database: &mut Value, arguments: &Value) -> Result<(), String> {
    let found = order(database, arguments)?.clone();
    if status(&found) != "pending" {
        return Err("not pending".to_owned());
    }
    let reason = text(&arguments["reason"]);
    if !["no longer needed", "ordered by mistake"].contains(&reason.as_str()) {
        return Err("not a reason".to_owned());
    }
    let user = text(&found["user_id"]);
    let paid = found["payment_history"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut history = paid.clone();
    for payment in paid {
        let method = text(&payment["payment_method_id"]);
        if is_gift_card(database, &user, &method)? {
            take(database, &user, &method, -cents(&payment["amount"]));
        }
        let mut refund = payment.clone();
        refund["transaction_type"] = json!("refund");
        history.push(refund);
    }
    let found = order(database, arguments)?;
    found["status"] = json!("cancelled");
    found["cancel_reason"] = json!(reason);
    found["payment_history"] = json!(history);
    Ok(())
}

fn ids(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn held(order: &Value, wanted: &[String]) -> Result<(), String> {
    let there = ids(&json!(
        order["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| item["item_id"].clone())
            .collect::<Vec<_>>()
    ));
    let count = |list: &[String], id: &String| list.iter().filter(|one| *one == id).count();
    match wanted
        .iter()
        .find(|id| count(wanted, id) > count(&there, id))
    {
        Some(id) => Err(format!("{id} is not in the order")),
        None => Ok(()),
    }
}

/// The items afterwards and what they cost more, in cents.
fn swapped(database: &Value, order: &Value, arguments: &Value) -> Result<(Value, i64), String> {
    let (old, new) = (ids(&arguments["item_ids"]), ids(&arguments["new_item_ids"]));
    held(order, &old)?;
    if old.len() != new.len() {
        return Err("as many new items as old ones".to_owned());
    }
    let mut items = order["items"].clone();
    let mut done: Vec<usize> = Vec::new();
    let mut difference = 0;
    for (old, new) in old.iter().zip(&new) {
        let list = items.as_array_mut().ok_or("no items")?;
        let place = (0..list.len())
            .find(|place| text(&list[*place]["item_id"]) == *old && !done.contains(place))
            .ok_or("not in the order")?;
        done.push(place);
        let item = &mut list[place];
        let product = text(&item["product_id"]);
        let variant = &database["products"][&product]["variants"][new];
        if variant["available"] != json!(true) {
            return Err(format!("{new} is not to be had"));
        }
        difference += cents(&variant["price"]) - cents(&item["price"]);
        item["item_id"] = json!(new);
        item["price"] = variant["price"].clone();
        item["options"] = variant["options"].clone();
    }
    Ok((items, difference))
}

fn pays(database: &Value, order: &Value, method: &str, due: i64) -> Result<bool, String> {
    let user = text(&order["user_id"]);
    let gift = is_gift_card(database, &user, method)?;
    let balance = cents(&database["users"][&user]["payment_methods"][method]["balance"]);
    if gift && balance < due {
        return Err("the gift card holds too little".to_owned());
    }
    Ok(gift)
}

fn modify_items(database: &mut Value, arguments: &Value) -> Result<(), String> {
    let found = order(database, arguments)?.clone();
    if status(&found) != "pending" {
        return Err("not pending".to_owned());
    }
    let old_and_new = (ids(&arguments["item_ids"]), ids(&arguments["new_item_ids"]));
    if old_and_new
        .0
        .iter()
        .zip(&old_and_new.1)
        .any(|(old, new)| old == new)
    {
        return Err("the same item".to_owned());
    }
    let (items, difference) = swapped(database, &found, arguments)?;
    let method = text(&arguments["payment_method_id"]);
    if pays(database, &found, &method, difference)? {
        take(database, &text(&found["user_id"]), &method, difference);
    }
    let found = order(database, arguments)?;
    let kind = if difference > 0 { "payment" } else { "refund" };
    if let Some(history) = found["payment_history"].as_array_mut() {
        history.push(json!({
            "transaction_type": kind,
            "amount": dollars(difference.abs()),
            "payment_method_id": method,
        }));
    }
    found["items"] = items;
    found["status"] = json!("pending (item modified)");
    Ok(())
}

fn modify_payment(database: &mut Value, arguments: &Value) -> Result<(), String> {
    let found = order(database, arguments)?.clone();
    let method = text(&arguments["payment_method_id"]);
    let history = found["payment_history"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if !status(&found).contains("pending") || history.len() != 1 {
        return Err("not pending, or not paid once".to_owned());
    }
    let (before, amount) = (
        text(&history[0]["payment_method_id"]),
        history[0]["amount"].clone(),
    );
    let user = text(&found["user_id"]);
    let gift = pays(database, &found, &method, cents(&amount))?;
    if before == method {
        return Err("the same payment method".to_owned());
    }
    if gift {
        take(database, &user, &method, cents(&amount));
    }
    if is_gift_card(database, &user, &before)? {
        take(database, &user, &before, -cents(&amount));
    }
    let found = order(database, arguments)?;
    if let Some(history) = found["payment_history"].as_array_mut() {
        for (kind, method) in [("payment", &method), ("refund", &before)] {
            history.push(json!({
                "transaction_type": kind, "amount": amount, "payment_method_id": method,
            }));
        }
    }
    Ok(())
}

fn give_back(database: &mut Value, arguments: &Value) -> Result<(), String> {
    let found = order(database, arguments)?.clone();
    if status(&found) != "delivered" {
        return Err("not delivered".to_owned());
    }
    let method = text(&arguments["payment_method_id"]);
    let gift = is_gift_card(database, &text(&found["user_id"]), &method)?;
    if !gift && text(&found["payment_history"][0]["payment_method_id"]) != method {
        return Err("not the original payment method".to_owned());
    }
    let mut items = ids(&arguments["item_ids"]);
    held(&found, &items)?;
    items.sort();
    let found = order(database, arguments)?;
    found["status"] = json!("return requested");
    found["return_items"] = json!(items);
    found["return_payment_method_id"] = json!(method);
    Ok(())
}

fn exchange(database: &mut Value, arguments: &Value) -> Result<(), String> {
    let found = order(database, arguments)?.clone();
    if status(&found) != "delivered" {
        return Err("not delivered".to_owned());
    }
    let (_, difference) = swapped(database, &found, arguments)?;
    let method = text(&arguments["payment_method_id"]);
    pays(database, &found, &method, difference)?;
    let sorted = |value: &Value| {
        let mut list = ids(value);
        list.sort();
        json!(list)
    };
    let found = order(database, arguments)?;
    found["status"] = json!("exchange requested");
    found["exchange_items"] = sorted(&arguments["item_ids"]);
    found["exchange_new_items"] = sorted(&arguments["new_item_ids"]);
    found["exchange_payment_method_id"] = json!(method);
    found["exchange_price_difference"] = dollars(difference);
    Ok(())
}
