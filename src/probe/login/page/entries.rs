//! Which controls belong to a form and what each of them sends (HTML standard, "constructing the
//! entry list").

use scraper::{ElementRef, Html, Selector};

/// The form's controls in the page's order, those elsewhere on the page included that name the
/// form, without the disabled ones.
pub(in crate::probe::login) fn controls<'d>(
    document: &'d Html,
    form: ElementRef<'d>,
) -> Vec<ElementRef<'d>> {
    let Ok(selector) = Selector::parse("input, button, select, textarea") else {
        return Vec::new();
    };
    let id = form.attr("id").filter(|id| !id.is_empty());
    let belongs = |control: &ElementRef<'_>| match control.attr("form") {
        Some(owner) => Some(owner) == id,
        None => control.ancestors().any(|node| node.id() == form.id()),
    };
    document
        .select(&selector)
        .filter(|control| belongs(control) && !is_disabled(*control))
        .collect()
}

/// By itself or by a fieldset around it whose first legend it is not in.
fn is_disabled(control: ElementRef<'_>) -> bool {
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

/// Adds what a control sends.
pub(in crate::probe::login) fn entries(
    control: ElementRef<'_>,
    pressed: Option<ElementRef<'_>>,
    fields: &mut Vec<(String, String)>,
) {
    let name = control.attr("name").unwrap_or_default();
    let value = || control.attr("value").map(str::to_owned);
    let kind = kind(control);
    let is_pressed = pressed == Some(control);
    if control.value().name() == "input" && kind == "image" {
        if is_pressed {
            let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
            fields.extend(["x", "y"].map(|axis| (format!("{prefix}{axis}"), "0".to_owned())));
        }
        return;
    }
    if name.is_empty() {
        return;
    }
    let value = match (control.value().name(), kind.as_str()) {
        ("button", _) | ("input", "submit") => is_pressed.then(|| value().unwrap_or_default()),
        ("input", "reset" | "button" | "file") => None,
        ("input", "checkbox" | "radio") => {
            let checked = control.attr("checked").is_some();
            checked.then(|| value().unwrap_or_else(|| "on".to_owned()))
        }
        ("select", _) => {
            fields.extend(chosen(control).map(|value| (name.to_owned(), value)));
            None
        }
        ("textarea", _) => {
            let text: String = control.text().collect();
            // A newline in an entry list is CR LF.
            Some(text.replace("\r\n", "\n").replace('\n', "\r\n"))
        }
        _ => Some(value().unwrap_or_default()),
    };
    fields.extend(value.map(|value| (name.to_owned(), value)));
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
        // The last one that says so wins; without any a drop-down shows its first.
        let shown = chosen.pop().or_else(|| options.iter().copied().find(|o| !disabled(o)));
        chosen = shown.into_iter().collect();
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
