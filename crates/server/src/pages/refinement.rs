//! What a page of results is asked for: words, category, brands, price, order
//! and page, read from the address and written back into it. The form works
//! without scripts; every choice is a link or a field.

use locale::Locale;
use maud::{Markup, html};
use serve::search::{Distinct, FacetCount, SearchRequest, SearchResults, Sort};
use shop::{Currency, Filter, Money, PriceRange};

use super::visitor::encode;
use crate::http::extract::Parameters;

/// Products on one page of results.
pub const PAGE: usize = 24;

/// Brands that the form offers.
const OFFERED_BRANDS: usize = 12;

/// What a page of results is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refinement {
    /// The words.
    pub query: String,
    category: Option<String>,
    brands: Vec<String>,
    /// Bounds on the price as they were typed, in major units.
    least: Option<String>,
    most: Option<String>,
    in_stock: bool,
    sort: Sort,
    /// From 1.
    pub page: usize,
}

/// An order that the form offers, by its word in the address.
fn orders(text: &Locale) -> [(Sort, &'static str); 5] {
    [
        (Sort::Relevance, text.sort_relevance),
        (Sort::PriceAsc, text.sort_price_asc),
        (Sort::PriceDesc, text.sort_price_desc),
        (Sort::Rating, text.sort_rating),
        (Sort::Newest, text.sort_newest),
    ]
}

impl Refinement {
    /// Read from an address; what cannot be read counts as absent.
    pub fn of(parameters: &Parameters) -> Self {
        let query = parameters.text("q").unwrap_or_default();
        let bound = |name: &str| {
            let text = parameters.text(name)?;
            text.parse::<f64>().ok().filter(|number| *number >= 0.0)?;
            Some(text.to_owned())
        };
        Self {
            query: query.chars().take(200).collect(),
            category: parameters.text("category").map(str::to_owned),
            brands: parameters.all("brand"),
            least: bound("min"),
            most: bound("max"),
            in_stock: parameters.text("in_stock").is_some(),
            sort: parameters
                .parsed("sort")
                .ok()
                .flatten()
                .filter(|sort: &Sort| !sort.to_string().contains(char::is_control))
                .unwrap_or_default(),
            page: parameters.number("page", 1, 1..=200).unwrap_or(1),
        }
    }

    /// Whether anything is asked for, so that the page shows results alone.
    pub fn is_anything(&self) -> bool {
        *self
            != Self {
                page: 1,
                ..Self::default()
            }
    }

    /// The search of this page; prices are in `currency`. Variants of one
    /// thing are one hit.
    pub fn request(&self, currency: Currency) -> SearchRequest {
        let minor = |bound: &Option<String>| {
            let money = Money::from_decimal(bound.as_deref()?, currency).ok()?;
            Some(money.amount)
        };
        let range = PriceRange {
            min: minor(&self.least),
            max: minor(&self.most),
        };
        SearchRequest {
            q: self.query.clone(),
            limit: PAGE,
            offset: (self.page - 1) * PAGE,
            filter: Filter {
                category: self.category.clone().into_iter().collect(),
                brand: self.brands.clone(),
                price: (range != PriceRange::default()).then_some(range),
                in_stock: self.in_stock.then_some(true),
                ..Filter::default()
            },
            sort: self.sort.clone(),
            facets: vec!["category".to_owned(), "brand".to_owned()],
            distinct: Some(Distinct::GroupId),
            ..SearchRequest::default()
        }
    }

    /// The address of this page of results.
    fn address(&self) -> String {
        let mut address = format!("/?q={}", encode(&self.query));
        let mut add = |name: &str, value: &str| {
            address.push_str(&format!("&{name}={}", encode(value)));
        };
        if let Some(category) = &self.category {
            add("category", category);
        }
        for brand in &self.brands {
            add("brand", brand);
        }
        if let Some(least) = &self.least {
            add("min", least);
        }
        if let Some(most) = &self.most {
            add("max", most);
        }
        if self.in_stock {
            add("in_stock", "1");
        }
        if self.sort != Sort::Relevance {
            add("sort", &self.sort.to_string());
        }
        if self.page > 1 {
            add("page", &self.page.to_string());
        }
        address
    }

    /// The address after a change, from its first page on.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut other = self.clone();
        other.page = 1;
        change(&mut other);
        other.address()
    }

    /// The categories of what was found, as links.
    pub fn categories(&self, text: &Locale, results: &SearchResults) -> Markup {
        let facets = facet(results, "category");
        html! {
            @if !facets.is_empty() || self.category.is_some() {
                ul class="chips" aria-label=(text.category) {
                    li {
                        a href=(self.changed(|other| other.category = None))
                          aria-current=[self.category.is_none().then_some("true")] { (text.all) }
                    }
                    @for facet in facets.iter().take(PAGE) {
                        @let chosen = self.category.as_deref() == Some(&facet.value);
                        li {
                            a href=(self.changed(|other| other.category = Some(facet.value.clone())))
                              aria-current=[chosen.then_some("true")] {
                                (facet.value) span class="count" { (facet.count) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Brand, price, stock and order.
    pub fn form(&self, text: &Locale, results: &SearchResults) -> Markup {
        let brands = facet(results, "brand");
        let chosen = |value: &str| self.brands.iter().any(|brand| brand == value);
        let mut offered: Vec<(&str, Option<u64>)> = brands
            .iter()
            .take(OFFERED_BRANDS)
            .map(|facet| (facet.value.as_str(), Some(facet.count)))
            .collect();
        for brand in &self.brands {
            if !offered.iter().any(|(value, _)| value == brand) {
                offered.push((brand, None));
            }
        }
        let bounds = [
            ("min", text.price_from, &self.least),
            ("max", text.price_to, &self.most),
        ];
        html! {
            form class="refine" action="/" method="get" {
                input type="hidden" name="q" value=(self.query);
                @if let Some(category) = &self.category { input type="hidden" name="category" value=(category); }
                @if !offered.is_empty() {
                    details class="menu" {
                        summary class="button" { (text.brand) @if !self.brands.is_empty() { " (" (self.brands.len()) ")" } }
                        fieldset class="menu-body" {
                            legend class="visually-hidden" { (text.brand) }
                            @for (value, count) in &offered {
                                label class="check" {
                                    input type="checkbox" name="brand" value=(value) checked[chosen(value)];
                                    (value) @if let Some(count) = count { span class="count" { (count) } }
                                }
                            }
                            button class="primary" { (text.apply) }
                        }
                    }
                }
                details class="menu" {
                    summary class="button" { (text.price_heading) @if self.least.is_some() || self.most.is_some() { " (1)" } }
                    fieldset class="menu-body" {
                        legend class="visually-hidden" { (text.price_heading) }
                        @for (name, label, value) in bounds {
                            label { (label) input type="number" name=(name) value=[value.as_deref()] min="0" step="any" inputmode="decimal"; }
                        }
                        label class="check" {
                            input type="checkbox" name="in_stock" value="1" checked[self.in_stock];
                            (text.in_stock)
                        }
                        button class="primary" { (text.apply) }
                    }
                }
                label class="sort" {
                    span class="visually-hidden" { (text.sort) }
                    select name="sort" data-submit {
                        @for (sort, name) in orders(text) {
                            option value=(sort) selected[self.sort == sort] { (name) }
                        }
                    }
                }
                noscript { button { (text.apply) } }
            }
        }
    }

    /// What narrows the results, each as a link that takes it away.
    pub fn chosen(&self, text: &Locale) -> Markup {
        let mut links: Vec<(String, String)> = self
            .brands
            .iter()
            .map(|brand| {
                let link = self.changed(|other| other.brands.retain(|one| one != brand));
                (brand.clone(), link)
            })
            .collect();
        if let Some(least) = &self.least {
            let link = self.changed(|other| other.least = None);
            links.push((format!("≥ {least}"), link));
        }
        if let Some(most) = &self.most {
            let link = self.changed(|other| other.most = None);
            links.push((format!("≤ {most}"), link));
        }
        if self.in_stock {
            let link = self.changed(|other| other.in_stock = false);
            links.push((text.in_stock.to_owned(), link));
        }
        html! {
            @if !links.is_empty() {
                ul class="chips chosen" {
                    @for (name, link) in &links {
                        li { a href=(link) aria-label=(format!("{}: {name}", text.remove)) { (name) " ✕" } }
                    }
                }
            }
        }
    }

    /// Links to the pages before and after.
    pub fn pages(&self, total: usize) -> Markup {
        let last = total.div_ceil(PAGE).max(1);
        let to = |page: usize| self.changed(|other| other.page = page);
        html! {
            @if last > 1 {
                p class="back" {
                    @if self.page > 1 { a class="button" href=(to(self.page - 1)) rel="prev" { "←" } " " }
                    (self.page) " / " (last) " "
                    @if self.page < last { a class="button" href=(to(self.page + 1)) rel="next" { "→" } }
                }
            }
        }
    }
}

fn facet<'a>(results: &'a SearchResults, name: &str) -> &'a [FacetCount] {
    let counted = results.facets.get(name);
    counted.map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Refinement {
        Refinement::of(&Parameters::of(&address.parse().unwrap()).unwrap())
    }

    #[test]
    fn an_address_is_read_and_written_alike() {
        for address in [
            "/?q=red%20dress",
            "/?q=&category=Dresses",
            "/?q=tea&brand=Acme&brand=Big%2C%20Co&min=5&max=49.90&in_stock=1&sort=price_asc&page=3",
        ] {
            assert_eq!(read(address).address(), address);
        }
    }

    #[test]
    fn prices_are_in_the_minor_units_of_the_currency() {
        let range = |currency: &str| {
            let request = read("/?q=x&min=5&max=49.9").request(currency.parse().unwrap());
            request.filter.price
        };
        let (min, max) = (Some(500), Some(4_990));
        assert_eq!(range("USD"), Some(PriceRange { min, max }));
        // 49.9 is no amount in a currency without decimals.
        let (min, max) = (Some(5), None);
        assert_eq!(range("JPY"), Some(PriceRange { min, max }));
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let read = read("/?min=cheap&max=-1&sort=%00&page=0");
        assert_eq!(read.address(), "/?q=");
        assert!(!read.is_anything());
    }

    #[test]
    fn a_change_begins_at_the_first_page() {
        let read = read("/?q=tea&brand=Acme&page=3");
        let without = read.changed(|other| other.brands.clear());
        assert_eq!(without, "/?q=tea");
    }
}
