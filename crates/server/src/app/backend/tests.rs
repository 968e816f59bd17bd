use std::io::{Read, Write};
use std::net::TcpListener;

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

fn chosen(script: &[ScriptedAnswer]) -> Reranking {
    serving(script.to_vec()).rerank("q", &["a", "b"])
}

#[test]
fn numbers_come_back_whole_streamed_or_as_a_tool_call() {
    let good = content("{\"chosen\": [1, 0]}");
    let pieces = streamed(&[
        json!({"role": "assistant"}),
        json!({"content": "{\"chosen\""}),
        json!({"content": ": [1, 0]}"}),
    ]);
    let arguments = |text: &str| json!({"tool_calls": [{"function": {"arguments": text}}]});
    let called = streamed(&[arguments("{\"chosen\":"), arguments("[1,0]}")]);
    for (script, tries) in [
        (vec![good.clone()], 1),
        (vec![pieces], 1),
        (vec![status("500 Oops"), good], 2),
        (vec![status("400 No schema here"), called], 2),
    ] {
        let choice = chosen(&script);
        assert_eq!(choice.places, Ok(vec![1, 0]), "{script:?}");
        assert_eq!(choice.tries, tries, "{script:?}");
    }
}

#[test]
fn everything_else_fails_within_the_time_and_says_how() {
    for (deed, stage, tries) in [
        (content("the first, of course"), "backend_unreadable", 1),
        (content("{\"chosen\": [-1]}"), "backend_unreadable", 1),
        (whole("{\"choices\": []}"), "backend_unreadable", 1),
        (status("500 Oops"), "backend_refused", 2),
        (status("401 No"), "backend_refused", 1),
        (
            ScriptedAnswer::Says("garbage".to_owned()),
            "backend_unreachable",
            2,
        ),
        (ScriptedAnswer::Hangs, "backend_timed_out", 1),
        (
            ScriptedAnswer::Trickles("data: {}\n".to_owned()),
            "backend_timed_out",
            1,
        ),
        (
            ScriptedAnswer::Trickles("\u{0}".to_owned()),
            "backend_timed_out",
            1,
        ),
    ] {
        let started = Instant::now();
        let choice = chosen(std::slice::from_ref(&deed));
        let failure = choice.places.expect_err("a failure");
        assert_eq!(failure.stage(), stage, "{deed:?}: {failure:?}");
        assert_eq!(choice.tries, tries, "{deed:?}");
        // Far beyond the 0.4 s given, as nothing here is timed.
        assert!(started.elapsed() < Duration::from_secs(4), "{deed:?}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_not_trusted_with_it() {
    let mut backend = serving(vec![content("{\"chosen\": [0]}")]);
    backend.address = backend.address.replacen("http://", "https://", 1);
    let choice = backend.rerank("q", &["a"]);
    assert!(choice.places.is_err());
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
    let choice = backend.rerank("q", &["a"]);
    assert_eq!(choice.places, Err(RerankFailure::OverBudget));
    assert_eq!(choice.tries, 0);
}
