//! Over real sockets: what is slow ends, what is long goes on, and who is too
//! many hears so. The times are short; what is asserted is that things end,
//! not when.

use axum::Router;
use axum::body::Bytes;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use tokio::task::JoinHandle;

use super::*;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// Shorter than [`LONG`].
const SHORT: Duration = Duration::from_millis(100);

const LIMITS: Limits = Limits {
    connections: 8,
    header: LONG,
    body: LONG,
    idle: LONG,
};

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

async fn server(limits: Limits) -> Server {
    let router = Router::new()
        .route("/", get(|| async { "here" }))
        .route(
            "/long",
            get(|| async {
                tokio::time::sleep(SHORT * 5).await;
                "at last"
            }),
        )
        .route("/body", post(|body: Bytes| async move { body }))
        .layer(from_fn(say_late));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, router, limits, stopped));
    Server {
        address,
        stop,
        serving,
    }
}

impl Server {
    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn ends(self) {
        self.stop.send(true).unwrap();
        let ended = tokio::time::timeout(LONG / 2, self.serving).await;
        ended.expect("it still serves").unwrap();
    }
}

/// All that comes until the other end closes.
async fn heard(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(LONG / 2, stream.read_to_string(&mut text)).await;
    // A reset ends a connection too.
    let _ = read.expect("the connection stays open");
    text
}

/// One answer of a connection that stays open.
async fn answered(stream: &mut TcpStream, body: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(body.as_bytes()) {
        let mut piece = [0; 1024];
        let read = tokio::time::timeout(LONG / 2, stream.read(&mut piece)).await;
        let length = read.expect("no answer came").unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(text).unwrap()
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_slow_header_ends() {
    let limits = Limits {
        header: SHORT,
        ..LIMITS
    };
    let server = server(limits).await;
    let mut silent = server.say("GET / HTTP/1.1\r\nHost:").await;
    assert_eq!(heard(&mut silent).await, "");
    // One that goes on, byte by byte, ends too.
    let (mut reader, mut writer) = server.say("GET / HTTP/1.1\r\n").await.into_split();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b"X").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut text = String::new();
    let read = tokio::time::timeout(LONG / 2, reader.read_to_string(&mut text)).await;
    let _ = read.expect("the connection stays open");
    assert_eq!(text, "");
    drop(reader);
    dripping.await.unwrap();
    // One that is quick does not.
    let mut quick = server.say(ASK).await;
    assert!(answered(&mut quick, "here").await.contains("200 OK"));
    server.ends().await;
}

#[tokio::test]
async fn a_slow_body_ends_and_is_told_so() {
    let limits = Limits {
        body: SHORT,
        ..LIMITS
    };
    let server = server(limits).await;
    let head = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nfirst";
    let mut slow = server.say(head).await;
    let text = heard(&mut slow).await;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("request_timeout"), "{text}");
    let whole = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst";
    let mut quick = server.say(whole).await;
    assert!(answered(&mut quick, "first").await.contains("200 OK"));
    server.ends().await;
}

#[tokio::test]
async fn an_idle_connection_ends_and_one_that_is_answered_does_not() {
    let limits = Limits {
        idle: SHORT,
        ..LIMITS
    };
    let server = server(limits).await;
    assert_eq!(heard(&mut server.say("").await).await, "");
    let mut used = server.say(ASK).await;
    assert!(answered(&mut used, "here").await.contains("200 OK"));
    assert_eq!(heard(&mut used).await, "");
    // An answer may take longer than a connection may do nothing.
    let mut long = server.say("GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answered(&mut long, "at last").await.contains("200 OK"));
    server.ends().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_when_to_come_again() {
    let limits = Limits {
        connections: 2,
        ..LIMITS
    };
    let server = server(limits).await;
    let mut first = server.say(ASK).await;
    answered(&mut first, "here").await;
    let mut second = server.say(ASK).await;
    answered(&mut second, "here").await;
    let text = heard(&mut server.say(ASK).await).await;
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.contains("retry-after: 5"), "{text}");
    assert!(text.contains("\"overloaded\""), "{text}");
    drop(first);
    // The place of one that has left is free again.
    for attempt in 0.. {
        let mut third = server.say(ASK).await;
        let mut piece = [0; 12];
        third.read_exact(&mut piece).await.unwrap();
        if &piece == b"HTTP/1.1 200" {
            break;
        }
        assert!(attempt < 1_000, "no place is free");
        tokio::time::sleep(SHORT / 10).await;
    }
    server.ends().await;
}

#[tokio::test]
async fn stopping_waits_for_answers_and_not_for_idle_connections() {
    const IDLE: usize = 200;
    let limits = Limits {
        connections: IDLE + 10,
        ..LIMITS
    };
    let server = server(limits).await;
    let mut idle = Vec::new();
    for number in 0..IDLE {
        let stream = server.say(if number % 2 == 0 { "" } else { ASK }).await;
        idle.push(stream);
    }
    for stream in idle.iter_mut().skip(1).step_by(2) {
        answered(stream, "here").await;
    }
    let mut long = server.say("GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(SHORT).await;
    let reading = tokio::spawn(async move { heard(&mut long).await });
    server.ends().await;
    assert!(reading.await.unwrap().ends_with("at last"));
}

#[test]
fn connections_leave_descriptors_for_the_store() {
    let limits = Limits::new(&Config {
        connections: usize::MAX,
        ..Config::default()
    });
    let descriptors = descriptors().unwrap_or(MOST_CONNECTIONS * 2);
    assert!(limits.connections < descriptors);
    assert!(limits.connections >= 1);
    let few = Limits::new(&Config {
        connections: 3,
        ..Config::default()
    });
    assert_eq!(few.connections, 3);
}
