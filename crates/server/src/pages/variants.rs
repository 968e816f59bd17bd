//! Variants of one thing (products that share their `group_id`): one page,
//! one choice for each attribute in which they differ.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;
use shop::Product;
use store::Snapshot;

use super::visitor::encode;

/// The products of `product`'s group with itself, in the order of the
/// catalogue; none where it stands alone.
pub fn variants_of(snapshot: &Snapshot, product: &Product) -> Vec<Arc<Product>> {
    let Some(group) = &product.group_id else {
        return Vec::new();
    };
    let all = snapshot.catalogue.iter().map(|(_, product)| product);
    let same: Vec<Arc<Product>> = all
        .filter(|other| other.group_id.as_ref() == Some(group))
        .cloned()
        .collect();
    if same.len() > 1 { same } else { Vec::new() }
}

/// The variant that a card leads to: the one that was found, or where that
/// cannot be ordered the first one that can.
pub fn orderable(snapshot: &Snapshot, found: &Arc<Product>) -> Arc<Product> {
    if found.availability.can_be_ordered() {
        return found.clone();
    }
    let others = variants_of(snapshot, found).into_iter();
    let mut orderable = others.filter(|one| one.availability.can_be_ordered());
    orderable.next().unwrap_or_else(|| found.clone())
}

/// An attribute in which variants differ.
#[derive(Debug, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Its values, in the order of the catalogue.
    pub choices: Vec<Choice>,
}

/// A value that can be chosen.
#[derive(Debug, PartialEq)]
pub struct Choice {
    /// As the shop writes it.
    pub value: String,
    /// The variant that it leads to: one that shares most of what is chosen.
    pub product: Arc<Product>,
    /// Whether the product of the page has it.
    pub chosen: bool,
}

/// The choices on the page of `product` among `variants`. Variants that differ
/// in no attribute are told apart by their titles.
pub fn axes(product: &Product, variants: &[Arc<Product>]) -> Vec<Axis> {
    let mut names: Vec<&String> = Vec::new();
    for name in variants
        .iter()
        .flat_map(|variant| variant.attributes.keys())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut axes: Vec<Axis> = names
        .iter()
        .filter_map(|name| axis(name, &names, product, variants))
        .collect();
    if axes.is_empty() && !variants.is_empty() {
        let choices = variants.iter().map(|variant| Choice {
            value: variant.title.clone(),
            product: variant.clone(),
            chosen: variant.id == product.id,
        });
        axes.push(Axis {
            name: String::new(),
            choices: choices.collect(),
        });
    }
    axes
}

fn axis(
    name: &str,
    names: &[&String],
    product: &Product,
    variants: &[Arc<Product>],
) -> Option<Axis> {
    let own = product.attributes.get(name);
    let mut choices: Vec<Choice> = Vec::new();
    for value in variants.iter().filter_map(|one| one.attributes.get(name)) {
        let shown = attribute(value);
        if choices.iter().any(|choice| choice.value == shown) {
            continue;
        }
        // Of the variants with this value the one nearest to what is chosen,
        // what can be ordered first; the first of these in the catalogue.
        let with = variants
            .iter()
            .filter(|one| one.attributes.get(name) == Some(value));
        let shared = |one: &Product| {
            let same =
                |name: &&&String| one.attributes.get(**name) == product.attributes.get(**name);
            names.iter().filter(same).count()
        };
        let key = |one: &&Arc<Product>| (shared(one), one.availability.can_be_ordered());
        let nearest = with.rev().max_by_key(key)?;
        choices.push(Choice {
            value: shown,
            product: nearest.clone(),
            chosen: own == Some(value),
        });
    }
    (choices.len() > 1).then(|| Axis {
        name: name.to_owned(),
        choices,
    })
}

/// An attribute's value as text.
pub fn attribute(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(attribute).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The choices as links; `followed` is the query string that keeps what led
/// to the page.
pub fn choice(axes: &[Axis], followed: &str) -> Markup {
    html! {
        @for axis in axes {
            div class="variants" role="group" aria-label=(axis.name) {
                @if !axis.name.is_empty() { span class="soft" { (axis.name) } }
                @for choice in &axis.choices {
                    @let orderable = choice.product.availability.can_be_ordered();
                    a class=(if orderable { "button" } else { "button gone" })
                      aria-current=[choice.chosen.then_some("true")]
                      href=(format!("/products/{}{followed}", encode(choice.product.id.as_str()))) { (choice.value) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop::{Availability, Id};

    use super::*;

    fn variant(id: &str, attributes: Value) -> Arc<Product> {
        let mut product = Product::new(Id::new(id).unwrap(), "Dress".to_owned());
        product.attributes = attributes.as_object().unwrap().clone();
        Arc::new(product)
    }

    fn shown(axes: &[Axis]) -> Vec<String> {
        let choices = axes.iter().flat_map(|axis| {
            axis.choices.iter().map(|choice| {
                let mark = if choice.chosen { "*" } else { "" };
                format!("{}={}{mark} {}", axis.name, choice.value, choice.product.id)
            })
        });
        choices.collect()
    }

    #[test]
    fn one_choice_for_each_attribute_that_differs() {
        let variants = [
            variant(
                "rs",
                json!({"colour": "red", "size": "S", "fabric": "linen"}),
            ),
            variant(
                "rm",
                json!({"colour": "red", "size": "M", "fabric": "linen"}),
            ),
            variant(
                "bm",
                json!({"colour": "blue", "size": "M", "fabric": "linen"}),
            ),
        ];
        assert_eq!(
            shown(&axes(&variants[1], &variants)),
            [
                "colour=red* rm",
                "colour=blue bm",
                "size=S rs",
                "size=M* rm"
            ]
        );
        // There is no small blue one: the size leads to the red one.
        assert_eq!(
            shown(&axes(&variants[2], &variants)),
            [
                "colour=red rm",
                "colour=blue* bm",
                "size=S rs",
                "size=M* bm"
            ]
        );
    }

    #[test]
    fn what_can_be_ordered_comes_first() {
        let mut gone = (*variant("a", json!({"size": "S", "colour": "red"}))).clone();
        gone.availability = Availability::OutOfStock;
        let variants = [
            Arc::new(gone),
            variant("b", json!({"size": "S", "colour": "blue"})),
            variant("c", json!({"size": "M", "colour": "green"})),
        ];
        let axes = axes(&variants[2], &variants);
        let size = axes.iter().find(|axis| axis.name == "size").unwrap();
        assert_eq!(size.choices[0].product.id.as_str(), "b");
    }

    #[test]
    fn variants_without_attributes_are_told_apart_by_title() {
        let variants = [variant("a", json!({})), variant("b", json!({}))];
        assert_eq!(
            shown(&axes(&variants[0], &variants)),
            ["=Dress* a", "=Dress b"]
        );
    }
}
