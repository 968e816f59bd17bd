//! Each format by a file of a few rows, in languages and orders of columns that
//! others have.

use super::*;

/// A file, what it is, and what some of its records say.
struct Case {
    name: &'static str,
    text: &'static str,
    format: &'static str,
    kind: Kind,
    /// By the place of the record.
    says: &'static [(usize, &'static str, &'static str)],
    rejected: u64,
}

const CASES: &[Case] = &[
    Case {
        name: "wc-produkte.csv",
        text: "ID;Typ;Artikelnummer;Name;Veröffentlicht;Sichtbarkeit im Katalog;Beschreibung;Vorrätig?;Lager;Angebotspreis;Regulärer Preis;Kategorien;Übergeordnet;Attribut 1 Name;Attribut 1 Wert(e)\n\
            1;variable;KANNE;Kanne;1;visible;Schön;1;;;;Tee > Kannen;;Farbe;Rot, Blau\n\
            2;variation;KANNE-R;Kanne - Rot;1;visible;;1;3;\"1.099,50\";\"1.299,00\";;KANNE;Farbe;Rot\n\
            3;variation;;Kanne - Blau;1;visible;;0;0;;12,5;;id:1;Farbe;Blau\n\
            4;simple;ENTWURF;Entwurf;-1;visible;;1;;;1;;;;\n",
        format: "woocommerce_products",
        kind: Kind::Products,
        says: &[
            (0, "/id", "\"KANNE-R\""),
            (0, "/price/amount", "109950"),
            (0, "/list_price/amount", "129900"),
            (0, "/group_id", "\"KANNE\""),
            (0, "/category", "[\"Tee\",\"Kannen\"]"),
            (0, "/attributes/Farbe", "\"Rot\""),
            (1, "/id", "\"3\""),
            (1, "/group_id", "\"KANNE\""),
            (1, "/availability", "\"out_of_stock\""),
            (2, "/properties/hidden", "true"),
        ],
        rejected: 0,
    },
    Case {
        name: "wc-productos.csv",
        text: "ID,Tipo,SKU,Nombre,Publicado,Visibilidad en el catálogo,Descripción,¿Existencias?,Inventario,Precio rebajado,Precio normal,Categorías\n\
            7,simple,TAZA,Taza,1,visible,\"<p>Azul</p>\",1,4,,\"9,90\",Cocina\n",
        format: "woocommerce_products",
        kind: Kind::Products,
        says: &[
            (0, "/title", "\"Taza\""),
            (0, "/description", "\"Azul\""),
            (0, "/price/amount", "990"),
            (0, "/availability", "\"in_stock\""),
        ],
        rejected: 0,
    },
    Case {
        name: "prestashop.csv",
        text: "ID;Actif (0/1);Nom *;Catégories (x,y,z...);Prix TTC;Référence n°;Quantité;Description\n\
            1;0;Théière;Accueil,Cuisine;49,90;T1;3;<p>Émail</p>\n",
        format: "prestashop_products",
        kind: Kind::Products,
        says: &[
            (0, "/id", "\"T1\""),
            (0, "/price/amount", "4990"),
            (0, "/properties/hidden", "true"),
        ],
        rejected: 0,
    },
    Case {
        name: "wix.csv",
        text: "handleId,fieldType,name,sku,price,surcharge,visible,inventory,discountMode,discountValue,productOptionName1,productOptionDescription1\n\
            tee,Product,Tee,,20,,true,InStock,PERCENT,10,Size,S;L\n\
            tee,Variant,,TEE-S,,0,true,4,,,,S\n\
            tee,Variant,,TEE-L,,4,true,0,,,,L\n",
        format: "wix_products",
        kind: Kind::Products,
        says: &[
            (0, "/id", "\"TEE-S\""),
            (0, "/price/amount", "1800"),
            (0, "/list_price/amount", "2000"),
            (1, "/price/amount", "2160"),
            (1, "/attributes/Size", "\"L\""),
            (1, "/availability", "\"out_of_stock\""),
        ],
        rejected: 0,
    },
    Case {
        name: "artikel.csv",
        text: "Preis;Bezeichnung;Artikelnummer;Währung;Bestand;Warengruppe\n\
            12,90;Grüner Tee;A1;EUR;5;Tee > Grün\n\
            1.299;Weißwein;A2;EUR;0;Wein\n\
            gratis;Probe;A3;EUR;1;\n",
        format: "columns",
        kind: Kind::Products,
        says: &[
            (0, "/price/currency", "\"EUR\""),
            (0, "/price/amount", "1290"),
            (1, "/price/amount", "129900"),
            (1, "/availability", "\"out_of_stock\""),
        ],
        rejected: 1,
    },
    Case {
        name: "bestellungen.csv",
        text: "Bestellnummer;Kundennummer;Bestelldatum;Artikelnummer;Menge;Einzelpreis;Währung\n\
            B1;K1;31.12.2025;A1;2;12,90;EUR\nB2;K1;01.02.2026;A1;1;12,90;EUR\nB1;K1;31.12.2025;A2;1;5;EUR\n",
        format: "columns",
        kind: Kind::Orders,
        says: &[
            (0, "/id", "\"B2\""),
            (1, "/time", "\"2025-12-31T00:00:00Z\""),
            (1, "/lines/1/product_id", "\"A2\""),
            (1, "/lines/0/price/amount", "1290"),
        ],
        rejected: 0,
    },
    Case {
        name: "clients.csv",
        text: "Nom,Prénom,Adresse e-mail,Pays\nExemple,Anne,Anne@Example.com,fr\nSans,Adresse,rien,fr\n",
        format: "columns",
        kind: Kind::Customers,
        says: &[
            (0, "/id", "\"anne@example.com\""),
            (0, "/name", "\"Anne Exemple\""),
            (0, "/country", "\"FR\""),
        ],
        rejected: 1,
    },
    Case {
        name: "reviews.csv",
        text: "評価,レビュー,商品番号,投稿日\n5,とても良い,P1,2026年4月1日\n1,だめ,P1,2026年4月2日\n",
        format: "columns",
        kind: Kind::Reviews,
        says: &[
            (0, "/rating", "5.0"),
            (0, "/text", "\"とても良い\""),
            (0, "/product_id", "\"P1\""),
            (1, "/time", "\"2026-04-02T00:00:00Z\""),
        ],
        rejected: 0,
    },
    Case {
        name: "tickets.csv",
        text: "time,text,role,conversation_id\n2026-04-01T10:05:00Z,Yes.,agent,C1\n2026-04-01T10:00:00Z,Hello?,customer,C1\n",
        format: "columns",
        kind: Kind::Conversations,
        says: &[
            (0, "/messages/0/text", "\"Hello?\""),
            (0, "/messages/1/role", "\"agent\""),
        ],
        rejected: 0,
    },
    Case {
        name: "events.csv",
        text: "itemid,event,visitorid,timestamp\n9,addtocart,7,1760000000000\n9,unheard,7,1760000000000\n9,view,7,never\n",
        format: "retailrocket_events",
        kind: Kind::Events,
        says: &[
            (0, "/type", "\"add_to_cart\""),
            (0, "/time", "\"2025-10-09T08:53:20Z\""),
        ],
        rejected: 1,
    },
    Case {
        name: "tickets.json",
        text: "{\"users\":[{\"id\":2,\"role\":\"end-user\"}],\"tickets\":[{\"id\":5,\"requester_id\":1,\"status\":\"closed\",\"comments\":[\
            {\"author_id\":1,\"body\":\"Where?\",\"public\":true,\"created_at\":\"2026-01-01T00:00:00Z\"},\
            {\"author_id\":2,\"body\":\"Me too\",\"public\":true,\"created_at\":\"2026-01-01T00:01:00Z\"},\
            {\"author_id\":9,\"body\":\"secret\",\"public\":false,\"created_at\":\"2026-01-01T00:02:00Z\"},\
            {\"author_id\":9,\"body\":\"Here\",\"public\":true,\"created_at\":\"2026-01-01T00:03:00Z\"}]}]}",
        format: "zendesk_tickets",
        kind: Kind::Conversations,
        says: &[
            (0, "/messages/1/role", "\"customer\""),
            (0, "/messages/2/text", "\"Here\""),
            (0, "/resolved", "true"),
        ],
        rejected: 0,
    },
    Case {
        name: "customers.json",
        text: "{\"customers\":[{\"id\":7012345678001,\"email\":\"Anna@example.com\",\"first_name\":\"Anna\",\"last_name\":\"Example\",\
            \"verified_email\":true,\"email_marketing_consent\":{\"state\":\"not_subscribed\"},\"updated_at\":\"2026-05-01T10:00:00-04:00\",\
            \"default_address\":{\"country_code\":\"us\"},\"addresses\":[]},{\"verified_email\":false,\"addresses\":[]}]}",
        format: "shopify_admin_customers",
        kind: Kind::Customers,
        says: &[
            (0, "/id", "\"7012345678001\""),
            (0, "/email", "\"anna@example.com\""),
            (0, "/name", "\"Anna Example\""),
            (0, "/country", "\"US\""),
            (0, "/consent/marketing", "false"),
            (0, "/properties/updated_at", "\"2026-05-01T14:00:00Z\""),
        ],
        rejected: 1,
    },
    Case {
        name: "wc-products.json",
        text: "[{\"id\":101,\"name\":\"Hoodie\",\"type\":\"variable\",\"status\":\"publish\",\"catalog_visibility\":\"visible\",\"sku\":\"HOOD\",\
            \"permalink\":\"https://shop.example/hoodie\",\"regular_price\":\"\",\"stock_status\":\"instock\",\"description\":\"<b>Warm</b>\",\
            \"categories\":[{\"id\":1,\"name\":\"Sale\"},{\"id\":2,\"name\":\"Hoodies\",\"path\":\"Clothing &gt; Hoodies\"}],\"variations\":[\
            {\"id\":102,\"sku\":\"HOOD-R\",\"name\":\"Red\",\"status\":\"publish\",\"regular_price\":\"45 EUR\",\"sale_price\":\"39 EUR\",\
            \"on_sale\":true,\"stock_status\":\"instock\",\"stock_quantity\":8,\"attributes\":[{\"name\":\"Color\",\"option\":\"Red\"}]},\
            {\"id\":103,\"sku\":\"\",\"status\":\"publish\",\"regular_price\":\"45 EUR\",\"stock_status\":\"outofstock\",\
            \"attributes\":[{\"name\":\"Color\",\"option\":\"Blue\"}]}]},\
            {\"id\":104,\"name\":\"Beanie\",\"type\":\"simple\",\"status\":\"draft\",\"permalink\":\"x\",\"sku\":\"\",\"regular_price\":\"14.5 EUR\",\
            \"stock_status\":\"onbackorder\",\"date_modified_gmt\":\"2026-05-01T10:00:00\",\"average_rating\":\"0.00\",\"rating_count\":0,\"variations\":[]}]",
        format: "woocommerce_api_products",
        kind: Kind::Products,
        says: &[
            (0, "/id", "\"HOOD-R\""),
            (0, "/title", "\"Hoodie - Red\""),
            (0, "/price/amount", "3900"),
            (0, "/list_price/amount", "4500"),
            (0, "/category", "[\"Clothing\",\"Hoodies\"]"),
            (0, "/group_id", "\"HOOD\""),
            (0, "/description", "\"Warm\""),
            (0, "/attributes/Color", "\"Red\""),
            (0, "/properties/hidden", "false"),
            (1, "/id", "\"103\""),
            (1, "/availability", "\"out_of_stock\""),
            (2, "/id", "\"104\""),
            (2, "/availability", "\"backorder\""),
            (2, "/properties/hidden", "true"),
            (2, "/updated_at", "\"2026-05-01T10:00:00Z\""),
        ],
        rejected: 0,
    },
    Case {
        name: "wc-orders.json",
        text: "[{\"id\":501,\"number\":\"501\",\"status\":\"on-hold\",\"currency\":\"GBP\",\"date_created_gmt\":\"2026-03-01T10:00:00\",\
            \"customer_id\":0,\"total\":\"81.50\",\"discount_total\":\"5.00\",\"billing\":{\"email\":\"Anna@example.com\",\"city\":\"Leeds\"},\
            \"shipping\":{\"city\":\"\"},\"coupon_lines\":[{\"code\":\"FIVE\"}],\"line_items\":[{\"id\":9,\"name\":\"Beanie\",\"sku\":\"BEANIE\",\
            \"product_id\":104,\"variation_id\":0,\"quantity\":3,\"subtotal\":\"43.50\"},{\"name\":\"Hoodie\",\"sku\":null,\"product_id\":101,\
            \"variation_id\":103,\"quantity\":1,\"subtotal\":\"39.00\"}]}]",
        format: "woocommerce_api_orders",
        kind: Kind::Orders,
        says: &[
            (0, "/id", "\"501\""),
            (0, "/customer_id", "\"anna@example.com\""),
            (0, "/status", "\"on hold\""),
            (0, "/time", "\"2026-03-01T10:00:00Z\""),
            (0, "/lines/0/price/amount", "1450"),
            (0, "/lines/1/product_id", "\"103\""),
            (0, "/address/city", "\"Leeds\""),
            (0, "/discounts/0/code", "\"FIVE\""),
        ],
        rejected: 0,
    },
    Case {
        name: "wc-customers.json",
        text: "[{\"id\":25,\"email\":\"bo@example.com\",\"first_name\":\"Bo\",\"last_name\":\"\",\"is_paying_customer\":false,\
            \"date_created_gmt\":\"2026-03-21T16:09:28\",\"billing\":{\"country\":\"DE\"},\"shipping\":{}}]",
        format: "woocommerce_api_customers",
        kind: Kind::Customers,
        says: &[
            (0, "/id", "\"25\""),
            (0, "/name", "\"Bo\""),
            (0, "/country", "\"DE\""),
            (0, "/created_at", "\"2026-03-21T16:09:28Z\""),
        ],
        rejected: 0,
    },
    Case {
        name: "page.jsonld",
        text: "{\"@context\":\"https://schema.org\",\"@type\":\"Product\",\"sku\":\"S1\",\"name\":\"Lamp\",\
            \"offers\":{\"@type\":\"AggregateOffer\",\"lowPrice\":\"19.90\",\"priceCurrency\":\"EUR\"}}",
        format: "schema_org",
        kind: Kind::Products,
        says: &[(0, "/id", "\"S1\""), (0, "/price/amount", "1990")],
        rejected: 0,
    },
];

#[test]
fn files_of_many_programs() {
    for case in CASES {
        let read = read_bytes(case.name, case.text.as_bytes()).unwrap();
        assert_eq!(read.summary.format, case.format, "{}", case.name);
        assert_eq!(
            read.summary.kind,
            Some(case.kind),
            "{}: {:?}",
            case.name,
            read.rejected
        );
        assert_eq!(
            read.summary.rejected, case.rejected,
            "{}: {:?}",
            case.name, read.rejected
        );
        let records: Vec<Value> = read.records.iter().map(Record::to_json).collect();
        for (place, pointer, expected) in case.says {
            let found = records
                .get(*place)
                .and_then(|record| record.pointer(pointer));
            let found = found.map(Value::to_string);
            assert_eq!(
                found.as_deref(),
                Some(*expected),
                "{} {place}{pointer}: {records:?}",
                case.name
            );
        }
    }
}

/// Needs by file and options.
fn needs(text: &str, options: &ImportOptions) -> Vec<Need> {
    let read = read_as("upload.csv", text.as_bytes(), options).unwrap();
    if !read.summary.needs.is_empty() {
        assert_eq!(
            (read.records.len(), read.summary.rejected),
            (0, 0),
            "nothing is read"
        );
    }
    read.summary.needs.into_iter().collect()
}

#[test]
fn what_a_file_does_not_say_is_asked() {
    let nothing = ImportOptions {
        now: now(),
        ..ImportOptions::default()
    };
    let euros = ImportOptions {
        currency: "EUR".parse().ok(),
        ..nothing.clone()
    };
    let mapped = ImportOptions {
        map: vec![("title".to_owned(), "name".to_owned())],
        ..euros.clone()
    };
    let noid = "name,price,stock\nPot,12.90,4\n";
    assert_eq!(needs(noid, &nothing), [Need::Mapping, Need::Currency]);
    assert_eq!(needs(noid, &euros), [Need::Mapping]);
    assert_eq!(needs(noid, &mapped), []);
    let table = "id,title,price\n1,Pot,$5\n";
    assert_eq!(needs(table, &nothing), [Need::Currency]);
    assert_eq!(
        needs("id,title,price\n1,Pot,5 EUR\n2,Cup,6\n", &nothing),
        []
    );
    assert_eq!(needs("a,b\n1,2\n", &nothing), [Need::Kind]);
    let orders = "order_id,customer_id,date,sku,qty,price\nA,c,2026-01-02 10:00,P,1,5 EUR\n";
    assert_eq!(needs(orders, &nothing), [Need::TimeZone]);
    let zone = ImportOptions {
        time_zone: TimeZone::get("Europe/Berlin").ok(),
        ..nothing.clone()
    };
    assert_eq!(needs(orders, &zone), []);
    let dates = "order_id,customer_id,date,sku,qty,price\nA,c,3/4/2026,P,1,5 EUR\n";
    assert_eq!(needs(dates, &nothing), [Need::DateOrder]);
    assert_eq!(
        needs(&format!("{dates}B,c,13/4/2026,P,1,5 EUR\n"), &nothing),
        []
    );
    for (field, column, says) in [
        ("tilte", "name", "no field"),
        ("title", "Titel", "without a column"),
    ] {
        let map = vec![(field.to_owned(), column.to_owned())];
        let options = ImportOptions {
            as_kind: Some(Kind::Products),
            map,
            ..euros.clone()
        };
        let error = read_as("x.csv", noid.as_bytes(), &options).err().unwrap();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn secrets_are_neither_kept_nor_shown() {
    let text = "email,_website,firstname,lastname,password_hash,rp_token\n\
        a@example.com,base,A,B,0000:secret:1,t0ken\nnobody,base,A,B,0000:secret:1,t0ken\n";
    let read = read_bytes("customers.csv", text.as_bytes()).unwrap();
    assert_eq!((read.records.len(), read.rejected.len()), (1, 1));
    let said = format!("{:?} {:?}", read.records, read.rejected);
    assert!(
        !said.contains("0000:secret:1") && !said.contains("t0ken"),
        "{said}"
    );
}

#[test]
fn ids_are_made_of_what_identifies_and_stay() {
    let options = ImportOptions {
        as_kind: Some(Kind::Products),
        ..options(None)
    };
    let ids = |text: &str| -> Vec<String> {
        let read = read_as("x.csv", text.as_bytes(), &options).unwrap();
        products(&read)
            .iter()
            .map(|product| product.id.to_string())
            .collect()
    };
    let before = ids("name,price\nPot,5\nCup,6\n");
    // A price is no part of what a product is, nor is its place in the file.
    assert_eq!(
        ids("price,name\n9,Cup\n7,Pot\n"),
        [before[1].clone(), before[0].clone()]
    );
    assert_ne!(before[0], before[1]);
}

#[test]
fn what_was_said_once_goes_for_the_next_file_with_these_columns() {
    let file = "Nr;Bez;VK;Lagerort\n7;Kanne;12,90;A3\n";
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let path = write("preise.csv", file);
    let said = ImportOptions {
        as_kind: Some(Kind::Products),
        currency: "EUR".parse().ok(),
        map: [
            ("id", "Nr"),
            ("title", "Bez"),
            ("price", "VK"),
            ("-", "Lagerort"),
        ]
        .map(|(field, column)| (field.to_owned(), column.to_owned()))
        .to_vec(),
        ..options(None)
    };
    let shown = preview(&path, &said).unwrap();
    let field_of = |report: &ImportReport, name: &str| {
        let column = report.columns.iter().find(|column| column.name == name);
        column.unwrap().field
    };
    assert_eq!(field_of(&shown, "VK"), Some("price"));
    assert_eq!(shown.columns[2].examples, ["12,90"]);
    assert!(!shown.records[0].to_string().contains("A3"));
    let saved = SavedMapping::of("supplier", &shown, &said).unwrap();

    let nothing = ImportOptions {
        now: now(),
        saved: vec![saved],
        ..ImportOptions::default()
    };
    let next = "Lagerort;Nr;VK;Bez;EAN\nB1;8;3,50;Tasse;400\n";
    let next = preview(&write("next.csv", next), &nothing).unwrap();
    assert_eq!(
        (next.needs.as_slice(), next.saved.as_deref()),
        (&[][..], Some("supplier"))
    );
    assert_eq!(
        next.records[0]["price"],
        serde_json::json!({"amount": 350, "currency": "EUR"})
    );
    assert_eq!(
        next.records[0]["attributes"]["EAN"], "400",
        "{:?}",
        next.records
    );
    // Who says what the rows are now is not answered by what was said before.
    let reviews = ImportOptions {
        as_kind: Some(Kind::Documents),
        ..nothing.clone()
    };
    let other = preview(&path, &reviews).unwrap();
    assert_eq!(other.saved, None);
    let fewer = preview(&write("few.csv", "Nr;Bez;VK\n7;Kanne;12,90\n"), &nothing);
    let fewer = fewer.unwrap();
    assert_eq!(
        (fewer.saved.clone(), fewer.needs.as_slice()),
        (None, &[Need::Kind][..])
    );
    // What nobody knows is shown all the same: somebody has to say what it is.
    let names: Vec<&str> = fewer
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["Nr", "Bez", "VK"]);
    assert_eq!(field_of(&fewer, "Nr"), None);
}
