//! A small browser: cookies, redirects, forms, charsets. What a person at a keyboard would do.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::estate::SimulatedEstate as Estate;
use lab::system::SimulatedSystem as System;
use lab::systems;
use scraper::{Html, Selector};
use url::Url;

/// Redirects of one action.
const MAX_REDIRECTS: usize = 10;

/// A browser with a cookie jar.
pub(crate) struct Browser {
    client: reqwest::Client,
    cookies: BTreeMap<(String, String), String>,
}

pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) url: Url,
    pub(crate) text: String,
}

impl Browser {
    /// Trusts the estate's root and knows its names.
    pub(crate) fn of(estate: &Estate) -> Browser {
        Browser { client: client(estate), cookies: BTreeMap::new() }
    }

    pub(crate) async fn get(&mut self, url: impl AsRef<str>) -> Shown {
        let url = Url::parse(url.as_ref()).unwrap();
        self.follow(url, None).await
    }

    /// Fills in and sends a form of the page that is shown; its hidden fields are kept.
    pub(crate) async fn submit(
        &mut self,
        page: &Shown,
        form: &str,
        fields: &[(&str, &str)],
    ) -> Shown {
        let (action, all) = page.form(form, fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        self.follow(page.url.join(&action).unwrap(), Some(body)).await
    }

    async fn follow(&mut self, mut url: Url, mut body: Option<String>) -> Shown {
        for _ in 0..MAX_REDIRECTS {
            let host = url.host_str().unwrap().to_owned();
            let mut request = match body.take() {
                Some(body) => self
                    .client
                    .post(url.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body),
                None => self.client.get(url.clone()),
            };
            let own = self.cookies.iter().filter(|((of, _), _)| *of == host);
            let cookies: Vec<_> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
            let response = request.send().await.unwrap();
            for cookie in response.headers().get_all("set-cookie") {
                let cookie = cookie.to_str().unwrap();
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                let key = (host.clone(), name.to_owned());
                if cookie.contains("Max-Age=0") {
                    self.cookies.remove(&key);
                } else {
                    self.cookies.insert(key, value.to_owned());
                }
            }
            if response.status().is_redirection() {
                url = url.join(response.headers()["location"].to_str().unwrap()).unwrap();
                continue;
            }
            let status = response.status().as_u16();
            let kind = response.headers().get("content-type").unwrap().to_str().unwrap();
            let charset = kind.split("charset=").nth(1).unwrap_or("utf-8").to_owned();
            let charset = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap();
            let text = charset.decode(&response.bytes().await.unwrap()).0.into_owned();
            return Shown { status, url, text };
        }
        panic!("more than {MAX_REDIRECTS} redirects");
    }
}

impl Shown {
    /// Whether the page has an element.
    pub(crate) fn has(&self, selector: &str) -> bool {
        let selector = Selector::parse(selector).unwrap();
        Html::parse_document(&self.text).select(&selector).next().is_some()
    }

    fn form(&self, form: &str, fields: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        let page = Html::parse_document(&self.text);
        let selector = Selector::parse(form).unwrap();
        let found = page.select(&selector).next();
        let form = found.unwrap_or_else(|| panic!("no {form} at {}: {}", self.url, self.text));
        let hidden = Selector::parse("input[type=hidden]").unwrap();
        let mut all: Vec<(String, String)> = form
            .select(&hidden)
            .map(|input| {
                let attr = |name| input.value().attr(name).unwrap_or_default().to_owned();
                (attr("name"), attr("value"))
            })
            .collect();
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        (form.value().attr("action").unwrap_or_default().to_owned(), all)
    }
}

/// An HTTP client for the estate that keeps no connection and follows nothing.
pub(crate) fn client(estate: &Estate) -> reqwest::Client {
    let config = lab::pki::client_config(estate.world().pki.root_der()).unwrap();
    let mut client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(20))
        .no_proxy();
    for system in systems::ALL {
        let url = Url::parse(estate.base(system)).unwrap();
        client = client.resolve(url.host_str().unwrap(), estate.address(system));
    }
    client.build().unwrap()
}

/// An estate on any ports.
pub(crate) async fn estate() -> Estate {
    Estate::start(Default::default()).await.unwrap()
}

/// The system of this name.
pub(crate) fn system(name: &str) -> &'static System {
    systems::find(name).unwrap()
}
