//! Reading the body of a response, within a limit, and undoing its coding.

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::outcome::{Failure, Reason};
use crate::probe::coding::Codings;
use crate::probe::decode::{BodyDecoder, DecodeError};
use crate::probe::{Deadline, Expired};

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
    /// It is.
    Decoded,
    /// Bytes stay as they came.
    AsIs,
}

/// What becomes of the body of a redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfollowed {
    /// It is read like any other.
    Read,
    /// It is dropped.
    Dropped,
}

/// Why there is no body.
pub(super) enum Unread {
    /// Too large, or not what its coding promises.
    Bad(Failure),
    /// The connection failed.
    Broken(hyper::Error),
    /// The deadline passed.
    Late,
}

/// Reads to the end.
pub(super) async fn read(
    response: &mut Response<Incoming>,
    rules: BodyRules,
    deadline: &Deadline,
) -> Result<Vec<u8>, Unread> {
    let codings = match rules.coding {
        ContentCoding::AsIs => Codings::default(),
        ContentCoding::Decoded => Codings::of(response.headers()),
    };
    let mut decoder = BodyDecoder::new(&codings, rules.limit);
    loop {
        match deadline.within(response.body_mut().frame()).await {
            Ok(Some(Ok(frame))) => {
                // Anything else is a trailer.
                if let Some(piece) = frame.data_ref() {
                    decoder.push(piece).map_err(undecoded)?;
                }
            }
            Ok(None) => return decoder.finish().map_err(undecoded),
            Ok(Some(Err(error))) => return Err(Unread::Broken(error)),
            Err(Expired) => return Err(Unread::Late),
        }
    }
}

fn undecoded(error: DecodeError) -> Unread {
    let reason = match error {
        DecodeError::TooLarge(_) => Reason::BodyTooLarge,
        _ => Reason::BodyDecode,
    };
    Unread::Bad(Failure::new(reason, format!("the body is {error}")))
}
