//! The command line: what can be said to `shopkeeper`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shop::{Currency, Kind, Service};

use bench::BenchCommand;
use ingest::{DateOrder, TimeZone};
use server::config::Scope;

/// Trains language models on a shop's own data and serves support,
/// recommendation, search and insight with them.
#[derive(Debug, Parser)]
#[command(name = "shopkeeper", version, about, max_term_width = 100)]
pub struct Cli {
    /// The data folder [default: ./shopkeeper-data, for `demo` ./shopkeeper-demo].
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The configuration [default: shopkeeper.toml in the data folder].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON object, last on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build a simulated shop, train every model on it and serve it.
    Demo(DemoArguments),
    /// Make a data folder with a commented shopkeeper.toml.
    Init,
    /// Check the installation and say what to mend.
    Doctor,
    /// Read files into the shop; kind and format are found by content.
    Import(ImportArguments),
    /// Delete records by id or by a filter.
    Delete(DeleteArguments),
    /// Make the corpus: redact, deduplicate, detect language, split.
    Prepare,
    /// Train models; those that beat their baseline serve at once.
    Train(TrainArguments),
    /// Show the figures of a model and what the gate says to them.
    Evaluate {
        /// SERVICE or SERVICE/VERSION [default: what was trained last, of each].
        model: Option<String>,
    },
    /// Let a trained model serve.
    Promote {
        /// SERVICE/VERSION, as `models` lists it.
        model: String,
    },
    /// Let the model serve that served before.
    Rollback {
        /// The service.
        #[arg(value_parser = service)]
        service: Service,
    },
    /// List the models; bring published ones to start from.
    Models {
        /// What to do other than to list them.
        #[command(subcommand)]
        action: Option<ModelsAction>,
    },
    /// Serve HTTP, the storefront and the console.
    Serve(ServeArguments),
    /// Talk with the assistant, line by line; /quit ends.
    Chat(ChatArguments),
    /// Ask support a question.
    Ask {
        /// In any language.
        question: String,
        /// Who asks: a customer's id.
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
    },
    /// Search the catalogue.
    Search(SearchArguments),
    /// Recommend products.
    Recommend(RecommendArguments),
    /// What the reviews say.
    Insight(InsightArguments),
    /// Define coupons and look at them.
    Campaign(CampaignArguments),
    /// List the API keys, make and end them, open the console.
    Keys {
        /// What to do other than to list them.
        #[command(subcommand)]
        action: Option<KeysAction>,
    },
    /// Give the corpus to other trainers, a model to other engines.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Measure; see `bench --help`.
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Where to listen.
    #[arg(long)]
    pub port: Option<u16>,
    /// Another seed is another shop.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stop when everything is built, without serving.
    #[arg(long)]
    pub no_serve: bool,
    /// Let every program of this machine do everything, without a key.
    #[arg(long)]
    pub open: bool,
}

/// `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Tables (CSV, TSV, XLSX, ODS), JSON, Parquet, Arrow, XML feeds, documents
    /// (Markdown, text, HTML, PDF, DOCX), ZIP files and folders of these; a shop,
    /// as shopify:my-shop.myshopify.com or woocommerce:https://shop.example; pages,
    /// as sitemap:https://shop.example/sitemap.xml or urls:LIST.txt.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The kind of record, where the content leaves doubt.
    #[arg(long = "as", value_name = "KIND", value_parser = kind)]
    pub as_kind: Option<Kind>,
    /// Which column gives a field, as in price=Preis; may be repeated.
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = field_and_column)]
    pub map: Vec<(String, String)>,
    /// The currency of prices that name none, as in EUR.
    #[arg(long, value_name = "CODE")]
    pub currency: Option<Currency>,
    /// Where the clock hung whose times name no zone, as in Europe/Berlin.
    #[arg(long, value_name = "ZONE", value_parser = time_zone)]
    pub time_zone: Option<TimeZone>,
    /// Whether dates like 3/4/2026 begin with the day or the month.
    #[arg(long, value_name = "day|month")]
    pub date_order: Option<DateOrder>,
    /// Keep what is said here of the columns under this name: the next file with
    /// the same columns needs no word.
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,
    /// Show what would be stored, and store nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// products, customers, orders, reviews, documents, events or conversations.
    #[arg(value_parser = kind)]
    pub kind: Kind,
    /// Their ids.
    #[arg(required_unless_present = "filter")]
    pub ids: Vec<String>,
    /// All that meet this, as in 'status = "cancelled" AND time < 2020-01-01'.
    #[arg(long, value_name = "CONDITIONS", conflicts_with = "ids")]
    pub filter: Option<String>,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// Which models [default: all that there is data for].
    #[arg(value_parser = service)]
    pub services: Vec<Service>,
    /// Fine-tune this published model: a name that `models` lists, or a path.
    #[arg(long, value_name = "MODEL")]
    pub base: Option<String>,
    /// How much effort [default: from shopkeeper.toml].
    #[arg(long)]
    pub size: Option<SizeArgument>,
    /// Go on from the checkpoint of a run that was stopped.
    #[arg(long)]
    pub resume: bool,
    /// Keep what serves now even if the new model passes the gate.
    #[arg(long)]
    pub no_promote: bool,
}

/// `models …`.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// Copy a published model into the data folder, to start training from.
    Import {
        /// A Hugging Face folder or a GGUF file.
        path: PathBuf,
        /// What `train --base` calls it [default: as the folder or file].
        #[arg(long)]
        name: Option<String>,
    },
    /// Download a published model from a hub (HF_ENDPOINT, HF_TOKEN).
    Pull {
        /// hf:ORG/NAME, with @REVISION for another than the newest; or
        /// `recommended`: an encoder and a chat model by the memory that is
        /// available (Qwen3 4B from 10 GiB, 1.7B from 5, 0.6B from 2), which are
        /// shown before and set in shopkeeper.toml.
        model: String,
        /// What `train --base` calls it [default: NAME].
        #[arg(long)]
        name: Option<String>,
        /// Which GGUF file, where there are several.
        #[arg(long)]
        file: Option<String>,
        /// Download what is recommended without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// `keys …`.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a key; it is shown once and kept as a digest.
    Create {
        /// What it opens: public (a storefront), write (the shop's own
        /// servers) or admin.
        #[arg(value_parser = scope)]
        scope: Scope,
        /// What it is for.
        #[arg(long, default_value = "")]
        name: String,
        /// An origin (https://host) whose pages may use it; may be given
        /// several times.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
    },
    /// End a key, also one that is in use.
    Revoke {
        /// Its id, as `keys` lists it.
        id: String,
    },
    /// Make a link that opens the console once, within 15 minutes.
    Link,
}

/// `export …`.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Texts and conversations as JSON Lines, as Hugging Face's trainers read
    /// them: text/SPLIT.jsonl and chat/SPLIT.jsonl.
    Corpus {
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// What the shop knows, as it is imported: a file KIND.jsonl for each kind.
    Records {
        /// Only these kinds [default: all].
        #[arg(value_parser = kind)]
        kinds: Vec<Kind>,
        /// Only those that meet it, as in 'time >= 2026-01-01'; for one kind.
        #[arg(long)]
        filter: Option<String>,
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// A trained model, for transformers, llama.cpp and what reads their files.
    Model {
        /// SERVICE or SERVICE/VERSION [default version: what serves].
        model: String,
        /// The folder or file to make [default: SERVICE-VERSION here].
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
        /// In which form.
        #[arg(long, value_enum, default_value = "hugging-face")]
        format: ModelFormat,
        /// How finely a GGUF file keeps each weight.
        #[arg(long, value_enum, default_value = "16")]
        bits: Bits,
    },
}

/// The form of an exported model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelFormat {
    /// A folder with config.json, safetensors and tokenizer, in 32 bits.
    HuggingFace,
    /// One file for llama.cpp and its kin.
    Gguf,
    /// The files that serve here, as they are.
    Files,
}

/// How finely each weight is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bits {
    /// Without loss.
    #[value(name = "32")]
    ThirtyTwo,
    /// Half of that.
    #[value(name = "16")]
    Sixteen,
    /// Q8_0: a quarter.
    #[value(name = "8")]
    Eight,
}

/// `--size`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SizeArgument {
    /// A minute.
    Tiny,
    /// Many minutes.
    Small,
    /// Hours.
    Base,
}

impl From<SizeArgument> for train::Size {
    fn from(size: SizeArgument) -> Self {
        match size {
            SizeArgument::Tiny => Self::Tiny,
            SizeArgument::Small => Self::Small,
            SizeArgument::Base => Self::Base,
        }
    }
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Where to listen.
    #[arg(long)]
    pub port: Option<u16>,
    /// On which address.
    #[arg(long)]
    pub host: Option<String>,
    /// Let every program of this machine do everything, without a key: for a
    /// trial.
    #[arg(long)]
    pub open: bool,
}

/// `chat`. With `--json` each answer is one line; a change that waits for a
/// word takes the next line as its `y` or `n` there as well.
#[derive(Debug, Args)]
pub struct ChatArguments {
    /// Who talks: a customer's id.
    #[arg(long, value_name = "ID")]
    pub customer: Option<String>,
    /// A conversation to go on with [default: a new one].
    #[arg(long, value_name = "ID")]
    pub conversation: Option<String>,
    /// Say this alone and end.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// Confirm what this token stands for, and end.
    #[arg(
        long,
        value_name = "TOKEN",
        hide = true,
        requires = "customer",
        conflicts_with = "message"
    )]
    pub confirm: Option<String>,
    /// Decline what this token stands for, and end.
    #[arg(long, value_name = "TOKEN", hide = true, requires = "customer", conflicts_with_all = ["message", "confirm"])]
    pub decline: Option<String>,
}

/// `search`.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// What to look for.
    pub query: String,
    /// For whom: a customer's id.
    #[arg(long, value_name = "ID")]
    pub customer: Option<String>,
    /// Conditions, as in `category = Shoes AND price <= 5000`.
    #[arg(long)]
    pub filter: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 10)]
    pub limit: usize,
}

/// `recommend`.
#[derive(Debug, Args)]
pub struct RecommendArguments {
    /// For whom: a customer's id.
    #[arg(long, value_name = "ID")]
    pub customer: Option<String>,
    /// for_you, similar, bought_together, trending, session or cart.
    #[arg(long, default_value = "for_you")]
    pub scenario: String,
    /// The product that `similar` and `bought_together` start from.
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// Conditions, as in `category = Shoes AND price <= 5000`.
    #[arg(long)]
    pub filter: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 10)]
    pub limit: usize,
    /// A list that does not depend on the person.
    #[arg(long)]
    pub impersonal: bool,
}

/// `insight`.
#[derive(Debug, Args)]
pub struct InsightArguments {
    /// Only reviews of this product.
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// Only reviews of products in this category.
    #[arg(long)]
    pub category: Option<String>,
    /// Only reviews in this language, as `en` or `zh`.
    #[arg(long)]
    pub language: Option<String>,
}

/// `campaign`.
#[derive(Debug, Args)]
pub struct CampaignArguments {
    /// The code to define; without one the coupons are listed.
    pub code: Option<String>,
    /// Take off this share, in percent (two decimals at most).
    #[arg(long, conflicts_with = "off")]
    pub percent: Option<String>,
    /// Take off this amount, as `5.00`, in the configured currency.
    #[arg(long)]
    pub off: Option<String>,
    /// How often it can be redeemed in all.
    #[arg(long)]
    pub limit: Option<u64>,
    /// How often one customer can redeem it.
    #[arg(long)]
    pub limit_per_customer: Option<u64>,
}

fn scope(name: &str) -> Result<Scope, String> {
    let mut all = Scope::ALL.into_iter();
    all.find(|scope| scope.name() == name).ok_or_else(|| {
        let names = Scope::ALL.map(Scope::name);
        format!("the scopes are {}", names.join(", "))
    })
}

fn service(name: &str) -> Result<Service, String> {
    Service::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("the services are {}", names.join(", "))
    })
}

fn field_and_column(text: &str) -> Result<(String, String), String> {
    let (field, column) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not FIELD=COLUMN, as in price=Preis"))?;
    Ok((field.trim().to_owned(), column.trim().to_owned()))
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone, as in Europe/Berlin"))
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("the kinds are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
