//! `ringwall init`: a recommended policy for a customer's numbers.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use rules::policy::detection::SHIPPED;
use rules::policy::{Level, MemoryFiles, Need, PolicyText};
use rules::{Policy, plan};

use crate::admission;
use crate::outcome::{Failure, Outcome};
use crate::policies;

/// Print a recommended policy for a customer's numbers.
///
/// It is self-contained and passes `check`. Rules and detections that need something it was not told (trunks, hours) are
/// there with mode = "off" and a comment that says what they need.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall init --name 'Example Ltd' --numbers '+1 210 555 0100 - +1 210 555 0199' \\\n      \
--trunk 192.0.2.0/24 --hours 'Mon-Fri 08:00-17:00' --time-zone America/Chicago > example.toml\n  \
ringwall check example.toml"
)]
pub(crate) struct Arguments {
    /// The customer's name.
    #[arg(long)]
    name: String,
    /// Its own numbers: one number or a range `A - B`; may be given several times.
    #[arg(long, required = true)]
    numbers: Vec<String>,
    /// Region by whose habits national numbers are read (ISO 3166).
    #[arg(long, default_value = "US")]
    region: String,
    /// Networks of its own side (its PBX, its session border controller); may be given several times.
    #[arg(long)]
    trunk: Vec<String>,
    /// Networks of peers whose word on who calls is believed (a carrier's P-Asserted-Identity); may be given several times.
    #[arg(long)]
    trusted: Vec<String>,
    /// Hours of business, such as `Mon-Fri 08:00-17:00`; may be given several times.
    #[arg(long)]
    hours: Vec<String>,
    /// Time zone of those hours.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let text = arguments.policy()?;
    let findings = policies::check_text(NAME, &text);
    if !findings.is_empty() {
        eprint!("{findings}");
        return Err(Failure::Usage("these answers make no policy".to_owned()));
    }
    if let Some(policy) = rules::policy::read(NAME, &text, &MemoryFiles::new(), policies::now()).policy {
        say_other_country(&policy);
        let found = admission::findings(&Policy::new(policy), policies::now());
        let wrong: Vec<_> = found.iter().filter(|found| found.level == Level::Error).collect();
        if !wrong.is_empty() {
            wrong.iter().for_each(|found| eprint!("{}", found.render(&text)));
            return Err(Failure::Usage("these answers make a policy that does not pass check".to_owned()));
        }
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

/// Says so where the customer's numbers are of another country than the one by whose habits numbers are read.
fn say_other_country(policy: &PolicyText) {
    let customer = &policy.customer;
    let region = policy.customer.dial_plan.region.as_str();
    let is_there = plan::country(region).is_none_or(|own| !customer.numbers.intersection(own).is_empty());
    let number = customer.numbers.witness().filter(|_| !is_there);
    if let Some((number, country)) = number.and_then(|number| Some((number, plan::country_of(number)?))) {
        eprintln!(
            "ringwall: {number} is a number of {country}, and numbers without a country code are read as in {region}: --region \
{country} if that is meant"
        );
    }
}

impl Arguments {
    /// The policy's text.
    pub(crate) fn policy(&self) -> Result<String, Failure> {
        let mut text = String::new();
        self.customer(&mut text);
        let hours = self.hours_table(&mut text)?;
        self.lists(&mut text);
        self.rules(&mut text, hours);
        self.detections(&mut text, hours);
        self.expectations(&mut text);
        Ok(text)
    }

    fn customer(&self, text: &mut String) {
        let _ = write!(
            text,
            "# Recommended by `ringwall init`. Read it, change it, keep it in git; `ringwall check` says what it thinks of it.\n\n\
             [customer]\nname = {}\nregion = {}\ntime_zone = {}\nnumbers = {}\n",
            quoted(&self.name),
            quoted(&self.region),
            quoted(&self.time_zone),
            array(&self.numbers),
        );
        if self.trunk.is_empty() {
            text.push_str("# trunks = [\"192.0.2.0/24\"]   # your own side: gives direction and shows spoofed numbers\n");
        } else {
            let _ = writeln!(text, "trunks = {}", array(&self.trunk));
        }
        if self.trusted.is_empty() {
            text.push_str(
                "# trusted = [\"198.51.100.0/24\"]  # peers whose P-Asserted-Identity is believed\n",
            );
        } else {
            let _ = writeln!(text, "trusted = {}", array(&self.trusted));
        }
        text.push_str("response = { list = 603, threshold = 603 }\nmode = \"enforce\"\n\n");
    }

    fn hours_table(&self, text: &mut String) -> Result<bool, Failure> {
        let mut tables = Vec::new();
        for hours in &self.hours {
            let Some((days, open)) = hours.trim().split_once(' ') else {
                return Err(Failure::Usage(format!(
                    "--hours wants days and times, such as 'Mon-Fri 08:00-17:00', not {hours:?}"
                )));
            };
            tables.push((days, open.trim()));
        }
        let Some((days, _)) = tables.first() else {
            text.push_str(
                "# [hours.business]\n# days = \"Mon-Fri\"\n# open = \"08:00-17:00\"\n# closed = [\"2026-12-25\"]\n\n",
            );
            return Ok(false);
        };
        if tables.iter().any(|(other, _)| other != days) {
            return Err(Failure::Usage(
                "--hours may name several times, but only for the same days".to_owned(),
            ));
        }
        let open: Vec<String> = tables.iter().map(|(_, open)| (*open).to_owned()).collect();
        let _ = write!(
            text,
            "[hours.business]\ndays = {}\nopen = {}\nclosed = []\n\n",
            quoted(days),
            array(&open)
        );
        Ok(true)
    }

    fn lists(&self, text: &mut String) {
        text.push_str(
            "[lists.harassment]                    # callers your people complained about\nnumbers = []\n\n\
             [lists.abroad]                        # own numbers that may call high-risk destinations and abroad at night\n\
             numbers = []\n\n\
             [lists.scanners]                      # programs that try SIP servers for open doors\n\
             user_agents = [\"friendly-scanner\", \"friendly-request\", \"sipvicious\", \"sundayddr\", \"sipcli\", \"sip-scan\", \
             \"siparmyknife\", \"sipptk\", \"sivus\", \"smap\", \"pplsip\", \"vaxsipuseragent\", \"iwar\"]\n\n",
        );
    }

    fn rules(&self, text: &mut String, hours: bool) {
        text.push_str(SCANNERS);
        text.push_str(HARASSMENT);
        text.push_str(&rule_or_off(
            OWN_NUMBER,
            !self.trunk.is_empty(),
            "needs [customer] trunks: without them a call from your own side cannot be told from one that borrows your number",
        ));
        text.push_str(BROKEN);
        text.push_str(PREMIUM);
        text.push_str(HIGH_RISK);
        text.push_str(&rule_or_off(
            &if hours { AFTER_HOURS.to_owned() } else { AFTER_HOURS.replace(OUTSIDE, "") },
            hours,
            "needs [hours.business]; then set time = \"outside business\"",
        ));
        text.push_str(INVALID);
    }

    fn detections(&self, text: &mut String, hours: bool) {
        text.push_str(THRESHOLDS);
        for detection in SHIPPED {
            let about = detection.about();
            let _ = write!(text, "# {}\n[[ips]]\nuse = \"{}\"\n", about.what, detection.name);
            let lacks = about.needs.iter().copied().filter(|need| match need {
                Need::Trunks => self.trunk.is_empty(),
                Need::Hours => !hours,
                Need::Rates | Need::Voicemail | Need::DoNotOriginate => true,
                Need::Answers => false,
            });
            let lacks: Vec<&str> = lacks.map(Need::remedy).collect();
            if !lacks.is_empty() {
                let _ = writeln!(
                    text,
                    "mode = \"off\"                          # needs {}",
                    lacks.join("; and ")
                );
            }
            text.push('\n');
        }
    }

    fn expectations(&self, text: &mut String) {
        let own = self.numbers.first().map_or("", |range| range.split(" - ").next().unwrap_or(range)).trim();
        let own = quoted(own);
        let emergency = if self.region.eq_ignore_ascii_case("US") { "911" } else { "112" };
        let _ = write!(
            text,
            "[[expect]]                            # runs at every check and before every install\n\
             call = {{ from = {own}, to = \"{emergency}\", direction = \"outbound\" }}\nverdict = \"allow\"\n\n\
             [[expect]]\n\
             call = {{ from = {own}, to = \"+88213555010\", direction = \"outbound\" }}\nverdict = \"block\"\n\n\
             [[expect]]\n\
             call = {{ from = \"+13035550107\", to = {own}, direction = \"inbound\", user_agent = \"friendly-scanner\" }}\nverdict = \"block\"\n\n\
             [[expect]]\n\
             call = {{ from = \"+13035550107\", to = {own}, direction = \"inbound\" }}\nverdict = \"allow\"\n",
        );
    }
}

/// What the policy is called in messages.
const NAME: &str = "the recommended policy";

/// `rule`; switched off when what it `needs` is not known.
fn rule_or_off(rule: &str, is_known: bool, needs: &str) -> String {
    if is_known {
        rule.to_owned()
    } else {
        format!("{}\nmode = \"off\"                          # {needs}\n\n", rule.trim_end())
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted + "\""
}

fn array(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

const SCANNERS: &str = r#"[[firewall]]
name = "known scanner"                # no person calls with these; silence tells them nothing
when = { user_agent = "@scanners" }
action = { block = "drop" }
alert = "info"

"#;

const HARASSMENT: &str = r#"[[firewall]]
name = "harassing caller"
when = { direction = "inbound", caller = "@harassment" }
action = "block"

"#;

const OWN_NUMBER: &str = r#"[[firewall]]
name = "own number spoofed"           # a call from outside that shows one of your numbers, and nobody forwarded it
when = { direction = "inbound", caller = "own", method = ["INVITE", "MESSAGE"] }
unless = { forwarded_by = "own" }
action = "block"
alert = "warning"

"#;

const BROKEN: &str = r#"[[firewall]]
name = "message made to be misread"   # two callers in one message, a NUL in a header: equipment may read it otherwise
when = { direction = "inbound", flag = ["dup-single-header", "nul", "ctl-in-header-name", "dup-content-length", "frag-overlap"] }
action = { block = 400 }
alert = "warning"

"#;

const PREMIUM: &str = r#"[[firewall]]
name = "premium or satellite number"
when = { direction = "outbound", called = ["premium", "satellite"] }
unless = { caller = "@abroad" }
action = { block = 403 }
alert = "warning"

"#;

const HIGH_RISK: &str = r#"[[firewall]]
name = "high-risk destination"        # ranges that revenue share fraud lives on
when = { direction = "outbound", called = "high-risk" }
unless = { caller = "@abroad" }
action = { block = 403 }
alert = "warning"

"#;

const AFTER_HOURS: &str = r#"[[firewall]]
name = "international after hours"
when = { direction = "outbound", called = "international", time = "outside business" }
unless = { caller = "@abroad" }
action = { block = 403 }
alert = "warning"

"#;

const THRESHOLDS: &str = "\
# Patterns over many calls: every shipped detection, with its limits. A breach always raises the alarm; it blocks, and for a
# bounded time only, where hardly anything but an attack looks so. `warning`, `critical`, `action` or `mode` beside `use` change
# one; what each counts and why is in docs/detections.md.

";

/// The condition of [`AFTER_HOURS`] that wants hours.
const OUTSIDE: &str = ", time = \"outside business\"";

const INVALID: &str = r#"[[firewall]]
name = "impossible caller"            # a number no plan has: borrowed by a machine; marked, not refused
when = { direction = "inbound", caller = "invalid" }
action = { tag = "suspicious" }
alert = "info"

"#;
