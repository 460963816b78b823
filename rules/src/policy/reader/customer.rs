//! `[customer]`: whose policy it is.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use toml::de::DeValue;

use super::Reader;
use super::conditions::is_header_name;
use super::fields::{Fields, Node};
use super::words;
use crate::number_set::NumberSet;
use crate::plan::Bare;
use crate::policy::{ChangeControl, Code, Customer, Mode, Rates, Redress, Response, Span};

impl Reader<'_> {
    /// What the rest of the file needs to be read: zone, dial plan, own numbers. Then the customer.
    pub(super) fn read_customer(&mut self, node: Option<Node<'_>>) -> Option<Customer> {
        let Some(node) = node else {
            self.report(Code::MissingKey, 0..0, "the policy has no [customer]")
                .help("begin with [customer], its name, region and numbers");
            return None;
        };
        let fields = self.fields(node, "[customer]", KEYS)?;
        let name = self.required(&fields, "name", "[customer]").and_then(|node| self.text(node, "name"));
        if name.is_some_and(|name| name.trim().is_empty()) {
            self.report(Code::BadName, fields.span.clone(), "the customer's name is empty");
        }
        self.read_zone(&fields);
        self.read_dial_plan(&fields);
        self.own = self.number_set(&fields, "numbers");
        self.protected = self.number_set(&fields, "protected");
        if !fields.get("numbers").is_some_and(|_| true) {
            self.report(Code::NoNumbers, fields.span.clone(), "[customer] has no `numbers`")
                .help("name its numbers: numbers = [\"+1 210 555 0100 - +1 210 555 0199\"]");
        }
        let trunks = self.networks(&fields, "trunks", "no call from there is inbound any more");
        let trusted = self.networks(&fields, "trusted", "everybody's P-Asserted-Identity is believed");
        self.trunks.clone_from(&trunks);
        self.has_trunks = !trunks.is_empty();
        self.has_trusted = !trusted.is_empty() || self.has_trunks;
        let redress = self.read_redress(&fields);
        let (list_response, threshold_response) = self.read_responses(&fields, redress.is_some());
        let location = self.optional_text(&fields, "location");
        self.customer_mode = self.choice(&fields, "mode", MODES).unwrap_or(Mode::Enforce);
        let change_control = self.choice(&fields, "change_control", CHANGE_CONTROLS);
        let rates = self.read_rates(&fields);
        self.has_rates = fields.get("rates_file").is_some();
        let callback_seconds = self.read_emergency_callback(&fields);
        let silence_micros = self.optional_duration(&fields, "silence");
        if let Some(node) = fields.get("silence").filter(|_| !self.has_trusted) {
            self.no_trunks(node.span(), "`silence`");
        }
        let back_to_back =
            self.networks(&fields, "back_to_back", "calls of strangers may be taken for legs of one call");
        let leg_header = self.read_leg_header(&fields);
        Some(Customer {
            name: name?.to_owned(),
            dial_plan: self.dial.clone()?,
            time_zone: self.zone.clone(),
            numbers: self.own.clone(),
            trunks,
            trusted,
            protected: self.protected.clone(),
            list_response,
            threshold_response,
            redress,
            location,
            mode: self.customer_mode,
            change_control: change_control.unwrap_or(ChangeControl::File),
            rates,
            do_not_originate: None,
            callback_seconds,
            silence_micros,
            back_to_back,
            leg_header,
        })
    }

    /// Reads what `[customer]` says of lists, once they are known.
    pub(super) fn read_do_not_originate(&mut self, node: Option<Node<'_>>, customer: &mut Option<Customer>) {
        let Some(node) = node.and_then(Fields::of).and_then(|fields| fields.get("do_not_originate")) else {
            return;
        };
        let Some(text) = self.text(node, "do_not_originate") else { return };
        let Some(name) = text.strip_prefix('@') else {
            self.report(Code::MissingAt, node.span(), "`do_not_originate` names a list")
                .help(format!("write \"@{text}\""));
            return;
        };
        let list = self.list_of(name, super::lists::Kind::Numbers, &node.span());
        self.do_not_originate = list;
        if let Some(customer) = customer {
            customer.do_not_originate = list;
        }
    }

    /// How long calls back pass, in seconds. A guard that lasts for weeks would let pass whom nobody calls back any more.
    fn read_emergency_callback(&mut self, fields: &Fields<'_>) -> u32 {
        let Some(node) = fields.get("emergency_callback") else { return CALLBACK_SECONDS };
        let Some(micros) = self.duration(node, "emergency_callback") else { return CALLBACK_SECONDS };
        let seconds = micros / 1_000_000;
        match u32::try_from(seconds) {
            Ok(seconds) if (CALLBACK_SECONDS_MIN..=CALLBACK_SECONDS_MAX).contains(&seconds) => seconds,
            _ => {
                self.report(Code::BadDuration, node.span(), "`emergency_callback` is from 1m to 7d")
                    .help("2h is what it is when nothing is written");
                CALLBACK_SECONDS
            }
        }
    }

    fn read_leg_header(&mut self, fields: &Fields<'_>) -> Option<String> {
        let node = fields.get("leg_header")?;
        let name = self.text(node, "leg_header")?;
        if !is_header_name(name) {
            self.report(Code::BadHeader, node.span(), format!("`{name}` is no header name"))
                .help("write leg_header = \"X-CID\"");
            return None;
        }
        Some(name.to_owned())
    }

    fn read_zone(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("time_zone") else { return };
        let Some(name) = self.text(node, "time_zone") else { return };
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) => self.zone = zone,
            Err(_) => {
                self.report(Code::BadTimeZone, node.span(), format!("`{name}` is no time zone"))
                    .help("write a name of the IANA database: America/Chicago, Europe/Berlin, UTC");
            }
        }
    }

    fn read_dial_plan(&mut self, fields: &Fields<'_>) {
        let region = self.required(fields, "region", "[customer]");
        let bare =
            self.choice(fields, "bare", &[("national", Bare::National), ("e164", Bare::International)]);
        let area = self.digits(fields, "area").into_iter().next();
        let access_codes = self.digits(fields, "access_codes");
        let extensions = self.read_extensions(fields);
        let Some(node) = region else { return };
        let Some(region) = self.text(node, "region") else { return };
        if !words::is_region(region) {
            let upper = region.to_ascii_uppercase();
            let help = if words::is_region(&upper) {
                format!("did you mean \"{upper}\"?")
            } else {
                "write the ISO 3166 code of a country in capitals: US, GB, DE".to_owned()
            };
            self.report(Code::BadRegion, node.span(), format!("`{region}` is no region")).help(help);
            return;
        }
        match words::dial_plan(
            region,
            bare.unwrap_or(Bare::National),
            area.as_deref(),
            &access_codes,
            &extensions,
        ) {
            Ok(dial) => self.dial = Some(dial),
            Err((key, message)) => {
                let span = fields.get(key).map_or_else(|| fields.span.clone(), |node| node.span());
                self.report(Code::BadDialPlan, span, message);
            }
        }
    }

    /// Strings of digits.
    fn digits(&mut self, fields: &Fields<'_>, key: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (text, span) in self.optional_texts(fields, key) {
            if !text.is_empty()
                && text.len() <= 8
                && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#')
            {
                found.push(text.to_owned());
            } else {
                self.report(Code::BadDialPlan, span, format!("`{text}` cannot be dialled"))
                    .help("write digits: \"9\"");
            }
        }
        found
    }

    fn read_extensions(&mut self, fields: &Fields<'_>) -> Vec<(String, String)> {
        let Some(node) = fields.get("extensions") else { return Vec::new() };
        let Some(table) = Fields::of(node) else {
            self.wrong_type(node, "`extensions` is a table of patterns and numbers");
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in table.entries() {
            let Some(number) = self.text(entry.value, "extensions") else { continue };
            let wild = |text: &str| text.chars().filter(|c| matches!(c, 'x' | 'X')).count();
            let short = entry.key.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'x' | b'X'));
            if !short || entry.key.is_empty() || !number.starts_with('+') || wild(entry.key) != wild(number) {
                self.report(
                    Code::BadDialPlan,
                    entry.key_span.start..entry.value.span().end,
                    format!("`{}` cannot stand for `{number}`", entry.key),
                )
                .help("both sides have as many x: { \"1xxx\" = \"+1 210 555 1xxx\" }");
                continue;
            }
            found.push((entry.key.to_owned(), number.to_owned()));
        }
        found
    }

    fn number_set(&mut self, fields: &Fields<'_>, key: &str) -> NumberSet {
        let mut segments = Vec::new();
        for (text, span) in self.optional_texts(fields, key) {
            let Some(pattern) = self.pattern(text, &span) else { continue };
            let set = pattern.into_set();
            let emergency = self.dial.as_ref().map(words::emergency);
            let taken = emergency.and_then(|emergency| set.intersection(emergency).witness());
            if let Some(number) = taken.filter(|_| key == "numbers") {
                let message = format!("{number} is an emergency number, and no number of the customer's");
                self.report(Code::EmergencyAsOwn, span, message).help("take it out of `numbers`");
            }
            segments.extend_from_slice(set.segments());
        }
        NumberSet::from_segments(segments)
    }

    fn read_redress(&mut self, fields: &Fields<'_>) -> Option<Redress> {
        let table = self.fields(fields.get("redress")?, "`redress`", &["url", "tel"])?;
        let url = table.get("url").and_then(|node| {
            let url = self.text(node, "url")?;
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            // One place for the token of the call that is refused.
            let good = host.is_some_and(|host| !host.is_empty() && !host.starts_with("{token}"))
                && is_plain_uri(&url.replacen("{token}", "", 1));
            if !good {
                self.report(Code::BadUri, node.span(), format!("`{url}` is no web address"))
                    .help("write https://desk.example/r, or https://desk.example/appeal/{token}");
            }
            good.then(|| url.to_owned())
        });
        let tel = table.get("tel").and_then(|node| {
            let text = self.text(node, "tel")?;
            match self.pattern(text, &node.span())? {
                super::numbers::Pattern::Exact(number) => Some(number.to_string()),
                super::numbers::Pattern::Set(_) => {
                    self.report(Code::BadNumber, node.span(), "`tel` is one number");
                    None
                }
            }
        });
        if table.entries().is_empty() {
            self.report(Code::MissingKey, table.span, "`redress` needs `url` or `tel`");
        }
        Some(Redress { url, tel })
    }

    fn read_responses(&mut self, fields: &Fields<'_>, has_redress: bool) -> (Response, Response) {
        let plain = (Response::Code(603), Response::Code(603));
        let Some(node) = fields.get("response") else { return plain };
        let (list, threshold) = if matches!(node.get_ref(), DeValue::Table(_)) {
            let Some(table) = self.fields(node, "`response`", &["list", "threshold", "fallback"]) else {
                return plain;
            };
            let fallback = self.fallback(&table);
            let mut one = |key: &str| table.get(key).and_then(|node| self.response(node, fallback));
            (one("list").unwrap_or(plain.0), one("threshold").unwrap_or(plain.1))
        } else {
            let both = self.response(node, None).unwrap_or(plain.0);
            (both, both)
        };
        if [list, threshold].contains(&Response::NetworkBlocked) && !has_redress {
            self.missing_redress(node.span());
        }
        self.has_redress = has_redress;
        (list, threshold)
    }

    pub(super) fn missing_redress(&mut self, span: Span) {
        self.report(
            Code::MissingRedress,
            span,
            "603+ tells blocked callers where to complain, but `redress` is missing",
        )
        .help("add redress = { url = \"https://…\", tel = \"+…\" } to [customer] (ATIS-1000099)");
    }

    fn read_rates(&mut self, fields: &Fields<'_>) -> Rates {
        let Some(node) = fields.get("rates_file") else { return Rates::default() };
        let path = self.text(node, "rates_file");
        let Some((path, bytes)) = path.and_then(|path| Some((path, self.read_file(path, &node.span())?)))
        else {
            return Rates::default();
        };
        Rates::parse(&bytes).unwrap_or_else(|wrong| {
            for (line, why) in wrong.iter().take(WRONG_RATES_TOLD) {
                self.report(Code::BadRate, node.span(), format!("`{path}` line {line}: {why}"))
                    .help("a row is prefix,per_minute,currency such as 44,0.02,USD");
            }
            Rates::default()
        })
    }
}

/// Whether `uri` holds only what a URI may hold.
pub(super) fn is_plain_uri(uri: &str) -> bool {
    uri.bytes().all(|byte| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    })
}

/// The zone in force when a policy names none.
pub(super) fn default_zone() -> TimeZone {
    TimeZone::UTC
}

pub(super) const MODES: &[(&str, Mode)] =
    &[("off", Mode::Off), ("shadow", Mode::Shadow), ("enforce", Mode::Enforce)];
const CHANGE_CONTROLS: &[(&str, ChangeControl)] =
    &[("file", ChangeControl::File), ("approved", ChangeControl::Approved)];
/// How long inbound calls to somebody who called an emergency number pass, unless the policy says.
const CALLBACK_SECONDS: u32 = 2 * 3600;
const CALLBACK_SECONDS_MIN: u32 = 60;
const CALLBACK_SECONDS_MAX: u32 = 7 * 86_400;
/// Of a file of wrong prices the first few tell what is the matter.
const WRONG_RATES_TOLD: usize = 5;
const KEYS: &[&str] = &[
    "name",
    "region",
    "bare",
    "time_zone",
    "numbers",
    "trunks",
    "trusted",
    "area",
    "access_codes",
    "extensions",
    "protected",
    "response",
    "redress",
    "location",
    "mode",
    "change_control",
    "rates_file",
    "do_not_originate",
    "emergency_callback",
    "silence",
    "back_to_back",
    "leg_header",
];

#[cfg(test)]
mod tests {
    use crate::Timestamp;
    use crate::policy::{Code, MemoryFiles, read};

    #[test]
    fn calls_back_after_an_emergency_pass_for_as_long_as_is_written_within_bounds() {
        let check = |line: &str, expected: Result<u32, Code>| {
            let text = format!(
                "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n{line}\n"
            );
            let reading = read("a.toml", &text, &MemoryFiles::new(), Timestamp::default());
            let found = match reading.diagnostics.first() {
                Some(diagnostic) => Err(diagnostic.code),
                None => Ok(reading.policy.unwrap().customer.callback_seconds),
            };
            assert_eq!(found, expected, "{line}");
        };
        check("", Ok(7_200));
        check("emergency_callback = \"1m\"", Ok(60));
        check("emergency_callback = \"4h30m\"", Ok(16_200));
        check("emergency_callback = \"7d\"", Ok(604_800));
        for beyond in ["59s", "500ms", "8d", "0s", "200000w", "soon"] {
            check(&format!("emergency_callback = \"{beyond}\""), Err(Code::BadDuration));
        }
    }

    #[test]
    fn what_joins_legs_is_named_by_a_header_that_can_be() {
        let check = |header: &str, expected: Result<Option<&str>, Code>| {
            let text = format!(
                "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
                 back_to_back = [\"192.0.2.0/24\", \"2001:db8::1\"]\nleg_header = \"{header}\"\n"
            );
            let reading = read("a.toml", &text, &MemoryFiles::new(), Timestamp::default());
            let customer = reading.policy.map(|policy| policy.customer);
            match reading.diagnostics.first() {
                Some(diagnostic) => assert_eq!(Err(diagnostic.code), expected, "{header}"),
                None => {
                    let customer = customer.unwrap();
                    assert_eq!(Ok(customer.leg_header.as_deref()), expected);
                    let is_agent = |address: &str| customer.is_back_to_back(address.parse().unwrap());
                    let found =
                        ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "198.51.100.7"].map(is_agent);
                    assert_eq!(found, [true, true, true, false]);
                }
            }
        };
        check("X-CID", Ok(Some("X-CID")));
        for wrong in ["", "X CID", "X-CID:", "é"] {
            check(wrong, Err(Code::BadHeader));
        }
    }
}
