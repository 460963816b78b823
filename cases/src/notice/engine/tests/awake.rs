//! Who says that they are awake is not rung for what they read anyway (E-6).

use super::*;

/// Anna, who has the week, is awake for two hours from a minute before.
fn awake(start: Timestamp, change: impl Fn(&str) -> String) -> Story {
    let mut story = Story::new(start, change);
    let since = start.plus_micros(-MINUTE);
    let until = since.plus_micros(120 * MINUTE);
    story.awake.insert("anna".to_owned(), Awake { who: "anna".to_owned(), since, until });
    story
}

/// What anna was told by one channel: second, thread, subject and text.
fn told(story: &Story, channel: Channel) -> Vec<(i64, Option<String>, String, String)> {
    let to = ["anna@desk.example.com", "+12105550171", "ops"];
    let sent = story.sent.iter().filter(|(_, it)| it.channel == channel && to.contains(&it.to.as_str()));
    let shown = |(second, it): &(i64, Outgoing)| {
        let Content::Notice { subject, text } = &it.content else { panic!("{it:?}") };
        (*second, it.thread.clone(), subject.clone(), text.clone())
    };
    sent.map(shown).collect()
}

#[test]
fn e6_pages_of_somebody_awake_come_in_one_thread_until_nobody_acts() {
    let mut story = awake(OPEN, desk_only);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.happen(60, fact(Happening::Opened, 100_002, "Other", Severity::Critical));
    story.pass(0, 200);
    assert_eq!(told(&story, Channel::Sms), []);
    let mails = told(&story, Channel::Mail);
    assert_eq!(mails.iter().map(|it| it.0).collect::<Vec<_>>(), [30, 90]);
    assert!(
        mails[0].1.is_some() && mails.iter().all(|it| it.1 == mails[0].1 && it.2 == mails[0].2),
        "{mails:?}"
    );
    assert!(mails[0].2.contains("awake since Mon 5 Oct 2026 09:59"), "{}", mails[0].2);
    assert!(mails[0].3.starts_with("[RW-100001-") && mails[1].3.starts_with("[RW-100002-"));
    // A mail that others get hangs under its case, as always.
    assert!(
        story
            .sent
            .iter()
            .filter(|(_, it)| it.to == "carl@desk.example.com")
            .all(|(_, it)| it.thread.is_none())
    );
    assert!(
        story
            .why("limit")
            .iter()
            .all(|it| it.contains("anna is awake until") && it.contains("by mail instead of sms"))
    );
    // Somebody who reads would have taken it: five minutes later it rings, awake or not.
    story.pass(201, 400);
    assert_eq!(told(&story, Channel::Sms).iter().map(|it| it.0).collect::<Vec<_>>(), [330, 390]);
}

#[test]
fn e6_it_holds_over_a_restart_and_ends_by_itself() {
    let mut story = awake(OPEN, desk_only);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(0, 40);
    story.restart();
    story.pass(41, 329);
    assert_eq!(told(&story, Channel::Sms), []);
    story.restart();
    story.pass(330, 340);
    assert_eq!(told(&story, Channel::Sms).len(), 1, "that it was told once is not forgotten");
    let mut story = awake(OPEN, desk_only);
    story.happen(7_140, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(7_140, 7_200);
    assert_eq!(told(&story, Channel::Sms).iter().map(|it| it.0).collect::<Vec<_>>(), [7_170]);
    assert!(told(&story, Channel::Mail).iter().all(|it| it.1.is_none()));
}

#[test]
fn e6_without_a_mailbox_they_come_by_chat_and_without_that_as_one_message() {
    let without = |text: &str, chat: bool| {
        let text = desk_only(text).replace("mail  = \"anna@desk.example.com\"\n", "");
        if chat { text } else { text.replace("chat  = \"ops\"\n", "") }
    };
    let mut story = awake(OPEN, |text| without(text, true));
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(0, 200);
    assert_eq!((told(&story, Channel::Sms).len(), told(&story, Channel::Chat).len()), (0, 1));
    let taken = fact(Happening::Acknowledged, 100_001, "Acme", Severity::Critical);
    story.happen(201, Fact { who: "anna".to_owned(), ..taken });
    story.pass(201, 1_000);
    let messages = told(&story, Channel::Sms);
    assert_eq!(
        messages.iter().map(|it| it.0).collect::<Vec<_>>(),
        [930],
        "one message says that there was something"
    );
    let mut story = awake(OPEN, |text| without(text, false));
    for (second, serial) in [(0, 100_001), (20, 100_002), (40, 100_003)] {
        let customer = ["Acme", "Other", "Third"][serial as usize - 100_001];
        story.happen(second, fact(Happening::Opened, serial, customer, Severity::Critical));
    }
    let taken = |serial, customer| Fact {
        who: "anna".to_owned(),
        ..fact(Happening::Acknowledged, serial, customer, Severity::Critical)
    };
    story.pass(0, 80);
    for (serial, customer) in [(100_001, "Acme"), (100_002, "Other"), (100_003, "Third")] {
        story.happen(81, taken(serial, customer));
    }
    story.pass(81, 1_000);
    let messages = told(&story, Channel::Sms);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].3.contains("3 notices more"), "{messages:?}");
}

/// Whatever happens, who is awake hears of every case that they would have been rung for.
#[test]
fn e6_nothing_that_would_have_rung_is_kept_from_who_is_awake() {
    let heard = |is_awake: bool| {
        let mut story = awake(OPEN, str::to_owned);
        if !is_awake {
            story.awake.clear();
        }
        for serial in 100_001..100_040_u64 {
            let severity = [Severity::Warning, Severity::Critical][usize::from(serial % 3 == 0)];
            let event =
                [Happening::Opened, Happening::SeverityRaised, Happening::Trouble][serial as usize % 3];
            let customer = ["Acme", "Other"][serial as usize % 2];
            let second = (serial as i64 - 100_000) * 97;
            story.happen(second, fact(event, serial, customer, severity));
            story.pass(second, second + 96);
        }
        story.pass(4_000, 6_000);
        let to_anna = story.ledgers.iter().filter(|it| it.who == "anna");
        to_anna.flat_map(|it| it.cases.clone()).collect::<BTreeSet<_>>()
    };
    let (rung, read) = (heard(false), heard(true));
    assert!(rung.len() >= 10, "{}", rung.len());
    assert_eq!(rung.difference(&read).collect::<Vec<_>>(), Vec::<&CaseNumber>::new());
}
