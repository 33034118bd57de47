//! Questions to the HTTP API of Prometheus, in pieces that it can bear.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ask::{Access, AskError, Asker, unexpected};
use super::span::Millis;

#[derive(Debug, Clone)]
pub struct TimeSeries {
    pub labels: BTreeMap<String, String>,
    /// In order of time.
    pub samples: Vec<TimedValue>,
}

impl TimeSeries {
    /// The value of a label; one that is absent is empty, as in PromQL.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The first sample's value: that of an instant query.
    pub fn value(&self) -> Option<f64> {
        self.samples.first().map(|sample| sample.value)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedValue {
    pub at: Millis,
    pub value: f64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Data>,
    /// Prometheus warns of remote reads that failed, Thanos of stores that did not answer.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "result")]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct RuntimeAnswer {
    data: Runtime,
}

#[derive(Deserialize)]
struct Runtime {
    #[serde(rename = "storageRetention", default)]
    storage_retention: String,
}

/// A Prometheus, or what speaks its API.
pub struct Prometheus {
    asker: Asker,
}

impl Prometheus {
    /// # Errors
    ///
    /// A file of the access cannot be used.
    pub fn new(access: &Access) -> Result<Prometheus, AskError> {
        Ok(Prometheus { asker: Asker::new(access)? })
    }

    /// The server, for messages and for the head of a report.
    pub fn name(&self) -> &str {
        self.asker.name()
    }

    /// The answer at an instant; a range vector gives its raw samples with their own times.
    pub async fn instant(&self, expression: &str, at: Millis) -> Result<Vec<TimeSeries>, AskError> {
        let at = seconds(at);
        self.query("/api/v1/query", &[("query", expression), ("time", &at)]).await
    }

    /// The answers at `from`, a step later and so on, until `until` included.
    pub async fn range(
        &self,
        expression: &str,
        grid: QueryGrid,
    ) -> Result<Vec<TimeSeries>, AskError> {
        let [from, until, step] = [grid.from, grid.until, grid.step].map(seconds);
        let form = [("query", expression), ("start", &from), ("end", &until), ("step", &step)];
        self.query("/api/v1/query_range", &form).await
    }

    /// How far back it keeps samples, as it says itself; `None` where it does not say.
    pub async fn retention(&self) -> Result<Option<Millis>, AskError> {
        let body = match self.asker.get("/api/v1/status/runtimeinfo").await {
            Ok(body) => body,
            // Thanos, Mimir and older servers have no such page.
            Err(AskError::Unexpected { .. } | AskError::Question { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        // "45d", or "45d or 10GiB".
        let text = serde_json::from_slice::<RuntimeAnswer>(&body).ok();
        let text = text.map(|answer| answer.data.storage_retention).unwrap_or_default();
        let time = text.split(" or ").find_map(|part| humantime::parse_duration(part).ok());
        Ok(time.and_then(|time| Millis::try_from(time.as_millis()).ok()))
    }

    async fn query(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<TimeSeries>, AskError> {
        let body = self.asker.post(path, form).await?;
        let Ok(Answer { data: Some(data), warnings }) = serde_json::from_slice(&body) else {
            return Err(unexpected(&self.asker, path, &body));
        };
        if let Some(warning) = warnings.into_iter().next() {
            return Err(AskError::Partial { url: self.name().to_owned(), warning });
        }
        Ok(data.rows.into_iter().map(Row::series).collect())
    }
}

/// When a range query is answered: from, until and step.
#[derive(Debug, Clone, Copy)]
pub struct QueryGrid {
    pub from: Millis,
    pub until: Millis,
    pub step: Millis,
}

impl Row {
    fn series(self) -> TimeSeries {
        let samples = self.value.into_iter().chain(self.values);
        let samples = samples.filter_map(|(at, text)| {
            let at = (at * 1_000.0).round() as Millis;
            Some(TimedValue { at, value: text.parse().ok()? })
        });
        TimeSeries { labels: self.metric, samples: samples.collect() }
    }
}

fn seconds(at: Millis) -> String {
    format!("{}.{:03}", at.div_euclid(1_000), at.rem_euclid(1_000))
}

/// A text in a PromQL string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
