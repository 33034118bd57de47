//! The last failures in full, kept in the state directory over restarts: a daemon that was
//! restarted in the night, or that died with its machine, can still show the page what it saw.
//!
//! What is kept is what `/probes/{service}/{probe}` shows, which never holds a secret. The file is
//! bounded, newest failures first, and is written some seconds after a failure with a new cause and
//! at the end. How often a failure went on since then is lost when the daemon is killed.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::TargetId;
use crate::outcome::{
    AddressFacts, Evidence, Facts, Failure, Hop, HttpFacts, Outcome, Phases, Reason, Step, TraceId,
};
use crate::results::{Episode, LatestResults};
use crate::state_dir;

/// In the state directory.
const FILE: &str = "failures.json";
/// The layout of the file.
const VERSION: u32 = 1;
/// Of the file: a national outage with an episode of half a kilobyte for each of 17,000 targets
/// fits, and writing it costs the disk nothing.
///
/// Limit: bytes of the stored failures.
/// Share: of all.
/// Full: the oldest are left out.
/// Filled: a_nation_that_fails_fits_newest_first_and_a_giant_is_left_out
const FILE_BYTES_MAX: usize = 8 << 20;
/// What came in a failure is kept of the newest ones, so that there is room for the others' reasons.
///
/// Limit: bytes of the stored failures, from which on they are stored without what came.
/// Share: of all.
/// Full: the responses of older failures are left out.
/// Filled: a_nation_that_fails_fits_newest_first_and_a_giant_is_left_out
const EVIDENCE_BYTES_MAX: usize = 4 << 20;
/// Of one episode: its pages and a few redirects are some kilobytes. A larger one does not take the
/// place of a hundred others.
///
/// Limit: bytes of one stored failure.
/// Share: of each failure.
/// Full: it is stored without what came, and left out if it is still too large.
/// Filled: a_nation_that_fails_fits_newest_first_and_a_giant_is_left_out
const EPISODE_BYTES_MAX: usize = 64 << 10;
/// After a failure, its evidence is written this soon. The disk sees at most this much work.
const EVERY: Duration = Duration::from_secs(5);

/// Writes the failures that the latest results hold.
pub struct StoredFailures {
    path: PathBuf,
    results: Arc<LatestResults>,
    /// Failures begun when the file was last written.
    written: u64,
    /// Why the last write failed; said once and not every few seconds.
    unwritten: Option<io::ErrorKind>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    episodes: Vec<StoredEpisode>,
}

#[derive(Serialize, Deserialize)]
struct StoredEpisode {
    service: String,
    probe: String,
    site: Option<String>,
    reason: String,
    /// Name and component.
    step: Option<(String, String)>,
    detail: String,
    first_ms: u64,
    last_ms: u64,
    elapsed_ms: u64,
    runs: u64,
    hops: Vec<StoredHop>,
    /// Not in files of older versions.
    #[serde(default)]
    addresses: Vec<StoredAddress>,
    /// Whom the run asked first.
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    phases: StoredPhases,
    #[serde(default)]
    evidence: Vec<StoredEvidence>,
}

/// Milliseconds.
#[derive(Serialize, Deserialize, Default)]
struct StoredPhases {
    resolve: Option<u64>,
    connect: Option<u64>,
    tls: Option<u64>,
    processing: Option<u64>,
    transfer: Option<u64>,
    wait: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredEvidence {
    step: Option<String>,
    method: String,
    url: String,
    address: Option<IpAddr>,
    phases: StoredPhases,
    status_line: Option<String>,
    headers: Vec<String>,
    body: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredHop {
    url: String,
    status: u16,
    elapsed_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredAddress {
    address: IpAddr,
    /// Reason and detail, unless it was up.
    failure: Option<(String, String)>,
}

impl StoredAddress {
    fn of(of: &AddressFacts) -> StoredAddress {
        let failure = of.failure.as_ref();
        let failure = failure.map(|f| (f.reason.as_str().to_owned(), f.detail.clone()));
        StoredAddress { address: of.address, failure }
    }

    fn restore(self) -> Option<AddressFacts> {
        let failure = match self.failure {
            Some((reason, detail)) => Some(Failure::new(Reason::from_label(&reason)?, detail)),
            None => None,
        };
        Some(AddressFacts { address: self.address, failure })
    }
}

impl StoredPhases {
    fn of(of: &Phases) -> StoredPhases {
        StoredPhases {
            resolve: of.resolve.map(millis),
            connect: of.connect.map(millis),
            tls: of.tls.map(millis),
            processing: of.processing.map(millis),
            transfer: of.transfer.map(millis),
            wait: of.wait.map(millis),
        }
    }

    fn restore(self) -> Phases {
        let time = Duration::from_millis;
        Phases {
            resolve: self.resolve.map(time),
            connect: self.connect.map(time),
            tls: self.tls.map(time),
            processing: self.processing.map(time),
            transfer: self.transfer.map(time),
            wait: self.wait.map(time),
        }
    }
}

impl StoredEvidence {
    fn of(of: &Evidence) -> StoredEvidence {
        StoredEvidence {
            step: of.step.as_deref().map(str::to_owned),
            method: of.method.clone(),
            url: of.url.clone(),
            address: of.address,
            phases: StoredPhases::of(&of.phases),
            status_line: of.status_line.clone(),
            headers: of.headers.clone(),
            body: of.body.clone(),
        }
    }

    fn restore(self) -> Evidence {
        Evidence {
            step: self.step.map(Arc::from),
            method: self.method,
            url: self.url,
            address: self.address,
            phases: self.phases.restore(),
            status_line: self.status_line,
            headers: self.headers,
            body: self.body,
        }
    }
}

impl StoredFailures {
    /// Gives the latest results what is in the directory. The error is for a directory that cannot be read;
    /// a file that cannot be understood is set aside and reported in the log.
    pub fn open(directory: &Path, results: Arc<LatestResults>) -> io::Result<StoredFailures> {
        // Also tells a missing directory from a missing file.
        fs::read_dir(directory)?;
        let path = directory.join(FILE);
        let found = state_dir::read(&path, FILE_BYTES_MAX as u64).map(|bytes| match bytes {
            None => Ok(Vec::new()),
            Some(bytes) => understand(&bytes),
        });
        let episodes = match found {
            Ok(Ok(episodes)) => episodes,
            Ok(Err(why)) => damaged(&path, &why),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                damaged(&path, &error.to_string())
            }
            Err(error) => return Err(error),
        };
        let text = render(&episodes);
        results.restore(episodes);
        let mut evidence = StoredFailures { path, results, written: 0, unwritten: None };
        // What cannot be written is found out now, and is no reason not to watch anything.
        let written = state_dir::replace(&evidence.path, &text);
        evidence.report(written);
        Ok(evidence)
    }

    /// Writes what is new until told to stop, and then once more.
    pub async fn keep(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
            if self.results.failures_begun() != self.written || self.unwritten.is_some() {
                self.write().await;
            }
        }
        self.write().await;
    }

    async fn write(&mut self) {
        let begun = self.results.failures_begun();
        let (path, results) = (self.path.clone(), Arc::clone(&self.results));
        let write = move || state_dir::replace(&path, &render(&results.episodes()));
        // Disks wait, and threads of the probes must not.
        let written = tokio::task::spawn_blocking(write).await;
        self.report(written.unwrap_or_else(|error| Err(io::Error::other(error))));
        self.written = begun;
    }

    fn report(&mut self, written: io::Result<()>) {
        let failed = written.as_ref().err().map(io::Error::kind);
        match written {
            Err(error) if failed != self.unwritten => tracing::error!(
                file = %self.path.display(), %error,
                "the evidence of failures cannot be written to the state directory"
            ),
            Ok(()) if self.unwritten.is_some() => tracing::info!(
                file = %self.path.display(),
                "the evidence of failures is written again"
            ),
            _ => {}
        }
        self.unwritten = failed;
    }
}

fn damaged(path: &Path, why: &str) -> Vec<(TargetId, Episode)> {
    let kept_as = state_dir::set_aside(path);
    tracing::error!(
        file = %path.display(), kept_as = %kept_as.display(), error = why,
        "the evidence of earlier failures is damaged and is not shown"
    );
    Vec::new()
}

/// The newest that fit.
fn render(episodes: &[(TargetId, Episode)]) -> Vec<u8> {
    let mut newest: Vec<_> = episodes.iter().collect();
    newest.sort_by_key(|(_, episode)| Reverse(episode.last_started_at));
    let mut text = format!("{{\"version\":{VERSION},\"episodes\":[").into_bytes();
    let end = b"]}\n";
    let mut first = true;
    for (id, episode) in newest {
        let Some(mut stored) = StoredEpisode::of(id, episode) else { continue };
        if text.len() > EVIDENCE_BYTES_MAX {
            stored.evidence.clear();
        }
        let Ok(mut one) = serde_json::to_vec(&stored) else { continue };
        if one.len() > EPISODE_BYTES_MAX {
            stored.evidence.clear();
            one = serde_json::to_vec(&stored).unwrap_or_default();
        }
        if one.len() > EPISODE_BYTES_MAX || one.is_empty() {
            continue;
        }
        if text.len() + 1 + one.len() + end.len() > FILE_BYTES_MAX {
            break;
        }
        if !first {
            text.push(b',');
        }
        first = false;
        text.extend_from_slice(&one);
    }
    text.extend_from_slice(end);
    text
}

/// Half a sentence when it is not what [`render`] writes. Single reasons that this version does
/// not know are left out.
fn understand(bytes: &[u8]) -> Result<Vec<(TargetId, Episode)>, String> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", stored.version));
    }
    Ok(stored.episodes.into_iter().filter_map(StoredEpisode::restore).collect())
}

impl StoredEpisode {
    fn of(id: &TargetId, episode: &Episode) -> Option<StoredEpisode> {
        let failure = episode.first.result.as_ref().err()?;
        let facts = &episode.first.facts;
        let hops = facts.http.iter().flat_map(|http| &http.hops);
        Some(StoredEpisode {
            service: id.service.to_string(),
            probe: id.probe.to_string(),
            site: id.site.as_deref().map(str::to_owned),
            reason: failure.reason.as_str().to_owned(),
            step: failure.step.as_ref().map(|s| (s.name.to_string(), s.component.to_string())),
            detail: failure.detail.clone(),
            first_ms: since_epoch(episode.first.started_at),
            last_ms: since_epoch(episode.last_started_at),
            elapsed_ms: millis(episode.first.elapsed),
            runs: episode.runs,
            hops: hops
                .map(|hop| StoredHop {
                    url: hop.url.clone(),
                    status: hop.status,
                    elapsed_ms: millis(hop.elapsed),
                })
                .collect(),
            addresses: facts.addresses.iter().map(StoredAddress::of).collect(),
            address: facts.address,
            trace_id: facts.trace_id.map(|id| id.to_string()),
            phases: StoredPhases::of(&facts.phases),
            evidence: facts.evidence.iter().map(StoredEvidence::of).collect(),
        })
    }

    fn restore(self) -> Option<(TargetId, Episode)> {
        let id = TargetId {
            service: self.service.into(),
            probe: self.probe.into(),
            site: self.site.map(Arc::from),
        };
        let failure = Failure {
            reason: Reason::from_label(&self.reason)?,
            step: self
                .step
                .map(|(name, component)| Step { name: name.into(), component: component.into() }),
            detail: self.detail,
        };
        let hops: Vec<Hop> = self
            .hops
            .into_iter()
            .map(|hop| Hop {
                url: hop.url,
                status: hop.status,
                elapsed: Duration::from_millis(hop.elapsed_ms),
            })
            .collect();
        let addresses = self.addresses.into_iter().filter_map(StoredAddress::restore).collect();
        let status = hops.last().map(|hop| hop.status);
        let http = status.map(|status| HttpFacts { status, hops, ..HttpFacts::default() });
        let first = Outcome {
            started_at: time(self.first_ms)?,
            elapsed: Duration::from_millis(self.elapsed_ms),
            result: Err(failure),
            facts: Facts {
                http,
                addresses,
                address: self.address,
                trace_id: self.trace_id.as_deref().and_then(TraceId::parse),
                phases: self.phases.restore(),
                evidence: self.evidence.into_iter().map(StoredEvidence::restore).collect(),
                ..Facts::default()
            },
        };
        let last_started_at = time(self.last_ms)?;
        Some((id, Episode { first: Arc::new(first), last_started_at, runs: self.runs }))
    }
}

fn since_epoch(time: SystemTime) -> u64 {
    millis(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn time(since_epoch_ms: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since_epoch_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(second: u64, detail: &str) -> (TargetId, Episode) {
        let id = TargetId {
            service: "saeol".into(),
            probe: format!("p{second}").into(),
            site: Some("서초".into()),
        };
        let step = Step { name: "submit".into(), component: "gpki".into() };
        let hop = Hop { url: "https://a.go.kr/".into(), status: 503, elapsed: EVERY };
        let http = HttpFacts { status: 503, hops: vec![hop], ..HttpFacts::default() };
        let first = Outcome {
            started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            elapsed: Duration::from_millis(7),
            result: Err(Failure {
                step: Some(step),
                ..Failure::new(Reason::PkiBackend, detail.to_owned())
            }),
            facts: Facts {
                http: Some(http),
                addresses: vec![
                    AddressFacts { address: IpAddr::from([192, 0, 2, 1]), failure: None },
                    AddressFacts {
                        address: IpAddr::from([192, 0, 2, 2]),
                        failure: Some(Failure::new(Reason::ConnectRefused, "no <b>")),
                    },
                ],
                address: Some(IpAddr::from([192, 0, 2, 1])),
                trace_id: Some(TraceId::of([7; 16])),
                phases: Phases { connect: Some(Duration::from_millis(3)), ..Phases::default() },
                evidence: vec![Evidence {
                    step: Some("submit".into()),
                    status_line: Some("HTTP/1.1 503".into()),
                    headers: vec!["server: x".into()],
                    body: Some("오류 <b>".into()),
                    ..Evidence::default()
                }],
                ..Facts::default()
            },
        };
        let last_started_at = first.started_at + Duration::from_secs(60);
        (id, Episode { first: Arc::new(first), last_started_at, runs: 3 })
    }

    #[test]
    fn what_the_page_shows_comes_back_as_it_was() {
        let (id, kept) = episode(1_700_000_000, "the \"server\"\nsaid");
        let (other, restored) =
            understand(&render(&[(id.clone(), kept.clone())])).unwrap().remove(0);
        assert_eq!(id, other);
        assert_eq!(kept.first.result, restored.first.result);
        assert_eq!(kept.first.started_at, restored.first.started_at);
        assert_eq!(kept.first.elapsed, restored.first.elapsed);
        assert_eq!(kept.first.facts.evidence, restored.first.facts.evidence);
        assert_eq!(kept.first.facts.trace_id, restored.first.facts.trace_id);
        assert_eq!(kept.first.facts.address, restored.first.facts.address);
        assert_eq!(kept.first.facts.phases, restored.first.facts.phases);
        assert_eq!(kept.first.facts.addresses, restored.first.facts.addresses);
        let hops = |episode: &Episode| episode.first.facts.http.clone().unwrap().hops;
        assert_eq!(hops(&kept), hops(&restored));
        assert_eq!((kept.last_started_at, kept.runs), (restored.last_started_at, restored.runs));
    }

    #[test]
    fn a_nation_that_fails_fits_newest_first_and_a_giant_is_left_out() {
        let mut episodes: Vec<_> = (0..20_000).map(|n| episode(n, &"x".repeat(600))).collect();
        let (id, mut giant) = episode(30_000, "");
        let of_giant = Arc::get_mut(&mut giant.first).unwrap();
        of_giant.facts.evidence[0].body = Some("y".repeat(EPISODE_BYTES_MAX));
        episodes.push((id, giant));
        let (id, mut giant) = episode(30_001, "");
        let failure = Failure::new(Reason::HttpStatus, "");
        let detail = "y".repeat(EPISODE_BYTES_MAX);
        Arc::get_mut(&mut giant.first).unwrap().result = Err(Failure { detail, ..failure });
        episodes.push((id, giant));
        let text = render(&episodes);
        assert!(text.len() <= FILE_BYTES_MAX, "{}", text.len());
        let kept = understand(&text).unwrap();
        assert!(kept.len() > 5_000, "{}", kept.len());
        assert_eq!((&*kept[0].0.probe, &*kept[1].0.probe), ("p30000", "p19999"));
        let has_evidence = |at: usize| !kept[at].1.first.facts.evidence.is_empty();
        assert!(!has_evidence(0) && has_evidence(1), "what came is too much");
        assert!(!has_evidence(kept.len() - 1), "there is no room for what came in old ones");
        assert!(kept.windows(2).all(|two| two[0].1.last_started_at > two[1].1.last_started_at));
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
        for damage in ["", "{", "[]", "{\"version\":2,\"episodes\":[]}", "\0\0"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(FILE);
            std::fs::write(&path, damage).unwrap();
            let results = Arc::new(LatestResults::new());
            assert!(StoredFailures::open(dir.path(), results).is_ok(), "{damage:?}");
            let aside = dir.path().join("failures.json.damaged");
            assert_eq!(std::fs::read_to_string(aside).unwrap(), damage);
            assert!(understand(&std::fs::read(&path).unwrap()).unwrap().is_empty());
        }
    }

    #[test]
    fn times_and_reasons_of_another_world_are_left_out() {
        let text = String::from_utf8(render(&[episode(5, "x")])).unwrap();
        let unknown = text.replace("pki_backend", "not_a_reason");
        assert!(understand(unknown.as_bytes()).unwrap().is_empty());
        let never = text.replace("\"first_ms\":5000", &format!("\"first_ms\":{}", u64::MAX));
        assert!(understand(never.as_bytes()).is_ok());
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_and_one_that_cannot_be_written_is_none() {
        let results = Arc::new(LatestResults::new());
        assert!(StoredFailures::open(Path::new("/nonexistent/bongsu"), results.clone()).is_err());
        let evidence = StoredFailures::open(Path::new("/proc"), results).unwrap();
        assert!(evidence.unwritten.is_some());
    }
}
