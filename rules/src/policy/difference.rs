//! What sets two versions of a policy apart, told by the names of rules and lists.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::number::Number;
use crate::policy::{List, ListContent, PolicyText};

/// One thing that is another in the newer version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is: `customer`, `hours`, `list`, `rule`, `threshold` or `expect`.
    pub kind: &'static str,
    /// Its name; empty for the customer.
    pub name: String,
    /// What became of it.
    pub change: Change,
}

/// What became of a named part of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Some of its keys say something else.
    Changed(Vec<Field>),
    /// It stands elsewhere among the rules in force in both: behind this one, or first.
    Moved(Option<String>),
    /// Other numbers are on it.
    Numbers(Numbers),
}

/// One key whose value is another, as TOML writes it; `None` where it is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key, with the keys of the tables around it.
    pub key: String,
    /// Before.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// Numbers that came and went, and the first few of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Numbers that are new.
    pub added: usize,
    /// Some of them, the lowest first.
    pub first_added: Vec<Number>,
    /// Numbers that are gone.
    pub removed: usize,
    /// Some of them, the lowest first.
    pub first_removed: Vec<Number>,
    /// Whether prefixes or ranges hold more, and a number that only they hold now.
    pub wider: Option<Number>,
    /// Whether they hold less, and a number that they no longer hold.
    pub narrower: Option<Number>,
}

/// All that sets `new` apart from `old`, in the order of a policy file.
pub fn differences(old: &PolicyText, new: &PolicyText) -> Vec<Difference> {
    let (before, after) = (table(old), table(new));
    let mut found = Vec::new();
    let empty = Table::new();
    let part =
        |table: &'_ Table, key: &str| table.get(key).and_then(Value::as_table).unwrap_or(&empty).clone();
    compare("customer", "", &part(&before, "customer"), &part(&after, "customer"), &mut found);
    for (kind, key) in [("hours", "hours"), ("list", "lists")] {
        named(kind, tables(part(&before, key)), tables(part(&after, key)), &mut found);
    }
    for list in &new.lists {
        let former = old.lists.iter().find(|former| former.name == list.name);
        if let Some(numbers) = former.and_then(|former| numbers(former, list)) {
            found.push(Difference {
                kind: "list",
                name: list.name.clone(),
                change: Change::Numbers(numbers),
            });
        }
    }
    for (kind, key) in [("rule", "firewall"), ("threshold", "ips"), ("expect", "expect")] {
        let (one, other) = (entries(&before, key), entries(&after, key));
        if kind == "rule" {
            moved(&one, &other, &mut found);
        }
        named(kind, one, other, &mut found);
    }
    found
}

fn table(policy: &PolicyText) -> Table {
    // It was read before.
    policy.source.parse().unwrap_or_default()
}

fn tables(of: Table) -> Vec<(String, Table)> {
    of.into_iter().filter_map(|(name, value)| Some((name, value.as_table()?.clone()))).collect()
}

/// The tables of an array, each with the name that tells it from the others.
fn entries(table: &Table, key: &str) -> Vec<(String, Table)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let all = table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    all.map(|entry| {
        let word = |key: &str| entry.get(key).and_then(Value::as_str);
        let name = word("name")
            .or_else(|| word("use"))
            .map_or_else(|| entry.get("call").map_or_else(String::new, ToString::to_string), str::to_owned);
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        (if *count > 1 { format!("{name}#{count}") } else { name }, entry.clone())
    })
    .collect()
}

fn named(
    kind: &'static str,
    old: Vec<(String, Table)>,
    new: Vec<(String, Table)>,
    found: &mut Vec<Difference>,
) {
    let former: BTreeMap<&str, &Table> = old.iter().map(|(name, table)| (name.as_str(), table)).collect();
    let names: BTreeSet<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in old.iter().filter(|(name, _)| !names.contains(name.as_str())) {
        found.push(Difference { kind, name: name.clone(), change: Change::Removed });
    }
    for (name, table) in &new {
        match former.get(name.as_str()) {
            None => found.push(Difference { kind, name: name.clone(), change: Change::Added }),
            Some(before) => compare(kind, name, before, table, found),
        }
    }
}

fn compare(kind: &'static str, name: &str, old: &Table, new: &Table, found: &mut Vec<Difference>) {
    let mut fields = Vec::new();
    changed("", old, new, &mut fields);
    // Of a list the numbers themselves are told by what they stand for.
    fields.retain(|field| kind != "list" || field.key != "numbers");
    if !fields.is_empty() {
        found.push(Difference { kind, name: name.to_owned(), change: Change::Changed(fields) });
    }
}

fn changed(above: &str, old: &Table, new: &Table, fields: &mut Vec<Field>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match (old.get(key), new.get(key)) {
            (Some(Value::Table(old)), Some(Value::Table(new))) => changed(&path, old, new, fields),
            (old, new) if old == new => {}
            (old, new) => {
                let text = |value: &Value| value.to_string();
                fields.push(Field { key: path, old: old.map(text), new: new.map(text) });
            }
        }
    }
}

/// Rules that both have, but in another order: the fewest that were moved are named.
fn moved(old: &[(String, Table)], new: &[(String, Table)], found: &mut Vec<Difference>) {
    let places: BTreeMap<&str, usize> =
        (0..).zip(old).map(|(place, (name, _))| (name.as_str(), place)).collect();
    let common: Vec<(&str, usize)> =
        new.iter().filter_map(|(name, _)| Some((name.as_str(), *places.get(name.as_str())?))).collect();
    // Who is not on a longest run of ascending places was moved. `runs` holds, for each length, the run that ends lowest.
    let mut runs: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(common.len());
    for (index, (_, place)) in common.iter().enumerate() {
        let at = runs.partition_point(|end| common.get(*end).is_some_and(|(_, other)| other < place));
        before.push(at.checked_sub(1).and_then(|at| runs.get(at).copied()));
        if at == runs.len() {
            runs.push(index)
        } else {
            runs.splice(at..=at, [index]);
        }
    }
    let mut stays = BTreeSet::new();
    let mut next = runs.last().copied();
    while let Some(index) = next {
        stays.insert(index);
        next = before.get(index).copied().flatten();
    }
    for (index, (name, _)) in common.iter().enumerate().filter(|(index, _)| !stays.contains(index)) {
        let behind =
            index.checked_sub(1).and_then(|index| common.get(index)).map(|(name, _)| (*name).to_owned());
        found.push(Difference { kind: "rule", name: (*name).to_owned(), change: Change::Moved(behind) });
    }
}

fn numbers(old: &List, new: &List) -> Option<Numbers> {
    let (
        ListContent::Numbers { exact: before, ranges: old_ranges },
        ListContent::Numbers { exact: after, ranges: new_ranges },
    ) = (&old.content, &new.content)
    else {
        return None;
    };
    let (added, first_added) =
        first(after.iter().map(|(number, _)| number).filter(|number| before.row(*number).is_none()));
    let (removed, first_removed) =
        first(before.iter().map(|(number, _)| number).filter(|number| after.row(*number).is_none()));
    let (old_set, new_set) = (old_ranges.to_set(), new_ranges.to_set());
    let numbers = Numbers {
        added,
        first_added,
        removed,
        first_removed,
        wider: new_set.difference(&old_set).witness(),
        narrower: old_set.difference(&new_set).witness(),
    };
    (numbers != Numbers::default()).then_some(numbers)
}

/// How many there are, and the lowest few.
fn first(numbers: impl Iterator<Item = Number>) -> (usize, Vec<Number>) {
    let mut lowest = BTreeSet::new();
    let mut count = 0;
    for number in numbers {
        count += 1;
        lowest.insert(number);
        if lowest.len() > FIRST_MAX {
            lowest.pop_last();
        }
    }
    (count, lowest.into_iter().collect())
}

/// Numbers that are named.
const FIRST_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::policy::{MemoryFiles, read};

    fn policy(rules: &[&str], list: &str) -> PolicyText {
        let rules: String = rules.iter().map(|rule| format!("[[firewall]]\n{rule}\n")).collect();
        let text = format!(
            "[customer]\nname = \"Acme\"\nregion = \"US\"\n[lists.bad]\nnumbers_file = \"bad.csv\"\n{rules}[[firewall]]\nname = \"listed\"\nwhen = {{ caller = \"@bad\" }}\naction = \"block\"\n"
        );
        let files = MemoryFiles::new().with("bad.csv", list);
        let reading = read("acme.toml", &text, &files, Timestamp::default());
        reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics))
    }

    const A: &str = "name = \"a\"\nwhen = { caller = \"+12025550143\" }\naction = \"block\"";
    const A_ELSE: &str =
        "name = \"a\"\nwhen = { caller = \"+12025550144\", direction = \"inbound\" }\naction = \"block\"";
    const B: &str = "name = \"b\"\nwhen = { caller = \"+12025550150\" }\naction = { block = 480 }";
    const C: &str = "name = \"c\"\nwhen = { caller = \"+12025550151\" }\naction = { block = 480 }";

    #[test]
    fn rules_are_told_by_name_and_keys_by_what_they_say() {
        let list = "number\n+12025550199\n";
        let found = differences(&policy(&[A, B], list), &policy(&[A_ELSE, C], list));
        let field = |key: &str, old: Option<&str>, new: &str| Field {
            key: key.to_owned(),
            old: old.map(str::to_owned),
            new: Some(new.to_owned()),
        };
        let of = |name: &str, change| Difference { kind: "rule", name: name.to_owned(), change };
        assert_eq!(
            found,
            [
                of("b", Change::Removed),
                of(
                    "a",
                    Change::Changed(vec![
                        field("when.caller", Some("\"+12025550143\""), "\"+12025550144\""),
                        field("when.direction", None, "\"inbound\""),
                    ])
                ),
                of("c", Change::Added),
            ]
        );
        assert_eq!(differences(&policy(&[A, B], list), &policy(&[A, B], list)), []);
    }

    #[test]
    fn a_rule_that_only_stands_elsewhere_is_the_one_that_is_named() {
        let list = "number\n+12025550199\n";
        let found = differences(&policy(&[A, B, C], list), &policy(&[C, A, B], list));
        assert_eq!(found, [Difference { kind: "rule", name: "c".to_owned(), change: Change::Moved(None) }]);
        let found = differences(&policy(&[A, B, C], list), &policy(&[B, C, A], list));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].change, Change::Moved(Some("c".to_owned())));
    }

    #[test]
    fn numbers_of_lists_are_counted_and_the_first_are_named() {
        let found = differences(
            &policy(&[], "number\n+12025550199\n+12025550198\n+4420*\n"),
            &policy(&[], "number\n+12025550199\n2025550101\n+12025550100\n+44*\n"),
        );
        let [Difference { kind: "list", name, change: Change::Numbers(numbers) }] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((name.as_str(), numbers.added, numbers.removed), ("bad", 2, 1));
        assert_eq!(numbers.first_added[0].to_string(), "+12025550100");
        assert!(numbers.wider.is_some() && numbers.narrower.is_none());
    }
}
