//! Requests of a step: from its templates, or from the form of the page before.

use bytes::Bytes;
use encoding_rs::Encoding;
use http::Method;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, REFERER,
};
use url::Url;

use crate::config::login::{Action, LoginStep, Submit};
use crate::deadline::Deadline;
use crate::outcome::{Failure, Reason};
use crate::probe::decode;
use crate::probe::render;
use crate::probe::request::{self, Outgoing, Payload, Secrecy};
use crate::template::FlowSource;

use super::lockout::admission::Codes;
use super::page::form::{self, Enctype, Form};
use super::run::LoginRun;
use super::values::StepValues;

/// Where a step's request goes, before any secret is looked at.
pub(super) enum Draft {
    /// By templates.
    Request(Url),
    /// By a form, with the page it is on.
    Form(Form, Url),
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
            Action::Sign(_) | Action::Wait(_) => Ok(None),
            Action::Request { url, .. } => {
                let base = self.context.options.base.as_ref();
                let url = url.fill_url(&self.values(&none), base)?;
                Ok(Some(Draft::Request(url)))
            }
            Action::Submit(submit) => {
                let page = self.page.as_ref().ok_or_else(|| {
                    Failure::new(Reason::FormMissing, "there was no page before this step")
                })?;
                let button = submit.button.as_ref().map(|selector| &*selector.0);
                let charset = self.context.options.charset;
                let desk = self.session.desk();
                let form = page.form_at(desk, &submit.form.0, button, charset, deadline).await?;
                let url = page.url.clone();
                Ok(Some(Draft::Form(form, url)))
            }
        }
    }

    /// Writes the request.
    pub(super) fn request(
        &self,
        step: &LoginStep,
        draft: Draft,
        codes: &Codes,
    ) -> Result<Outgoing, Failure> {
        let values = self.values(codes);
        let outgoing = match (draft, &step.action) {
            (Draft::Request(url), Action::Request { method, body, .. }) => {
                let host = url.host_str().unwrap_or_default().to_owned();
                let charset =
                    self.page.as_ref().map(|page| page.charset(self.context.options.charset));
                let charset = charset.or(self.context.options.charset);
                let (payload, kind) = render::body(&values, body, &host, charset)?.unzip();
                let mut url = url;
                self.add_query(step, &values, &mut url)?;
                let headers = content_type(kind.flatten());
                Outgoing::new(method.clone(), url).with_body(payload).with_headers(headers)
            }
            (Draft::Form(mut form, page), Action::Submit(submit)) => {
                let secrecy = fill_in(&mut form, submit, &values)?;
                from_form(form, &page, secrecy)
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
        let host = url.host_str().unwrap_or_default().to_owned();
        let charset = self.page.as_ref().map(|page| page.charset(self.context.options.charset));
        let charset = form::page_charset(charset.or(self.context.options.charset));
        let added = render::form(values, &step.query, &host)?;
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
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let mut open = request.headers();
        let mut credentials = HeaderMap::new();
        open.insert(ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPT_ENCODING));
        for (name, template) in self.context.options.headers.iter().chain(&step.headers) {
            let by_name = request::is_credential(name);
            if by_name {
                self.values.hide_captures_of(template);
            }
            let value = render::header(values, template, &host)?;
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
            credentials.insert(AUTHORIZATION, render::authorization(values, auth, &host)?);
        }
        Ok(request.with_headers(open).with_credentials(credentials))
    }
}

/// Sets the fields of a step over those of the page.
fn fill_in(form: &mut Form, submit: &Submit, values: &StepValues<'_>) -> Result<Secrecy, Failure> {
    let host = form.action.host_str().unwrap_or_default().to_owned();
    for (name, value) in render::form(values, &submit.fields, &host)? {
        form.set(name, value.expose().to_owned());
    }
    Ok(Secrecy::of_all(submit.fields.iter().map(|(_, template)| template)))
}

/// A request as a browser sends the form of `page`.
fn from_form(form: Form, page: &Url, secrecy: Secrecy) -> Outgoing {
    let Form { mut action, method, enctype, charset, fields } = form;
    let mut headers = HeaderMap::new();
    // What browsers tell by default, and what frameworks check against forged requests: the page
    // to its own origin, only the origin to others.
    let origin = page.origin();
    let mut referer = page.clone();
    referer.set_fragment(None);
    let referer = if origin == action.origin() {
        referer.to_string()
    } else {
        format!("{}/", origin.ascii_serialization())
    };
    headers.extend(HeaderValue::try_from(referer).ok().map(|value| (REFERER, value)));
    let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    if method != Method::POST {
        action.set_query(Some(&render::encode_form(pairs, charset)));
        return Outgoing::new(Method::GET, action).with_headers(headers);
    }
    let origin = HeaderValue::try_from(origin.ascii_serialization()).ok();
    headers.extend(origin.map(|value| (ORIGIN, value)));
    let (body, kind) = match enctype {
        Enctype::UrlEncoded => {
            (render::encode_form(pairs, charset).into_bytes(), render::FORM.to_owned())
        }
        Enctype::Multipart => multipart(&fields, charset),
    };
    headers.extend(HeaderValue::try_from(kind).ok().map(|value| (CONTENT_TYPE, value)));
    let payload = Payload { bytes: Bytes::from(body), secrecy };
    Outgoing::new(Method::POST, action).with_headers(headers).with_body(Some(payload))
}

fn content_type(kind: Option<&'static str>) -> HeaderMap {
    let kind = kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)));
    kind.into_iter().collect()
}

/// RFC 7578. Login forms have no files.
fn multipart(fields: &[(String, String)], charset: &'static Encoding) -> (Vec<u8>, String) {
    let holds =
        |mark: &str| fields.iter().any(|(name, value)| (name.clone() + value).contains(mark));
    let mut boundary = "----bongsu-form".to_owned();
    while holds(&boundary) {
        boundary.push('x');
    }
    let mut body = Vec::new();
    for (name, value) in fields {
        let name = name.replace('"', "%22").replace(['\r', '\n'], " ");
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
        body.extend_from_slice(&charset.encode(&name).0);
        body.extend_from_slice(b"\"\r\n\r\n");
        body.extend_from_slice(&charset.encode(value).0);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, format!("multipart/form-data; boundary={boundary}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{EUC_KR, UTF_8};

    fn form(method: Method, enctype: Enctype, charset: &'static Encoding) -> Form {
        let action = Url::parse("https://a.go.kr/login?old=1").unwrap();
        let fields = vec![("사번".to_owned(), "비밀 &😀".to_owned())];
        Form { action, method, enctype, charset, fields }
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
    fn a_get_form_replaces_the_query_and_a_post_form_tells_its_origin() {
        let sent =
            from_form(form(Method::GET, Enctype::UrlEncoded, EUC_KR), &page(), Secrecy::Open);
        assert!(sent.url().query().unwrap().starts_with("%BB%E7"));
        let sent =
            from_form(form(Method::POST, Enctype::UrlEncoded, UTF_8), &page(), Secrecy::Open);
        assert_eq!(sent.headers()[REFERER], "https://a.go.kr/page?t=1");
        assert_eq!(sent.headers()[ORIGIN], "https://a.go.kr");
        let elsewhere = Url::parse("https://b.go.kr/secret?t=1").unwrap();
        let sent =
            from_form(form(Method::POST, Enctype::UrlEncoded, UTF_8), &elsewhere, Secrecy::Open);
        assert_eq!(sent.headers()[REFERER], "https://b.go.kr/");
    }

    #[test]
    fn multipart_forms_have_a_part_for_each_field() {
        let sent = from_form(form(Method::POST, Enctype::Multipart, UTF_8), &page(), Secrecy::Open);
        let body = String::from_utf8(sent.body().unwrap().to_vec()).unwrap();
        assert!(body.contains("name=\"사번\"\r\n\r\n비밀 &😀\r\n------bongsu-form--"), "{body}");
        assert!(sent.headers()[CONTENT_TYPE].to_str().unwrap().ends_with("----bongsu-form"));
    }
}
