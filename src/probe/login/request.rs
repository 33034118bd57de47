//! Requests of a step: from its templates, or from the form of the page before.

use std::collections::BTreeSet;

use bytes::Bytes;
use encoding_rs::Encoding;
use http::Method;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use crate::config::login::{Action, LoginStep, Submit};
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason};
use crate::probe::decode;
use crate::probe::render;
use crate::probe::request::{Outgoing, Payload, Secrecy};
use crate::receiver::Receiver;
use crate::redact::is_credential;
use crate::template::FlowSource;

use super::lockout::admission::Codes;
use super::page::entries::{Entry, EntryValue};
use super::page::form::{self, Enctype, Form, Pressed};
use super::run::LoginRun;
use super::values::StepValues;

/// Where a step's request goes, before any secret is looked at.
pub(super) enum Draft {
    Request(Url),
    /// By a form, with the page it is on.
    Form(Box<Form>, Url),
}

impl Draft {
    pub(super) fn url(&self) -> &Url {
        match self {
            Draft::Request(url) => url,
            Draft::Form(form, _) => &form.action,
        }
    }
}

impl LoginRun<'_> {
    fn values<'v>(&'v self, codes: &'v Codes) -> StepValues<'v> {
        self.values.with(self.context.surroundings, codes)
    }

    /// Finds out where a step goes. `None` is a step that sends nothing.
    pub(super) async fn draft(
        &self,
        step: &LoginStep,
        deadline: &Deadline,
    ) -> Result<Option<Draft>, Failure> {
        let none = Codes::new();
        match &step.action {
            Action::Sign(_) | Action::Exec(_) | Action::Wait(_) => Ok(None),
            Action::Request { url, .. } => {
                let base = self.context.options.base.as_ref();
                let url = url.fill_url(&self.values(&none), base)?;
                Ok(Some(Draft::Request(url)))
            }
            Action::Submit(submit) => {
                let page = self.page.as_ref().ok_or_else(|| {
                    Failure::new(Reason::FormMissing, "there was no page before this step")
                })?;
                let how = Pressed { button: &submit.button, has_action: submit.action.is_some() };
                let charset = self.context.options.charset;
                let desk = self.session.desk();
                let mut form = page.form_at(desk, &submit.form.0, how, charset, deadline).await?;
                // Before anything is sent: nothing is learned of the account.
                fits(&form, submit)?;
                if let Some(action) = &submit.action {
                    let action = action.fill_url(&self.values(&none), Some(&form.base))?;
                    form.action = form::sendable(action, &page.url)?;
                }
                if let Some(method) = &submit.method {
                    form.method = method.clone();
                }
                let url = page.url.clone();
                Ok(Some(Draft::Form(Box::new(form), url)))
            }
        }
    }

    pub(super) fn request(
        &self,
        step: &LoginStep,
        draft: Draft,
        codes: &Codes,
    ) -> Result<Outgoing, Failure> {
        let values = self.values(codes);
        let outgoing = match (draft, &step.action) {
            (Draft::Request(url), Action::Request { method, body, .. }) => {
                let to = Receiver::of(&url);
                let charset =
                    self.page.as_ref().map(|page| page.charset(self.context.options.charset));
                let charset = charset.or(self.context.options.charset);
                let (payload, kind) = render::body(&values, body, &to, charset)?.unzip();
                let mut url = url;
                self.add_query(step, &values, &mut url)?;
                let headers = content_type(kind.flatten());
                let request =
                    Outgoing::new(method.clone(), url).with_body(payload).with_headers(headers);
                match &self.page {
                    Some(page) => request.on_page(&page.url, page.policy),
                    None => request,
                }
            }
            (Draft::Form(mut form, page), Action::Submit(submit)) => {
                let secrecy = fill_in(&mut form, submit, &values)?;
                from_form(*form, &page, secrecy)
            }
            _ => return Err(Failure::new(Reason::Internal, "a draft of another step")),
        };
        self.with_own_headers(outgoing, step, &values)
    }

    /// A form that scripts would send: as the page has it.
    pub(super) fn auto_submit(&self, form: Form, step: &LoginStep) -> Result<Outgoing, Failure> {
        let page = self.page.as_ref().map_or_else(|| form.action.clone(), |page| page.url.clone());
        let none = Codes::new();
        let request = from_form(form, &page, Secrecy::Open);
        self.with_own_headers(request, step, &self.values(&none))
    }

    fn add_query(
        &self,
        step: &LoginStep,
        values: &StepValues<'_>,
        url: &mut Url,
    ) -> Result<(), Failure> {
        if step.query.is_empty() {
            return Ok(());
        }
        let to = Receiver::of(url);
        let charset = self.page.as_ref().map(|page| page.charset(self.context.options.charset));
        let charset = form::page_charset(charset.or(self.context.options.charset));
        let added = render::form(values, &step.query, &to)?;
        let added = added.iter().map(|(name, value)| (*name, value.expose()));
        let added = render::encode_form(added, charset);
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&{added}"),
            _ => added,
        };
        url.set_query(Some(&query));
        Ok(())
    }

    /// Headers of the flow, then of the step; those with secrets stay with the first host.
    fn with_own_headers(
        &self,
        request: Outgoing,
        step: &LoginStep,
        values: &StepValues<'_>,
    ) -> Result<Outgoing, Failure> {
        let to = Receiver::of(request.url());
        let mut open = request.own_headers().clone();
        let mut credentials = HeaderMap::new();
        open.insert(ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPT_ENCODING));
        for (name, template) in self.context.options.headers.iter().chain(&step.headers) {
            let by_name = is_credential(name.as_str());
            if by_name {
                self.values.hide_captures_of(template);
            }
            let value = render::header(values, template, &to)?;
            // What a host gave is for that host, too.
            let captured = |source| matches!(source, &FlowSource::Capture(_));
            if by_name || template.is_credential() || template.sources().any(captured) {
                open.remove(name);
                credentials.insert(name.clone(), value);
            } else {
                credentials.remove(name);
                open.insert(name.clone(), value);
            }
        }
        if let Some(auth) = &step.auth {
            auth.templates()
                .into_iter()
                .for_each(|template| self.values.hide_captures_of(template));
            open.remove(AUTHORIZATION);
            credentials.insert(AUTHORIZATION, render::authorization(values, auth, &to)?);
        }
        Ok(request.with_headers(open).with_credentials(credentials))
    }
}

/// Whether the page still has the fields that the file was written for.
fn fits(form: &Form, submit: &Submit) -> Result<(), Failure> {
    let Some((name, _)) = submit.fields.iter().find(|(name, _)| !form.has(name)) else {
        return Ok(());
    };
    let detail = format!(
        "the form has no field {name}, so the page was changed and nothing was sent; what a script \
         adds is written under add"
    );
    Err(Failure::new(Reason::FormChanged, detail))
}

/// Sets the fields of a step over those of the page.
fn fill_in(form: &mut Form, submit: &Submit, values: &StepValues<'_>) -> Result<Secrecy, Failure> {
    let to = Receiver::of(&form.action);
    submit.drop.iter().for_each(|name| form.remove(name));
    for fields in [&submit.fields, &submit.add] {
        let filled = render::form(values, fields, &to)?;
        let mut set: BTreeSet<&str> = BTreeSet::new();
        for (name, _) in &filled {
            if set.insert(name) {
                let of_name = filled.iter().filter(|(other, _)| other == name);
                form.set(name, of_name.map(|(_, value)| value.expose().to_owned()).collect());
            }
        }
    }
    let templates = submit.fields.iter().chain(&submit.add).map(|(_, template)| template);
    Ok(Secrecy::of_all(templates))
}

/// A request as a browser sends the form of `page`.
fn from_form(form: Form, page: &Url, secrecy: Secrecy) -> Outgoing {
    let Form { mut action, method, enctype, charset, fields, policy, .. } = form;
    let fields = crlf(fields);
    let pairs = || fields.iter().map(|(name, value)| (&**name, value.as_deref().unwrap_or("")));
    if method != Method::POST {
        action.set_query(Some(&render::encode_form(pairs(), charset)));
        return Outgoing::new(Method::GET, action).on_page(page, policy);
    }
    let (body, kind) = match enctype {
        Enctype::UrlEncoded => {
            (render::encode_form(pairs(), charset).into_bytes(), render::FORM.to_owned())
        }
        Enctype::Multipart => multipart(&fields, charset),
        Enctype::Plain => {
            let lines: String =
                pairs().map(|(name, value)| format!("{name}={value}\r\n")).collect();
            (charset.encode(&lines).0.into_owned(), "text/plain".to_owned())
        }
    };
    let kind = HeaderValue::try_from(kind).ok().map(|value| (CONTENT_TYPE, value));
    let payload = Payload { bytes: Bytes::from(body), secrecy };
    Outgoing::new(Method::POST, action)
        .with_headers(kind.into_iter().collect())
        .with_body(Some(payload))
        .on_page(page, policy)
}

/// What is sent of the fields, with CR LF for every newline; `None` is a file that was not chosen.
fn crlf(fields: Vec<Entry>) -> Vec<(String, Option<String>)> {
    let newlines =
        |text: &str| text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let sent = fields.into_iter().filter_map(|Entry { name, value }| match value {
        EntryValue::Text(value) => Some((newlines(&name), Some(newlines(&value)))),
        EntryValue::NoFile => Some((newlines(&name), None)),
        EntryValue::Unsent => None,
    });
    sent.collect()
}

fn content_type(kind: Option<&'static str>) -> HeaderMap {
    let kind = kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)));
    kind.into_iter().collect()
}

/// RFC 7578, names written as browsers write them.
fn multipart(fields: &[(String, Option<String>)], charset: &'static Encoding) -> (Vec<u8>, String) {
    let holds = |mark: &str| {
        let texts = fields.iter().flat_map(|(name, value)| [Some(name), value.as_ref()]);
        texts.flatten().any(|text| text.contains(mark))
    };
    let mut boundary = "----bongsu-form".to_owned();
    while holds(&boundary) {
        boundary.push('x');
    }
    let mut body = Vec::new();
    for (name, value) in fields {
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
        body.extend_from_slice(&charset.encode(&name).0);
        match value {
            Some(value) => {
                body.extend_from_slice(b"\"\r\n\r\n");
                body.extend_from_slice(&charset.encode(value).0);
            }
            None => body.extend_from_slice(
                b"\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            ),
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, format!("multipart/form-data; boundary={boundary}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::referrer::ReferrerPolicy;
    use encoding_rs::{EUC_KR, UTF_8};

    fn form(method: Method, enctype: Enctype, charset: &'static Encoding) -> Form {
        let action = Url::parse("https://a.go.kr/login?old=1").unwrap();
        let value = EntryValue::Text("비밀 &😀".to_owned());
        let fields = vec![Entry { name: "사번".to_owned(), value }];
        let policy = ReferrerPolicy::default();
        Form { base: action.clone(), action, policy, method, enctype, charset, fields }
    }

    fn page() -> Url {
        Url::parse("https://a.go.kr/page?t=1#x").unwrap()
    }

    #[test]
    fn forms_are_encoded_in_the_charset_of_their_page() {
        let sent =
            from_form(form(Method::POST, Enctype::UrlEncoded, EUC_KR), &page(), Secrecy::Open);
        let body = String::from_utf8(sent.body().unwrap().to_vec()).unwrap();
        assert_eq!(body, "%BB%E7%B9%F8=%BA%F1%B9%D0+%26%26%23128512%3B");
        let sent =
            from_form(form(Method::POST, Enctype::UrlEncoded, UTF_8), &page(), Secrecy::Open);
        let body = String::from_utf8(sent.body().unwrap().to_vec()).unwrap();
        assert_eq!(body, "%EC%82%AC%EB%B2%88=%EB%B9%84%EB%B0%80+%26%F0%9F%98%80");
    }

    #[test]
    fn a_get_form_replaces_the_query() {
        let sent =
            from_form(form(Method::GET, Enctype::UrlEncoded, EUC_KR), &page(), Secrecy::Open);
        assert!(sent.url().query().unwrap().starts_with("%BB%E7"));
    }

    #[test]
    fn multipart_forms_have_a_part_for_each_field() {
        let sent = from_form(form(Method::POST, Enctype::Multipart, UTF_8), &page(), Secrecy::Open);
        let body = String::from_utf8(sent.body().unwrap().to_vec()).unwrap();
        assert!(body.contains("name=\"사번\"\r\n\r\n비밀 &😀\r\n------bongsu-form--"), "{body}");
        assert!(sent.headers()[CONTENT_TYPE].to_str().unwrap().ends_with("----bongsu-form"));
    }
}
