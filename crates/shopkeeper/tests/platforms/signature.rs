//! Signatures as the platforms make them: RFC 2104 and RFC 4648 by hand, so that
//! no code of the program says what is right.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::program::Server;

pub const SECRET: &str = "hush";

fn hmac(secret: &[u8], body: &[u8]) -> Vec<u8> {
    let mut key = [0_u8; 64];
    key[..secret.len()].copy_from_slice(secret);
    let pad = |with: u8| key.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([pad(0x36), body.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= three.len() { letter } else { '=' });
        }
    }
    text
}

pub fn sign(body: &str) -> String {
    base64(&hmac(SECRET.as_bytes(), body.as_bytes()))
}

#[test]
fn it_is_what_the_standards_say() {
    // RFC 4231, test case 2.
    let code = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(
        base64(&code),
        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    );
    assert_eq!(base64(b"f"), "Zg==");
}

/// Sends a webhook, and returns the status with the answer.
pub fn deliver(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut request = ureq::post(server.url(path))
        .config()
        .http_status_as_error(false)
        .build();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request.send(body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_str(&text).unwrap(),
    )
}
