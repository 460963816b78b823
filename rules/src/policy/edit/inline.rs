//! Numbers that stand in the policy file itself: put in and taken out without touching anything else in it.

use toml::{Table, Value};

use crate::policy::{List, PolicyText, Span};

/// The text of `policy` with `numbers` behind those of `list`.
pub(super) fn with(policy: &PolicyText, list: &List, numbers: &[String]) -> Result<String, String> {
    let source = &policy.source;
    let spans: Vec<&Span> = list.source.inline.iter().map(|(_, span)| span).collect();
    let Some(last) = spans.last() else { return Err(no_place(list)) };
    let quoted = |number: &String| format!("\"{number}\"");
    let before = source.get(..last.start).unwrap_or_default();
    let text = if spans.len() == 1 && before.trim_end().ends_with('=') {
        let all: Vec<String> = [source.get((*last).clone()).unwrap_or_default().to_owned()]
            .into_iter()
            .chain(numbers.iter().map(quoted))
            .collect();
        replaced(source, last, &format!("[{}]", all.join(", ")))
    } else {
        let between = spans.get(spans.len().wrapping_sub(2)).filter(|_| spans.len() > 1);
        let between = between.and_then(|other| source.get(other.end..last.start));
        let is_plain = |text: &&str| text.trim() == ",";
        let separator = between.filter(is_plain).unwrap_or(", ");
        let new: String = numbers.iter().map(|number| format!("{separator}{}", quoted(number))).collect();
        replaced(source, &(last.end..last.end), &new)
    };
    let mut expected = parsed(source)?;
    edit(&mut expected, list, |all| all.extend(numbers.iter().map(|number| Value::from(number.as_str()))))?;
    proved(text, &expected)
}

/// The text of `policy` without the entries of `list` at `spans`.
pub(super) fn without(policy: &PolicyText, list: &List, spans: &[Span]) -> Result<String, String> {
    let source = &policy.source;
    let kept = list.source.inline.len() - spans.len();
    if kept == 0 && list.source.files.is_empty() {
        return Err(format!(
            "the list {:?} would hold nothing, and so its rule would do nothing: take both out of the policy",
            list.name
        ));
    }
    let mut text = source.clone();
    for span in spans.iter().rev() {
        let behind = source.get(span.end..).unwrap_or_default();
        let comma = behind.len() - behind.trim_start().len();
        let end = match behind.trim_start().strip_prefix(',') {
            Some(rest) => {
                let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                span.end + comma + 1 + blank
            }
            None => span.end,
        };
        text.replace_range(span.start..end, "");
    }
    let gone = |index: usize| list.source.inline.get(index).is_some_and(|(_, span)| spans.contains(span));
    let mut expected = parsed(source)?;
    edit(&mut expected, list, |all| {
        let mut index = 0;
        all.retain(|_| {
            index += 1;
            !gone(index - 1)
        });
    })?;
    proved(text, &expected)
}

/// `text`, a policy, with the file `name` named for `list`, which stands in it alone.
pub(super) fn with_file(text: String, list: &List, name: &str) -> Result<String, String> {
    let mut expected = parsed(&text)?;
    let lists = expected.get_mut("lists").and_then(Value::as_table_mut);
    let own = lists.and_then(|lists| lists.get_mut(&list.name)).and_then(Value::as_table_mut);
    own.ok_or_else(|| no_place(list))?.insert("numbers_file".to_owned(), Value::from(name));
    let is_head = |line: &str| {
        let head = line.split('#').next().unwrap_or_default().trim();
        let inner = head.strip_prefix("[lists.").and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.trim().trim_matches(['"', '\'']) == list.name)
    };
    let mut edited = String::with_capacity(text.len() + name.len() + 20);
    for line in text.split_inclusive('\n') {
        edited.push_str(line);
        if is_head(line) {
            let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
            if !line.ends_with('\n') {
                edited.push_str(end);
            }
            edited.push_str(&format!("numbers_file = {}{end}", Value::from(name)));
        }
    }
    proved(edited, &expected).map_err(|why| format!("{why}: it needs `numbers_file` for a reason or a date"))
}

fn replaced(source: &str, span: &Span, new: &str) -> String {
    let mut text = source.to_owned();
    text.replace_range(span.clone(), new);
    text
}

/// `text`, if it says just what is expected: an edit that would change anything else is none.
fn proved(text: String, expected: &Table) -> Result<String, String> {
    match text.parse::<Table>() {
        Ok(table) if table == *expected => Ok(text),
        _ => Err("the list is written in a way that cannot be changed by itself; change it in the policy"
            .to_owned()),
    }
}

fn parsed(source: &str) -> Result<Table, String> {
    source.parse().map_err(|error: toml::de::Error| error.message().to_owned())
}

fn edit(table: &mut Table, list: &List, change: impl FnOnce(&mut Vec<Value>)) -> Result<(), String> {
    let lists = table.get_mut("lists").and_then(Value::as_table_mut);
    let own = lists.and_then(|lists| lists.get_mut(&list.name)).and_then(Value::as_table_mut);
    let Some(numbers) = own.and_then(|own| own.get_mut("numbers")) else { return Err(no_place(list)) };
    if !numbers.is_array() {
        *numbers = Value::Array(vec![numbers.clone()]);
    }
    numbers.as_array_mut().map(change).ok_or_else(|| no_place(list))
}

fn no_place(list: &List) -> String {
    format!("the list {:?} has neither `numbers` nor a `numbers_file` to write to", list.name)
}
