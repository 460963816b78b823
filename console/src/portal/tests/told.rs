//! Whoever belongs to a customer chooses how they are told, for themselves and nobody else.

use cases::io::store::Office;
use cases::letter::DeskAddress;
use cases::notice::{Preference, Settings, Way};
use cases::outgoing::Channel;

use super::*;
use crate::office::{Channels, OfficeQuestions, Trial, Tried};

pub(super) fn office() -> OfficeQuestions {
    let notices = "at_any_hour = [\"Other\"]\n[sms]\nurl = \"https://sms.example.com/\"\nbody = '{\"to\":\"{to}\",\"text\":\"{text}\"}'\n";
    let channels = Channels {
        settings: Arc::new(Settings::parse(notices, &[]).unwrap()),
        has_file: true,
        office: Office {
            desk: DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() },
            portal: "https://desk.example.com".to_owned(),
            escalation: String::new(),
            sends: true,
        },
        smarthost: Some("mail.example.com:587, STARTTLS".to_owned()),
        inward: Vec::new(),
    };
    OfficeQuestions {
        channels: at_hand(move |()| channels.clone()),
        trial: at_hand(|trial: Trial| Tried {
            is_taken: trial.channel == Channel::Mail && trial.by == "Ann of Acme",
            said: "secret-gateway.example.com said it".to_owned(),
        }),
        ..Questions::silent().office
    }
}

#[tokio::test]
async fn a_contact_chooses_how_alarms_come_and_tries_it() {
    let desk = Desk::new().await;
    let page = desk.get(ANN, "/portal/told").await.body;
    assert!(page.contains("ann@acme.example.com") && page.contains("+12105550181"), "{page}");
    assert!(
        page.contains("as arranged: while the desk is open") && page.contains("incident-notify"),
        "{page}"
    );
    assert!(desk.get(OTHER, "/portal/told").await.body.contains("as arranged: at any hour"));
    let cleo = desk.get(CLEO, "/portal/told").await.body;
    assert!(cleo.contains("no telephone") && !cleo.contains("value=\"sms\"><button"), "{cleo}");

    let of = async |customer: &str, name: &str| desk.store.customer(customer).preference(name).await.unwrap();
    for wrong in ["by=pigeon&hours=any", "by=mail&hours=never", "by=mail", ""] {
        let status = desk.post(ANN, "/portal/told", wrong).await.status;
        assert!(matches!(status, 400 | 422), "{wrong}: {status}");
    }
    assert_eq!(of("Acme", "Ann").await, Preference::default());
    assert_eq!(desk.post(ANN, "/portal/told", "by=mail&hours=any").await.status, 303);
    assert_eq!(of("Acme", "Ann").await, Preference { by: Way::Mail, at_any_hour: Some(true) });
    assert_eq!(of("Other", "Ann").await, Preference::default(), "a namesake chose nothing");
    assert_eq!(desk.store.desk().preferences().await.unwrap().len(), 1);
    let page = desk.get(ANN, "/portal/told").await.body;
    assert!(page.contains("value=\"mail\" checked") && page.contains("value=\"any\" checked"), "{page}");
    assert!(desk.get(BOB, "/portal/audit").await.body.contains("prefer"));

    // A trial: what machines of the desk said is not told to customers.
    let taken = desk.post(ANN, "/portal/told/test", "channel=mail").await;
    assert!(taken.status == 200 && taken.body.contains("on its way"), "{}", taken.body);
    let refused = desk.post(ANN, "/portal/told/test", "channel=sms").await;
    assert!(
        refused.body.contains("was not taken") && refused.body.contains("+12105550181"),
        "{}",
        refused.body
    );
    assert!(!taken.body.contains("secret-gateway") && !refused.body.contains("secret-gateway"));
    assert_eq!(desk.post(CLEO, "/portal/told/test", "channel=sms").await.status, 400);
    assert_eq!(desk.post(ANN, "/portal/told/test", "channel=webhook").await.status, 400);
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(desk.post(ANN, "/portal/told/test", "channel=mail").await.status);
    }
    assert_eq!(answers, [200, 200, 200, 200, 429], "six an hour");
    assert_eq!(
        desk.post(OTHER, "/portal/told/test", "channel=mail").await.status,
        200,
        "others have their own"
    );
}
