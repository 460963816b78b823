//! What messages carry below their headers: session descriptions (RFC 8866) and lamps of telephones.

use std::io::Write;
use std::net::SocketAddr;

use crate::call::{Call, Media, Style};
use crate::message::mix;

/// The session description that `sender` offers or accepts.
pub(crate) fn write(call: &Call, sender: SocketAddr, media: Media, way: &str) -> Vec<u8> {
    let (ip, session) = (sender.ip(), call.id >> 24 & 0xff_ffff);
    let port = 16_384 + (mix(call.id) & 0x1fff) * 2;
    let mut text = Vec::with_capacity(400);
    write!(text, "v=0\r\no=- {session} {session} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n")
        .expect("memory takes every byte");
    let media = match media {
        Media::Fax => write!(
            text,
            "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
             a=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
        ),
        Media::Modem => {
            write!(
                text,
                "m=audio {port} RTP/AVP 97\r\na=rtpmap:97 CLEARMODE/8000\r\na=ptime:20\r\na={way}\r\n"
            )
        }
        Media::Voice | Media::FaxLater | Media::Video => {
            let (formats, wide) = if call.style == Style::Carrier {
                ("0", "")
            } else {
                ("0 8 9", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=fmtp:101 0-15\r\n")
            };
            write!(
                text,
                "m=audio {port} RTP/AVP {formats} 101\r\na=rtpmap:0 PCMU/8000\r\n{wide}\
                 a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na={way}\r\n"
            )
            .and_then(|()| match media {
                Media::Video => {
                    let port = port + 2;
                    write!(text, "m=video {port} RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na={way}\r\n")
                }
                _ => Ok(()),
            })
        }
    };
    media.expect("memory takes every byte");
    text
}

/// Whether somebody is on the telephone (RFC 4235).
pub(crate) fn lamp(call: &Call) -> Vec<u8> {
    let state = if mix(call.id).is_multiple_of(3) { "confirmed" } else { "terminated" };
    let (version, uri) = (call.id % 100, &call.called.uri);
    format!(
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"{uri}\"><dialog id=\"{version}\"><state>{state}</state></dialog></dialog-info>\r\n"
    )
    .into_bytes()
}
