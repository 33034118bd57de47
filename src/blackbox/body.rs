//! Reading a body to its end: counted, undone, and searched.

use ::http::Response;
use hyper::body::Incoming;

use super::ModuleRun;
use super::http_module::HttpModule;
use super::log::Log;
use crate::deadline::Expired;
use crate::offload::Desk;
use crate::probe::coding::Codings;
use crate::probe::decode::{self, DecodeError};
use crate::transport::http::Client;

/// Of a body that is kept, because it is searched or compressed, and of what comes out of it. Others
/// are counted as they come.
///
/// Limit: bytes of a body that a module searches or decompresses.
/// Share: of each run.
/// Full: the probe fails, and says so.
/// Filled: a_body_that_is_searched_is_bounded
pub(super) const BODY_KEPT_MAX: u64 = 8 << 20;

/// What came of a body.
pub(super) struct BodyRead {
    /// After decoding; up to the limit where there is one.
    pub(super) bytes: u64,
    /// It came whole and is what its coding promises.
    pub(super) is_whole: bool,
    /// Whether a regular expression failed; only where they were asked.
    pub(super) regex_failed: bool,
}

/// Reads what is left of a response. `searched` says whether the body's rules are to be asked.
pub(super) async fn read(
    run: &ModuleRun<'_>,
    module: &HttpModule,
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    searched: bool,
    log: &mut Log,
) -> BodyRead {
    let searched = searched && module.searches_body();
    let coded = !matches!(module.compression.to_ascii_lowercase().as_str(), "" | "identity");
    let limit = Some(module.body_size_limit.0).filter(|limit| *limit > 0);
    client.expect_body(limit.unwrap_or(u64::MAX));
    if !searched && !coded {
        return counted(run, client, response, limit, log).await;
    }
    let most = limit.unwrap_or(BODY_KEPT_MAX).min(BODY_KEPT_MAX);
    let wire = match kept(run, client, response, if coded { BODY_KEPT_MAX } else { most }).await {
        Ok(wire) => wire,
        Err(Unread { bytes, error }) => {
            log.error("Error reading HTTP body", &[("err", &error)]);
            return BodyRead { bytes, is_whole: false, regex_failed: searched };
        }
    };
    let desk = Desk { offload: &run.surroundings.offload, share: &run.share };
    let is_gzip = module.compression.eq_ignore_ascii_case("gzip");
    let codings = Codings::named(if coded { &module.compression } else { "" });
    let (must_not, must) = (
        module.fail_if_body_matches_regexp.clone(),
        module.fail_if_body_not_matches_regexp.clone(),
    );
    let work = move |_| {
        let body = if coded {
            decode::flawless(&codings, &wire, most).map_err(|error| Undone {
                // What came out of it before it was too much counts.
                bytes: if let DecodeError::TooLarge(limit) = error { limit } else { 0 },
                error: error.to_string(),
                began: !is_gzip || wire.starts_with(&GZIP_START),
            })?
        } else {
            wire
        };
        let failed = if searched {
            let matched = must_not.iter().find(|pattern| pattern.regex.is_match(&body));
            let missed = must.iter().find(|pattern| !pattern.regex.is_match(&body));
            matched.map(|pattern| ("Body matched regular expression", pattern.clone())).or_else(
                || missed.map(|pattern| ("Body did not match regular expression", pattern.clone())),
            )
        } else {
            None
        };
        Ok((body.len() as u64, failed))
    };
    let done = desk.run(0, run.deadline.at(), work).await;
    match done {
        Ok(Ok((bytes, failed))) => {
            if let Some((message, pattern)) = &failed {
                log.error(message, &[("regexp", pattern)]);
            }
            BodyRead { bytes, is_whole: true, regex_failed: failed.is_some() }
        }
        Ok(Err(Undone { bytes, error, began })) => {
            log.error("Failed to decompress HTTP response body", &[("err", &error)]);
            BodyRead { bytes, is_whole: false, regex_failed: searched && began }
        }
        Err(failure) => {
            log.error("Error searching HTTP body", &[("err", &failure.detail)]);
            BodyRead { bytes: 0, is_whole: false, regex_failed: searched }
        }
    }
}

/// Of what is not even the beginning of a gzip stream (RFC 1952 section 2.3.1), blackbox_exporter asks
/// no rule.
const GZIP_START: [u8; 2] = [0x1f, 0x8b];

/// Why a coding could not be undone, and how far it was.
struct Undone {
    bytes: u64,
    error: String,
    /// Something may have come out of it.
    began: bool,
}

/// What came before a body could not be read on, and why.
struct Unread {
    bytes: u64,
    error: String,
}

async fn counted(
    run: &ModuleRun<'_>,
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    limit: Option<u64>,
    log: &mut Log,
) -> BodyRead {
    let mut bytes = 0;
    let ended = each_piece(run, client, response, |piece| {
        bytes += piece.len() as u64;
        match limit {
            Some(limit) if bytes > limit => {
                bytes = limit;
                Err(too_large(limit))
            }
            _ => Ok(()),
        }
    });
    let ended = ended.await;
    if let Err(error) = &ended {
        log.error("Failed to read HTTP response body", &[("err", error)]);
    }
    BodyRead { bytes, is_whole: ended.is_ok(), regex_failed: false }
}

async fn kept(
    run: &ModuleRun<'_>,
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    most: u64,
) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    let ended = each_piece(run, client, response, |piece| {
        let left = most.saturating_sub(body.len() as u64);
        if piece.len() as u64 > left {
            body.extend_from_slice(&piece[..left as usize]);
            return Err(too_large(most));
        }
        body.extend_from_slice(piece);
        Ok(())
    });
    match ended.await {
        Ok(()) => Ok(body),
        Err(error) => Err(Unread { bytes: body.len() as u64, error }),
    }
}

async fn each_piece(
    run: &ModuleRun<'_>,
    client: &mut Client<'_>,
    response: &mut Response<Incoming>,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        match run.deadline.within(client.frame(response.body_mut())).await {
            Ok(Some(Ok(frame))) => {
                if let Some(piece) = frame.data_ref() {
                    take(piece)?;
                }
            }
            Ok(None) => return Ok(()),
            Ok(Some(Err(failure))) => return Err(failure.detail.to_string()),
            Err(Expired) => return Err("the body did not end in time".to_owned()),
        }
    }
}

fn too_large(limit: u64) -> String {
    format!("the body is larger than {limit} bytes")
}
