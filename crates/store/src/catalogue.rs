//! The products of a snapshot.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{Id, Product};

/// A product's place in [`Catalogue`]: stable for the life of a data folder.
pub type ProductIndex = u32;

/// The products, by place and by id. A removed product leaves a hole, so
/// that places never shift. What the shop hides is kept, and found by
/// [`Catalogue::kept_by_id`] and [`Catalogue::kept`] alone: nothing that is
/// shown to customers sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    products: Vec<Option<Arc<Product>>>,
    places: FxHashMap<Id, ProductIndex>,
    hidden: FxHashSet<ProductIndex>,
    /// Changes whenever a product is added, changed or removed.
    pub revision: u64,
}

impl Catalogue {
    /// The product at `index`, unless it was removed or is hidden.
    pub fn get(&self, index: ProductIndex) -> Option<&Arc<Product>> {
        let product = self.products.get(index as usize)?.as_ref();
        product.filter(|_| !self.hidden.contains(&index))
    }

    /// The place of the product with this id, also of a removed one.
    pub fn index_of(&self, id: &Id) -> Option<ProductIndex> {
        self.places.get(id).copied()
    }

    /// The product with this id, unless it is hidden.
    pub fn by_id(&self, id: &Id) -> Option<&Arc<Product>> {
        self.get(self.index_of(id)?)
    }

    /// The product with this id, hidden or not: what was ordered has a name.
    pub fn kept_by_id(&self, id: &Id) -> Option<&Arc<Product>> {
        self.products.get(self.index_of(id)? as usize)?.as_ref()
    }

    /// All products, the hidden ones too.
    pub fn kept(&self) -> impl Iterator<Item = &Arc<Product>> {
        self.products.iter().flatten()
    }

    /// One past the highest place.
    pub fn places(&self) -> usize {
        self.products.len()
    }

    /// The products that customers may see, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (ProductIndex, &Arc<Product>)> {
        let places = 0..self.products.len() as ProductIndex;
        places.filter_map(|index| Some((index, self.get(index)?)))
    }

    /// How many products customers may see.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn put(&mut self, product: Product) {
        self.revision += 1;
        let place = self.reserve(&product.id);
        self.set(place, product);
    }

    fn set(&mut self, place: ProductIndex, product: Product) {
        match product.is_hidden() {
            true => self.hidden.insert(place),
            false => self.hidden.remove(&place),
        };
        self.products[place as usize] = Some(Arc::new(product));
    }

    /// The place of `id`, made when it has none yet: an order may arrive
    /// before the product that it names.
    pub(crate) fn reserve(&mut self, id: &Id) -> ProductIndex {
        let next = self.products.len() as ProductIndex;
        let place = *self.places.entry(id.clone()).or_insert(next);
        if place == next {
            self.products.push(None);
        }
        place
    }

    pub(crate) fn remove(&mut self, id: &Id) {
        if let Some(place) = self.places.get(id) {
            self.revision += 1;
            self.products[*place as usize] = None;
            self.hidden.remove(place);
        }
    }

    /// Each place with its id and product, for writing them down.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, &Id, Option<&Product>)> {
        let places = self.places.iter();
        places.map(|(id, place)| {
            let place = *place as usize;
            (place, id, self.products[place].as_deref())
        })
    }

    /// Puts back what [`Catalogue::parts`] gave, in the order of places.
    pub(crate) fn restore(&mut self, parts: Vec<(usize, Id, Option<Product>)>, revision: u64) {
        for (_, id, product) in parts {
            let place = self.reserve(&id);
            if let Some(product) = product {
                self.set(place, product);
            }
        }
        self.revision = revision;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_kept_and_not_shown() {
        let id = Id::new("a").unwrap();
        let mut catalogue = Catalogue::default();
        let mut product = Product::new(id.clone(), "Draft".to_owned());
        product.properties.insert("hidden".to_owned(), true.into());
        catalogue.put(product.clone());
        assert!(catalogue.by_id(&id).is_none() && catalogue.get(0).is_none());
        assert!(catalogue.is_empty() && catalogue.iter().next().is_none());
        assert_eq!(catalogue.kept_by_id(&id).unwrap().title, "Draft");
        assert_eq!(catalogue.kept().count(), 1);
        product.properties.insert("hidden".to_owned(), false.into());
        catalogue.put(product);
        assert_eq!((catalogue.len(), catalogue.index_of(&id)), (1, Some(0)));
        assert!(catalogue.by_id(&id).is_some());
    }
}
