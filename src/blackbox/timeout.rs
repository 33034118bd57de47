//! How long a run may take.

use std::time::Duration;

use ::http::HeaderMap;

/// In which Prometheus says how long it waits.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// Where neither the scrape nor the module says. As blackbox_exporter has it.
const TIMEOUT: f64 = 120.0;
/// More than any scrape waits.
const TIMEOUT_MAX: f64 = 3600.0;
/// What there is at least: a timeout of nothing would say nothing of the target.
const TIMEOUT_MIN: f64 = 0.001;

/// The scrape's timeout less the offset, or the module's where that is shorter.
pub(super) fn timeout(
    headers: &HeaderMap,
    of_module: Duration,
    offset: Duration,
) -> Result<Duration, String> {
    let said = headers.get(SCRAPE_TIMEOUT).filter(|value| !value.is_empty());
    let wanted = match said {
        Some(value) => {
            let text = value.to_str().unwrap_or_default();
            let seconds: f64 = text.parse().map_err(|_| {
                format!("Failed to parse timeout from Prometheus header: {text:?} is no number")
            })?;
            if seconds == 0.0 { TIMEOUT } else { seconds }
        }
        None => TIMEOUT,
    };
    let of_module = of_module.as_secs_f64();
    let most = wanted - offset.as_secs_f64();
    let seconds = if (of_module > 0.0 && of_module < most) || most.is_nan() || most < 0.0 {
        of_module
    } else {
        most
    };
    Ok(Duration::from_secs_f64(seconds.clamp(TIMEOUT_MIN, TIMEOUT_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_the_scrapes_and_the_modules_counts() {
        let of = |scrape: &'static str, module: f64, offset: f64| {
            let mut headers = HeaderMap::new();
            headers.insert(SCRAPE_TIMEOUT, ::http::HeaderValue::from_static(scrape));
            let seconds = Duration::from_secs_f64;
            timeout(&headers, seconds(module), seconds(offset)).map(|found| found.as_secs_f64())
        };
        for (scrape, module, offset, expected) in [
            ("", 0.0, 0.5, 119.5),
            ("", 5.0, 0.5, 5.0),
            ("0", 0.0, 0.5, 119.5),
            ("10", 0.0, 0.5, 9.5),
            ("10", 15.0, 0.5, 9.5),
            ("10", 5.0, 0.5, 5.0),
            ("0.2", 5.0, 0.5, 5.0),
            ("-1", 5.0, 0.5, 5.0),
            ("5", 5.0, 0.0, 5.0),
            ("inf", 0.0, 0.5, TIMEOUT_MAX),
            ("NaN", 7.0, 0.5, 7.0),
            ("0.1", 0.0, 0.5, TIMEOUT_MIN),
        ] {
            assert_eq!(of(scrape, module, offset), Ok(expected), "{scrape} {module} {offset}");
        }
        assert!(of("soon", 5.0, 0.5).is_err());
    }
}
