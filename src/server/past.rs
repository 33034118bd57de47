//! How available services were over days, as a Prometheus remembers it (`--prometheus.url`). Whoever
//! asks it hands the answers in here; pages never wait for them.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::Instant;

/// Older answers are shown no more: several rounds have failed.
const SHOWN_FOR: Duration = Duration::from_secs(20 * 60);

/// The windows: as PromQL has them, and as keys of the JSON.
pub const WINDOWS: [(&str, &str); 3] = [("1d", "24h"), ("7d", "7d"), ("30d", "30d")];

/// Shares of time from 0 to 1, in the order of [`WINDOWS`]; `None` where nothing was observed.
pub type Shares = [Option<f64>; WINDOWS.len()];

#[derive(Default)]
pub struct PastAvailability {
    known: RwLock<Option<Known>>,
}

struct Known {
    at: Instant,
    services: HashMap<String, Shares>,
}

impl PastAvailability {
    /// Takes the place of what was known.
    pub fn replace(&self, services: HashMap<String, Shares>) {
        *self.known.write() = Some(Known { at: Instant::now(), services });
    }

    /// How available a service was, where that is known and recent.
    pub fn of(&self, service: &str) -> Option<Shares> {
        let known = self.known.read();
        let known = known.as_ref().filter(|known| known.at.elapsed() < SHOWN_FOR)?;
        let shares = known.services.get(service)?;
        shares.iter().any(Option::is_some).then_some(*shares)
    }
}

/// As a percentage that is rounded down: 100 % is said of what never failed. No line breaks before
/// the sign.
pub(super) fn percent(share: f64) -> String {
    let thousandths = (share.clamp(0.0, 1.0) * 100_000.0 + 1e-6).floor();
    let text = format!("{:.3}", thousandths / 1_000.0);
    format!("{}\u{a0}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_once_is_never_100_percent() {
        for (share, text) in [
            (1.0, "100\u{a0}%"),
            (0.999_999_9, "99.999\u{a0}%"),
            (0.9995, "99.95\u{a0}%"),
            (0.5, "50\u{a0}%"),
            (0.0, "0\u{a0}%"),
            (-0.1, "0\u{a0}%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn old_answers_are_not_shown() {
        let past = PastAvailability::default();
        assert_eq!(past.of("a"), None);
        let none = ("b".to_owned(), [None; 3]);
        past.replace(HashMap::from([("a".to_owned(), [Some(0.5), None, None]), none]));
        assert_eq!((past.of("a"), past.of("b")), (Some([Some(0.5), None, None]), None));
        tokio::time::advance(SHOWN_FOR).await;
        assert_eq!(past.of("a"), None);
    }
}
