//! What goes out by channels other than mail: by one of two services on one database, once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::io::send::machines;
use crate::notice::{Carriage, Format, Settings, SmsGateway, Target, TargetKind};
use crate::outgoing::{Channel, Content, Delivery, Outgoing};

/// Takes whatever comes, slowly, and keeps it.
fn sink() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, taken) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let to = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let to = Arc::clone(&to);
            std::thread::spawn(move || take(stream, &to));
        }
    });
    (address, taken)
}

fn take(stream: TcpStream, to: &Mutex<Vec<String>>) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    if !first.starts_with("POST ") {
        // Syslog, octet-counted: until whoever sends it has done.
        reader.read_to_string(&mut first).ok()?;
        to.lock().unwrap().push(first);
        return Some(());
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    to.lock().unwrap().push(String::from_utf8(body).ok()?);
    // So slowly that the other service looks meanwhile.
    std::thread::sleep(Duration::from_millis(400));
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
}

fn outgoing(channel: Channel, to: &str, id: usize) -> Outgoing {
    let id = format!("{}-{id}-", channel.name());
    Outgoing {
        id: id.clone(),
        customer: "Acme".to_owned(),
        case: None,
        thread: None,
        channel,
        to: to.to_owned(),
        content: Content::Document(format!("CEF:0|R|R|1|{id}|n|5|")),
        due: NOW,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

fn settings(address: SocketAddr, folder: &str) -> Settings {
    let url = format!("http://{address}/x");
    let secret_file = format!("{folder}-secret");
    let url_file = format!("{folder}-url");
    fs::write(&secret_file, "a secret\n").unwrap();
    fs::write(&url_file, format!("{url}\n")).unwrap();
    let authorities = None;
    let kinds = [
        ("hook", TargetKind::Webhook { url: url.clone(), secret_file, authorities: None }),
        ("chat", TargetKind::Chat { url_file, authorities: None }),
        ("log", TargetKind::Syslog { carriage: Carriage::Tcp, address: address.to_string(), authorities }),
    ];
    let target = |kind| Target {
        kind,
        format: Format::Cef,
        streams_alerts: false,
        streams_cases: false,
        streams_audit: false,
    };
    let targets = kinds.into_iter().map(|(name, kind)| (name.to_owned(), target(kind))).collect();
    let sms = SmsGateway {
        url,
        body: "{\"to\": \"{to}\", \"text\": \"{text}\", \"id\": \"{id}\"}".to_owned(),
        is_form: false,
        idempotency_header: "Idempotency-Key".to_owned(),
        authorization_file: None,
        answers: None,
        authorities: None,
    };
    Settings { targets, sms: Some(sms), ..Settings::default() }
}

#[test]
fn what_was_given_up_is_sent_again_and_its_case_and_the_audit_say_who_wanted_that() {
    on_both(|store| async move {
        let service = Service::sample();
        let desk = store.desk();
        let case =
            desk.open("Acme", Kind::Block, State::New, "block", done(&service, 0)).await.unwrap().number;
        let of_case =
            |id, state| Outgoing { case: Some(case), state, ..outgoing(Channel::Webhook, "hook", id) };
        let all = [
            of_case(1, Delivery::Failed),
            of_case(2, Delivery::Accepted),
            outgoing(Channel::Webhook, "hook", 3),
        ];
        desk.send(&all).await.unwrap();
        let [failed, accepted, elsewhere] = all.map(|it| it.id);
        let other =
            desk.open("Bay", Kind::Block, State::New, "other", done(&service, 0)).await.unwrap().number;
        for (number, id) in [(case, "none"), (case, &*accepted), (case, &*elsewhere), (other, &*failed)] {
            let refused = desk.retry(number, id, done(&service, 1)).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{id}: {refused:?}");
        }
        let again = desk.retry(case, &failed, done(&service, 1)).await.unwrap();
        assert_eq!((again.state, again.due), (Delivery::Waiting, done(&service, 1).now));
        assert!(again.tries[0].1.ends_with("wants it sent again"), "{again:?}");
        let due = desk.due_by(Channel::Webhook, done(&service, 2).now, 9).await.unwrap();
        assert!(due.iter().any(|it| it.id == failed), "{due:?}");
        // It waits: nobody has it sent twice.
        assert!(desk.retry(case, &failed, done(&service, 2)).await.is_err());
        let events = desk.events(case).await.unwrap();
        let last = events.last().unwrap();
        assert_eq!((last.what.as_str(), last.text.as_str()), ("resend", "to hook by webhook"));
        assert!(events.iter().all(|it| it.what != "resend" || it.visible == Visible::Desk));
        // From a terminal whatever it is, also what is in no case.
        assert!(desk.resend("none", done(&service, 3)).await.unwrap().is_none());
        assert!(desk.resend(&elsewhere, done(&service, 3)).await.unwrap().is_some());
        let entries = store.audit("Acme", 0, 100).await.unwrap();
        assert_eq!(entries.iter().filter(|it| it.action == "resend").count(), 2, "{entries:?}");
    });
}

#[test]
fn e3_of_two_services_on_one_database_one_sends_what_is_due() {
    on_both(|store| async move {
        let (address, taken) = sink();
        let folder = std::env::temp_dir().join(format!("ringwall-sent-{}", address.port()));
        let settings = Arc::new(settings(address, folder.to_str().unwrap()));
        let places = [
            (Channel::Webhook, "hook"),
            (Channel::Chat, "chat"),
            (Channel::Syslog, "log"),
            (Channel::Sms, "+12105550171"),
        ];
        let mut all = Vec::new();
        for (channel, to) in places {
            all.extend((0..2).map(|id| outgoing(channel, to, id)));
        }
        for it in all.iter_mut().filter(|it| matches!(it.channel, Channel::Chat | Channel::Sms)) {
            it.content = Content::Notice { subject: it.id.clone(), text: it.id.clone() };
        }
        assert_eq!(store.desk().send(&all).await.unwrap(), 8);
        let clock = || Timestamp(NOW.0 + 1);
        let work = || machines::work(&store, &settings, "desk", clock);
        let (one, other, third) = tokio::join!(work(), work(), work());
        let tried = [one.unwrap(), other.unwrap(), third.unwrap()];
        assert_eq!(tried.iter().sum::<usize>(), 8, "{tried:?}");
        let all_taken = taken.lock().unwrap().clone();
        for it in &all {
            let times = all_taken.iter().filter(|text| text.contains(&it.id)).count();
            assert_eq!(times, 1, "{} in {all_taken:?}", it.id);
        }
        assert_eq!(all_taken.len(), 7, "two by each channel, and syslog both at once");
        for it in &all {
            let due = store.desk().due_by(it.channel, Timestamp(i64::MAX), 9).await.unwrap();
            assert!(due.is_empty(), "{due:?}");
        }
        for name in ["secret", "url"] {
            let _ = fs::remove_file(format!("{}-{name}", folder.display()));
        }
    });
}

#[test]
fn e3_what_a_service_that_died_held_is_sent_by_the_other_seconds_later() {
    on_both(|store| async move {
        let (address, taken) = sink();
        let folder = std::env::temp_dir().join(format!("ringwall-held-{}", address.port()));
        let settings = Arc::new(settings(address, folder.to_str().unwrap()));
        let all = vec![outgoing(Channel::Webhook, "hook", 0), outgoing(Channel::Syslog, "log", 0)];
        store.desk().send(&all).await.unwrap();
        let until = NOW.plus_micros(15_000_000);
        let held = store.desk().hold_all(all.clone(), NOW, until).await.unwrap();
        assert_eq!(held.len(), 2);
        assert!(store.desk().hold_all(all, NOW, until).await.unwrap().is_empty(), "it is held");
        let early = machines::work(&store, &settings, "desk", || Timestamp(NOW.0 + 14_000_000)).await;
        assert_eq!((early.unwrap(), taken.lock().unwrap().len()), (0, 0));
        let late = machines::work(&store, &settings, "desk", || Timestamp(NOW.0 + 15_000_000)).await;
        assert_eq!((late.unwrap(), taken.lock().unwrap().len()), (2, 2));
        for name in ["secret", "url"] {
            let _ = fs::remove_file(format!("{}-{name}", folder.display()));
        }
    });
}
