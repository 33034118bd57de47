//! What is not there: told to a browser as a page in its reader's language, with the way back, and to
//! programs as text.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};

use super::filter::ListQuery;
use super::html::{Code, EscapedText, Language, WebPage};
use super::{PATHS, Site};

/// A path that nothing is at.
pub(super) async fn no_such_path(
    State(site): State<Arc<Site>>,
    wishes: Result<Query<ListQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if !accepted.unwrap_or_default().contains("text/html") {
        return (StatusCode::NOT_FOUND, PATHS).into_response();
    }
    let wish = wishes.ok().and_then(|Query(wishes)| wishes.lang);
    let language = Language::of(wish.as_deref(), &headers);
    let what = language.pick("존재하지 않는 페이지입니다.", "There is nothing at this address.");
    let paths = format!("<pre lang=\"en\" tabindex=\"0\">{}</pre>", EscapedText(PATHS));
    answer(&site, language, what, &paths)
}

/// A service that is not configured here.
pub(super) fn no_such_service(site: &Site, language: Language, name: &str) -> Response {
    let what = language.pick("해당 서비스를 찾을 수 없습니다", "There is no such service");
    answer(site, language, what, &format!("<p>{}</p>", Code(name)))
}

/// A probe that is not configured here.
pub(super) fn no_such_probe(site: &Site, language: Language, id: &str) -> Response {
    let what = language.pick("해당 감시 항목을 찾을 수 없습니다", "There is no such probe");
    let why = language.pick(
        "설정에서 빠졌거나, 다른 샤드가 맡았거나, 이름이 바뀌었을 수 있습니다.",
        "It was taken out of the configuration, another shard has it, or its name has changed.",
    );
    answer(site, language, what, &format!("<p>{}</p><p>{why}</p>", Code(id)))
}

fn answer(site: &Site, language: Language, what: &str, more: &str) -> Response {
    let mut body = String::new();
    let back = site.external.link(&format!("/?lang={}", language.code()));
    // Writing to a String cannot fail.
    let _ = write!(body, "<h1>{what}</h1>{more}",);
    let all = language.pick("전체 보기", "All probes");
    let nav = format!("<a href=\"{}\">{all}</a>", EscapedText(&back));
    let page = WebPage {
        language,
        title: what,
        state: None,
        refreshes: false,
        is_for_a_wall: false,
        external: &site.external,
        nav: &nav,
        main: &body,
    };
    (StatusCode::NOT_FOUND, page.answer(&HeaderMap::new())).into_response()
}
