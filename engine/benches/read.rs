//! Reads one carrier INVITE as the engine does, as often as the first argument says: `callgrind` counts its
//! instructions, and with a second argument the loop runs empty, to be subtracted. Without arguments it takes
//! the time.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints and takes the time")]

use std::hint::black_box;
use std::time::Instant;

use ringwall_engine::sip::{Header, Message};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let rounds: Option<u32> = arguments.next().and_then(|argument| argument.parse().ok());
    let part = arguments.next();
    match rounds {
        Some(rounds) => repeat(rounds, part.as_deref().unwrap_or("all")),
        None => {
            const ROUNDS: u32 = 1_000_000;
            for part in ["empty", "read", "ask", "defects", "all", "read-response", "response"] {
                let best = (0..5)
                    .map(|_| {
                        let start = Instant::now();
                        repeat(ROUNDS / 5, part);
                        start.elapsed() / (ROUNDS / 5)
                    })
                    .min();
                println!("{part:8} {best:?} per message");
            }
        }
    }
}

fn repeat(rounds: u32, part: &str) {
    let message = Message::read(INVITE);
    for _ in 0..rounds {
        let bytes = black_box(INVITE);
        match part {
            "empty" => {}
            "read" => {
                black_box(Message::read(bytes).flags());
            }
            "read-response" => {
                black_box(Message::read(black_box(RESPONSE)).flags());
            }
            "response" => follow(&Message::read(black_box(RESPONSE))),
            "ask" => ask(black_box(&message)),
            "defects" => {
                black_box(black_box(&message).defects());
            }
            _ => {
                let message = Message::read(bytes);
                ask(&message);
                black_box(message.defects());
            }
        }
    }
}

/// What a policy with rules on numbers, hosts and user agents asks of an INVITE.
fn ask(message: &Message<'_>) {
    black_box(message.method());
    black_box(message.request_uri());
    black_box(message.from());
    black_box(message.to());
    for address in message.addresses(Header::AssertedIdentity) {
        black_box(address);
    }
    for address in message.addresses(Header::Diversion) {
        black_box(address);
    }
    black_box(message.call_id());
    black_box(message.cseq());
    black_box(message.branch());
    black_box(message.user_agent());
    black_box(message.address(Header::Contact));
    black_box(message.call_type());
}

/// What the engine asks of a response or a request inside a dialog.
fn follow(message: &Message<'_>) {
    black_box(message.is_request());
    black_box(message.status());
    black_box(message.cseq_method());
    black_box(message.cseq());
    black_box(message.call_id());
    black_box(message.branch());
    black_box(message.from_tag());
    black_box(message.to_tag());
    black_box(message.flags());
}

const RESPONSE: &[u8] = include_bytes!("../../fixtures/torture/carrier-ok.sip");
const INVITE: &[u8] = include_bytes!("../../fixtures/torture/carrier-invite.sip");
