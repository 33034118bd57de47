//! The world that probes share: resolvers, TLS clients, secrets. Everything here may be asked by
//! many probes at once and holds its own caches; a reload swaps what changed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chain::{TlsClientOptions, TlsClients};
use futures_util::FutureExt;
use futures_util::future::join;

use crate::config::{Config, SecretRef};
use crate::deadline::Deadline;
use crate::file_work::{FileWork, PATIENCE};
use crate::identities::IdentityStore;
use crate::offload::Offload;
use crate::own_time::OwnTime;
use crate::probe::login::lockout::recovery::Recoveries;
use crate::probe::login::lockout::store::AccountStore;
use crate::probe::login::program::ProgramPlaces;
use crate::secrets::SecretStore;
use crate::transport::fetch::Fetcher;
use crate::transport::resolve::Resolvers;

/// Beyond this our clock is wrong: no one-time code is sent, because the server would refuse it and count
/// a failed attempt, and dates of certificates are judged by the controls' clock.
pub const SKEW_MAX: Duration = Duration::from_secs(15);

/// What every probe is built with.
pub struct Surroundings {
    pub resolvers: Arc<Resolvers>,
    pub tls_clients: Arc<TlsClients>,
    /// Looks at files of certificates, and of modules.
    pub files: FileWork,
    pub secrets: SecretStore,
    /// Certificates and keys of logins.
    pub identities: IdentityStore,
    /// What is known of the accounts that logins use.
    pub accounts: AccountStore,
    /// Which components are recovering.
    pub recoveries: Recoveries,
    /// How many programs of logins run at once.
    pub programs: ProgramPlaces,
    /// Threads that work on what servers sent.
    pub offload: Offload,
    /// How much of the time we did not get to run.
    pub own_time: Arc<OwnTime>,
    /// How far our clock is off, in seconds, where controls tell.
    skew: OnceLock<SkewSource>,
}

/// Asks how far our clock is off, in seconds.
type SkewSource = Box<dyn Fn() -> Option<f64> + Send + Sync>;

impl Default for Surroundings {
    fn default() -> Surroundings {
        let resolvers = Arc::new(Resolvers::new());
        Surroundings {
            tls_clients: Arc::new(TlsClients::new(Arc::new(Fetcher::new(&resolvers)))),
            files: FileWork::default(),
            resolvers,
            secrets: SecretStore::default(),
            identities: IdentityStore::default(),
            accounts: AccountStore::default(),
            recoveries: Recoveries::default(),
            programs: ProgramPlaces::default(),
            offload: Offload::default(),
            own_time: Arc::new(OwnTime::unwatched()),
            skew: OnceLock::new(),
        }
    }
}

impl Surroundings {
    /// Reads and binds nothing: that happens when the first probe asks.
    pub fn new(config: &Config) -> Surroundings {
        Surroundings::with_secrets(&config.secrets)
    }

    /// As above, when nothing but the secrets is known.
    pub fn with_secrets(secrets: &BTreeMap<Arc<str>, SecretRef>) -> Surroundings {
        Surroundings { secrets: SecretStore::new(secrets), ..Surroundings::default() }
    }

    /// With accounts that are remembered over restarts.
    #[must_use]
    pub fn with_accounts(self, accounts: AccountStore) -> Surroundings {
        Surroundings { accounts, ..self }
    }

    /// With a prober that knows when it stands still.
    #[must_use]
    pub fn timed_by(self, own_time: Arc<OwnTime>) -> Surroundings {
        Surroundings { own_time, ..self }
    }

    /// Says, once, who knows how far our clock is off.
    pub fn clock_skew_from(&self, source: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        let _ = self.skew.set(Box::new(source));
    }

    /// How far our clock is off, in seconds, when somebody knows.
    pub fn clock_skew(&self) -> Option<f64> {
        self.skew.get().and_then(|source| source())
    }

    /// Looks at the files that a run needs, when it begins; that is our time. After this it reads none.
    pub async fn look_at_files(
        &self,
        secrets: &[Arc<str>],
        tls: &TlsClientOptions,
        deadline: &Deadline,
    ) {
        self.look_at_secrets(secrets, deadline).await;
        if self.tls_clients.must_look(tls) {
            let _own_wait = deadline.own_wait();
            self.look_at_certificates(tls).boxed().await;
        }
        if self.resolvers.must_look() {
            let _own_wait = deadline.own_wait();
            self.resolvers.look_again().boxed().await;
        }
    }

    /// Looks at the files of these options. What was found last stays where their file system hangs.
    pub async fn look_at_certificates(&self, options: &TlsClientOptions) {
        let TlsClientOptions { trust, client_cert, .. } = options;
        let of_trust = async {
            // The last tells one set from others with the same roots.
            let Some(file) = trust.files().last() else { return };
            let (clients, wanted) = (Arc::clone(&self.tls_clients), Arc::clone(trust));
            self.files.run(file, PATIENCE, move || clients.look_at_trust(&wanted)).await;
        };
        let of_own = async {
            let Some(own) = client_cert else { return };
            let (clients, wanted) = (Arc::clone(&self.tls_clients), own.clone());
            self.files.run(&own.key, PATIENCE, move || clients.look_at_own(&wanted)).await;
        };
        join(of_trust, of_own).await;
    }

    /// Looks at the files of secrets that a run sends; that is our time.
    pub async fn look_at_secrets(&self, names: &[Arc<str>], deadline: &Deadline) {
        if !names.is_empty() {
            let _own_wait = deadline.own_wait();
            self.secrets.look_again(names).boxed().await;
        }
    }

    /// Takes over a reloaded configuration. Probes keep their handle.
    pub fn reconfigure(&self, config: &Config) {
        self.resolvers.reset();
        self.secrets.replace(&config.secrets);
        self.identities.clear();
    }
}
