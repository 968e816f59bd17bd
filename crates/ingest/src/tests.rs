use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::strategy::Strategy;
use serde_json::{Value, json};
use shop::{Availability, Currency, EventKind, Kind, Record, Timestamp};

use super::*;
use crate::test_data::shared;

mod containers;
mod exports;
mod formats;

fn now() -> Timestamp {
    "2026-05-01T00:00:00Z".parse().unwrap()
}

fn options(as_kind: Option<Kind>) -> ImportOptions {
    ImportOptions {
        as_kind,
        now: now(),
        currency: Some(Currency::USD),
        ..ImportOptions::default()
    }
}

/// The rows of one kind in a text, JSON Lines or an array.
fn parse_rows(kind: Kind, body: &[u8], _: Timestamp) -> (Vec<Record>, Vec<Rejected>) {
    match read_as("rows.json", body, &options(Some(kind))) {
        Ok(read) => (read.records, read.rejected),
        Err(_) => (Vec::new(), Vec::new()),
    }
}

/// Everything that a file holds.
struct Read {
    summary: ReadSummary,
    records: Vec<Record>,
    rejected: Vec<Rejected>,
}

fn read_path(path: &Path, as_kind: Option<Kind>) -> Result<Read, IngestError> {
    read_with(path, &options(as_kind))
}

fn read_with(path: &Path, options: &ImportOptions) -> Result<Read, IngestError> {
    let (mut records, mut rejected) = (Vec::new(), Vec::new());
    let mut sink = |batch: Batch| {
        records.extend(batch.records);
        rejected.extend(batch.rejected);
        ControlFlow::Continue(())
    };
    let summary = read_file(path, options, &mut sink)?;
    assert_eq!(summary.kinds.values().sum::<u64>(), records.len() as u64);
    assert_eq!(summary.rejected, rejected.len() as u64);
    Ok(Read {
        summary,
        records,
        rejected,
    })
}

fn read_bytes(name: &str, bytes: &[u8]) -> Result<Read, IngestError> {
    read_as(name, bytes, &options(None))
}

fn read_as(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<Read, IngestError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read_with(&path, options)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn products(read: &Read) -> Vec<&shop::Product> {
    let products = read.records.iter().filter_map(|record| match record {
        Record::Product(product) => Some(product),
        _ => None,
    });
    products.collect()
}

fn events(records: &[Record]) -> Vec<&shop::Event> {
    let events = records.iter().filter_map(|record| match record {
        Record::Event(event) => Some(event),
        _ => None,
    });
    events.collect()
}

#[test]
fn every_packing_gives_the_same_rows() {
    let plain = "{\"id\":\"1\",\"title\":\"Tea\"}\r\n\n{\"id\":\"2\",\"title\":\"Pot\"}";
    let members = [gzip(&plain.as_bytes()[..26]), gzip(&plain.as_bytes()[26..])].concat();
    let marked = format!("\u{feff}{plain}");
    for bytes in [
        plain.as_bytes().to_vec(),
        marked.into_bytes(),
        gzip(plain.as_bytes()),
        members,
        zstd::encode_all(plain.as_bytes(), 1).unwrap(),
    ] {
        // The name says nothing: packing and kind are found by content.
        let read = read_bytes("upload", &bytes).unwrap();
        assert_eq!(read.summary.format, "json_lines");
        assert_eq!(products(&read).len(), 2);
        assert_eq!(read.rejected, []);
    }
}

#[test]
fn arrays_documents_and_wrappers_are_read() {
    for text in [
        r#"[{"id":"1","title":"Tea"},{"id":"2","title":"Pot"}]"#,
        "[\n  {\n    \"id\": \"1\",\n    \"title\": \"Tea {\\\"green\\\"}\"\n  },\n  {\"id\": \"2\", \"title\": \"Pot\"}\n]\n",
        "{\n \"products\": [{\"id\":\"1\",\"title\":\"Tea\"},{\"id\":\"2\",\"title\":\"Pot\"}]\n}",
        "{\n\"id\":\"1\",\"title\":\"Tea\"\n}\n{\n\"id\":\"2\",\"title\":\"Pot\"\n}",
    ] {
        let read = read_bytes("rows.json", text.as_bytes()).unwrap();
        assert_eq!(read.summary.format, "json", "{text}");
        assert_eq!(products(&read).len(), 2, "{text}");
        assert_eq!(read.rejected, [], "{text}");
    }
}

#[test]
fn bad_rows_say_where_and_why_and_cost_no_other() {
    let lines: [&[u8]; 12] = [
        "{\"id\":\"1\",\"title\":\"gööööööd\"}".as_bytes(),
        br#"{"id":"2","title":"bro"#,
        b"{\"id\":\"3\",\"title\":\"\xff\"}",
        br#"{"id":"4","brand":"no title"}"#,
        br#"{"id":"5","title":"x","price":{"amount":-1,"currency":"USD"}}"#,
        br#"{"id":"6","title":"x","updated_at":"9999-01-01T00:00:00Z"}"#,
        br#"[1,2]"#,
        br#"{"id":"1","title":"other content"}"#,
        "{\"title\":\"gööööööd\",\"id\":\"1\"}".as_bytes(),
        br#"{"id":"","title":"x"}"#,
        br#"null"#,
        br#"{"id":"7","title":"also good","unknown":[1]}"#,
    ];
    let read = read_bytes("p.jsonl", &lines.join(&b'\n')).unwrap();
    let rejected: Vec<(u64, &str)> = read
        .rejected
        .iter()
        .map(|row| (row.line, row.field.as_str()))
        .collect();
    assert_eq!(
        rejected,
        [
            (2, "row"),
            (3, "row"),
            (4, "title"),
            (5, "price"),
            (6, "updated_at"),
            (7, "row"),
            (8, "id"),
            (10, "id"),
            (11, "row"),
        ]
    );
    assert!(
        read.rejected[1].reason.contains("UTF-8"),
        "{:?}",
        read.rejected[1]
    );
    assert!(
        read.rejected[6].reason.contains("line 1"),
        "{:?}",
        read.rejected[6]
    );
    assert_eq!(products(&read).len(), 2);
    assert_eq!(read.summary.repeated, 1);
}

#[test]
fn a_line_of_hundreds_of_megabytes_takes_bounded_memory() {
    // 300 MB of one letter are 300 kB of gzip.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(b"{\"id\":\"1\",\"title\":\"first\"}\n{\"id\":\"2\",\"title\":\"")
        .unwrap();
    let megabyte = vec![b'a'; 1 << 20];
    for _ in 0..300 {
        encoder.write_all(&megabyte).unwrap();
    }
    encoder
        .write_all(b"\"}\n{\"id\":\"3\",\"title\":\"last\"}\n")
        .unwrap();
    let read = read_bytes("long.jsonl.gz", &encoder.finish().unwrap()).unwrap();
    assert_eq!(products(&read).len(), 2);
    assert_eq!(read.rejected.len(), 1);
    assert_eq!(read.rejected[0].line, 2);
    assert!(read.rejected[0].row.len() < 2_000);
}

#[test]
fn a_gzip_cut_short_keeps_its_rows_and_says_where() {
    let mut text = String::new();
    for number in 0..20_000 {
        // Digits that do not repeat, so that packing leaves many bytes.
        let salt = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        text.push_str(&json!({"id": number.to_string(), "title": format!("{salt:x}")}).to_string());
        text.push('\n');
    }
    let packed = gzip(text.as_bytes());
    for keep in [packed.len() / 2, packed.len() - 4, 3_000] {
        let read = read_bytes("cut.jsonl.gz", &packed[..keep]).unwrap();
        assert!(read.summary.cut_short);
        assert!(read.records.len() > 50, "{keep}: {}", read.records.len());
        let [cut] = read.rejected.as_slice() else {
            panic!("{:?}", read.rejected);
        };
        assert_eq!(cut.field, "file");
        assert!(
            cut.reason.contains("gzip stream is cut short"),
            "{}",
            cut.reason
        );
        let expected = if keep < packed.len() - 4 {
            cut.line - 1
        } else {
            20_000
        };
        assert_eq!(read.records.len() as u64, expected);
    }
    let nothing = read_bytes("cut.gz", &packed[..12]);
    let nothing = nothing.map(|read| read.summary);
    assert!(
        matches!(nothing, Err(IngestError::Read { .. })),
        "{nothing:?}"
    );
}

#[test]
fn what_cannot_be_read_is_told_in_a_sentence() {
    for (bytes, says) in [
        (&b""[..], "is empty"),
        (b"  \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"PAR1....", "parquet, which cannot be read"),
        (b"PK\x03\x04", "a damaged archive"),
        (b"%PDF-1.4 nothing", "pdf, which cannot be read"),
        (b"\xd0\xcf\x11\xe0", "old Office"),
        (b"hello world", "not a format"),
        (b"<other><body/></other>", "neither RSS nor Atom"),
    ] {
        let error = match read_bytes("upload", bytes) {
            Err(error) => error.to_string(),
            Ok(read) => panic!("{:?} was read: {:?}", bytes, read.summary),
        };
        assert!(error.contains(says), "{error}");
    }
    for bytes in [
        &b"name,colour\na,b\n"[..],
        b"{\"colour\":\"red\"}\n",
        b"{broken\n{also broken\n",
    ] {
        let read = read_bytes("upload", bytes).unwrap();
        assert!(
            read.summary.needs.contains(&Need::Kind),
            "{:?}",
            read.summary
        );
        assert_eq!(read.records, []);
    }
    assert!(Need::Kind.question().contains("--as"));
    let missing = read_path(Path::new("/nowhere/at/all.jsonl"), None);
    assert!(matches!(missing, Err(IngestError::Read { .. })));
    let folder = tempfile::tempdir().unwrap();
    assert!(read_path(folder.path(), None).is_err());
    assert!(matches!(
        read_bytes("x.gz", &gzip(b"")),
        Err(IngestError::Empty(_))
    ));
}

#[test]
fn shopify_variants_become_products_of_one_group() {
    let csv = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,Image Src,Image Position,Variant Image,Status\r\n\
        tee,Plain Tee,\"<p>Soft &amp; light.</p>\n<ul><li>Cotton, organic</li></ul>\",Acme,Shirts,\"summer, basic\",TRUE,Color,Red,Size,M,TEE-R-M,shopify,5,deny,19.99,25.00,https://x/1.jpg,1,https://x/2.jpg,active\r\n\
        tee,,,,,,,,Blue,,L,TEE-B-L,shopify,0,deny,21.50,,https://x/2.jpg,2,,\r\n\
        tee,,,,,,,,Green,,S,,shopify,0,continue,21.50,,,,,\r\n\
        tee,,,,,,,,,,,,,,,,,https://x/3.jpg,3,,\r\n\
        mug,Mug,,Acme,Mugs,,TRUE,Title,Default Title,,,,,,,-4,,,,,active\r\n\
        cap,Cap,,Acme,Caps,,TRUE,Title,Default Title,,,CAP-1,,,,9,,,,,draft\r\n\
        bad,\"Bad,,,,,,,,,,,,,,,,,,,\r\n\
        pin,Pin,,Acme,Pins,,TRUE,Title,Default Title,,,PIN-1,,,,\"1,250\",,,,,active\r\n\
        none,,,Acme,Pins,,TRUE,Title,Default Title,,,NO-1,,,,5,,,,,active\r\n";
    let read = read_bytes("products_export.csv", csv.as_bytes()).unwrap();
    assert_eq!(read.summary.format, "shopify_products");
    let rejected: Vec<(u64, &str)> = read
        .rejected
        .iter()
        .map(|row| (row.line, row.field.as_str()))
        .collect();
    assert_eq!(rejected, [(7, "Variant Price"), (9, "row"), (11, "title")]);
    let products = products(&read);
    let ids: Vec<&str> = products.iter().map(|product| product.id.as_str()).collect();
    assert_eq!(ids, ["TEE-R-M", "TEE-B-L", "tee/Green/S", "CAP-1", "PIN-1"]);
    let red = products[0];
    assert_eq!(
        red.description.as_deref(),
        Some("Soft & light.\n- Cotton, organic")
    );
    assert_eq!(red.group_id.as_ref().unwrap().as_str(), "tee");
    assert_eq!(red.price.unwrap().to_string(), "19.99 USD");
    assert_eq!(red.list_price.unwrap().to_string(), "25.00 USD");
    assert_eq!(
        red.images,
        ["https://x/2.jpg", "https://x/1.jpg", "https://x/3.jpg"]
    );
    assert_eq!(red.attributes["Color"], "Red");
    assert_eq!(red.tags, ["summer", "basic"]);
    assert_eq!(products[1].availability, Availability::OutOfStock);
    assert_eq!(products[2].availability, Availability::Backorder);
    assert_eq!(products[3].properties["hidden"], true);
    assert_eq!(products[2].properties["hidden"], false);
    assert_eq!(products[3].group_id, None);
    assert_eq!(products[4].price.unwrap().to_string(), "1250.00 USD");
}

#[test]
fn merchant_center_tables() {
    let tsv = "id\ttitle\tdescription\tlink\timage link\tavailability\tprice\tsale price\tbrand\tproduct type\titem group id\tcolor\n\
        1\tRed shoe\tFits \"well\"\thttps://x/1\thttps://x/1.jpg\tin stock\t59.00 EUR\t49.00 EUR\tAcme\tShoes > Running\tshoe\tred\n\
        2\tBlue shoe\t\"Light\" and fast\thttps://x/2\t\tout of stock\t59,00 EUR\t\tAcme\tShoes > Running\tshoe\tblue\n\
        3\tBad shoe\t\t\t\tmaybe\t1 EUR\t\t\t\t\t\n\
        4\tFree shoe\t\t\t\tin stock\tfree\t\t\t\t\t\n";
    let read = read_bytes("feed.txt", tsv.as_bytes()).unwrap();
    assert_eq!(read.summary.format, "merchant_center");
    let rejected: Vec<(u64, &str)> = read
        .rejected
        .iter()
        .map(|row| (row.line, row.field.as_str()))
        .collect();
    assert_eq!(rejected, [(4, "availability"), (5, "price")]);
    let products = products(&read);
    assert_eq!(products[0].category, ["Shoes", "Running"]);
    assert_eq!(products[0].price.unwrap().to_string(), "49.00 EUR");
    assert_eq!(products[0].list_price.unwrap().to_string(), "59.00 EUR");
    assert_eq!(products[0].attributes["color"], "red");
    assert_eq!(
        products[1].description.as_deref(),
        Some("\"Light\" and fast")
    );
    assert_eq!(products[1].price.unwrap().to_string(), "59.00 EUR");
    assert_eq!(products[1].availability, Availability::OutOfStock);
}

#[test]
fn merchant_center_feeds() {
    let rss = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>1</g:id><title>Tea &amp; pot</title><g:title>Tea &amp; the pot</g:title>
<g:description><![CDATA[<p>Fine <b>leaves</b></p>]]></g:description><link>https://x/1</link>
<g:price>19.99 USD</g:price><g:availability>in_stock</g:availability>
<g:shipping><g:country>US</g:country><g:price>5 USD</g:price></g:shipping>
<g:product_type>Food &gt; Tea</g:product_type><g:item_group_id>tea</g:item_group_id>
<g:additional_image_link>https://x/2.jpg</g:additional_image_link>
<g:additional_image_link>https://x/3.jpg</g:additional_image_link></item>
<item><g:id>2</g:id><g:price>-1 USD</g:price><title>x</title></item>
<item><g:id>3</g:id><title>&#33590;</title></item></channel></rss>"#;
    let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title><entry><g:id>9</g:id><title>Cup</title><link rel="alternate" href="https://x/9?a=1&amp;b=2"/>
<summary>A cup</summary><g:price>3 EUR</g:price><g:availability>out of stock</g:availability></entry></feed>"#;
    let read = read_bytes("feed.xml", rss.as_bytes()).unwrap();
    assert_eq!(read.summary.format, "merchant_center");
    let tea = products(&read)[0];
    assert_eq!(tea.title, "Tea & the pot");
    assert_eq!(tea.description.as_deref(), Some("Fine leaves"));
    assert_eq!(tea.price.unwrap().to_string(), "19.99 USD");
    assert_eq!(tea.category, ["Food", "Tea"]);
    assert_eq!(tea.images.len(), 2);
    assert_eq!(products(&read)[1].title, "茶");
    assert_eq!(
        (read.rejected[0].line, read.rejected[0].field.as_str()),
        (10, "price")
    );
    let read = read_bytes("atom", atom.as_bytes()).unwrap();
    let cup = products(&read)[0];
    assert_eq!(cup.url.as_deref(), Some("https://x/9?a=1&b=2"));
    assert_eq!(cup.description.as_deref(), Some("A cup"));
    assert_eq!(cup.availability, Availability::OutOfStock);
    // Cut in the middle of the third product: two stand, the end is named.
    let cut = read_bytes("cut.xml", &rss.as_bytes()[..rss.len() - 40]).unwrap();
    assert_eq!((products(&cut).len(), cut.rejected.len()), (1, 2));
}

#[test]
fn ga4_exports_and_payloads() {
    let purchase = json!({
        "event_name": "purchase", "event_timestamp": "1767225600000000", "event_date": "20260101",
        "user_pseudo_id": "1.2", "user_id": null,
        "event_params": [
            {"key": "ga_session_id", "value": {"string_value": null, "int_value": 77}},
            {"key": "currency", "value": {"string_value": "EUR"}},
            {"key": "transaction_id", "value": {"string_value": "T1"}},
        ],
        "items": [
            {"item_id": "A", "item_name": "Tea", "price": 4.35, "quantity": 2},
            {"item_id": "(not set)", "item_name": "?"},
        ],
    });
    let page = json!({"event_name": "page_view", "event_timestamp": 1767225600000000_i64, "event_params": []});
    let text = format!("{purchase}\n{page}\n");
    let read = read_bytes("ga4.jsonl", text.as_bytes()).unwrap();
    assert_eq!(read.summary.format, "ga4_events");
    assert_eq!(read.summary.ignored["page_view"], 1);
    let [bought] = events(&read.records)[..] else {
        panic!("{:?}", read.records);
    };
    assert_eq!(bought.kind, EventKind::Purchase);
    assert_eq!(bought.time.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(bought.session_id.as_ref().unwrap().as_str(), "1.2.77");
    assert_eq!(bought.quantity, Some(2));
    assert_eq!(
        bought.value,
        Some(json!({"amount": 435, "currency": "EUR"}))
    );
    assert_eq!(read.rejected[0].field, "items[1].item_id");

    let payload = json!({
        "client_id": "c.1", "user_id": 17850, "timestamp_micros": 1767225600000000_i64,
        "events": [
            {"name": "view_search_results", "params": {"search_term": "red shoe"}},
            {"name": "select_item", "params": {"items": [{"item_id": "A", "index": 3}], "item_list_name": "search"}},
            {"name": "scroll", "params": {}},
        ],
    });
    let (records, rejected) = ga4_events(&payload, now());
    assert_eq!(rejected, []);
    let found = events(&records);
    assert_eq!(found[0].query.as_deref(), Some("red shoe"));
    assert_eq!(found[0].customer_id.as_ref().unwrap().as_str(), "17850");
    assert_eq!(
        (found[1].kind, found[1].position),
        (EventKind::Click, Some(3))
    );
    let (_, rejected) = ga4_events(
        &json!([1, {"event_name": "view_item", "event_timestamp": "soon", "items": [{"item_id": "A"}]}]),
        now(),
    );
    assert_eq!(rejected.len(), 2);
}

#[test]
fn segment_calls() {
    let ordered = json!({
        "type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "a1",
        "messageId": "m1", "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {"order_id": "O1", "currency": "USD", "products": [
            {"product_id": "A", "price": 10, "quantity": 1}, {"sku": "B", "price": 2.5, "quantity": 3}, {},
        ]},
    });
    let searched = json!({"type": "track", "event": "Products Searched", "anonymousId": "a1",
        "messageId": "m2", "timestamp": "2026-01-02T03:04:05Z", "properties": {"query": "tea"}});
    let page = json!({"type": "page", "anonymousId": "a1", "messageId": "m3", "timestamp": "2026-01-02T03:04:05Z",
        "properties": {"title": "Home"}});
    let text = format!("{ordered}\n{searched}\n{page}\n");
    let read = read_bytes("segment.jsonl", text.as_bytes()).unwrap();
    assert_eq!(read.summary.format, "segment_events");
    let found = events(&read.records);
    let ids: Vec<&str> = found
        .iter()
        .map(|event| event.id.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(ids, ["m1:0", "m1:1", "m2"]);
    assert_eq!(
        found[1].value,
        Some(json!({"amount": 250, "currency": "USD"}))
    );
    assert_eq!(found[1].customer_id.as_ref().unwrap().as_str(), "u1");
    assert_eq!(
        (found[2].kind, found[2].query.as_deref()),
        (EventKind::Search, Some("tea"))
    );
    assert_eq!(read.rejected[0].field, "properties.products[2].product_id");
    assert_eq!(read.summary.ignored["page"], 1);
    let (records, rejected) = segment_events(
        &json!({"batch": [ordered, searched], "sentAt": "2026-01-02T03:04:05Z"}),
        now(),
    );
    assert_eq!((records.len(), rejected.len()), (3, 1));
}

#[test]
fn a_request_body_may_be_lines_or_an_array() {
    let lines =
        "{\"type\":\"view\",\"time\":\"2026-01-01T00:00:00Z\",\"product_id\":\"1\"}\nnonsense\n";
    let array = r#"[{"type":"view","time":"2026-01-01T00:00:00Z","product_id":"1"},{"type":"gaze","time":"2026-01-01T00:00:00Z"}]"#;
    for body in [lines, array] {
        let (records, rejected) = parse_rows(Kind::Events, body.as_bytes(), now());
        assert_eq!((records.len(), rejected.len()), (1, 1), "{body}");
    }
    assert_eq!(parse_rows(Kind::Events, b"", now()).0, []);
}

#[test]
fn the_kind_is_that_of_the_fields_then_of_the_name() {
    for (name, row, kind) in [
        ("x", r#"{"id":"1","text":"t"}"#, Kind::Documents),
        ("reviews.jsonl", r#"{"id":"1","text":"t"}"#, Kind::Reviews),
        ("my-customers.jsonl", r#"{"id":"1"}"#, Kind::Customers),
        (
            "documents.jsonl",
            r#"{"id":"1","messages":[{"role":"customer","text":"x"}]}"#,
            Kind::Conversations,
        ),
    ] {
        let read = read_bytes(name, row.as_bytes()).unwrap();
        assert_eq!(read.summary.kinds.keys().next(), Some(&kind), "{name}");
    }
}

#[test]
fn real_files_lose_no_row() {
    for (file, kind, rows) in [
        ("aws-retail-demo-store/products", Kind::Products, 2_465),
        ("aws-retail-demo-store/customers", Kind::Customers, 5_250),
        ("tau2-retail/documents", Kind::Documents, 12),
        ("bitext/conversations", Kind::Conversations, 6_480),
        ("bitext/train", Kind::Labelled, 4_908),
        ("uci-online-retail/products", Kind::Products, 3_779),
        ("uci-online-retail/customers", Kind::Customers, 3_658),
        ("uci-online-retail/orders", Kind::Orders, 13_171),
        ("uci-online-retail/events", Kind::Events, 103_387),
        ("womens-clothing/reviews", Kind::Reviews, 22_641),
        ("macrozheng-mall/products", Kind::Products, 38),
        ("litemall/products", Kind::Products, 239),
        ("litemall/reviews", Kind::Reviews, 994),
        ("litemall/documents", Kind::Documents, 4),
        ("chorus/products", Kind::Products, 19_406),
        ("chorus/judgements", Kind::Judgements, 1_708),
        ("adventureworks/products", Kind::Products, 3_564),
        ("eshopsupport/conversations", Kind::Conversations, 500),
        ("hu-liu/labelled", Kind::Labelled, 8_194),
        ("dunnhumby/orders", Kind::Orders, 47_034),
    ] {
        let Some(path) = shared(&format!("{file}.jsonl.gz")) else {
            continue;
        };
        let read = read_path(&path, None).unwrap();
        assert_eq!(read.rejected, [], "{file}");
        let taken = read
            .records
            .iter()
            .filter(|record| record.kind() == kind)
            .count() as u64;
        assert_eq!(taken + read.summary.repeated, rows, "{file}");
        println!("{file}: {taken} rows");
    }
}

#[test]
fn hostile_files_are_refused_or_read_but_never_panic() {
    let Some(folder) = shared("golden/hostile_inputs") else {
        return;
    };
    let suite = std::fs::read(folder.join("json_test_suite/test_parsing_base64.json")).unwrap();
    let suite: Value = serde_json::from_slice(&suite).unwrap();
    let mut files = 0;
    for bytes in base64_texts(&suite) {
        files += 1;
        let _ = read_bytes("products.jsonl", &bytes);
        let _ = parse_rows(Kind::Products, &bytes, now());
        for kind in [Kind::Events, Kind::Labelled] {
            let wrapped = [b"{\"id\":\"1\",\"title\":", bytes.as_slice(), b"}"].concat();
            let _ = parse_rows(kind, &wrapped, now());
        }
    }
    assert!(files > 300, "{files}");
    for part in ["csv_spectrum", "parquet_bad", "parquet_good"] {
        for file in std::fs::read_dir(folder.join(part)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let _ = read_bytes("upload", &bytes);
            let table = [b"Handle,Title,Variant Price\n", bytes.as_slice()].concat();
            let _ = read_bytes("table.csv", &table);
        }
    }
    let naughty = std::fs::read(folder.join("blns.json")).unwrap();
    let naughty: Vec<String> = serde_json::from_slice(&naughty).unwrap();
    for text in &naughty {
        let row = json!({"id": "1", "title": text, "description": text}).to_string();
        let (records, rejected) = parse_rows(Kind::Products, row.as_bytes(), now());
        assert_eq!(records.len() + rejected.len(), 1);
        assert_eq!(
            records.len(),
            usize::from(!text.trim().is_empty()),
            "{text:?}"
        );
        let quoted = text.replace('"', "\"\"");
        let csv =
            format!("Handle,Title,Body (HTML),Variant Price\nh,t,\"{quoted}\",1\nlast,Last,,2\n");
        let read = read_bytes("naughty.csv", csv.as_bytes()).unwrap();
        assert_eq!(products(&read).last().unwrap().title, "Last", "{text:?}");
        let _ = read_bytes(
            "x.xml",
            format!("<rss><item><id>1</id><title>{text}</title></item></rss>").as_bytes(),
        );
    }
}

/// Every text of the suite, decoded.
fn base64_texts(suite: &Value) -> Vec<Vec<u8>> {
    match suite {
        Value::String(text) => base64(text).into_iter().collect(),
        Value::Array(list) => list.iter().flat_map(base64_texts).collect(),
        Value::Object(object) => object.values().flat_map(base64_texts).collect(),
        _ => Vec::new(),
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|other| *other == c)? as u32;
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    /// Whatever stands in a file, reading it returns.
    #[test]
    fn random_bytes_never_panic(
        beginning in proptest::sample::select(vec![
            &b""[..], b"{\"id\":\"1\",\"title\":\"x\"}\n", b"[{\"id\":\"1\",\"title\":\"x\"},", b"{\n",
            b"Handle,Title,Variant Price\n", b"id\ttitle\tprice\n1\t", b"<rss><item><g:id>1</g:id>",
            b"<feed><entry><title>", b"{\"event_name\":\"purchase\",\"event_timestamp\":1,\"items\":[",
            b"{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"u\",\"properties\":",
            b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf", b"PAR1",
        ]),
        rest in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::num::u8::ANY.prop_map(|byte| vec![byte]),
                proptest::sample::select(vec![
                    &b"\""[..], b"{", b"}", b"[", b"]", b",", b"\n", b"\t", b"<", b">", b"</item>", b"&", b"\\",
                    b"\"id\":\"1\"", b"\"title\":\"t\"", b"<g:title>", b"\r\n", b"null", b"-1", b"1e999",
                ]).prop_map(<[u8]>::to_vec),
            ],
            0..120,
        ),
    ) {
        let bytes = [beginning.to_vec(), rest.concat()].concat();
        let _ = read_bytes("upload", &bytes);
        let _ = parse_rows(Kind::Products, &bytes, now());
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let _ = ga4_events(&value, now());
            let _ = segment_events(&value, now());
        }
    }
}

struct Silent;

impl shop::Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

#[tokio::test]
async fn importing_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let mut text = String::new();
    for number in 0..5_000 {
        let event = json!({"type": "view", "time": "2026-01-01T00:00:00Z", "product_id": number.to_string()});
        text.push_str(&format!("{event}\n"));
    }
    text.push_str("{\"type\":\"view\"}\n");
    std::fs::write(&file, text).unwrap();
    let data = folder.path().join("data");
    let rejected = folder.path().join("rejected.jsonl");
    let store = store::Store::open(&data).await.unwrap();
    let options = options(None);
    let first = import(&store, &file, &options, &rejected, &Silent)
        .await
        .unwrap();
    assert_eq!(
        (first.accepted, first.unchanged, first.rejected),
        (5_000, 0, 1)
    );
    let shown = first.to_string();
    assert!(
        shown.contains("5000 events; 5000 stored, 0 unchanged, 1 rejected"),
        "{shown}"
    );
    assert!(shown.contains("line 5001, time: missing"), "{shown}");
    let hash = store.derived_hash().await.unwrap();
    let second = import(&store, &file, &options, &rejected, &Silent)
        .await
        .unwrap();
    assert_eq!(
        (second.accepted, second.unchanged, second.rejected),
        (0, 5_000, 1)
    );
    assert_eq!(store.derived_hash().await.unwrap(), hash);
    let written = std::fs::read_to_string(&rejected).unwrap();
    assert_eq!(written.lines().count(), 2);
    assert!(written.contains("\"line\":5001"), "{written}");
}

#[tokio::test]
async fn deleted_rows_remove_what_has_their_kind_and_id() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("products.jsonl");
    let rejected = folder.path().join("rejected.jsonl");
    let store = store::Store::open(&folder.path().join("data"))
        .await
        .unwrap();
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("{\"id\":\"a\",\"title\":\"A\"}\n{\"id\":\"b\",\"title\":\"B\"}\n");
    let options = options(Some(Kind::Products));
    let run = || import(&store, &file, &options, &rejected, &Silent);
    assert_eq!(run().await.unwrap().accepted, 2);
    write(concat!(
        "{\"id\":\"a\",\"deleted\":true}\n",
        "{\"id\":\"b\",\"title\":\"B\",\"deleted\":false}\n",
        "{\"id\":\"never\",\"deleted\":true}\n",
        "{\"deleted\":true}\n",
        "{\"id\":\"b\",\"deleted\":true}\n",
    ));
    let report = run().await.unwrap();
    assert_eq!(
        (report.deleted, report.unchanged, report.rejected),
        (1, 2, 2),
        "{report}"
    );
    assert!(report.to_string().contains("1 deleted"), "{report}");
    let snapshot = store.snapshot();
    let stands = |id: &str| {
        snapshot
            .catalogue
            .by_id(&shop::Id::new(id).unwrap())
            .is_some()
    };
    // A row that says both is one that has to be looked at.
    assert!(!stands("a") && stands("b"));
    assert_eq!(run().await.unwrap().deleted, 0);
}

#[tokio::test]
async fn a_small_file_of_bad_rows_does_not_fill_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.jsonl.gz");
    let rejected = folder.path().join("rejected.jsonl");
    let store = store::Store::open(&folder.path().join("data"))
        .await
        .unwrap();
    const ROWS: usize = 20_000;
    let long = "x".repeat(2_000);
    let row = format!("{{\"id\":\"1\",\"title\":\"a\",\"{long}\":1,\"price\":\"{long}\"}}\n");
    std::fs::write(&file, gzip(row.repeat(ROWS).as_bytes())).unwrap();
    let options = options(Some(Kind::Products));
    let report = import(&store, &file, &options, &rejected, &Silent)
        .await
        .unwrap();
    assert_eq!(report.rejected, ROWS as u64, "the count stays exact");
    let written = std::fs::read_to_string(&rejected).unwrap();
    assert!(written.len() < 9 << 20, "{} bytes", written.len());
    let longest = written.lines().map(str::len).max().unwrap();
    assert!(longest < 3_000, "{longest} bytes in a line");
    let last: Value = serde_json::from_str(written.lines().last().unwrap()).unwrap();
    let lines = written.lines().count() as u64;
    assert_eq!(last["left_out"], json!(ROWS as u64 - (lines - 1)), "{last}");
}
