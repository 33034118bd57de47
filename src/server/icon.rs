//! `/icon/{state}`: the tab's icon. A colour, and a shape for those who cannot tell it.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::display_state::Shown;
use super::external::External;
use super::html::EscapedText;

/// Its element in the head of a page; none for a page that shows no state.
pub(super) fn link(external: &External, state: Option<Shown>) -> String {
    let state = state.unwrap_or(Shown::Unobserved).as_str();
    let path = external.link(&format!("/icon/{state}"));
    format!("<link rel=\"icon\" type=\"image/svg+xml\" href=\"{}\">", EscapedText(&path))
}

pub(super) async fn icon(Path(state): Path<String>) -> Response {
    let Some(state) = Shown::ALL.into_iter().find(|known| known.as_str() == state) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (colour, shape) = match state {
        Shown::Down => ("#b3261e", "M1 2h14L8 15z"),
        Shown::Degraded => ("#8a5a00", "M8 0l8 8-8 8-8-8z"),
        Shown::Unknown => ("#6a3fa0", "M2 2h12v12H2z"),
        Shown::Unobserved => ("#757575", "M1 6h14v4H1z"),
        Shown::Up => ("#1b6e3c", "M8 1a7 7 0 1 0 .01 0z"),
    };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><path fill=\"{colour}\" d=\"{shape}\"/></svg>"
    );
    ([(CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
