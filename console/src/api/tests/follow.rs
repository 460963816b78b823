//! `/v1/events` over real connections: who is cut off misses nothing, and many who follow cost one question.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use cases::Service as Promises;
use cases::case::Kind;
use cases::flow::State;
use cases::io::store::Done;
use tokio::net::TcpListener;

use super::{House, NOW};

/// The service at an address.
async fn listen(house: &House) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = crate::routes::router(&house.service).with_state(Arc::clone(&house.service));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

/// A connection that follows: reads events until it has `count`, as name, id and data.
fn follow(address: SocketAddr, key: &str, last: Option<&str>) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request = format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

#[derive(Clone, Debug, Default)]
struct Seen {
    name: String,
    id: Option<String>,
    data: String,
}

fn next(stream: &mut BufReader<TcpStream>) -> Seen {
    let mut seen = Seen::default();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "it ended");
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("event: ") {
            seen.name = name.to_owned();
        } else if let Some(id) = line.strip_prefix("id: ") {
            seen.id = Some(id.to_owned());
        } else if let Some(data) = line.strip_prefix("data: ") {
            seen.data = data.to_owned();
        } else if line.is_empty() && !seen.name.is_empty() {
            return seen;
        }
    }
}

async fn open(house: &House, customer: &str) -> String {
    let promises = Promises::sample();
    let done = Done { who: "test", now: NOW, service: &promises };
    let case = house.store.desk().open(customer, Kind::Block, State::New, "x", done).await.unwrap();
    case.number.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn o1_who_is_cut_off_in_the_middle_of_a_turn_gets_all_of_it() {
    let house = House::new().await;
    let address = listen(&house).await;
    let mut stream = follow(address, "desk", None);
    let begin = next(&mut stream);
    assert_eq!(begin.name, "begin");
    // Joining writes two cases in one turn.
    let (one, two) = (open(&house, "Acme").await, open(&house, "Acme").await);
    let promises = Promises::sample();
    let done = Done { who: "test", now: NOW, service: &promises };
    let numbers = (one.parse().unwrap(), two.parse().unwrap());
    house.store.desk().merge(numbers.0, numbers.1, done).await.unwrap();
    let (mut last, mut seen) = (begin.id.unwrap(), Vec::new());
    while seen.len() < 3 {
        let event = next(&mut stream);
        last = event.id.clone().unwrap_or(last);
        seen.push(event);
    }
    assert!(seen[2].id.is_none(), "the first of two in a turn has no id: {seen:?}");
    drop(stream);
    let mut stream = follow(address, "desk", Some(&last));
    let (again, rest) = (next(&mut stream), next(&mut stream));
    assert_eq!(again.data, seen[2].data, "the turn comes again, whole");
    assert!(rest.data.contains(&one) && rest.id.is_some(), "{rest:?}");
    // What is forgotten, or of another database, is looked at anew.
    for wrong in ["999999999", "0"] {
        house.store.desk().forget_feed(1).await.unwrap();
        assert_eq!(next(&mut follow(address, "desk", Some(wrong))).name, "reset");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn o1_two_hundred_follow_and_each_sees_what_is_theirs_once() {
    let house = House::new().await;
    let address = listen(&house).await;
    let mut streams: Vec<_> =
        (0..200).map(|index| follow(address, if index % 2 == 0 { "desk" } else { "reads" }, None)).collect();
    for stream in &mut streams {
        assert_eq!(next(stream).name, "begin");
    }
    let mut opened = Vec::new();
    for index in 0..20 {
        opened.push(open(&house, if index % 2 == 0 { "Bay" } else { "Acme" }).await);
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        let expected: Vec<_> = opened.iter().skip(index % 2).step_by(index % 2 + 1).collect();
        for number in expected {
            let event = next(stream);
            assert!(event.data.contains(number.as_str()), "{index}: {number}: {event:?}");
        }
    }
    drop(streams);
    // Nobody follows: nobody reads. Whoever comes then is told again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut stream = follow(address, "reads", None);
    assert_eq!(next(&mut stream).name, "begin");
    let number = open(&house, "Acme").await;
    assert!(next(&mut stream).data.contains(&number));
}
