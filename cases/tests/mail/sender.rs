//! Mail that goes out: to a smarthost over a real socket, one that takes it, one that does not today, one that never will.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringwall_cases::case::Kind;
use ringwall_cases::flow::State;
use ringwall_cases::intake::{ReturnPath, answer_address};
use ringwall_cases::io::mail::{NotKept, Protocol};
use ringwall_cases::io::send::{Encryption, MailWay, Sender, Smarthost, Way};
use ringwall_cases::io::store::{Done, Store};
use ringwall_cases::letter::DeskAddress;
use ringwall_cases::outgoing::{Channel, Content, Delivery};
use ringwall_cases::{CaseNumber, Outgoing, Service};
use rules::Timestamp;

use crate::receiver::Desk;

const NOW: Timestamp = Timestamp(1_791_212_400_000_000);

fn smarthost(port: u16) -> Sender {
    let smarthost = Smarthost {
        host: "127.0.0.1".to_owned(),
        port,
        encryption: Encryption::None,
        authorities: None,
        credentials: None,
        own_name: "desk.example.com".to_owned(),
    };
    let desk = DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() };
    Sender::new(Way::Mail(Box::new(MailWay::new(smarthost, desk))))
}

fn outgoing(id: &str, case: CaseNumber, to: &str, content: Content) -> Outgoing {
    Outgoing {
        id: id.to_owned(),
        customer: "Acme".to_owned(),
        case: Some(case),
        thread: None,
        channel: if matches!(content, Content::Document(_)) { Channel::Webhook } else { Channel::Mail },
        to: to.to_owned(),
        content,
        due: NOW,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

#[test]
fn what_is_due_reaches_its_reader_once_and_what_never_will_is_noted_on_its_case() {
    // The first mail is refused for today.
    let server = Desk::new(Protocol::Smtp, None, |before| (before == 0).then_some(NotKept::NoRoom));
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sender-{}.db", std::process::id()));
    let service = Service::sample();
    server.runtime.block_on(async {
        let store = Store::open(place.to_str().unwrap()).await.unwrap();
        let at = |seconds: i64| Done {
            who: "ringwall",
            now: NOW.plus_micros(seconds * 1_000_000),
            service: &service,
        };
        let case = store.desk().open("Acme", Kind::Block, State::New, "block", at(0)).await.unwrap().number;
        let token = store.desk().thread_token(case).await.unwrap();
        assert!(store.desk().thread_token(case).await.unwrap() == token, "a case keeps its secret");
        let notice = |text: &str| Content::Notice { subject: "told".to_owned(), text: text.to_owned() };
        let reply = Content::AutomaticReply(STANDARD.encode("Subject: as it is\r\n\r\nkept\r\n"));
        let all = [
            outgoing("a", case, "case@desk.example.com", notice("later")),
            outgoing("b", case, "case+2@desk.example.com", reply),
            outgoing("c", case, "nobody@elsewhere.example", notice("never")),
            outgoing("d", case, "hook", Content::Document("{}".to_owned())),
        ];
        assert_eq!(store.desk().send(&all).await.unwrap(), 4);
        let mut sender = smarthost(server.address.port());
        assert_eq!(sender.work(&store, at(1)).await.unwrap(), 3);
        let stand = || async {
            let all = store.desk().outgoing(case).await.unwrap();
            let mut states: Vec<_> = all.iter().map(|it| (it.id.clone(), it.state)).collect();
            states.sort();
            (states.iter().map(|(_, state)| state.name()).collect::<Vec<_>>(), all)
        };
        let (states, _) = stand().await;
        assert_eq!(states, ["waiting", "accepted", "failed", "waiting"], "by its channel, and no other");
        // Not before its time, then once.
        assert_eq!(sender.work(&store, at(2)).await.unwrap(), 0);
        assert_eq!(sender.work(&store, at(40)).await.unwrap(), 1);
        assert_eq!(sender.work(&store, at(4_000)).await.unwrap(), 0);
        let (states, all) = stand().await;
        assert_eq!(states, ["accepted", "accepted", "failed", "waiting"]);
        let tries = &all.iter().find(|it| it.id == "a").unwrap().tries;
        assert!(tries[0].1.contains("452") && tries[1].1.contains("250"), "{tries:?}");
        let events = store.desk().events(case).await.unwrap();
        let noted: Vec<_> = events.iter().filter(|it| it.what == "undelivered").collect();
        assert_eq!(noted.len(), 1);
        assert!(noted[0].text.starts_with("nothing reached nobody@elsewhere.example by mail: "));
        let kept = server.kept();
        assert_eq!(kept.len(), 2);
        assert_eq!(
            (&kept[0].return_path, kept[0].bytes.as_slice()),
            (&ReturnPath::Nobody, &b"Subject: as it is\r\n\r\nkept\r\n"[..])
        );
        // Bounces of what the desk writes go to the case.
        let answers = answer_address("case@desk.example.com", case, token);
        assert_eq!(kept[1].return_path, ReturnPath::Address(answers.clone()));
        let text = String::from_utf8_lossy(&kept[1].bytes).into_owned();
        assert!(
            text.contains(&format!("Reply-To: <{answers}>\r\n")) && text.ends_with("\r\nlater\r\n"),
            "{text}"
        );
        store.close().await;
    });
    let _ = std::fs::remove_file(&place);
}

#[test]
fn a_smarthost_that_is_away_loses_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sender-away-{}.db", std::process::id()));
    let service = Service::sample();
    runtime.block_on(async {
        let store = Store::open(place.to_str().unwrap()).await.unwrap();
        let done = Done { who: "ringwall", now: NOW, service: &service };
        let content = Content::Notice { subject: "s".to_owned(), text: "t".to_owned() };
        let one =
            Outgoing { case: None, ..outgoing("a", CaseNumber::new(1), "ann@acme.example.com", content) };
        store.desk().send(&[one]).await.unwrap();
        // Nobody listens there: the port was somebody's a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(smarthost(port).work(&store, done).await.unwrap(), 1);
        let later = NOW.plus_micros(60_000_000);
        let waits = store.desk().due_by(Channel::Mail, later, 5).await.unwrap();
        assert_eq!((waits.len(), waits[0].tries.len()), (1, 1));
        store.close().await;
    });
    let _ = std::fs::remove_file(&place);
}
