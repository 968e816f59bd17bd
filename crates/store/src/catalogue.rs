//! The products of a snapshot.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use shop::{Id, Product};

/// A product's place in [`Catalogue`]: stable for the life of a data folder.
pub type ProductIndex = u32;

/// The products, by place and by id. A removed product leaves a hole, so
/// that places never shift.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue {
    products: Vec<Option<Arc<Product>>>,
    places: FxHashMap<Id, ProductIndex>,
    /// Changes whenever a product is added, changed or removed.
    pub revision: u64,
}

impl Catalogue {
    /// The product at `index`, unless it was removed.
    pub fn get(&self, index: ProductIndex) -> Option<&Arc<Product>> {
        self.products.get(index as usize)?.as_ref()
    }

    /// The place of the product with this id, also of a removed one.
    pub fn index_of(&self, id: &Id) -> Option<ProductIndex> {
        self.places.get(id).copied()
    }

    /// The product with this id.
    pub fn by_id(&self, id: &Id) -> Option<&Arc<Product>> {
        self.get(self.index_of(id)?)
    }

    /// One past the highest place.
    pub fn places(&self) -> usize {
        self.products.len()
    }

    /// The products that are there, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (ProductIndex, &Arc<Product>)> {
        (0..)
            .zip(&self.products)
            .filter_map(|(index, product)| Some((index, product.as_ref()?)))
    }

    /// How many products are there.
    pub fn len(&self) -> usize {
        self.products.iter().flatten().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.products.iter().flatten().next().is_none()
    }

    pub(crate) fn put(&mut self, product: Product) {
        self.revision += 1;
        let place = self.reserve(&product.id);
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
            self.products[place as usize] = product.map(Arc::new);
        }
        self.revision = revision;
    }
}
