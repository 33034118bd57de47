//! Which controls belong to a form and what each of them sends (HTML standard, "constructing the
//! entry list").

use std::collections::HashMap;

use scraper::ElementRef;

/// What a control of a form sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe::login) struct Entry {
    pub(in crate::probe::login) name: String,
    pub(in crate::probe::login) value: EntryValue,
}

/// The value of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe::login) enum EntryValue {
    Text(String),
    /// A file control in which no file was chosen.
    NoFile,
    /// The form has the control and sends nothing for it: a box that is not ticked, a button that
    /// was not pressed, what is disabled.
    Unsent,
}

/// By itself or by a fieldset around it whose first legend it is not in.
pub(in crate::probe::login) fn is_disabled(control: ElementRef<'_>) -> bool {
    if control.attr("disabled").is_some() {
        return true;
    }
    let mut path = vec![control];
    for ancestor in control.ancestors().filter_map(ElementRef::wrap) {
        if ancestor.value().name() == "fieldset" && ancestor.attr("disabled").is_some() {
            let legend = ancestor.child_elements().find(|child| child.value().name() == "legend");
            if legend.is_none_or(|legend| !path.contains(&legend)) {
                return true;
            }
        }
        path.push(ancestor);
    }
    false
}

fn kind(control: ElementRef<'_>) -> String {
    control.attr("type").unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether pressing it submits the form.
pub(in crate::probe::login) fn is_submit(control: ElementRef<'_>) -> bool {
    match (control.value().name(), kind(control).as_str()) {
        ("input", "submit" | "image") => true,
        ("button", kind) => !matches!(kind, "button" | "reset"),
        _ => false,
    }
}

/// How a form is read: what is pressed, which radio button of each name is on, and the name of the
/// charset that it is sent in.
#[derive(Clone, Copy)]
pub(in crate::probe::login) struct Sending<'d> {
    pub(in crate::probe::login) pressed: Option<ElementRef<'d>>,
    pub(in crate::probe::login) radios: &'d HashMap<&'d str, ElementRef<'d>>,
    pub(in crate::probe::login) charset: &'static str,
}

/// Of the radio buttons of one name the last that is checked: it turns the others off.
pub(in crate::probe::login) fn radios<'d>(
    controls: &[ElementRef<'d>],
) -> HashMap<&'d str, ElementRef<'d>> {
    let checked = controls.iter().filter(|control| {
        control.value().name() == "input"
            && kind(**control) == "radio"
            && control.attr("checked").is_some()
    });
    checked.filter_map(|radio| Some((radio.attr("name")?, *radio))).collect()
}

/// Adds what a control sends.
pub(in crate::probe::login) fn entries(
    control: ElementRef<'_>,
    sending: Sending<'_>,
    fields: &mut Vec<Entry>,
) {
    let name = control.attr("name").unwrap_or_default();
    let kind = kind(control);
    let is_pressed = sending.pressed == Some(control);
    let is_silent = (is_disabled(control) && !is_pressed) || is_in_datalist(control);
    if control.value().name() == "input" && kind == "image" {
        if is_pressed {
            let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
            let at = |axis| text(&format!("{prefix}{axis}"), "0".to_owned());
            fields.extend(["x", "y"].map(at));
        }
        return;
    }
    if name.is_empty() {
        return;
    }
    let unsent = || Entry { name: name.to_owned(), value: EntryValue::Unsent };
    if is_silent {
        fields.push(unsent());
        return;
    }
    let value = || control.attr("value").unwrap_or_default().to_owned();
    let sends = match (control.value().name(), kind.as_str()) {
        ("button", _) | ("input", "submit") => is_pressed.then(value),
        ("input", "reset" | "button") => None,
        ("input", "file") => {
            fields.push(Entry { name: name.to_owned(), value: EntryValue::NoFile });
            return;
        }
        ("input", kind @ ("checkbox" | "radio")) => {
            let ticked = match kind {
                "radio" => sending.radios.get(name) == Some(&control),
                _ => control.attr("checked").is_some(),
            };
            ticked.then(|| control.attr("value").unwrap_or("on").to_owned())
        }
        ("select", _) => {
            let before = fields.len();
            fields.extend(chosen(control).map(|value| text(name, value)));
            if fields.len() == before {
                fields.push(unsent());
            }
            return;
        }
        ("textarea", _) => Some(control.text().collect()),
        ("input", "hidden") if name.eq_ignore_ascii_case("_charset_") => {
            Some(sending.charset.to_owned())
        }
        (_, kind) => Some(sanitized(kind, value(), control)),
    };
    fields.push(sends.map_or_else(unsent, |value| text(name, value)));
    if let Some(name) = control.attr("dirname").filter(|name| !name.is_empty()) {
        fields.push(text(name, direction(control)));
    }
}

fn text(name: &str, value: String) -> Entry {
    Entry { name: name.to_owned(), value: EntryValue::Text(value) }
}

fn is_in_datalist(control: ElementRef<'_>) -> bool {
    control.ancestors().filter_map(ElementRef::wrap).any(|a| a.value().name() == "datalist")
}

/// A value as the type of its `<input>` leaves it (HTML standard, "value sanitization algorithm").
fn sanitized(kind: &str, value: String, control: ElementRef<'_>) -> String {
    match kind {
        "hidden" => value,
        "number" => number(&value).map(|_| value).unwrap_or_default(),
        "range" => {
            let limit = |name: &str| control.attr(name).and_then(number);
            let least = limit("min").unwrap_or(0.0);
            let most = limit("max").unwrap_or(100.0).max(least);
            match number(&value) {
                Some(number) if (least..=most).contains(&number) => value,
                Some(number) => number.clamp(least, most).to_string(),
                None => (least + (most - least) / 2.0).to_string(),
            }
        }
        "color" => {
            let digits = value.strip_prefix('#').unwrap_or_default();
            let is_color = digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit());
            if is_color { value.to_ascii_lowercase() } else { "#000000".to_owned() }
        }
        "email" if control.attr("multiple").is_some() => {
            value.split(',').map(str::trim_ascii).collect::<Vec<_>>().join(",")
        }
        "url" | "email" => value.replace(['\r', '\n'], "").trim_ascii().to_owned(),
        _ => value.replace(['\r', '\n'], ""),
    }
}

/// HTML standard, "valid floating-point number": `f64` reads more, such as `+1`, `1.` and `inf`.
fn number(text: &str) -> Option<f64> {
    let is_digit = |c: char| c.is_ascii_digit();
    let has_digits = |rest: &str| rest.starts_with(is_digit);
    let is_written_so = !text.starts_with('+')
        && text.chars().all(|c| is_digit(c) || "+-.eE".contains(c))
        && text.split('.').skip(1).all(has_digits);
    text.parse::<f64>().ok().filter(|number| is_written_so && number.is_finite())
}

/// `rtl` where the control or something around it says so.
fn direction(control: ElementRef<'_>) -> String {
    let mut around = control.ancestors().filter_map(ElementRef::wrap);
    let said = control.attr("dir").or_else(|| around.find_map(|element| element.attr("dir")));
    let is_rtl = said.is_some_and(|said| said.eq_ignore_ascii_case("rtl"));
    if is_rtl { "rtl" } else { "ltr" }.to_owned()
}

/// The values of the chosen options.
fn chosen(select: ElementRef<'_>) -> impl Iterator<Item = String> {
    let options: Vec<ElementRef<'_>> = select
        .descendants()
        .filter_map(ElementRef::wrap)
        .filter(|element| element.value().name() == "option")
        .collect();
    let disabled = |option: &ElementRef<'_>| {
        let mut groups = option.ancestors().filter_map(ElementRef::wrap);
        option.attr("disabled").is_some()
            || groups
                .any(|group| group.value().name() == "optgroup" && group.attr("disabled").is_some())
    };
    let multiple = select.attr("multiple").is_some();
    let mut chosen: Vec<ElementRef<'_>> =
        options.iter().copied().filter(|option| option.attr("selected").is_some()).collect();
    if !multiple {
        // The last one that says so wins; without any a drop-down shows its first, and a list of
        // several lines shows none.
        let is_list = select.attr("size").is_some_and(|size| rows(size) > 1);
        let first = || options.iter().copied().find(|o| !is_list && !disabled(o));
        chosen = chosen.pop().or_else(first).into_iter().collect();
    }
    chosen.retain(|option| !disabled(option));
    chosen.into_iter().map(|option| match option.attr("value") {
        Some(value) => value.to_owned(),
        None => {
            let text: String = option.text().collect();
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        }
    })
}

/// HTML standard, "rules for parsing non-negative integers"; what is no number is 1.
fn rows(size: &str) -> u32 {
    let size = size.trim_ascii_start();
    let size = size.strip_prefix('+').unwrap_or(size);
    let end = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
    size[..end].parse().unwrap_or(1)
}
