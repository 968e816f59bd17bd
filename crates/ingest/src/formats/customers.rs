//! Customer tables.

use shop::Kind::Customers;

use super::{Columns, Format, Table};

const SHOPIFY: Columns = &[
    ("id", &["Customer ID", "Email"]),
    ("email", &["Email"]),
    ("first_name", &["First Name"]),
    ("last_name", &["Last Name"]),
    (
        "marketing",
        &["Accepts Email Marketing", "Accepts Marketing"],
    ),
    ("country", &["Default Address Country Code", "Country Code"]),
];

const MAGENTO: Columns = &[
    ("email", &["email"]),
    ("first_name", &["firstname"]),
    ("last_name", &["lastname"]),
    ("created_at", &["created_at"]),
    (
        "-",
        &[
            "rp_token_created_at",
            "website_id",
            "store_id",
            "disable_auto_group_change",
        ],
    ),
];

const MAILCHIMP: Columns = &[
    (
        "email",
        &[
            "Email Address",
            "E-Mail-Adresse",
            "Adresse e-mail",
            "Dirección de correo electrónico",
        ],
    ),
    (
        "first_name",
        &["First Name", "FNAME", "Vorname", "Prénom", "Nombre"],
    ),
    (
        "last_name",
        &["Last Name", "LNAME", "Nachname", "Nom", "Apellidos"],
    ),
    ("created_at", &["OPTIN_TIME", "CONFIRM_TIME"]),
    ("country", &["CC"]),
    (
        "-",
        &[
            "OPTIN_IP",
            "CONFIRM_IP",
            "LATITUDE",
            "LONGITUDE",
            "GMTOFF",
            "DSTOFF",
        ],
    ),
];

pub(super) const FORMATS: &[Format] = &[
    Format::table(
        "shopify_customers",
        Customers,
        &[
            &["Email"],
            &["First Name"],
            &["Accepts Email Marketing", "Accepts Marketing"],
            &["Total Spent", "Total Orders", "Tax Exempt"],
        ],
        Table::of(SHOPIFY),
    ),
    Format::table(
        "magento_customers",
        Customers,
        &[&["email"], &["_website"], &["firstname"], &["lastname"]],
        Table::of(MAGENTO),
    ),
    Format::table(
        "mailchimp_audience",
        Customers,
        &[
            &[
                "Email Address",
                "E-Mail-Adresse",
                "Adresse e-mail",
                "Dirección de correo electrónico",
            ],
            &["LEID"],
            &["EUID"],
        ],
        Table::of(MAILCHIMP),
    ),
];
