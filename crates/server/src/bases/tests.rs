use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use hub::{LocalHub, Mood, published};

#[path = "../../../shopkeeper/tests/hub/mod.rs"]
mod hub;

struct Silent;

impl shop::Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

fn hub(local: &LocalHub) -> Hub {
    Hub {
        endpoint: local.endpoint.clone(),
        token: Some("secret".to_owned()),
    }
}

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        published(&folder.path().join("small"));
        Scene { folder }
    }

    fn original(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pull(&self, mood: Mood) -> (anyhow::Result<Base>, Vec<String>) {
        let local = LocalHub::start(&self.original(), mood);
        let stop = AtomicBool::new(false);
        let pulled = pull(
            &self.data(),
            "hf:org/small",
            (None, None),
            &hub(&local),
            &Silent,
            &stop,
        );
        let requests = local.requests();
        (pulled, requests)
    }

    fn is_whole(&self) {
        let place = find(&self.data(), "small").unwrap();
        let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert_eq!(weights(&place), weights(&self.original()));
        assert!(PublishedModel::read(&place).unwrap().tokenizer.is_some());
        assert!(!place.join("README.md").exists());
        assert!(!place.join(".commit").exists());
    }
}

#[test]
fn an_imported_model_is_found_by_name_and_not_overwritten() {
    let scene = Scene::new();
    let base = import(&scene.data(), &scene.original(), None).unwrap();
    assert_eq!(base.name, "small");
    assert!(base.tokenizer && base.parameters > 0 && base.bytes > 0);
    scene.is_whole();
    assert_eq!(list(&scene.data()), [base]);
    let again = import(&scene.data(), &scene.original(), None).expect_err("it is there");
    assert!(again.to_string().contains("--name"), "{again}");
    scene.is_whole();
    let other = import(&scene.data(), &scene.original(), Some("Other")).unwrap();
    assert_eq!(other.name, "other");
}

#[test]
fn what_is_no_model_leaves_nothing_behind() {
    let scene = Scene::new();
    let weights = scene.original().join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 100]).unwrap();
    let cut = import(&scene.data(), &scene.original(), None).expect_err("cut off");
    assert!(cut.to_string().contains("model.safetensors"), "{cut}");
    std::fs::write(scene.folder.path().join("note.txt"), "no model").unwrap();
    for name in ["note.txt", "nothing"] {
        assert!(import(&scene.data(), &scene.folder.path().join(name), None).is_err());
    }
    for name in ["", "..", "a/b", ".hidden", "a b", &"x".repeat(200)] {
        let error = import(&scene.data(), &scene.original(), Some(name)).expect_err(name);
        assert!(!error.to_string().is_empty());
    }
    let left = std::fs::read_dir(base_models_folder(&scene.data()))
        .into_iter()
        .flatten();
    assert_eq!(left.count(), 0);
    let unknown = find(&scene.data(), "small").expect_err("there is none");
    assert!(unknown.to_string().contains("models pull"), "{unknown}");
}

#[test]
fn a_model_is_pulled_whatever_the_connection_does() {
    for mood in [
        Mood::Honest,
        Mood::BreaksOff(20_000),
        Mood::ForgetsRanges,
        Mood::Fails,
    ] {
        let scene = Scene::new();
        let (pulled, requests) = scene.pull(mood);
        let base = pulled.unwrap_or_else(|error| panic!("{mood:?}: {error:#}"));
        assert_eq!(base.source, "hf:org/small@0a1b2c");
        scene.is_whole();
        let resumed = requests.iter().any(|request| !request.ends_with(" from 0"));
        assert_eq!(
            resumed,
            matches!(mood, Mood::BreaksOff(_) | Mood::ForgetsRanges),
            "{mood:?}: {requests:?}"
        );
        assert!(!requests.iter().any(|request| request.contains("README")));
    }
}

#[test]
fn a_pull_goes_on_where_an_earlier_one_was_given_up() {
    let scene = Scene::new();
    let (given_up, _) = scene.pull(Mood::Hangs);
    let given_up = given_up.expect_err("nothing came");
    assert!(
        format!("{given_up:#}").contains("run the same command again"),
        "{given_up:#}"
    );
    let weights = std::fs::read(scene.original().join("model.safetensors")).unwrap();
    let part = base_models_folder(&scene.data()).join(".small/model.safetensors.part");
    std::fs::write(part, &weights[..10_000]).unwrap();
    let (pulled, requests) = scene.pull(Mood::Honest);
    pulled.unwrap();
    scene.is_whole();
    assert!(
        requests
            .iter()
            .any(|request| request.ends_with("from 10000")),
        "{requests:?}"
    );
}

#[test]
fn what_is_not_as_promised_is_refused_and_deleted() {
    let scene = Scene::new();
    let (pulled, _) = scene.pull(Mood::Lies);
    let error = pulled.expect_err("it lies");
    assert!(error.to_string().contains("checksum"), "{error}");
    assert!(list(&scene.data()).is_empty());
    scene.pull(Mood::Honest).0.unwrap();
    scene.is_whole();
}

#[test]
fn a_stopped_pull_and_an_unknown_model_say_what_to_do() {
    let scene = Scene::new();
    let local = LocalHub::start(&scene.original(), Mood::Honest);
    let go = |reference: &str, stopped: bool| {
        let stop = AtomicBool::new(stopped);
        pull(
            &scene.data(),
            reference,
            (None, None),
            &hub(&local),
            &Silent,
            &stop,
        )
        .expect_err(reference)
        .to_string()
    };
    assert!(go("hf:org/small", true).contains("stopped"));
    assert!(go("hf:org/other", false).contains("no such model"));
    assert!(go("org/small", false).contains("hf:ORG/NAME"));
}

const GIBIBYTE: u64 = 1 << 30;

#[test]
fn what_is_recommended_is_told_before_it_is_downloaded() {
    let scene = Scene::new();
    std::fs::write(scene.original().join("modules.json"), "[]").unwrap();
    let stop = AtomicBool::new(false);
    let look = |mood: Mood| {
        let local = LocalHub::start(&scene.original(), mood);
        let hub = hub(&local);
        let offers = look_for_recommended(&scene.data(), Some(4 * GIBIBYTE), &hub, &Silent, &stop);
        (local, hub, offers.unwrap())
    };
    let (local, ..) = look(Mood::Honest);
    let asked = local.requests();
    assert!(
        asked.iter().all(|one| one.contains("/api/models/")),
        "{asked:?}"
    );

    // One byte is wrong, then the connection breaks off again and again.
    let (_local, hub, offers) = look(Mood::Lies);
    let lied = offers[0].pull(&scene.data(), &hub, &Silent, &stop);
    assert!(lied.expect_err("it lies").to_string().contains("checksum"));
    let (local, hub, offers) = look(Mood::BreaksOff(20_000));
    let weights = std::fs::metadata(scene.original().join("model.safetensors")).unwrap();
    for (offer, repository) in offers.iter().zip(["multilingual-e5-small", "Qwen3-0.6B"]) {
        assert!(offer.repository.ends_with(repository), "{offer:?}");
        assert_eq!((offer.revision.as_str(), offer.is_here), ("0a1b2c", false));
        assert_eq!(offer.licence.as_deref(), Some("mit"));
        let file = offer
            .files
            .iter()
            .find(|file| file.path == "model.safetensors");
        assert_eq!(file.unwrap().bytes, Some(weights.len()));
        assert!(offer.files.iter().all(|file| file.is_checked));
        offer.pull(&scene.data(), &hub, &Silent, &stop).unwrap();
    }
    assert_eq!(offers[0].memory_bytes, Some(4 * 1_000));
    assert_eq!(offers[1].memory_bytes, Some(1_000 + (512 << 20)));
    let requests = local.requests();
    assert!(
        requests.iter().any(|one| !one.ends_with(" from 0")),
        "{requests:?}"
    );
    // How an encoder is used stands in its card.
    let place = find(&scene.data(), "multilingual-e5-small").unwrap();
    assert!(place.join("README.md").is_file() && place.join("modules.json").is_file());
    let (.., offers) = look(Mood::Honest);
    assert!(offers.iter().all(|offer| offer.is_here));
}
