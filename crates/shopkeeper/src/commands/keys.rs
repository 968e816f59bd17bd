//! `keys`: who may call the server, and the link that opens the console.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::app::now;
use server::keyring::{Keyring, LINK_SECONDS};
use server::table;

use super::{Done, Setting, make_folder};
use crate::cli::KeysAction;

pub fn run(setting: &Setting, action: Option<KeysAction>) -> anyhow::Result<Done> {
    let config = setting.config()?;
    make_folder(&setting.folder)?;
    let keys = Keyring::open(&setting.folder, &config.keys);
    match action {
        None => Ok(list(setting, &keys)),
        Some(KeysAction::Create {
            scope,
            name,
            origins,
        }) => {
            let (key, secret) = keys.create(&name, scope, &origins, now())?;
            setting.say(secret.expose_secret());
            eprintln!(
                "{} is shown this once; a running server knows it already",
                key.id
            );
            let mut shown = key.to_json();
            shown["key"] = json!(secret.expose_secret());
            Ok(Done::with(shown))
        }
        Some(KeysAction::Revoke { id }) => {
            if !keys.revoke(&id)? {
                anyhow::bail!("there is no key {id}: `shopkeeper keys` lists them");
            }
            setting.say(format!("{id} opens nothing any more"));
            Ok(Done::with(json!({"id": id, "revoked": true})))
        }
        Some(KeysAction::Link) => {
            let token = keys.create_link(now())?;
            let path = format!("/console/sign-in?token={}", token.expose_secret());
            let url = format!("http://{}:{}{path}", config.host, config.port);
            setting.say(&url);
            let minutes = LINK_SECONDS / 60;
            eprintln!(
                "opens the console once, within {minutes} minutes; behind another name: {path}"
            );
            Ok(Done::with(json!({"url": url, "path": path})))
        }
    }
}

fn list(setting: &Setting, keys: &Keyring) -> Done {
    let keys = keys.list();
    let mut shown = table::with_headings(&["key", "scope", "name", "origins", "made"]);
    for key in &keys {
        shown.add_row([
            key.id.clone(),
            key.scope.name().to_owned(),
            key.name.clone(),
            key.origins.join(" "),
            key.created_at
                .map_or(String::new(), |time| time.to_string()),
        ]);
    }
    setting.say(shown);
    let keys: Vec<Value> = keys.iter().map(|key| key.to_json()).collect();
    Done::with(json!({"keys": keys}))
}
