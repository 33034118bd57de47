//! What a request tells of the page that it is made on, as the page wishes (W3C Referrer Policy, Fetch
//! standard, "append a request Origin header").

use http::HeaderMap;
use http::Method;
use http::header::{HeaderName, HeaderValue, ORIGIN, REFERER, REFERRER_POLICY};
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferrerPolicy {
    NoReferrer,
    NoReferrerWhenDowngrade,
    SameOrigin,
    Origin,
    StrictOrigin,
    OriginWhenCrossOrigin,
    /// What browsers do where a page says nothing.
    #[default]
    StrictOriginWhenCrossOrigin,
    UnsafeUrl,
}

use ReferrerPolicy::{
    NoReferrer, NoReferrerWhenDowngrade, Origin, OriginWhenCrossOrigin, SameOrigin, StrictOrigin,
    StrictOriginWhenCrossOrigin, UnsafeUrl,
};

const TOKENS: &[(&str, ReferrerPolicy)] = &[
    ("no-referrer", NoReferrer),
    ("no-referrer-when-downgrade", NoReferrerWhenDowngrade),
    ("same-origin", SameOrigin),
    ("origin", Origin),
    ("strict-origin", StrictOrigin),
    ("origin-when-cross-origin", OriginWhenCrossOrigin),
    ("strict-origin-when-cross-origin", StrictOriginWhenCrossOrigin),
    ("unsafe-url", UnsafeUrl),
];

/// Words of `<meta name=referrer>` from before the standard.
const OLD_TOKENS: &[(&str, ReferrerPolicy)] = &[
    ("never", NoReferrer),
    ("default", StrictOriginWhenCrossOrigin),
    ("always", UnsafeUrl),
    ("origin-when-crossorigin", OriginWhenCrossOrigin),
];

impl ReferrerPolicy {
    /// The last policy that is known of those in the headers; `None` where they name none.
    pub fn of(headers: &HeaderMap) -> Option<ReferrerPolicy> {
        let lines = headers.get_all(REFERRER_POLICY).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).filter_map(known).next_back()
    }

    /// The policy of a `meta` element's `content`.
    pub fn of_meta(content: &str) -> Option<ReferrerPolicy> {
        let word = content.trim();
        let old = OLD_TOKENS.iter().find(|(token, _)| word.eq_ignore_ascii_case(token));
        old.map(|(_, policy)| *policy).or_else(|| known(word))
    }

    /// The headers by which a request to `to` tells of the page at `page`, whose URL has neither
    /// userinfo nor fragment. Where a redirect hides the page, no other server hears its origin.
    pub fn told(
        self,
        page: &Url,
        method: &Method,
        to: &Url,
        is_hidden: bool,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let is_same = page.origin() == to.origin();
        let is_downgrade = page.scheme() == "https" && to.scheme() != "https";
        let origin = page.origin().ascii_serialization();
        let (whole, short) = (Some(page.to_string()), Some(format!("{origin}/")));
        let referrer = match self {
            NoReferrer => None,
            UnsafeUrl => whole,
            Origin => short,
            OriginWhenCrossOrigin | SameOrigin | StrictOriginWhenCrossOrigin if is_same => whole,
            SameOrigin => None,
            OriginWhenCrossOrigin => short,
            NoReferrerWhenDowngrade | StrictOrigin | StrictOriginWhenCrossOrigin
                if is_downgrade =>
            {
                None
            }
            NoReferrerWhenDowngrade => whole,
            StrictOrigin | StrictOriginWhenCrossOrigin => short,
        };
        let is_hidden = is_hidden
            || match self {
                NoReferrer => true,
                SameOrigin => !is_same,
                NoReferrerWhenDowngrade | StrictOrigin | StrictOriginWhenCrossOrigin => {
                    is_downgrade
                }
                Origin | OriginWhenCrossOrigin | UnsafeUrl => false,
            };
        let has_origin = !matches!(*method, Method::GET | Method::HEAD);
        let origin = has_origin.then(|| if is_hidden { "null".to_owned() } else { origin });
        let told = [(REFERER, referrer), (ORIGIN, origin)];
        let header = |(name, value): (HeaderName, Option<String>)| {
            Some((name, HeaderValue::try_from(value?).ok()?))
        };
        told.into_iter().filter_map(header).collect()
    }
}

fn known(word: &str) -> Option<ReferrerPolicy> {
    let found = TOKENS.iter().find(|(token, _)| word.trim().eq_ignore_ascii_case(token));
    found.map(|(_, policy)| *policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To its own origin, to another one, and from https to http: `Referer` and `Origin` of a POST.
    #[test]
    fn each_policy_tells_what_browsers_tell() {
        let (page, short, own) = ("https://a.kr/p?t=1", "https://a.kr/", "https://a.kr");
        let table = [
            ("no-referrer", [("", "null"), ("", "null"), ("", "null")]),
            ("no-referrer-when-downgrade", [(page, own), (page, own), ("", "null")]),
            ("same-origin", [(page, own), ("", "null"), ("", "null")]),
            ("origin", [(short, own), (short, own), (short, own)]),
            ("strict-origin", [(short, own), (short, own), ("", "null")]),
            ("origin-when-cross-origin", [(page, own), (short, own), (short, own)]),
            ("strict-origin-when-cross-origin", [(page, own), (short, own), ("", "null")]),
            ("unsafe-url", [(page, own), (page, own), (page, own)]),
        ];
        for (token, expected) in table {
            let policy = known(token).unwrap();
            let from = Url::parse(page).unwrap();
            for (to, expected) in
                ["https://a.kr/in", "https://b.kr/in", "http://a.kr/in"].into_iter().zip(expected)
            {
                let to = Url::parse(to).unwrap();
                let told: HeaderMap =
                    policy.told(&from, &Method::POST, &to, false).into_iter().collect();
                let text = |name| told.get(name).map_or("", |value| value.to_str().unwrap());
                assert_eq!((text(REFERER), text(ORIGIN)), expected, "{token} to {to}");
                let get: HeaderMap =
                    policy.told(&from, &Method::GET, &to, false).into_iter().collect();
                assert!(!get.contains_key(ORIGIN), "{token}");
            }
        }
    }

    #[test]
    fn the_last_policy_that_is_known_counts() {
        let headers = |text: &'static str| {
            HeaderMap::from_iter([(REFERRER_POLICY, HeaderValue::from_static(text))])
        };
        assert_eq!(ReferrerPolicy::of(&headers("no-referrer, Origin, new-one")), Some(Origin));
        assert_eq!(ReferrerPolicy::of(&headers("new-one")), None);
        assert_eq!(ReferrerPolicy::of(&headers("never")), None);
        assert_eq!(ReferrerPolicy::of_meta(" never "), Some(NoReferrer));
        assert_eq!(ReferrerPolicy::of_meta("same-origin"), Some(SameOrigin));
    }
}
