//! The web configuration in force: read again when one of its files changes, kept when the new
//! content is wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::files::FileStamp;
use http::HeaderMap;
use parking_lot::Mutex;
use read::ReadError;
use rustls::ServerConfig;

use super::auth::Users;
use super::tls;
use super::web_config::{self, Clients, WebConfig};
use crate::foreign_yaml;

/// How soon a change is seen: certificates are renewed hours ahead, and a stat is not free.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What one connection needs to know.
pub struct Loaded {
    /// None: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Names of which a client's certificate needs one; empty: any.
    pub allowed_sans: Vec<String>,
    /// Added to every response.
    pub headers: HeaderMap,
    pub users: Arc<Users>,
}

/// A web configuration that follows its files.
pub struct Web {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    loaded: Arc<Loaded>,
    looked: Instant,
    /// A thread looks now. For good, where the disk waits: then what is loaded stays in force.
    is_looking: bool,
    stamps: Vec<WatchedFile>,
}

/// A file and what it looked like; `None` when it could not be looked at.
#[derive(Debug, Clone, PartialEq)]
struct WatchedFile {
    path: PathBuf,
    seen: Option<FileStamp>,
}

impl Web {
    /// Loads the file; none is plain HTTP for everybody.
    pub fn load(file: Option<PathBuf>) -> Result<Web, ReadError> {
        let (loaded, stamps) = match &file {
            Some(path) => read(path)?,
            None => (Arc::new(settle(&PathBuf::new(), WebConfig::default())?), Vec::new()),
        };
        let state = State { loaded, looked: Instant::now(), is_looking: false, stamps };
        Ok(Web { file, state: Mutex::new(state) })
    }

    /// What is in force now. What changed in the files is read beside the runtime, for those who come
    /// later.
    pub fn current(self: &Arc<Self>) -> Arc<Loaded> {
        let mut state = self.state.lock();
        if let Some(file) = &self.file
            && !state.is_looking
            && state.looked.elapsed() >= LOOK_AGAIN
        {
            state.is_looking = true;
            let (web, file, stamps) = (Arc::clone(self), file.clone(), state.stamps.clone());
            tokio::task::spawn_blocking(move || web.follow(&file, &stamps));
        }
        Arc::clone(&state.loaded)
    }

    fn follow(&self, file: &Path, stamps: &[WatchedFile]) {
        let now: Vec<WatchedFile> = stamps.iter().map(|old| stamp(&old.path)).collect();
        let changed = (now != stamps).then(|| read(file));
        let mut state = self.state.lock();
        (state.looked, state.is_looking) = (Instant::now(), false);
        match changed {
            None => {}
            Some(Ok((loaded, stamps))) => {
                (state.loaded, state.stamps) = (loaded, stamps);
                tracing::info!(file = %file.display(), "web configuration reloaded");
            }
            Some(Err(error)) => {
                // Told once a change: the next look compares with what was refused.
                state.stamps = now;
                let error = error.report("the old one stays in force");
                tracing::error!(%error, "web configuration refused");
            }
        }
    }
}

/// The stamps are taken before the files are read, so that a change in between is seen later.
fn read(path: &Path) -> Result<(Arc<Loaded>, Vec<WatchedFile>), ReadError> {
    let mut stamps = vec![stamp(path)];
    let config = web_config::load(path)?;
    if let Some(tls) = &config.tls {
        stamps.push(stamp(&tls.cert_file));
        stamps.push(stamp(&tls.key_file));
        if let Clients::Verify(authority) | Clients::VerifyIfGiven(authority) = &tls.clients {
            stamps.push(stamp(authority));
        }
    }
    Ok((Arc::new(settle(path, config)?), stamps))
}

fn settle(path: &Path, config: WebConfig) -> Result<Loaded, ReadError> {
    let tls = config.tls.as_ref().map(tls::server_config).transpose();
    Ok(Loaded {
        tls: tls.map_err(|problems| foreign_yaml::refused(path, &config.text, problems))?,
        allowed_sans: config.tls.map(|tls| tls.allowed_sans).unwrap_or_default(),
        headers: config.headers,
        users: Users::new(config.users),
    })
}

fn stamp(path: &Path) -> WatchedFile {
    WatchedFile { path: path.to_owned(), seen: FileStamp::of(path).ok() }
}
