use store::ProductIndex;

use super::model::CatalogueView;
use super::scenarios::Shop;

/// What the category, the brand and the model say of two products, together 1.
const CATEGORY: f32 = 0.5;
const BRAND: f32 = 0.2;
const MODEL: f32 = 0.3;

/// How alike two products are, 0 to 1.
pub(super) fn similarity(shop: &Shop<'_>, left: ProductIndex, right: ProductIndex) -> f32 {
    let catalogue = &shop.snapshot.catalogue;
    let (Some(one), Some(other)) = (catalogue.get(left), catalogue.get(right)) else {
        return 0.0;
    };
    let longest = one.category.len().max(other.category.len());
    let shared = (one.category.iter())
        .zip(&other.category)
        .take_while(|(one, other)| one == other)
        .count();
    let category = shared as f32 / longest.max(1) as f32;
    let brand = f32::from(u8::from(one.brand.is_some() && one.brand == other.brand));
    let model = shop.view.map_or(0.0, |view| {
        let (Some(left), Some(right)) = (view.cold_start_proxy(left), view.cold_start_proxy(right))
        else {
            return 0.0;
        };
        cosine(view, left, right).max(0.0)
    });
    CATEGORY * category + BRAND * brand + MODEL * model
}

/// The cosine of two products in the decoder's own space; 0 without one.
pub(super) fn cosine(view: &CatalogueView, left: u32, right: u32) -> f32 {
    let Some(decoder) = view.parts.next.decoders.first() else {
        return 0.0;
    };
    let width = decoder.config().width;
    let row = |number: u32| {
        let start = number as usize * width;
        decoder.embedding().get(start..start + width)
    };
    let (Some(left), Some(right)) = (row(left), row(right)) else {
        return 0.0;
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths > 0.0 {
        dot(left, right) / lengths
    } else {
        0.0
    }
}
