//! Shopify's GraphQL Admin API, page by page. What it answers is put into the
//! form of the REST interface, which webhooks and downloaded files have too.

use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::client::{Client, Question, Verdict};
use super::known::{Known, Page, Stage};
use super::rest_form::{customer, next, nodes, order, product};

/// The version of the interface.
pub(super) const VERSION: &str = "2026-01";

/// Things of a page: one question may cost 1,000 points, and each variant,
/// line and picture of a page costs some.
const PAGE: u64 = 10;
/// Variants of a product and lines of an order that come with it.
const PARTS: u64 = 20;
/// The same, asked for by themselves.
const MORE_PARTS: u64 = 100;
/// Points that come back each second where the answer does not say.
const RESTORE_RATE: f64 = 50.0;

const VARIANT: &str = "legacyResourceId sku barcode price compareAtPrice inventoryPolicy inventoryQuantity \
    inventoryItem { tracked } selectedOptions { name value } image { url }";
const LINE: &str = "sku name title quantity variant { legacyResourceId } \
    originalUnitPriceSet { shopMoney { amount } }";

/// A shop of Shopify.
pub(super) struct Shopify {
    pub(super) client: Client,
    pub(super) address: String,
    pub(super) token: SecretString,
}

impl Shopify {
    /// Asks one question.
    fn ask(&self, query: &str, variables: &Value) -> anyhow::Result<Value> {
        let address = format!("{}/admin/api/{VERSION}/graphql.json", self.address);
        let body = json!({"query": query, "variables": variables});
        let question = Question {
            address: &address,
            credential: ("x-shopify-access-token", self.token.expose_secret().into()),
            body: Some(&body),
            refused: "the token is not accepted: set shopify_token in shopkeeper.toml to the Admin API \
                      access token of an app with the scopes read_products, read_orders and \
                      read_customers",
        };
        let answer = self.client.ask(&question, judge)?;
        // Better to wait than to be refused.
        if let Some(wait) = refill(&answer.body) {
            self.client.sleep(wait)?;
        }
        match answer.body.get("data") {
            Some(data) if data.is_object() => Ok(data.clone()),
            _ => bail!("{address} does not answer as Shopify does: there is no `data`"),
        }
    }

    /// What webhooks do not say of the shop.
    pub(super) fn learn(&self, known: &mut Known) -> anyhow::Result<()> {
        let query = "query Shop { shop { currencyCode primaryDomain { url } } }";
        let data = self.ask(query, &json!({}))?;
        let text = |path: &str| data.pointer(path).and_then(Value::as_str);
        known.currency = text("/shop/currencyCode").and_then(|code| code.parse().ok());
        known.url = text("/shop/primaryDomain/url").map(str::to_owned);
        Ok(())
    }

    /// The next page of a stage, and where the one after it begins.
    pub(super) fn page(&self, stage: Stage, cursor: Option<&str>) -> anyhow::Result<Page> {
        let (field, fields) = match stage {
            Stage::Products => ("products", product_fields()),
            Stage::Orders => ("orders", order_fields()),
            Stage::Customers => ("customers", CUSTOMER.to_owned()),
            Stage::Done => return Ok((Vec::new(), None)),
        };
        let query = format!(
            "query Page($cursor: String) {{ {field}(first: {PAGE}, after: $cursor, sortKey: ID) {{ \
             pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }}"
        );
        let data = self.ask(&query, &json!({"cursor": cursor}))?;
        let connection = &data[field];
        let mut objects = Vec::new();
        for mut node in nodes(connection) {
            match stage {
                Stage::Products => {
                    self.rest_of(&mut node, "product", "variants", VARIANT)?;
                    objects.push(product(&node));
                }
                Stage::Orders => {
                    self.rest_of(&mut node, "order", "lineItems", LINE)?;
                    objects.push(order(&node));
                }
                _ => objects.push(customer(&node)),
            }
        }
        let next = next(connection)
            .with_context(|| format!("{}: the page has no `pageInfo`", self.address))?;
        if next.is_some() && next.as_deref() == cursor {
            bail!("{}: the next page is the same page", self.address);
        }
        Ok((objects, next))
    }

    /// Fetches the variants or lines that did not fit beside their product or
    /// order.
    fn rest_of(
        &self,
        node: &mut Value,
        owner: &str,
        field: &str,
        fields: &str,
    ) -> anyhow::Result<()> {
        let mut cursor = next(&node[field]).flatten();
        let mut all = nodes(&node[field]);
        if cursor.is_none() {
            return Ok(());
        }
        let query = format!(
            "query Rest($id: ID!, $cursor: String) {{ {owner}(id: $id) {{ {field}(first: {MORE_PARTS}, \
             after: $cursor) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }}"
        );
        while let Some(from) = cursor {
            let data = self.ask(&query, &json!({"id": node["id"], "cursor": from}))?;
            let connection = &data[owner][field];
            all.extend(nodes(connection));
            cursor = next(connection).flatten().filter(|next| *next != from);
        }
        node[field] = json!({"nodes": all});
        Ok(())
    }
}

/// Whether an answer is one, or asks for patience, or says what is wrong.
fn judge(body: &Value) -> Verdict {
    let errors = body.get("errors").filter(|errors| !errors.is_null());
    let Some(errors) = errors else {
        return Verdict::Good;
    };
    let list = errors.as_array().map_or(&[][..], Vec::as_slice);
    let code = |error: &Value| {
        error
            .pointer("/extensions/code")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if list
        .iter()
        .any(|error| code(error).as_deref() == Some("THROTTLED"))
    {
        return Verdict::Later(refill(body).unwrap_or(Duration::from_secs(1)));
    }
    let said = list
        .iter()
        .filter_map(|error| error.get("message")?.as_str());
    let said: Vec<&str> = said.collect();
    let mut reason = match said.is_empty() {
        true => errors.to_string(),
        false => said.join("; "),
    };
    if list
        .iter()
        .any(|error| code(error).as_deref() == Some("ACCESS_DENIED"))
    {
        reason.push_str(
            ": the app of shopify_token lacks a scope (read_products, read_orders, read_customers) or \
             the access to protected customer data",
        );
    }
    Verdict::Wrong(reason)
}

/// How long until there are points for such a question again; nothing where
/// there are.
fn refill(body: &Value) -> Option<Duration> {
    let cost = body.pointer("/extensions/cost")?;
    let number = |path: &str| cost.pointer(path).and_then(Value::as_f64);
    let asked = number("/requestedQueryCost")?;
    let left = number("/throttleStatus/currentlyAvailable")?;
    let rate = number("/throttleStatus/restoreRate").filter(|rate| *rate > 0.0);
    let seconds = (asked - left) / rate.unwrap_or(RESTORE_RATE);
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn product_fields() -> String {
    format!(
        "id legacyResourceId title handle descriptionHtml vendor productType category {{ fullName }} tags \
         status publishedAt updatedAt options {{ name position }} \
         media(first: {PARTS}, query: \"media_type:IMAGE\") {{ nodes {{ ... on MediaImage {{ image {{ url }} }} }} }} \
         variants(first: {PARTS}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {VARIANT} }} }}"
    )
}

fn order_fields() -> String {
    format!(
        "id legacyResourceId name email phone createdAt updatedAt cancelledAt currencyCode \
         displayFinancialStatus totalPriceSet {{ shopMoney {{ amount }} }} \
         totalDiscountsSet {{ shopMoney {{ amount }} }} discountCodes paymentGatewayNames \
         customer {{ legacyResourceId }} \
         shippingAddress {{ name address1 address2 city zip provinceCode countryCodeV2 }} \
         lineItems(first: {PARTS}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {LINE} }} }}"
    )
}

const CUSTOMER: &str = "id legacyResourceId firstName lastName createdAt updatedAt \
    defaultEmailAddress { emailAddress marketingState } defaultAddress { countryCodeV2 }";
