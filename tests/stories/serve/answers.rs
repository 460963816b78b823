//! What a peer is told over UDP.

use super::{Call, POLICY, Phone, Service, header, status};

#[test]
fn a_call_goes_on_to_the_next_hop_with_the_number_that_was_dialled() {
    let service = Service::start("serve-allow", POLICY, "");
    let phone = Phone::new(service.udp());
    let said = phone.ask(&Call::new("+13035550142", "+1%32105550150;npdi=yes").by(phone.port()));
    assert_eq!(status(&said), 302);
    assert_eq!(header(&said, "Contact"), Some("<sip:+1%32105550150;npdi=yes@192.0.2.77:5070>"));
    let expected = format!("SIP/2.0/UDP 127.0.0.1:{};branch=z9hG4bKone", phone.port());
    assert_eq!(header(&said, "Via"), Some(expected.as_str()));
    assert_eq!(header(&said, "From"), Some("<sip:+13035550142@caller.example>;tag=from"));
    assert!(header(&said, "To").unwrap().contains(">;tag="));
    assert_eq!(
        (header(&said, "Call-ID"), header(&said, "CSeq")),
        (Some("one@example.com"), Some("1 INVITE"))
    );
    let lines = service.lines("calls.jsonl", 1);
    assert_eq!((&lines[0]["verdict"], &lines[0]["caller"]), (&"allow".into(), &"+13035550142".into()));
    assert_eq!((&lines[0]["status"], &lines[0]["kind"]), (&302.into(), &"call".into()));
}

#[test]
fn each_refusal_is_said_as_the_policy_wants_it() {
    let service = Service::start("serve-refuse", POLICY, "");
    let phone = Phone::new(service.udp());
    let ask = |caller: &str, extra: &str| {
        let call_id = format!("{caller}{}@example.com", extra.len());
        phone.ask(&Call { extra, call_id: &call_id, ..Call::new(caller, "+12105550150") }.by(phone.port()))
    };
    let said = ask("+13035550101", "");
    assert!(said.starts_with("SIP/2.0 603 Network Blocked\r\n"), "{said}");
    let reason =
        "SIP;cause=603;text=\"v=analytics1;url=https://desk.example/r;tel=+12105550100\";location=LN";
    assert_eq!(header(&said, "Reason"), Some(reason));
    let said = ask("+13035550102", "Feature-Caps: *;+sip.608\r\n");
    assert!(said.starts_with("SIP/2.0 608 Rejected\r\n"), "{said}");
    assert_eq!(header(&said, "Call-Info"), Some("<https://desk.example/r>;purpose=jwscard"));
    assert_eq!(status(&ask("+13035550102", "")), 607, "nobody on the way understands 608");
    let said = ask("+13035550104", "");
    assert_eq!((status(&said), header(&said, "Contact")), (302, Some("<sip:desk@198.51.100.9>")));
    assert_eq!(status(&ask("+13035550105", "")), 486);
    assert!(ask("+13035550106", "").starts_with("SIP/2.0 603 Decline\r\n"));
    phone.expect_silence(&[
        &Call { call_id: "s", ..Call::new("+13035550103", "+12105550150") }.by(phone.port())
    ]);
    let lines = service.lines("calls.jsonl", 6);
    let of_both = lines.iter().filter(|line| line["caller"] == "+13035550102");
    let codes: Vec<_> = of_both.map(|line| line["action_status"].as_u64()).collect();
    assert_eq!(codes, [Some(608), Some(607)], "records say what was sent");
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"block\"}"), 6);
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"divert\"}"), 1);
}

#[test]
fn each_peer_is_told_in_its_own_way() {
    let peers = "[[redirect.peer]]\nname = \"a\"\nfrom = [\"127.0.0.1\"]\nallow = \"404\"\nblock = 403\n\
                 [[redirect.peer]]\nname = \"b\"\nfrom = [\"127.0.0.2\"]\nallow = \"503\"\n\
                 [[redirect.peer]]\nname = \"c\"\nfrom = [\"127.0.0.0/8\"]\nnext_hop = \"sips:[2001:db8::9]\"\nblock = \"603+\"\n";
    let service = Service::start("serve-peers", POLICY, peers);
    for (address, allowed, refused) in
        [("127.0.0.1", 404, 403), ("127.0.0.2", 503, 486), ("127.0.0.3", 302, 603)]
    {
        let phone = Phone::at(address, service.udp());
        let ask = |caller: &str| {
            let call_id = format!("{caller}{address}");
            let call = Call { extra: "", call_id: &call_id, ..Call::new(caller, "+12105550150") };
            let via = format!("Via: SIP/2.0/UDP {address}:");
            String::from_utf8(call.by(phone.port())).unwrap().replace("Via: SIP/2.0/UDP 127.0.0.1:", &via)
        };
        let said = phone.ask(ask("+13035550142").as_bytes());
        assert_eq!(status(&said), allowed, "{address}");
        assert!(header(&said, "Retry-After").is_none(), "503 is no overload here");
        assert_eq!(status(&phone.ask(ask("+13035550105").as_bytes())), refused, "{address}");
    }
}

#[test]
fn a_retransmission_gets_the_same_answer_and_counts_once() {
    let service = Service::start("serve-repeat", POLICY, "");
    let phone = Phone::new(service.udp());
    for (caller, call_id) in [("+13035550142", "a"), ("+13035550105", "b"), ("+13035550101", "c")] {
        let invite = Call { call_id, ..Call::new(caller, "+12105550150") }.by(phone.port());
        let first = phone.ask(&invite);
        for _ in 0..4 {
            assert_eq!(phone.ask(&invite), first);
        }
    }
    // Another message under the same Call-ID, tag and branch is another question.
    let other = Call { call_id: "a", ..Call::new("+13035550106", "+12105550150") }.by(phone.port());
    assert_eq!(status(&phone.ask(&other)), 603);
    assert_eq!(service.metric("ringwall_retransmissions_total"), 12);
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"allow\"}"), 1);
    assert_eq!(service.metric("ringwall_decisions_total{kind=\"block\"}"), 3);
    assert_eq!(service.lines("calls.jsonl", 4).len(), 4);
}

#[test]
fn what_opens_no_call_is_answered_as_rfc_3261_asks() {
    let service = Service::start("serve-methods", POLICY, "");
    let phone = Phone::new(service.udp());
    let call = Call::new("+13035550142", "+12105550150");
    let with = |method, call_id| Call { method, call_id, ..call }.by(phone.port());
    let options = phone.ask(&with("OPTIONS", "o"));
    assert_eq!(status(&options), 200);
    assert!(header(&options, "Allow").unwrap().contains("INVITE"));
    assert_eq!(status(&phone.ask(&with("CANCEL", "early"))), 481, "there is nothing to cancel");
    let invite = phone.ask(&with("INVITE", "i"));
    let cancel = String::from_utf8(with("INVITE", "i"))
        .unwrap()
        .replace("INVITE sip", "CANCEL sip")
        .replace("1 INVITE", "1 CANCEL");
    let cancelled = phone.ask(cancel.as_bytes());
    assert_eq!(status(&cancelled), 200);
    assert_eq!(header(&cancelled, "To"), header(&invite, "To"), "RFC 3261 §9.2");
    phone.expect_silence(&[&with("ACK", "i"), b"\r\n\r\n", b"\0\0\0\0", b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"]);
    assert_eq!(status(&phone.ask(&with("BYE", "b"))), 481);
    let unknown = phone.ask(&with("BREW", "u"));
    assert_eq!(status(&unknown), 405);
    assert!(header(&unknown, "Allow").is_some());
    assert_eq!(status(&phone.ask(&with("REGISTER", "r"))), 302);
    assert_eq!(service.metric("ringwall_other_requests_total{kind=\"ack\"}"), 1);
}

#[test]
fn strangers_are_not_answered_or_refused_in_few_bytes() {
    let peers = |strangers: &str| {
        format!(
            "strangers = \"{strangers}\"\n[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nnext_hop = \"sip:192.0.2.77\"\n"
        )
    };
    let silent = Service::start("serve-strangers", POLICY, &peers("drop"));
    let phone = Phone::new(silent.udp());
    let stranger = Phone::at("127.0.0.9", silent.udp());
    stranger.send(&Call::new("+13035550142", "+12105550150").by(phone.port()));
    phone.expect_silence(&[]);
    assert_eq!(silent.metric("ringwall_strangers_total{kind=\"dropped\"}"), 1);
    assert_eq!(silent.lines("calls.jsonl", 0).len(), 0, "nobody judges for strangers");

    let refusing = Service::start("serve-strangers-403", POLICY, &peers("403"));
    let stranger = Phone::at("127.0.0.9", refusing.udp());
    let invite =
        Call { extra: "X: 0123456789012345678901234567890\r\n", ..Call::new("+13035550142", "+12105550150") };
    let invite = String::from_utf8(invite.by(stranger.port())).unwrap().replace("127.0.0.1", "127.0.0.9");
    let said = stranger.ask(invite.as_bytes());
    assert!(status(&said) == 403 && said.len() <= invite.len());
    stranger.send(&Call { method: "ACK", ..Call::new("1", "2") }.by(stranger.port()));
    assert_eq!(refusing.metric("ringwall_strangers_total{kind=\"refused\"}"), 1);
}

#[test]
fn broken_requests_get_400_where_somebody_can_be_told() {
    let service = Service::start("serve-broken", POLICY, "");
    let phone = Phone::new(service.udp());
    let whole = String::from_utf8(Call::new("+13035550142", "+12105550150").by(phone.port())).unwrap();
    let without = |name: &str| {
        let lines: Vec<&str> = whole.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect();
        lines.concat()
    };
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let said = phone.ask(without(name).as_bytes());
        assert_eq!(status(&said), 400, "{name}");
    }
    assert_eq!(status(&phone.ask(whole.replace("1 INVITE", "1 BYE").as_bytes())), 400);
    let huge = [b"INVITE ", [b'a'; 65_400].as_slice(), b" SIP/2.0\r\n\r\n"].concat();
    phone.expect_silence(&[without("Via").as_bytes(), b"hello", b"\xff\xfe\xfd\xfc\xfb", &huge]);
    assert_eq!(service.metric("ringwall_malformed_total{kind=\"refused\"}"), 5);
    assert_eq!(service.metric("ringwall_malformed_total{kind=\"dropped\"}"), 4);
}

#[test]
fn the_longest_datagram_and_hostile_text_are_answered_and_open_no_lines() {
    let service = Service::start("serve-hostile", POLICY, "");
    let phone = Phone::new(service.udp());
    let long = format!("X-Long: {}\r\n", "a".repeat(64_000));
    let call = Call { call_id: "long", extra: &long, ..Call::new("+13035550105", "+12105550150") };
    assert_eq!(status(&phone.ask(&call.by(phone.port()))), 486, "what is long is still read");
    for (index, hostile) in [
        "\"\u{1b}[2J\" <sip:+13035550105@caller.example>;tag=from",
        "\"x\r\n Contact: <sip:evil@192.0.2.66>\" <sip:+13035550105@caller.example>;tag=from",
        "\"<script>alert(1)</script>\u{202e}\" <sip:+13035550105@caller.example>;tag=from",
        "\"%n%s\\\"\\\\\" <sip:%2B13035550105@caller.example>;tag=from",
    ]
    .into_iter()
    .enumerate()
    {
        let call_id = format!("hostile-{index}");
        let plain = Call { call_id: &call_id, ..Call::new("+13035550105", "+12105550150") }.by(phone.port());
        let request =
            String::from_utf8(plain).unwrap().replace("<sip:+13035550105@caller.example>;tag=from", hostile);
        let said = phone.ask(request.as_bytes());
        assert_eq!(status(&said), 486, "{hostile:?}");
        assert!(!said.lines().any(|line| line.starts_with("Contact") || line.starts_with(' ')), "{said}");
    }
    let user = "a>%00\"b";
    let said = phone.ask(&Call { call_id: "user", ..Call::new("+13035550142", user) }.by(phone.port()));
    let contact = header(&said, "Contact").unwrap();
    assert!(contact.ends_with("@192.0.2.77:5070>") && contact.matches('>').count() == 1, "{contact}");
    let records = std::fs::read_to_string(service.data().join("calls.jsonl")).unwrap();
    assert!(!records.contains('\u{1b}') && !records.contains('\u{202e}'), "records are inert on a terminal");
}

#[test]
fn emergency_calls_pass() {
    let policy = POLICY.replace("trunks = [\"192.0.2.0/24\"]", "trunks = [\"127.0.0.0/8\"]");
    let policy = format!("{policy}\n[[firewall]]\nname = \"all\"\naction = \"block\"\n");
    let service = Service::start("serve-emergency", &policy, "");
    let phone = Phone::new(service.udp());
    for called in ["911", "112", "+1911"] {
        let call_id = format!("{called}@example.com");
        let said =
            phone.ask(&Call { call_id: &call_id, ..Call::new("+12105550101", called) }.by(phone.port()));
        assert_eq!(status(&said), 302, "{called}");
    }
    let sos = String::from_utf8(Call { call_id: "sos", ..Call::new("+12105550101", "911") }.by(phone.port()))
        .unwrap();
    let said = phone.ask(sos.replace("sip:911@acme.example SIP", "urn:service:sos SIP").as_bytes());
    assert_eq!((status(&said), header(&said, "Contact")), (302, Some("<sip:sos@192.0.2.77:5070>")));
    let said =
        phone.ask(&Call { call_id: "n", ..Call::new("+12105550101", "+13035550142") }.by(phone.port()));
    assert_eq!(status(&said), 603);
}

#[test]
fn in_overload_calls_are_shed_in_order_and_emergencies_pass() {
    let peers = "overload_after_milliseconds = 0\nretry_after_seconds = 7\n\
                 [[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\ntrusted = true\nnext_hop = \"sip:192.0.2.77\"\n\
                 [[redirect.peer]]\nname = \"others\"\nfrom = [\"127.0.0.0/8\"]\nnext_hop = \"sip:192.0.2.77\"\n";
    let service = Service::start("serve-overload", POLICY, peers);
    let by = |phone: &Phone, address: &str, call: Call<'_>| {
        let text = String::from_utf8(call.by(phone.port())).unwrap();
        phone.ask(text.replace("UDP 127.0.0.1:", &format!("UDP {address}:")).as_bytes())
    };
    let other = Phone::at("127.0.0.2", service.udp());
    let said = by(&other, "127.0.0.2", Call::new("+13035550142", "+12105550150"));
    assert_eq!((status(&said), header(&said, "Retry-After")), (503, Some("7")), "never a block code");
    let said = by(&other, "127.0.0.2", Call { call_id: "e", ..Call::new("+12105550101", "911") });
    assert_eq!(status(&said), 302);
    let trusted = Phone::new(service.udp());
    let said = by(&trusted, "127.0.0.1", Call { call_id: "t", ..Call::new("+13035550106", "+12105550150") });
    assert_eq!(status(&said), 302, "it passes undecided, though it is on a list");
    assert_eq!(service.metric("ringwall_shed_total{kind=\"refused\"}"), 1);
    assert_eq!(service.metric("ringwall_shed_total{kind=\"passed\"}"), 1);
    let lines = service.lines("calls.jsonl", 1);
    assert_eq!((lines.len(), &lines[0]["call_id"]), (1, &"e".into()), "what nobody judged is no record");

    let peers = peers.replace("retry_after", "calls_in_overload = \"are refused\"\nretry_after");
    let service = Service::start("serve-overload-refusing", POLICY, &peers);
    let trusted = Phone::new(service.udp());
    let said = by(&trusted, "127.0.0.1", Call { call_id: "t", ..Call::new("+13035550106", "+12105550150") });
    assert_eq!(
        (status(&said), header(&said, "Retry-After")),
        (500, Some("7")),
        "no code that is tried elsewhere"
    );
}
