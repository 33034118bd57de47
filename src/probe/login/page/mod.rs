//! What a step takes from the page before it: a form with its entries, captured values.

pub(super) mod capture;
mod document;
pub(super) mod entries;
pub(super) mod form;

use std::sync::Arc;

use encoding_rs::Encoding;
use url::Url;

use self::form::{Form, FormPage, Pressed};
use crate::deadline::Deadline;
use crate::offload::{Budget, Desk};
use crate::outcome::Failure;
use crate::probe::charset;
use crate::probe::exchange::Answer;
use crate::probe::media;
use crate::probe::referrer::ReferrerPolicy;

/// A page, kept for its forms.
pub(super) struct LastPage {
    pub(super) url: Url,
    body: Vec<u8>,
    content_type: Option<String>,
    /// What its requests tell of it, unless the page itself says more.
    pub(super) policy: ReferrerPolicy,
}

impl LastPage {
    /// A body that could not be had is an empty one.
    pub(super) fn of(answer: &Answer) -> LastPage {
        LastPage {
            url: answer.url.clone(),
            body: answer.body.as_deref().unwrap_or_default().to_vec(),
            content_type: media::content_type(&answer.headers).map(str::to_owned),
            policy: ReferrerPolicy::of(&answer.headers).unwrap_or_default(),
        }
    }

    pub(super) fn charset(&self, fallback: Option<&'static Encoding>) -> &'static Encoding {
        charset::encoding(&self.body, self.content_type.as_deref(), fallback)
    }

    /// A form of this page.
    pub(super) fn form(
        &self,
        selector: &str,
        pressed: Pressed<'_>,
        fallback: Option<&'static Encoding>,
        budget: &Budget,
    ) -> Result<Form, Failure> {
        let text = charset::text(&self.body, self.content_type.as_deref(), fallback);
        let charset = form::page_charset(Some(self.charset(fallback)));
        let page = FormPage { url: &self.url, text: &text, charset, policy: self.policy };
        form::find(page, selector, pressed, budget)
    }

    /// As above, beside the runtime.
    pub(super) async fn form_at(
        self: &Arc<Self>,
        desk: Desk<'_>,
        selector: &str,
        pressed: Pressed<'_>,
        fallback: Option<&'static Encoding>,
        deadline: &Deadline,
    ) -> Result<Form, Failure> {
        let page = Arc::clone(self);
        let (selector, button) = (selector.to_owned(), pressed.button.clone());
        let has_action = pressed.has_action;
        let find = move |budget: Budget| {
            page.form(&selector, Pressed { button: &button, has_action }, fallback, &budget)
        };
        desk.run(self.body.len(), deadline.at(), find).await?
    }
}
