use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ingest::SavedMapping;
use locale::Locale;
use maud::{Markup, html};
use shop::Kind;

use crate::app::App;
use crate::pages::layout;
use crate::pages::visitor::{Visitor, encode};

/// `GET /console/import`: files are dropped in, looked at, corrected, stored.
pub async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let content = html! {
        p { (text.import_about) }
        section class="drop" id="drop" {
            label class="button primary" {
                (text.choose_files)
                input class="visually-hidden" id="files" type="file" multiple;
            }
            label class="button hide-small" {
                (text.choose_folder)
                input class="visually-hidden" id="folder" type="file" webkitdirectory;
            }
            span class="soft hide-small" { (text.or_drop_them) }
        }
        section id="uploads" aria-live="polite" {}
        p id="stored-all" hidden {
            button type="button" class="primary" id="store-all" { (text.store_all) }
        }
        p id="next" hidden {
            a class="button primary" href="/console/models" { (text.train_next) }
        }
        (saved(text, &app.mappings.list()))
        (upload(text))
        datalist id="currencies" {}
        datalist id="zones" {}
        script type="module" src="/assets/import.js" {}
    };
    let page = layout::console(&visitor, "/console/import", text.import, content);
    visitor.respond(page)
}

/// What the script fills in for each file.
fn upload(text: &Locale) -> Markup {
    html! {
        template id="upload" {
            article class="pane upload" {
                div class="section-head" { h2 data-name {} span class="soft" data-found {} }
                p class="soft" data-status role="status" { (text.import_reads) }
                progress max="1" aria-label=(text.import_reads) {}
                p class="alarm" data-error role="alert" hidden {}
                form class="choices" data-choices hidden {
                    (choices(text))
                    details data-columns {
                        summary { (text.import_columns) }
                        p class="small soft" data-suggested hidden { (text.import_suggested) }
                        div class="scroll" { table {
                            thead { tr { th { (text.import_column) } th { (text.import_values) } th { (text.import_means) } } }
                            tbody {}
                        } }
                    }
                }
                details data-examples hidden {
                    summary { (text.import_examples) }
                    div class="scroll" { table { thead { tr {} } tbody {} } }
                }
                details data-problems hidden {
                    summary {}
                    ul class="small" {}
                }
                p class="deeds" {
                    button type="button" class="primary" data-store disabled { (text.import_store) }
                    button type="button" class="quiet" data-leave { (text.import_leave) }
                }
            }
        }
    }
}

/// What a file may leave open, asked in the words of the reader.
fn choices(text: &Locale) -> Markup {
    html! {
        label { (text.import_kind)
            select name="kind" {
                option value="auto" { (text.import_unknown) }
                @for kind in Kind::ALL {
                    @if let Some(name) = of_kind(text, kind) { option value=(kind.name()) { (name) } }
                }
            }
        }
        label data-need="currency" { (text.import_currency)
            input name="currency" list="currencies" maxlength="3" size="5" autocomplete="off" placeholder="EUR";
        }
        label data-need="time_zone" hidden { (text.import_time_zone)
            input name="time_zone" list="zones" autocomplete="off" placeholder="Europe/Berlin";
        }
        label data-need="date_order" hidden { (text.import_date_order)
            select name="date_order" {
                option value="" { "–" }
                option value="day" { (text.import_day_first) }
                option value="month" { (text.import_month_first) }
            }
        }
        label { (text.import_save)
            input name="save" maxlength="100" autocomplete="off";
        }
    }
}

/// What a kind of record is called; what only programs write has no name.
fn of_kind(text: &Locale, kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Products => Some(text.products),
        Kind::Customers => Some(text.customers),
        Kind::Orders => Some(text.orders),
        Kind::Events => Some(text.events_received),
        Kind::Reviews => Some(text.reviews),
        Kind::Conversations => Some(text.conversations),
        Kind::Documents => Some(text.documents),
        Kind::Judgements | Kind::Labelled => None,
    }
}

fn saved(text: &Locale, mappings: &[SavedMapping]) -> Markup {
    html! {
        @if !mappings.is_empty() {
            section class="pane scroll" id="mappings" {
                h2 { (text.import_saved) }
                table { tbody { @for mapping in mappings {
                    tr {
                        td { (mapping.name) }
                        td { (of_kind(text, mapping.kind).unwrap_or(mapping.kind.name())) }
                        td class="small soft" { (mapping.columns.join(", ")) }
                        td { button type="button" class="quiet" data-delete=(format!("/v1/mappings/{}", encode(&mapping.name))) { (text.import_forget) } }
                    }
                } } }
            }
        }
    }
}
