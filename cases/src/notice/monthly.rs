//! Once a month everybody is told, by every channel, that the channel works (E-7): one that does not is known before it matters.

use std::collections::BTreeMap;

use rules::Timestamp;

use crate::calendar::Calendar;
use crate::intake::Role;
use crate::notice::{Fact, Happening, Settings};
use crate::outgoing::{Channel, Content, Delivery, Outgoing};
use crate::{Registration, Service};

/// What is tried at `now`: nothing unless the settings want it, and everybody only while their desk is open in the first week of
/// the month. What was tried this month has the same id again.
pub fn trials(
    settings: &Settings,
    service: &Service,
    people: &BTreeMap<String, Registration>,
    now: Timestamp,
) -> Vec<Outgoing> {
    let mut trials = BTreeMap::new();
    if !settings.monthly_trials {
        return Vec::new();
    }
    let mut add = |channel: Channel, to: Option<&String>, customer: &str, calendar: &Calendar| {
        let can_go = channel != Channel::Sms || settings.sms.is_some();
        let month = month(calendar, now).filter(|_| can_go && calendar.is_open(now));
        if let (Some(to), Some(month)) = (to, month) {
            let trial = trial(&month, channel, to, customer, now);
            trials.entry(trial.id.clone()).or_insert(trial);
        }
    };
    for member in settings.people.values() {
        let channels =
            [(Channel::Mail, &member.mail), (Channel::Sms, &member.phone), (Channel::Chat, &member.chat)];
        for (channel, to) in channels {
            add(channel, to.as_ref(), "", service.calendar());
        }
    }
    // Those who are told of violations, and those whom nobody may fail to reach.
    for registration in people.values() {
        let calendar = service.calendar_of(&registration.customer);
        for role in [Role::IncidentNotify, Role::Escalation] {
            for person in registration.with_role(role, now) {
                add(Channel::Mail, person.addresses.first(), &registration.customer, calendar);
                add(Channel::Sms, person.phones.first(), &registration.customer, calendar);
            }
        }
    }
    trials.into_values().collect()
}

/// That a trial did not arrive: `failed` was given up.
pub fn failed_trial(failed: &Outgoing, now: Timestamp) -> Fact {
    let mut fact = Fact::of_service(Happening::Trouble, now, &format!("channel/{}", failed.id));
    fact.rule = "channel".to_owned();
    fact.customer.clone_from(&failed.customer);
    let why = failed.tries.last().map_or("", |(_, words)| words);
    let why = crate::intake::one_line(why, WHY_CHARACTERS_MAX);
    fact.text = format!("the monthly test did not reach {} by {}: {why}", failed.to, failed.channel.name());
    fact.key.insert("channel".to_owned(), failed.channel.name().to_owned());
    fact
}

/// With what the ids of all trials begin.
pub const TRIALS: &str = "trial/";

fn trial(month: &str, channel: Channel, to: &str, customer: &str, now: Timestamp) -> Outgoing {
    let text = format!(
        "This is the monthly test of how you are told by {}. Nothing has happened, and nothing is to be done.\n",
        channel.name()
    );
    Outgoing {
        id: format!("{TRIALS}{month}/{}/{to}", channel.name()),
        customer: customer.to_owned(),
        case: None,
        thread: None,
        channel,
        to: to.to_owned(),
        content: Content::Notice { subject: "Monthly test: nothing has happened".to_owned(), text },
        due: now,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

/// Such as `2026-11`, in its first week by the wall of `calendar`; `None` later.
fn month(calendar: &Calendar, now: Timestamp) -> Option<String> {
    let date = calendar.date(now);
    (date.day() <= DAYS).then(|| format!("{:04}-{:02}", date.year(), date.month()))
}

const DAYS: i8 = 7;
const WHY_CHARACTERS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Person;

    const SETTINGS: &str = r#"
monthly_trials = true
[person.anna]
mail = "anna@desk.example.com"
phone = "+12105550171"
chat = "ops"
[person.ben]
mail = "anna@desk.example.com"
[target.ops]
kind = "chat"
url_file = "ops.url"
[sms]
url = "https://sms.example.com/"
body = "to={to}&text={text}"
form = true
[[route]]
name = "rest"
urgency = "record"
"#;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn people() -> BTreeMap<String, Registration> {
        let person = |name: &str, roles: &[Role]| Person {
            name: name.to_owned(),
            addresses: vec![format!("{name}@acme.example.com")],
            phones: vec!["+12105550101".to_owned()],
            roles: roles.iter().copied().collect(),
            valid_from: None,
            valid_until: None,
            verified_at: None,
            zone: None,
        };
        let gone =
            Person { valid_until: Some(at("2026-01-01T00:00:00Z")), ..person("eve", &[Role::Escalation]) };
        let people = vec![
            person("ivy", &[Role::IncidentNotify, Role::Escalation]),
            person("rob", &[Role::Requester]),
            gone,
        ];
        let acme = Registration { customer: "Acme".to_owned(), people, ..Registration::default() };
        [("Acme".to_owned(), acme)].into()
    }

    #[test]
    fn e7_everybody_who_is_called_is_tried_once_a_month_by_each_channel() {
        let (service, settings) = (Service::sample(), Settings::parse(SETTINGS, &[]).unwrap());
        let ids = |settings: &Settings, now: &str| -> Vec<String> {
            let trials = trials(settings, &service, &people(), at(now));
            trials.into_iter().map(|it| it.id).collect()
        };
        // Monday 2 November, ten o'clock in Chicago. Two with one address are one; who only asks is not called.
        let expected = [
            "trial/2026-11/chat/ops",
            "trial/2026-11/mail/anna@desk.example.com",
            "trial/2026-11/mail/ivy@acme.example.com",
            "trial/2026-11/sms/+12105550101",
            "trial/2026-11/sms/+12105550171",
        ];
        assert_eq!(ids(&settings, "2026-11-02T16:00:00Z"), expected);
        assert_eq!(ids(&settings, "2026-11-06T16:00:00Z"), expected, "the same again, which is kept once");
        assert_eq!(ids(&settings, "2026-12-01T16:00:00Z")[0], "trial/2026-12/chat/ops");
        // At night, on a Sunday, later in the month, and where nobody wants it.
        for closed in ["2026-11-03T04:00:00Z", "2026-11-01T16:00:00Z", "2026-11-09T16:00:00Z"] {
            assert!(ids(&settings, closed).is_empty(), "{closed}");
        }
        let without = Settings { monthly_trials: false, ..settings.clone() };
        assert!(ids(&without, "2026-11-02T16:00:00Z").is_empty());
        let no_gateway = Settings { sms: None, ..settings };
        assert!(ids(&no_gateway, "2026-11-02T16:00:00Z").iter().all(|id| !id.contains("/sms/")));
    }

    #[test]
    fn e7_one_that_does_not_arrive_is_trouble() {
        let settings = Settings::parse(SETTINGS, &[]).unwrap();
        let now = at("2026-11-02T16:00:00Z");
        let mut failed = trials(&settings, &Service::sample(), &people(), now).remove(4);
        failed.state = Delivery::Failed;
        failed.tries.push((now, "404 no such number\r\nBcc: x".to_owned()));
        let fact = failed_trial(&failed, now);
        assert_eq!((fact.event, fact.rule.as_str()), (Happening::Trouble, "channel"));
        assert!(
            fact.text.starts_with("the monthly test did not reach +12105550171 by sms: 404"),
            "{}",
            fact.text
        );
        assert!(!fact.text.contains(['\r', '\n']));
        assert_eq!(fact.id, failed_trial(&failed, now.plus_micros(1)).id, "told once");
    }

    #[test]
    fn e7_a_heartbeat_comes_every_minute_unless_told() {
        let with =
            |more: &str| Settings::parse(&format!("{SETTINGS}[heartbeat]\nurl_file = \"h\"\n{more}"), &[]);
        assert_eq!(with("").unwrap().heartbeat.unwrap().every_micros, 60_000_000);
        assert_eq!(with("every = \"10 s\"").unwrap().heartbeat.unwrap().every_micros, 10_000_000);
        for wrong in ["every = \"9 s\"", "every = \"2 h\"", "every = \"soon\""] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        let mut settings = with("authorities = \"a.pem\"").unwrap();
        settings.resolve(|path| format!("/etc/{path}"));
        let heartbeat = settings.heartbeat.unwrap();
        assert_eq!(
            (heartbeat.url_file.as_str(), heartbeat.authorities.as_deref()),
            ("/etc/h", Some("/etc/a.pem"))
        );
    }
}
