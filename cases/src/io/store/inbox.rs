//! A mail that was kept becomes what it is: a case, an answer in one, a note; with its automatic answer, all in one
//! transaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rules::Timestamp;

use super::asked::{Asked, understood};
use super::desk::{new_case, refused, write};
use super::mails::{KeptMail, Read};
use super::writing::Writing;
use super::{Desk, Done, Error, Event, Visible};
use crate::case::{Case, Kind, Relation, Severity, UNASSIGNED};
use crate::explanation::wall_time;
use crate::flow::{Signal, State};
use crate::intake::{
    self, Authority, CaseTimes, Intake, NoAnswer, Reply, ReplyFacts, Role, Segment, Standing, Thread, Trust,
    is_wave, one_line, several_lines,
};
use crate::letter::DeskAddress;
use crate::limits::REOPENED_MICROS;
use crate::outgoing::{Channel, Content, Delivery};
use crate::schedule::Schedule;
use crate::{CaseNumber, Outgoing, Registration};

/// Who the desk is towards those who write to it.
#[derive(Clone, Debug)]
pub struct Office {
    /// Its address and name.
    pub desk: DeskAddress,
    /// Where customers follow their cases; empty without one.
    pub portal: String,
    /// Whom to turn to when nothing else helped; may be empty.
    pub escalation: String,
    /// Whether mail goes out at all.
    pub sends: bool,
}

/// What became of a mail.
#[derive(Clone, Debug)]
pub enum Became {
    /// It was read before.
    Already,
    /// It opened these.
    Opened(Vec<Case>),
    /// It stands in this one.
    Joined(Box<Case>),
}

/// One mail on its way into cases.
struct Entry<'a> {
    mail: &'a KeptMail,
    intake: &'a Intake,
    office: &'a Office,
    registration: &'a Registration,
    /// What came of an approval in it.
    approval: Option<String>,
    is_reused: bool,
    done: Done<'a>,
}

impl Desk<'_> {
    /// Puts a mail that was kept where it belongs. Done once, whatever dies when.
    ///
    /// # Errors
    /// The database does not answer: the mail is still unread.
    pub async fn read_mail(
        &self,
        mail: &KeptMail,
        intake: &Intake,
        office: &Office,
        done: Done<'_>,
    ) -> Result<Became, Error> {
        let thread = self.thread_of(intake).await?;
        let approval = self.approve_by_reply(intake, &thread, office, done).await?;
        let registration = match &intake.sender.tenant {
            Some(customer) => self.registration(customer).await?,
            None => Registration::default(),
        };
        let mut writing = self.store.write().await?;
        if !writing.is_unread(&mail.key).await? {
            return Ok(Became::Already);
        }
        let is_reused = writing.is_id_reused(&intake.key).await?;
        // Clocks count from when our own server took it, whenever it is read.
        let received = Done { now: mail.envelope.received_at, ..done };
        let entry =
            Entry { mail, intake, office, registration: &registration, approval, is_reused, done: received };
        let became = match &thread {
            Thread::Joins(number, standing) => entry.join(&mut writing, *number, *standing).await?,
            Thread::New(claims) => entry.begin(&mut writing, claims, None).await?,
        };
        writing.commit().await?;
        Ok(became)
    }
}

impl Entry<'_> {
    /// Adds the mail to a case that is there.
    async fn join(
        &self,
        writing: &mut Writing<'_>,
        number: CaseNumber,
        standing: Standing,
    ) -> Result<Became, Error> {
        let mut case = writing.case(number).await?;
        while let Some(into) = case.merged_into() {
            case = writing.case(into).await?;
        }
        let Done { now, service, .. } = self.done;
        let is_asking = standing == Standing::Reply && self.intake.sender.may(Role::Requester);
        let who = self.who(standing);
        let mut signal = None;
        if is_asking && case.state.is_over() {
            let closed = case.closure.as_ref().map_or(case.last, |closure| closure.at);
            if case.state == State::Dropped || now.micros_since(closed) > REOPENED_MICROS {
                return self.begin(writing, &[], Some(case.number)).await;
            }
            signal = Some(Signal::Reopen);
        } else if is_asking && case.state == State::NeedsInfo {
            signal = Some(Signal::Answer);
        }
        let (what, visible) = match standing {
            Standing::Reply => ("reply", Visible::Customer),
            Standing::UntrustedNote => ("untrusted-note", Visible::Desk),
            Standing::Machine => ("machine-mail", Visible::Desk),
        };
        let done = Done { who: &who, ..self.done };
        write(writing, &mut case, what, &self.own_text(), visible, done).await?;
        self.tell(writing, &case, 1, None).await?;
        if let Some(signal) = signal {
            case.step(&signal, &who, service, now).map_err(refused)?;
            write(writing, &mut case, signal.name(), "", Visible::Customer, done).await?;
        }
        if let Some(words) = &self.approval {
            write(writing, &mut case, "approval-by-reply", words, Visible::Desk, done).await?;
        }
        let read = Read { case: case.number, customer: &case.customer, is_unverified: false, answered: None };
        writing.settle_mail(&self.mail.key, self.intake, &read).await?;
        Ok(Became::Joined(Box::new(case)))
    }

    /// Opens a case for each thing that the mail asks for; `after` is an older case that it answers.
    async fn begin(
        &self,
        writing: &mut Writing<'_>,
        claims: &[CaseNumber],
        after: Option<CaseNumber>,
    ) -> Result<Became, Error> {
        let (sender, now) = (&self.intake.sender, self.done.now);
        let customer = sender.tenant.as_deref().unwrap_or(UNASSIGNED);
        let is_unverified = self.intake.requests.iter().all(|it| it.authority != Authority::Requester);
        if let (true, Some(customer)) = (is_unverified && sender.trust > Trust::Spoof, &sender.tenant) {
            let mut moments = writing.unverified(customer, now.plus_micros(-HOUR_MICROS)).await?;
            moments.push(now);
            if is_wave(&moments, now) {
                return self.join_wave(writing, customer).await;
            }
        }
        let mut cases = Vec::new();
        for request in &self.intake.requests {
            let asked = Asked::of(self.intake, request);
            let number = writing.next_number().await?;
            let mut case = new_case(number, customer, (asked.kind, asked.state), &asked.title, self.done);
            if self.intake.is_high_priority() {
                case.severity = Severity::Warning;
                case.is_high_priority = true;
            }
            case.wanted = asked.wanted.clone();
            cases.push((case, asked));
        }
        let numbers: Vec<_> = cases.iter().map(|(case, _)| case.number).collect();
        let who = self.who(Standing::Reply);
        let done = Done { who: &who, ..self.done };
        let named = (!claims.is_empty()).then_some(claims);
        for (case, asked) in &mut cases {
            let others = numbers.iter().filter(|number| **number != case.number);
            case.links.extend(others.map(|number| (*number, Relation::RelatesTo)));
            case.links.extend(after.map(|number| (number, Relation::RecursAfter)));
            write(writing, case, "open", &asked.understood, asked.visible, done).await?;
            self.tell(writing, case, 1, named).await?;
        }
        for ((case, _), request) in cases.iter_mut().zip(&self.intake.requests) {
            self.schedule(writing, case, request, done).await?;
        }
        let cases: Vec<Case> = cases.into_iter().map(|(case, _)| case).collect();
        let answered = self.answer(writing, customer, &cases).await?;
        self.warn_customer(writing, cases.first()).await?;
        if let Some(first) = cases.first() {
            let read = Read { case: first.number, customer, is_unverified, answered };
            writing.settle_mail(&self.mail.key, self.intake, &read).await?;
        }
        Ok(Became::Opened(cases))
    }

    /// A report that somebody may ask for runs by itself from then on (P-4, P-7).
    async fn schedule(
        &self,
        writing: &mut Writing<'_>,
        case: &mut Case,
        request: &intake::Request,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let Some(report) = request.report.as_ref().filter(|_| request.authority == Authority::Requester)
        else {
            return Ok(());
        };
        let calendar = done.service.calendar_of(&case.customer);
        let zone = calendar.zone().iana_name().unwrap_or("UTC");
        let told = (case.number, done.who, done.now);
        let numbers = request.taken().map(|number| number.to_string()).collect();
        let Some(schedule) = Schedule::of_request(report, numbers, &case.customer, zone, told) else {
            return Ok(());
        };
        let text = match writing.put_schedule(&schedule, done).await {
            Ok(next) => {
                let words = format!("{}: {}, about {}", schedule.id, schedule.when, schedule.span);
                let first = next.map(|at| format!(", first {}", wall_time(calendar, at))).unwrap_or_default();
                format!("{words}{first}, to {}", schedule.recipients.join(", "))
            }
            Err(Error::Refused(why)) => format!("no schedule was made: {why}"),
            Err(error) => return Err(error),
        };
        write(writing, case, "schedule", &text, Visible::Customer, done).await
    }

    /// N-5: many unverified mails claim one customer. They stand in one case, and nobody is answered.
    async fn join_wave(&self, writing: &mut Writing<'_>, customer: &str) -> Result<Became, Error> {
        let who = self.who(Standing::UntrustedNote);
        let done = Done { who: &who, ..self.done };
        let open = writing.latest(customer, WAVE_KEY).await?.filter(|case| !case.state.is_over());
        let mut case = match open {
            Some(case) => case,
            None => {
                let number = writing.next_number().await?;
                let line =
                    format!("request phishing against {customer}: many unverified requests in an hour");
                let mut case = new_case(number, customer, (Kind::Alert, State::Open), &line, self.done);
                case.key = Some(WAVE_KEY.to_owned());
                case.severity = Severity::Warning;
                case
            }
        };
        case.alerts += 1;
        case.last = self.done.now.max(case.last);
        case.tick(self.done.now.0.div_euclid(HOUR_MICROS), 1);
        let asked: Vec<_> = self.intake.requests.iter().map(understood).collect();
        let text = format!("unverified: {}", asked.join("; "));
        write(writing, &mut case, "unverified-request", &text, Visible::Desk, done).await?;
        self.tell(writing, &case, 1, None).await?;
        let read = Read { case: case.number, customer, is_unverified: true, answered: None };
        writing.settle_mail(&self.mail.key, self.intake, &read).await?;
        Ok(Became::Joined(Box::new(case)))
    }

    /// What the desk reads of the mail beside its words: how far its sender is believed, and why.
    async fn tell(
        &self,
        writing: &mut Writing<'_>,
        case: &Case,
        place: usize,
        named: Option<&[CaseNumber]>,
    ) -> Result<(), Error> {
        let sender = &self.intake.sender;
        let mut parts =
            vec![format!("{} {}", sender.trust, one_line(&sender.address, ADDRESS_CHARACTERS_MAX))];
        parts.extend(sender.reasons.iter().cloned());
        parts.extend(sender.warnings.iter().map(|it| format!("WARNING: {}", one_line(it, 200))));
        if self.is_reused {
            parts.push("WARNING: Message-ID reuse: another mail came under the same one".to_owned());
        }
        if let Some(named) = named {
            let numbers: Vec<_> = named.iter().take(CLAIMS_TOLD_MAX).map(ToString::to_string).collect();
            parts.push(format!("claims {}: not shown to belong there", numbers.join(", ")));
        }
        if sender.is_contact_out_of_time {
            parts.push("was a contact, and is none now".to_owned());
        }
        if self.intake.is_high_priority() {
            parts.push("HIGH PRIORITY".to_owned());
        }
        match &self.intake.state {
            intake::State::Read => {}
            intake::State::TooComplex(limit) => parts.push(format!("too complex to be read: {limit:?}")),
            intake::State::Unparsed => parts.push("unparsed: a person reads it".to_owned()),
        }
        let unread = self.intake.unread.iter().take(CLAIMS_TOLD_MAX);
        parts.extend(unread.map(|it| format!("not read: {}", one_line(it, 200))));
        if let Some(why) = &self.intake.no_answer {
            parts.push(format!("no automatic answer: {why}"));
        }
        let event = Event {
            at: self.done.now,
            who: "ringwall".to_owned(),
            what: "mail".to_owned(),
            text: parts.join("; "),
            visible: Visible::Desk,
            act: None,
        };
        writing.put_event(case, place, &event).await
    }

    /// Has the automatic answer go out, if there is to be one. When, if so.
    async fn answer(
        &self,
        writing: &mut Writing<'_>,
        customer: &str,
        cases: &[Case],
    ) -> Result<Option<Timestamp>, Error> {
        let (now, service, office) = (self.done.now, self.done.service, self.office);
        let sender = &self.intake.sender.address;
        let before = writing.answered(sender, customer, now.plus_micros(-24 * HOUR_MICROS)).await?;
        let may: Result<(), NoAnswer> = self.intake.answer(&Thread::New(Vec::new()), &before, now);
        let (true, Ok(()), Some(first)) = (office.sends, may, cases.first()) else { return Ok(None) };
        let calendar = service.calendar_of(customer);
        let zone = self.zone();
        let when = |at: Timestamp| {
            let own = wall_time(calendar, at);
            match zone.as_ref().filter(|zone| *zone != calendar.zone()) {
                Some(zone) => {
                    let instant = crate::calendar::instant(at).to_zoned(zone.clone());
                    format!("{own} ({})", instant.strftime("%a %-d %b %H:%M %Z"))
                }
                None => own,
            }
        };
        let due = |case: &Case, kind, otherwise: &str| {
            let clock = case.clocks.iter().rev().find(|clock| clock.kind == kind);
            clock.map_or_else(|| otherwise.to_owned(), |clock| when(clock.due.contract))
        };
        let facts = ReplyFacts {
            cases: cases
                .iter()
                .map(|case| CaseTimes {
                    number: case.number,
                    acknowledged_by: due(case, crate::ClockKind::Acknowledge, "the next business day"),
                    done_by: due(
                        case,
                        crate::ClockKind::Complete,
                        "once a contact who may ask for it confirms it",
                    ),
                })
                .collect(),
            token: writing.thread_token(first.number).await?,
            desk_address: office.desk.address.clone(),
            desk_name: office.desk.name.clone(),
            received: when(now),
            sent_at: now,
            portal: office.portal.clone(),
            hours: calendar.in_words(now),
            escalation: office.escalation.clone(),
        };
        let Some(reply) = Reply::new(self.intake, &facts) else { return Ok(None) };
        let outgoing = Outgoing {
            id: format!("reply:{}", self.mail.key),
            customer: customer.to_owned(),
            case: Some(first.number),
            thread: None,
            channel: Channel::Mail,
            to: reply.to,
            content: Content::AutomaticReply(STANDARD.encode(&reply.mail)),
            due: now,
            state: Delivery::Waiting,
            tries: Vec::new(),
        };
        Ok(writing.put_outgoing(&outgoing).await?.then_some(now))
    }

    /// N-7 and T0: somebody who was a contact, or somebody who pretends to be one, writes. The authorisers are told.
    async fn warn_customer(&self, writing: &mut Writing<'_>, case: Option<&Case>) -> Result<(), Error> {
        let sender = &self.intake.sender;
        let (Some(case), true) = (case, self.office.sends) else { return Ok(()) };
        let address = one_line(&sender.address, ADDRESS_CHARACTERS_MAX);
        let now = self.done.now;
        let (what, why) = if sender.trust == Trust::Spoof {
            (
                "pretended",
                format!(
                    "A mail that says it is from {address} reached us, and is not: we keep it aside and answer nobody."
                ),
            )
        } else if sender.is_contact_out_of_time && sender.trust >= Trust::Authentic {
            (
                "former",
                format!(
                    "{address}, who is no longer a contact of yours, asked us for something. Nothing has been changed."
                ),
            )
        } else {
            return Ok(());
        };
        // A day of them is one notice.
        let day = now.0.div_euclid(24 * HOUR_MICROS);
        for person in self.registration.with_role(Role::Authorizer, now) {
            let Some(to) = person.addresses.first() else { continue };
            let notice = Outgoing {
                id: format!("{what}:{}:{}:{to}:{day}", case.customer, sender.address),
                customer: case.customer.clone(),
                case: Some(case.number),
                thread: None,
                channel: Channel::Mail,
                to: to.clone(),
                content: Content::Notice {
                    subject: format!("[{}] High priority: {why}", case.number).chars().take(160).collect(),
                    text: format!("{why}\n\nCase {}. If you know about it, answer this mail.\n", case.number),
                },
                due: now,
                state: Delivery::Waiting,
                tries: Vec::new(),
            };
            writing.put_outgoing(&notice).await?;
        }
        Ok(())
    }

    /// In whose name something stands in the history.
    fn who(&self, standing: Standing) -> String {
        let sender = &self.intake.sender;
        match (&sender.contact, standing) {
            (_, Standing::Machine) => "a machine".to_owned(),
            (Some(contact), Standing::Reply) => contact.clone(),
            _ if sender.address.is_empty() => format!("nobody named ({})", sender.trust),
            _ => format!("{} ({})", one_line(&sender.address, ADDRESS_CHARACTERS_MAX), sender.trust),
        }
    }

    /// What the author wrote, without quotes and signature.
    fn own_text(&self) -> String {
        let lines = self.intake.lines.iter().filter(|line| line.segment == Segment::Own);
        let text = lines.map(intake::Line::shown).collect::<Vec<_>>().join("\n");
        let text = several_lines(text.trim(), TEXT_CHARACTERS_MAX);
        if text.is_empty() { one_line(&self.intake.subject, ADDRESS_CHARACTERS_MAX) } else { text }
    }

    /// The sender's time zone, if it is known.
    fn zone(&self) -> Option<jiff::tz::TimeZone> {
        let contact = self.intake.sender.contact.as_deref()?;
        let zone = self.registration.person(contact)?.zone.as_deref()?;
        jiff::tz::TimeZone::get(zone).ok()
    }
}

/// By which unverified mails of a wave join one case.
const WAVE_KEY: &str = "request-phishing";
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
const TEXT_CHARACTERS_MAX: usize = 4_000;
const ADDRESS_CHARACTERS_MAX: usize = 120;
const CLAIMS_TOLD_MAX: usize = 5;
