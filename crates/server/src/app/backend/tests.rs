use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::ControlFlow;

use serve::support::Sentence;

use super::*;

/// What a server does with its connections, one after the other; the last is
/// done again.
#[derive(Debug, Clone)]
enum ScriptedAnswer {
    Says(String),
    Hangs,
    /// Says this, again and again, slowly.
    Trickles(String),
}

/// A server of its own thread that lives as long as the test's process.
fn serving(script: Vec<ScriptedAnswer>) -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let deed = script[number.min(script.len() - 1)].clone();
            std::thread::spawn(move || answer_with(stream, &deed));
        }
    });
    let config = Config {
        backend_url: format!("http://{address}/v1"),
        backend_timeout_ms: 400,
        ..Config::default()
    };
    Backend::of(&config).unwrap()
}

fn answer_with(mut stream: std::net::TcpStream, deed: &ScriptedAnswer) {
    let mut read = [0; 65_536];
    let _ = stream.read(&mut read);
    match deed {
        ScriptedAnswer::Says(text) => drop(stream.write_all(text.as_bytes())),
        ScriptedAnswer::Hangs => std::thread::sleep(Duration::from_secs(5)),
        ScriptedAnswer::Trickles(text) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            while stream.write_all(text.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn whole(body: &str) -> ScriptedAnswer {
    let length = body.len();
    ScriptedAnswer::Says(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn status(line: &str) -> ScriptedAnswer {
    ScriptedAnswer::Says(format!(
        "HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    ))
}

fn content(text: &str) -> ScriptedAnswer {
    whole(&json!({"choices": [{"message": {"content": text}}]}).to_string())
}

fn streamed(pieces: &[Value]) -> ScriptedAnswer {
    let events: String = pieces
        .iter()
        .map(|piece| format!("data: {}\n\n", json!({"choices": [{"delta": piece}]})))
        .collect();
    whole(&format!(": hello\n\n{events}data: [DONE]\n\n"))
}

/// What comes of asking for the next turn, and the sentences heard meanwhile.
fn replied(script: &[ScriptedAnswer]) -> (Result<ChatTurn, ChatError>, Vec<String>) {
    let backend = serving(script.to_vec());
    let messages = [Message::Customer("Where is it?".to_owned())];
    let mut heard = Vec::new();
    let mut sink = |sentence: Sentence| {
        heard.push(sentence.text);
        ControlFlow::Continue(())
    };
    let until = Instant::now() + backend.timeout;
    let turn = backend.reply(&messages, &[], until, &mut sink);
    (turn, heard)
}

#[test]
fn sentences_come_whole_or_streamed() {
    let whole = content("It is on its way. [1] It comes on Monday. [2]");
    let pieces = ["It is on", " its way. [", "1] It comes", " on Monday. [2]"];
    let pieces = streamed(&pieces.map(|text| json!({"content": text})));
    for script in [
        vec![whole.clone()],
        vec![pieces],
        vec![status("500 Oops"), whole.clone()],
        vec![ScriptedAnswer::Says("garbage".to_owned()), whole],
    ] {
        let (turn, heard) = replied(&script);
        let Ok(ChatTurn::Answer(sentences)) = turn else {
            panic!("{script:?}: {turn:?}");
        };
        assert_eq!(
            heard,
            ["It is on its way.", "It comes on Monday."],
            "{script:?}"
        );
        assert_eq!(sentences[1].evidence, [2], "{script:?}");
    }
}

#[test]
fn calls_come_in_pieces_and_several_at_once() {
    let piece = |index: usize, name: &str, arguments: &str| {
        json!({"tool_calls": [{"index": index, "id": if name.is_empty() { "" } else { "c" },
            "function": {"name": name, "arguments": arguments}}]})
    };
    let pieces = streamed(&[
        json!({"content": "Let me look."}),
        piece(0, "order_details", "{\"order\":"),
        piece(1, "points", ""),
        piece(0, "", " \"W1\"}"),
        piece(5_000, "points", "{}"),
    ]);
    let (turn, _) = replied(&[pieces]);
    let Ok(ChatTurn::Calls(calls)) = turn else {
        panic!("{turn:?}");
    };
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["order_details", "points"]);
    assert_eq!(calls[0].arguments, json!({"order": "W1"}));
    assert_eq!(calls[1].arguments, json!({}));
}

#[test]
fn everything_else_fails_within_the_time_and_says_how() {
    let broken = json!({"tool_calls": [{"function": {"name": "points", "arguments": "{\"a"}}]});
    for (deed, stage) in [
        (streamed(&[broken]), "chat_model_unreadable"),
        (content(""), "chat_model_unreadable"),
        (whole("{\"choices\": []}"), "chat_model_unreadable"),
        (whole("so be it"), "chat_model_unreadable"),
        (status("500 Oops"), "chat_model_refused"),
        (status("401 No"), "chat_model_refused"),
        (
            ScriptedAnswer::Says("garbage".to_owned()),
            "chat_model_unreachable",
        ),
        (ScriptedAnswer::Hangs, "chat_model_timed_out"),
        (
            ScriptedAnswer::Trickles("data: {}\n".to_owned()),
            "chat_model_timed_out",
        ),
        (
            ScriptedAnswer::Trickles("\u{0}".to_owned()),
            "chat_model_timed_out",
        ),
    ] {
        let started = Instant::now();
        let failure = replied(std::slice::from_ref(&deed))
            .0
            .expect_err("a failure");
        assert_eq!(failure.stage(), stage, "{deed:?}: {failure:?}");
        // Far beyond the 0.4 s given, as nothing here is timed.
        assert!(started.elapsed() < Duration::from_secs(4), "{deed:?}");
    }
}

#[test]
fn a_server_that_dies_after_a_sentence_is_not_asked_again() {
    let piece = json!({"choices": [{"delta": {"content": "It is on its way. [1] And"}}]});
    let dies = ScriptedAnswer::Says(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\nconnection: close\r\n\r\ndata: {piece}\n\n"
    ));
    let (turn, heard) = replied(&[dies, content("It is on its way. [1]")]);
    assert!(matches!(turn, Err(ChatError::Unreachable(_))), "{turn:?}");
    assert_eq!(heard, ["It is on its way."]);
}

#[test]
fn a_server_that_speaks_no_tls_is_not_trusted_with_it() {
    let mut backend = serving(vec![content("Fine. [1]")]);
    backend.address = backend.address.replacen("http://", "https://", 1);
    let until = Instant::now() + backend.timeout;
    let mut ignore = |_| ControlFlow::Continue(());
    assert!(backend.reply(&[], &[], until, &mut ignore).is_err());
}

#[test]
fn only_within_the_budget() {
    let config = |url: &str| Config {
        backend_url: url.to_owned(),
        backend_tokens_per_day: 10,
        ..Config::default()
    };
    assert!(Backend::of(&config("ftp://x/v1")).is_none());
    assert!(Backend::of(&Config::default()).is_none());
    let backend = Backend::of(&config("https://localhost:1/v1/")).unwrap();
    assert_eq!(backend.address, "https://localhost:1/v1/chat/completions");
    assert!(backend.spend(10).is_ok());
    let until = Instant::now() + backend.timeout;
    let mut ignore = |_| ControlFlow::Continue(());
    let turn = backend.reply(&[], &[], until, &mut ignore);
    assert_eq!(turn, Err(ChatError::OverBudget));
}
