//! Styles of HTML that make text which nobody sees (B-1).

/// What a style sheet hides, by class and by name.
#[derive(Default)]
pub(super) struct Sheet {
    classes: Vec<String>,
    ids: Vec<String>,
}

impl Sheet {
    /// Reads the rules of a sheet that name one class or one element. What holds only on some screens is left out.
    pub(super) fn take(&mut self, sheet: &str) {
        self.take_rules(&without_comments(sheet).to_lowercase(), true);
    }

    fn take_rules(&mut self, sheet: &str, is_outermost: bool) {
        let mut rest = sheet;
        while let Some((selectors, behind)) = rest.split_once('{') {
            let is_conditional = selectors.trim_start().starts_with('@');
            let (style, behind) =
                if is_conditional { block(behind) } else { behind.split_once('}').unwrap_or((behind, "")) };
            rest = behind;
            // "screen" and "all" hold; a width, or "print", may not.
            let holds = !selectors.contains('(') && !selectors.contains("print");
            if is_conditional && is_outermost && holds {
                self.take_rules(style, false);
            }
            if is_conditional || !is_unseen(style) {
                continue;
            }
            for selector in selectors.split(',').map(str::trim) {
                let (names, name) = match selector.rsplit_once(['.', '#']) {
                    Some((before, name))
                        if selector.get(before.len()..).is_some_and(|it| it.starts_with('#')) =>
                    {
                        (&mut self.ids, name)
                    }
                    Some((_, name)) => (&mut self.classes, name),
                    None => continue,
                };
                let is_plain = name.chars().all(|it| it.is_alphanumeric() || matches!(it, '-' | '_'));
                if is_plain && names.len() < NAMES_MAX {
                    names.push(name.to_owned());
                }
            }
        }
    }

    /// Whether an element of these classes and this name is hidden.
    pub(super) fn hides(&self, classes: &str, id: &str) -> bool {
        !self.classes.is_empty()
            && classes.split_whitespace().any(|it| self.classes.iter().any(|name| name == it))
            || self.ids.iter().any(|name| name == id)
    }
}

/// A block with blocks inside, up to its end, and what is behind.
fn block(text: &str) -> (&str, &str) {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        }
    }
    (text, "")
}

fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = behind.split_once("*/").map_or("", |(_, behind)| behind);
    }
    plain + rest
}

/// Whether a style makes text that nobody sees: not shown, struck out, of no size, off the page, of its background's colour.
pub(super) fn is_unseen(style: &str) -> bool {
    let style: String = without_comments(style).chars().filter(|it| !it.is_whitespace()).collect();
    // Nobody but who hides something writes the names of rules with escapes.
    if style.split(';').any(|rule| rule.split(':').next().is_some_and(|name| name.contains('\\'))) {
        return true;
    }
    let (mut colour, mut ground) = (None, None);
    for rule in style.split(';') {
        let Some((name, value)) = rule.split_once(':') else { continue };
        let value = value.trim_end_matches("!important");
        let zero = || {
            value.starts_with('0')
                && value.trim_start_matches(['0', '.']).trim_start_matches(char::is_alphabetic).is_empty()
        };
        let unseen = match name {
            "display" => value == "none",
            "visibility" => matches!(value, "hidden" | "collapse"),
            "content-visibility" => value == "hidden",
            "text-decoration" | "text-decoration-line" => value.contains("line-through"),
            "font-size" => zero() || value == "1px",
            "opacity" => zero(),
            "clip" => value.starts_with("rect(0"),
            "clip-path" => value.starts_with("inset(100") || value.starts_with("inset(50%"),
            "transform" => value.contains("scale(0)") || value.contains("scale(0,"),
            "max-height" | "height" | "max-width" | "width" => zero() && style.contains("overflow:hidden"),
            "text-indent" | "left" | "top" | "margin-left" => value.starts_with("-9"),
            "mso-hide" => value == "all",
            "color" => {
                colour = Some(value);
                value == "transparent"
            }
            "background" | "background-color" => {
                ground = Some(value).filter(|it| !matches!(*it, "transparent" | "inherit" | "none"));
                false
            }
            _ => false,
        };
        if unseen {
            return true;
        }
    }
    colour.is_some_and(|colour| {
        ground.map_or_else(
            || is_white(colour),
            |ground| colour == ground || is_white(colour) && is_white(ground),
        )
    })
}

fn is_white(value: &str) -> bool {
    matches!(value, "white" | "#fff" | "#ffffff" | "rgb(255,255,255)" | "rgba(255,255,255,1)" | "#fefefe")
}

/// A sheet that hides more is no mail of a person.
const NAMES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_what_nobody_sees_is_told_by_its_style() {
        for style in [
            "display:none",
            "display : none !important",
            "dis/**/play:none",
            "d\\69splay:none",
            "color:#123456;background:#123456",
            "color:white",
            "color:#fff;background-color:white",
            "text-decoration: line-through",
            "transform:scale(0)",
            "clip:rect(0,0,0,0)",
            "font-size:0px",
        ] {
            assert!(is_unseen(style), "{style}");
        }
        for style in
            ["color:white;background:#123456", "color:red", "display:block", "font-size:10pt", "width:0", ""]
        {
            assert!(!is_unseen(style), "{style}");
        }
    }

    #[test]
    fn b1_a_sheet_hides_by_class_and_by_name() {
        let mut sheet = Sheet::default();
        sheet.take("/* x */ p.x, .y {display:none} #z{font-size:0} .seen{color:red} @media print{.m{display:none}} @media screen{.n{display:none}}");
        let hides = ["x", "y", "n", "seen y", "seen", "m", "z"].map(|class| sheet.hides(class, ""));
        assert_eq!(hides, [true, true, true, true, false, false, false]);
        assert!(sheet.hides("", "z") && !sheet.hides("", "x"));
    }
}
