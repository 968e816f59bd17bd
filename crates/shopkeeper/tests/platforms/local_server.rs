//! A server of this machine with moods: what it answers is a function, what goes
//! wrong is said before.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With the query string.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What it answers.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn ok(body: impl ToString) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: impl ToString) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// What goes wrong with one request whose path or body holds a text.
pub enum Trouble {
    /// This is answered.
    Answers(Reply),
    /// So many seconds nothing but 429 is answered, and it is counted who asks
    /// before they are over.
    Busy(f64),
    /// The answer does not come.
    Hangs,
    /// The answer ends in the middle.
    BreaksOff,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    troubles: Mutex<VecDeque<(&'static str, Trouble)>>,
    busy_until: Mutex<Option<Instant>>,
    impatient: Mutex<usize>,
    hanging: Mutex<usize>,
    hangs: Condvar,
}

pub struct LocalServer {
    /// As `http://127.0.0.1:40000`.
    pub address: String,
    shared: Arc<Shared>,
}

impl LocalServer {
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared: Arc<Shared> = Arc::default();
        let (of_all, answer) = (shared.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (of_all.clone(), answer.clone());
                std::thread::spawn(move || shared.serve(stream, &*answer));
            }
        });
        Self { address, shared }
    }

    /// The next request that holds `text` meets this.
    pub fn trouble(&self, text: &'static str, trouble: Trouble) {
        self.shared
            .troubles
            .lock()
            .unwrap()
            .push_back((text, trouble));
    }

    /// Every trouble has been met.
    pub fn assert_met(&self) {
        let left = self.shared.troubles.lock().unwrap().len();
        assert_eq!(left, 0, "troubles that nobody met");
        assert_eq!(
            *self.shared.impatient.lock().unwrap(),
            0,
            "asked before Retry-After was over"
        );
    }

    /// What it was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// Waits until a request hangs.
    pub fn wait_until_hanging(&self) {
        let hanging = self.shared.hanging.lock().unwrap();
        let waited = self
            .shared
            .hangs
            .wait_timeout_while(hanging, Duration::from_secs(60), |it| *it == 0);
        assert!(!waited.unwrap().1.timed_out(), "nobody asked");
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Reply) {
        let Some(asked) = read(&stream) else { return };
        self.asked.lock().unwrap().push(asked.clone());
        let busy = *self.busy_until.lock().unwrap();
        if busy.is_some_and(|until| Instant::now() < until) {
            *self.impatient.lock().unwrap() += 1;
            return write(
                &mut stream,
                &Reply::status(429, "{}").with("retry-after", "1.0"),
                1.0,
            );
        }
        let trouble = {
            let mut troubles = self.troubles.lock().unwrap();
            let meets = |(text, _): &(&str, Trouble)| {
                asked.path.contains(text) || asked.body.contains(text)
            };
            match troubles.front().is_some_and(meets) {
                true => troubles.pop_front(),
                false => None,
            }
        };
        match trouble.map(|(_, trouble)| trouble) {
            None => write(&mut stream, &answer(&asked), 1.0),
            Some(Trouble::Answers(reply)) => write(&mut stream, &reply, 1.0),
            Some(Trouble::BreaksOff) => write(&mut stream, &answer(&asked), 0.5),
            Some(Trouble::Busy(seconds)) => {
                let until = Instant::now() + Duration::from_secs_f64(seconds);
                *self.busy_until.lock().unwrap() = Some(until);
                let reply =
                    Reply::status(429, "{}").with("retry-after", format!("{:.1}", seconds + 0.1));
                write(&mut stream, &reply, 1.0);
            }
            Some(Trouble::Hangs) => {
                *self.hanging.lock().unwrap() += 1;
                self.hangs.notify_all();
                // Until whoever asked goes away.
                let _ = stream.read(&mut [0; 1]);
            }
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        path,
        headers,
        body: String::new(),
    };
    let length: usize = asked.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}

fn write(stream: &mut TcpStream, reply: &Reply, share: f64) {
    let mut head = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sent = (reply.body.len() as f64 * share) as usize;
    // Who asked may be gone by now.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&reply.body.as_bytes()[..sent]);
}
