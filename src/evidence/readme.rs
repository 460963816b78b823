//! What somebody reads first who opens a pack and has never heard of Ringwall.

use cases::io::store::Evidence;
use cases::pack::Pack;
use reporter::printable;

use super::moment;

pub(super) fn text(evidence: &Evidence, pack: &Pack) -> String {
    let case = &evidence.case;
    let mut text = format!(
        "Case {}\n\
         Customer: {}\n\
         About:    {}\n\
         Opened:   {}\n\
         State:    {}\n\n\
         This is everything that a Ringwall desk keeps of one case. Ringwall judges telephone calls (SIP) by the\n\
         rules of a customer: it refuses, diverts or lets them go on, and raises alarms. It does not record what is\n\
         said in calls: there is no sound here. All times are UTC, year-month-day, hour:minute:second.\n\n\
         What the files hold\n\n",
        case.number,
        printable(&case.customer),
        printable(&case.title),
        moment(case.opened),
        case.state,
    );
    for (name, what) in FILES {
        if pack.names().any(|it| it.starts_with(name)) {
            text += &format!("  {name:<24} {what}\n");
        }
    }
    text += "\nA telephone number shown as the caller is what the caller's side claimed. Unless a record says that its\n\
             signature was verified (attestation A), it may belong to somebody who has nothing to do with the call.\n\
             The network addresses in the records are those of whoever sent the message to us, usually a carrier.\n\n\
             calls/signalling.pcap opens in Wireshark. The SIP messages in it are as they were on the wire, byte for\n\
             byte, what Ringwall answered among them. The headers around them (Ethernet, IP, UDP) were written by\n\
             Ringwall from the addresses that it noted; what came over TCP or TLS is shown as UDP, and\n\
             calls/signalling.jsonl says over what it came.\n\n";
    if !pack.left_out().is_empty() {
        text += "What is not in it\n\n";
        for sentence in pack.left_out() {
            text += &format!("  {sentence}\n");
        }
        text.push('\n');
    }
    text += "Whether it is genuine\n\n\
             `ringwall verify PACK.zip --key desk.pub` needs no network and no database. It compares every file with\n\
             its SHA-256 in manifest.json, the signature of the manifest with the desk's public key, and the chain of\n\
             audit entries with their hashes. Ask the desk for its public key by another way than this file came: the\n\
             one in it only tells that whoever made it had the matching secret.\n\
             Without Ringwall: sha256sum of any file is found in manifest.json. The signature in manifest.sig is\n\
             Ed25519 (RFC 8032) in base64 over eight bytes with the length of the next text, big-endian; the text\n\
             \"ringwall pack manifest\"; and manifest.json.\n\n\
             audit/slice.jsonl holds what people did, in a chain: each entry has the hash of the one before. Entries\n\
             about other things are there with their hashes only. The desk can show that the last hash stands in its\n\
             own chain.\n";
    text
}

const FILES: [(&str, &str); 13] = [
    ("case.json", "the case as it stands; times are microseconds since 1970"),
    ("clocks.json", "what was promised until when, why, and whether it was kept"),
    ("history/customer.jsonl", "what happened, as the customer sees it"),
    ("history/desk.jsonl", "what people of the desk wrote for each other"),
    ("alerts.jsonl", "the alarms that made the case"),
    ("calls/records.jsonl", "the calls that the alarms name, each with what was decided and why"),
    ("calls/signalling.pcap", "the messages of these calls, for Wireshark"),
    ("calls/signalling.jsonl", "one line for each of these messages, with its SHA-256"),
    ("mails/", "mails as they came, byte for byte"),
    ("outgoing.jsonl", "what was sent about the case"),
    ("changes/", "what was to be changed, what was shown, and who approved it"),
    ("policies/", "the rules by which it was decided"),
    ("audit/slice.jsonl", "who did what, in a chain that shows any change"),
];
