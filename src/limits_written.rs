//! A policy text with other limits, and with what is in shadow in force: line by line, so that all else stays as it was written.

/// A text, and what could not be said in it.
pub(crate) struct Written {
    pub(crate) text: String,
    /// A sentence each.
    pub(crate) left: Vec<String>,
}

/// `source` with these limits: label of a threshold, its warning limit, and the multiple and floor where its limit is one.
pub(crate) fn with_limits<'a>(
    source: &str,
    limits: impl Iterator<Item = (&'a str, f64, Option<(f64, f64)>)>,
) -> Written {
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    let mut left = Vec::new();
    for (label, limit, multiple) in limits {
        let Some((start, end)) = table(&lines, "[[ips]]", label) else {
            left.push(format!("the limit of \"{label}\" is not in this file, and was not written"));
            continue;
        };
        let done = match multiple {
            Some((times, floor)) => set_baseline(&mut lines, (start, end), times, floor),
            None => set(&mut lines, (start, end), "warning", &number(limit)),
        };
        if !done {
            // A threshold of a shipped detection has its limit there: a line of its own stands for it.
            let line = match multiple {
                Some((times, floor)) => format!("baseline = {{ times = {times}, floor = {floor} }}"),
                None => format!("warning = {}", number(limit)),
            };
            lines.insert(start + 1, line);
        }
    }
    Written { text: lines.join("\n") + "\n", left }
}

/// `source` with the rule or threshold `name` in force instead of in shadow; `None` when it is not in shadow there.
pub(crate) fn enforced(source: &str, name: &str) -> Option<String> {
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    let place = table(&lines, "[[ips]]", name).or_else(|| table(&lines, "[[firewall]]", name))?;
    let is_shadow = lines
        .get(place.0..place.1)?
        .iter()
        .any(|line| key_of(line) == Some("mode") && line.contains("\"shadow\""));
    (is_shadow && set(&mut lines, place, "mode", "\"enforce\"")).then(|| lines.join("\n") + "\n")
}

/// The lines of the table under `heading` that is called `label`: those after its heading, up to the next table.
fn table(lines: &[String], heading: &str, label: &str) -> Option<(usize, usize)> {
    // A second variant of a detection has no table of its own.
    let names = [format!("name = \"{label}\""), format!("use = \"{label}\"")];
    let mut starts = lines.iter().enumerate().filter(|(_, line)| line.trim() == heading);
    starts.find_map(|(start, _)| {
        let length =
            lines.iter().skip(start + 1).take_while(|line| !line.trim_start().starts_with('[')).count();
        let end = start + 1 + length;
        let of = lines.get(start + 1..end)?;
        let is_named = |line: &String| {
            let line: String =
                line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            names.contains(&line)
        };
        of.iter().any(is_named).then_some((start, end))
    })
}

/// Puts `value` in place of the one of `key`. Returns whether it was there.
fn set(lines: &mut [String], (start, end): (usize, usize), key: &str, value: &str) -> bool {
    let of = lines.get_mut(start..end).unwrap_or_default();
    let Some(line) = of.iter_mut().find(|line| key_of(line) == Some(key)) else { return false };
    let comment = line.find('#').and_then(|at| line.get(at..)).map(|comment| format!(" {comment}"));
    *line = format!("{key} = {value}{}", comment.unwrap_or_default());
    true
}

/// Puts `times` and `floor` into an inline `baseline`. Returns whether there is one.
fn set_baseline(lines: &mut [String], place: (usize, usize), times: f64, floor: f64) -> bool {
    let of = lines.get_mut(place.0..place.1).unwrap_or_default();
    let Some(line) = of.iter_mut().find(|line| key_of(line) == Some("baseline")) else { return false };
    let inside = line.find('{').zip(line.rfind('}')).and_then(|(open, close)| line.get(open + 1..close));
    let others: Vec<&str> = inside.into_iter().flat_map(|inside| inside.split(',')).map(str::trim).collect();
    let others = others.into_iter().filter(|one| !matches!(key_of(one), Some("times" | "floor")));
    let mut fields = vec![format!("times = {times}"), format!("floor = {floor}")];
    fields.extend(others.filter(|one| !one.is_empty()).map(str::to_owned));
    *line = format!("baseline = {{ {} }}", fields.join(", "));
    true
}

/// The key that a line gives a value.
fn key_of(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim())
}

/// A limit as policies write it.
fn number(limit: f64) -> String {
    if limit.fract() == 0.0 { format!("{limit:.0}") } else { format!("{limit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"[customer]
name = "Acme"

[[firewall]]
name = "scanner"
mode = "shadow" # since May
action = "block"

[[ips]]
name    = "busy hour"
baseline = { times = 3, hours_of_week = true, floor = 2 }
mode = "shadow"

[[ips]]
name = "rush"
warning = 10 # a guess

[[ips]]
use = "wangiri"
"#;

    #[test]
    fn limits_are_put_where_they_stand_and_nothing_else_changes() {
        let limits = [
            ("rush", 42.0, None),
            ("busy hour", 9.0, Some((2.5, 12.0))),
            ("wangiri", 7.0, None),
            ("gone", 1.0, None),
        ];
        let written = with_limits(POLICY, limits.into_iter());
        let expected = POLICY
            .replace("warning = 10 # a guess", "warning = 42 # a guess")
            .replace(
                "{ times = 3, hours_of_week = true, floor = 2 }",
                "{ times = 2.5, floor = 12, hours_of_week = true }",
            )
            .replace("[[ips]]\nuse = \"wangiri\"", "[[ips]]\nwarning = 7\nuse = \"wangiri\"");
        assert_eq!(written.text, expected);
        assert_eq!(written.left.len(), 1);
    }

    #[test]
    fn a_shadow_rule_goes_into_force_alone() {
        let text = enforced(POLICY, "scanner").unwrap();
        assert_eq!(
            text,
            POLICY.replacen("mode = \"shadow\" # since May", "mode = \"enforce\" # since May", 1)
        );
        assert_eq!(enforced(POLICY, "rush"), None);
    }
}
