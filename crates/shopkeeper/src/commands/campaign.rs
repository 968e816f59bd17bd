//! Offers: `campaign`.

use ::shop::{Answer, Coupon, Discount, Id, Money, OfferCommand};
use anyhow::{Context, bail};
use serde_json::json;

use super::{Done, Setting};
use crate::cli::CampaignArguments;
use server::app::{fresh_id, now};
use server::config::Config;
use server::table;

pub async fn campaign(setting: &Setting, arguments: &CampaignArguments) -> anyhow::Result<Done> {
    let config = setting.config()?;
    let store = setting.store().await?;
    if let Some(code) = &arguments.code {
        let coupon = coupon(code, arguments, &config)?;
        let command = OfferCommand::DefineCoupon {
            key: fresh_id(),
            coupon,
        };
        let outcome = store.decide(command, now(), growth::decide).await?;
        if let Answer::Refused(refusal) = outcome.answer {
            bail!("{refusal}");
        }
    }
    let coupons = store.coupons().await?;
    let mut shown = table::with_headings(&["code", "takes off", "redeemed", "limit"]);
    for state in &coupons {
        shown.add_row([
            state.coupon.code.to_string(),
            described(&state.coupon.discount),
            state.redeemed.to_string(),
            state
                .coupon
                .limit
                .map_or("none".to_owned(), |limit| limit.to_string()),
        ]);
    }
    setting.say(shown);
    let listed: Vec<_> = coupons
        .iter()
        .map(|state| json!({"coupon": state.coupon, "redeemed": state.redeemed}))
        .collect();
    Ok(Done::with(json!({"coupons": listed})))
}

fn coupon(code: &str, arguments: &CampaignArguments, config: &Config) -> anyhow::Result<Coupon> {
    let discount = match (&arguments.percent, &arguments.off) {
        (Some(percent), _) => Discount::Percent {
            basis_points: basis_points(percent)?,
            at_most: None,
        },
        (None, Some(off)) => Discount::Amount {
            off: Money::from_decimal(off, config.currency)?,
        },
        (None, None) => bail!("say what {code} takes off: --percent 10 or --off 5.00"),
    };
    Ok(Coupon {
        code: Id::new(code)?,
        discount,
        limit: arguments.limit,
        limit_per_customer: arguments.limit_per_customer,
        minimum: None,
        starts_at: None,
        expires_at: None,
    })
}

/// Reads `12.5` as 1,250 hundredths of a percent.
fn basis_points(percent: &str) -> anyhow::Result<u32> {
    // A currency with two decimals counts just as percent with two decimals do.
    let hundredths = Money::from_decimal(percent, ::shop::Currency::USD)
        .ok()
        .map(|money| money.amount)
        .filter(|hundredths| (1..=10_000).contains(hundredths))
        .with_context(|| format!("--percent {percent}: write a number above 0 and up to 100"))?;
    Ok(u32::try_from(hundredths)?)
}

fn described(discount: &Discount) -> String {
    match discount {
        Discount::Percent {
            basis_points,
            at_most,
        } => {
            let most = at_most.map_or(String::new(), |most| format!(", at most {most}"));
            format!("{}.{:02} %{most}", basis_points / 100, basis_points % 100)
        }
        Discount::Amount { off } => off.to_string(),
    }
}
