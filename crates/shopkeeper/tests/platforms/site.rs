//! Pages of a sitemap.

use serde_json::json;

use crate::local_server::{Asked, LocalServer, Reply};
use crate::program::Shop;

fn answer(asked: &Asked) -> Reply {
    let own = format!("http://{}", asked.header("host"));
    let page = |text: &str| Reply {
        headers: vec![("content-type", "text/html".into())],
        ..Reply::ok(text)
    };
    match asked.path.as_str() {
        "/robots.txt" => page("User-agent: *\nDisallow: /cart\n"),
        "/sitemap.xml" => page(&format!(
            "<sitemapindex><sitemap><loc>{own}/pages.xml</loc></sitemap></sitemapindex>"
        )),
        "/pages.xml" => page(&format!(
            "<urlset><url><loc>{own}/returns</loc></url><url><loc>{own}/lamp?a=1&amp;b=2</loc></url>\
             <url><loc>{own}/cart</loc></url><url><loc>{own}/away</loc></url>\
             <url><loc>http://169.254.169.254/secret</loc></url><url><loc>file:///etc/passwd</loc></url></urlset>"
        )),
        "/returns" => page(
            "<!doctype html><html lang=\"en\"><head><title>Returns</title></head><body><nav>Home</nav>\
             <main><h1>Returns</h1><p>Within 30 days.</p></main></body></html>",
        ),
        "/lamp?a=1&b=2" => page(
            "<html><head><script type=\"application/ld+json\">{\"@context\":\"https://schema.org\",\
             \"@graph\":[{\"@type\":\"Product\",\"sku\":\"LAMP\",\"name\":\"Lamp\",\"offers\":{\"price\":\"19.90\",\
             \"priceCurrency\":\"EUR\"}}]}</script></head><body><p>Lamp</p></body></html>",
        ),
        "/away" => Reply::status(302, "").with("location", "http://169.254.169.254/secret"),
        _ => Reply::status(404, ""),
    }
}

#[test]
fn a_site_gives_its_documents_and_products_and_leads_nowhere_else() {
    let server = LocalServer::start(answer);
    let shop = Shop::new();
    let source = format!("sitemap:{}/sitemap.xml", server.address);
    let report = shop.json(&["import", &source]);
    let file = &report["files"][0];
    assert_eq!(
        file["kinds"],
        json!({"documents": 1, "products": 1}),
        "{report}"
    );
    let said = file["warnings"].to_string();
    for word in [
        "2 addresses of other hosts",
        "robots.txt",
        "leads to another host",
        "2 pages brought nothing",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let paths: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert!(!paths.contains(&"/cart".to_owned()), "{paths:?}");
    assert_eq!(
        paths.iter().filter(|path| *path == "/robots.txt").count(),
        1,
        "{paths:?}"
    );
    assert_eq!(shop.json(&["import", &source])["accepted"], 0);

    // The same by a list that somebody wrote.
    let list = shop.file(
        "list.txt",
        &format!("# mine\n{}/returns\nnonsense\n", server.address),
    );
    let report = shop.json(&["import", &format!("urls:{}", list.display())]);
    assert_eq!(report["unchanged"], 1, "{report}");
    assert!(
        report["files"][0]["warnings"]
            .to_string()
            .contains("nonsense"),
        "{report}"
    );
    let running = shop.serve();
    let document = running.get("/v1/documents?limit=1");
    let url = format!("\"{}/returns\"", server.address);
    assert!(document.to_string().contains(&url), "{document}");
}
