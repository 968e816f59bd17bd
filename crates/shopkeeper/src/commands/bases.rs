//! Published models to start from: `models import`, `models pull`.

use serde_json::json;

use super::{Done, Setting, make_folder, recommended};
use crate::cli::ModelsAction;
use crate::stop_on_interrupt;
use server::bases::{self, Base, Hub};
use server::progress;

pub async fn run(setting: &Setting, action: ModelsAction) -> anyhow::Result<Done> {
    make_folder(&setting.folder)?;
    if let ModelsAction::Pull {
        model,
        name,
        file,
        yes,
    } = &action
        && model == recommended::RECOMMENDED
    {
        anyhow::ensure!(
            name.is_none() && file.is_none(),
            "`models pull recommended` chooses names and files itself: leave out --name and --file"
        );
        return recommended::pull(setting, *yes).await;
    }
    let data = setting.folder.clone();
    let (stop, progress) = (stop_on_interrupt(), progress::for_stderr());
    let work = move || match action {
        ModelsAction::Import { path, name } => bases::import(&data, &path, name.as_deref()),
        ModelsAction::Pull {
            model, name, file, ..
        } => {
            let hub = Hub::from_environment();
            let wanted = (name.as_deref(), file.as_deref());
            bases::pull(&data, &model, wanted, &hub, &*progress, &stop)
        }
    };
    let base = tokio::task::spawn_blocking(work).await??;
    setting.say(describe(&base));
    Ok(Done::with(json!({"base": base})))
}

fn describe(base: &Base) -> String {
    let Base { name, family, .. } = base;
    let millions = base.parameters as f64 / 1e6;
    let next = match base.tokenizer && family != "bert" {
        true => format!("next: shopkeeper train support --base {name}"),
        false => "it writes no text: it can be given to `bench embed --model`".to_owned(),
    };
    format!(
        "{name}: {family}, {millions:.0} million weights, {} layers of {}, {} tokens of {}, {}\n{next}",
        base.layers,
        base.width,
        base.context,
        base.vocabulary,
        match base.chat_template {
            true => "with its template of conversations",
            false => "without a template of conversations",
        },
    )
}
