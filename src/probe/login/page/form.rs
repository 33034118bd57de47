//! HTML forms, read as a browser would (HTML standard, "form submission algorithm"): hidden inputs
//! carry the CSRF token or the view state, so a login that does not send them back is refused.
//! What the controls of a form send is in [`entries`](super::entries).
//!
//! No script runs. What a script would add is written under `add`.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use http::Method;
use scraper::{ElementRef, Selector};
use url::Url;

use crate::config::login::Button;
use crate::offload::{Budget, NotDone};
use crate::outcome::{Failure, Reason};
use crate::probe::markup;
use crate::probe::page::Page;
use crate::probe::referrer::ReferrerPolicy;

use super::document::Document;
use super::entries::{Entry, EntryValue, Sending, entries, is_disabled, is_submit, radios};

/// Of one form; a page with more is no login page.
///
/// Limit: fields of a form.
/// Share: of each form.
/// Full: the step fails with `form_missing`.
/// Filled: a_form_of_thousands_of_fields_is_none
const FIELDS_MAX: usize = 2000;

/// A form as the page shows it, ready for other values and to be sent.
#[derive(Debug)]
pub(in crate::probe::login) struct Form {
    pub(in crate::probe::login) action: Url,
    /// What a relative action of the flow's file is relative to.
    pub(in crate::probe::login) base: Url,
    /// What the request tells of the page.
    pub(in crate::probe::login) policy: ReferrerPolicy,
    /// GET or POST.
    pub(in crate::probe::login) method: Method,
    /// How the body is written.
    pub(in crate::probe::login) enctype: Enctype,
    /// How characters become bytes.
    pub(in crate::probe::login) charset: &'static Encoding,
    /// Its fields, in the page's order.
    pub(in crate::probe::login) fields: Vec<Entry>,
}

/// How a POST form is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe::login) enum Enctype {
    /// `application/x-www-form-urlencoded`
    UrlEncoded,
    /// `multipart/form-data` (RFC 7578)
    Multipart,
    /// `text/plain`
    Plain,
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
    /// Of its headers.
    pub(in crate::probe::login) policy: ReferrerPolicy,
}

/// How a form is submitted.
#[derive(Clone, Copy)]
pub(in crate::probe::login) struct Pressed<'p> {
    pub(in crate::probe::login) button: &'p Button,
    /// Whether the file says where the form goes, so that the page's own action does not count.
    pub(in crate::probe::login) has_action: bool,
}

/// Reads the first form that matches.
pub(in crate::probe::login) fn find(
    page: FormPage<'_>,
    form: &str,
    how: Pressed<'_>,
    budget: &Budget,
) -> Result<Form, Failure> {
    let found = find_in_time(page, form, how, budget);
    // What is missing may be in the part that was not looked at.
    if budget.is_exhausted() { Err(NotDone::TooLong.into()) } else { found }
}

fn find_in_time(
    page: FormPage<'_>,
    form: &str,
    how: Pressed<'_>,
    budget: &Budget,
) -> Result<Form, Failure> {
    let document = Document::parse(page.text, budget).ok_or(NotDone::TooLong)?;
    let missing = |what: &str, selector: &str| {
        Failure::new(Reason::FormMissing, format!("no {what} matches {selector}"))
    };
    let found = document
        .first(form)
        .filter(|element| element.value().name() == "form")
        .ok_or_else(|| missing("form on the page", form))?;
    let controls = document.controls(found);
    let pressed = match how.button {
        Button::Named(selector) => {
            let mut named = document.all(&selector.0);
            let pressed = named.find(|button| is_submit(*button) && controls.contains(button));
            Some(pressed.ok_or_else(|| missing("submit button of the form", &selector.0))?)
        }
        // Pressing Enter presses the first button, unless it is disabled.
        Button::First => controls.iter().copied().find(|e| is_submit(*e) && !is_disabled(*e)),
        Button::None => None,
    };
    let own = |name: &str| {
        let of_button = pressed.and_then(|button| button.attr(&format!("form{name}")));
        of_button.or_else(|| found.attr(name)).map(str::trim).filter(|value| !value.is_empty())
    };
    let charset = charset(found).unwrap_or(page.charset);
    let mut fields = Vec::new();
    let radios = radios(&controls);
    let sending = Sending { pressed, radios: &radios, charset: charset.name() };
    for control in controls {
        entries(control, sending, &mut fields);
        if fields.len() > FIELDS_MAX {
            let said = format!("{form} has more than {FIELDS_MAX} fields");
            return Err(Failure::new(Reason::FormMissing, said));
        }
    }
    let base = document.first("base[href]").and_then(|base| base.attr("href"));
    let base = base.and_then(|href| page.url.join(href.trim()).ok());
    let base = base.unwrap_or_else(|| page.url.clone());
    let wishes = document.all("meta[name=referrer i]");
    let wish = wishes.filter_map(|meta| ReferrerPolicy::of_meta(meta.attr("content")?)).last();
    let is_silent =
        |rel: &str| rel.split_whitespace().any(|w| w.eq_ignore_ascii_case("noreferrer"));
    let policy = if found.attr("rel").is_some_and(is_silent) {
        ReferrerPolicy::NoReferrer
    } else {
        wish.unwrap_or(page.policy)
    };
    let written = own("action").filter(|_| !how.has_action);
    let action = match written {
        // An empty action is the page itself, whatever the base.
        None => page.url.clone(),
        Some(action) => resolved(action, &base, page.charset)?,
    };
    Ok(Form {
        action: sendable(action, page.url)?,
        base,
        policy,
        method: match own("method") {
            Some(method) if method.eq_ignore_ascii_case("post") => Method::POST,
            _ => Method::GET,
        },
        enctype: match own("enctype").map(str::to_ascii_lowercase).as_deref() {
            Some("multipart/form-data") => Enctype::Multipart,
            Some("text/plain") => Enctype::Plain,
            _ => Enctype::UrlEncoded,
        },
        charset,
        fields,
    })
}

impl Form {
    /// Whether the page has a control of this name in the form.
    pub(in crate::probe::login) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Sets a field where the page has it, else at the end. All values of the page make way.
    pub(in crate::probe::login) fn set(&mut self, name: &str, values: Vec<String>) {
        let place = self.fields.iter().position(|field| field.name == name);
        let place = place.unwrap_or(self.fields.len());
        self.remove(name);
        let entry = |value| Entry { name: name.to_owned(), value: EntryValue::Text(value) };
        self.fields.splice(place..place, values.into_iter().map(entry));
    }

    /// Takes a field away, as a script does that blanks what was typed.
    pub(in crate::probe::login) fn remove(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
    }
}

/// Whether the page asks for a password: a login page, whatever its status says.
pub(in crate::probe::login) fn asks_for_password(page: &Page<'_>) -> bool {
    // Parsing costs; most pages do not even hold the word.
    page.text().to_ascii_lowercase().contains("password") && has(page, "input[type=password i]")
}

/// Whether a script sends the page's form at once, as messages of SAML and OpenID are.
pub(in crate::probe::login) fn submits_itself(page: &Page<'_>) -> bool {
    (page.text().contains("<form") || page.text().contains("<FORM"))
        && has(page, "body[onload*=submit], input[name=SAMLRequest], input[name=SAMLResponse]")
}

fn has(page: &Page<'_>, selector: &str) -> bool {
    page.document().is_some_and(|document| {
        let selector = Selector::parse(selector);
        selector.is_ok_and(|s| markup::matching(document, &s, &page.budget).next().is_some())
    })
}

/// `accept-charset`, when it names one that is known.
fn charset(form: ElementRef<'_>) -> Option<&'static Encoding> {
    let labels = form.attr("accept-charset")?;
    let mut labels = labels.split([' ', ',', '\t', '\n']).filter(|label| !label.is_empty());
    labels.find_map(|label| Encoding::for_label(label.as_bytes())).map(Encoding::output_encoding)
}

/// Resolves an action; its query is in the page's charset (URL standard, "URL parsing").
fn resolved(action: &str, base: &Url, charset: &'static Encoding) -> Result<Url, Failure> {
    let charset = charset.output_encoding();
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| charset.encode(text).0;
    let url = Url::options().base_url(Some(base)).encoding_override(Some(encode)).parse(action);
    url.map_err(|error| {
        Failure::new(Reason::FormMissing, format!("the form's action is not a URL: {error}"))
    })
}

/// An address that a form of `page` may be sent to.
pub(in crate::probe::login) fn sendable(mut url: Url, page: &Url) -> Result<Url, Failure> {
    url.set_fragment(None);
    if !matches!(url.scheme(), "http" | "https") {
        let said = format!("the form's action is a {}: address", url.scheme());
        return Err(Failure::new(Reason::FormMissing, said));
    }
    if url.port() == Some(0) {
        let said = "the form's action has port 0, which nobody listens at";
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
    use crate::config::CssSelector;
    use crate::probe::jar::Jar;
    use crate::probe::page::Head;
    use http::HeaderMap;

    fn pressed(button: &Button) -> Pressed<'_> {
        Pressed { button, has_action: false }
    }

    fn form_at(url: &str, html: &str) -> Result<Form, Failure> {
        let url = Url::parse(url).unwrap();
        let page =
            FormPage { url: &url, text: html, charset: UTF_8, policy: ReferrerPolicy::default() };
        find(page, "form#f", pressed(&Button::First), &Budget::default())
    }

    fn sent(form: Form) -> Vec<(String, String)> {
        let fields = form.fields.into_iter().filter_map(|field| match field.value {
            EntryValue::Text(text) => Some((field.name, text)),
            EntryValue::NoFile => Some((field.name, String::new())),
            EntryValue::Unsent => None,
        });
        fields.collect()
    }

    fn fields(html: &str) -> Vec<(String, String)> {
        sent(form_at("https://a.go.kr/login", html).unwrap())
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
            ("area", "a\nb"),
            ("file", ""),
            ("go", "Login"),
            ("outside", "1"),
        ]);
        assert_eq!(fields(html), expected);
    }

    #[test]
    fn a_form_of_thousands_of_fields_is_none() {
        let form = |fields: usize| format!("<form id=f>{}", "<input name=a>".repeat(fields));
        assert_eq!(fields(&form(FIELDS_MAX)).len(), FIELDS_MAX);
        let failure = form_at("https://a.go.kr/", &form(FIELDS_MAX + 1)).unwrap_err();
        assert_eq!(failure.reason, Reason::FormMissing);
        assert!(failure.detail.contains("more than 2000 fields"), "{failure}");
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
        let page =
            FormPage { url: &url, text: html, charset: UTF_8, policy: ReferrerPolicy::default() };
        let named = |selector: &str| Button::Named(CssSelector(selector.to_owned()));
        let found = |button: &Button| find(page, "form#f", pressed(button), &Budget::default());
        let form = found(&named("#second")).unwrap();
        assert_eq!(form.action.as_str(), "https://a.go.kr/app/one");
        assert_eq!((form.method.clone(), sent(form)), (Method::POST, pairs(&[("y", "2")])));
        assert_eq!(found(&named("#none")).err().unwrap().reason, Reason::FormMissing);
        let form = found(&Button::None).unwrap();
        assert_eq!(form.action.as_str(), "https://a.go.kr/app/one");
        assert_eq!(sent(form), []);
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
        assert_eq!(sent(form), pairs(&[("_charset_", "EUC-KR")]));
    }

    #[test]
    fn set_replaces_in_place_drops_doubles_and_adds_what_is_new() {
        let mut form =
            form_at("https://a.go.kr/", "<form id=f><input name=a><input name=b><input name=a>")
                .unwrap();
        form.set("a", vec!["1".into(), "2".into()]);
        form.set("new", vec!["3".into()]);
        assert_eq!(sent(form), pairs(&[("a", "1"), ("a", "2"), ("b", ""), ("new", "3")]));
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

    #[test]
    fn a_page_whose_script_sends_its_form_is_told_from_others() {
        let sends = |html: &str| {
            let (url, jar) = (Url::parse("https://a.go.kr/").unwrap(), Jar::default());
            let headers = HeaderMap::new();
            let head = Head { url: &url, status: 200, version: "1.1", headers: &headers };
            submits_itself(&Page::new(head, html.as_bytes(), None, &jar))
        };
        assert!(sends("<body onload='document.forms[0].submit()'><form method=post></form>"));
        assert!(sends("<form method=post><input type=hidden name=SAMLResponse value=x></form>"));
        assert!(!sends("<body onload='init()'><form><input name=id></form>"));
    }
}
