//! `controls`: places whose answer shows that this vantage is online.

use super::Control;
use super::reading::At;
use super::value::{self, UrlUse};

/// Each is asked whenever something fails.
const CONTROLS_MAX: usize = 20;

pub(super) fn controls(at: &At<'_>) -> Vec<Control> {
    let items = at.items().unwrap_or_default();
    if items.len() > CONTROLS_MAX {
        at.problem(format!("has {} places; the most is {CONTROLS_MAX}", items.len()));
    }
    let mut controls = Vec::new();
    for item in items {
        let Some(control) = item.parse(control) else { continue };
        if controls.contains(&control) {
            item.problem("is here for the second time; remove it");
        }
        controls.push(control);
    }
    controls
}

const WEB: UrlUse = UrlUse {
    owner: None,
    schemes: &["http", "https"],
    credentials: "a control is asked without one",
};

/// `tcp://host:port`, `http://...`, `https://...`.
fn control(text: &str) -> Result<Control, String> {
    if let Some(address) = text.strip_prefix("tcp://") {
        let (host, port) = value::host_port(address, None)?;
        return Ok(Control::Tcp { host, port });
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(format!("\"{text}\" has no scheme; write tcp://host:port or a URL"));
    };
    if !WEB.schemes.contains(&&*scheme.trim().to_ascii_lowercase()) {
        return Err("is neither tcp://host:port nor an http:// or https:// URL".into());
    }
    value::url(text, &WEB).map(Control::Http)
}
