//! Where on Earth something is.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::Product;

/// The fields that say where a product is, in the order in which they are
/// asked.
pub const GEO_FIELDS: [&str; 4] = ["_geo", "location", "geo", "coordinates"];

/// A place by its latitude and longitude in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeoPoint {
    latitude: f64,
    longitude: f64,
}

impl GeoPoint {
    /// A place; `None` where there is none such on Earth.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let is_real = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_real.then_some(Self {
            latitude,
            longitude,
        })
    }

    /// Metres to another place over a sphere of the Earth's mean radius
    /// (haversine).
    pub fn distance_m(self, other: Self) -> f64 {
        const EARTH_RADIUS_M: f64 = 6_371_008.8;
        let half = |one: f64, other: f64| ((other - one).to_radians() / 2.0).sin().powi(2);
        let (own, far) = (self.latitude.to_radians(), other.latitude.to_radians());
        let chord = half(self.latitude, other.latitude)
            + own.cos() * far.cos() * half(self.longitude, other.longitude);
        2.0 * EARTH_RADIUS_M * chord.clamp(0.0, 1.0).sqrt().asin()
    }

    /// Metres to the nearest place of a product; `None` where it has none.
    pub fn distance_to_m(self, product: &Product) -> Option<f64> {
        let places = geo_points_of(product).into_iter();
        let distances = places.map(|place| self.distance_m(place));
        distances.min_by(f64::total_cmp)
    }
}

/// As `48.137, 11.575`.
impl fmt::Display for GeoPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.latitude, self.longitude)
    }
}

impl FromStr for GeoPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let place = text
            .split_once(',')
            .and_then(|(latitude, longitude)| Self::new(number(latitude)?, number(longitude)?));
        place.ok_or_else(|| {
            "expected a latitude (-90 to 90) and a longitude (-180 to 180), as 48.137, 11.575"
                .to_owned()
        })
    }
}

/// Where a product is: the first of [`GEO_FIELDS`] that it has, among its
/// attributes or properties.
pub fn geo_points_of(product: &Product) -> Vec<GeoPoint> {
    let objects = [&product.attributes, &product.properties];
    let mut fields = objects.into_iter().flat_map(|object| {
        let named = |name| move |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
        let fields = GEO_FIELDS.into_iter();
        fields.filter_map(move |name| object.iter().find(named(name)))
    });
    let found = fields.find_map(|(_, value)| {
        let mut places = Vec::new();
        read(value, &mut places);
        (!places.is_empty()).then_some(places)
    });
    found.unwrap_or_default()
}

/// `{"lat", "lng"}` (also `lon`, `long`, and written out), a GeoJSON point, a
/// text as `48.137, 11.575`, or a list of these.
fn read(value: &Value, places: &mut Vec<GeoPoint>) {
    match value {
        Value::String(text) => places.extend(text.parse::<GeoPoint>()),
        Value::Array(list) => list.iter().for_each(|one| read(one, places)),
        Value::Object(object) => places.extend(of_object(object)),
        _ => {}
    }
}

fn of_object(object: &Map<String, Value>) -> Option<GeoPoint> {
    let number = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    let field = |names: &[&str]| {
        let named = |key: &str| names.iter().any(|name| key.eq_ignore_ascii_case(name));
        let mut fields = object.iter();
        fields
            .find(|(key, _)| named(key))
            .and_then(|(_, value)| number(value))
    };
    if let Some(Value::Array(pair)) = object.get("coordinates") {
        // GeoJSON says the longitude first (RFC 7946).
        let at = |place: usize| pair.get(place).and_then(Value::as_f64);
        return GeoPoint::new(at(1)?, at(0)?);
    }
    let latitude = field(&["lat", "latitude"])?;
    GeoPoint::new(latitude, field(&["lng", "lon", "long", "longitude"])?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Id;

    #[test]
    fn places_as_shops_write_them() {
        let munich = GeoPoint::new(48.137, 11.575).unwrap();
        for (field, value) in [
            ("_geo", json!({"lat": 48.137, "lng": 11.575})),
            ("location", json!({"lat": "48.137", "lon": 11.575})),
            ("Location", json!({"Latitude": 48.137, "longitude": 11.575})),
            (
                "geo",
                json!({"type": "Point", "coordinates": [11.575, 48.137]}),
            ),
            ("coordinates", json!("48.137,11.575")),
            (
                "location",
                json!([{"lat": 52.5, "lng": 13.4}, "48.137, 11.575"]),
            ),
        ] {
            for is_attribute in [false, true] {
                let mut product = Product::new(Id::new("1").unwrap(), "Lamp".into());
                let object = match is_attribute {
                    true => &mut product.attributes,
                    false => &mut product.properties,
                };
                object.insert(field.to_owned(), value.clone());
                assert_eq!(munich.distance_to_m(&product), Some(0.0), "{value}");
            }
        }
        for value in [
            json!(null),
            json!("Munich"),
            json!({"lat": 99, "lng": 0}),
            json!([1, 2]),
        ] {
            let mut product = Product::new(Id::new("1").unwrap(), "Lamp".into());
            product.properties.insert("location".into(), value.clone());
            assert_eq!(munich.distance_to_m(&product), None, "{value}");
        }
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let place = |latitude, longitude| GeoPoint::new(latitude, longitude).unwrap();
        for (one, other, km) in [
            (place(0.0, 0.0), place(0.0, 180.0), 20_015.1),
            (place(0.0, 0.0), place(1.0, 0.0), 111.2),
            (place(0.0, 179.5), place(0.0, -179.5), 111.2),
            (place(48.8566, 2.3522), place(51.5074, -0.1278), 343.6),
            (place(90.0, 7.0), place(90.0, -100.0), 0.0),
        ] {
            assert!((one.distance_m(other) / 1_000.0 - km).abs() < 0.1, "{km}");
        }
    }
}
