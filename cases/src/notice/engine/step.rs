//! One step of a chain: whom it tells, by what, or why not.

use std::collections::BTreeSet;

use rules::Timestamp;

use super::{Engine, Piece, World, hash};
use crate::CaseNumber;
use crate::calendar::Calendar;
use crate::explanation::wall_time;
use crate::notice::budget::Budget;
use crate::notice::group::{Group, Ledger, Outcome, Position, Stage};
use crate::notice::settings::{Step, TargetKind, Urgency, Who};
use crate::notice::words::{self, Audience};
use crate::notice::{Awake, Fact, Happening, Preference, Way, document};
use crate::outgoing::{Channel, Content, Delivery, Outgoing};

/// Somebody, or something, that a step tells.
struct Recipient {
    name: String,
    audience: Audience,
    mail: Option<String>,
    phone: Option<String>,
    chat: Option<String>,
    /// A machine's name among the targets.
    target: Option<String>,
    is_told_at_any_hour: bool,
    /// What a contact chose for alarms.
    way: Way,
}

impl Engine {
    /// Takes the step at `position`, or holds it, or leaves it out; `group` stands at the next one then.
    pub(super) fn take_step(
        &mut self,
        group: &mut Group,
        position: Position,
        world: World<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        let chain = world.settings.chains.get(&group.chain);
        let Some(step) = chain.and_then(|chain| chain.steps.get(position.step)) else {
            group.position = None;
            return;
        };
        if position.stage == Stage::Arrived && step.wait_micros > 0 {
            let at = now.plus_micros(step.wait_micros);
            group.position = Some(Position { at, stage: Stage::Waited, ..position });
            return;
        }
        let place = format!("step {} of {}", position.step + 1, group.chain);
        if let Some(why) = left_out(group, step, world, now) {
            if step.condition.unacknowledged && group.acknowledged.is_some() {
                group.left_out.get_or_insert(position.step);
            }
            outcome.tell_all(now, &group.told, "chain", &format!("{place} is left out: {why}"));
            next(group, position, None, now);
            return;
        }
        let recipients = self.recipients(group, step, world, now, outcome);
        let calendar = calendar(group, step, world);
        let (is_open, is_held) = (calendar.is_open(now), position.stage == Stage::Held);
        let must_wait = |it: &Recipient| !is_open && (step.hold_until_open || !it.is_told_at_any_hour);
        let opens = calendar.windows_from(now).next().map(|window| window.open);
        let (later, at_once): (Vec<_>, Vec<_>) = recipients.into_iter().partition(must_wait);
        if !is_held || is_open {
            for recipient in &at_once {
                // Who is told at any hour has been told when the step was held.
                let was_told = is_held && recipient.is_told_at_any_hour && !step.hold_until_open;
                if !was_told {
                    self.tell(group, (position, step), recipient, world, now, outcome);
                }
            }
        }
        match opens.filter(|_| !later.is_empty()) {
            Some(opens) => {
                let names: Vec<_> = later.iter().map(|it| it.name.as_str()).collect();
                let text =
                    format!("{place} waits for {} until {}", names.join(", "), wall_time(calendar, opens));
                outcome.tell_all(now, &group.told, "chain", &text);
                group.position = Some(Position { at: opens, stage: Stage::Held, ..position });
            }
            None => next(group, position, Some(step), now),
        }
    }

    fn recipients(
        &self,
        group: &Group,
        step: &Step,
        world: World<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Vec<Recipient> {
        let settings = world.settings;
        let mut recipients: Vec<Recipient> = Vec::new();
        for who in &step.who {
            let before = recipients.len();
            let (people, shadow) = match who {
                Who::Person(name) => (vec![name.clone()], Vec::new()),
                Who::Rota(name) => settings.rotas.get(name).map(|rota| rota.on_duty(now)).unwrap_or_default(),
                Who::Escalation => (settings.escalation.iter().cloned().collect(), Vec::new()),
                Who::Concerned => {
                    let names = group
                        .told
                        .iter()
                        .flat_map(|fact| ["owner", "author"].map(|key| fact.key.get(key).cloned()));
                    (names.flatten().collect(), Vec::new())
                }
                Who::Contacts(_) | Who::Target(_) => (Vec::new(), Vec::new()),
            };
            for (name, is_shadow) in
                people.into_iter().map(|it| (it, false)).chain(shadow.into_iter().map(|it| (it, true)))
            {
                let Some(member) = settings.people.get(&name) else { continue };
                recipients.push(Recipient {
                    name,
                    audience: if is_shadow { Audience::Shadow } else { Audience::Desk },
                    mail: member.mail.clone(),
                    phone: member.phone.clone(),
                    chat: member.chat.clone(),
                    target: None,
                    is_told_at_any_hour: group.urgency == Urgency::Page || member.is_duty_manager,
                    way: Way::Arranged,
                });
            }
            if let Who::Contacts(role) = who {
                let people = world.people.get(&group.customer);
                let chosen = world.preferences.get(&group.customer);
                recipients.extend(people.into_iter().flat_map(|it| it.with_role(*role, now)).map(|person| {
                    let chosen = chosen.and_then(|it| it.get(&person.name)).copied();
                    let Preference { by, at_any_hour } = chosen.unwrap_or_default();
                    let arranged = || settings.is_told_at_any_hour(&group.customer);
                    Recipient {
                        name: person.name.clone(),
                        audience: Audience::Customer,
                        mail: person.addresses.first().cloned(),
                        phone: person.phones.first().cloned(),
                        chat: None,
                        target: None,
                        is_told_at_any_hour: group.urgency == Urgency::Page
                            && at_any_hour.unwrap_or_else(arranged),
                        way: by,
                    }
                }));
            }
            if let Who::Target(name) = who {
                recipients.push(Recipient {
                    name: name.clone(),
                    audience: Audience::Desk,
                    mail: None,
                    phone: None,
                    chat: None,
                    target: Some(name.clone()),
                    is_told_at_any_hour: true,
                    way: Way::Arranged,
                });
            }
            if recipients.len() == before {
                outcome.tell_all(now, &group.told, "chain", &format!("{} is nobody now", who.words()));
            }
        }
        let mut names = BTreeSet::new();
        recipients.retain(|it| names.insert((it.name.clone(), it.target.is_some())));
        recipients
    }

    /// Sends to one recipient by every channel of the step that there is an address for.
    fn tell(
        &mut self,
        group: &mut Group,
        (position, step): (Position, &Step),
        recipient: &Recipient,
        world: World<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        if let Some(target) = &recipient.target {
            self.tell_machine(group, position, target, world, now, outcome);
            return;
        }
        let place = format!("step {} of {}", position.step + 1, group.chain);
        let mut ways = ways(group, step, recipient, world, now, outcome);
        let awake = awake(group, recipient, world, now);
        if let Some(awake) = awake
            && let Some(sms) = ways.iter().position(|(channel, _)| *channel == Channel::Sms)
        {
            let until = wall_time(world.service.calendar_of(&group.customer), awake.until);
            let (name, (_, phone)) = (&recipient.name, ways.remove(sms));
            group.awake.insert(name.clone());
            // One message for all of them comes in any case: mail may go nowhere, and who said it may have been somebody else.
            let (line, _) = words::notice(&group.told, group.more, recipient.audience, world);
            let digest_micros = world.settings.limits.digest_micros;
            self.budget(name, &group.customer, (Channel::Sms, &phone)).hold(line, digest_micros, now);
            let other = [(Channel::Mail, &recipient.mail), (Channel::Chat, &recipient.chat)]
                .into_iter()
                .find_map(|(channel, to)| Some((channel, to.clone()?)));
            let by = other.as_ref().map_or("digest", |(channel, _)| channel.name());
            let text = format!("{place}: {name} is awake until {until}: by {by} instead of sms");
            ways.extend(other.filter(|way| !ways.contains(way)));
            outcome.tell_all(now, &group.told, "limit", &text);
        }
        for (channel, to) in ways {
            let (mut subject, mut text) = words::notice(&group.told, group.more, recipient.audience, world);
            let is_promise = group.told.iter().any(|fact| fact.event == Happening::Violation);
            let tells_customer = recipient.audience == Audience::Customer && is_promise;
            // A promise goes by mail however many there are.
            let is_free = tells_customer && channel == Channel::Mail;
            if !is_free
                && !self.may_send(&recipient.name, &group.customer, (channel, &to), &subject, world, now)
            {
                let text = format!(
                    "{place}: {} has had enough by {}: it comes with the digest",
                    recipient.name,
                    channel.name()
                );
                outcome.tell_all(now, &group.told, "limit", &text);
                continue;
            }
            let thread = awake.filter(|_| channel == Channel::Mail);
            if let Some(awake) = thread {
                // Mailboxes that gather by subject gather these.
                text = format!("{subject}\n\n{text}");
                let since = wall_time(world.service.calendar(), awake.since);
                subject = format!("Pages while you are awake since {since}");
            }
            let content = match channel {
                Channel::Sms => {
                    let code = code(group, recipient, world);
                    Content::Notice { subject, text: words::sms(&group.told, code.as_deref(), world) }
                }
                _ => Content::Notice { subject, text },
            };
            let id = id(group, position, (channel, &recipient.name), &group.told);
            let text = format!("{place}: {} by {}", recipient.name, channel.name());
            outcome.tell_all(now, &group.told, "chain", &text);
            let ledger = Ledger {
                id: id.clone(),
                who: recipient.name.clone(),
                why: place.clone(),
                cases: cases(&group.told),
                promises: if tells_customer { promises(&group.told) } else { Vec::new() },
            };
            let mut sent = outgoing(id, group, (channel, to), content, now);
            sent.thread = thread.map(Awake::thread);
            outcome.outgoing.push((sent, ledger));
        }
    }

    fn tell_machine(
        &self,
        group: &Group,
        position: Position,
        name: &str,
        world: World<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        let Some(target) = world.settings.targets.get(name) else { return };
        let place = format!("step {} of {}", position.step + 1, group.chain);
        outcome.tell_all(now, &group.told, "chain", &format!("{place}: target {name}"));
        let ledger = |id: &str, facts: &[Fact]| Ledger {
            id: id.to_owned(),
            who: format!("target:{name}"),
            why: place.clone(),
            cases: cases(facts),
            promises: Vec::new(),
        };
        if matches!(target.kind, TargetKind::Chat { .. }) {
            let (subject, text) = words::notice(&group.told, group.more, Audience::Desk, world);
            let id = id(group, position, (Channel::Chat, name), &group.told);
            let ledger = ledger(&id, &group.told);
            let to = (Channel::Chat, name.to_owned());
            outcome.outgoing.push((outgoing(id, group, to, Content::Notice { subject, text }, now), ledger));
            return;
        }
        let channel = channel_of(&target.kind);
        for fact in &group.told {
            let facts = std::slice::from_ref(fact);
            let id = id(group, position, (channel, name), facts);
            let ledger = ledger(&id, facts);
            let content = Content::Document(document(target.format, fact, &id, now));
            let mut sent = outgoing(id, group, (channel, name.to_owned()), content, now);
            sent.case = fact.case;
            outcome.outgoing.push((sent, ledger));
        }
    }

    fn may_send(
        &mut self,
        who: &str,
        customer: &str,
        (channel, to): (Channel, &str),
        line: &str,
        world: World<'_>,
        now: Timestamp,
    ) -> bool {
        let limits = world.settings.limits;
        let an_hour = if channel == Channel::Sms { limits.sms_an_hour } else { limits.mail_an_hour };
        let budget = self.budget(who, customer, (channel, to));
        let may = budget.may_send(an_hour, now);
        if !may {
            budget.hold(line.to_owned(), limits.digest_micros, now);
        }
        may
    }

    /// What `who` got by one channel, which is about to change.
    fn budget(&mut self, who: &str, customer: &str, (channel, to): (Channel, &str)) -> &mut Budget {
        let name = format!("{who}|{}|{to}", channel.name());
        self.memory.changed.insert((Piece::Budget, name.clone()));
        self.memory.budgets.entry(name).or_insert_with(|| Budget::new(who, customer, channel, to))
    }

    /// Sends what was held back, and forgets who was told nothing for an hour.
    pub(super) fn send_digests(&mut self, world: World<'_>, now: Timestamp, outcome: &mut Outcome) {
        for (name, budget) in &mut self.memory.budgets {
            if budget.digest.is_none_or(|at| at > now) {
                continue;
            }
            self.memory.changed.insert((Piece::Budget, name.clone()));
            let began = budget.digest.take().unwrap_or(now);
            let (lines, more) = (std::mem::take(&mut budget.held), std::mem::take(&mut budget.more));
            let (subject, mut text) = words::digest(&lines, more, world.settings);
            if budget.channel == Channel::Sms {
                text = words::sms_digest(lines.len() as u64 + more);
            }
            let id = format!("n{}", hash(&["digest", name, &began.0.to_string()]));
            let ledger = Ledger {
                id: id.clone(),
                who: budget.who.clone(),
                why: "digest of what was held back".to_owned(),
                cases: Vec::new(),
                promises: Vec::new(),
            };
            let sent = Outgoing {
                id,
                customer: budget.customer.clone(),
                case: None,
                thread: None,
                channel: budget.channel,
                to: budget.to.clone(),
                content: Content::Notice { subject, text },
                due: now,
                state: Delivery::Waiting,
                tries: Vec::new(),
            };
            outcome.outgoing.push((sent, ledger));
        }
        let over = self.memory.budgets.extract_if(.., |_, budget| budget.is_over(now));
        let over: Vec<_> = over.map(|(name, _)| (Piece::Budget, name)).collect();
        self.memory.changed.extend(over);
    }
}

/// The channels of `step` by which there is an address for `recipient`.
fn ways(
    group: &Group,
    step: &Step,
    recipient: &Recipient,
    world: World<'_>,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Vec<(Channel, String)> {
    let mut ways = Vec::new();
    let has_sms = recipient.phone.is_some() && world.settings.sms.is_some();
    let way = if group.is_alarm { recipient.way } else { Way::Arranged };
    let (channels, chosen) = way.applied(&step.channels.0, (recipient.mail.is_some(), has_sms));
    if let Some(chosen) = chosen {
        outcome.tell_all(now, &group.told, "chain", &format!("{} wants {chosen}", recipient.name));
    }
    for channel in &channels {
        let to = match channel {
            Channel::Mail => &recipient.mail,
            Channel::Sms if world.settings.sms.is_none() => {
                let text = format!("{}: no gateway sends text messages", recipient.name);
                outcome.tell_all(now, &group.told, "chain", &text);
                continue;
            }
            Channel::Sms => &recipient.phone,
            Channel::Chat | Channel::Webhook | Channel::Syslog => &recipient.chat,
        };
        match to {
            Some(to) => ways.push((*channel, to.clone())),
            None => {
                let text = format!("{} has no address for {}", recipient.name, channel.name());
                outcome.tell_all(now, &group.told, "chain", &text);
            }
        }
    }
    ways
}

/// Whether `recipient` is up and hears of something for the first time. What is told again, because nobody has it, rings: whoever
/// said that they are awake may have fallen asleep.
fn awake<'a>(group: &Group, recipient: &Recipient, world: World<'a>, now: Timestamp) -> Option<&'a Awake> {
    let awake = world.awake.get(&recipient.name).filter(|awake| awake.since <= now && now < awake.until)?;
    let is_first = group.is_news && !group.awake.contains(&recipient.name);
    (is_first && recipient.audience != Audience::Customer).then_some(awake)
}

/// What `recipient` answers who looks at it: people of the desk, where answers come in, and where somebody has to have it.
fn code(group: &Group, recipient: &Recipient, world: World<'_>) -> Option<String> {
    let answers = world.settings.sms.as_ref()?.answers.as_ref()?;
    let is_asked = group.is_alarm && recipient.audience == Audience::Desk;
    is_asked.then(|| answers.code(&group.id, &recipient.name))
}

/// Why `step` is not taken, if so.
fn left_out(group: &Group, step: &Step, world: World<'_>, now: Timestamp) -> Option<String> {
    let condition = &step.condition;
    if let Some(acknowledged) = group.acknowledged.as_ref().filter(|_| condition.unacknowledged) {
        return Some(format!("{} has it", acknowledged.by));
    }
    if group.severity < condition.severity {
        return Some(format!("it is {}, below {}", group.severity.name(), condition.severity.name()));
    }
    let is_for_customers = step.who.iter().all(|who| matches!(who, Who::Contacts(_)));
    if is_for_customers && group.is_alarm && !group.is_news {
        return Some("there is nothing new for the customer".to_owned());
    }
    let calendar = calendar(group, step, world);
    match condition.is_open {
        Some(wanted) if calendar.is_open(now) != wanted => {
            Some(format!("calendar {} is {}", calendar.name(), if wanted { "closed" } else { "open" }))
        }
        _ => None,
    }
}

fn calendar<'a>(group: &Group, step: &Step, world: World<'a>) -> &'a Calendar {
    let named = step.condition.calendar.as_deref().and_then(|name| world.service.named(name));
    named.unwrap_or_else(|| world.service.calendar_of(&group.customer))
}

/// Stands `group` at what comes after `position`: the same again while the step says so, else the next step.
fn next(group: &mut Group, position: Position, taken: Option<&Step>, now: Timestamp) {
    let repeat = position.repeat;
    group.position = Some(match taken.filter(|step| repeat < step.repeat_max) {
        Some(step) => Position {
            step: position.step,
            repeat: repeat + 1,
            at: now.plus_micros(step.repeat_micros),
            stage: Stage::Waited,
        },
        None => Position { step: position.step + 1, repeat: 0, at: now, stage: Stage::Arrived },
    });
}

fn outgoing(
    id: String,
    group: &Group,
    (channel, to): (Channel, String),
    content: Content,
    now: Timestamp,
) -> Outgoing {
    Outgoing {
        id,
        customer: group.customer.clone(),
        case: group.told.iter().find_map(|fact| fact.case),
        thread: None,
        channel,
        to,
        content,
        due: now,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

fn cases(facts: &[Fact]) -> Vec<CaseNumber> {
    let all: BTreeSet<_> = facts.iter().filter_map(|fact| fact.case).collect();
    all.into_iter().collect()
}

fn promises(facts: &[Fact]) -> Vec<CaseNumber> {
    let violations = facts.iter().filter(|fact| fact.event == Happening::Violation);
    violations.filter_map(|fact| fact.case).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The same for the same group, recipient, channel and step, whoever asks when (E-3).
fn id(group: &Group, position: Position, (channel, who): (Channel, &str), facts: &[Fact]) -> String {
    let first = facts.first().map_or("", |fact| fact.id.as_str());
    let numbers = format!("{}/{}/{}", group.round, position.step, position.repeat);
    format!("n{}", hash(&[&group.id, first, &numbers, channel.name(), who]))
}

pub(in crate::notice) const fn channel_of(kind: &TargetKind) -> Channel {
    match kind {
        TargetKind::Webhook { .. } => Channel::Webhook,
        TargetKind::Chat { .. } => Channel::Chat,
        TargetKind::Syslog { .. } => Channel::Syslog,
    }
}
