//! Reading the body of a response, within a limit, and undoing its coding.

use http::Response;
use hyper::body::Incoming;

use crate::deadline::{Deadline, Expired};
use crate::outcome::{Failure, Reason};
use crate::probe::coding::Codings;
use crate::probe::decode::{BodyDecoder, DecodeError};
use crate::transport::failure;
use crate::transport::http::Client;
use crate::transport::phase::Phase;

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

/// Reads to the end.
pub(super) async fn read(
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    rules: BodyRules,
    deadline: &Deadline,
) -> Result<Vec<u8>, Failure> {
    let codings = match rules.coding {
        ContentCoding::AsIs => Codings::default(),
        ContentCoding::Decoded => Codings::of(response.headers()),
    };
    let mut decoder = BodyDecoder::new(&codings, rules.limit);
    loop {
        match deadline.within(client.frame(response.body_mut())).await {
            Ok(Some(Ok(frame))) => {
                // Anything else is a trailer.
                if let Some(piece) = frame.data_ref() {
                    decoder.push(piece).map_err(undecoded)?;
                }
            }
            Ok(None) => return decoder.finish().map_err(undecoded),
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
