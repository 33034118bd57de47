//! HTML forms, read as a browser would (HTML standard, "form submission algorithm"): hidden inputs
//! carry the CSRF token or the view state, so a login that does not send them back is refused.
//! What the controls of a form send is in [`entries`](super::entries).
//!
//! No script runs. What a script would add is written under `fields`.

use encoding_rs::{Encoding, UTF_8};
use http::Method;
use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::offload::{Budget, NotDone};
use crate::outcome::{Failure, Reason};
use crate::probe::markup;
use crate::probe::page::Page;

use super::entries::{controls, entries, is_submit};

/// Of one form; a page with more is no login page.
const FIELDS_MAX: usize = 2000;

/// A form as the page shows it, ready for other values and to be sent.
#[derive(Debug)]
pub(in crate::probe::login) struct Form {
    /// Where it goes.
    pub(in crate::probe::login) action: Url,
    /// GET or POST.
    pub(in crate::probe::login) method: Method,
    /// How the body is written.
    pub(in crate::probe::login) enctype: Enctype,
    /// How characters become bytes.
    pub(in crate::probe::login) charset: &'static Encoding,
    /// Names and values, in the page's order.
    pub(in crate::probe::login) fields: Vec<(String, String)>,
}

/// How a POST form is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe::login) enum Enctype {
    /// `application/x-www-form-urlencoded`
    UrlEncoded,
    /// `multipart/form-data` (RFC 7578)
    Multipart,
}

/// The page that a form is on.
#[derive(Clone, Copy)]
pub(in crate::probe::login) struct FormPage<'p> {
    /// Its final URL.
    pub(in crate::probe::login) url: &'p Url,
    /// Decoded.
    pub(in crate::probe::login) text: &'p str,
    /// What it was decoded from.
    pub(in crate::probe::login) charset: &'static Encoding,
}

/// Reads the first form that matches, pressed at `button` or else at its first button.
pub(in crate::probe::login) fn find(
    page: FormPage<'_>,
    form: &str,
    button: Option<&str>,
    budget: &Budget,
) -> Result<Form, Failure> {
    let found = find_in_time(page, form, button, budget);
    // What is missing may be in the part that was not looked at.
    if budget.is_exhausted() { Err(NotDone::TooLong.into()) } else { found }
}

fn find_in_time(
    page: FormPage<'_>,
    form: &str,
    button: Option<&str>,
    budget: &Budget,
) -> Result<Form, Failure> {
    let document = markup::parse(page.text, budget).ok_or(NotDone::TooLong)?;
    let first = |document, selector: &str| first(document, selector, budget);
    let missing = |what: &str, selector: &str| {
        Failure::new(Reason::FormMissing, format!("no {what} on the page matches {selector}"))
    };
    let found = first(&document, form)
        .filter(|element| element.value().name() == "form")
        .ok_or_else(|| missing("form", form))?;
    let controls = controls(&document, found);
    let pressed = match button {
        Some(selector) => {
            let pressed = first(&document, selector).filter(|element| is_submit(*element));
            Some(pressed.ok_or_else(|| missing("submit button", selector))?)
        }
        // Pressing Enter presses the first button, unless it is disabled.
        None => controls.iter().copied().find(|element| is_submit(*element)),
    };
    let own = |name: &str| {
        let of_button = pressed.and_then(|button| button.attr(&format!("form{name}")));
        of_button.or_else(|| found.attr(name)).map(str::trim).filter(|value| !value.is_empty())
    };
    let charset = charset(found).unwrap_or(page.charset);
    let mut fields = Vec::new();
    for control in controls {
        entries(control, pressed, &mut fields);
        if fields.len() > FIELDS_MAX {
            let said = format!("{form} has more than {FIELDS_MAX} fields");
            return Err(Failure::new(Reason::FormMissing, said));
        }
    }
    for (name, value) in &mut fields {
        if name == "_charset_" {
            *value = charset.name().to_owned();
        }
    }
    Ok(Form {
        action: action(&document, page.url, own("action"))?,
        method: match own("method") {
            Some(method) if method.eq_ignore_ascii_case("post") => Method::POST,
            _ => Method::GET,
        },
        enctype: match own("enctype") {
            Some(kind) if kind.eq_ignore_ascii_case("multipart/form-data") => Enctype::Multipart,
            _ => Enctype::UrlEncoded,
        },
        charset,
        fields,
    })
}

impl Form {
    /// Sets a field where the page has it; what a script would add comes last.
    pub(in crate::probe::login) fn set(&mut self, name: &str, value: String) {
        let Some(place) = self.fields.iter().position(|(field, _)| field == name) else {
            self.fields.push((name.to_owned(), value));
            return;
        };
        let mut index = 0;
        self.fields.retain(|(field, _)| {
            let keep = field != name || index == place;
            index += 1;
            keep
        });
        self.fields[place].1 = value;
    }
}

/// Whether the page asks for a password: a login page, whatever its status says.
pub(in crate::probe::login) fn asks_for_password(page: &Page<'_>) -> bool {
    // Parsing costs; most pages do not even hold the word.
    page.text().to_ascii_lowercase().contains("password")
        && page.document().is_some_and(|document| {
            first(document, "input[type=password i]", &page.budget).is_some()
        })
}

fn first<'d>(document: &'d Html, selector: &str, budget: &Budget) -> Option<ElementRef<'d>> {
    // Checked at load.
    let selector = Selector::parse(selector).ok()?;
    let found = markup::matching(document, &selector, budget).next()?.id();
    document.tree.get(found).and_then(ElementRef::wrap)
}

/// `accept-charset`, when it names one that is known.
fn charset(form: ElementRef<'_>) -> Option<&'static Encoding> {
    let labels = form.attr("accept-charset")?;
    let mut labels = labels.split([' ', ',', '\t', '\n']).filter(|label| !label.is_empty());
    labels.find_map(|label| Encoding::for_label(label.as_bytes())).map(Encoding::output_encoding)
}

/// Resolves the action against `<base href>` or the page.
fn action(document: &Html, page: &Url, action: Option<&str>) -> Result<Url, Failure> {
    let broken = |error| {
        Failure::new(Reason::FormMissing, format!("the form's action is not a URL: {error}"))
    };
    let base = first(document, "base[href]", &Budget::default()).and_then(|base| base.attr("href"));
    let base = base.and_then(|href| page.join(href.trim()).ok());
    let mut url = match action {
        // An empty action is the page itself, whatever the base.
        None => page.clone(),
        Some(action) => base.as_ref().unwrap_or(page).join(action).map_err(broken)?,
    };
    url.set_fragment(None);
    if !matches!(url.scheme(), "http" | "https") {
        let said = format!("the form's action is a {}: address", url.scheme());
        return Err(Failure::new(Reason::FormMissing, said));
    }
    // Browsers drop them too when a page sends them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if page.scheme() == "https" && url.scheme() == "http" {
        let host = url.host_str().unwrap_or_default();
        return Err(Failure::new(
            Reason::SecretHost,
            format!("the form of an https page wants to be sent to http://{host} in the clear"),
        ));
    }
    Ok(url)
}

/// The charset that a page was written in, for the forms on it; UTF-16 pages send UTF-8.
pub(in crate::probe::login) fn page_charset(
    charset: Option<&'static Encoding>,
) -> &'static Encoding {
    charset.unwrap_or(UTF_8).output_encoding()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::jar::Jar;
    use crate::probe::page::Head;
    use http::HeaderMap;

    fn form_at(url: &str, html: &str) -> Result<Form, Failure> {
        let url = Url::parse(url).unwrap();
        find(FormPage { url: &url, text: html, charset: UTF_8 }, "form#f", None, &Budget::default())
    }

    fn fields(html: &str) -> Vec<(String, String)> {
        form_at("https://a.go.kr/login", html).unwrap().fields
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn every_kind_of_control_sends_what_a_browser_sends() {
        let html = "<form><input name=not value=mine></form><form id=f>\
            <input type=hidden name=csrf value='a&amp;b'><input name=user><input value=nameless>\
            <input type=checkbox name=c1 checked><input type=checkbox name=c2>\
            <input type=radio name=r value=1><input type=radio name=r value=2 checked>\
            <select name=s><option disabled>no<option> first one <option>second</select>\
            <select name=t><option value=1>x<option value=2 selected>y</select>\
            <select name=m multiple><option selected>p<option selected>q<option>r</select>\
            <textarea name=area>\na\nb</textarea><input type=file name=file>\
            <input type=button name=b value=no><button type=button name=b2>no</button>\
            <input type=submit name=go value=Login><input type=submit name=other value=no>\
            </form><input form=f name=outside value=1>";
        let expected = pairs(&[
            ("csrf", "a&b"),
            ("user", ""),
            ("c1", "on"),
            ("r", "2"),
            ("s", "first one"),
            ("t", "2"),
            ("m", "p"),
            ("m", "q"),
            ("area", "a\r\nb"),
            ("go", "Login"),
            ("outside", "1"),
        ]);
        assert_eq!(fields(html), expected);
    }

    #[test]
    fn disabled_controls_stay_silent_also_by_their_fieldset() {
        let html = "<form id=f><input name=a disabled><fieldset disabled><legend>\
            <input name=b value=1></legend><input name=c></fieldset></form>";
        assert_eq!(fields(html), pairs(&[("b", "1")]));
    }

    #[test]
    fn the_pressed_button_decides_where_and_how() {
        let html = "<base href=/app/><form id=f action=one method=post>\
            <button name=x value=1 formaction=two formmethod=get>go</button>\
            <input type=submit id=second name=y value=2></form>";
        let form = form_at("https://a.go.kr/login?next=1", html).unwrap();
        assert_eq!(form.action.as_str(), "https://a.go.kr/app/two");
        assert_eq!(form.method, Method::GET);
        let url = Url::parse("https://a.go.kr/login").unwrap();
        let page = FormPage { url: &url, text: html, charset: UTF_8 };
        let form = find(page, "form#f", Some("#second"), &Budget::default()).unwrap();
        assert_eq!(form.action.as_str(), "https://a.go.kr/app/one");
        assert_eq!((form.method, form.fields), (Method::POST, pairs(&[("y", "2")])));
        let none = find(page, "form#f", Some("#none"), &Budget::default());
        assert_eq!(none.err().unwrap().reason, Reason::FormMissing);
    }

    #[test]
    fn an_empty_action_is_the_page_itself() {
        let form = form_at("https://a.go.kr/login?next=1#x", "<form id=f action=''>").unwrap();
        assert_eq!(form.action.as_str(), "https://a.go.kr/login?next=1");
    }

    #[test]
    fn a_form_of_an_https_page_is_not_sent_in_the_clear() {
        let html = "<form id=f method=post action='http://a.go.kr/login'>";
        let failure = form_at("https://a.go.kr/login", html).err().unwrap();
        assert_eq!(failure.reason, Reason::SecretHost);
        assert!(form_at("http://a.go.kr/login", html).is_ok());
    }

    #[test]
    fn no_form_or_a_script_for_an_action_is_form_missing() {
        for html in ["", "<div id=f></div>", "<form id=f action='javascript:void(0)'></form>"] {
            let failure = form_at("https://a.go.kr/", html).err().unwrap();
            assert_eq!(failure.reason, Reason::FormMissing, "{html}");
        }
    }

    #[test]
    fn accept_charset_and_the_charset_field_follow_the_standard() {
        let html =
            "<form id=f accept-charset='x-unknown euc-kr'><input type=hidden name=_charset_>";
        let form = form_at("https://a.go.kr/", html).unwrap();
        assert_eq!(form.charset, encoding_rs::EUC_KR);
        assert_eq!(form.fields, pairs(&[("_charset_", "EUC-KR")]));
    }

    #[test]
    fn set_replaces_in_place_drops_doubles_and_adds_what_is_new() {
        let mut form =
            form_at("https://a.go.kr/", "<form id=f><input name=a><input name=b><input name=a>")
                .unwrap();
        form.set("a", "1".into());
        form.set("new", "2".into());
        assert_eq!(form.fields, pairs(&[("a", "1"), ("b", ""), ("new", "2")]));
    }

    #[test]
    fn a_page_with_a_password_field_is_a_login_page() {
        let asks = |html: &str| {
            let (url, jar) = (Url::parse("https://a.go.kr/").unwrap(), Jar::default());
            let headers = HeaderMap::new();
            let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
            asks_for_password(&Page::new(head, html.as_bytes(), None, &jar))
        };
        assert!(asks("<form><input TYPE='PASSWORD'>"));
        assert!(!asks("<p>Change your password soon</p>"));
    }
}
