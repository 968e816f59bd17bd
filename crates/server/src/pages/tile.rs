//! A picture for a product that has none: drawn from its category and colour,
//! so that the same product always looks the same.

use maud::{Markup, PreEscaped, html};
use shop::Product;

/// Colours that attributes name, as hue, saturation and lightness.
const COLOURS: &[(&str, u16, u16, u16)] = &[
    ("red", 4, 62, 62),
    ("红", 4, 62, 62),
    ("orange", 26, 75, 62),
    ("橙", 26, 75, 62),
    ("yellow", 46, 80, 64),
    ("黄", 46, 80, 64),
    ("green", 145, 38, 55),
    ("绿", 145, 38, 55),
    ("blue", 212, 55, 62),
    ("蓝", 212, 55, 62),
    ("purple", 275, 38, 64),
    ("紫", 275, 38, 64),
    ("pink", 340, 62, 74),
    ("粉", 340, 62, 74),
    ("brown", 24, 34, 50),
    ("棕", 24, 34, 50),
    ("black", 210, 8, 34),
    ("黑", 210, 8, 34),
    ("white", 40, 18, 86),
    ("白", 40, 18, 86),
    ("grey", 210, 8, 62),
    ("gray", 210, 8, 62),
    ("灰", 210, 8, 62),
    ("silver", 210, 10, 74),
    ("银", 210, 10, 74),
];

/// The tile of a product: the shop's first picture, or a drawing.
pub fn tile(product: &Product) -> Markup {
    // Only https pictures: a product feed must not make pages call elsewhere in the clear.
    if let Some(image) = product
        .images
        .iter()
        .find(|image| image.starts_with("https://"))
    {
        return html! { img src=(image) alt="" loading="lazy"; };
    }
    drawing(product)
}

fn drawing(product: &Product) -> Markup {
    let category = product.category.join("/");
    let mark = fingerprint(&category);
    let detail = fingerprint(product.id.as_str());
    let (hue, saturation, lightness) = colour_of(product).unwrap_or(((mark % 360) as u16, 38, 66));
    let shape = shape(mark % 8, detail);
    html! {
        svg viewBox="0 0 120 90" role="img" aria-hidden="true" xmlns="http://www.w3.org/2000/svg" {
            rect width="120" height="90" fill=(format!("hsl({hue} {} 92%)", percent(saturation / 2))) {}
            g fill=(format!("hsl({hue} {} {})", percent(saturation), percent(lightness)))
              stroke=(format!("hsl({hue} {} {})", percent(saturation), percent(lightness.saturating_sub(22))))
              stroke-width="1.6" stroke-linejoin="round" transform=(format!("rotate({} 60 45)", i64::from(detail % 13) - 6)) {
                (PreEscaped(shape))
            }
        }
    }
}

fn percent(number: u16) -> String {
    format!("{number}%")
}

fn colour_of(product: &Product) -> Option<(u16, u16, u16)> {
    let named = product.attributes.iter().find_map(|(name, value)| {
        let name = name.to_lowercase();
        ["colour", "color", "颜色"]
            .contains(&name.as_str())
            .then(|| value.as_str())
            .flatten()
    })?;
    let named = named.to_lowercase();
    COLOURS
        .iter()
        .find(|(word, ..)| named.contains(word))
        .map(|(_, hue, saturation, lightness)| (*hue, *saturation, *lightness))
}

/// FNV-1a: the same in every run and on every machine.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// A silhouette; `detail` varies its size so that neighbours differ.
fn shape(kind: u32, detail: u32) -> String {
    let size = 22 + detail % 9;
    let half = size / 2;
    match kind {
        0 => format!(
            r#"<circle cx="60" cy="45" r="{size}"/><circle cx="60" cy="45" r="{half}" fill="none"/>"#
        ),
        1 => format!(
            r#"<rect x="{}" y="{}" width="{}" height="{}" rx="8"/><path d="M{} 45h{}" fill="none"/>"#,
            60 - size,
            45 - size,
            size * 2,
            size * 2,
            60 - half,
            size
        ),
        2 => format!(
            r#"<path d="M60 {}L{} {}H{}Z"/>"#,
            45 - size,
            60 + size,
            45 + half + 6,
            60 - size
        ),
        3 => format!(
            r#"<path d="M{} 70V38a{half} {half} 0 0 1 {size} 0V70Z"/><path d="M{} 30h{size}" fill="none"/>"#,
            60 - half,
            60 - half
        ),
        4 => format!(
            r#"<ellipse cx="60" cy="58" rx="{}" ry="14"/><rect x="{}" y="26" width="{size}" height="32" rx="5"/>"#,
            size + 8,
            60 - half
        ),
        5 => format!(
            r#"<path d="M{} 66L60 {}L{} 66Q60 {} {} 66Z"/>"#,
            60 - size,
            45 - size,
            60 + size,
            66 + half,
            60 - size
        ),
        6 => format!(
            r#"<rect x="{}" y="36" width="{}" height="34" rx="6"/><path d="M48 36v-8a12 12 0 0 1 24 0v8" fill="none"/>"#,
            60 - size,
            size * 2
        ),
        _ => format!(
            r#"<circle cx="{}" cy="52" r="{half}"/><circle cx="{}" cy="52" r="{half}"/><path d="M{} 40h{}" fill="none"/>"#,
            60 - half - 2,
            60 + half + 2,
            60 - half,
            size
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop::Id;

    #[test]
    fn the_same_product_has_the_same_tile_and_pictures_win() {
        let mut product = Product::new(Id::new("1").unwrap(), "Kettle".into());
        assert_eq!(tile(&product).into_string(), tile(&product).into_string());
        product
            .attributes
            .insert("colour".into(), "Dark red".into());
        assert!(tile(&product).into_string().contains("hsl(4 62% 62%)"));
        product.images = vec!["http://a/b.png".into(), "https://a/b.png".into()];
        assert!(
            tile(&product)
                .into_string()
                .contains(r#"<img src="https://a/b.png""#)
        );
        for kind in 0..8 {
            assert!(shape(kind, 5).starts_with('<'));
        }
    }
}
