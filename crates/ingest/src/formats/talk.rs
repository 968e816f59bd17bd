//! Tables of what customers wrote: reviews.

use shop::Kind::Reviews;

use super::{Columns, Format, Table};

const JUDGE_ME: Columns = &[
    ("title", &["title"]),
    ("text", &["body"]),
    ("rating", &["rating"]),
    ("time", &["review_date"]),
    ("shown", &["curated"]),
    ("author", &["reviewer_name"]),
    ("customer_email", &["reviewer_email"]),
    ("product_id", &["product_handle", "product_id"]),
    ("-", &["ip_address"]),
];

const YOTPO: Columns = &[
    ("id", &["Review ID"]),
    ("shown", &["Review Status"]),
    ("title", &["Review Title"]),
    ("text", &["Review Content"]),
    ("rating", &["Review Score"]),
    ("time", &["Review Creation Date"]),
    ("product_id", &["Product ID"]),
    ("author", &["Reviewer Display Name"]),
    ("customer_email", &["Reviewer Email"]),
];

const LOOX: Columns = &[
    ("id", &["id"]),
    ("shown", &["status"]),
    ("rating", &["rating"]),
    ("customer_email", &["email"]),
    ("author", &["nickname", "full_name"]),
    ("text", &["review"]),
    ("time", &["date"]),
    ("product_id", &["handle", "productId"]),
];

const TRUSTPILOT: Columns = &[
    ("id", &["Review Id"]),
    ("time", &["Review Created (UTC)", "Review Created"]),
    ("customer_id", &["Review Consumer User Id"]),
    ("author", &["Review Username"]),
    ("customer_email", &["Review User Email"]),
    ("title", &["Review Title"]),
    ("text", &["Review Content"]),
    ("rating", &["Review Stars"]),
    ("language", &["Review Language"]),
];

const AMAZON: Columns = &[
    ("id", &["review_id"]),
    ("customer_id", &["customer_id"]),
    ("product_id", &["product_id"]),
    ("rating", &["star_rating"]),
    ("title", &["review_headline"]),
    ("text", &["review_body"]),
    ("time", &["review_date"]),
];

const SHOPIFY: Columns = &[
    ("product_id", &["product_handle"]),
    ("shown", &["state"]),
    ("rating", &["rating"]),
    ("title", &["title"]),
    ("author", &["author"]),
    ("customer_email", &["email"]),
    ("text", &["body"]),
    ("time", &["created_at"]),
];

pub(super) const FORMATS: &[Format] = &[
    Format::table(
        "judgeme_reviews",
        Reviews,
        &[
            &["body"],
            &["rating"],
            &["review_date"],
            &["reviewer_name", "reviewer_email"],
        ],
        Table::of(JUDGE_ME).utc(),
    ),
    Format::table(
        "yotpo_reviews",
        Reviews,
        &[
            &["Review Content"],
            &["Review Score"],
            &["Review Creation Date"],
        ],
        Table::of(YOTPO),
    ),
    Format::table(
        "loox_reviews",
        Reviews,
        &[
            &["review"],
            &["rating"],
            &["handle", "productId"],
            &["nickname", "full_name"],
        ],
        Table::of(LOOX),
    ),
    Format::table(
        "trustpilot_reviews",
        Reviews,
        &[&["Review Id"], &["Review Content"], &["Review Stars"]],
        Table::of(TRUSTPILOT).utc(),
    ),
    Format::table(
        "amazon_reviews",
        Reviews,
        &[&["review_id"], &["star_rating"], &["review_body"]],
        Table::of(AMAZON),
    ),
    Format::table(
        "shopify_product_reviews",
        Reviews,
        &[&["product_handle"], &["state"], &["body"], &["author"]],
        Table::of(SHOPIFY),
    ),
];
