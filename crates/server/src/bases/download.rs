//! Files over HTTP: resumed where they were cut off, checked when they are
//! whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use shop::Progress;
use ureq::http::StatusCode;
use ureq::http::header::{AUTHORIZATION, CONTENT_RANGE, RANGE};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(20);
/// How long one answer may take. A file that needs longer goes on with the
/// next request: so a connection that hangs is noticed.
const CALL: Duration = Duration::from_secs(120);
/// Tries in a row that bring nothing new before it is given up.
const IDLE_TRIES: u32 = 5;
const CHUNK: usize = 1 << 20;
/// The largest listing that makes sense.
const MOST_JSON_BYTES: u64 = 64 << 20;

/// What a file has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checksum {
    /// SHA-256 of its bytes, hexadecimal.
    Sha256(String),
    /// Git's name for it: SHA-1 of `blob LENGTH\0` and its bytes.
    GitBlob(String),
    /// The hub does not say.
    Unknown,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// Its path in the repository.
    pub path: String,
    /// Its size in bytes, where the hub says so.
    pub size: Option<u64>,
    /// What it has to be.
    pub checksum: Checksum,
}

/// Why one try ended.
enum Ended {
    Whole,
    /// It may go on from where it is.
    CutOff(String),
}

/// Who downloads.
pub(super) struct Client<'a> {
    agent: ureq::Agent,
    token: Option<String>,
    stop: &'a AtomicBool,
    progress: &'a dyn Progress,
    /// Between two tries that bring nothing; grows with each.
    pause: Duration,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        token: Option<String>,
        stop: &'a AtomicBool,
        progress: &'a dyn Progress,
    ) -> Client<'a> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(CALL))
            .user_agent(concat!("shopkeeper/", env!("CARGO_PKG_VERSION")))
            .build();
        Client {
            agent: config.into(),
            token,
            stop,
            progress,
            pause: Duration::from_millis(if cfg!(test) { 1 } else { 500 }),
        }
    }

    fn get(
        &self,
        address: &str,
        from: u64,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request = self.agent.get(address);
        if let Some(token) = &self.token {
            // Not sent on to where the hub redirects.
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.call()
    }

    /// A JSON answer.
    pub(super) fn json<T: DeserializeOwned>(&self, address: &str) -> anyhow::Result<T> {
        let mut tries = 0;
        loop {
            let failure = match self.get(address, 0) {
                Ok(mut response) => {
                    let status = response.status();
                    if status.is_success() {
                        let body = response.body_mut().with_config().limit(MOST_JSON_BYTES);
                        let text = body.read_to_string();
                        let text = text.with_context(|| format!("{address} broke off"))?;
                        return serde_json::from_str(&text).with_context(|| {
                            format!("{address} does not answer as a hub of models does")
                        });
                    }
                    if !is_passing(status) {
                        bail!(refusal(address, status));
                    }
                    status.to_string()
                }
                Err(error) => error.to_string(),
            };
            tries += 1;
            self.wait_or_give_up(tries, address, &failure)?;
        }
    }

    fn wait_or_give_up(&self, tries: u32, address: &str, failure: &str) -> anyhow::Result<()> {
        if tries >= IDLE_TRIES {
            bail!(
                "{address}: {failure}, {tries} times in a row; what was received is kept, run the \
                 same command again to go on"
            );
        }
        std::thread::sleep(self.pause * 2_u32.pow(tries - 1));
        self.check_stop()
    }

    fn check_stop(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped; what was received is kept, run the same command again to go on");
        }
        Ok(())
    }

    /// Downloads a file to `path`. Until it is whole it is called
    /// `PATH.part`, and a later call goes on from there.
    pub(super) fn download(
        &self,
        address: &str,
        file: &RemoteFile,
        path: &Path,
    ) -> anyhow::Result<()> {
        if path.exists() {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let part = PathBuf::from(format!("{}.part", path.display()));
        self.progress
            .begin(&file.path, file.size.unwrap_or_default() >> 20);
        let (mut tries, mut furthest) = (0, size_of(&part));
        loop {
            match self.receive(address, file, &part)? {
                Ended::Whole => break,
                Ended::CutOff(reason) => {
                    let received = size_of(&part);
                    tries = if received > furthest { 0 } else { tries + 1 };
                    furthest = furthest.max(received);
                    if tries > 0 {
                        self.wait_or_give_up(tries, address, &reason)?;
                    }
                }
            }
        }
        if let Err(error) = check(&part, file) {
            // Going on from what is wrong would keep it wrong.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
        std::fs::rename(&part, path)
            .with_context(|| format!("cannot rename {} to {}", part.display(), path.display()))?;
        self.progress.end(match file.checksum {
            Checksum::Unknown => "received; the hub gives no checksum",
            _ => "received and checked",
        });
        Ok(())
    }

    /// One request for what is still missing, written as it arrives.
    fn receive(&self, address: &str, file: &RemoteFile, part: &Path) -> anyhow::Result<Ended> {
        let mut from = size_of(part);
        if file.size.is_some_and(|size| size == from) {
            return Ok(Ended::Whole);
        }
        if file.size.is_some_and(|size| size < from) {
            let _ = std::fs::remove_file(part);
            from = 0;
        }
        let response = match self.get(address, from) {
            Ok(response) => response,
            Err(error) => return Ok(Ended::CutOff(error.to_string())),
        };
        let status = response.status();
        let range = response.headers().get(CONTENT_RANGE);
        let range = range
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let append = match status {
            StatusCode::PARTIAL_CONTENT => {
                let begins = format!("bytes {from}-");
                if !range.is_some_and(|range| range.starts_with(&begins)) {
                    bail!("{address}: the server sends another part than was asked for");
                }
                true
            }
            // The whole file, whatever was asked for.
            StatusCode::OK => false,
            StatusCode::RANGE_NOT_SATISFIABLE if file.size.is_none() => return Ok(Ended::Whole),
            status if is_passing(status) => return Ok(Ended::CutOff(status.to_string())),
            status => bail!(refusal(address, status)),
        };
        let mut out = open(part, append)?;
        let mut received = if append { from } else { 0 };
        let begun = Instant::now();
        let first = received;
        let mut bytes = response.into_body().into_reader();
        let mut chunk = vec![0; CHUNK];
        loop {
            self.check_stop()?;
            let count = match bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Ok(Ended::CutOff(error.to_string())),
            };
            received += count as u64;
            if file.size.is_some_and(|size| received > size) {
                let _ = std::fs::remove_file(part);
                bail!("{address}: the server sends more than the hub promised");
            }
            out.write_all(&chunk[..count])
                .with_context(|| format!("cannot write {}", part.display()))?;
            let seconds = begun.elapsed().as_secs_f64().max(1e-3);
            let speed = (received - first) as f64 / seconds / 1e6;
            self.progress
                .advance(received >> 20, &format!("MiB, {speed:.1} MB/s"));
        }
        match file.size {
            Some(size) if received < size => Ok(Ended::CutOff(format!(
                "it broke off at byte {received} of {size}"
            ))),
            _ => Ok(Ended::Whole),
        }
    }
}

/// Whether another try may help.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

fn refusal(address: &str, status: StatusCode) -> String {
    let advice = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "there is no such model, or its licence has to be accepted first: accept it on the hub \
             and set HF_TOKEN"
        }
        StatusCode::NOT_FOUND => "the hub has no such model, revision or file",
        _ => "the hub refuses",
    };
    format!("{address}: {status}: {advice}")
}

fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn open(path: &Path, append: bool) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .append(append)
        .truncate(!append)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Compares a file with its checksum.
fn check(path: &Path, file: &RemoteFile) -> anyhow::Result<()> {
    let (found, expected) = match &file.checksum {
        Checksum::Unknown => return Ok(()),
        Checksum::Sha256(expected) => (hash(path, Sha256::new())?, expected),
        Checksum::GitBlob(expected) => {
            let mut hasher = Sha1::new();
            hasher.update(format!("blob {}\0", size_of(path)));
            (hash(path, hasher)?, expected)
        }
    };
    if !found.eq_ignore_ascii_case(expected) {
        bail!(
            "{} is not what the hub promised (its checksum is {found}, not {expected}); it was \
             deleted, run the same command again",
            file.path
        );
    }
    Ok(())
}

fn hash(path: &Path, mut hasher: impl Digest) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            count => hasher.update(&chunk[..count]),
        }
    }
    Ok(hex::encode(hasher.finalize()))
}
