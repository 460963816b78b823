//! The policy of a generated customer: its plain data, and every shipped detection as it is shipped.

use std::fmt::Write as _;
use std::path::Path;

use generator::{Block, Customer};
use rules::Timestamp;
use rules::policy::detection::SHIPPED;
use rules::policy::{MemoryFiles, Policy};

/// The policy of `customer`, with the shipped detections, or with those whose files lie in `folder`.
pub(crate) fn policy(customer: &Customer, folder: Option<&Path>) -> Policy {
    let text = text(customer) + &folder.map_or_else(shipped, written_out);
    let files = MemoryFiles::new().with("rates.csv", rates(customer));
    let reading = rules::policy::read("customer.toml", &text, &files, Timestamp::default());
    let mistakes: String = reading.diagnostics.iter().map(|found| found.render(&text)).collect();
    Policy::new(reading.policy.unwrap_or_else(|| panic!("{}: {mistakes}", customer.name)))
}

fn text(customer: &Customer) -> String {
    let mut text = String::new();
    let range = |block: &Block| format!("+{} - +{}", block.first, block.last);
    let hotline = customer.hotline.map(|number| format!("+{number}"));
    let numbers: Vec<String> = customer.numbers.iter().map(range).chain(hotline).collect();
    let _ = writeln!(
        text,
        "[customer]\nname = {:?}\nregion = {:?}\ntime_zone = {:?}\nnumbers = {numbers:?}\ntrunks = {:?}\n\
         trusted = {:?}\nmode = \"enforce\"\nrates_file = \"rates.csv\"",
        customer.name,
        customer.region.code(),
        customer.time_zone.iana_name().unwrap_or("UTC"),
        customer.trunks,
        customer.trusted,
    );
    if let Some(area) = customer.area {
        let _ = writeln!(text, "area = {area:?}");
    }
    if !customer.access_code.is_empty() {
        let _ = writeln!(text, "access_codes = [{:?}]", customer.access_code);
    }
    let pairs = customer.extensions();
    let extensions: Vec<String> =
        pairs.iter().map(|(short, number)| format!("{short:?} = {number:?}")).collect();
    let _ = writeln!(text, "extensions = {{ {} }}", extensions.join(", "));
    let listed: Vec<String> = customer.do_not_originate.iter().map(|number| format!("+{number}")).collect();
    let _ = writeln!(
        text,
        "do_not_originate = \"@never-calling\"\n\n[hours.business]\ndays = {:?}\nopen = {:?}\n\n\
         [lists.never-calling]\nnumbers = {listed:?}\n\n[lists.voicemail]\nnumbers = [\"+{}\"]\n",
        customer.hours.days,
        customer.hours.open,
        customer.voicemail(),
    );
    text
}

fn shipped() -> String {
    SHIPPED
        .iter()
        .fold(String::new(), |text, detection| format!("{text}[[ips]]\nuse = {:?}\n\n", detection.name))
}

/// The thresholds of the files of `folder`, as rules of the customer's own: to tune without a build.
fn written_out(folder: &Path) -> String {
    let mut text = String::new();
    for detection in SHIPPED {
        let path = folder.join(detection.name).with_extension("toml");
        let source =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tables = source.split("[[ips]]").skip(1).enumerate();
        for (index, table) in tables {
            let lines = table.lines().filter(|line| !line.starts_with("needs = "));
            let table = lines.collect::<Vec<_>>().join("\n").replace("@do-not-originate", "@never-calling");
            let _ = writeln!(text, "[[ips]]\nname = \"{}{VARIANT}{index}\"{table}", detection.name);
        }
    }
    text
}

/// The detection that the rule `name` belongs to.
pub(crate) fn detection(name: &str) -> &str {
    name.split(VARIANT).next().unwrap_or(name)
}

/// What stands between the name of a detection and the number of one of its thresholds that are written out.
const VARIANT: &str = " #";

/// What calls cost it: a tariff as carriers have them.
fn rates(customer: &Customer) -> String {
    let mut rates = String::from("prefix,per_minute,currency\n");
    let home = customer.region.country();
    for zone in ["1", "2", "3", "4", "5", "6", "7", "8", "9"].into_iter().filter(|zone| *zone != home) {
        let _ = writeln!(rates, "{zone},0.12,USD");
    }
    let _ = writeln!(rates, "{home},0.01,USD");
    for prefix in &customer.high_risk {
        let _ = writeln!(rates, "{prefix},0.80,USD");
    }
    rates
}
