//! Reading the body of a response, within a limit, and undoing its coding.

use http::Response;
use hyper::body::Incoming;

use crate::deadline::{Deadline, Expired};
use crate::offload::Desk;
use crate::outcome::{Failure, Reason};
use crate::probe::coding::Codings;
use crate::probe::decode::{self, DecodeError, Decoded};
use crate::transport::failure;
use crate::transport::http::Client;
use crate::transport::phase::Phase;

/// Of a coded body that is decoded without another thread, and of what may come out of it there.
///
/// No row: what is larger is worked on elsewhere.
const WIRE_IN_PASSING_MAX: usize = 16 << 10;
/// No row: what is larger is worked on elsewhere.
const IN_PASSING_MAX: u64 = 64 << 10;

/// What is done with bodies.
#[derive(Debug, Clone, Copy)]
pub struct BodyRules {
    /// Bytes after decoding.
    pub limit: u64,
    /// Whether `Content-Encoding` is undone. It is asked for by the request's headers.
    pub coding: ContentCoding,
    /// Whether the body of a redirect that is not followed is read. blackbox_exporter does not.
    pub unfollowed: Unfollowed,
}

/// Whether `Content-Encoding` is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCoding {
    Decoded,
    /// Bytes stay as they came.
    AsIs,
}

/// What becomes of the body of a redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfollowed {
    /// It is read like any other.
    Read,
    Dropped,
}

/// A body, and what is wrong with it that no browser minds.
pub(super) struct PlainBody {
    pub(super) body: Vec<u8>,
    pub(super) warning: Option<Failure>,
}

impl From<Decoded> for PlainBody {
    fn from(Decoded { body, flaw }: Decoded) -> PlainBody {
        let warning = flaw.map(|flaw| Failure::new(Reason::BodyDecode, flaw.detail()));
        PlainBody { body, warning }
    }
}

/// Reads to the end.
pub(super) async fn read(
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    rules: BodyRules,
    desk: Desk<'_>,
    deadline: &Deadline,
) -> Result<PlainBody, Failure> {
    let codings = match rules.coding {
        ContentCoding::AsIs => Codings::default(),
        ContentCoding::Decoded => Codings::of(response.headers()),
    };
    if codings.is_plain() {
        let body = whole(client, response, rules.limit, deadline).await?;
        return Ok(PlainBody { body, warning: None });
    }
    let wire = whole(client, response, decode::between(rules.limit), deadline).await;
    let wire = match wire {
        Err(failure) if failure.reason == Reason::BodyTooLarge => {
            return Err(undecoded(DecodeError::TooLarge(rules.limit)));
        }
        wire => wire?,
    };
    let limit = rules.limit;
    // How much comes out only shows when it has; what is small goes in passing.
    if wire.len() <= WIRE_IN_PASSING_MAX {
        match decode::whole(&codings, &wire, limit.min(IN_PASSING_MAX)) {
            Err(DecodeError::TooLarge(_)) if limit > IN_PASSING_MAX => {}
            decoded => return decoded.map(PlainBody::from).map_err(undecoded),
        }
    }
    let bytes = wire.len();
    let decode = move |_| decode::whole(&codings, &wire, limit);
    desk.run(bytes, deadline.at(), decode).await?.map(PlainBody::from).map_err(undecoded)
}

/// Everything that comes, as it comes.
async fn whole(
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    limit: u64,
    deadline: &Deadline,
) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match deadline.within(client.frame(response.body_mut())).await {
            Ok(Some(Ok(frame))) => {
                // Anything else is a trailer.
                if let Some(piece) = frame.data_ref() {
                    if body.len() as u64 + piece.len() as u64 > limit {
                        return Err(undecoded(DecodeError::TooLarge(limit)));
                    }
                    body.extend_from_slice(piece);
                }
            }
            Ok(None) => return Ok(body),
            Ok(Some(Err(failure))) => return Err(failure),
            Err(Expired) => return Err(failure::expired(Phase::Transfer)),
        }
    }
}

fn undecoded(error: DecodeError) -> Failure {
    let reason = match error {
        DecodeError::TooLarge(_) => Reason::BodyTooLarge,
        _ => Reason::BodyDecode,
    };
    Failure::new(reason, format!("the body is {error}"))
}
