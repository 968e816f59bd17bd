//! Published models written and read again, and files that are not what they
//! should be.

use std::path::Path;

use models::architecture::{
    Activation, Biases, NormPlace, Positions, RotaryScaling, SlidingWindow, TransformerConfig,
};
use models::published::{
    Family, GgufEncoding, Publication, PublishedModel, SpecialTokens, expected_tensors, write_gguf,
    write_hugging_face,
};
use models::{ModelError, Tokenizer};
use proptest::prelude::*;

const VOCABULARY: usize = 320;
const SPECIAL: [&str; 4] = ["<pad>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"];

fn tokenizer() -> Tokenizer {
    let texts = [
        "an order of two lamps",
        "the lamps were returned",
        "退货 退款",
    ];
    Tokenizer::train((0..9).flat_map(|_| texts), VOCABULARY - 8, &SPECIAL).expect("a tokenizer")
}

fn special() -> SpecialTokens {
    SpecialTokens {
        begin: Some(1),
        end: vec![2, 3],
        padding: Some(0),
        ..SpecialTokens::default()
    }
}

fn shapes() -> Vec<(Family, TransformerConfig)> {
    let plain = TransformerConfig {
        key_value_heads: 2,
        head_width: 24,
        norm_epsilon: 1e-6,
        ..TransformerConfig::new(2, 64, 4, 128, VOCABULARY)
    };
    let llama_3 = RotaryScaling::Llama3 {
        factor: 8.0,
        low_frequency_factor: 1.0,
        high_frequency_factor: 4.0,
        original_context: 8192,
    };
    let rotary = |scaling, local_base| Positions::Rotary {
        scaling,
        local_base,
    };
    let gemma = TransformerConfig {
        layers: 6,
        window: Some(SlidingWindow {
            length: 32,
            global_every: 6,
        }),
        query_key_norm: true,
        attention_scale: Some(1.0 / 24f32.sqrt()),
        norm_place: NormPlace::Around,
        activation: Activation::GeGlu,
        positions: rotary(RotaryScaling::None, Some(10_000.0)),
        rotary_base: 1e6,
        embedding_scale: 8.0,
        ..plain.clone()
    };
    vec![
        (
            Family::Llama,
            TransformerConfig {
                positions: rotary(llama_3, None),
                tied: false,
                ..plain.clone()
            },
        ),
        (
            Family::Qwen2,
            TransformerConfig {
                biases: Biases::QueryKeyValue,
                ..plain.clone()
            },
        ),
        (
            Family::Qwen3,
            TransformerConfig {
                query_key_norm: true,
                ..plain
            },
        ),
        (Family::Gemma3, gemma),
        (
            Family::Bert,
            TransformerConfig::encoder(2, 64, 4, 128, VOCABULARY),
        ),
    ]
}

/// Numbers that differ from tensor to tensor and within one.
fn tensors(config: &TransformerConfig) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let named = expected_tensors(config).into_iter().enumerate();
    named
        .map(|(number, (name, shape))| {
            let count: usize = shape.iter().product();
            let value =
                |place: usize| ((number * 7919 + place * 104_729) % 2003) as f32 / 2003.0 - 0.5;
            (name, shape, (0..count).map(value).collect())
        })
        .collect()
}

fn publication<'m>(
    config: &'m TransformerConfig,
    tokenizer: &'m Tokenizer,
    special: &'m SpecialTokens,
) -> Publication<'m> {
    Publication {
        name: "small",
        config,
        tokenizer: Some(tokenizer),
        special,
        chat_template: Some(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}",
        ),
    }
}

fn agree(model: &PublishedModel, config: &TransformerConfig, tolerance: f32) {
    assert_eq!(model.tensors.len(), expected_tensors(config).len());
    for (name, shape, values) in tensors(config) {
        let tensor = model.tensors.get(&name).expect(&name);
        assert_eq!(tensor.shape(), shape, "{name}");
        let read = tensor.dequantize().expect("numbers");
        for (place, (read, value)) in read.iter().zip(&values).enumerate() {
            assert!(
                (read - value).abs() <= tolerance,
                "{name} {place}: {read} for {value}"
            );
        }
    }
    let (ours, theirs) = (tokenizer(), model.tokenizer.as_ref().expect("a tokenizer"));
    for text in ["two lamps 退货 12 é\n\n x", "<|im_end|>"] {
        assert_eq!(ours.encode(text), theirs.encode(text));
        assert_eq!(
            ours.encode_with_special(text),
            theirs.encode_with_special(text)
        );
    }
}

#[test]
fn each_family_comes_back_from_hugging_face_folders() {
    for (family, config) in shapes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tokenizer, special) = (tokenizer(), special());
        let publication = publication(&config, &tokenizer, &special);
        write_hugging_face(folder.path(), &publication, tensors(&config)).expect("written");
        let model = PublishedModel::read(folder.path()).expect("read");
        assert_eq!((model.family, &model.config), (family, &config));
        agree(&model, &config, 1e-6);
        assert_eq!(model.special.begin, Some(1));
        assert_eq!(model.special.end[0], 2);
        assert!(model.chat_template.expect("a template").is_own());
    }
}

#[test]
fn each_decoder_comes_back_from_gguf_files() {
    for (family, config) in shapes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.gguf");
        let (tokenizer, special) = (tokenizer(), special());
        let publication = publication(&config, &tokenizer, &special);
        for (encoding, tolerance) in [
            (GgufEncoding::F32, 0.0),
            (GgufEncoding::F16, 3e-4),
            (GgufEncoding::Q8_0, 2.2e-3),
        ] {
            let written = write_gguf(&path, &publication, tensors(&config), encoding);
            if family == Family::Bert {
                assert!(written.is_err());
                continue;
            }
            written.expect("written");
            let model = PublishedModel::read(&path).expect("read");
            assert_eq!((model.family, &model.config), (family, &config));
            agree(&model, &config, tolerance);
            assert_eq!(
                model.special,
                SpecialTokens {
                    unknown: None,
                    ..special.clone()
                }
            );
            assert!(model.chat_template.expect("a template").is_own());
        }
    }
}

#[test]
fn what_stands_around_a_text_is_in_the_tokenizer_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = TransformerConfig::new(1, 32, 2, 64, VOCABULARY);
    let around = SpecialTokens {
        add_begin: true,
        add_end: true,
        ..special()
    };
    let tokenizer = tokenizer();
    write_hugging_face(
        folder.path(),
        &publication(&config, &tokenizer, &around),
        tensors(&config),
    )
    .expect("written");
    // Without its settings, only `tokenizer.json` can say so.
    let path = folder.path().join("tokenizer_config.json");
    std::fs::write(path, r#"{"bos_token": "<|im_start|>"}"#).expect("written");
    let model = PublishedModel::read(folder.path()).expect("read");
    assert_eq!(
        (model.special.add_begin, model.special.add_end),
        (true, true)
    );
    assert_eq!(model.special.around(&[9]), [1, 9, 2]);
}

/// A small Hugging Face folder.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (tokenizer, special) = (tokenizer(), special());
    let config = TransformerConfig::new(1, 32, 2, 64, VOCABULARY);
    write_hugging_face(
        folder.path(),
        &publication(&config, &tokenizer, &special),
        tensors(&config),
    )
    .expect("written");
    folder
}

fn refusal(path: &Path) -> String {
    match PublishedModel::read(path) {
        Err(ModelError::File(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_fault_of_a_folder_is_one_clear_sentence() {
    let check = |file: &str, change: &dyn Fn(String) -> Option<String>, words: [&str; 2]| {
        let folder = folder();
        let path = folder.path().join(file);
        // Safetensors begin with bytes that are no text.
        let bytes = std::fs::read(&path).expect("a file");
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        match change(text) {
            Some(text) => {
                let bytes: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
                std::fs::write(&path, bytes).expect("written");
            }
            None => std::fs::remove_file(&path).expect("removed"),
        }
        let reason = refusal(folder.path());
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    };
    let replace = |from: &'static str, to: &'static str| {
        move |text: String| {
            assert!(text.contains(from), "{from}");
            Some(text.replacen(from, to, 1))
        }
    };
    check("config.json", &|_| None, ["config.json", "No such file"]);
    check(
        "config.json",
        &replace("\"llama\"", "\"mamba\""),
        ["config.json", "`mamba`"],
    );
    check(
        "config.json",
        &replace("\"vocab_size\": 320", "\"vocab_size\": 321"),
        ["model.embed_tokens.weight", "[321, 32]"],
    );
    check(
        "config.json",
        &replace("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2"),
        ["model.layers.1", "missing"],
    );
    check(
        "config.json",
        &replace("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 100000"),
        ["config.json", "100000 layers"],
    );
    check(
        "config.json",
        &replace("{", "["),
        ["config.json", "no JSON"],
    );
    check(
        "model.safetensors",
        &|_| None,
        ["model.safetensors", "No such file"],
    );
    check(
        "model.safetensors",
        &|text| Some(text[..text.len() - text.len() / 8].to_owned()),
        ["model.safetensors", "cut off"],
    );
    check(
        "model.safetensors",
        &|_| Some("abc".to_owned()),
        ["model.safetensors", "3 bytes"],
    );
    check(
        "model.safetensors",
        &replace("model.norm", "model.nurm"),
        ["model.norm.weight", "missing"],
    );
    check(
        "model.safetensors",
        &replace("[0,", "[4,"),
        ["model.safetensors", "bytes"],
    );
    check(
        "model.safetensors",
        &replace("F32", "I32"),
        ["model.safetensors", "I32"],
    );
    check(
        "tokenizer.json",
        &replace("BPE", "XYZ"),
        ["tokenizer.json", "tokenizer:"],
    );
}

#[test]
fn numbers_that_are_none_are_found_when_they_are_read() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("a file");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, bytes).expect("written");
    let model = PublishedModel::read(folder.path()).expect("its form is sound");
    let faults: Vec<String> = (model.tensors.iter())
        .filter_map(|tensor| Some(tensor.dequantize().err()?.to_string()))
        .collect();
    assert!(
        faults.len() == 1 && faults[0].contains("NaN") && faults[0].contains("model.safetensors"),
        "{faults:?}"
    );
}

#[test]
fn parts_of_a_model_are_read_as_one() {
    let folder = folder();
    let whole = folder.path().join("model.safetensors");
    std::fs::copy(&whole, folder.path().join("part-1.safetensors")).expect("copied");
    std::fs::rename(&whole, folder.path().join("part-2.safetensors")).expect("moved");
    let config = TransformerConfig::new(1, 32, 2, 64, VOCABULARY);
    let names = expected_tensors(&config).into_iter().map(|(name, _)| name);
    let map: serde_json::Map<String, serde_json::Value> = names
        .enumerate()
        .map(|(number, name)| (name, format!("part-{}.safetensors", number % 2 + 1).into()))
        .collect();
    let index = folder.path().join("model.safetensors.index.json");
    let write = |map: &serde_json::Map<String, serde_json::Value>| {
        let json = serde_json::json!({ "weight_map": map });
        std::fs::write(&index, json.to_string()).expect("written");
    };
    write(&map);
    agree(
        &PublishedModel::read(folder.path()).expect("read"),
        &config,
        1e-6,
    );
    let mut outside = map.clone();
    outside["model.norm.weight"] = "../part-1.safetensors".into();
    write(&outside);
    assert!(refusal(folder.path()).contains("no file beside it"));
    let mut missing = map;
    missing["model.norm.weight"] = "part-3.safetensors".into();
    write(&missing);
    assert!(refusal(folder.path()).contains("part-3.safetensors"));
}

fn small_gguf() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let (tokenizer, special) = (tokenizer(), special());
    let config = TransformerConfig::new(1, 32, 2, 64, VOCABULARY);
    let publication = publication(&config, &tokenizer, &special);
    write_gguf(&path, &publication, tensors(&config), GgufEncoding::Q8_0).expect("written");
    std::fs::read(&path).expect("read")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to a file, reading it ends with a model or a
    /// sentence.
    #[test]
    fn a_damaged_gguf_file_is_an_error_or_a_model(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        huge in prop::option::of((any::<prop::sample::Index>(), 32u32..64)),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local!(static SMALL: Vec<u8> = small_gguf());
        let mut bytes = SMALL.with(Vec::clone);
        // Most of the file is numbers, which may be any; its head matters.
        let head = bytes.len() / 3;
        for (place, byte) in places {
            bytes[place.index(head)] = byte;
        }
        if let Some((place, bit)) = huge {
            let place = place.index(head);
            bytes[place..place + 8].copy_from_slice(&(1u64 << bit).to_le_bytes());
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, &bytes).expect("written");
        match PublishedModel::read(&path) {
            Ok(model) => {
                for tensor in model.tensors.iter() {
                    let _ = tensor.dequantize();
                }
                let tokens = model.tokenizer.map(|tokenizer| tokenizer.encode("two lamps 退货"));
                prop_assert!(tokens.iter().flatten().all(|token| (*token as usize) < model.config.vocabulary));
            }
            Err(error) => prop_assert!(error.to_string().contains("model.gguf"), "{}", error),
        }
    }
}
