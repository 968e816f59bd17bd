//! Order tables: a row per line, the order's own fields in the first or in all.

use shop::Kind::Orders;

use super::{Columns, Format, Table};

const SHOPIFY: Columns = &[
    ("id", &["Name"]),
    ("customer_email", &["Email", "Phone"]),
    ("customer_name", &["Billing Name", "Shipping Name"]),
    ("time", &["Created at"]),
    ("currency", &["Currency"]),
    ("total", &["Total"]),
    ("status", &["Financial Status"]),
    ("discount", &["Discount Amount"]),
    ("discount_code", &["Discount Code"]),
    ("payment_method", &["Payment Method"]),
    ("quantity", &["Lineitem quantity"]),
    ("product_id", &["Lineitem sku"]),
    ("product_name", &["Lineitem name"]),
    ("price", &["Lineitem price"]),
    ("address_name", &["Shipping Name"]),
    ("address_street", &["Shipping Street", "Shipping Address1"]),
    ("address_city", &["Shipping City"]),
    ("address_zip", &["Shipping Zip"]),
    ("address_region", &["Shipping Province"]),
    ("address_country", &["Shipping Country"]),
    ("cancelled", &["Cancelled at"]),
    (
        "-",
        &[
            "Lineitem requires shipping",
            "Lineitem taxable",
            "Lineitem fulfillment status",
            "Vendor",
            "Lineitem compare at price",
            "Lineitem discount",
            "Tax # Name",
            "Tax # Value",
            "Device ID",
            "Billing Phone",
            "Shipping Phone",
        ],
    ),
];

const WOOCOMMERCE: Columns = &[
    ("id", &["Order Number", "Order ID"]),
    ("status", &["Order Status"]),
    ("time", &["Order Date"]),
    ("customer_id", &["Customer User ID"]),
    (
        "customer_email",
        &["Email (Billing)", "Customer User Email", "Phone (Billing)"],
    ),
    ("customer_name", &["Full Name (Billing)"]),
    ("payment_method", &["Payment Method Title"]),
    ("discount", &["Cart Discount Amount"]),
    ("discount_code", &["Coupon Code"]),
    ("currency", &["Currency", "Order Currency"]),
    ("total", &["Order Total Amount"]),
    ("product_id", &["SKU", "Product Id"]),
    ("line", &["Item #"]),
    ("product_name", &["Item Name"]),
    ("quantity", &["Quantity (- Refund)", "Quantity"]),
    ("price", &["Item Cost"]),
    (
        "address_street",
        &["Address 1&2 (Shipping)", "Address 1&2 (Billing)"],
    ),
    ("address_city", &["City (Shipping)", "City (Billing)"]),
    (
        "address_zip",
        &["Postcode (Shipping)", "Postcode (Billing)"],
    ),
    (
        "address_region",
        &["State Code (Shipping)", "State Code (Billing)"],
    ),
    (
        "address_country",
        &["Country Code (Shipping)", "Country Code (Billing)"],
    ),
];

const AMAZON: Columns = &[
    ("id", &["amazon-order-id"]),
    ("time", &["purchase-date"]),
    ("status", &["order-status"]),
    ("customer_email", &["buyer-email"]),
    ("customer_name", &["buyer-name"]),
    ("product_id", &["sku", "asin"]),
    ("product_name", &["product-name"]),
    ("quantity", &["quantity", "quantity-purchased"]),
    ("currency", &["currency"]),
    ("line_total", &["item-price"]),
    ("address_city", &["ship-city"]),
    ("address_zip", &["ship-postal-code"]),
    ("address_region", &["ship-state"]),
    ("address_country", &["ship-country"]),
    (
        "-",
        &[
            "item-status",
            "item-tax",
            "shipping-price",
            "shipping-tax",
            "gift-wrap-price",
            "gift-wrap-tax",
        ],
    ),
];

const ETSY: Columns = &[
    ("id", &["Order ID"]),
    ("time", &["Sale Date"]),
    ("customer_id", &["Buyer"]),
    ("customer_name", &["Ship Name"]),
    ("product_id", &["SKU", "Listing ID"]),
    ("line", &["Transaction ID"]),
    ("product_name", &["Item Name"]),
    ("quantity", &["Quantity"]),
    ("price", &["Price"]),
    ("currency", &["Currency"]),
    ("discount_code", &["Coupon Code"]),
    ("discount", &["Discount Amount"]),
    ("address_city", &["Ship City"]),
    ("address_zip", &["Ship Zipcode"]),
    ("address_region", &["Ship State"]),
    ("address_country", &["Ship Country"]),
    ("-", &["Item Total"]),
];

const LINES: Columns = &[
    ("id", &["InvoiceNo", "Invoice"]),
    ("product_id", &["StockCode"]),
    ("product_name", &["Description"]),
    ("quantity", &["Quantity"]),
    ("time", &["InvoiceDate"]),
    ("price", &["UnitPrice", "Price"]),
    ("customer_id", &["CustomerID", "Customer ID"]),
    ("address_country", &["Country"]),
];

pub(super) const FORMATS: &[Format] = &[
    Format::table(
        "shopify_orders",
        Orders,
        &[
            &["Name"],
            &["Created at"],
            &["Lineitem name"],
            &["Lineitem quantity"],
        ],
        Table::of(SHOPIFY).by("id"),
    ),
    Format::table(
        "woocommerce_orders",
        Orders,
        &[
            &["Order Number", "Order ID"],
            &["Order Date"],
            &["Item Name"],
            &["Item Cost"],
        ],
        Table::of(WOOCOMMERCE).by("id"),
    ),
    Format::table(
        "amazon_orders",
        Orders,
        &[&["amazon-order-id"], &["purchase-date"], &["sku"]],
        Table::of(AMAZON).by("id"),
    ),
    Format::table(
        "etsy_order_items",
        Orders,
        &[
            &["Sale Date"],
            &["Order ID"],
            &["Transaction ID"],
            &["Item Name"],
        ],
        Table::of(ETSY).by("id").month_first(),
    ),
    Format::table(
        "invoice_lines",
        Orders,
        &[
            &["InvoiceNo", "Invoice"],
            &["StockCode"],
            &["Quantity"],
            &["InvoiceDate"],
        ],
        Table::of(LINES).by("id"),
    ),
];
