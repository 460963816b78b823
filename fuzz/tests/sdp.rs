//! Any body is offered as some type of call, the same with and without what surrounds it.

use engine::sip::Message;
use ringwall_fuzz::{assert_inside, duration, vary};
use rules::CallType;

const SEEDS: [&str; 6] = [
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8\r\n",
    "v=0\r\ns=-\r\nm=image 4900 udptl t38\r\na=T38FaxVersion:0\r\n",
    "v=0\r\ns=-\r\nm=audio 0 RTP/AVP 0\r\nm=video 5000 RTP/AVP 31\r\n",
    "v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\na=gpmd:0 vbd=yes\r\n",
    "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 0\r\n\r\n--b--\r\n",
    "v=0\nm=message 7394 TCP/MSRP *\n",
];

fn call_type(content_type: &str, body: &[u8]) -> CallType {
    let head = format!(
        "INVITE sip:a@example.com SIP/2.0\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let bytes = [head.as_bytes(), body].concat();
    let message = Message::read(&bytes);
    assert_eq!(message.body(), body);
    assert_inside(&bytes, message.body());
    message.call_type()
}

fn check(body: &[u8]) {
    let plain = call_type("application/sdp", body);
    assert_eq!(plain, call_type("Application/SDP ; charset=utf-8", body));
    let _ = (call_type("multipart/mixed;boundary=b", body), call_type("text/plain", body));
    // A body of one part, properly wrapped, is that part: as long as it holds no border of its own.
    if !body.windows(2).any(|pair| pair == b"--") && body.starts_with(b"v=0") {
        let wrapped =
            [&b"--wrap\r\nContent-Type: application/sdp\r\n\r\n"[..], body, b"\r\n--wrap--\r\n"].concat();
        assert_eq!(call_type("multipart/mixed;boundary=wrap", &wrapped), plain);
    }
}

#[test]
fn sdp() {
    let seeds: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    seeds.iter().for_each(|seed| check(seed));
    bolero::check!()
        .with_max_len(256)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script)));
}
