//! Damages files of published models for so many seconds each and reads them:
//! `cargo run --release -p models --example fuzz_files -- 60 [SEED [KIND]]`. Reading must
//! end with a model or with an error, must not panic, and must not take much
//! more memory than the file has bytes. A damaged file that breaks a rule is
//! kept beside the program's working folder.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use models::architecture::TransformerConfig;
use models::published::{
    GgufEncoding, Message, Publication, PublishedModel, Role, SpecialTokens, expected_tensors,
    write_gguf, write_hugging_face,
};
use models::{ModelError, Tokenizer};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Counts what is allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counters
// are atomic and touch no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the rules of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the rules of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a file may cost to read: a fixed part for the tables of tokenizers,
/// and a multiple of its bytes.
const FIXED_BYTES: usize = 48 << 20;
const BYTES_PER_BYTE: usize = 64;

/// Bytes or text changed in a few places.
fn damage(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // Heads are where the structure is.
    let reach = if random.random_bool(0.8) {
        bytes.len().min(4096)
    } else {
        bytes.len()
    };
    for _ in 0..random.random_range(1..5) {
        let place = random.random_range(0..reach.min(bytes.len()).max(1));
        if bytes.len() < 16 {
            break;
        }
        match random.random_range(0..7) {
            0 => bytes[place] = random.random(),
            1 => bytes[place] ^= 1 << random.random_range(0..8),
            2 => bytes.truncate(place.max(1)),
            3 => {
                let place = place.min(bytes.len() - 8);
                let huge = (u64::MAX >> random.random_range(0..40))
                    .wrapping_sub(random.random_range(0..3));
                bytes[place..place + 8].copy_from_slice(&huge.to_le_bytes());
            }
            4 => {
                let place = place.min(bytes.len() - 4);
                let small: u32 = random.random_range(0..20);
                bytes[place..place + 4].copy_from_slice(&small.to_le_bytes());
            }
            5 => {
                // A piece from elsewhere: texts become other texts.
                let length = random.random_range(1..64).min(bytes.len() / 2);
                let from = random.random_range(0..bytes.len() - length);
                let place = place.min(bytes.len() - length);
                bytes.copy_within(from..from + length, place);
            }
            _ => {
                let length = random.random_range(1..64).min(bytes.len() / 2);
                let place = place.min(bytes.len() - length);
                bytes.drain(place..place + length);
            }
        }
    }
    bytes
}

/// Damages what JSON says and leaves it JSON.
fn damage_json(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Ok(mut text) = String::from_utf8(bytes.to_vec()) else {
        return damage(bytes, random);
    };
    for _ in 0..random.random_range(1..4) {
        let edges: Vec<usize> = text
            .match_indices([',', ':', '[', '{'])
            .map(|(at, _)| at + 1)
            .collect();
        if edges.is_empty() {
            break;
        }
        let from = edges[random.random_range(0..edges.len())];
        let to = text[from..]
            .find([',', '}', ']'])
            .map_or(text.len(), |end| from + end);
        let others = [
            "-1",
            "0",
            "1e300",
            "18446744073709551615",
            "null",
            "\"\"",
            "\"BPE\"",
            "\"WordPiece\"",
            "\"Unigram\"",
            "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
            "true",
            "[]",
            "{}",
        ];
        let other = if random.random_bool(0.3) {
            let from = edges[random.random_range(0..edges.len())];
            let to = text[from..]
                .find([',', '}', ']'])
                .map_or(text.len(), |end| from + end);
            text[from..to].to_owned()
        } else {
            others[random.random_range(0..others.len())].to_owned()
        };
        text.replace_range(from..to, &other);
    }
    text.into_bytes()
}

fn use_model(model: &PublishedModel) {
    for tensor in model.tensors.iter() {
        let _ = tensor.dequantize();
    }
    let Some(tokenizer) = &model.tokenizer else {
        return;
    };
    use_tokenizer(tokenizer);
    let tokens = tokenizer.encode("two lamps, 退货 <|im_end|>");
    assert!(
        tokens
            .iter()
            .all(|token| (*token as usize) < model.config.vocabulary),
        "a token without a row"
    );
    if let Some(template) = &model.chat_template {
        let message = Message {
            role: Role::User,
            content: "<|im_end|> hello",
        };
        let _ = template.encode(tokenizer, &[message], true);
    }
}

fn use_tokenizer(tokenizer: &Tokenizer) {
    for text in ["", "two lamps, 退货 é\n\n 12", "<|im_end|><|im_start|>"] {
        let tokens = tokenizer.encode(text);
        let _ = tokenizer.decode(&tokens);
    }
    for id in (0..40).chain([u32::MAX]) {
        let _ = tokenizer.token_bytes(id);
    }
    let _ = tokenizer.to_json();
}

/// SentencePiece's byte-pair encoding, in small.
const SENTENCE_PIECE: &str = r#"{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
{"id":1,"content":"<|im_start|>","single_word":false,"lstrip":true,"rstrip":false,"normalized":true,"special":true},
{"id":2,"content":"<|im_end|>","single_word":true,"lstrip":false,"rstrip":true,"normalized":false,"special":true}],
"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
"pre_tokenizer":null,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<|im_start|>":{"id":"<|im_start|>","ids":[1],"tokens":["<|im_start|>"]}}},
"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
"model":{"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,"ignore_merges":false,
"vocab":{"<unk>":0,"<|im_start|>":1,"<|im_end|>":2,"<0x0A>":3,"<0xC3>":4,"▁":5,"t":6,"w":7,"o":8,"l":9,"a":10,"m":11,"p":12,"s":13,"▁t":14,"wo":15,"▁two":16,"la":17,"mp":18,"lamp":19},
"merges":[["▁","t"],["w","o"],["▁t","wo"],["l","a"],["m","p"],["la","mp"]]}}"#;

/// WordPiece, in small.
const WORD_PIECE: &str = r###"{"version":"1.0","truncation":{"max_length":128,"strategy":"LongestFirst","stride":0,"direction":"Right"},"padding":null,
"added_tokens":[{"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},{"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
"vocab":{"[PAD]":0,"[UNK]":1,"two":2,"lamp":3,"##s":4,",":5,"退":6,"1":7,"##2":8}}}"###;

/// Unigrams, in small.
const UNIGRAM: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},"post_processor":null,
"decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true},
"model":{"type":"Unigram","unk_id":0,"byte_fallback":false,"vocab":[["<unk>",0.0],["▁",-2.0],["▁two",-3.5],["▁lamp",-4.0],["s",-2.5],["t",-3.0],["w",-3.0],["o",-3.0]]}}"#;

/// One kind of file: its bytes, how they are damaged, how they are read.
struct Target<'t> {
    name: &'t str,
    bytes: Vec<u8>,
    damage: fn(&[u8], &mut ChaCha8Rng) -> Vec<u8>,
    read: &'t dyn Fn(&[u8]) -> Result<(), ModelError>,
}

fn fuzz(target: &Target<'_>, duration: Duration, seed: u64) -> bool {
    let start = Instant::now();
    let (mut runs, mut models, mut worst, mut slowest) = (0u64, 0u64, 0, Duration::ZERO);
    while start.elapsed() < duration {
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(runs));
        let damaged = (target.damage)(&target.bytes, &mut random);
        let before = NOW.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let began = Instant::now();
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (target.read)(&damaged)));
        slowest = slowest.max(began.elapsed());
        let used = MOST.load(Ordering::Relaxed) - before;
        worst = worst.max(used);
        let too_much = used > FIXED_BYTES + BYTES_PER_BYTE * damaged.len();
        if result.is_err() || too_much {
            let kept = format!("fuzz-{}-{}.bin", target.name, seed.wrapping_add(runs));
            let _ = std::fs::write(&kept, &damaged);
            println!(
                "{}: {} with {used} bytes; kept as {kept}",
                target.name,
                if too_much {
                    "too much memory"
                } else {
                    "a panic"
                }
            );
            return false;
        }
        models += u64::from(matches!(result, Ok(Ok(()))));
        runs += 1;
    }
    println!(
        "{}: {runs} files, {models} still read, at most {:.1} MB for {} bytes, slowest {slowest:.1?}",
        target.name,
        worst as f64 / 1e6,
        target.bytes.len()
    );
    true
}

fn main() {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10);
    let seed = std::env::args()
        .nth(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let only = std::env::args().nth(3);
    // The tokenizers' crate panics on some files; those are caught inside.
    std::panic::set_hook(Box::new(|_| {}));
    let folder = std::env::temp_dir().join(format!("fuzz-files-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("hf")).expect("a folder");
    let texts = [
        "an order of two lamps",
        "the lamps were returned",
        "退货 退款",
    ];
    let special_texts = ["<pad>", "<|im_start|>", "<|im_end|>"];
    let tokenizer =
        Tokenizer::train((0..9).flat_map(|_| texts), 300, &special_texts).expect("a tokenizer");
    let config = TransformerConfig::new(1, 32, 2, 64, 304);
    let special = SpecialTokens {
        begin: Some(1),
        end: vec![2],
        ..SpecialTokens::default()
    };
    let publication = Publication {
        name: "small",
        config: &config,
        tokenizer: Some(&tokenizer),
        special: &special,
        chat_template: Some(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
        ),
    };
    let tensors = || {
        expected_tensors(&config).into_iter().map(|(name, shape)| {
            let values = vec![0.25f32; shape.iter().product()];
            (name, shape, values)
        })
    };
    let (hf, gguf) = (folder.join("hf"), folder.join("model.gguf"));
    write_hugging_face(&hf, &publication, tensors()).expect("written");
    write_gguf(&gguf, &publication, tensors(), GgufEncoding::Q8_0).expect("written");
    let bytes = |path: &Path| std::fs::read(path).expect("a file");
    let in_folder = |name: &'static str| {
        let (hf, whole) = (hf.clone(), bytes(&hf.join(name)));
        move |damaged: &[u8]| {
            std::fs::write(hf.join(name), damaged).expect("written");
            let result = PublishedModel::read(&hf).map(|model| use_model(&model));
            std::fs::write(hf.join(name), &whole).expect("written");
            result
        }
    };
    let read_gguf = |damaged: &[u8]| {
        std::fs::write(&gguf, damaged).expect("written");
        PublishedModel::read(&gguf).map(|model| use_model(&model))
    };
    let read_tokenizer = |damaged: &[u8]| match std::str::from_utf8(damaged) {
        Ok(json) => Tokenizer::from_json(json).map(|tokenizer| use_tokenizer(&tokenizer)),
        Err(_) => Err(ModelError::Tokenizer("no UTF-8".to_owned())),
    };
    let sentence_piece = Tokenizer::from_json(SENTENCE_PIECE).expect("a tokenizer");
    let pieces = folder.join("pieces.gguf");
    let publication = Publication {
        tokenizer: Some(&sentence_piece),
        ..publication
    };
    write_gguf(&pieces, &publication, tensors(), GgufEncoding::Q8_0).expect("written");
    let (read_weights, read_config) = (in_folder("model.safetensors"), in_folder("config.json"));
    let targets = [
        Target {
            name: "gguf",
            bytes: bytes(&gguf),
            damage,
            read: &read_gguf,
        },
        Target {
            name: "gguf-pieces",
            bytes: bytes(&pieces),
            damage,
            read: &read_gguf,
        },
        Target {
            name: "sentence-piece",
            bytes: SENTENCE_PIECE.into(),
            damage: damage_json,
            read: &read_tokenizer,
        },
        Target {
            name: "word-piece",
            bytes: WORD_PIECE.into(),
            damage: damage_json,
            read: &read_tokenizer,
        },
        Target {
            name: "unigram",
            bytes: UNIGRAM.into(),
            damage: damage_json,
            read: &read_tokenizer,
        },
        Target {
            name: "safetensors",
            bytes: bytes(&hf.join("model.safetensors")),
            damage,
            read: &read_weights,
        },
        Target {
            name: "tokenizer",
            bytes: bytes(&hf.join("tokenizer.json")),
            damage: damage_json,
            read: &read_tokenizer,
        },
        Target {
            name: "config",
            bytes: bytes(&hf.join("config.json")),
            damage: damage_json,
            read: &read_config,
        },
    ];
    let sound = targets
        .iter()
        .filter(|target| only.as_deref().is_none_or(|only| only == target.name))
        .map(|target| fuzz(target, Duration::from_secs(seconds), seed))
        .filter(|sound| !sound)
        .count()
        == 0;
    let _ = std::fs::remove_dir_all(&folder);
    std::process::exit(i32::from(!sound));
}
