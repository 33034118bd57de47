//! Asks the operator's Prometheus in the background how available services were: it may be slow, wrong
//! or away, and nothing waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};
use url::Url;

use crate::calendar;
use crate::report::ask::{Access, AskError};
use crate::report::promql::Prometheus;
use crate::server::past::{PastAvailability, Shares, WINDOWS};

/// The rules record once a minute, and a month changes slowly.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// 17,000 services of a hundred bytes each, twice.
///
/// No row: the operator names the server.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A Prometheus, and where its answers go.
pub(super) struct PastAsker {
    prometheus: Prometheus,
    answers: Arc<PastAvailability>,
}

impl PastAsker {
    /// Asks nothing yet.
    pub(super) fn new(url: &Url) -> Result<PastAsker, AskError> {
        let prometheus = client(url)?;
        Ok(PastAsker { prometheus, answers: Arc::default() })
    }

    pub(super) fn answers(&self) -> Arc<PastAvailability> {
        Arc::clone(&self.answers)
    }

    /// Asks again and again.
    pub(super) async fn keep(self) {
        let PastAsker { prometheus, answers } = self;
        let mut turns = interval(EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            turns.tick().await;
            match ask(&prometheus).await {
                Ok(services) => {
                    answers.replace(services);
                    if failing {
                        info!(server = prometheus.name(), "past availability is known again");
                    }
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        warn!(%error, "past availability is not known");
                    }
                    failing = true;
                }
            }
        }
    }
}

fn client(url: &Url) -> Result<Prometheus, AskError> {
    Prometheus::new(&Access {
        url: url.clone(),
        basic_file: None,
        bearer_file: None,
        ca_file: None,
        timeout: TIMEOUT,
        answer_bytes_max: ANSWER_BYTES_MAX,
        password_advice: "name one that answers without a password",
    })
}

async fn ask(prometheus: &Prometheus) -> Result<HashMap<String, Shares>, AskError> {
    let mut services: HashMap<String, Shares> = HashMap::new();
    for (place, (window, _)) in WINDOWS.iter().enumerate() {
        let expression = format!("1 - avg_over_time(service:unavailability:ratio_5m[{window}])");
        let now = calendar::now().as_millisecond();
        for series in prometheus.instant(&expression, now).await? {
            let shares = services.entry(series.label("service").to_owned()).or_default();
            if let Some(share) = shares.get_mut(place) {
                *share = series.value().filter(|value| value.is_finite());
            }
        }
    }
    Ok(services)
}
